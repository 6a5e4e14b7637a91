"""Where events go."""

from datetime import UTC, datetime

import pytest

from webhook.events import (
    BranchDeleted,
    ChecksChanged,
    Comment,
    Delivery,
    Event,
    InstallationChanged,
    PullRequestChanged,
    Push,
    RepositoryChanged,
    RepositoryRef,
    ReviewChanged,
)
from workflows.routing import GATHER, Routed, route, told_anew
from workflows.values.pipeline import OpenPromotion, PipelineState, Remembered
from workflows.values.promotion import News

CANDIDATE, OTHER = "c" * 40, "d" * 40
STAGING = OpenPromotion(
    environment="staging",
    source="a" * 40,
    workflow_id="promotion/github/acme/config/staging/aaaaaaaaaaaa",
    branch="lockstep/promote/staging/aaaaaaaaaaaa",
    source_branch="develop",
    target_branch="staging",
    number=7,
    candidate=CANDIDATE,
    awaits=("ci/one", "ci/two"),
)
NEW = OpenPromotion(
    environment="staging", source="a" * 40, workflow_id=STAGING.workflow_id, branch=STAGING.branch
)
REPOSITORY = RepositoryRef(
    forge="github", owner="acme", name="config", id=1, default_branch="trunk"
)


def state(*promotions: OpenPromotion, **known: object) -> PipelineState:
    return PipelineState(
        forge="github", owner="acme", name="config", id=1, bot="lockstep"
    ).model_copy(update={"open": promotions, **known})


def routed(before: PipelineState, *events: Event, at: datetime | None = None) -> Routed:
    deliveries = [
        Delivery(id=f"d-{n}", repository=REPOSITORY, event=event) for n, event in enumerate(events)
    ]
    return route(before, deliveries, at)


def comment(number: int = 7, *, on_pull_request: bool = True) -> Comment:
    at = datetime(2026, 1, 5, tzinfo=UTC)
    return Comment(
        number=number,
        id=1,
        author="ada",
        at=at,
        text="/hold wait",
        on_pull_request=on_pull_request,
    )


def closed(by: str, *, number: int = 7, merged: bool = False, head: str = "") -> PullRequestChanged:
    return PullRequestChanged(
        number=number,
        action="closed",
        head_branch=head or STAGING.branch,
        head_sha=CANDIDATE,
        base_branch="staging",
        merged=merged,
        from_fork=False,
        by=by,
    )


def push(branch: str, by: str = "ada") -> Push:
    return Push(branch=branch, before=None, after=OTHER, by=by)


def check(name: str | None, *, failed: bool = False, sha: str = CANDIDATE) -> ChecksChanged:
    return ChecksChanged(sha=sha, name=name, failed=failed)


# Checks


def test_a_promotion_hears_of_its_checks_when_all_that_it_awaits_have_succeeded() -> None:
    first = routed(state(STAGING), check("ci/one"))
    second = routed(first.state, check("ci/two"))

    assert first.news == {}
    assert second.news == {"staging": News(checks=True)}


def test_the_way_a_check_reported_is_told_where_it_is_the_only_one_awaited() -> None:
    one = STAGING.model_copy(update={"awaits": ("ci/one",)})
    status = ChecksChanged(sha=CANDIDATE, name="ci/one", by="status")
    run = status.model_copy(update={"by": "run"})

    assert routed(state(one), status).news == {"staging": News(checks=True, checks_by="status")}
    # Of two ways, and of others whose way nobody has written down, all are asked for.
    assert routed(state(one), status.model_copy(update={"failed": True}), run).news == {
        "staging": News(checks=True)
    }
    first = routed(state(STAGING), check("ci/two"))
    assert routed(first.state, status).news == {"staging": News(checks=True)}


def test_what_else_is_news_leaves_the_way_a_check_reported_as_it_was() -> None:
    one = STAGING.model_copy(update={"awaits": ("ci/one",)})
    status = ChecksChanged(sha=CANDIDATE, name="ci/one", by="status")

    found = routed(state(one), push("development"), status, push("development"))

    assert found.news == {"staging": News(checks=True, checks_by="status")}


def test_checks_that_it_does_not_await_and_those_that_say_it_again_are_no_news() -> None:
    complete = STAGING.model_copy(update={"reported": ("ci/one", "ci/two")})

    found = routed(state(complete), check("ci/other"), check("ci/one"), check("ci/two"))

    assert found.news == {}


def test_a_failure_is_always_news_and_its_success_afterwards_too() -> None:
    complete = STAGING.model_copy(update={"reported": ("ci/one", "ci/two")})

    failed = routed(state(complete), check("ci/other", failed=True), check("ci/two", failed=True))
    mended = routed(failed.state, check("ci/two"))

    assert failed.news == mended.news == {"staging": News(checks=True)}


