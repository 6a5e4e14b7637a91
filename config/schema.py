"""`.lockstep.yaml` as frozen models; an unknown key, or a value that cannot be, is refused.

`config.load` reads the file, and finds besides what no value shows by itself: unknown
environments and roles, cycles, branches that two environments share.
"""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    RootModel,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from config import names, patterns, times
from config.suggest import named, suggest


def _selects(compile_pattern: Callable[[str], object]) -> AfterValidator:
    def check(text: str) -> str:
        compile_pattern(text)
        return text

    return AfterValidator(check)


def _one_of(*options: str) -> BeforeValidator:
    def check(value: object) -> object:
        # YAML 1.1 reads a plain `off` as false.
        if value is False and "off" in options:
            return "off"
        if value not in options:
            hint = suggest(value, options) if isinstance(value, str) else ""
            known = ", ".join(f"`{option}`" for option in options)
            raise ValueError(f"{named(value)} is none of {known}{hint}")
        return value

    return BeforeValidator(check)


def _version(value: object) -> object:
    if value is not True and value == 1:
        return 1
    raise ValueError(f"this Lockstep reads `version: 1` of the file, not {named(value)}")


def _text(pattern: str, *examples: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": list(examples)})


# Left out, such a list sets no limit; written and empty, it could be meant either way.
# `config.load` refuses it there, and not the models, which are empty where it is left out.
NOT_EMPTY = Field(json_schema_extra={"minItems": 1})

Text = Annotated[str, Field(min_length=1)]
Name = Annotated[str, AfterValidator(names.name), _text(f"^{names.NAME}$", "staging")]
RoleName = Annotated[str, AfterValidator(names.name), _text(f"^{names.NAME}$", "qa")]
Branch = Annotated[
    str,
    AfterValidator(names.branch),
    _text(r"^(?!-|lockstep/)[^\s~^:?*\[\\]+$", "main"),
]
Member = Annotated[
    str, AfterValidator(names.member), _text(f"^{names.MEMBER}$", "alice", "@acme/qa")
]
PathPattern = Annotated[str, _selects(patterns.path_pattern), _text(".", "configs/**/*.yaml")]
KeyPattern = Annotated[str, _selects(patterns.key_pattern), _text(".", "**.replicas")]
Duration = Annotated[
    timedelta,
    PlainValidator(times.duration),
    PlainSerializer(times.spell_duration, return_type=str, when_used="json"),
    _text(f"^{times.DURATION}$", "30m", "24h", "7d"),
]
Zone = Annotated[
    str, PlainValidator(times.timezone), _text("^[A-Z]", "Europe/Berlin", "America/New_York", "UTC")
]
Window = Annotated[
    times.Window,
    PlainValidator(times.window),
    PlainSerializer(str, return_type=str, when_used="json"),
    _text(
        r"^[A-Z][a-z]{2}\S* +[0-9]{1,2}:[0-9]{2}-[0-9]{1,2}:[0-9]{2} +\S+$",
        "Mon-Thu 09:00-16:00 Europe/Berlin",
        "Mon,Wed,Fri 22:00-02:00 UTC",
    ),
]
Moment = Annotated[
    date | datetime,
    BeforeValidator(times.moment),
    _text("^[0-9]{4}-[0-9]{2}-[0-9]{2}", "2026-12-20", "2026-12-20 18:00"),
]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Checks(_Model):
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


class Gates(_Model):
    """What must be so before a promotion merges; every gate must be open at once."""

    checks: Annotated[
        Checks, BeforeValidator(_checks, json_schema_input_type=tuple[Text, ...] | Checks)
    ] = Field(default=Checks(), description="CI results that the candidate needs.")
    soak: Duration | None = Field(
        default=None,
        description="How long the content must have rested in the source, unchanged.",
    )
    approvals: Annotated[int, Field(strict=True, ge=0)] = Field(
        default=0,
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


class Schedule(_Model):
    """Promote at set times."""

    schedule: Annotated[
        str, PlainValidator(times.schedule), _text(r"^\S+( +\S+){4}$", "0 9 * * 1-5")
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


class Freeze(_Model):
    """A stretch of time in which nothing merges into the environment."""

    from_: Moment = Field(alias="from", description="The first day, or the wall time it begins.")
    to: Moment = Field(description="The last day, included, or the wall time it ends.")
    reason: Text = Field(description="Why, for everybody whose promotion waits.")
    timezone: Zone = Field(
        default="UTC", description="The time zone of both ends, by its IANA name."
    )

    @field_validator("to")
    @classmethod
    def _ends_after_it_begins(cls, to: date | datetime, info: ValidationInfo) -> date | datetime:
        begins = info.data.get("from_")
        if begins is not None and _end(to) <= _start(begins):
            raise ValueError(f"the freeze ends, {named(to)}, before it begins, {named(begins)}")
        return to


def _start(moment: date | datetime) -> datetime:
    return moment if isinstance(moment, datetime) else datetime.combine(moment, time.min)


def _end(moment: date | datetime) -> datetime:
    return moment if isinstance(moment, datetime) else datetime.combine(moment, time.max)


class Environment(_Model):
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
        _one_of("merge", "squash", "rebase", "fast-forward"),
    ] = Field(default="merge", description="How its pull requests are merged.")
    gates: Gates = Field(
        default=Gates(), description="What must be so before a promotion into it merges."
    )
    freezes: tuple[Freeze, ...] = Field(
        default=(), description="Dated stretches in which nothing merges into it."
    )
    mirrors: tuple[Branch, ...] = Field(
        default=(),
        description="Branches that are moved to its newest commit after every promotion.",
    )


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


class KeepRule(_Model):
    """Places that every environment owns: they differ on purpose and are never promoted."""

    path: PathPattern = Field(description="The files, by a path pattern.")
    keys: Annotated[tuple[KeyPattern, ...], NOT_EMPTY] = Field(
        default=(), description="The keys in them, by key patterns; left out, the whole files."
    )


class When(_Model):
    """What a change must touch: one of the paths, and in it one of the keys."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    paths: Annotated[tuple[PathPattern, ...], NOT_EMPTY] = Field(
        default=(), description="Path patterns; left out, any file."
    )
    keys: Annotated[tuple[KeyPattern, ...], NOT_EMPTY] = Field(
        default=(), description="Key patterns; left out, any key."
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.paths and not self.keys:
            raise ValueError("`when` says nothing; write `paths`, `keys` or both")
        return self


class Rule(_Model):
    """Gates that are added where the promoted content matches."""

    when: When = Field(description="The content that it is about.")
    gates: Gates = Field(
        description="What such content needs besides; the strictest of all gates applies."
    )


def _with_sources(environments: tuple[Environment, ...]) -> tuple[Environment, ...]:
    resolved = [environments[0]]
    for above, environment in pairwise(environments):
        source = environment.source or above.name
        resolved.append(environment.model_copy(update={"source": source}))
    return tuple(resolved)


class Config(_Model):
    """Which branches are environments, and the rules by which content moves between them."""

    version: Annotated[Literal[1], BeforeValidator(_version)] = Field(
        description="The version of this file's format."
    )
    environments: Annotated[
        tuple[Environment, ...], Field(min_length=1), AfterValidator(_with_sources)
    ] = Field(description="The environments, in promotion order; changes begin in the first.")
    roles: dict[RoleName, Role] = Field(
        default_factory=dict,
        json_schema_extra={"additionalProperties": False},
        description="Who may sign off in which capacity: users, and teams with `@`.",
    )
    override: Annotated[tuple[RoleName, ...], NOT_EMPTY] = Field(
        default=(),
        description="Roles whose members may pass a gate with `/override` and undo a promotion "
        "with `/rollback`, besides those who have maintain permission.",
    )
    keep: tuple[KeepRule, ...] = Field(
        default=(), description="What each environment owns: it is never promoted."
    )
    rules: tuple[Rule, ...] = Field(
        default=(), description="Stricter gates for some of the content."
    )
    back_merge: Annotated[
        Literal["pull-request", "report", "off"], _one_of("pull-request", "report", "off")
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

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is allowed and hardly meant, a sentence each: roles that nobody holds."""
        gates = [environment.gates for environment in self.environments]
        gates += [rule.gates for rule in self.rules]
        asked = dict.fromkeys(role for each in gates for role in each.sign_offs)
        trusted = tuple(
            f"nobody may override by the role {named(role)}, since `roles` does not say who it is"
            f"{suggest(role, self.roles)}"
            for role in self.override
            if role not in self.roles
        )
        return trusted + tuple(
            f"nobody can sign off for {named(role)}, since `roles` does not say who it is"
            f"{suggest(role, self.roles)}"
            for role in asked
            if role not in self.roles
        )
