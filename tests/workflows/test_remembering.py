"""What a pipeline remembers: everything is taken once, and what came meanwhile is kept."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.workflows.test_routing import CANDIDATE, NEW, OTHER, REPOSITORY, STAGING, comment, state
from webhook.events import Delivery, Push
from workflows.remembering import ended, has_rival, heard_once, opened, received, surveyed, without
from workflows.values.looks import Survey
from workflows.values.pipeline import Planned, Report

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
ROLL_BACK = STAGING.model_copy(update={"rolls_back": "ada", "workflow_id": "rollback/staging"})
SURVEY = Survey(managed=True, until=NOON + timedelta(minutes=10), looked=NOON)


def delivery(name: str) -> Delivery:
    push = Push(branch="develop", before=OTHER, after=CANDIDATE, by="ada")
    return Delivery(id=name, repository=REPOSITORY, event=push)


def planned(environment: str, hour: int = 13) -> Planned:
    at = NOON.replace(hour=hour)
    return Planned(environment=environment, at=at, wall=f"{hour}:00", person="ada")


def test_a_delivery_is_taken_once_however_often_and_whenever_it_comes() -> None:
    after, first = received(state(), [delivery("a"), delivery("b"), delivery("a")])
    after, second = received(after, [delivery("b"), delivery("c")])

    assert [one.id for one in first] == ["a", "b"]
    assert [one.id for one in second] == ["c"]
    assert after.taken == ("a", "b", "c")


def test_of_deliveries_and_comments_the_newest_are_remembered() -> None:
    many = range(1000)

    took, _ = received(state(), [delivery(f"d-{n}") for n in many])
    heard, _ = heard_once(state(), [comment().model_copy(update={"id": n}) for n in many])

    assert took.taken == tuple(f"d-{n}" for n in many[-512:])
    assert heard.heard == tuple(many[-512:])


def test_a_comment_that_was_found_and_told_of_is_answered_once() -> None:
    after, first = heard_once(state(), [comment()])
    after, second = heard_once(after, [comment()])

    assert (first, second, after.heard) == ([comment()], [], (1,))


def test_a_promotion_takes_the_place_of_what_was_known_of_it() -> None:
    told = STAGING.model_copy(update={"source_branch": "trunk"})

    assert opened(state(NEW, ROLL_BACK), told).open == (ROLL_BACK, told)


def test_what_was_heard_of_its_checks_is_kept_for_the_same_candidate_alone() -> None:
    before = state(STAGING.model_copy(update={"reported": ("ci/one",)}))
    built_anew = STAGING.model_copy(update={"candidate": OTHER})

    assert opened(before, STAGING).open[0].reported == ("ci/one",)
    assert opened(before, built_anew).open[0].reported == ()


def test_only_another_promotion_into_the_same_environment_is_a_rival() -> None:
    another = STAGING.model_copy(update={"workflow_id": "promotion/another"})

    assert has_rival(state(another), STAGING)
    assert not has_rival(state(STAGING, ROLL_BACK), STAGING)


def test_a_promotion_that_is_over_is_not_open_and_what_it_took_is_not_answered_anew() -> None:
    passed_on = comment()
    report = Report(promotion=STAGING, ended=True, comments=(passed_on,), taken=(passed_on.id, 2))

    after = ended(state(STAGING, ROLL_BACK), report)

    assert after == without(state(STAGING, ROLL_BACK, heard=(2,)), STAGING.workflow_id)
    assert heard_once(after, [passed_on])[1] == [passed_on]


def test_a_commit_is_not_tried_again_by_itself_where_a_person_cancelled_its_promotion() -> None:
    cancelled = Report(promotion=STAGING, ended=True, cancelled=True)
    of_a_roll_back = Report(promotion=ROLL_BACK, ended=True, cancelled=True)

    assert ended(state(STAGING), cancelled).cancelled == (f"staging/{STAGING.source}",)
    assert ended(state(ROLL_BACK), of_a_roll_back).cancelled == ()


def test_a_survey_replaces_what_it_has_looked_at_and_adds_to_what_was_cancelled() -> None:
    before = state(STAGING, cancelled=("staging/one",), branches=("old",), heads="old")
    survey = SURVEY.model_copy(
        update={"branches": ("new",), "heads": "new", "bot": "lock", "cancelled": ("staging/two",)}
    )

    assert surveyed(before, before, survey) == state(
        STAGING,
        cancelled=("staging/one", "staging/two"),
        branches=("new",),
        heads="new",
        bot="lock",
        looked=NOON,
        began=NOON,
    )


def test_a_pipeline_began_with_its_first_survey() -> None:
    asked = state(began=NOON - timedelta(days=1))

    assert surveyed(asked, asked, SURVEY).began == asked.began


STAGING_AT_ONE, STAGING_AT_TWO, PRODUCTION = (
    planned("staging"),
    planned("staging", 14),
    planned("production"),
)


@pytest.mark.parametrize(
    ("asked", "now", "left", "stays"),
    [
        pytest.param([PRODUCTION], [PRODUCTION], [], [], id="it was done"),
        pytest.param([PRODUCTION], [], [PRODUCTION], [], id="it was taken back meanwhile"),
        pytest.param([], [PRODUCTION], [], [PRODUCTION], id="it was planned meanwhile"),
        pytest.param(
            [STAGING_AT_ONE, PRODUCTION],
            [PRODUCTION, STAGING_AT_TWO],
            [STAGING_AT_ONE, PRODUCTION],
            [PRODUCTION, STAGING_AT_TWO],
            id="it was moved meanwhile",
        ),
        pytest.param([PRODUCTION], [PRODUCTION], None, [PRODUCTION], id="a worker knows of none"),
    ],
)
def test_what_is_planned_after_a_survey(
    asked: list[Planned], now: list[Planned], left: list[Planned] | None, stays: list[Planned]
) -> None:
    survey = SURVEY.model_copy(update={"planned": None if left is None else tuple(left)})

    after = surveyed(state(planned=tuple(now)), state(planned=tuple(asked)), survey)

    assert after.planned == tuple(stays)
