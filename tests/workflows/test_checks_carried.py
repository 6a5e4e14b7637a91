"""A promotion's state carries of its checks what decides, however many there are."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from bot.decisions.facts import Candidate, Check, CheckState, GateFacts
from bot.decisions.gates.checks import checks
from bot.decisions.requirements import Requirements
from config.gates import Checks
from workflows.checks_carried import carried, checks_of
from workflows.values.base import RepositoryKey
from workflows.values.promotion import PromotionState

SHA = "c" * 40
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
CANDIDATE = Candidate(SHA, "a" * 40, "b" * 40, "d" * 64, NOON)
STATES: list[CheckState] = ["pending", "success", "neutral", "failure", "action_required"]
EVERY = Requirements(checks=Checks(required=("*", "ci/test")))


def state_of(found: list[Check]) -> PromotionState:
    key = RepositoryKey(forge="github", owner="acme", name="config")
    state = PromotionState(
        repository=key, environment="staging", source=SHA, first=SHA, candidate=CANDIDATE
    )
    return state.model_copy(update=carried(found, EVERY))


def reports(states: list[CheckState]) -> list[Check]:
    names = ["ci/test", *(f"ci/unit-tests-{number:03}" for number in range(len(states)))]
    return [Check(name, SHA, state, NOON) for name, state in zip(names, states, strict=False)]


def verdict(found: tuple[Check, ...], more: int = 0) -> object:
    facts = GateFacts(CANDIDATE, checks=found, more_green=more)
    return [result.verdict for result in checks(EVERY, facts, NOON)]


@given(st.lists(st.sampled_from(STATES), max_size=40))
def test_what_is_carried_is_judged_as_all_would_be(states: list[CheckState]) -> None:
    found = reports(states)

    carried = state_of(found)

    assert verdict(checks_of(carried), carried.more_green) == verdict(tuple(found))


def test_a_hundred_checks_take_little_more_than_their_names() -> None:
    alone = len(state_of(reports(["success"])).model_dump_json())
    green = len(state_of(reports(["success"] * 100)).model_dump_json())
    waiting = len(state_of(reports(["pending"] * 100)).model_dump_json())

    # A step takes a state and gives one; a hop has three of them in 12 KB.
    assert green - alone < 1_000
    assert waiting - alone < 2_200


def test_a_hundred_that_succeeded_are_a_few_names_and_a_number() -> None:
    carried = state_of(reports(["success"] * 100))

    (result,) = checks(EVERY, GateFacts(CANDIDATE, checks_of(carried), carried.more_green), NOON)

    assert result.verdict.reason == (
        "ci/test, ci/unit-tests-000, ci/unit-tests-001, ci/unit-tests-002, ci/unit-tests-003, "
        "ci/unit-tests-004 and 94 more succeeded"
    )
