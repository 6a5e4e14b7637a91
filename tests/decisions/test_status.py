"""What the commit status says of each decision, and that decisions can travel."""

from typing import get_args

import pytest
from pydantic import TypeAdapter

from bot.decisions.promotion import (
    LONGEST_STATUS,
    Blocked,
    Build,
    Cancelled,
    Decision,
    Finish,
    Hold,
    Merge,
    MergedByHand,
    Rebuild,
    Status,
    Supersede,
    UpToDate,
    Wait,
    status_of,
)
from bot.decisions.verdicts import Failed, GateResult
from tests.decisions.build import HEAD, NOON, SOURCE, TARGET

EVERY_DECISION: list[tuple[Decision, Status | None]] = [
    (UpToDate("same"), None),
    (Build(SOURCE, TARGET, "building"), Status("pending", "building")),
    (Rebuild(SOURCE, TARGET, "again"), Status("pending", "again")),
    (Supersede(SOURCE, "newer"), Status("pending", "newer")),
    (Wait("for `qa`\nto look", NOON), Status("pending", "for qa to look")),
    (Blocked("no"), Status("failure", "no")),
    (Hold("held"), Status("pending", "held")),
    (Merge(HEAD, "merge", "open"), Status("success", "every gate is open")),
    (Finish("done"), Status("success", "every gate is open")),
    (MergedByHand("rita", (GateResult("checks", Failed("no")),), "by hand"), None),
    (Cancelled("over"), Status("failure", "over")),
]


@pytest.mark.parametrize(("decision", "status"), EVERY_DECISION)
def test_the_status_is_success_only_where_it_is_merged_and_says_the_same_before_and_after(
    decision: Decision, status: Status | None
) -> None:
    assert status_of(decision) == status


@pytest.mark.parametrize(("decision", "_status"), EVERY_DECISION)
def test_a_decision_survives_the_way_through_temporal(
    decision: Decision, _status: Status | None
) -> None:
    adapter: TypeAdapter[Decision] = TypeAdapter(Decision)

    assert adapter.validate_json(adapter.dump_json(decision)) == decision


def test_the_tables_above_know_every_decision() -> None:
    assert {type(decision) for decision, _ in EVERY_DECISION} == set(get_args(Decision))


def test_a_long_reason_is_cut_where_the_forges_cut_a_status() -> None:
    status = status_of(Wait("waiting for " + "ci/test " * 30))

    assert status is not None
    assert len(status.line) == LONGEST_STATUS
    assert status.line.endswith("…")
