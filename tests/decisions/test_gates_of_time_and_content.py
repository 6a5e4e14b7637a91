"""Soak, windows, freezes, drained, required files and schemas: what each says, case by case."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.decisions.facts import Calendar, Event, GateFacts, Rested, Waiting
from bot.decisions.gates import Closed, Failed, Open, Verdict
from bot.decisions.requirements import Requirements
from config.freezes import Freeze
from config.gates import SchemaRule
from config.times import window
from tests.decisions.build import CANDIDATE, NOON, minutes, verdict

FACTS = GateFacts(CANDIDATE)
DAY = timedelta(days=1)
SOAK = Requirements(soak=DAY)


@pytest.mark.parametrize(
    ("rested", "expected"),
    [
        (None, Closed("it is not known since when the content rests in its source")),
        (
            Rested(NOON - timedelta(hours=1), "a" * 40),
            Closed(
                "rests in its source since Mon 2026-06-01 11:00 UTC, when aaaaaaa changed it; "
                "the 1d are over Tue 2026-06-02 11:00 UTC",
                NOON - timedelta(hours=1) + DAY,
            ),
        ),
        (
            Rested(NOON - DAY, "a" * 40),
            Open("rests in its source unchanged since Sun 2026-05-31 12:00 UTC"),
        ),
        (
            Rested(None, "a" * 40),
            Failed(
                "the source holds something else since aaaaaaa, so that this content no longer "
                "rests there; promote what is there now"
            ),
        ),
    ],
)
def test_content_rests_from_its_newest_change_for_the_whole_time(
    rested: Rested | None, expected: Verdict
) -> None:
    assert verdict("soak", SOAK, replace(FACTS, rested=rested)) == expected


MORNINGS = (window("Mon-Thu 09:00-11:00 UTC"),)
BERLIN = (window("Mon-Fri 14:30-16:00 Europe/Berlin"), window("Sun 10:00-12:00 Europe/Berlin"))


@pytest.mark.parametrize(
    ("sets", "expected"),
    [
        (
            ((window("Mon 10:00-13:00 UTC"),),),
            Open("inside its window, Mon 10:00-13:00 UTC"),
        ),
        (
            (MORNINGS,),
            Closed(
                "opens Tue 2026-06-02 09:00 UTC; its window is Mon-Thu 09:00-11:00 UTC",
                datetime(2026, 6, 2, 9, tzinfo=UTC),
            ),
        ),
        (
            (BERLIN,),
            Closed(
                "opens Mon 2026-06-01 14:30 Europe/Berlin; its window is Mon-Fri 14:30-16:00 "
                "Europe/Berlin, Sun 10:00-12:00 Europe/Berlin",
                minutes(30),
            ),
        ),
        # One of each set at once.
        (
            ((window("Mon-Sun 08:00-20:00 UTC"),), (window("Sat 18:00-23:00 UTC"),)),
            Closed(
                "opens Sat 2026-06-06 18:00 UTC; its window is Mon-Sun 08:00-20:00 UTC and "
                "Sat 18:00-23:00 UTC",
                datetime(2026, 6, 6, 18, tzinfo=UTC),
            ),
        ),
        (
            (MORNINGS, (window("Sat 18:00-23:00 UTC"),)),
            Failed(
                "these windows are never open at once: Mon-Thu 09:00-11:00 UTC and "
                "Sat 18:00-23:00 UTC; change one of them"
            ),
        ),
    ],
)
def test_one_window_of_each_set_must_be_open_and_the_next_opening_is_said(
    sets: tuple[tuple[object, ...], ...], expected: Verdict
) -> None:
    needed = Requirements(windows=sets)  # type: ignore[arg-type] # a table gives it

    assert verdict("windows", needed, FACTS) == expected


def freeze(**said: object) -> Freeze:
    return Freeze.model_validate(said)


FAIR = freeze(**{"from": "2026-06-01", "to": "2026-06-02", "reason": "the fair"})
WEEKEND = freeze(every="Fri 15:00-Mon 13:00 Europe/Berlin", reason="weekend")
OPS = freeze(calendar="ops.ics", timezone="Europe/Berlin")
UNREAD = Closed(
    "whether a freeze is on cannot be told: the calendar ops.ics: it has not been read yet"
)


@pytest.mark.parametrize(
    ("freezes", "calendar", "expected"),
    [
        ((WEEKEND,), None, Open("no freeze is on")),
        (
            (freeze(every="Mon 13:00-16:00 Europe/Berlin", reason="lunch"),),
            None,
            Closed("frozen until Mon 2026-06-01 16:00 Europe/Berlin: lunch", minutes(120)),
        ),
        ((FAIR,), None, Closed("frozen until Wed 2026-06-03 00:00 UTC: the fair", minutes(2160))),
        ((OPS,), None, UNREAD),
        ((OPS,), Calendar(), Open("no freeze is on")),
        (
            (OPS,),
            Calendar((Event(minutes(-5), minutes(5), "migration"),)),
            Closed("frozen until Mon 2026-06-01 14:05 Europe/Berlin: migration", minutes(5)),
        ),
        ((OPS,), Calendar((Event(minutes(-5), minutes(0), "over"),)), Open("no freeze is on")),
        (
            (OPS,),
            Calendar((Event(minutes(-5), minutes(5), ""),)),
            Closed(
                "frozen until Mon 2026-06-01 14:05 Europe/Berlin: an event of the calendar",
                minutes(5),
            ),
        ),
        (
            (OPS,),
            Calendar(problem="it is not UTF-8", again=minutes(5)),
            Closed(
                "whether a freeze is on cannot be told: the calendar ops.ics: it is not UTF-8",
                minutes(5),
            ),
        ),
        # What is known to be frozen is said before what is not known.
        (
            (OPS, FAIR),
            Calendar(problem="it is not UTF-8", again=minutes(5)),
            Closed("frozen until Wed 2026-06-03 00:00 UTC: the fair", minutes(2160)),
        ),
        (
            (FAIR, OPS),
            Calendar((Event(minutes(2160), minutes(2170), "after the fair"),)),
            Closed("frozen until Wed 2026-06-03 00:10 UTC: the fair", minutes(2170)),
        ),
        (
            (freeze(every="Mon-Sun 00:00-24:00 UTC", reason="closed"),),
            None,
            Failed("frozen without end: closed; change one of the freezes"),
        ),
    ],
)
def test_a_freeze_says_until_when_and_why_and_an_unread_calendar_is_one(
    freezes: tuple[Freeze, ...], calendar: Calendar | None, expected: Verdict
) -> None:
    facts = replace(FACTS, calendars={"ops.ics": calendar} if calendar else {})

    assert verdict("freezes", Requirements(freezes=freezes), facts) == expected


@pytest.mark.parametrize(
    ("below", "expected"),
    [
        (None, Closed("it is not known what waits further down")),
        ((), Open("nothing waits further down")),
        (
            (Waiting("staging", "production", 1), Waiting("production", "archive", 2)),
            Closed(
                "further down 1 change from staging to production, "
                "2 changes from production to archive must be promoted first"
            ),
        ),
    ],
)
def test_what_waits_further_down_goes_first(
    below: tuple[Waiting, ...] | None, expected: Verdict
) -> None:
    assert verdict("drained", Requirements(drained=True), replace(FACTS, below=below)) == expected


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        (None, Closed("it is not known which files the candidate has")),
        ((), Open("every required file is there")),
        (
            ("OWNERS",),
            Failed("the candidate has no OWNERS; add what is missing to the source"),
        ),
        (
            ("a", "b", "c", "d", "e"),
            Failed("the candidate has no a, b, c, and 2 more; add what is missing to the source"),
        ),
    ],
)
def test_a_required_file_that_is_missing_is_named(
    missing: tuple[str, ...] | None, expected: Verdict
) -> None:
    facts = replace(FACTS, missing=missing)

    assert verdict("required_files", Requirements(required_files=("OWNERS",)), facts) == expected


@pytest.mark.parametrize(
    ("invalid", "expected"),
    [
        (None, Closed("the candidate has not been compared with its schemas")),
        ((), Open("every promoted file is as its schema says")),
        (("a.yaml:1:2: no",), Failed("a.yaml:1:2: no")),
        (("one", "two", "three", "four"), Failed("one; two; three, and 1 more")),
    ],
)
def test_what_is_not_as_its_schema_says_is_said_with_its_place(
    invalid: tuple[str, ...] | None, expected: Verdict
) -> None:
    needed = Requirements(
        schemas=(SchemaRule.model_validate({"path": "*.yaml", "schema": "s.json"}),)
    )

    assert verdict("schemas", needed, replace(FACTS, invalid=invalid)) == expected
