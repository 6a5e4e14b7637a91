"""Windows and freezes as stretches of real time, by the wall clock of their own zone.

A stretch begins and ends the first time that the clock shows its hours, or what comes
after them: an hour that the clocks skip is over at once, and of one that they repeat the
first counts. All moments are aware; what is returned is in UTC.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from bot.decisions.facts import Event
from config.freezes import Freeze
from config.times import DAYS, Window

# Two zones whose clocks change on different days may meet for some weeks of the year alone.
_LOOK_AHEAD = timedelta(days=370)
# More stretches in a row than this and there is no end to them.
_MOST_IN_A_ROW = 400
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Stretch:
    """From `begins`, included, to `ends`, not included."""

    begins: datetime
    ends: datetime

    def holds(self, moment: datetime) -> bool:
        """Whether `moment` is inside."""
        return self.begins <= moment < self.ends


def instant(wall: datetime, zone: str) -> datetime:
    """Return the first moment at which the clock in `zone` shows `wall`, or has passed it."""
    local = wall.replace(tzinfo=ZoneInfo(zone), fold=0)
    moment = local.astimezone(UTC)
    if moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == wall.replace(fold=0):
        return moment
    # The clocks skip it: the moment at which they do lies between its two readings.
    before, after = local.replace(fold=1).astimezone(UTC), moment
    offset = before.astimezone(ZoneInfo(zone)).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        if middle.astimezone(ZoneInfo(zone)).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


@lru_cache(maxsize=4096)
def _on(window: Window, day: date) -> Stretch:
    """Return the stretch of a window that opens on a day, whichever weekday that is."""
    closes = day + timedelta(days=window.nights)
    return Stretch(
        instant(datetime.combine(day, window.opens), window.timezone),
        instant(datetime.combine(closes, window.closes), window.timezone),
    )


def stretches(window: Window, after: datetime) -> Iterator[Stretch]:
    """Yield the stretches of a window that end after a moment, in order, without end."""
    day = after.astimezone(ZoneInfo(window.timezone)).date() - timedelta(days=window.nights + 1)
    while True:
        if day.weekday() in window.days:
            stretch = _on(window, day)
            if stretch.begins < stretch.ends and stretch.ends > after:
                yield stretch
        day += timedelta(days=1)


def is_open(window: Window, now: datetime) -> bool:
    """Whether `now` is inside the window."""
    return next(stretches(window, now)).holds(now)


def next_change(window: Window, now: datetime) -> datetime:
    """Return the first moment after `now` at which a stretch of the window begins or ends."""
    stretch = next(stretches(window, now))
    return stretch.begins if stretch.begins > now else stretch.ends


def next_open(windows: Sequence[Window], now: datetime) -> datetime:
    """Return the first moment from `now` on at which one of the windows is open."""
    return min(max(next(stretches(window, now)).begins, now) for window in windows)


@lru_cache(maxsize=256)
def next_together(sets: tuple[tuple[Window, ...], ...], now: datetime) -> datetime | None:
    """Return the first moment from `now` on at which one window of each set is open.

    None where that does not come about within a year.
    """
    at, limit = now, now + _LOOK_AHEAD
    while at < limit:
        following = max(next_open(windows, at) for windows in sets)
        if following == at:
            return at
        at = following
    return None


def span(freeze: Freeze) -> Stretch | None:
    """Return when a dated freeze is; None for other kinds."""
    first, last = freeze.from_, freeze.to
    if first is None or last is None:
        return None
    begins = first if isinstance(first, datetime) else _midnight(first)
    ends = last if isinstance(last, datetime) else _midnight(last + timedelta(days=1))
    return Stretch(instant(begins, freeze.timezone), instant(ends, freeze.timezone))


def frozen_by(
    freeze: Freeze, events: Sequence[Event], now: datetime
) -> tuple[datetime, str] | None:
    """Return until when a freeze is on at `now`, and why; None where it is not.

    `events` are those of its calendar. Of several that are on, the one that ends last.
    """
    reason = freeze.reason or ""
    found = []
    if freeze.every is not None:
        stretch = next(stretches(freeze.every, now))
        found = [(stretch.ends, reason)] if stretch.holds(now) else []
    elif freeze.calendar is not None:
        found = [
            (event.ends, event.summary or reason or "an event of the calendar")
            for event in events
            if event.begins <= now < event.ends
        ]
    elif (dated := span(freeze)) and dated.holds(now):
        found = [(dated.ends, reason)]
    return max(found, default=None)


def is_frozen(freeze: Freeze, now: datetime) -> bool:
    """Whether a freeze that is no calendar's is on."""
    return frozen_by(freeze, (), now) is not None


def thawed(
    freezes: Sequence[tuple[Freeze, Sequence[Event]]], now: datetime
) -> tuple[datetime | None, tuple[str, ...]]:
    """Return the first moment from `now` on without a freeze, and the reasons of those on now.

    The moment is None where one follows on another without end.
    """
    at, reasons = now, tuple(dict.fromkeys(why for _, why in _on_at(freezes, now)))
    for _ in range(_MOST_IN_A_ROW):
        on = _on_at(freezes, at)
        if not on:
            return at, reasons
        at = max(end for end, _ in on)
    return None, reasons


def _on_at(
    freezes: Sequence[tuple[Freeze, Sequence[Event]]], now: datetime
) -> list[tuple[datetime, str]]:
    return [on for freeze, events in freezes if (on := frozen_by(freeze, events, now))]


def spell(moment: datetime, zone: str, *, past: bool = False) -> str:
    """Return a moment as people read it, in a zone: ``Mon 2026-11-30 09:00 Europe/Berlin``.

    One between two minutes is rounded up, since it has not come before that, unless it
    is `past`.
    """
    local = moment.astimezone(ZoneInfo(zone))
    if not past and (local.second or local.microsecond):
        local = (moment + _MINUTE).astimezone(ZoneInfo(zone))
    return f"{DAYS[local.weekday()]} {local:%Y-%m-%d %H:%M} {zone}"


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min)
