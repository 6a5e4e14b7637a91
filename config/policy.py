"""What a policy is made of, in a repository's own file and in an organisation's alike."""

from typing import Annotated, Protocol

from pydantic import AfterValidator, ConfigDict, Field, RootModel

from config import names
from config.expectations import PolicyTest
from config.facts import FactFiles
from config.kinds import Member, Name, RoleName, spelled
from config.rules import Bundle, Rule
from config.suggest import named


def file_version(value: object) -> object:
    """Take the one version of the file that there is."""
    if value is not True and value == 1:
        return 1
    raise ValueError(f"this Lockstep reads `version: 1` of the file, not {named(value)}")


# A role of every repository: the owners of what changes, as its CODEOWNERS has them.
CODE_OWNERS = "code-owners"


class Role(RootModel[Annotated[tuple[Member, ...], Field(min_length=1)]]):
    """The people who may sign off in one capacity."""

    model_config = ConfigDict(frozen=True)

    @property
    def users(self) -> tuple[str, ...]:
        """Its members by user name."""
        return tuple(member for member in self.root if not member.startswith("@"))

    @property
    def teams(self) -> tuple[str, ...]:
        """Its teams, without the ``@``: ``acme/qa``."""
        return tuple(member[1:] for member in self.root if member.startswith("@"))


INHERIT = "The repository whose policy holds here too, and may only be made stricter."
Inherit = Annotated[
    str, AfterValidator(names.repository), spelled(f"^{names.REPOSITORY}$", "acme/policy")
]
Roles = Annotated[
    dict[RoleName, Role],
    Field(
        json_schema_extra={"additionalProperties": False},
        description="Who may sign off in which capacity: users, and teams with `@`.",
    ),
]
Bundles = Annotated[
    dict[Name, Bundle],
    Field(
        json_schema_extra={"additionalProperties": False},
        description="Gates under a name, for rules and facts to attach.",
    ),
]
Rules = Annotated[tuple[Rule, ...], Field(description="Stricter gates for some of the content.")]
Facts = Annotated[
    tuple[FactFiles, ...],
    Field(description="What the promoted files say of themselves, read as gates."),
]
Tests = Annotated[
    tuple[PolicyTest, ...],
    Field(description="Described changes, and the gates that are expected; `check` runs them."),
]


class Layer(Protocol):
    """A policy that applies by itself; several are joined to the strictest."""

    @property
    def roles(self) -> Roles:
        """Who may sign off in which capacity."""

    @property
    def bundles(self) -> Bundles:
        """Gates under a name."""

    @property
    def rules(self) -> Rules:
        """Stricter gates for some of the content."""

    @property
    def facts(self) -> Facts:
        """What the promoted files say of themselves."""