def test_where_it_waits_for_whichever_reports_each_is_news_and_a_burst_is_one() -> None:
    any_check = STAGING.model_copy(update={"awaits": None})

    found = routed(state(any_check), *(check(f"ci/{n}") for n in range(50)))

    assert found.news == {"staging": News(checks=True)}


def test_a_suite_is_no_news_before_every_awaited_check_has_reported() -> None:
    complete = STAGING.model_copy(update={"reported": ("ci/one", "ci/two")})

    assert routed(state(STAGING), check(None)).news == {}
    assert routed(state(complete), check(None)).news == {"staging": News(checks=True)}


def test_checks_of_a_candidate_that_is_not_known_yet_wait_for_it() -> None:
    early = routed(state(NEW), check("ci/one", sha=CANDIDATE), check("ci/two", sha=CANDIDATE))

    later = routed(early.state.model_copy(update={"open": (STAGING,)}))

    assert (early.news, later.news) == ({}, {"staging": News(checks=True)})
    assert later.state.early == ()


def test_checks_of_commits_that_are_no_candidates_do_not_pile_up() -> None:
    found = routed(state(STAGING), *(check("x", sha=f"{n:040x}") for n in range(500)))

    assert len(found.state.early) == 64
    assert routed(state(), check("x", sha=OTHER)).state.early == ()


# Checks that nobody awaits by their names

ANY = STAGING.model_copy(update={"awaits": None})
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
WOKEN = {"staging": News(checks=True)}


def test_of_checks_that_report_soon_after_another_a_promotion_hears_once() -> None:
    first = routed(state(ANY), check("ci/0"), at=NOON)
    others = routed(first.state, *(check(f"ci/{n}") for n in range(1, 100)), at=NOON + GATHER / 2)
    nothing = routed(others.state, at=NOON + GATHER * 0.9)
    later = routed(nothing.state, at=NOON + GATHER)
    again = routed(later.state, at=NOON + GATHER * 2)

    found = [one.news for one in (first, others, nothing, later, again)]
    assert found == [WOKEN, {}, {}, WOKEN, {}]


def test_what_came_soon_is_told_when_it_turns_out_to_be_all_that_is_awaited() -> None:
    first = routed(state(ANY), check("ci/one"), at=NOON)
    soon = routed(first.state, check("ci/two"), at=NOON)

    def after(*awaits: str) -> Routed:
        told = soon.state.open[0].model_copy(update={"awaits": awaits})
        return routed(soon.state.model_copy(update={"open": (told,)}), at=NOON)

    assert after("ci/two").news == WOKEN
    assert after().news == after("ci/two", "ci/three").news == {}
    last = routed(after("ci/two", "ci/three").state, check("ci/three"), at=NOON)
    assert last.news == WOKEN


def test_a_failure_is_told_at_once_however_soon_it_came() -> None:
    first = routed(state(ANY), check("ci/one"), at=NOON)

    assert routed(first.state, check("ci/two", failed=True), at=NOON).news == WOKEN


UNKNOWN = ANY.model_copy(update={"unknown": True})
GUESSED = {"staging": News(checks=True, guessed=True)}


def told(before: Routed, update: dict[str, object]) -> Routed:
    """Route nothing more, after the promotion has told of itself anew."""
    promotion = told_anew(before.state.open[0], ANY.model_copy(update=update))
    return routed(before.state.model_copy(update={"open": (promotion,)}), at=NOON)


def test_after_the_first_success_of_all_it_is_guessed_that_none_is_awaited() -> None:
    first = routed(state(UNKNOWN), check("ci/0"), at=NOON)
    others = routed(first.state, *(check(f"ci/{n}") for n in range(1, 100)), at=NOON)
    later = routed(others.state, check("ci/100"), check(None), at=NOON + GATHER * 2)
    failed = routed(later.state, check("ci/101", failed=True), at=NOON + GATHER * 2)

    assert [one.news for one in (first, others, later, failed)] == [GUESSED, {}, {}, WOKEN]


def test_where_the_guess_was_wrong_what_came_meanwhile_is_told() -> None:
    first = routed(state(UNKNOWN), check("ci/0"), at=NOON)
    others = routed(first.state, check("ci/1"), check("ci/2"), at=NOON)

    assert told(others, {"awaits": ("ci/2",)}).news == WOKEN
    assert told(others, {"unknown": True}).news == WOKEN
    assert told(others, {"awaits": ()}).news == {}
    assert told(others, {"awaits": ("ci/2", "ci/3")}).news == {}
    assert told(first, {"awaits": ("ci/0",)}).news == {}
    last = routed(told(others, {"awaits": ("ci/2", "ci/3")}).state, check("ci/3"), at=NOON)
    assert last.news == WOKEN


# Comments, reviews, pull requests


