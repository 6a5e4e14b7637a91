"""A moment that a person writes in a comment, by wall time and zone: when it is, or why not."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from config.schema import Environment, Schedule
from config.suggest import named
from config.times import timezone

# Whoever plans further ahead has the year wrong.
FURTHEST = timedelta(days=366)
_MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2})[T ]+(\d{1,2}:\d{2})(?::00)?(Z)?(?:\s+(\S.*))?", re.ASCII)
_EXAMPLE = "`2026-12-01 09:00 Europe/Berlin`"


@dataclass(frozen=True, slots=True)
class Appointment:
    """A moment in UTC, and how people say it; `remark` is what they should know about it."""

    at: datetime
    wall: str
    remark: str = ""


def zone_of(environment: Environment) -> str:
    """Return the zone that times mean where none is written: the environment's own, or UTC."""
    if isinstance(environment.promote, Schedule):
        return environment.promote.timezone
    return next((window.timezone for window in environment.gates.windows), "UTC")


def appointment(text: str, zone: str, now: datetime) -> Appointment:
    """Return the moment that `text` means; `zone` is the one where it names none.

    Raises `ValueError` with a sentence for whoever wrote it.
    """
    found = _MOMENT.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{named(text)} is no date and time; write them as in {_EXAMPLE}")
    day, clock, zulu, written = found.groups()
    if zulu and written:
        raise ValueError(f"{named(text)} says two time zones; write it as in {_EXAMPLE}")
    name = timezone("UTC" if zulu else written or zone)
    try:
        hour, minute = clock.split(":")
        local = datetime.fromisoformat(f"{day}T{hour:0>2}:{minute}").replace(tzinfo=ZoneInfo(name))
    except ValueError:
        raise ValueError(f"{named(text)} is not in the calendar or not on the clock") from None
    wall = f"{day} {hour:0>2}:{minute}"
    at = local.astimezone(UTC)
    if at.astimezone(ZoneInfo(name)).replace(tzinfo=None) != local.replace(tzinfo=None):
        after = at.astimezone(ZoneInfo(name))
        raise ValueError(
            f"there is no {wall} in {name}: the clocks go forward; {after:%H:%M} is the time that "
            "comes instead"
        )
    if at <= now:
        raise ValueError(
            f"{wall} {name} is past; it is {now.astimezone(ZoneInfo(name)):%Y-%m-%d %H:%M} there"
        )
    if at - now > FURTHEST:
        raise ValueError(f"{wall} {name} is more than a year ahead")
    remarks = [] if zulu or written else [f"{name}, since you named no time zone"]
    if local.utcoffset() != local.replace(fold=1).utcoffset():
        remarks.append("the first of the two, since the clocks go back")
    return Appointment(at, f"{wall} {name}", "; ".join(remarks))
