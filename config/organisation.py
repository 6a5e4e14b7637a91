"""An organisation's policy: the file that repositories inherit, and may only make stricter."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from config import patterns
from config.freezes import Freeze
from config.gates import Gates
from config.kinds import NOT_EMPTY, Model, RoleName, spelled
from config.policy import INHERIT, Bundles, Facts, Inherit, Roles, Rules, Tests, file_version

# Where the file stands in the repository that holds it, on its default branch.
POLICY_FILE = "lockstep-policy.yaml"


def _environments(text: str) -> str:
    patterns.text_pattern(text)
    return text


EnvironmentPattern = Annotated[
    str, AfterValidator(_environments), spelled(".", "production", "prod-*")
]


class Floor(Model):
    """The least that environments of some names ask for, in whatever repository."""

    names: Annotated[tuple[EnvironmentPattern, ...], NOT_EMPTY] = Field(
        min_length=1,
        description="Names of environments; `*` stands for any characters.",
    )
    gates: Gates = Field(default=Gates(), description="The gates that they have at least.")
    freezes: tuple[Freeze, ...] = Field(
        default=(), description="Stretches of time in which nothing merges into them."
    )


class Organisation(Model):
    """What holds for every repository that inherits it, besides what its own file asks for."""

    version: Annotated[Literal[1], BeforeValidator(file_version)] = Field(
        description="The version of this file's format."
    )
    inherit: Inherit | None = Field(default=None, description=INHERIT)
    environments: tuple[Floor, ...] = Field(
        default=(), description="The least that environments ask for, by their names."
    )
    freezes: tuple[Freeze, ...] = Field(
        default=(),
        description="Stretches of time in which nothing merges in any repository.",
    )
    roles: Roles = Field(default_factory=dict)
    override: Annotated[tuple[RoleName, ...], NOT_EMPTY] = Field(
        default=(),
        description="Roles whose members alone, besides those who have maintain permission, may "
        "pass a gate with `/override`, whatever a repository says.",
    )
    bundles: Bundles = Field(default_factory=dict)
    rules: Rules = ()
    facts: Facts = ()
    tests: Tests = ()
