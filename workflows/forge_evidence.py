"""Ask the forge for what gates judge, where no event has told it and it is needed."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from bot.decisions.facts import Check, GateFacts, Review
from bot.decisions.requirements import Requirements
from bot.engine.candidate import Plan
from bot.forges.forge import Forge, ForgeError
from bot.model import ReportedBy
from bot.together import together
from workflows.checks_carried import carried, checks_of, counts, newest
from workflows.knowing import authors_of, may_write, people_of
from workflows.sites import Site
from workflows.values.promotion import PromotionState, Reviewed


@dataclass(frozen=True, slots=True)
class Asking:
    """What to ask the forge for, because no event would tell, or one told to look.

    `reported` are the checks that were asked for already. `authors` may be left out while
    nobody has said anything that depends on them. `again` says that a step before this one was
    lost, with what it did.
    """

    pull_request: bool = False
    checks: bool = False
    checks_by: ReportedBy | None = None
    reported: Sequence[Check] | None = None
    authors: bool = True
    again: bool = False

    def way(self, state: PromotionState) -> ReportedBy | None:
        """Return the one way by which checks have to be asked for, None for both."""
        # Of those that are only counted, nobody knows by which way they came.
        is_all_known = state.checks is not None and not state.more_green
        return self.checks_by if is_all_known else None


class Early:
    """Asks for the checks, where a step has to, while git asks the remote: a round trip less."""

    def __init__(self, state: PromotionState, asking: Asking) -> None:
        self._state, self.asking = state, asking

    def ask(self, forge: Forge, name: str) -> None:
        """Ask, of OWNER/NAME; what fails is asked again where errors are heard."""
        candidate = self._state.candidate
        if candidate is None or not self.asking.checks:
            return
        with suppress(ForgeError):
            found = forge.checks(name, candidate.sha, self.asking.way(self._state))
            self.asking = replace(self.asking, reported=found)


def with_evidence(
    site: Site, state: PromotionState, gates: Requirements, plan: Plan | None, asking: Asking
) -> PromotionState:
    """Ask for what is not known, and is needed; authors never change."""
    candidate, number = state.candidate, state.number
    if candidate is None:
        return state
    found: dict[str, object] = {}

    def checks() -> None:
        if state.checks is None or asking.checks:
            by, reported = asking.way(state), asking.reported
            if reported is None:
                reported = site.forge.checks(site.name, candidate.sha, by)
            counting = [check for check in reported if counts(check.name, gates)]
            # What came the other way is as it was.
            before = checks_of(state) if by else ()
            found.update(carried(newest([*before, *counting]), gates))

    def reviews() -> None:
        unknown = state.reviews is None and (gates.approvals or gates.code_owners)
        # Where nobody has to approve, somebody may still ask for changes.
        if number is not None and (unknown or asking.pull_request):
            found["reviews"] = _reviews(site, number)

    def authors() -> None:
        if asking.authors:
            found["authors"] = written_by(site, state, gates, plan)

    together(checks, reviews, authors)
    return state.model_copy(update=found)


def written_by(
    site: Site, state: PromotionState, gates: Requirements, plan: Plan | None
) -> tuple[str, ...] | None:
    """Return who wrote what is promoted, None where that is not needed; it never changes."""
    if state.authors is None and plan is not None and gates.asks_people:
        return authors_of(site, plan)
    return state.authors


def _reviews(site: Site, number: int) -> tuple[Reviewed, ...]:
    found = site.forge.reviews(site.name, number)
    writers = {person: may_write(site, person) for person in {one.person for one in found}}
    return tuple(Reviewed.of(review, can_write=writers[review.person]) for review in found)


def evidence_of(site: Site, state: PromotionState, gates: Requirements) -> GateFacts | None:
    """Return what gates judge, of what a promotion knows."""
    candidate = state.candidate
    if candidate is None:
        return None
    digests = {built.sha: built.digest for built in state.built}
    digests[candidate.sha] = candidate.digest
    return GateFacts(
        candidate=candidate,
        checks=checks_of(state),
        more_green=state.more_green,
        reviews=tuple(
            Review(r.person, r.state, digests.get(r.sha), r.at, r.can_write)
            for r in state.reviews or ()
        ),
        sign_offs=state.sign_offs,
        rejections=state.rejections,
        overrides=state.overrides,
        authors=frozenset(state.authors or ()),
        members=_members(site, gates),
        stops=site.stops,
        thawed=state.stopped,
    )


def _members(site: Site, gates: Requirements) -> dict[str, frozenset[str]]:
    """Return the people of each role that must sign off; one whose team is hidden is left out."""
    found = {}
    for name in gates.sign_offs:
        people = people_of(site, name)
        if people is not None:
            found[name] = people
    return found
