"""Durations, windows, time zones and schedules, as people write them.

Every function takes what a file holds, of any type, and returns the value or raises
`ValueError` with a sentence for the person who wrote it. Times are wall times with the
name of their zone, never an offset: an offset is wrong for half of the year.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from config.suggest import named, suggest

DURATION = r"(?=[0-9])(?:[0-9]+d)?(?:[0-9]+h)?(?:[0-9]+m)?(?:[0-9]+s)?"
_DURATION = re.compile(r"(?=[0-9])(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", re.ASCII)
_LONGEST_DURATION = timedelta(days=3660)
_UNIT_WORDS = re.compile(r"(day|hour|minute|min|second|sec|[dhms])s?(?=\d|\Z)")

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})", re.ASCII)
_LONGER = re.compile(r"([A-Za-z]+) (\d{1,2}:\d{2})-([A-Za-z]+) (\d{1,2}:\d{2})", re.ASCII)
# Files of the database's directory that are no zones of it, or differ by machine.
_NO_ZONES = ("localtime", "posixrules", "Factory", "posix/", "right/")


def duration(value: object) -> timedelta:
    """Return the duration that `value` spells: ``7d``, ``24h``, ``30m``, ``1h30m``."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise ValueError(  # noqa: TRY004 - one kind of error, which pydantic collects
            f"{named(value)} needs a unit, as in `30m`, `24h` or `7d`"
        )
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(
            f"{named(value)} is not a duration; write days, hours and minutes with their units, "
            f"as in `7d`, `24h` or `1h30m`{_meant_duration(value)}"
        )
    try:
        days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
        length = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except (ValueError, OverflowError):  # too many digits for Python, or too long
        length = timedelta.max
    if not length:
        raise ValueError(f"{named(value)} is no time at all; leave the key out instead")
    if length > _LONGEST_DURATION:
        raise ValueError(f"{named(value)} is longer than ten years")
    return length


def _meant_duration(value: object) -> str:
    if not isinstance(value, str):
        return ""
    joined = re.sub(r"[\s,]+|and", "", value.casefold())
    candidate = _UNIT_WORDS.sub(lambda match: match[1][0], joined)
    return f"; did you mean `{candidate}`?" if _DURATION.fullmatch(candidate) else ""


