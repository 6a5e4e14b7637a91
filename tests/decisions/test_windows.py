"""Windows and freezes by the wall clock of their own zone, through every change of it."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.decisions.facts import Event
from bot.decisions.windows import (
    Stretch,
    frozen_by,
    instant,
    is_open,
    next_open,
    next_together,
    span,
    spell,
    stretches,
    thawed,
)
from config.freezes import Freeze
from config.times import Window, window

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",  # half an hour, in the southern summer
    "Pacific/Auckland",
    "America/Santiago",  # the clocks change at midnight
    "Asia/Kolkata",
    "Africa/Casablanca",
)
MOMENTS = st.integers(0, 730 * 24 * 3600).map(
    lambda seconds: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@st.composite
def windows(draw: st.DrawFn) -> Window:
    zone = draw(st.sampled_from(ZONES))
    opens, closes = (
        f"{draw(st.integers(0, 23)):02}:{draw(st.sampled_from((0, 15, 30))):02}" for _ in range(2)
    )
    days = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    if draw(st.booleans()) and opens != closes:
        first, last = draw(st.sampled_from(days)), draw(st.sampled_from(days))
        return window(f"{first} {opens}-{last} {closes} {zone}")
    chosen = draw(st.lists(st.sampled_from(days), min_size=1, unique=True))
    closes = "24:00" if closes == opens else closes
    return window(f"{','.join(chosen)} {opens}-{closes} {zone}")


@pytest.mark.parametrize(
    ("spelled", "moment", "inside"),
    [
        # Noon in UTC is two in the afternoon in Berlin's summer, one in its winter.
        ("Wed 13:30-15:00 Europe/Berlin", "2026-07-01T12:00Z", True),
        ("Wed 13:30-15:00 Europe/Berlin", "2026-12-02T12:00Z", False),
        ("Mon-Thu 09:00-16:00 UTC", "2026-07-01T09:00Z", True),
        ("Mon-Thu 09:00-16:00 UTC", "2026-07-01T16:00Z", False),
        ("Mon-Thu 09:00-16:00 UTC", "2026-07-03T10:00Z", False),
        # A window past midnight belongs to the day on which it opened.
        ("Fri 22:00-02:00 UTC", "2026-07-03T23:00Z", True),
        ("Fri 22:00-02:00 UTC", "2026-07-04T01:59Z", True),
        ("Fri 22:00-02:00 UTC", "2026-07-03T01:00Z", False),
        ("Sun 22:00-02:00 UTC", "2026-07-06T01:00Z", True),
        ("Sat 00:00-24:00 UTC", "2026-07-04T23:59Z", True),
        ("Sat 00:00-24:00 UTC", "2026-07-05T00:00Z", False),
        # One of several days.
        ("Fri 15:00-Mon 08:00 Europe/Berlin", "2026-07-03T12:59Z", False),
        ("Fri 15:00-Mon 08:00 Europe/Berlin", "2026-07-03T13:00Z", True),
        ("Fri 15:00-Mon 08:00 Europe/Berlin", "2026-07-05T12:00Z", True),
        ("Fri 15:00-Mon 08:00 Europe/Berlin", "2026-07-06T05:59Z", True),
        ("Fri 15:00-Mon 08:00 Europe/Berlin", "2026-07-06T06:00Z", False),
        ("Fri 15:00-Fri 08:00 UTC", "2026-07-03T10:00Z", False),
        ("Fri 15:00-Fri 08:00 UTC", "2026-07-03T07:59Z", True),
    ],
)
def test_a_window_is_judged_by_the_wall_clock_of_its_zone(
    spelled: str, moment: str, *, inside: bool
) -> None:
    assert is_open(window(spelled), at(moment)) is inside


@pytest.mark.parametrize(
    ("spelled", "day", "opens", "closes"),
    [
        # Spring, northern: 02:00 to 03:00 is skipped on Sunday 2026-03-29.
        ("Sun 01:30-04:00 Europe/Berlin", "2026-03-29", "03-29T00:30", "03-29T02:00"),
        ("Sun 02:30-04:00 Europe/Berlin", "2026-03-29", "03-29T01:00", "03-29T02:00"),
        ("Sun 01:00-02:30 Europe/Berlin", "2026-03-29", "03-29T00:00", "03-29T01:00"),
        # Autumn, northern: 02:00 to 03:00 comes twice on Sunday 2026-10-25; the first counts.
        ("Sun 01:30-04:00 Europe/Berlin", "2026-10-25", "10-24T23:30", "10-25T03:00"),
        ("Sun 02:15-02:45 Europe/Berlin", "2026-10-25", "10-25T00:15", "10-25T00:45"),
        # Over midnight into either.
        (
            "Sat 22:00-06:00 America/New_York",
            "2026-03-07",
            "03-08T03:00",
            "03-08T10:00",
        ),
        (
            "Sat 22:00-06:00 America/New_York",
            "2026-10-31",
            "11-01T02:00",
            "11-01T11:00",
        ),
        # Southern: spring is in October, autumn in April; in Santiago midnight itself is skipped.
        (
            "Sun 00:00-06:00 Australia/Sydney",
            "2026-10-04",
            "10-03T14:00",
            "10-03T19:00",
        ),
        (
            "Sun 00:00-06:00 Australia/Sydney",
            "2026-04-05",
            "04-04T13:00",
            "04-04T20:00",
        ),
        (
            "Sun 00:00-06:00 America/Santiago",
            "2026-09-06",
            "09-06T04:00",
            "09-06T09:00",
        ),
        (
            "Sun 02:15-04:00 Australia/Lord_Howe",
            "2026-10-04",
            "10-03T15:30",
            "10-03T17:00",
        ),
    ],
)
def test_a_window_opens_and_closes_by_the_clock_also_when_the_clocks_change(
    spelled: str, day: str, opens: str, closes: str
) -> None:
    one = window(spelled)
    midnight = instant(datetime.fromisoformat(day), one.timezone)

    found = next(s for s in stretches(one, midnight) if s.ends > midnight + timedelta(minutes=1))

    assert found == Stretch(at(f"2026-{opens}Z"), at(f"2026-{closes}Z"))


def test_a_window_that_lies_in_the_skipped_hour_does_not_come_that_day() -> None:
    nights = window("Sun 02:15-02:45 Europe/Berlin")

    opens = [each.begins for each in islice(stretches(nights, at("2026-03-21T00:00Z")), 3)]

    assert opens == [at("2026-03-22T01:15Z"), at("2026-04-05T00:15Z"), at("2026-04-12T00:15Z")]


@given(windows(), MOMENTS)
def test_stretches_come_in_order_and_begin_and_end_when_the_clock_says_so(
    one: Window, now: datetime
) -> None:
    zone = ZoneInfo(one.timezone)
    before = now
    for stretch in islice(stretches(one, now), 4):
        assert before < stretch.ends
        assert stretch.begins < stretch.ends
        before = stretch.ends
        for moment, clock in ((stretch.begins, one.opens), (stretch.ends, one.closes)):
            shown = moment.astimezone(zone)
            earlier = (moment - timedelta(seconds=1)).astimezone(zone).replace(tzinfo=None)
            # Either it shows the time, or the clocks have just skipped it.
            skipped = shown.replace(tzinfo=None) - earlier > timedelta(seconds=1)
            assert shown.time() == clock or skipped


@given(windows(), MOMENTS)
def test_a_window_is_open_just_inside_its_stretches(one: Window, now: datetime) -> None:
    first = next(stretches(one, now))

    assert is_open(one, now) is (first.begins <= now)
    assert is_open(one, first.begins)
    assert is_open(one, first.ends - timedelta(seconds=1))
    assert next_open([one], now) == max(first.begins, now)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(windows(), min_size=1, max_size=2).map(tuple), min_size=1, max_size=3).map(
        tuple
    ),
    MOMENTS,
)
def test_the_first_moment_at_which_all_sets_are_open_is_one_and_the_first(
    sets: tuple[tuple[Window, ...], ...], now: datetime
) -> None:
    def together(moment: datetime) -> bool:
        return all(any(is_open(one, moment) for one in each) for each in sets)

    found = next_together(sets, now)

    if found is None:
        assert not together(now)
        return
    assert found >= now
    assert together(found)
    assert found == now or not together(found - timedelta(seconds=1))
    steps = min(int((found - now) / timedelta(minutes=15)), 50)
    assert not any(together(now + timedelta(minutes=15) * step) for step in range(steps))


def test_windows_that_never_meet_are_found_out() -> None:
    sets = ((window("Mon 09:00-12:00 UTC"),), (window("Tue 09:00-12:00 UTC"),))

    assert next_together(sets, at("2026-07-01T12:00Z")) is None


def test_windows_that_meet_only_while_clocks_differ_are_found_to_meet() -> None:
    # Berlin is six hours ahead of New York, and five for some weeks in spring.
    sets = (
        (window("Mon 15:00-16:00 Europe/Berlin"),),
        (window("Mon 10:00-11:00 America/New_York"),),
    )

    assert next_together(sets, at("2026-01-01T12:00Z")) == at("2026-03-09T14:00Z")


def freeze(**said: object) -> Freeze:
    return Freeze.model_validate({"reason": "rest", **said})


@pytest.mark.parametrize(
    ("moment", "frozen"),
    [
        ("2026-12-19T22:59Z", False),
        ("2026-12-19T23:00Z", True),
        ("2027-01-03T22:59Z", True),
        ("2027-01-03T23:00Z", False),
    ],
)
def test_a_freeze_lasts_from_its_first_day_to_the_end_of_its_last(
    moment: str, *, frozen: bool
) -> None:
    dated = freeze(**{"from": "2026-12-20", "to": "2027-01-03", "timezone": "Europe/Berlin"})

    assert (frozen_by(dated, (), at(moment)) is not None) is frozen


def test_a_freeze_across_a_change_of_the_clocks_keeps_its_hours() -> None:
    dated = freeze(
        **{"from": "2026-03-28 22:00", "to": "2026-03-29 08:00", "timezone": "Europe/Berlin"}
    )

    assert span(dated) == Stretch(at("2026-03-28T21:00Z"), at("2026-03-29T06:00Z"))


def test_freezes_that_follow_on_each_other_thaw_when_the_last_ends() -> None:
    weekend = freeze(every="Fri 15:00-Mon 08:00 UTC", reason="weekend")
    fair = freeze(**{"from": "2026-07-06", "to": "2026-07-07", "reason": "fair"})
    calendar = freeze(calendar="ops.ics")
    events = [Event(at("2026-07-07T20:00Z"), at("2026-07-08T04:00Z"), "migration")]
    all_three = [(weekend, ()), (fair, ()), (calendar, events)]

    assert thawed(all_three, at("2026-07-04T12:00Z")) == (at("2026-07-08T04:00Z"), ("weekend",))
    assert thawed(all_three, at("2026-07-08T04:00Z")) == (at("2026-07-08T04:00Z"), ())


def test_a_freeze_without_end_is_found_out() -> None:
    for_ever = [(freeze(every="Mon-Sun 00:00-24:00 UTC"), ())]

    assert thawed(for_ever, at("2026-07-04T12:00Z")) == (None, ("rest",))


@given(st.lists(windows(), min_size=1, max_size=3), MOMENTS)
def test_nothing_is_frozen_at_the_thaw_and_something_just_before(
    recurring: list[Window], now: datetime
) -> None:
    freezes = [(freeze(every=each), ()) for each in recurring]

    until, reasons = thawed(freezes, now)

    frozen = [is_open(each, now) for each in recurring]
    assert bool(reasons) == any(frozen)
    if until is not None:
        assert until >= now
        assert not any(is_open(each, until) for each in recurring)
        just_before = until - timedelta(seconds=1)
        assert until == now or any(is_open(each, just_before) for each in recurring)


def test_a_moment_is_spelled_in_its_zone_and_never_too_early() -> None:
    assert spell(at("2026-11-30T08:00Z"), "Europe/Berlin") == "Mon 2026-11-30 09:00 Europe/Berlin"
    assert spell(at("2026-11-30T08:00:01Z"), "UTC") == "Mon 2026-11-30 08:01 UTC"
    assert spell(at("2026-11-30T08:00:59Z"), "UTC", past=True) == "Mon 2026-11-30 08:00 UTC"
