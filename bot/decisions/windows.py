"""Windows and freezes: whether a moment is inside one, by wall time in its own zone."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from config.freezes import Freeze
from config.times import Window


def is_open(window: Window, now: datetime) -> bool:
    """Whether `now`, an aware time, is inside the window.

    A window that closes after midnight belongs to the day on which it opened.
    """
    local = now.astimezone(ZoneInfo(window.timezone))
    clock, today = local.time(), local.weekday()
    if window.opens < window.closes:
        return today in window.days and window.opens <= clock < window.closes
    if clock >= window.opens:
        return today in window.days
    return clock < window.closes and (today - 1) % 7 in window.days


def is_frozen(freeze: Freeze, now: datetime) -> bool:
    """Whether `now`, an aware time, is inside the freeze; its last day is."""
    zone = ZoneInfo(freeze.timezone)
    first, last = freeze.from_, freeze.to
    if first is None or last is None:
        return False
    begins = first if isinstance(first, datetime) else _midnight(first)
    ends = last if isinstance(last, datetime) else _midnight(last + timedelta(days=1))
    return begins.replace(tzinfo=zone) <= now < ends.replace(tzinfo=zone)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min)
