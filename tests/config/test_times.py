"""Times are read as people write them, in wall time and the name of a zone."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.suggest import named
from config.times import Window, duration, moment, schedule, spell_duration, timezone, window

BERLIN = "Europe/Berlin"
EVENING = datetime.fromisoformat("2026-12-20T18:00")


def refusal(read: Callable[[object], object], value: object) -> str | None:
    try:
        read(value)
    except ValueError as error:
        return str(error)
    return None


# Durations


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("24h", timedelta(days=1)),
        ("2h", timedelta(hours=2)),
        ("30m", timedelta(minutes=30)),
        ("7d", timedelta(days=7)),
        ("1h30m", timedelta(minutes=90)),
        ("90s", timedelta(seconds=90)),
        ("1d0h5m", timedelta(days=1, minutes=5)),
    ],
)
def test_a_duration_is_numbers_with_units_from_days_to_seconds(
    text: str, length: timedelta
) -> None:
    assert duration(text) == length


@given(st.integers(1, 3660 * 86400).map(lambda seconds: timedelta(seconds=seconds)))
def test_a_duration_is_spelled_as_it_is_read(length: timedelta) -> None:
    assert duration(spell_duration(length)) == length


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("soon", ""),
        ("", ""),
        ("h", ""),
        ("30m1h", ""),
        ("-1h", ""),
        ("\u0661h", ""),
        (True, ""),
        (["1h"], ""),
        ({"hours": 1}, ""),
        (None, ""),
        ("24 h", "; did you mean `24h`?"),
        ("2 hours", "; did you mean `2h`?"),
        ("1 day, 12 hours and 5 mins", "; did you mean `1d12h5m`?"),
        ("10 Minutes", "; did you mean `10m`?"),
    ],
)
def test_what_is_no_duration_is_refused_with_the_likely_one(value: object, hint: str) -> None:
    assert refusal(duration, value) == (
        f"{named(value)} is not a duration; write days, hours and minutes with their units, as in "
        f"`7d`, `24h` or `1h30m`{hint}"
    )


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (90, "`90` needs a unit, as in `30m`, `24h` or `7d`"),
        (1.5, "`1.5` needs a unit, as in `30m`, `24h` or `7d`"),
        ("0h", "`0h` is no time at all; leave the key out instead"),
        ("3661d", "`3661d` is longer than ten years"),
        ("9" * 20 + "d", "`99999999999999999999d` is longer than ten years"),
        ("9" * 5000 + "d", "`" + "9" * 59 + "…` is longer than ten years"),
    ],
)
def test_a_duration_that_makes_no_sense_is_refused(value: object, sentence: str) -> None:
    assert refusal(duration, value) == sentence


# Windows


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mon-Thu 09:00-16:00 Europe/Berlin", Window((0, 1, 2, 3), time(9), time(16), BERLIN)),
        ("Mon,Wed,Fri 9:00-16:30 UTC", Window((0, 2, 4), time(9), time(16, 30), "UTC")),
        ("Fri-Mon 09:00-16:00 UTC", Window((0, 4, 5, 6), time(9), time(16), "UTC")),
        ("Sat 22:00-02:00 UTC", Window((5,), time(22), time(2), "UTC")),
        ("Mon-Sun 00:00-24:00 UTC", Window((0, 1, 2, 3, 4, 5, 6), time(0), time(0), "UTC")),
        ("Mon,Mon-Tue  09:00-10:00  UTC", Window((0, 1), time(9), time(10), "UTC")),
    ],
)
def test_a_window_is_days_hours_and_a_zone(text: str, expected: Window) -> None:
    assert window(text) == expected


@given(
    st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days))),
    st.times(timezones=st.none()).map(lambda at: at.replace(second=0, microsecond=0)),
    st.times(timezones=st.none()).map(lambda at: at.replace(second=0, microsecond=0)),
)
def test_a_window_is_spelled_as_it_is_read(
    days: tuple[int, ...], opens: time, closes: time
) -> None:
    closes = time(0) if closes == opens else closes
    expected = Window(days, opens, closes, BERLIN)

    assert window(str(expected)) == expected


NOT_A_DAY = (
    "is not a day; days are Mon, Tue, Wed, Thu, Fri, Sat, Sun, joined as in `Mon-Thu` or "
    "`Mon,Wed,Fri`"
)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (
            "weekdays",
            (
                '`weekdays` is not a window; write days, hours and time zone: "Mon-Thu 09:00-16:00 '
                'Europe/Berlin"'
            ),
        ),
        (
            5,
            (
                '`5` is not a window; write days, hours and time zone: "Mon-Thu 09:00-16:00 '
                'Europe/Berlin"'
            ),
        ),
        (
            "Mon 9-16 UTC",
            (
                "`Mon 9-16 UTC` is not a window; write days, hours and time zone: "
                '"Mon-Thu 09:00-16:00 Europe/Berlin"'
            ),
        ),
        (
            "Mon 09:00-16:00",
            (
                "`Mon 09:00-16:00` says no time zone; add the one it means: "
                '"Mon 09:00-16:00 Europe/Berlin"'
            ),
        ),
        ("Monday 09:00-16:00 UTC", f"`Monday` {NOT_A_DAY}; did you mean `Mon`?"),
        ("Mon-Thurs 09:00-16:00 UTC", f"`Thurs` in `Mon-Thurs` {NOT_A_DAY}; did you mean `Thu`?"),
        ("mon 09:00-16:00 UTC", f"`mon` {NOT_A_DAY}; did you mean `Mon`?"),
        ("Mon- 09:00-16:00 UTC", f"`` in `Mon-` {NOT_A_DAY}"),
        ("Xyz 09:00-16:00 UTC", f"`Xyz` {NOT_A_DAY}"),
        (
            "Mon 09:00-09:00 UTC",
            "`09:00-09:00` opens and closes at once; a whole day is `00:00-24:00`",
        ),
        (
            "Mon 09:00-25:00 UTC",
            "`09:00-25:00` is not on the clock; hours run from 00:00 to 24:00",
        ),
        (
            "Mon 24:00-02:00 UTC",
            "`24:00-02:00` is not on the clock; hours run from 00:00 to 24:00",
        ),
        (
            "Mon 09:00-16:00 Berlin",
            (
                "`Berlin` is not a time zone; write its name in the IANA database, such as "
                "`Europe/Berlin` or `UTC`; did you mean `Europe/Berlin`?"
            ),
        ),
    ],
)
def test_what_is_no_window_is_refused_with_the_reason(value: object, sentence: str) -> None:
    assert refusal(window, value) == sentence


# Zones


@pytest.mark.parametrize("name", ["UTC", BERLIN, "America/Argentina/Ushuaia"])
def test_a_time_zone_is_a_name_of_the_iana_database(name: str) -> None:
    assert timezone(name) == name


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("Europe/Berln", "; did you mean `Europe/Berlin`?"),
        ("new_york", "; did you mean `America/New_York`?"),
        ("", ""),
        ("+02:00", ""),
        ("Europe/Frankfurt", ""),
        ("America", None),
        ("../../etc/passwd", ""),
        ("/etc/localtime", None),
        ("localtime", None),
        ("right/UTC", None),
        ("Europe/Berlin\x00", "; did you mean `Europe/Berlin`?"),
        ("x" * 5000, ""),
        (2, ""),
        (None, ""),
    ],
)
def test_what_is_no_time_zone_is_refused_with_the_likely_one(
    value: object, hint: str | None
) -> None:
    said = refusal(timezone, value) or ""
    sentence = (
        f"{named(value)} is not a time zone; write its name in the IANA database, such as "
        "`Europe/Berlin` or `UTC`"
    )

    assert said.startswith(sentence)
    assert hint is None or said == sentence + hint


# Schedules


@pytest.mark.parametrize("text", ["0 9 * * 1-5", "*/5 * * * *", "0 0 1 1 *", "0 9 29 2 *"])
def test_a_schedule_is_five_fields_of_cron(text: str) -> None:
    assert schedule(text) == text


@pytest.mark.parametrize("value", ["@daily", "0 9 * *", "0 9 * * 1 *", "", 9, ["0 9 * * *"], None])
def test_a_schedule_of_other_than_five_fields_is_refused(value: object) -> None:
    assert refusal(schedule, value) == (
        f"{named(value)} is not a schedule; write the five fields of cron in quotes, minute, hour, "
        'day, month and weekday: "0 9 * * 1-5"'
    )


@pytest.mark.parametrize(
    "value", ["60 9 * * *", "0 25 * * *", "a b c d e", "0 9 * * 1-", "*/0 * * * *", "H H * * *"]
)
def test_a_schedule_with_a_field_out_of_range_is_refused(value: str) -> None:
    assert refusal(schedule, value) == (
        f"`{value}` is not a schedule; its fields are minute 0-59, hour 0-23, day 1-31, month "
        '1-12 and weekday 0-7 (0 is Sunday), as in "0 9 * * 1-5"'
    )


def test_a_schedule_that_never_comes_about_is_refused() -> None:
    assert refusal(schedule, "0 9 31 2 *") == (
        "`0 9 31 2 *` never comes about; no month has such a day"
    )


@given(
    st.lists(
        st.text(alphabet="0123456789*/,-LWRH#?@adefnuMON", min_size=1, max_size=6),
        min_size=5,
        max_size=5,
    ).map(" ".join)
)
def test_five_fields_of_anything_are_a_schedule_or_refused(text: str) -> None:
    said = refusal(schedule, text)

    assert said is None or said.startswith(named(text))


# Moments


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-12-20", date(2026, 12, 20)),
        (date(2026, 12, 20), date(2026, 12, 20)),
        ("2026-12-20 18:00", EVENING),
        ("2026-12-20T18:00:30", datetime.fromisoformat("2026-12-20T18:00:30")),
        (EVENING, EVENING),
    ],
)
def test_a_moment_is_a_date_or_a_wall_time(value: object, expected: date) -> None:
    read = moment(value)

    assert (type(read), read) == (type(expected), expected)


@pytest.mark.parametrize(
    "value", ["tomorrow", "2026-13-01", "2026-02-30", "20-12-2026", 2026, None, ["2026-12-20"], ""]
)
def test_what_is_no_date_is_refused(value: object) -> None:
    assert refusal(moment, value) == (
        f"{named(value)} is not a date; write `2026-12-20`, or `2026-12-20 18:00` where the hour "
        "matters"
    )


@pytest.mark.parametrize("value", ["2026-12-20T18:00+01:00", datetime(2026, 12, 20, tzinfo=UTC)])
def test_a_moment_with_an_offset_is_refused_for_the_zone_knows_summer_time(value: object) -> None:
    assert refusal(moment, value) == (
        f"{named(value)} has an offset; write the wall time alone, and its zone beside it: "
        "`timezone: Europe/Berlin`"
    )
