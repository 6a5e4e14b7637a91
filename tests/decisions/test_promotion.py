"""The one next move of a promotion."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.decisions.facts import Candidate, GateFacts, PromotionFacts, PullRequest, Said
from bot.decisions.promotion import (
    Blocked,
    Build,
    Cancelled,
    Decision,
    Finish,
    Hold,
    Merge,
    MergedByHand,
    Promotion,
    Rebuild,
    Supersede,
    UpToDate,
    Wait,
    _gated,
    decide_promotion,
)
from bot.decisions.requirements import Requirements
from bot.decisions.verdicts import Closed, Failed, GateResult
from bot.words import GITHUB
from config.gates import Checks
from tests.decisions.build import (
    BEFORE,
    CANDIDATE,
    HEAD,
    NOON,
    SOURCE,
    TARGET,
    check,
    minutes,
    rejected,
    review,
    signed,
)

NEWER = "9" * 40
TO_STAGING = Promotion(
    environment="staging",
    branch="staging",
    source_branch="development",
    source=SOURCE,
    automatic=True,
    merge="squash",
    gates=Requirements(sign_offs=("qa",), approvals=1),
)
TO_PRODUCTION = Promotion(
    environment="production",
    branch="main",
    source_branch="staging",
    source=SOURCE,
    automatic=False,
    merge="merge",
    gates=Requirements(
        checks=Checks(required=("ci/test",), timeout=timedelta(hours=2)), sign_offs=("qa",)
    ),
)
TESTED = GateFacts(CANDIDATE, checks=(check("ci/test"),))
AGREED = replace(TESTED, sign_offs=(signed("quinn"),))
OPEN = PullRequest(HEAD, "main")
MERGE = Merge(HEAD, "merge", "every gate is open: merging ccccccc")


def facts(**different: Any) -> PromotionFacts:
    """Return those of a promotion to production that may merge, but for what is `different`."""
    ready = PromotionFacts(
        source_head=SOURCE, target_head=TARGET, evidence=AGREED, pull_request=OPEN
    )
    return replace(ready, **different)


def decide(promotion: Promotion = TO_PRODUCTION, **different: Any) -> Decision:
    return decide_promotion(promotion, facts(**different), NOON, GITHUB)


def test_what_every_gate_lets_pass_is_merged_at_exactly_the_candidates_head() -> None:
    assert decide() == MERGE


def test_a_missing_sign_off_holds_the_promotion_and_names_the_role() -> None:
    assert decide(evidence=TESTED) == Wait("waiting for sign-off by qa")


def test_the_wait_ends_by_itself_when_the_first_gate_could_change() -> None:
    assert decide(evidence=GateFacts(CANDIDATE)) == Wait(
        "ci/test has not reported yet; also not open: sign_offs", minutes(120)
    )


def test_of_several_gates_the_wait_ends_with_the_first() -> None:
    results = [
        GateResult("windows", Closed("opens at two", minutes(120))),
        GateResult("freezes", Closed("ends at one", minutes(60))),
        GateResult("drained", Closed("something is pending")),
    ]

    assert _gated(results) == Wait("opens at two; also not open: freezes, drained", minutes(60))


def test_a_failed_gate_blocks_and_speaks_before_those_that_only_wait() -> None:
    evidence = GateFacts(CANDIDATE, authors=frozenset({"quinn"}), members={"qa": frozenset()})

    assert decide(evidence=evidence) == Blocked(
        "nobody can sign off for qa: it has no members; give it one; also not open: checks",
        minutes(120),
    )


def test_the_first_move_is_to_build_the_candidate() -> None:
    build = Build(SOURCE, TARGET, "promoting 5555555 to production")

    assert decide(evidence=None, pull_request=None) == build
    assert decide(pull_request=None) == build
    # Closed by the bot itself when there was nothing left to promote; now there is again.
    assert (
        decide(pull_request=PullRequest(HEAD, "main", "closed", "lockstep", by_self=True)) == build
    )


@pytest.mark.parametrize(
    ("different", "reason"),
    [
        ({"target_head": NEWER}, "main has moved to 9999999"),
        (
            {"evidence": GateFacts(replace(CANDIDATE, source=NEWER))},
            "promoting 5555555 instead",
        ),
        (
            {"pull_request": PullRequest(NEWER, "main")},
            "somebody pushed 9999999 to the promotion's branch",
        ),
    ],
)
def test_a_candidate_that_is_no_longer_true_is_built_again(
    different: dict[str, Any], reason: str
) -> None:
    target = different.get("target_head", TARGET)

    assert decide(**different) == Rebuild(SOURCE, target, reason)


def test_sign_offs_outlast_a_rebuild_with_the_same_content_and_checks_do_not() -> None:
    rebuilt = Candidate(NEWER, SOURCE, NEWER, CANDIDATE.digest, minutes(5))
    evidence = replace(AGREED, candidate=rebuilt)

    decision = decide(evidence=evidence, target_head=NEWER, pull_request=PullRequest(NEWER, "main"))

    assert decision == Wait("ci/test has not reported yet", minutes(125))


def test_sign_offs_of_other_content_are_asked_for_again() -> None:
    evidence = replace(TESTED, sign_offs=(signed("quinn", digest=BEFORE),))

    assert decide(evidence=evidence) == Wait(
        "waiting for sign-off by qa; what quinn signed off has changed since"
    )


def test_nothing_pending_is_up_to_date() -> None:
    assert decide(pending=False) == UpToDate("production has all of 5555555")


@pytest.mark.parametrize(
    ("conflicts", "reason"),
    [
        (
            (("a.yaml", "x.y"),),
            "conflict at `a.yaml:x.y`; choose with `/resolve PATH[:KEY] source|target`",
        ),
        (
            (("a.yaml", None), ("b.yaml", "x"), ("c.yaml", "x")),
            "conflict at `a.yaml` and 2 more; choose with `/resolve PATH[:KEY] source|target`",
        ),
        (
            (("caf\udce9", None),),
            "conflict at `caf\\udce9`; choose with `/resolve PATH[:KEY] source|target`",
        ),
    ],
)
def test_a_conflict_blocks_before_anything_is_built(conflicts: Any, reason: str) -> None:
    assert decide(conflicts=conflicts) == Blocked(reason)
    assert decide(conflicts=conflicts, evidence=None, pull_request=None) == Blocked(reason)


SIGNING: list[tuple[str, GateFacts, bool]] = [
    ("nobody", GateFacts(CANDIDATE), False),
    ("a sign-off", GateFacts(CANDIDATE, sign_offs=(signed("quinn"),)), True),
    ("an approval", GateFacts(CANDIDATE, reviews=(review("rob"),)), True),
    ("other content", GateFacts(CANDIDATE, sign_offs=(signed("quinn", digest=BEFORE),)), False),
    ("another role", GateFacts(CANDIDATE, sign_offs=(signed("carl", "compliance"),)), False),
    (
        "an author",
        GateFacts(
            CANDIDATE,
            sign_offs=(signed("ann"),),
            reviews=(review("ann"),),
            authors=frozenset({"ann"}),
        ),
        False,
    ),
    # Whoever says no wants something newer.
    (
        "a no",
        GateFacts(CANDIDATE, reviews=(review("rob"),), rejections=(rejected("quinn"),)),
        False,
    ),
    (
        "an objection",
        GateFacts(
            CANDIDATE,
            sign_offs=(signed("quinn"),),
            reviews=(review("rob", "changes_requested"),),
        ),
        False,
    ),
]


@pytest.mark.parametrize(("who", "evidence", "signing"), SIGNING, ids=[row[0] for row in SIGNING])
def test_an_automatic_promotion_follows_its_source_unless_people_are_signing_it_off(
    who: str,
    evidence: GateFacts,
    signing: bool,  # noqa: FBT001 - a table gives it
) -> None:
    decision = decide(
        TO_STAGING,
        evidence=evidence,
        pull_request=PullRequest(HEAD, "staging"),
        source_head=NEWER,
    )

    followed = Supersede(NEWER, "development has moved to 9999999")
    assert (decision == followed) != signing, who
    assert isinstance(decision, Wait if signing else Supersede)


def test_an_approval_that_no_gate_asks_for_keeps_nothing_back() -> None:
    unasked = replace(TO_STAGING, gates=Requirements(sign_offs=("qa",)))
    evidence = GateFacts(CANDIDATE, reviews=(review("rob"),))

    decision = decide(unasked, evidence=evidence, source_head=NEWER)

    assert decision == Supersede(NEWER, "development has moved to 9999999")


def test_an_automatic_promotion_without_a_candidate_follows_its_source() -> None:
    decision = decide(TO_STAGING, evidence=None, pull_request=None, source_head=NEWER)

    assert decision == Supersede(NEWER, "development has moved to 9999999")


def test_a_promotion_by_hand_leaves_newer_commits_to_the_next() -> None:
    assert decide(source_head=NEWER) == MERGE
    assert decide(source_head=NEWER, evidence=TESTED) == Wait("waiting for sign-off by qa")


def test_retry_takes_the_newer_commit_whoever_is_signing_off() -> None:
    assert decide(source_head=NEWER, retry=Said("rita")) == Supersede(
        NEWER, "staging has moved to 9999999, and rita said `/retry`"
    )
    assert decide(retry=Said("rita")) == MERGE


@pytest.mark.parametrize(
    "different", [{"source_head": None}, {"source_head": NEWER, "source_kept": False}]
)
def test_what_the_source_no_longer_has_is_not_promoted(different: dict[str, Any]) -> None:
    assert decide(**different) == Blocked(
        "5555555 is no longer on staging; `/retry` takes what is there now, "
        "`/cancel` ends this promotion"
    )


def test_a_target_branch_that_is_gone_blocks() -> None:
    assert decide(target_head=None) == Blocked(
        "the branch main is gone; bring it back, or say `/cancel`"
    )


def test_a_pull_request_with_another_base_is_not_merged() -> None:
    assert decide(pull_request=PullRequest(HEAD, "development")) == Blocked(
        "the pull request now goes into development; set its base to main"
    )


def test_a_merge_that_the_forge_refuses_is_not_tried_again_by_itself() -> None:
    assert decide(refusal="squash merges are not allowed here") == Blocked(
        "the forge refuses to merge; `/retry` tries again: squash merges are not allowed here"
    )


@pytest.mark.parametrize(
    "different",
    [
        {},
        {"target_head": NEWER},
        {"source_head": NEWER, "retry": Said("rita")},
        {"conflicts": (("a.yaml", None),)},
    ],
)
def test_nothing_moves_while_a_person_holds_it(different: dict[str, Any]) -> None:
    hold = Said("rita", "the bank is closed")

    assert decide(hold=hold, **different) == Hold(
        "held by rita: the bank is closed; `/resume` lets it go on"
    )


@pytest.mark.parametrize("different", [{}, {"hold": Said("rita", "wait")}, {"pull_request": None}])
def test_cancel_ends_it_held_or_not(different: dict[str, Any]) -> None:
    assert decide(cancel=Said("rita"), **different) == Cancelled("rita said `/cancel`")


@pytest.mark.parametrize(
    ("ended", "decision"),
    [
        (
            PullRequest(HEAD, "main", "closed", "rita"),
            Cancelled("rita closed the pull request, which is `/cancel`"),
        ),
        (
            PullRequest(HEAD, "main", branch_deleted=True),
            Cancelled("the promotion's branch was deleted, which is `/cancel`"),
        ),
        (
            PullRequest(HEAD, "develop", "merged", "rita"),
            Cancelled("rita merged the pull request into develop, not main"),
        ),
        (
            PullRequest(HEAD, "main", "merged", "lockstep", by_self=True),
            Finish("5555555 is in production"),
        ),
        (
            PullRequest(HEAD, "main", "merged", "rita", branch_deleted=True),
            MergedByHand("rita", (), "rita merged by hand, with every gate open"),
        ),
    ],
)
def test_a_pull_request_that_a_person_ended_is_their_decision(
    ended: PullRequest, decision: Decision
) -> None:
    # What was said before does not undo it.
    assert decide(pull_request=ended, hold=Said("rita", "wait")) == decision


def test_the_gates_that_a_merge_by_hand_jumped_are_recorded() -> None:
    evidence = GateFacts(CANDIDATE, checks=(check("ci/test", "failure"),))

    decision = decide(evidence=evidence, pull_request=PullRequest(HEAD, "main", "merged", "rita"))

    assert decision == MergedByHand(
        "rita",
        (
            GateResult("checks", Failed("ci/test failed")),
            GateResult("sign_offs", Closed("waiting for sign-off by qa")),
        ),
        "rita merged by hand, past checks, sign_offs",
    )


def test_a_merge_by_hand_of_other_commits_jumped_every_gate() -> None:
    unseen = Closed("9999999 was merged and nobody judged it")

    assert decide(pull_request=PullRequest(NEWER, "main", "merged", "rita")) == MergedByHand(
        "rita",
        (GateResult("checks", unseen), GateResult("sign_offs", unseen)),
        "rita merged by hand, past checks, sign_offs",
    )
