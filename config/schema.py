"""`.lockstep.yaml` as frozen models; an unknown key, or a value that cannot be, is refused.

`config.load` reads the file, and finds besides what no value shows by itself: unknown
environments and roles, cycles, branches that two environments share.
"""

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
)

from config import times
from config.freezes import Freeze
from config.gates import Gates
from config.kinds import (
    NOT_EMPTY,
    Branch,
    KeyPattern,
    Model,
    Name,
    PathPattern,
    RoleName,
    Zone,
    one_of,
    spelled,
)
from config.policy import INHERIT, Bundles, Facts, Inherit, Roles, Rules, Tests, file_version
from config.suggest import named, suggest


class Schedule(Model):
    """Promote at set times."""

    schedule: Annotated[
        str, PlainValidator(times.schedule), spelled(r"^\S+( +\S+){4}$", "0 9 * * 1-5")
    ] = Field(description="Minute, hour, day, month and weekday, as cron has them.")
    timezone: Zone = Field(
        default="UTC", description="The time zone of the schedule, by its IANA name."
    )


_PROMOTE_WORDS = ("automatic", "manual")


def _promote(value: object) -> object:
    if value in _PROMOTE_WORDS or isinstance(value, Schedule):
        return value
    if isinstance(value, dict):
        return Schedule.model_validate(value)
    hint = suggest(value, _PROMOTE_WORDS) if isinstance(value, str) else ""
    raise ValueError(
        f"{named(value)} is none of `automatic`, `manual` and "
        f'`{{schedule: "0 9 * * 1-5", timezone: Europe/Berlin}}`{hint}'
    )


class Environment(Model):
    """One environment and the branch that holds its configuration."""

    name: Name = Field(description="What people call it, also in commands.")
    branch: Branch = Field(description="The branch that holds its configuration.")
    source: Name | None = Field(
        default=None,
        alias="from",
        description="The environment it is promoted from; left out, the one above.",
    )
    promote: Annotated[
        Literal["automatic", "manual"] | Schedule,
        BeforeValidator(_promote, json_schema_input_type=Literal["automatic", "manual"] | Schedule),
    ] = Field(
        default="manual",
        description="When a promotion into it begins: as soon as the source has something new, "
        "by `/promote`, or at set times.",
    )
    merge: Annotated[
        Literal["merge", "squash", "rebase", "fast-forward"],
        one_of("merge", "squash", "rebase", "fast-forward"),
    ] = Field(default="merge", description="How its pull requests are merged.")
    gates: Gates = Field(
        default=Gates(), description="What must be so before a promotion into it merges."
    )
    freezes: tuple[Freeze, ...] = Field(
        default=(), description="Stretches of time in which nothing merges into it."
    )
    mirrors: tuple[Branch, ...] = Field(
        default=(),
        description="Branches that are moved to its newest commit after every promotion.",
    )


class KeepRule(Model):
    """Places that every environment owns: they differ on purpose and are never promoted."""

    path: PathPattern = Field(description="The files, by a path pattern.")
    keys: Annotated[tuple[KeyPattern, ...], NOT_EMPTY] = Field(
        default=(), description="The keys in them, by key patterns; left out, the whole files."
    )


def _with_sources(environments: tuple[Environment, ...]) -> tuple[Environment, ...]:
    resolved = [environments[0]]
    for above, environment in pairwise(environments):
        source = environment.source or above.name
        resolved.append(environment.model_copy(update={"source": source}))
    return tuple(resolved)


class Config(Model):
    """Which branches are environments, and the rules by which content moves between them."""

    version: Annotated[Literal[1], BeforeValidator(file_version)] = Field(
        description="The version of this file's format."
    )
    environments: Annotated[
        tuple[Environment, ...], Field(min_length=1), AfterValidator(_with_sources)
    ] = Field(description="The environments, in promotion order; changes begin in the first.")
    inherit: Inherit | None = Field(default=None, description=INHERIT)
    roles: Roles = Field(default_factory=dict)
    override: Annotated[tuple[RoleName, ...], NOT_EMPTY] = Field(
        default=(),
        description="Roles whose members may pass a gate with `/override` and undo a promotion "
        "with `/rollback`, besides those who have maintain permission.",
    )
    keep: tuple[KeepRule, ...] = Field(
        default=(), description="What each environment owns: it is never promoted."
    )
    bundles: Bundles = Field(default_factory=dict)
    rules: Rules = ()
    facts: Facts = ()
    tests: Tests = ()
    back_merge: Annotated[
        Literal["pull-request", "report", "off"], one_of("pull-request", "report", "off")
    ] = Field(
        default="pull-request",
        description="What becomes of drift: a pull request that brings it home to the first "
        "environment, a report alone, or nothing.",
    )

    def environment(self, name: str) -> Environment:
        """Return the environment called `name`; raises `KeyError`."""
        for environment in self.environments:
            if environment.name == name:
                return environment
        raise KeyError(name)

    def source_of(self, environment: Environment) -> Environment | None:
        """Return what `environment` is promoted from; the first has none."""
        return self.environment(environment.source) if environment.source else None
