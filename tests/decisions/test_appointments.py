"""When a person wants something done: wall time in a zone, or the reason why it is no moment."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.decisions.appointments import Appointment, appointment, zone_of
from config.schema import Environment

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
SPRING = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "2026-12-01 09:00 Europe/Berlin",
            Appointment(datetime(2026, 12, 1, 8, 0, tzinfo=UTC), "2026-12-01 09:00 Europe/Berlin"),
        ),
        (
            "2026-12-01T9:00 America/New_York",
            Appointment(
                datetime(2026, 12, 1, 14, 0, tzinfo=UTC), "2026-12-01 09:00 America/New_York"
            ),
        ),
        (
            "2027-07-01 09:00 Europe/Berlin",
            Appointment(datetime(2027, 7, 1, 7, 0, tzinfo=UTC), "2027-07-01 09:00 Europe/Berlin"),
        ),
        (
            "2026-12-01T09:00:00Z",
            Appointment(datetime(2026, 12, 1, 9, 0, tzinfo=UTC), "2026-12-01 09:00 UTC"),
        ),
        (
            "2026-12-01 09:00",
            Appointment(
                datetime(2026, 12, 1, 9, 0, tzinfo=UTC),
                "2026-12-01 09:00 UTC",
                "UTC, since you named no time zone",
            ),
        ),
        (
            "2027-10-31 02:30 Europe/Berlin",
            Appointment(
                datetime(2027, 10, 31, 0, 30, tzinfo=UTC),
                "2027-10-31 02:30 Europe/Berlin",
                "the first of the two, since the clocks go back",
            ),
        ),
    ],
)
def test_a_moment_is_wall_time_in_its_zone(text: str, expected: Appointment) -> None:
    assert appointment(text, "UTC", NOW) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("tomorrow", "is no date and time; write them as in `2026-12-01 09:00 Europe/Berlin`"),
        ("09:00 Europe/Berlin", "is no date and time"),
        ("2026-12-01", "is no date and time"),
        ("2026-13-01 09:00 UTC", "is not in the calendar or not on the clock"),
        ("2026-02-30 09:00 UTC", "is not in the calendar or not on the clock"),
        ("2026-12-01 25:00 UTC", "is not in the calendar or not on the clock"),
        ("2026-12-01 09:00 Europe/Berlim", "Europe/Berlin"),
        ("2026-12-01 09:00 +01:00", "time zone"),
        ("2026-12-01 09:00Z UTC", "says two time zones"),
        ("2026-11-26 12:30 Europe/Berlin", "is past; it is 2026-11-26 13:00 there"),
        ("2029-12-01 09:00 UTC", "is more than a year ahead"),
    ],
)
def test_what_is_no_moment_is_answered_with_what_is_meant(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=r".+") as raised:
        appointment(text, "UTC", NOW)

    assert reason in str(raised.value)


def test_the_hour_that_summer_time_skips_does_not_exist() -> None:
    with pytest.raises(ValueError, match="the clocks go forward; 03:30 is the time that comes"):
        appointment("2026-03-29 02:30 Europe/Berlin", "UTC", SPRING)


@pytest.mark.parametrize(
    ("fields", "zone"),
    [
        ({}, "UTC"),
        ({"promote": {"schedule": "0 9 * * 1", "timezone": "Asia/Tokyo"}}, "Asia/Tokyo"),
        ({"gates": {"windows": ["Mon-Fri 09:00-16:00 Europe/Berlin"]}}, "Europe/Berlin"),
    ],
)
def test_without_a_zone_it_is_the_environments(fields: dict[str, object], zone: str) -> None:
    environment = Environment.model_validate({"name": "production", "branch": "main", **fields})

    assert zone_of(environment) == zone


@given(st.text(max_size=60), st.datetimes(timezones=st.just(UTC)))
def test_no_text_is_anything_but_a_coming_moment_or_a_sentence(text: str, now: datetime) -> None:
    try:
        found = appointment(text, "UTC", now)
    except (ValueError, OverflowError) as error:
        assert isinstance(error, ValueError)  # noqa: PT017 - either is fine but for the kind
        return
    assert timedelta() < found.at - now
