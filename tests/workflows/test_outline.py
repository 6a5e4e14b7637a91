"""What people are told of a promotion that waits: what counts for its content, and nothing else."""

from datetime import UTC, datetime

from bot.decisions.facts import Candidate, Overridden, Said, SignedOff
from webhook.dashboard import document
from workflows.values.base import RepositoryKey
from workflows.values.promotion import Outline, PromotionState

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
SHOP = RepositoryKey(forge="github", owner="acme", name="shop")
CANDIDATE = Candidate("c" * 40, "a" * 40, "b" * 40, "digest", NOON)


def state(**fields: object) -> PromotionState:
    about = {"repository": SHOP, "environment": "production", "source": "a" * 40, "first": "a" * 40}
    return PromotionState.model_validate({**about, **fields})


def outline(found: PromotionState) -> Outline:
    return Outline.of(found, "waiting for sign-off by qa", NOON, NOON)


def test_sign_offs_and_overrides_are_shown_for_the_content_that_they_were_given_for() -> None:
    found = outline(
        state(
            candidate=CANDIDATE,
            sign_offs=(
                SignedOff("qa", "carol", "digest", NOON),
                SignedOff("security", "erin", "an older one", NOON),
            ),
            overrides=(
                Overridden("soak", "dan", "urgent", "digest", NOON),
                Overridden("windows", "dan", "urgent", "an older one", NOON),
            ),
        )
    )

    assert found.sign_offs == (document.Said(person="carol", what="qa"),)
    assert found.overrides == (document.Said(person="dan", what="soak"),)


def test_before_there_is_a_candidate_nothing_was_signed_off() -> None:
    found = outline(state(sign_offs=(SignedOff("qa", "carol", "digest", NOON),)))

    assert found.sign_offs == ()


def test_who_holds_it_is_shown_with_the_reason() -> None:
    found = outline(state(hold=Said("dan", "the bank holiday")))

    assert found.hold == document.Said(person="dan", what="the bank holiday")
    assert (found.waits_for, found.since) == ("waiting for sign-off by qa", NOON)
