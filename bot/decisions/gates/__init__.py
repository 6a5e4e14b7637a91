"""Every gate of a promotion, judged on facts: none of them asks anybody anything.

`evaluate` is one table in the order of the documentation; each of its rows is a pure
function that yields a result for whatever of its kind applies.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from bot.decisions.facts import GateFacts
from bot.decisions.gates.checks import checks
from bot.decisions.gates.content import drained, required_files, schemas
from bot.decisions.gates.outside import http, metrics, workflow
from bot.decisions.gates.people import approvals, people_agree, sign_offs
from bot.decisions.gates.times import freezes, soak, windows
from bot.decisions.requirements import Requirements
from bot.decisions.verdicts import Closed, Failed, GateResult, Open, Verdict

__all__ = [
    "Closed",
    "Failed",
    "GateResult",
    "Open",
    "Verdict",
    "evaluate",
    "not_before",
    "people_agree",
    "undetermined",
]

Judge = Callable[[Requirements, GateFacts, datetime], Iterator[GateResult]]


def undetermined(needed: Requirements) -> Iterator[GateResult]:
    """Fail where what a promotion has to pass cannot be told: nobody knows what it lacks."""
    for gate in dict.fromkeys(gate for gate, _ in needed.undetermined):
        why = [reason for name, reason in needed.undetermined if name == gate]
        yield GateResult(gate, Failed("; ".join(why)))


def _undetermined(needed: Requirements, facts: GateFacts, now: datetime) -> Iterator[GateResult]:
    del facts, now
    return undetermined(needed)


TABLE: tuple[Judge, ...] = (
    checks,
    soak,
    approvals,
    sign_offs,
    windows,
    drained,
    required_files,
    schemas,
    http,
    metrics,
    workflow,
    freezes,
    _undetermined,
)


# Closed until a time that is known, whatever anybody says; asked until the answer is yes.
_BY_TIME = frozenset({"soak", "windows", "freezes"})
_ASKING = frozenset({"http", "metrics"})


def evaluate(needed: Requirements, facts: GateFacts, now: datetime) -> tuple[GateResult, ...]:
    """Return a result for every gate that applies, in the order of the documentation.

    A gate overridden for this very content is open. While a time is known before which
    nothing merges, nobody is asked again: that would cost a timer each, for nothing.
    """
    results = [
        GateResult(
            result.gate,
            _overridden(result.gate, facts) or result.verdict,
            needed.because.get(result.gate.partition(":")[0], ()),
            result.link,
        )
        for judge in TABLE
        for result in judge(needed, facts, now)
    ]
    moment = not_before(results) or now
    return tuple(_not_asked_before(moment, result) for result in results)


def not_before(results: Iterable[GateResult]) -> datetime | None:
    """Return the time before which nothing merges, whatever anybody says; None for none."""
    times = [_until(result) for result in results if result.gate in _BY_TIME]
    return max((time for time in times if time is not None), default=None)


def _until(result: GateResult) -> datetime | None:
    return result.verdict.until if isinstance(result.verdict, Closed) else None


def _not_asked_before(moment: datetime, result: GateResult) -> GateResult:
    until = _until(result)
    if result.gate.partition(":")[0] not in _ASKING or until is None or until >= moment:
        return result
    return replace(result, verdict=Closed(result.verdict.reason, moment))


def _overridden(gate: str, facts: GateFacts) -> Open | None:
    """Return what opens a gate in spite of itself; `http` is all of them, `http:name` one."""
    names = {gate, gate.partition(":")[0]}
    said = [
        override
        for override in facts.overrides
        if override.gate in names and override.digest == facts.candidate.digest
    ]
    if not said:
        return None
    last = max(said, key=lambda override: (override.at, override.person, override.reason))
    return Open(f"overridden by {last.person}: {last.reason}")
