"""Rules: which content asks for stricter gates, and how risky it is.

A rule holds where all the conditions that it gives hold; of paths, keys and values at one
and the same place. Rules only ever add: what several ask for is joined to the strictest.
"""

import re
from fractions import Fraction
from functools import lru_cache
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from config import patterns
from config.gates import Gates
from config.kinds import (
    NOT_EMPTY,
    KeyPattern,
    Member,
    Model,
    Name,
    PathPattern,
    Text,
    Window,
    one_of,
    spelled,
)
from config.suggest import named

RISKS = ("low", "medium", "high", "critical")
Risk = Annotated[Literal["low", "medium", "high", "critical"], one_of(*RISKS)]

Scalar = bool | int | float | str
Number = int | float

_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%", re.ASCII)


def _number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{named(value)} is not a number; write one without quotes and unit")  # noqa: TRY004 - one kind of error, which pydantic collects
    return value


def _scalar(value: object) -> object:
    # A date is one to YAML alone: in the files that are compared it is its text.
    return value.isoformat() if hasattr(value, "isoformat") else value


def _share(value: object) -> object:
    """Take a share of the old value, ``20%``, or the number by which it has to change."""
    if isinstance(value, str) and _PERCENT.fullmatch(value):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
        return value
    raise ValueError(
        f"{named(value)} says no size of a change; write a share of the old value, `20%`, or a "
        "number above 0"
    )


@lru_cache(maxsize=256)
def percent(share: float | str) -> Fraction | None:
    """Return the share of the old value that `changed_by` asks for; None for a plain number."""
    match = _PERCENT.fullmatch(share) if isinstance(share, str) else None
    return Fraction(match[1]) / 100 if match else None


def _only_true(value: object) -> object:
    if value is not True:
        raise ValueError(f"`otherwise` takes `true`, or is left out; {named(value)} says nothing")
    return value


def _glob(text: str) -> str:
    patterns.text_pattern(text)
    return text


Glob = Annotated[str, AfterValidator(_glob), spelled(".", "team/*")]
Plain = Annotated[Scalar, BeforeValidator(_scalar)]
Comparable = Annotated[Number, BeforeValidator(_number)]


class ValueTest(Model):
    """What a value has to be; all that is given must hold. Of a list, one item is enough."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    equals: Plain | None = Field(default=None, description='It is just this: `1` is not `"1"`.')
    in_: Annotated[tuple[Plain, ...], NOT_EMPTY] = Field(
        default=(), alias="in", description="It is one of these."
    )
    pattern: Glob | None = Field(
        default=None, description="It is text of this form; `*` stands for any characters."
    )
    greater: Comparable | None = Field(
        default=None, description="It is a number above this; holds too where it is no number."
    )
    less: Comparable | None = Field(
        default=None, description="It is a number below this; holds too where it is no number."
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError(
                "this says nothing of the value; write `equals`, `in`, `pattern`, `greater` or "
                "`less`"
            )
        return self


class Size(Model):
    """How much one promotion changes, at least."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    files: Annotated[int, Field(strict=True, ge=1)] | None = Field(
        default=None, description="So many files, or more."
    )
    keys: Annotated[int, Field(strict=True, ge=1)] | None = Field(
        default=None, description="So many keys, or more; a file without keys counts as one."
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.files is None and self.keys is None:
            raise ValueError("`size` says nothing; write `files`, `keys` or both")
        return self


ChangeKind = Annotated[
    Literal["added", "removed", "changed"], one_of("added", "removed", "changed")
]


class When(Model):
    """What has to be so for a rule to apply: every condition that is given."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    environments: Annotated[tuple[Name, ...], NOT_EMPTY] = Field(
        default=(), description="It goes into one of these; left out, any."
    )
    paths: Annotated[tuple[PathPattern, ...], NOT_EMPTY] = Field(
        default=(), description="Path patterns; left out, any file."
    )
    keys: Annotated[tuple[KeyPattern, ...], NOT_EMPTY] = Field(
        default=(), description="Key patterns; left out, any key."
    )
    change: Annotated[tuple[ChangeKind, ...], NOT_EMPTY] = Field(
        default=(), description="What becomes of the key or file: added, removed or changed."
    )
    old: ValueTest | None = Field(default=None, description="What the target's value has to be.")
    new: ValueTest | None = Field(default=None, description="What the new value has to be.")
    changed_by: (
        Annotated[
            Number | str,
            BeforeValidator(_share),
            spelled("^[0-9]+([.][0-9]+)? *%$", "20%"),
        ]
        | None
    ) = Field(
        default=None,
        description="How far a number moves, at least: a share of the old one, or a number.",
    )
    size: Size | None = Field(default=None, description="How much the promotion changes.")
    authors: Annotated[tuple[Member, ...], NOT_EMPTY] = Field(
        default=(),
        description="One of these wrote a part: users, teams with `@`, or roles by their name.",
    )
    authors_outside: Annotated[tuple[Member, ...], NOT_EMPTY] = Field(
        default=(), description="Somebody who is none of these wrote a part."
    )
    labels: Annotated[tuple[Glob, ...], NOT_EMPTY] = Field(
        default=(),
        description="One of these is a label of an included pull request, or of the promotion's.",
    )
    times: Annotated[tuple[Window, ...], NOT_EMPTY] = Field(
        default=(), description="It is one of these times."
    )
    risk: Risk | None = Field(
        default=None, description="Other rules or facts say that the risk is this, or higher."
    )
    otherwise: Annotated[Literal[True], BeforeValidator(_only_true)] | None = Field(
        default=None, description="No other rule of this file asks for anything."
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("`when` says nothing; write `paths`, `keys` or another condition")
        return self


class Asks(Model):
    """What is asked for besides: gates, bundles of gates, a risk that other rules look at."""

    gates: Gates = Field(
        default=Gates(),
        description="What such content needs besides; the strictest of all gates applies.",
    )
    bundles: Annotated[tuple[Name, ...], NOT_EMPTY] = Field(
        default=(), description="Bundles whose gates it needs besides."
    )
    risk: Risk | None = Field(default=None, description="How risky it is; the highest counts.")


class Rule(Asks):
    """What is asked of some content besides the gates of its environment."""

    name: Text | None = Field(default=None, description="What the rule is called.")
    reason: Text | None = Field(
        default=None, description="Why, for everybody whose promotion has to wait."
    )
    when: When = Field(description="The content that it is about.")

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if not self.model_fields_set & {"gates", "bundles", "risk"}:
            raise ValueError("the rule asks for nothing; write `gates`, `bundles` or `risk`")
        if self.risk and (self.when.risk or self.when.otherwise):
            raise ValueError(
                "a rule sets the risk before any rule asks for it; leave out `risk` here, or "
                f"`{'risk' if self.when.risk else 'otherwise'}` in `when`"
            )
        return self


class Bundle(Model):
    """Gates under a name, for rules and facts to attach: a compliance regime, a kind of system."""

    reason: Text | None = Field(
        default=None, description="What it stands for, for everybody whose promotion has to wait."
    )
    gates: Gates = Field(description="What it asks for.")
