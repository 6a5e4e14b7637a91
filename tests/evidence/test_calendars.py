"""iCalendar files: which stretches freeze, and what is said of one that cannot be read."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.decisions.facts import Calendar, Event
from bot.evidence.calendars import LARGEST, read

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
HEAD = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//acme//freezes//EN\r\n"
BERLIN = (
    "BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\nBEGIN:STANDARD\r\nDTSTART:19961027T030000\r\n"
    "TZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nRRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\r\n"
    "END:STANDARD\r\nBEGIN:DAYLIGHT\r\nDTSTART:19810329T020000\r\nTZOFFSETFROM:+0100\r\n"
    "TZOFFSETTO:+0200\r\nRRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\r\nEND:DAYLIGHT\r\n"
    "END:VTIMEZONE\r\n"
)


def calendar(*events: str) -> bytes:
    bodies = "".join(
        f"BEGIN:VEVENT\r\nUID:{number}\r\nDTSTAMP:20260101T000000Z\r\n{event}\r\nEND:VEVENT\r\n"
        for number, event in enumerate(events)
    )
    return f"{HEAD}{BERLIN}{bodies}END:VCALENDAR\r\n".encode()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            "DTSTART:20261201T090000Z\r\nDTEND:20261201T170000Z\r\nSUMMARY:Audit\\, all day",
            [Event(at("2026-12-01T09:00Z"), at("2026-12-01T17:00Z"), "Audit, all day")],
        ),
        # Whole days are those of the freeze's zone, and the last is not part of it.
        (
            "DTSTART;VALUE=DATE:20261224\r\nDTEND;VALUE=DATE:20261227\r\nSUMMARY:Christmas",
            [Event(at("2026-12-23T23:00Z"), at("2026-12-26T23:00Z"), "Christmas")],
        ),
        (
            "DTSTART;VALUE=DATE:20261224\r\nSUMMARY:One day",
            [Event(at("2026-12-23T23:00Z"), at("2026-12-24T23:00Z"), "One day")],
        ),
        # Without a zone it is wall time in the freeze's; with one, in its own.
        (
            "DTSTART:20261201T090000\r\nDURATION:PT2H\r\nSUMMARY:Floating",
            [Event(at("2026-12-01T08:00Z"), at("2026-12-01T10:00Z"), "Floating")],
        ),
        (
            (
                "DTSTART;TZID=Europe/Berlin:20261201T090000\r\n"
                "DTEND;TZID=Europe/Berlin:20261201T100000"
            ),
            [Event(at("2026-12-01T08:00Z"), at("2026-12-01T09:00Z"), "")],
        ),
        # Recurring ones keep their wall time when the clocks change.
        (
            (
                "DTSTART;TZID=Europe/Berlin:20270326T150000\r\n"
                "DTEND;TZID=Europe/Berlin:20270326T160000\r\n"
                "RRULE:FREQ=WEEKLY;COUNT=2\r\nSUMMARY:Friday"
            ),
            [
                Event(at("2027-03-26T14:00Z"), at("2027-03-26T15:00Z"), "Friday"),
                Event(at("2027-04-02T13:00Z"), at("2027-04-02T14:00Z"), "Friday"),
            ],
        ),
        (
            (
                "DTSTART:20261201T090000Z\r\nDTEND:20261201T100000Z\r\n"
                "RRULE:FREQ=DAILY;COUNT=3\r\nEXDATE:20261202T090000Z\r\nSUMMARY:Daily"
            ),
            [
                Event(at("2026-12-01T09:00Z"), at("2026-12-01T10:00Z"), "Daily"),
                Event(at("2026-12-03T09:00Z"), at("2026-12-03T10:00Z"), "Daily"),
            ],
        ),
        ("DTSTART:20261201T090000Z\r\nDTEND:20261201T170000Z\r\nSTATUS:CANCELLED", []),
        ("DTSTART:20261201T090000Z\r\nSUMMARY:A moment is no stretch", []),
        ("DTSTART:20301201T090000Z\r\nDTEND:20301202T090000Z\r\nSUMMARY:Far away", []),
    ],
)
def test_an_event_freezes_from_its_beginning_to_its_end(event: str, expected: list[Event]) -> None:
    assert read(calendar(event), "Europe/Berlin", NOW) == Calendar(tuple(expected))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "it is no iCalendar file that can be read"),
        (b"<html>not found</html>", "it is no iCalendar file that can be read"),
        (HEAD.encode(), "it is no iCalendar file that can be read"),
        (b"\xff\xfe", "it is not UTF-8"),
        (b"x" * (LARGEST + 1), "it is larger than 1 MiB"),
        (
            calendar("DTSTART:20261201T090000Z\r\nDURATION:PT1S\r\nRRULE:FREQ=SECO\r\n NDLY"),
            "an event recurs more often than daily",
        ),
        (
            calendar(
                *[
                    f"DTSTART;VALUE=DATE:20261224\r\nRRULE:FREQ=DAILY\r\nSUMMARY:{i}"
                    for i in range(8)
                ]
            ),
            "it has more than 2,000 events within a year",
        ),
    ],
)
def test_what_cannot_be_read_is_a_problem_and_no_empty_calendar(text: bytes, problem: str) -> None:
    found = read(text, "UTC", NOW)

    assert found.events == ()
    assert found.problem.startswith(problem)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 400), st.binary(min_size=1, max_size=12))
def test_a_damaged_calendar_never_raises(position: int, damage: bytes) -> None:
    whole = calendar("DTSTART:20261201T090000Z\r\nDTEND:20261201T170000Z\r\nSUMMARY:x")

    found = read(whole[:position] + damage + whole[position + len(damage) :], "UTC", NOW)

    assert found.problem or len(found.events) <= 1
