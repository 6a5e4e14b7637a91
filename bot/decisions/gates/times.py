"""The gates `soak`, `windows` and `freezes`: whether it is time, and when it will be."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from bot.decisions.facts import Calendar, GateFacts, Rested, Stop
from bot.decisions.gates.wording import listed
from bot.decisions.requirements import Requirements
from bot.decisions.verdicts import Closed, Failed, GateResult, Open, Verdict
from bot.decisions.windows import frozen_by, is_open, next_together, spell, thawed
from config.freezes import Freeze
from config.times import Window, spell_duration

# How often to see whether a stop that is inherited is over.
LOOK_AGAIN = timedelta(minutes=10)
_UNREAD = Calendar(problem="it has not been read yet")


def soak(needed: Requirements, facts: GateFacts, now: datetime) -> Iterator[GateResult]:
    """Judge how long the content has rested in its source, without a change in between."""
    if needed.soak is None:
        return
    yield GateResult("soak", _soak(needed.soak, facts.rested, now))


def _soak(length: timedelta, rested: Rested | None, now: datetime) -> Verdict:
    if rested is None:
        return Closed("it is not known since when the content rests in its source")
    if rested.since is None:
        return Failed(
            f"the source holds something else since {rested.commit[:7]}, so that this content no "
            "longer rests there; promote what is there now"
        )
    since, due = spell(rested.since, "UTC", past=True), rested.since + length
    if now >= due:
        return Open(f"rests in its source unchanged since {since}")
    return Closed(
        f"rests in its source since {since}, when {rested.commit[:7]} changed it; "
        f"the {spell_duration(length)} are over {spell(due, 'UTC')}",
        due,
    )


def windows(needed: Requirements, _: GateFacts, now: datetime) -> Iterator[GateResult]:
    """Judge whether one window of each set is open, and say when that will be."""
    if needed.windows:
        yield GateResult("windows", _windows(needed.windows, now))


def _windows(sets: tuple[tuple[Window, ...], ...], now: datetime) -> Verdict:
    spelled = " and ".join(listed(map(str, each)) for each in sets)
    shut = [each for each in sets if not any(is_open(window, now) for window in each)]
    if not shut:
        return Open(f"inside its window, {spelled}")
    opens = next_together(sets, now)
    if opens is None:
        return Failed(f"these windows are never open at once: {spelled}; change one of them")
    zone = shut[0][0].timezone
    return Closed(f"opens {spell(opens, zone)}; its window is {spelled}", opens)


def freezes(needed: Requirements, facts: GateFacts, now: datetime) -> Iterator[GateResult]:
    """Judge whether a freeze is on, and say until when and why; a stop is said first."""
    if facts.stops:
        yield GateResult("freezes", _stopped(facts.stops, now))
    elif needed.freezes:
        yield GateResult("freezes", _freezes(needed.freezes, facts, now))
    elif facts.thawed:
        yield GateResult("freezes", Open(f"a freeze is over: {facts.thawed}"))


def stopped(stops: Iterable[Stop]) -> str:
    """Return who has stopped everything, since when, why, and what ends it."""
    return "; ".join(
        (f"everything that inherits from {stop.where} is frozen" if stop.where else "frozen")
        + f" since {spell(stop.since, 'UTC')} by {stop.by}: {stop.reason}, until the branch "
        + "`lockstep/freeze`"
        + (f" of {stop.where}" if stop.where else "")
        + " is deleted"
        for stop in stops
    )


def in_short(stops: Iterable[Stop]) -> str:
    """Return whose freezes these are, to say later that they are over."""
    return "; ".join(f"{stop.reason}, by {stop.by}" for stop in stops)


def _stopped(stops: tuple[Stop, ...], now: datetime) -> Verdict:
    # No event tells a repository what becomes of another's branch.
    inherited = any(stop.where for stop in stops)
    return Closed(stopped(stops), now + LOOK_AGAIN if inherited else None)


def _freezes(freezes: tuple[Freeze, ...], facts: GateFacts, now: datetime) -> Verdict:
    calendars = {
        freeze.calendar: facts.calendars.get(freeze.calendar, _UNREAD)
        for freeze in freezes
        if freeze.calendar is not None
    }
    known = [
        (freeze, calendars[freeze.calendar].events if freeze.calendar else ()) for freeze in freezes
    ]
    until, reasons = thawed(known, now)
    unread = {name: read for name, read in calendars.items() if read.problem}
    if until is None:
        return Failed(f"frozen without end: {listed(reasons)}; change one of the freezes")
    if reasons:
        on = next(freeze for freeze, events in known if frozen_by(freeze, events, now))
        zone = on.every.timezone if on.every else on.timezone
        return Closed(f"frozen until {spell(until, zone)}: {listed(reasons)}", until)
    if unread:
        again = [read.again for read in unread.values() if read.again and read.again > now]
        said = "; ".join(f"the calendar {name}: {read.problem}" for name, read in unread.items())
        return Closed(f"whether a freeze is on cannot be told: {said}", min(again, default=None))
    return Open("no freeze is on")
