"""The gates of `.lockstep.yaml`: what must be so before a promotion merges."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator

from config.kinds import (
    NOT_EMPTY,
    Duration,
    FilePath,
    Model,
    PathPattern,
    RoleName,
    Text,
    Window,
)
from config.outside import HttpGate, MetricsGate, WorkflowGate
from config.suggest import named

# Gates that one promotion may have several of, told apart by their names.
SEVERAL = ("http", "metrics", "workflow")


class Checks(Model):
    """Results of CI on the candidate; a list alone is the names that are required."""

    required: tuple[Text, ...] = Field(
        default=(),
        description="Names of statuses or check runs that must succeed; left out, all that report.",
    )
    timeout: Duration | None = Field(
        default=None,
        description="How long to wait for all of them before the promotion fails; "
        "left out, it waits.",
    )


def _checks(value: object) -> object:
    if isinstance(value, list):
        return {"required": value}
    if isinstance(value, (dict, Checks)):
        return value
    raise ValueError(
        f"{named(value)} does not say which checks; write a list of names, `[ci/test]`, or "
        "`{required: [ci/test], timeout: 2h}`"
    )


class Approvals(Model):
    """Reviews on the forge; a number alone is how many must approve."""

    count: Annotated[int, Field(strict=True, ge=0)] = Field(
        default=0, description="How many people must approve; authors of the change do not count."
    )
    code_owners: Annotated[bool, Field(strict=True)] = Field(
        default=False,
        description="Whether the owners of what is promoted must approve, as the target "
        "branch's CODEOWNERS has them.",
    )


def _approvals(value: object) -> object:
    if isinstance(value, (dict, Approvals)):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        if value < 0:
            raise ValueError(f"`approvals` cannot be less than 0, and {named(value)} is")
        return {"count": value}
    raise ValueError(
        f"`approvals` takes a whole number, or `{{count: 2, code_owners: true}}`, "
        f"not {named(value)}"
    )


class SchemaRule(Model):
    """Files that must be as a JSON Schema in the repository says."""

    path: PathPattern = Field(description="The files, by a path pattern.")
    schema_: FilePath = Field(
        alias="schema",
        description="The JSON Schema, JSON or YAML, by its path in the repository.",
    )


class Gates(Model):
    """What must be so before a promotion merges; every gate must be open at once."""

    checks: Annotated[
        Checks, BeforeValidator(_checks, json_schema_input_type=tuple[Text, ...] | Checks)
    ] = Field(default=Checks(), description="CI results that the candidate needs.")
    soak: Duration | None = Field(
        default=None,
        description="How long the content must have rested in the source, unchanged.",
    )
    approvals: Annotated[
        Approvals, BeforeValidator(_approvals, json_schema_input_type=int | Approvals)
    ] = Field(
        default=Approvals(),
        description="How many reviews on the forge must approve; authors of the change "
        "do not count.",
    )
    sign_offs: tuple[RoleName, ...] = Field(
        default=(),
        description="Roles that must each sign off with `/sign-off ROLE`; a sign-off is bound to "
        "the promoted content.",
    )
    windows: Annotated[tuple[Window, ...], NOT_EMPTY] = Field(
        default=(), description="When merging is allowed; left out, at any time."
    )
    drained: Annotated[bool, Field(strict=True)] = Field(
        default=False,
        description="Whether everything pending further down must be promoted first.",
    )
    required_files: Annotated[tuple[PathPattern, ...], NOT_EMPTY] = Field(
        default=(), description="Files that the candidate must have, by path patterns."
    )
    schemas: Annotated[tuple[SchemaRule, ...], NOT_EMPTY] = Field(
        default=(), description="JSON Schemas that files of the candidate must satisfy."
    )
    http: Annotated[tuple[HttpGate, ...], NOT_EMPTY] = Field(
        default=(), description="Services that must agree, each asked by its address."
    )
    metrics: Annotated[tuple[MetricsGate, ...], NOT_EMPTY] = Field(
        default=(), description="Measurements in Prometheus that must be as expected."
    )
    workflow: Annotated[tuple[WorkflowGate, ...], NOT_EMPTY] = Field(
        default=(), description="Runs of CI that are started on the candidate and must succeed."
    )

    @field_validator("http", "metrics", "workflow")
    @classmethod
    def _have_names_of_their_own(cls, gates: tuple[Any, ...]) -> tuple[Any, ...]:
        names = [gate.name for gate in gates]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two of these are called {named(twice)}; rename one")
        return gates
