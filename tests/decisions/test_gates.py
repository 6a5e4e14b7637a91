"""Each gate: what opens it, what closes it, and what it says."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import get_args

import pytest
from pydantic import TypeAdapter

from bot.decisions.facts import Check, CheckState, GateFacts, Rejected, Review, SignedOff
from bot.decisions.gates import evaluate
from bot.decisions.requirements import Requirements
from bot.decisions.verdicts import Closed, Failed, GateResult, Open, Verdict
from config.freezes import Freeze
from config.gates import Checks, Gates
from tests.decisions.build import (
    BEFORE,
    CANDIDATE,
    NOON,
    check,
    minutes,
    overridden,
    rejected,
    review,
    signed,
    verdict,
)

NO_GATES = Requirements()
TESTED = Requirements(checks=Checks(required=("ci/test", "ci/lint"), timeout=timedelta(hours=2)))
REVIEWED = Requirements(approvals=2)
SIGNED = Requirements(sign_offs=("qa",))
BOTH_SIGNED = Requirements(sign_offs=("qa", "compliance"))


def checks(*reports: Check) -> GateFacts:
    return GateFacts(CANDIDATE, checks=reports)


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        ([check("ci/test"), check("ci/lint")], Open("ci/lint, ci/test succeeded")),
        (
            [check("ci/test", "skipped"), check("ci/lint", "neutral")],
            Open("ci/lint, ci/test succeeded"),
        ),
        ([], Closed("ci/lint, ci/test have not reported yet", minutes(120))),
        ([check("ci/test")], Closed("ci/lint has not reported yet", minutes(120))),
        (
            [check("ci/test", "pending")],
            Closed("waiting for ci/test; ci/lint has not reported yet", minutes(120)),
        ),
        (
            [check("ci/test"), check("ci/lint", "action_required")],
            Closed("waiting for ci/lint", minutes(120)),
        ),
        ([check("ci/test", "failure")], Failed("ci/test failed")),
        (
            [check("ci/test", "timed_out"), check("ci/lint", "cancelled")],
            Failed("ci/lint was cancelled, ci/test timed out"),
        ),
        # Not required, of another commit, or our own: none of them counts.
        (
            [check("ci/test"), check("ci/lint"), check("coverage", "failure")],
            Open("ci/lint, ci/test succeeded"),
        ),
        (
            [check("ci/test"), check("ci/lint", sha="d" * 40)],
            Closed("ci/lint has not reported yet", minutes(120)),
        ),
        (
            [check("ci/test"), check("ci/lint"), check("lockstep", "pending")],
            Open("ci/lint, ci/test succeeded"),
        ),
        # The newest of a name wins, whichever comes first; of two at once the worse.
        (
            [check("ci/test", "failure", 1), check("ci/test", at=2), check("ci/lint")],
            Open("ci/lint, ci/test succeeded"),
        ),
        (
            [check("ci/test", "failure", 3), check("ci/test", at=2), check("ci/lint")],
            Failed("ci/test failed"),
        ),
        (
            [check("ci/test", "failure", 2), check("ci/test", at=2), check("ci/lint")],
            Failed("ci/test failed"),
        ),
    ],
)
def test_required_checks_must_succeed_on_the_candidate(
    reports: Sequence[Check], expected: Verdict
) -> None:
    assert verdict("checks", TESTED, checks(*reports)) == expected


@pytest.mark.parametrize("state", get_args(CheckState))
def test_every_state_of_a_check_is_green_waited_for_or_failed(state: CheckState) -> None:
    expected = {
        "success": Open,
        "skipped": Open,
        "neutral": Open,
        "pending": Closed,
        "action_required": Closed,
    }

    found = verdict("checks", NO_GATES, checks(check("ci/test", state)))

    assert isinstance(found, expected.get(state, Failed))


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (119, Closed("waiting for ci/lint", minutes(120))),
        (120, Failed("no success of ci/lint within 2h; see whether it runs, it still counts")),
    ],
)
def test_a_check_has_its_time_from_when_the_candidate_was_pushed(
    after: float, expected: Verdict
) -> None:
    facts = checks(check("ci/test"), check("ci/lint", "pending", at=110))

    assert verdict("checks", TESTED, facts, now=minutes(after)) == expected


def test_a_check_that_succeeds_after_its_time_still_counts() -> None:
    facts = checks(check("ci/test"), check("ci/lint", at=300))

    assert verdict("checks", TESTED, facts, now=minutes(301)) == Open("ci/lint, ci/test succeeded")


def test_without_a_time_out_a_missing_check_is_waited_for_without_end() -> None:
    gates = Requirements(checks=Checks(required=("ci/test",)))

    assert verdict("checks", gates, checks(), now=minutes(1e6)) == Closed(
        "ci/test has not reported yet"
    )


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        ([], Open("no check is required, and none has reported")),
        ([check("lockstep", "pending")], Open("no check is required, and none has reported")),
        ([check("ci/a"), check("ci/b")], Open("ci/a, ci/b succeeded")),
        ([check("ci/a"), check("ci/b", "pending")], Closed("waiting for ci/b")),
        ([check("ci/a"), check("ci/b", "error")], Failed("ci/b failed")),
    ],
)
def test_where_no_check_is_required_all_that_report_must_be_green(
    reports: Sequence[Check], expected: Verdict
) -> None:
    assert verdict("checks", NO_GATES, checks(*reports)) == expected


def test_a_star_among_the_required_checks_stands_for_all_that_report() -> None:
    gates = Requirements(checks=Checks(required=("*", "ci/security")))
    facts = checks(check("ci/test", "pending"))

    assert verdict("checks", gates, facts) == Closed(
        "waiting for ci/test; ci/security has not reported yet"
    )


@pytest.mark.parametrize(
    ("reviews", "expected"),
    [
        ([review("rob"), review("sue")], Open("approved by rob, sue")),
        ([], Closed("waiting for 2 approvals")),
        ([review("rob")], Closed("waiting for 1 more approval")),
        ([review("rob"), review("Rob", at=2)], Closed("waiting for 1 more approval")),
        ([review("rob"), review("sue", can_write=False)], Closed("waiting for 1 more approval")),
        (
            [review("rob"), review("ann")],
            Closed("waiting for 1 more approval; ann wrote the change and cannot approve it"),
        ),
        (
            [review("rob"), review("sue", digest=BEFORE)],
            Closed("waiting for 1 more approval; sue approved content that has changed since"),
        ),
        (
            [review("rob"), review("sue", digest=None)],
            Closed("waiting for 1 more approval; sue approved content that has changed since"),
        ),
        # The latest opinion of each person counts; a comment is no opinion.
        (
            [review("rob"), review("sue"), review("sue", "commented", 2)],
            Open("approved by rob, sue"),
        ),
        (
            [review("rob"), review("sue"), review("sue", "dismissed", 2)],
            Closed("waiting for 1 more approval"),
        ),
        (
            [review("rob"), review("sue"), review("sue", "changes_requested", 2)],
            Closed("sue requested changes"),
        ),
        (
            [review("rob"), review("sue", at=2), review("sue", "changes_requested", 1)],
            Open("approved by rob, sue"),
        ),
        # An objection counts from an author too, but not from a reader, and not for other content.
        (
            [review("rob"), review("sue"), review("ann", "changes_requested")],
            Closed("ann requested changes"),
        ),
        (
            [review("rob"), review("sue"), review("eve", "changes_requested", can_write=False)],
            Open("approved by rob, sue"),
        ),
        (
            [review("rob"), review("sue"), review("tom", "changes_requested", digest=BEFORE)],
            Open("approved by rob, sue"),
        ),
    ],
)
def test_the_latest_review_of_this_content_by_each_who_can_write_counts(
    reviews: Sequence[Review], expected: Verdict
) -> None:
    facts = GateFacts(CANDIDATE, reviews=tuple(reviews), authors=frozenset({"Ann"}))

    assert verdict("approvals", REVIEWED, facts) == expected


def test_a_no_is_heard_where_no_approval_was_asked_for() -> None:
    facts = GateFacts(CANDIDATE, reviews=(review("sue", "changes_requested"),))

    assert evaluate(NO_GATES, facts, NOON) == (
        GateResult("checks", Open("no check is required, and none has reported")),
        GateResult("approvals", Closed("sue requested changes")),
    )


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([signed("quinn")], Open("signed off by quinn for qa")),
        ([], Closed("waiting for sign-off by qa")),
        ([signed("quinn", "compliance")], Closed("waiting for sign-off by qa")),
        (
            [signed("Ann")],
            Closed("waiting for sign-off by qa; Ann wrote the change and cannot sign it off"),
        ),
        ([signed("ann"), signed("quinn")], Open("signed off by quinn for qa")),
        (
            [signed("quinn", digest=BEFORE)],
            Closed("waiting for sign-off by qa; what quinn signed off has changed since"),
        ),
        ([rejected("quinn")], Closed("rejected by quinn for qa: login is broken")),
        (
            [signed("quinn"), rejected("quinn", at=2)],
            Closed("rejected by quinn for qa: login is broken"),
        ),
        # Said in one comment, and so at once: the careful reading.
        ([signed("quinn"), rejected("quinn")], Closed("rejected by quinn for qa: login is broken")),
        ([rejected("Quinn"), signed("quinn", at=2)], Open("signed off by quinn for qa")),
        # Only who said no can take it back, or other content makes it void.
        (
            [rejected("quinn"), signed("rita", at=2)],
            Closed("rejected by quinn for qa: login is broken"),
        ),
        ([rejected("quinn", digest=BEFORE), signed("rita")], Open("signed off by rita for qa")),
        ([rejected("carl", "compliance"), signed("rita")], Open("signed off by rita for qa")),
    ],
)
def test_a_role_signs_off_this_content_by_somebody_who_did_not_write_it(
    said: Sequence[SignedOff | Rejected], expected: Verdict
) -> None:
    facts = GateFacts(
        CANDIDATE,
        sign_offs=tuple(word for word in said if isinstance(word, SignedOff)),
        rejections=tuple(word for word in said if isinstance(word, Rejected)),
        authors=frozenset({"ann"}),
    )

    assert verdict("sign_offs", SIGNED, facts) == expected


@pytest.mark.parametrize(
    ("sign_offs", "expected"),
    [
        ([], Closed("waiting for sign-off by compliance, qa")),
        ([signed("quinn")], Closed("waiting for sign-off by compliance")),
        (
            [signed("quinn"), signed("quinn", "compliance")],
            Open("signed off by quinn for compliance, quinn for qa"),
        ),
    ],
)
def test_every_role_is_waited_for_by_name(
    sign_offs: Sequence[SignedOff], expected: Verdict
) -> None:
    facts = GateFacts(CANDIDATE, sign_offs=tuple(sign_offs))

    assert verdict("sign_offs", BOTH_SIGNED, facts) == expected


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        (
            {"ann", "Bob"},
            Failed(
                "nobody can sign off for qa: its only members, Bob, ann, wrote the change; "
                "give it another member"
            ),
        ),
        (set(), Failed("nobody can sign off for qa: it has no members; give it one")),
        ({"ann", "quinn"}, Closed("waiting for sign-off by qa")),
        (None, Closed("waiting for sign-off by qa")),
    ],
)
def test_a_role_that_only_authors_hold_is_said_to_be_hopeless_at_once(
    members: set[str] | None, expected: Verdict
) -> None:
    facts = GateFacts(
        CANDIDATE,
        authors=frozenset({"ann", "bob"}),
        members={} if members is None else {"qa": frozenset(members)},
    )

    assert verdict("sign_offs", SIGNED, facts) == expected


def test_who_has_left_a_role_no_longer_signs_off_for_it() -> None:
    facts = GateFacts(CANDIDATE, sign_offs=(signed("quinn"),), members={"qa": frozenset({"rita"})})

    assert verdict("sign_offs", SIGNED, facts) == Closed("waiting for sign-off by qa")


YEAR_END = Freeze.model_validate(
    {"from": date(2026, 12, 20), "to": date(2027, 1, 3), "reason": "Year end"}
)
EVERYTHING = Requirements.of(
    Gates.model_validate(
        {
            "checks": ["ci/test"],
            "soak": "24h",
            "approvals": {"count": 1, "code_owners": True},
            "sign_offs": ["qa"],
            "windows": ["Mon-Thu 09:00-16:00 Europe/Berlin"],
            "drained": True,
            "required_files": ["OWNERS"],
            "schemas": [{"path": "*.yaml", "schema": "schema.json"}],
            "http": [{"name": "room", "url": "https://x.example", "condition": "ok"}],
            "metrics": [
                {"name": "errors", "url": "https://p.example", "query": "up", "expect": "> 0"}
            ],
            "workflow": [{"name": "qa", "workflow": "qa.yml"}],
        }
    ),
    (YEAR_END,),
)
JUST_AFTER_NEW_YEAR = datetime(2027, 1, 1, 12, tzinfo=UTC)


def test_gates_stand_in_the_order_of_the_documentation_and_none_is_open_unobserved() -> None:
    results = evaluate(EVERYTHING, GateFacts(CANDIDATE), JUST_AFTER_NEW_YEAR)

    assert [result.gate for result in results] == [
        "checks",
        "soak",
        "approvals",
        "sign_offs",
        "windows",
        "drained",
        "required_files",
        "schemas",
        "http:room",
        "metrics:errors",
        "workflow:qa",
        "freezes",
    ]
    assert all(isinstance(result.verdict, Closed) for result in results)


def test_a_gate_overridden_for_this_content_is_open_and_says_by_whom_and_why() -> None:
    facts = GateFacts(
        CANDIDATE,
        checks=(check("ci/test", "failure"),),
        overrides=tuple(map(overridden, ("checks", "soak", "freezes", "http", "workflow:qa"))),
    )

    results = evaluate(EVERYTHING, facts, JUST_AFTER_NEW_YEAR)

    assert {result.gate for result in results if isinstance(result.verdict, Open)} == {
        "checks",
        "soak",
        "freezes",
        "http:room",
        "workflow:qa",
    }
    assert results[0] == GateResult("checks", Open("overridden by mia: the bank waits"))


def test_an_override_of_other_content_opens_nothing() -> None:
    facts = GateFacts(CANDIDATE, overrides=(overridden("checks", digest=BEFORE),))

    assert verdict("checks", TESTED, facts) == Closed(
        "ci/lint, ci/test have not reported yet", minutes(120)
    )


@pytest.mark.parametrize("found", [Open("why"), Closed("why"), Closed("why", NOON), Failed("why")])
def test_a_result_survives_the_way_through_temporal(found: Verdict) -> None:
    adapter = TypeAdapter(GateResult)
    result = GateResult("checks", found)

    assert adapter.validate_json(adapter.dump_json(result)) == result
