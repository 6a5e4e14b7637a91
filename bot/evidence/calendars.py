"""iCalendar text to the events that freeze something, recurring ones drawn out."""

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

from bot.decisions.facts import Calendar, Event
from bot.decisions.windows import instant

# A year and a month ahead: a freeze that begins later is seen when its time comes nearer.
_AHEAD = timedelta(days=400)
_BEHIND = timedelta(days=40)
_MOST_EVENTS = 2_000
LARGEST = 1 << 20  # bytes
# By these one line could stand for millions of events.
_ENDLESS = re.compile(r"^RRULE[^\n]*FREQ=(SECONDLY|MINUTELY|HOURLY)", re.MULTILINE | re.IGNORECASE)
_LONGEST_SUMMARY = 120


def read(text: bytes, zone: str, now: datetime) -> Calendar:
    """Return the events of a calendar around `now`, or what is wrong with it.

    Times without a zone are wall time in `zone`. Cancelled events do not count.
    """
    if len(text) > LARGEST:
        return Calendar(problem="it is larger than 1 MiB")
    # By the day, so that one calendar is drawn out once for many looks.
    return _read(text, zone, now.astimezone(UTC).date())


@lru_cache(maxsize=64)
def _read(text: bytes, zone: str, day: date) -> Calendar:
    # Lazy: 150 ms that only those with a calendar need.
    import icalendar  # noqa: PLC0415
    import recurring_ical_events  # type: ignore[import-untyped] # noqa: PLC0415 # has no types

    if _ENDLESS.search(text.decode("utf-8", "replace").replace("\r\n ", "").replace("\n ", "")):
        return Calendar(problem="an event recurs more often than daily, which freezes for ever")
    today = datetime.combine(day, time.min, UTC)
    try:
        calendar: Any = icalendar.Calendar.from_ical(text.decode("utf-8-sig"))
        occurrences: Any = recurring_ical_events.of(calendar)
        found = occurrences.between(today - _BEHIND, today + _AHEAD)
        events = [_event(each, zone) for each in found if str(each.get("STATUS")) != "CANCELLED"]
    except UnicodeDecodeError:
        return Calendar(problem="it is not UTF-8")
    except Exception as error:  # noqa: BLE001 - a parser of what strangers wrote fails in any way
        return Calendar(problem=f"it is no iCalendar file that can be read ({_reason(error)})")
    if len(events) > _MOST_EVENTS:
        return Calendar(problem=f"it has more than {_MOST_EVENTS:,} events within a year")
    kept = [event for event in events if event.begins < event.ends]
    return Calendar(tuple(sorted(kept, key=lambda event: (event.begins, event.ends))))


def _event(component: Any, zone: str) -> Event:
    begins, ends = component.start, component.end
    summary = " ".join(str(component.get("SUMMARY", "")).split())[:_LONGEST_SUMMARY]
    return Event(_moment(begins, zone), _moment(ends, zone), summary)


def _moment(value: date | datetime, zone: str) -> datetime:
    if not isinstance(value, datetime):
        return instant(datetime.combine(value, time.min), zone)
    return value.astimezone(UTC) if value.tzinfo is not None else instant(value, zone)


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:_LONGEST_SUMMARY] or type(error).__name__
