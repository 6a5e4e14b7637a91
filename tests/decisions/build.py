"""Small builders: a candidate at noon, and what is said of it."""

from datetime import UTC, datetime, timedelta

from bot.decisions.facts import (
    Candidate,
    Check,
    CheckState,
    GateFacts,
    Overridden,
    Rejected,
    Review,
    ReviewState,
    SignedOff,
)
from bot.decisions.gates import evaluate
from bot.decisions.requirements import Requirements
from bot.decisions.verdicts import Verdict

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
SOURCE, TARGET, HEAD = "5" * 40, "7" * 40, "c" * 40
NOW_PROMOTED, BEFORE = "digest of this content", "digest of other content"
CANDIDATE = Candidate(HEAD, SOURCE, TARGET, NOW_PROMOTED, pushed_at=NOON)


def minutes(number: float) -> datetime:
    """Return the time so many minutes past noon."""
    return NOON + timedelta(minutes=number)


def check(name: str, state: CheckState = "success", at: float = 1, sha: str = HEAD) -> Check:
    return Check(name, sha, state, minutes(at))


def review(
    person: str,
    state: ReviewState = "approved",
    at: float = 1,
    digest: str | None = NOW_PROMOTED,
    *,
    can_write: bool = True,
) -> Review:
    return Review(person, state, digest, minutes(at), can_write)


def signed(person: str, role: str = "qa", at: float = 1, digest: str = NOW_PROMOTED) -> SignedOff:
    return SignedOff(role, person, digest, minutes(at))


def rejected(person: str, role: str = "qa", at: float = 1, digest: str = NOW_PROMOTED) -> Rejected:
    return Rejected(role, person, "login is broken", digest, minutes(at))


def overridden(gate: str, at: float = 1, digest: str = NOW_PROMOTED) -> Overridden:
    return Overridden(gate, "mia", "the bank waits", digest, minutes(at))


def verdict(gate: str, gates: Requirements, facts: GateFacts, now: datetime = NOON) -> Verdict:
    """Return what `gate` says, which must be among the results."""
    found = evaluate(gates, facts, now)
    return next(result.verdict for result in found if result.gate == gate)
