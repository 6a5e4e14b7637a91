"""The gates `approvals` and `sign_offs`: who agrees to exactly this content.

Whoever wrote a part of it does not count, and what was said of other content is void.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.decisions.facts import GateFacts, Owned, Rejected, Review
from bot.decisions.gates.wording import listed
from bot.decisions.requirements import Requirements
from bot.decisions.verdicts import Closed, Failed, GateResult, Open, Verdict
from config.policy import CODE_OWNERS

# Of two at the same moment the worse counts, whichever came first.
_WORSE_REVIEW = ("commented", "approved", "dismissed", "changes_requested")


def approvals(needed: Requirements, facts: GateFacts, _: datetime) -> Iterator[GateResult]:
    """Judge the reviews, where some are asked for or somebody requests changes.

    The bot does not merge over a no that its own gates did not ask for.
    """
    if not (needed.approvals or needed.code_owners or _objections(_counted_reviews(facts))):
        return
    verdicts = [_approvals(needed.approvals, facts)] if needed.approvals else []
    if needed.code_owners:
        verdicts.append(_code_owners(facts))
    if objections := _objections(_counted_reviews(facts)):
        verdicts = [Closed(f"{listed(objections)} requested changes")]
    yield GateResult("approvals", _together(verdicts))


def sign_offs(needed: Requirements, facts: GateFacts, _: datetime) -> Iterator[GateResult]:
    """Judge what was said for the roles that must sign off."""
    if not needed.sign_offs:
        return
    roles = [role for role in needed.sign_offs if role != CODE_OWNERS]
    verdicts = [_sign_offs(roles, facts)] if roles else []
    if len(roles) < len(needed.sign_offs):
        verdicts.append(_signed_by_owners(facts))
    yield GateResult("sign_offs", _together(verdicts))


def people_agree(needed: Requirements, facts: GateFacts) -> bool:
    """Whether somebody whose word counts agrees to this content already, and nobody says no."""
    reviews = _counted_reviews(facts)
    signed = any(_signers(role, facts) for role in needed.sign_offs)
    approved = (needed.approvals or needed.code_owners) and _approving(reviews, facts)
    refused = _objections(reviews) or _rejections(needed.sign_offs, facts)
    return bool(signed or approved) and not refused


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


def _together(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the worst of some verdicts, with the reasons of all that are as bad."""
    for kind in (Failed, Closed, Open):
        if reasons := [each.reason for each in verdicts if isinstance(each, kind)]:
            return kind("; ".join(dict.fromkeys(reasons)))
    return Open("nobody has to approve")


def _signed_by_owners(facts: GateFacts) -> Verdict:
    """Judge whether the owners of what is promoted signed it off, each for their part."""
    if rejections := _rejections({CODE_OWNERS}, facts):
        return Closed(_said_no(rejections))
    signed = {person.casefold(): person for person in _signers(CODE_OWNERS, facts)}
    return _by_owners(facts, signed, _SIGNED_OFF)


def _code_owners(facts: GateFacts) -> Verdict:
    """Judge whether the owners of what is promoted approved it."""
    counted = {person.casefold(): person for person in _approving(_counted_reviews(facts), facts)}
    return _by_owners(facts, counted, _APPROVED)


@dataclass(frozen=True, slots=True)
class _Agreeing:
    """How owners agree, in the words of sentences."""

    did: str
    doing: str
    can: str


_APPROVED = _Agreeing("approved", "approval", "approve")
_SIGNED_OFF = _Agreeing("signed off", "sign-off", "sign off")


def _by_owners(facts: GateFacts, counted: Mapping[str, str], agreeing: _Agreeing) -> Verdict:
    if facts.code_owners is None:
        return Closed("it is not known who owns what is promoted")
    if facts.code_owners.problem:
        return Failed(facts.code_owners.problem)
    if not facts.code_owners.owned:
        return Open("nobody owns what is promoted")
    verdicts = [_owner(entry, counted, facts, agreeing) for entry in facts.code_owners.owned]
    if all(isinstance(verdict, Open) for verdict in verdicts):
        agreed = {p for entry in facts.code_owners.owned for p in _owning(entry, counted)}
        return Open(f"{agreeing.did} by the code owners {listed(sorted(agreed))}")
    return _together(verdicts)


