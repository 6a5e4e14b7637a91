"""When a window next opens or closes."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.decisions.windows import is_open
from config.times import Window


def next_change(window: Window, now: datetime) -> datetime | None:
    """Return the first moment after `now` at which the window opens or closes, in UTC.

    None where it never closes. By wall time, and so right when the clocks change.
    """
    zone = ZoneInfo(window.timezone)
    today = now.astimezone(zone).date()
    moments = sorted(
        datetime.combine(today + timedelta(days=day), clock, tzinfo=zone).astimezone(UTC)
        for day in range(-1, 9)
        for clock in {window.opens, window.closes, time(0)}
    )
    is_now = is_open(window, now)
    return next((at for at in moments if at > now and is_open(window, at) != is_now), None)
