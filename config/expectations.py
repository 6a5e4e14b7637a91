"""Tests of a policy: a change that somebody describes, and what it has to ask for."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from config.facts import KeyPath
from config.gates import Gates
from config.kinds import Model, Moment, Name, Text, Zone, one_of
from config.rules import Risk

# The gates that the time alone decides.
TimeGate = Annotated[Literal["windows", "freezes"], one_of("windows", "freezes")]


def _as_compared(value: object) -> object:
    """Return data as values of files are compared: a date is its text."""
    if isinstance(value, dict):
        return {key: _as_compared(element) for key, element in value.items()}
    if isinstance(value, list):
        return [_as_compared(element) for element in value]
    return value.isoformat() if isinstance(value, date | datetime) else value


Data = Annotated[Any, BeforeValidator(_as_compared)]


class ChangedPlace(Model):
    """One place that the change touches."""

    path: Text = Field(description="The file.")
    key: KeyPath | None = Field(
        default=None, description="The key in it, by its key path; left out, the file as a whole."
    )
    old: Data = Field(default=None, description="The target's value; left out, there is none.")
    new: Data = Field(default=None, description="The new value; left out, there is none.")


class Expected(Model):
    """What a policy has to make of the change; what is left out is not compared."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    gates: Gates | None = Field(
        default=None,
        description="The gates that apply, with what they ask for; a gate that is left out here "
        "is not compared.",
    )
    rules: tuple[Text, ...] | None = Field(
        default=None, description="The names of just those rules that apply."
    )
    bundles: tuple[Name, ...] | None = Field(
        default=None, description="The names of just those bundles that apply."
    )
    risk: Risk | None = Field(default=None, description="The risk that it has.")
    closed: tuple[TimeGate, ...] | None = Field(
        default=None, description="Which of `windows` and `freezes` are closed at that time."
    )

    @model_validator(mode="after")
    def _says_something(self) -> "Expected":
        if not self.model_fields_set:
            raise ValueError("`expect` says nothing; write `gates`, `rules` or `closed`")
        return self


class PolicyTest(Model):
    """A described change and what is expected of it; `lockstep check` runs it."""

    name: Text = Field(description="What it shows, in words.")
    environment: Name = Field(description="The environment that the change goes into.")
    change: Annotated[tuple[ChangedPlace, ...], Field(min_length=1)] = Field(
        description="What changes, place by place."
    )
    authors: tuple[Text, ...] = Field(default=(), description="Who wrote it, by user name.")
    labels: tuple[Text, ...] = Field(
        default=(), description="Labels of the included pull requests, or of the promotion's."
    )
    at: Moment | None = Field(
        default=None, description="When; left out, `times` of rules count as met."
    )
    timezone: Zone = Field(default="UTC", description="The time zone of `at`, by its IANA name.")
    files: dict[Text, Data] = Field(
        default_factory=dict,
        description="What files hold that `facts` are read from, by their paths.",
    )
    people: dict[Text, tuple[Text, ...]] = Field(
        default_factory=dict, description="The members of teams, such as `@acme/qa`."
    )
    expect: Expected = Field(description="What has to come of it.")

    @model_validator(mode="after")
    def _can_be_judged(self) -> "PolicyTest":
        if self.expect.closed is not None and self.at is None:
            raise ValueError("`closed` depends on the time; say `at` when")
        return self