def _owner(
    entry: Owned, counted: Mapping[str, str], facts: GateFacts, agreeing: _Agreeing
) -> Verdict:
    agreed = _owning(entry, counted)
    if len(agreed) >= entry.needed:
        return Open(f"{agreeing.did} by {listed(agreed)}")
    owners = f"{listed(entry.written)} for {entry.pattern}"
    if entry.hidden:
        return Closed(
            f"waiting for the {agreeing.doing} of {owners}; who {listed(entry.hidden)} is cannot "
            "be seen"
        )
    able = [person for person in entry.people if not _wrote(person, facts)]
    if len(able) < entry.needed:
        return Failed(
            f"nobody else can {agreeing.can} for {owners}: its people wrote the change; name "
            "another owner"
        )
    missing = entry.needed - len(agreed)
    more = f"{missing} {agreeing.doing}s" if missing > 1 else f"the {agreeing.doing}"
    return Closed(f"waiting for {more} of {owners}")


def _owning(entry: Owned, counted: Mapping[str, str]) -> list[str]:
    people = {person.casefold() for person in entry.people}
    return sorted(name for login, name in counted.items() if login in people)


def _approvals(needed: int, facts: GateFacts) -> Verdict:
    reviews = _counted_reviews(facts)
    counted = _approving(reviews, facts)
    if len(counted) >= needed:
        return Open(f"approved by {listed(counted)}")
    missing = needed - len(counted)
    reasons = [f"waiting for {missing}{' more' if counted else ''} approval{'s' * (missing > 1)}"]
    approving = {review.person for review in reviews if review.state == "approved"}
    if own := sorted(approving.difference(counted)):
        reasons.append(f"{listed(own)} wrote the change and cannot approve it")
    stale = {
        review.person
        for review in facts.reviews
        if review.state == "approved"
        and review.can_write
        and review.digest != facts.candidate.digest
        and review.person not in approving
    }
    if stale:
        reasons.append(f"{listed(sorted(stale))} approved content that has changed since")
    return Closed("; ".join(reasons))


def _sign_offs(roles: Iterable[str], facts: GateFacts) -> Verdict:
    """Judge what was said of this content: each role needs a member who is not an author."""
    signed = {role: _signers(role, facts) for role in sorted(set(roles))}
    missing = [role for role, people in signed.items() if not people]
    if hopeless := [why for role in missing if (why := _hopeless(role, facts))]:
        return Failed("; ".join(hopeless))
    if rejections := _rejections(signed, facts):
        return Closed(_said_no(rejections))
    if not missing:
        return Open(
            "signed off by " + listed(f"{who[0]} for {role}" for role, who in signed.items())
        )
    reasons = [f"waiting for sign-off by {listed(missing)}"]
    reasons += [why for role in missing for why in _void_sign_offs(role, facts)]
    return Closed("; ".join(reasons))


def _said_no(rejections: Iterable[Rejected]) -> str:
    return "; ".join(
        sorted(f"rejected by {no.person} for {no.role}: {no.reason}" for no in rejections)
    )


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
        f"nobody can sign off for {role}: its only members, {listed(sorted(members))}, "
        "wrote the change; give it another member"
    )


def _void_sign_offs(role: str, facts: GateFacts) -> Iterator[str]:
    """Yield why what was said for `role` does not count, so that it is asked for again."""
    said = [signed for signed in facts.sign_offs if signed.role == role]
    own = {signed.person for signed in said if _wrote(signed.person, facts)}
    if own:
        yield f"{listed(sorted(own))} wrote the change and cannot sign it off"
    stale = {signed.person for signed in said if signed.digest != facts.candidate.digest} - own
    if stale:
        yield f"what {listed(sorted(stale))} signed off has changed since"


def _wrote(person: str, facts: GateFacts) -> bool:
    return person.casefold() in {author.casefold() for author in facts.authors}
