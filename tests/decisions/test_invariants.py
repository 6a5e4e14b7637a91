"""What holds of every decision, whatever the facts."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any, get_args

from hypothesis import given
from hypothesis import strategies as st

from bot.decisions.facts import (
    Candidate,
    Check,
    CheckState,
    GateFacts,
    MergeMethod,
    Overridden,
    PromotionFacts,
    PullRequest,
    PullRequestState,
    Rejected,
    Review,
    ReviewState,
    Said,
    SignedOff,
)
from bot.decisions.gates import evaluate
from bot.decisions.promotion import (
    LONGEST_STATUS,
    Blocked,
    Finish,
    Merge,
    Promotion,
    Wait,
    decide_promotion,
    status_of,
)
from bot.decisions.requirements import Requirements
from bot.decisions.verdicts import Closed, Failed, GateResult, Open
from bot.words import GITHUB
from config.gates import Checks
from tests.decisions.build import minutes

TIMES = st.integers(0, 4).map(minutes)
SHAS = st.sampled_from(["1" * 40, "2" * 40])
DIGESTS = st.sampled_from(["this", "other"])
PEOPLE = st.sampled_from(["ann", "bob", "quinn"])
ROLES = st.sampled_from(["qa", "compliance"])
NAMES = st.sampled_from(["ci/test", "ci/lint", "lockstep"])
REASONS = st.sampled_from(["one", "another"])


def some(values: st.SearchStrategy[Any], most: int = 4) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(values, max_size=most).map(tuple)


SIGN_OFFS = st.builds(SignedOff, ROLES, PEOPLE, DIGESTS, TIMES)
GATE_FACTS = st.builds(
    GateFacts,
    candidate=st.builds(Candidate, SHAS, SHAS, SHAS, DIGESTS, TIMES),
    checks=some(st.builds(Check, NAMES, SHAS, st.sampled_from(get_args(CheckState)), TIMES)),
    reviews=some(
        st.builds(
            Review, PEOPLE, st.sampled_from(get_args(ReviewState)), DIGESTS, TIMES, st.booleans()
        )
    ),
    sign_offs=some(SIGN_OFFS),
    rejections=some(st.builds(Rejected, ROLES, PEOPLE, REASONS, DIGESTS, TIMES), most=2),
    overrides=some(
        st.builds(
            Overridden,
            st.sampled_from(["checks", "approvals", "sign_offs", "soak"]),
            PEOPLE,
            REASONS,
            DIGESTS,
            TIMES,
        ),
        most=2,
    ),
    authors=st.frozensets(PEOPLE, max_size=2),
    members=st.dictionaries(ROLES, st.frozensets(PEOPLE)),
)
GATES = st.builds(
    Requirements,
    checks=st.builds(
        Checks,
        required=some(NAMES, most=2),
        timeout=st.none() | st.integers(1, 4).map(lambda length: timedelta(minutes=length)),
    ),
    soak=st.none() | st.just(timedelta(days=1)),
    approvals=st.integers(0, 2),
    sign_offs=some(ROLES, most=2),
)
PROMOTIONS = st.builds(
    Promotion,
    environment=st.just("production"),
    branch=st.sampled_from(["main", "staging"]),
    source_branch=st.just("staging"),
    source=SHAS,
    automatic=st.booleans(),
    merge=st.sampled_from(get_args(MergeMethod)),
    gates=GATES,
)
MOSTLY_NOTHING = st.none() | st.none() | st.builds(Said, PEOPLE, REASONS)
FACTS = st.builds(
    PromotionFacts,
    source_head=SHAS | st.none(),
    target_head=SHAS | st.none(),
    source_kept=st.booleans(),
    pending=st.booleans(),
    conflicts=st.just(()) | st.just((("a.yaml", "x"),)),
    evidence=st.none() | GATE_FACTS,
    pull_request=st.none()
    | st.builds(
        PullRequest,
        SHAS,
        st.sampled_from(["main", "staging"]),
        st.just("open") | st.sampled_from(get_args(PullRequestState)),
        PEOPLE,
        st.booleans(),
        st.booleans(),
    ),
    hold=MOSTLY_NOTHING,
    cancel=MOSTLY_NOTHING,
    retry=MOSTLY_NOTHING,
    refusal=st.sampled_from(["", "", "no"]),
)


@st.composite
def in_order(draw: st.DrawFn) -> tuple[Promotion, PromotionFacts]:
    """Draw a promotion with nothing in its way but perhaps its gates."""
    promotion = draw(PROMOTIONS)
    evidence = draw(GATE_FACTS)
    candidate = replace(evidence.candidate, source=promotion.source)
    facts = PromotionFacts(
        source_head=promotion.source,
        target_head=candidate.target,
        evidence=replace(evidence, candidate=candidate),
        pull_request=PullRequest(candidate.sha, promotion.branch),
    )
    return promotion, facts


@st.composite
def nearly_in_order(draw: st.DrawFn) -> tuple[Promotion, PromotionFacts]:
    """Draw such a promotion with one thing about it observed otherwise."""
    promotion, facts = draw(in_order())
    name = draw(st.sampled_from(PromotionFacts.__slots__))
    return promotion, replace(facts, **{name: getattr(draw(FACTS), name)})


def shut(results: Sequence[GateResult]) -> list[GateResult]:
    return [result for result in results if isinstance(result.verdict, Closed | Failed)]


@given(nearly_in_order() | st.tuples(PROMOTIONS, FACTS), TIMES)
def test_a_merge_pins_the_candidate_that_every_gate_let_pass(
    world: tuple[Promotion, PromotionFacts], now: Any
) -> None:
    promotion, facts = world
    decision = decide_promotion(promotion, facts, now, GITHUB)

    if isinstance(decision, Merge):
        assert facts.evidence is not None
        assert facts.pull_request is not None
        candidate = facts.evidence.candidate
        assert decision.head == candidate.sha == facts.pull_request.head
        assert decision.method == promotion.merge
        assert (candidate.source, candidate.target) == (promotion.source, facts.target_head)
        assert facts.pull_request.base == promotion.branch
        assert facts.pull_request.state == "open"
        assert not facts.pull_request.branch_deleted
        assert facts.pending
        assert facts.source_kept
        assert (facts.hold, facts.cancel) == (None, None)
        assert (facts.conflicts, facts.refusal) == ((), "")
        assert not shut(evaluate(promotion.gates, facts.evidence, now))


@given(in_order(), TIMES)
def test_gates_alone_decide_between_the_merge_and_the_wait(
    world: tuple[Promotion, PromotionFacts], now: Any
) -> None:
    promotion, facts = world
    assert facts.evidence is not None
    closed = shut(evaluate(promotion.gates, facts.evidence, now))

    decision = decide_promotion(promotion, facts, now, GITHUB)

    assert isinstance(decision, Wait | Blocked if closed else Merge)


@given(st.tuples(PROMOTIONS, FACTS), TIMES)
def test_every_decision_says_why_and_fits_into_a_status(
    world: tuple[Promotion, PromotionFacts], now: Any
) -> None:
    decision = decide_promotion(*world, now, GITHUB)
    status = status_of(decision)

    assert decision.reason
    if status is not None:
        assert 0 < len(status.line) <= LONGEST_STATUS
        assert (status.state == "success") == isinstance(decision, Merge | Finish)


@given(GATES, GATE_FACTS, SIGN_OFFS, TIMES)
def test_another_sign_off_never_closes_anything(
    gates: Requirements, facts: GateFacts, extra: SignedOff, now: Any
) -> None:
    more = replace(facts, sign_offs=(*facts.sign_offs, extra))

    before = {result.gate for result in shut(evaluate(gates, facts, now))}
    after = {result.gate for result in shut(evaluate(gates, more, now))}

    assert after <= before


@given(GATES, GATE_FACTS, TIMES)
def test_nobody_who_wrote_the_change_opens_a_gate(
    gates: Requirements, facts: GateFacts, now: Any
) -> None:
    silent = replace(
        facts,
        reviews=tuple(
            replace(review, state="dismissed")
            if review.person in facts.authors and review.state == "approved"
            else review
            for review in facts.reviews
        ),
        # What an author said no to, the same author may take back.
        rejections=tuple(no for no in facts.rejections if no.person not in facts.authors),
        sign_offs=tuple(yes for yes in facts.sign_offs if yes.person not in facts.authors),
    )
    said = replace(facts, rejections=silent.rejections)

    assert [(result.gate, type(result.verdict)) for result in evaluate(gates, said, now)] == [
        (result.gate, type(result.verdict)) for result in evaluate(gates, silent, now)
    ]


@given(GATES, GATE_FACTS, TIMES)
def test_nothing_said_of_other_content_opens_a_gate(
    gates: Requirements, facts: GateFacts, now: Any
) -> None:
    this = facts.candidate.digest
    of_this = replace(
        facts,
        checks=tuple(each for each in facts.checks if each.sha == facts.candidate.sha),
        reviews=tuple(each for each in facts.reviews if each.digest == this),
        sign_offs=tuple(each for each in facts.sign_offs if each.digest == this),
        overrides=tuple(each for each in facts.overrides if each.digest == this),
    )

    found = evaluate(gates, facts, now)
    alone = evaluate(gates, of_this, now)

    assert [type(result.verdict) for result in found] == [type(result.verdict) for result in alone]


@given(GATES, GATE_FACTS, TIMES, st.randoms(use_true_random=False))
def test_the_order_in_which_things_were_observed_does_not_matter(
    gates: Requirements, facts: GateFacts, now: Any, random: Random
) -> None:
    def shuffled(values: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(random.sample(values, len(values)))

    otherwise = replace(
        facts,
        checks=shuffled(facts.checks),
        reviews=shuffled(facts.reviews),
        sign_offs=shuffled(facts.sign_offs),
        rejections=shuffled(facts.rejections),
        overrides=shuffled(facts.overrides),
    )

    assert evaluate(gates, otherwise, now) == evaluate(gates, facts, now)


@given(GATES, GATE_FACTS, TIMES)
def test_an_override_opens_its_gate_and_no_other(
    gates: Requirements, facts: GateFacts, now: Any
) -> None:
    said = Overridden("checks", "mia", "CI is down", facts.candidate.digest, minutes(9))
    more = replace(facts, overrides=(*facts.overrides, said))

    before, after = (evaluate(gates, each, now) for each in (facts, more))

    assert after == (GateResult("checks", Open("overridden by mia: CI is down")), *before[1:])
