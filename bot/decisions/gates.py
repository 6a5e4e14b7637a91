"""Each gate of a promotion, judged on facts: open, closed or failed, and the sentence why."""

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.decisions.facts import CheckState, GateFacts, Rejected, Review
from bot.words import Words
from config.schema import Checks, Freeze, Gates
from config.times import spell_duration

# Our own status waits for the gates, so a gate must not wait for it.
OWN_STATUS = "lockstep"
# Stands among required checks for whatever reports, which is what no list at all means.
EVERY_CHECK = "*"

_NOT_CHECKS = {OWN_STATUS, EVERY_CHECK}

# As on GitHub, where skipped and neutral satisfy a required check.
_GREEN = {"success", "neutral", "skipped"}
_FAILED = {
    "failure": "failed",
    "error": "failed",
    "cancelled": "was cancelled",
    "timed_out": "timed out",
    "stale": "went stale",
    "startup_failure": "could not start",
}
# Of two at the same moment the worse counts, whichever came first.
_WORSE_CHECK = ("success", "skipped", "neutral", "action_required", "pending", *_FAILED)
_WORSE_REVIEW = ("commented", "approved", "dismissed", "changes_requested")


@dataclass(frozen=True, slots=True)
class Open:
    """The gate lets the promotion pass."""

    reason: str
    state: Literal["open"] = "open"


@dataclass(frozen=True, slots=True)
class Closed:
    """The gate waits; at `until` it may be another, whatever else happens."""

    reason: str
    until: datetime | None = None
    state: Literal["closed"] = "closed"


@dataclass(frozen=True, slots=True)
class Failed:
    """Waiting alone will not open the gate: somebody has to do something."""

    reason: str
    state: Literal["failed"] = "failed"


Verdict = Open | Closed | Failed


@dataclass(frozen=True, slots=True)
class GateResult:
    """A gate, by its key in ``gates:`` (or ``freezes``), and what was found."""

    gate: str
    verdict: Verdict


def evaluate(
    gates: Gates, facts: GateFacts, now: datetime, words: Words, *, freezes: Sequence[Freeze]
) -> tuple[GateResult, ...]:
    """Return a result for every gate that applies, in the order of the documentation.

    `checks` always applies. `approvals` does too where somebody requests changes: the
    bot does not merge over a no that its own gates did not ask for. A gate overridden
    for this very content is open.
    """
    found: dict[str, Verdict] = {"checks": _checks(gates.checks, facts, now)}
    if gates.soak:
        found["soak"] = _not_yet("soak", words)
    if gates.approvals or _objections(_counted_reviews(facts)):
        found["approvals"] = _approvals(gates.approvals, facts)
    if gates.sign_offs:
        found["sign_offs"] = _sign_offs(gates.sign_offs, facts)
    if gates.windows:
        found["windows"] = _not_yet("windows", words)
    if gates.drained:
        found["drained"] = _not_yet("drained", words)
    if freezes:
        found["freezes"] = _not_yet("freezes", words)
    return tuple(
        GateResult(gate, _overridden(gate, facts) or verdict) for gate, verdict in found.items()
    )


def people_agree(gates: Gates, facts: GateFacts) -> bool:
    """Whether somebody whose word counts agrees to this content already, and nobody says no."""
    reviews = _counted_reviews(facts)
    signed = any(_signers(role, facts) for role in gates.sign_offs)
    approved = gates.approvals and _approving(reviews, facts)
    refused = _objections(reviews) or _rejections(gates.sign_offs, facts)
    return bool(signed or approved) and not refused


def _not_yet(gate: str, words: Words) -> Closed:
    override = words.command(f"override {gate} REASON")
    return Closed(
        f"`{gate}` is configured but this version does not evaluate it yet; take it out of "
        f"`.lockstep.yaml`, or say `{override}`"
    )


def _overridden(gate: str, facts: GateFacts) -> Open | None:
    said = [
        override
        for override in facts.overrides
        if override.gate == gate and override.digest == facts.candidate.digest
    ]
    if not said:
        return None
    last = max(said, key=lambda override: (override.at, override.person, override.reason))
    return Open(f"overridden by {last.person}: {last.reason}")


def _checks(checks: Checks, facts: GateFacts, now: datetime) -> Verdict:
    """Judge the newest report of each name on the candidate itself.

    Where no check is required, every one that reports must be green, and none is enough.
    """
    states = _states(facts)
    required = set(checks.required or [EVERY_CHECK])
    names = sorted((required | set(states) if EVERY_CHECK in required else required) - _NOT_CHECKS)
    if not names:
        return Open("no check is required, and none has reported")
    failed = [f"{name} {_FAILED[states[name]]}" for name in names if states.get(name) in _FAILED]
    if failed:
        return Failed(_listed(failed))
    reported = [name for name in names if name in states and states[name] not in _GREEN]
    missing = [name for name in names if name not in states]
    if not reported and not missing:
        return Open(f"{_listed(names)} succeeded")
    due = None
    if checks.timeout is not None:
        due = facts.candidate.pushed_at + checks.timeout
        if now >= due:
            return Failed(
                f"no success of {_listed(sorted(reported + missing))} within "
                f"{spell_duration(checks.timeout)}; see whether it runs, it still counts"
            )
    reasons = [f"waiting for {_listed(reported)}"] if reported else []
    if missing:
        has = "has" if len(missing) == 1 else "have"
        reasons.append(f"{_listed(missing)} {has} not reported yet")
    return Closed("; ".join(reasons), due)


