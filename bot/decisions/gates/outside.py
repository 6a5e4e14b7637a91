"""The gates `http`, `metrics` and `workflow`: what others have answered, and since when.

An answer holds for as long as the gate waits between two questions, and no longer: before
a merge it is always a fresh one.
"""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from bot.decisions.facts import Answer, GateFacts, Run
from bot.decisions.requirements import Requirements
from bot.decisions.verdicts import Closed, Failed, GateResult, Open, Verdict
from bot.decisions.windows import spell
from config.outside import HttpGate, MetricsGate, WorkflowGate
from config.times import spell_duration

# Between asking and deciding some time passes, and a clock may differ from another.
_GRACE = timedelta(minutes=1)
_POLL = timedelta(minutes=2)


def key_of(gate: HttpGate | MetricsGate | WorkflowGate) -> str:
    """Return what a gate's facts are filed under: another question has another key."""
    return hashlib.sha256(gate.model_dump_json().encode()).hexdigest()[:16]


def is_due(answer: Answer | None, every: timedelta, now: datetime) -> bool:
    """Whether it is time to ask, for the first time or again."""
    return answer is None or now >= answer.at + every or answer.at > now + _GRACE


def is_run_due(run: Run | None, now: datetime) -> bool:
    """Whether it is time to start a run, or to look how it does; one that ended is looked at too.

    Rarely for one that takes long: what has run for an hour is not over in two minutes.
    """
    return run is None or now >= _next_look(run) or run.seen > now + _GRACE


def _next_look(run: Run) -> datetime:
    return run.seen + max(_POLL, (run.seen - run.started) / 10)


def http(needed: Requirements, facts: GateFacts, now: datetime) -> Iterator[GateResult]:
    """Judge what services answered."""
    for gate in needed.http:
        yield GateResult(f"http:{gate.name}", _answered(gate, facts.answers, now))


def metrics(needed: Requirements, facts: GateFacts, now: datetime) -> Iterator[GateResult]:
    """Judge what Prometheus measured, and for how long it has been so."""
    for gate in needed.metrics:
        yield GateResult(f"metrics:{gate.name}", _measured(gate, facts, now))


def workflow(needed: Requirements, facts: GateFacts, now: datetime) -> Iterator[GateResult]:
    """Judge the runs that were started on the candidate."""
    for gate in needed.workflow:
        run = facts.runs.get(key_of(gate))
        verdict = _ran(gate, run, now)
        twins = [each for each in needed.workflow if each.workflow == gate.workflow]
        if any(twin.inputs != gate.inputs for twin in twins):
            names = ", ".join(twin.name for twin in twins)
            what = gate.workflow or "the pipeline"
            # No forge tells what a run was started with.
            verdict = Failed(f"{names} start {what} with other inputs each; leave one of them")
        link = run.url if run is not None else ""
        yield GateResult(f"workflow:{gate.name}", verdict, link=link)


def _answered(
    gate: HttpGate | MetricsGate, answers: Mapping[str, Answer], now: datetime
) -> Verdict:
    answer = answers.get(key_of(gate))
    if answer is None:
        return Closed("has not been asked yet")
    due = answer.at + gate.every
    stale = due + _GRACE
    if is_due(answer, gate.every, now) and not answer.at <= now < stale:
        return Closed(
            f"has to be asked again: at {spell(answer.at, 'UTC', past=True)} {answer.said}"
        )
    if answer.holds:
        return Open(answer.said)
    return Closed(answer.said, due if now < due else stale)


def _measured(gate: MetricsGate, facts: GateFacts, now: datetime) -> Verdict:
    verdict = _answered(gate, facts.answers, now)
    if gate.for_ is None or not isinstance(verdict, Open):
        return verdict
    answer = facts.answers[key_of(gate)]
    if answer.since is None:
        return Closed("it is not known since when", answer.at + gate.every + _GRACE)
    due = answer.since + gate.for_
    if now >= due:
        return verdict
    length = spell_duration(gate.for_)
    since = spell(answer.since, "UTC", past=True)
    return Closed(f"{answer.said} since {since}, and needs that for {length}", due)


def _ran(gate: WorkflowGate, run: Run | None, now: datetime) -> Verdict:
    what = gate.workflow or "the pipeline"
    if run is None:
        return Closed(f"{what} is about to be started")
    if run.state == "success":
        return Open(f"{what} succeeded")
    if run.state in {"failure", "cancelled"}:
        became = "failed" if run.state == "failure" else "was cancelled"
        return Failed(f"{what} {became}; run it again there, it still counts")
    due = run.started + gate.timeout if gate.timeout else None
    if due is not None and now >= due and gate.timeout is not None:
        return Failed(
            f"{what} has not succeeded within {spell_duration(gate.timeout)}; see whether it "
            f"runs, it still counts"
        )
    look = _next_look(run)
    times = [time for time in (look if look > now else None, due) if time is not None]
    said = run.problem or f"{what} is {run.state}"
    return Closed(f"{said} since {spell(run.started, 'UTC', past=True)}", min(times, default=None))
