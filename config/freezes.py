"""Freezes: when nothing merges into an environment, and why."""

from datetime import date, datetime, time
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from config.kinds import Model, Moment, Text, Window, Zone, repository_path, spelled
from config.outside import web_address
from config.suggest import named


def _calendar(text: str) -> str:
    if "://" not in text:
        return repository_path(text)
    if not web_address(text).startswith("https:"):
        raise ValueError(f"{named(text)} could be changed on its way; write `https://`")
    return text


class Freeze(Model):
    """A stretch of time in which nothing merges: dated, recurring, or a calendar's events."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["from", "to", "reason"]},
                {"required": ["every", "reason"]},
                {"required": ["calendar"]},
            ]
        }
    )

    from_: Moment | None = Field(
        default=None, alias="from", description="The first day, or the wall time it begins."
    )
    to: Moment | None = Field(
        default=None, description="The last day, included, or the wall time it ends."
    )
    every: Window | None = Field(
        default=None, description="A stretch that recurs every week, instead of `from` and `to`."
    )
    calendar: (
        Annotated[
            str,
            AfterValidator(_calendar),
            spelled("^(https://.+|[^/].*)$", "ops/freezes.ics", "https://example.com/freezes.ics"),
        ]
        | None
    ) = Field(
        default=None,
        description="An iCalendar file in the repository, or at an address that the server's "
        "settings allow; every event is a freeze, and its summary the reason.",
    )
    reason: Text | None = Field(
        default=None, description="Why, for everybody whose promotion waits."
    )
    timezone: Zone = Field(
        default="UTC",
        description="The time zone of `from` and `to`, and of events without one, "
        "by its IANA name.",
    )

    @field_validator("to")
    @classmethod
    def _ends_after_it_begins(
        cls, to: date | datetime | None, info: ValidationInfo
    ) -> date | datetime | None:
        begins = info.data.get("from_")
        if begins is not None and to is not None and _end(to) <= _start(begins):
            raise ValueError(f"the freeze ends, {named(to)}, before it begins, {named(begins)}")
        return to

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        dated = self.from_ is not None or self.to is not None
        kinds = [dated, self.every is not None, self.calendar is not None]
        if sum(kinds) != 1:
            raise ValueError(
                "a freeze has `from` and `to`, or `every`, or `calendar`: one of the three"
            )
        wanted: dict[str, object] = {"from": self.from_, "to": self.to} if dated else {}
        if self.calendar is None:
            wanted["reason"] = self.reason
        if missing := [named(name) for name, value in wanted.items() if value is None]:
            is_, it = ("is", "it") if len(missing) == 1 else ("are", "them")
            raise ValueError(f"{' and '.join(missing)} {is_} missing; add {it} here")
        return self


def _start(moment: date | datetime) -> datetime:
    return moment if isinstance(moment, datetime) else datetime.combine(moment, time.min)


def _end(moment: date | datetime) -> datetime:
    return moment if isinstance(moment, datetime) else datetime.combine(moment, time.max)