def _states(facts: GateFacts) -> dict[str, CheckState]:
    of_candidate = (check for check in facts.checks if check.sha == facts.candidate.sha)
    in_order = sorted(of_candidate, key=lambda check: (check.at, _WORSE_CHECK.index(check.state)))
    return {check.name: check.state for check in in_order}


def _counted_reviews(facts: GateFacts) -> list[Review]:
    """Return the latest opinion on this content of each person with write access."""
    latest: dict[str, Review] = {}
    in_order = sorted(facts.reviews, key=lambda said: (said.at, _WORSE_REVIEW.index(said.state)))
    for review in in_order:
        # A comment is no opinion and leaves the one before it in force.
        if (
            review.can_write
            and review.digest == facts.candidate.digest
            and review.state != "commented"
        ):
            latest[review.person.casefold()] = review
    return list(latest.values())


def _objections(reviews: Iterable[Review]) -> list[str]:
    # An author's too: nobody knows better what is wrong with it.
    return sorted(review.person for review in reviews if review.state == "changes_requested")


def _approving(reviews: Iterable[Review], facts: GateFacts) -> list[str]:
    return sorted(
        review.person
        for review in reviews
        if review.state == "approved" and not _wrote(review.person, facts)
    )


def _approvals(needed: int, facts: GateFacts) -> Verdict:
    reviews = _counted_reviews(facts)
    if objections := _objections(reviews):
        return Closed(f"{_listed(objections)} requested changes")
    counted = _approving(reviews, facts)
    if len(counted) >= needed:
        return Open(f"approved by {_listed(counted)}")
    missing = needed - len(counted)
    reasons = [f"waiting for {missing}{' more' if counted else ''} approval{'s' * (missing > 1)}"]
    approving = {review.person for review in reviews if review.state == "approved"}
    if own := sorted(approving.difference(counted)):
        reasons.append(f"{_listed(own)} wrote the change and cannot approve it")
    stale = {
        review.person
        for review in facts.reviews
        if review.state == "approved"
        and review.can_write
        and review.digest != facts.candidate.digest
        and review.person not in approving
    }
    if stale:
        reasons.append(f"{_listed(sorted(stale))} approved content that has changed since")
    return Closed("; ".join(reasons))


def _sign_offs(roles: Iterable[str], facts: GateFacts) -> Verdict:
    """Judge what was said of this content: each role needs a member who is not an author."""
    signed = {role: _signers(role, facts) for role in sorted(set(roles))}
    missing = [role for role, people in signed.items() if not people]
    if hopeless := [why for role in missing if (why := _hopeless(role, facts))]:
        return Failed("; ".join(hopeless))
    if rejections := _rejections(signed, facts):
        said = sorted(f"rejected by {no.person} for {no.role}: {no.reason}" for no in rejections)
        return Closed("; ".join(said))
    if not missing:
        return Open(
            "signed off by " + _listed(f"{who[0]} for {role}" for role, who in signed.items())
        )
    reasons = [f"waiting for sign-off by {_listed(missing)}"]
    reasons += [why for role in missing for why in _void_sign_offs(role, facts)]
    return Closed("; ".join(reasons))


def _signers(role: str, facts: GateFacts) -> list[str]:
    members = facts.members.get(role)
    known = None if members is None else {member.casefold() for member in members}
    return sorted(
        signed.person
        for signed in facts.sign_offs
        if signed.role == role
        and signed.digest == facts.candidate.digest
        and not _wrote(signed.person, facts)
        and (known is None or signed.person.casefold() in known)
    )


def _rejections(roles: Container[str], facts: GateFacts) -> list[Rejected]:
    """Return the rejections of this content that whoever gave them has not lifted since."""
    lifted = {
        (signed.role, signed.person.casefold(), signed.digest): signed.at
        for signed in sorted(facts.sign_offs, key=lambda signed: signed.at)
    }
    return [
        no
        for no in facts.rejections
        if no.role in roles
        and no.digest == facts.candidate.digest
        and lifted.get((no.role, no.person.casefold(), no.digest), no.at) <= no.at
    ]


def _hopeless(role: str, facts: GateFacts) -> str:
    """Return why nobody can ever sign off for `role`; empty where somebody can, or may."""
    members = facts.members.get(role)
    if members is None or any(not _wrote(member, facts) for member in members):
        return ""
    if not members:
        return f"nobody can sign off for {role}: it has no members; give it one"
    return (
        f"nobody can sign off for {role}: its only members, {_listed(sorted(members))}, "
        "wrote the change; give it another member"
    )


def _void_sign_offs(role: str, facts: GateFacts) -> Iterator[str]:
    """Yield why what was said for `role` does not count, so that it is asked for again."""
    said = [signed for signed in facts.sign_offs if signed.role == role]
    own = {signed.person for signed in said if _wrote(signed.person, facts)}
    if own:
        yield f"{_listed(sorted(own))} wrote the change and cannot sign it off"
    stale = {signed.person for signed in said if signed.digest != facts.candidate.digest} - own
    if stale:
        yield f"what {_listed(sorted(stale))} signed off has changed since"


def _wrote(person: str, facts: GateFacts) -> bool:
    return person.casefold() in {author.casefold() for author in facts.authors}


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)