def test_a_comment_goes_to_its_promotion_or_to_the_repository() -> None:
    found = routed(state(STAGING), comment(7), comment(8))

    assert found.news == {"staging": News(comments=(comment(7),))}
    assert found.comments == [comment(8)]


def test_what_is_said_under_a_promotion_that_has_not_told_of_itself_waits_for_it() -> None:
    early = routed(state(NEW), comment(7), ReviewChanged(number=7, by="bob"), closed("bob"))
    later = routed(early.state.model_copy(update={"open": (STAGING,)}))

    assert (early.news, early.comments) == ({}, [])
    assert later.news == {"staging": News(pull_request=True, comments=(comment(7),))}
    assert routed(state(NEW), comment(3, on_pull_request=False)).comments == [
        comment(3, on_pull_request=False)
    ]


def test_what_is_said_to_one_that_may_not_open_its_pull_request_yet_waits_for_it() -> None:
    lacking = STAGING.model_copy(update={"number": None})
    promote = comment(8).model_copy(update={"text": "/promote staging"})

    early = routed(state(lacking), comment(7), promote)
    later = routed(early.state.model_copy(update={"open": (STAGING,)}))

    assert (early.news, early.comments) == ({}, [promote])
    assert later.news == {"staging": News(comments=(comment(7),))}


def test_a_pull_request_that_we_closed_ourselves_is_no_news() -> None:
    assert routed(state(STAGING), closed("lockstep")).news == {}
    assert routed(state(STAGING), closed("bob")).news == {"staging": News(pull_request=True)}


def test_a_merge_that_somebody_waits_for_is_looked_at_and_a_closing_forgets_the_wish() -> None:
    wish = Remembered(number=9, environment="staging", person="ada")
    before = state(remembered=(wish,))

    merged = routed(before, closed("bob", number=9, merged=True, head="feature"))
    given_up = routed(before, closed("bob", number=9, head="feature"))
    nobody_asked = routed(state(), closed("bob", number=9, merged=True, head="feature"))

    assert (merged.merged, merged.state.remembered) == ([9], (wish,))
    assert (given_up.merged, given_up.state.remembered) == ([], ())
    assert nobody_asked.merged == []


def test_a_back_merge_that_a_person_closed_stirs_the_drift_watch() -> None:
    head = "lockstep/back-merge/production/aaaaaaaaaaaa"

    assert routed(state(), closed("bob", head=head)).drift
    assert not routed(state(), closed("lockstep", head=head)).drift


# Branches


@pytest.mark.parametrize("branch", ["develop", "staging", "trunk"])
def test_a_push_to_source_target_or_configuration_is_news(branch: str) -> None:
    found = routed(state(STAGING), push(branch))

    assert found.news == {"staging": News()}
    assert (found.look, found.drift) == (True, True)


def test_a_push_elsewhere_is_looked_at_and_the_promotion_left_alone() -> None:
    found = routed(state(STAGING), push("main"))

    assert (found.news, found.look) == ({}, True)


def test_our_own_merge_is_no_news_to_the_promotion_that_made_it() -> None:
    further = STAGING.model_copy(
        update={"environment": "production", "source_branch": "staging", "target_branch": "main"}
    )

    found = routed(state(STAGING, further), push("staging", by="Lockstep"))

    assert found.news == {"production": News()}


def test_a_branch_of_ours_that_somebody_else_moves_or_deletes_is_news() -> None:
    ours = push(STAGING.branch, by="lockstep")
    theirs = BranchDeleted(branch=STAGING.branch, by="bob")

    assert routed(state(STAGING), ours).news == {}
    assert routed(state(STAGING), theirs).news == {"staging": News(pull_request=True)}
    assert not routed(state(STAGING), theirs).look


# The repository


def test_a_repository_that_changed_is_asked_about_anew() -> None:
    archived = RepositoryChanged(change="archived", by="ada")
    granted = InstallationChanged(access="granted", by="ada")

    assert [routed(state(), event).changed for event in (archived, granted)] == [True, True]


def test_a_pipeline_ends_under_a_name_that_its_repository_no_longer_has() -> None:
    away = RepositoryChanged(change="moved", before="acme/config", after="acme/settings", by="ada")
    here = RepositoryChanged(change="moved", before="acme/old", after="acme/config", by="ada")

    assert (routed(state(), away).moved, routed(state(), here).moved) == (True, False)


def test_a_push_to_somebodys_branch_is_no_reason_to_look_once_the_environments_are_known() -> None:
    known = state(STAGING, branches=("develop", "main", "staging"))

    assert not routed(known, push("feature/x")).look
    assert routed(known, push("develop")).look
    assert routed(known, push("trunk")).look, "the configuration is there"
    assert routed(state(STAGING), push("feature/x")).look
