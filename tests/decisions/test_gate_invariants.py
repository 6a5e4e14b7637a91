"""What holds of every gate: what nobody observed opens none, and a time that is said is kept."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.decisions.facts import (
    Answer,
    Calendar,
    CodeOwners,
    Event,
    GateFacts,
    Owned,
    Rested,
    Run,
    RunState,
    Waiting,
)
from bot.decisions.gates import Closed, Open, evaluate
from bot.decisions.gates.outside import key_of
from bot.decisions.requirements import Requirements
from config.freezes import Freeze
from config.gates import Checks, SchemaRule
from config.outside import HttpGate, MetricsGate, WorkflowGate
from config.times import window
from tests.decisions.build import CANDIDATE, NOON, check, minutes, review, signed

ROOM = HttpGate.model_validate({"name": "room", "url": "https://x.example", "condition": "ok"})
ERRORS = MetricsGate.model_validate(
    {"name": "errors", "url": "https://p.example", "query": "q", "expect": "< 1", "for": "10m"}
)
QA = WorkflowGate.model_validate({"name": "qa", "workflow": "qa.yml", "timeout": "2h"})
WINDOWS = st.sampled_from(
    (
        "Mon-Fri 09:00-17:00 Europe/Berlin",
        "Mon 12:30-13:00 UTC",
        "Sat-Sun 00:00-24:00 America/New_York",
        "Fri 18:00-Mon 11:00 UTC",
        "Mon-Sun 22:00-02:00 Pacific/Auckland",
    )
).map(window)
FREEZES = st.sampled_from(
    (
        Freeze.model_validate({"from": "2026-06-01", "to": "2026-06-03", "reason": "fair"}),
        Freeze.model_validate({"every": "Mon 11:00-15:00 UTC", "reason": "lunch"}),
        Freeze.model_validate({"every": "Fri 15:00-Mon 14:30 Europe/Berlin", "reason": "rest"}),
        Freeze.model_validate({"calendar": "ops.ics"}),
    )
)
TIMES = st.integers(-3000, 3000).map(lambda number: minutes(number / 2))
NEAR = st.integers(-40, 10).map(lambda number: minutes(number / 2))
NEEDED = st.builds(
    Requirements,
    checks=st.sampled_from((Checks(), Checks(required=("ci/test",), timeout=timedelta(hours=1)))),
    soak=st.none() | st.sampled_from((timedelta(hours=1), timedelta(days=1))),
    approvals=st.integers(0, 1),
    code_owners=st.booleans(),
    sign_offs=st.sampled_from(((), ("qa",))),
    windows=st.lists(st.lists(WINDOWS, min_size=1, max_size=2).map(tuple), max_size=2).map(tuple),
    drained=st.booleans(),
    required_files=st.sampled_from(((), ("OWNERS",))),
    schemas=st.sampled_from(
        ((), (SchemaRule.model_validate({"path": "*.yaml", "schema": "s.json"}),))
    ),
    http=st.sampled_from(((), (ROOM,))),
    metrics=st.sampled_from(((), (ERRORS,))),
    workflow=st.sampled_from(((), (QA,))),
    freezes=st.lists(FREEZES, max_size=2).map(tuple),
)
ANSWERS = st.builds(Answer, NEAR, st.booleans(), st.just("answers"), st.none() | NEAR)
OBSERVED: dict[str, st.SearchStrategy[Any]] = {
    "rested": st.builds(Rested, st.none() | TIMES, st.just("a" * 40)),
    "below": st.sampled_from(((), (Waiting("staging", "production", 1),))),
    "calendars": st.fixed_dictionaries(
        {
            "ops.ics": st.builds(
                Calendar,
                st.lists(
                    st.builds(
                        lambda at, long: Event(at, at + timedelta(minutes=long), "event"),
                        TIMES,
                        st.integers(1, 900),
                    ),
                    max_size=2,
                ).map(tuple),
            )
            | st.builds(Calendar, problem=st.just("it is gone"), again=st.none() | TIMES)
        }
    ),
    "code_owners": st.builds(
        CodeOwners,
        st.sampled_from(((), (Owned("*", ("@rob",), frozenset({"rob"})),))),
        st.sampled_from(("", "there is none")),
    ),
    "missing": st.sampled_from(((), ("OWNERS",))),
    "invalid": st.sampled_from(((), ("a.yaml:1:1: no",))),
    "answers": st.fixed_dictionaries({key_of(ROOM): ANSWERS, key_of(ERRORS): ANSWERS}),
    "runs": st.fixed_dictionaries(
        {key_of(QA): st.builds(Run, st.sampled_from(get_args(RunState)), TIMES, NEAR)}
    ),
}
FACTS = st.fixed_dictionaries(OBSERVED).map(
    lambda observed: GateFacts(
        CANDIDATE,
        checks=(check("ci/test", "pending"),),
        reviews=(review("rob"),),
        sign_offs=(signed("quinn"),),
        **observed,
    )
)
DEFAULTS: dict[str, Any] = {name: getattr(GateFacts(CANDIDATE), name) for name in OBSERVED}


def verdicts(needed: Requirements, facts: GateFacts, now: datetime) -> dict[str, Any]:
    return {result.gate: result.verdict for result in evaluate(needed, facts, now)}


@settings(deadline=None)
@given(NEEDED, FACTS, st.sampled_from(sorted(OBSERVED)))
def test_what_was_not_observed_never_opens_a_gate(
    needed: Requirements, facts: GateFacts, name: str
) -> None:
    before = verdicts(needed, facts, NOON)
    without = verdicts(needed, replace(facts, **{name: DEFAULTS[name]}), NOON)

    opened = [
        gate
        for gate, verdict in without.items()
        if isinstance(verdict, Open) and not isinstance(before[gate], Open)
    ]
    assert opened == []


@settings(deadline=None)
@given(NEEDED)
def test_with_nothing_observed_time_alone_opens_anything(needed: Requirements) -> None:
    found = verdicts(needed, GateFacts(CANDIDATE), NOON)

    may = {"windows"}
    if not needed.checks.required:
        may.add("checks")
    if all(freeze.calendar is None for freeze in needed.freezes):
        may.add("freezes")
    assert {gate for gate, verdict in found.items() if isinstance(verdict, Open)} <= may


@settings(deadline=None, max_examples=200)
@given(NEEDED, FACTS)
def test_a_time_that_is_said_is_not_past_and_something_else_is_said_when_it_comes(
    needed: Requirements, facts: GateFacts
) -> None:
    for gate, verdict in verdicts(needed, facts, NOON).items():
        if isinstance(verdict, Closed) and verdict.until is not None:
            assert verdict.until > NOON, gate
            then = verdicts(needed, facts, verdict.until)[gate]
            assert then != verdict, gate
            if isinstance(then, Closed) and then.until is not None:
                assert then.until > verdict.until, gate


@settings(deadline=None)
@given(NEEDED, FACTS, TIMES)
def test_every_gate_explains_itself_in_one_line(
    needed: Requirements, facts: GateFacts, now: datetime
) -> None:
    for gate, verdict in verdicts(needed, facts, now).items():
        assert verdict.reason, gate
        assert verdict.reason == verdict.reason.strip(" .;"), gate
        assert "\n" not in verdict.reason, gate