def spell_duration(length: timedelta) -> str:
    """Return `length` as `duration` reads it, whole seconds at the finest."""
    minutes, seconds = divmod(int(length.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number)


def timezone(value: object) -> str:
    """Return `value` where it is the name of a zone in the IANA database."""
    if isinstance(value, str) and not value.startswith(_NO_ZONES):
        try:
            return ZoneInfo(value).key
        except (KeyError, ValueError, OSError):
            pass  # an unknown name, a path, a directory
    hint = _meant_timezone(value) if isinstance(value, str) else ""
    raise ValueError(
        f"{named(value)} is not a time zone; write its name in the IANA database, "
        f"such as `Europe/Berlin` or `UTC`{hint}"
    )


@cache
def _timezones() -> tuple[str, ...]:
    return tuple(sorted(available_timezones()))


def _meant_timezone(name: str) -> str:
    cities = [zone for zone in _timezones() if zone.casefold().endswith("/" + name.casefold())]
    if cities:
        return f"; did you mean `{cities[0]}`?"
    region = name.partition("/")[0]
    return suggest(name, [zone for zone in _timezones() if zone.startswith(region)], likeness=0.8)


def schedule(value: object) -> str:
    """Return `value` where it is a cron expression of five fields that comes about."""
    from croniter import croniter  # noqa: PLC0415 - lazy: 40 ms that few files need
    from croniter.croniter import CroniterBadDateError, CroniterError  # noqa: PLC0415 - as above

    if not isinstance(value, str) or len(value.split()) != 5:
        raise ValueError(
            f"{named(value)} is not a schedule; write the five fields of cron in quotes, "
            'minute, hour, day, month and weekday: "0 9 * * 1-5"'
        )
    try:
        croniter(value, datetime(2024, 1, 1)).get_next()  # noqa: DTZ001 - any wall time does
    except CroniterBadDateError:
        raise ValueError(f"{named(value)} never comes about; no month has such a day") from None
    except (CroniterError, ValueError, KeyError, IndexError):
        raise ValueError(
            f"{named(value)} is not a schedule; its fields are minute 0-59, hour 0-23, day 1-31, "
            'month 1-12 and weekday 0-7 (0 is Sunday), as in "0 9 * * 1-5"'
        ) from None
    return value


@dataclass(frozen=True, slots=True)
class Window:
    """A recurring stretch of wall time in one zone.

    `days` are those on which it opens, Monday being 0. Where `closes` is not after
    `opens`, the window closes on the following day (``22:00-02:00``, ``00:00-24:00``),
    unless `last` is the day on which it does (``Fri 15:00-Mon 08:00``).
    """

    days: tuple[int, ...]
    opens: time
    closes: time
    timezone: str
    last: int | None = None

    @property
    def nights(self) -> int:
        """How many days after the one it opens on it closes."""
        if self.last is None:
            return 0 if self.opens < self.closes else 1
        between = (self.last - self.days[0]) % 7
        return between or (0 if self.opens < self.closes else 7)

    def __str__(self) -> str:
        if self.last is not None:
            first, last = DAYS[self.days[0]], DAYS[self.last]
            return f"{first} {self.opens:%H:%M}-{last} {self.closes:%H:%M} {self.timezone}"
        closes = "24:00" if self.closes == time(0) else f"{self.closes:%H:%M}"
        return f"{_spell_days(self.days)} {self.opens:%H:%M}-{closes} {self.timezone}"


def window(value: object) -> Window:
    """Return the window that `value` spells: ``Mon-Thu 09:00-16:00 Europe/Berlin``.

    One of more than a day names the day it ends on: ``Fri 15:00-Mon 08:00 Europe/Berlin``.
    """
    if isinstance(value, Window):
        return value
    parts = value.split() if isinstance(value, str) else []
    if len(parts) in {3, 4} and (longer := _LONGER.fullmatch(" ".join(parts[:3]))):
        return _longer(" ".join(parts[:3]), longer, parts[3:])
    clock = _CLOCK.fullmatch(parts[1]) if len(parts) in {2, 3} else None
    if clock is None:
        raise ValueError(
            f"{named(value)} is not a window; write days, hours and time zone: "
            '"Mon-Thu 09:00-16:00 Europe/Berlin"'
        )
    if len(parts) == 2:
        raise ValueError(
            f"{named(value)} says no time zone; add the one it means: "
            f'"{parts[0]} {parts[1]} Europe/Berlin"'
        )
    opens, closes = _clock_times(parts[1], clock)
    return Window(_days(parts[0]), opens, closes, timezone(parts[2]))


def _longer(text: str, match: re.Match[str], zone: list[str]) -> Window:
    if not zone:
        raise ValueError(
            f'`{text}` says no time zone; add the one it means: "{text} Europe/Berlin"'
        )
    first, last = _day(match[1], match[1]), _day(match[3], match[3])
    clock = _CLOCK.fullmatch(f"{match[2]}-{match[4]}")
    if clock is None:
        raise ValueError(f"`{text}` is not on the clock; hours run from 00:00 to 24:00")
    if match[4] == "24:00":
        last = (last + 1) % 7
    if first == last and match[2] == match[4]:
        raise ValueError(f"`{text}` is a whole week, and so always")
    return Window((first,), *_clock_times(clock[0], clock, longer=True), timezone(zone[0]), last)


def _clock_times(text: str, clock: re.Match[str], *, longer: bool = False) -> tuple[time, time]:
    first_hour, first_minute, last_hour, last_minute = (int(part) for part in clock.groups())
    if clock[3] + clock[4] == "2400":
        last_hour = 0
    elif (first_hour, first_minute) == (last_hour, last_minute) and not longer:
        raise ValueError(f"`{text}` opens and closes at once; a whole day is `00:00-24:00`")
    try:
        return time(first_hour, first_minute), time(last_hour, last_minute)
    except ValueError:
        raise ValueError(f"`{text}` is not on the clock; hours run from 00:00 to 24:00") from None


def _days(text: str) -> tuple[int, ...]:
    days: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        start = _day(first, text)
        end = _day(last, text) if dash else start
        days |= {(start + step) % 7 for step in range((end - start) % 7 + 1)}
    return tuple(sorted(days))


def _day(name: str, text: str) -> int:
    if name not in DAYS:
        meant = [day for day in DAYS if name and name.casefold().startswith(day.casefold())]
        hint = f"; did you mean `{meant[0]}`?" if meant else suggest(name, DAYS)
        where = named(name) if name == text else f"{named(name)} in {named(text)}"
        raise ValueError(
            f"{where} is not a day; days are {', '.join(DAYS)}, "
            f"joined as in `Mon-Thu` or `Mon,Wed,Fri`{hint}"
        )
    return DAYS.index(name)


def _spell_days(days: tuple[int, ...]) -> str:
    runs: list[list[int]] = []
    for day in days:
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    names = [DAYS[r[0]] if len(r) == 1 else f"{DAYS[r[0]]}-{DAYS[r[-1]]}" for r in runs]
    return ",".join(names)


def moment(value: object) -> date | datetime:
    """Return the date, or the wall time of a day, that `value` is or spells in ISO 8601."""
    found = value
    if isinstance(value, str):
        try:
            whole_day = re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII)
            found = date.fromisoformat(value) if whole_day else datetime.fromisoformat(value)
        except ValueError:
            found = None
    if isinstance(found, datetime) and found.tzinfo is not None:
        raise ValueError(
            f"{named(value)} has an offset; write the wall time alone, and its zone "
            "beside it: `timezone: Europe/Berlin`"
        )
    if not isinstance(found, date):
        raise ValueError(  # noqa: TRY004 - one kind of error, which pydantic collects
            f"{named(value)} is not a date; write `2026-12-20`, or `2026-12-20 18:00` "
            "where the hour matters"
        )
    return found
