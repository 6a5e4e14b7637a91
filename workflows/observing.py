"""Observe one promotion: git and the forge into facts. Nothing is decided, nothing changed."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from bot.decisions.digest import content_digest
from bot.decisions.facts import Check, GateFacts, PromotionFacts, PullRequest, Review
from bot.decisions.gates.checks import GREEN, OWN_STATUS
from bot.decisions.gates.times import in_short
from bot.decisions.gates.wording import NAMED
from bot.decisions.promotion import Promotion
from bot.decisions.requirements import EVERY_CHECK, Requirements
from bot.engine.candidate import MergeMethod, Plan, plan_promotion
from bot.engine.drift import compare
from bot.forges.forge import Forge, ForgeError
from bot.model import Head, ReportedBy, State
from bot.policies.effective import policy_of
from bot.together import together
from config.schema import Environment
from workflows import rolling_back, running
from workflows.gathering import gather, noticed
from workflows.knowing import authors_of, learn, people_of
from workflows.sites import Site
from workflows.values.promotion import PromotionState, Reviewed

_MAY_WRITE = frozenset({"write", "maintain", "admin"})


@dataclass(frozen=True, slots=True)
class Observed:
    """What there is to decide on, and the plan that the decision will be carried out with.

    `plan` is None where a branch is gone, or the source has lost the commit, and nothing was
    built before.
    """

    state: PromotionState
    promotion: Promotion
    facts: PromotionFacts
    plan: Plan | None


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


def observe(site: Site, state: PromotionState, asking: Asking = Asking()) -> Observed:
    """Observe a promotion of an environment that has a source.

    Raises `KeyError` where the configuration no longer has the environment, or nothing
    is promoted into it.
    """
    target = site.config.environment(state.environment)
    source = site.config.source_of(target)
    if source is None:
        raise KeyError(state.environment)
    if state.again is not None and site.now >= state.again:
        state = state.model_copy(update={"refusal": "", "again": None})
    target_head = site.head(target)
    source_head = site.head(source) if not state.undoes else _before(state, target)
    kept = source_head is not None and (
        bool(state.undoes) or site.git.contains(source_head.sha, state.source)
    )
    request = _pull_request(site, state, target, ask=asking.pull_request)
    plan, then = None, state.candidate
    ended = request is not None and request.state == "merged"
    if kept and target_head is not None and not (ended and then):
        plan = _plan(site, state, Head(source.name, source.branch, state.source), target_head)
    elif then is not None and not site.git.missing([then.source, then.target]):
        # What was promoted, or cannot be now, is said of the commits that it was built of.
        before = Head(target.name, target.branch, then.target)
        plan = _plan(site, state, Head(source.name, source.branch, then.source), before)
    state, known = learn(site, state, plan, ask=asking.pull_request)
    gates = Requirements.of(target.gates, target.freezes)
    if plan is not None:
        gates = policy_of(site.git, site.policies, target, plan, known).needed
    if state.undoes:
        # CI alone: what it restores was agreed to once, and whoever asks is in a hurry.
        gates = Requirements(checks=gates.checks)
    state = _with_evidence(site, state, gates, plan, asking)
    if stops := site.stops:
        state = state.model_copy(update={"stopped": in_short(stops)})
    if gates.soak is not None:
        head = source_head.sha if source_head else None
        seen = noticed(state.seen, source.branch, head, site.now)
        state = state.model_copy(update={"seen": seen})
    evidence = evidence_of(site, state, gates)
    if evidence is not None:
        state = running.look(site, state, gates, news=asking.checks, again=asking.again)
        state, gathered = gather(site, state, plan, gates)
        evidence = replace(evidence, **gathered)
    facts = PromotionFacts(
        source_head=source_head.sha if source_head else None,
        target_head=target_head.sha if target_head else None,
        source_kept=kept,
        pending=_is_pending(state, plan),
        conflicts=_conflicts(plan),
        evidence=evidence,
        pull_request=request,
        hold=state.hold,
        cancel=state.cancel,
        retry=state.retry,
        refusal=state.refusal,
        refused_until=state.again,
        rolling=state.rolling,
    )
    return Observed(state, _promotion(state, source, target, gates), facts, plan)


def _promotion(
    state: PromotionState, source: Environment, target: Environment, gates: Requirements
) -> Promotion:
    return Promotion(
        environment=target.name,
        branch=target.branch,
        source_branch=target.branch if state.undoes else source.branch,
        source=state.source,
        automatic=target.promote == "automatic" and not state.asked_by,
        merge=target.merge,
        gates=gates,
        undoes=state.first[:10] if state.undoes else "",
    )


def _before(state: PromotionState, target: Environment) -> Head:
    """Return what a roll-back goes back to: a commit that stays."""
    return Head(target.name, target.branch, state.source)


def _plan(site: Site, state: PromotionState, source: Head, target: Head) -> Plan | None:
    if state.undoes:
        return rolling_back.plan_at(site, state, target)
    environment = site.config.environment(state.environment)
    return plan_for(site, source, target, environment, state.lifts)


def _is_pending(state: PromotionState, plan: Plan | None) -> bool:
    """Whether there is anything to do; of a roll-back, not where its promotion is gone."""
    if plan is None:
        return not state.undoes
    return plan.candidate is not None or (plan.state is State.CONFLICT and not state.undoes)


def plan_for(
    site: Site,
    source: Head,
    target: Head,
    environment: Environment,
    lifts: tuple[str, ...] = (),
) -> Plan:
    """Return the plan of a hop at two fixed commits, which is made once.

    `lifts` are roll-backs that hold nothing back any more.
    """
    method = MergeMethod(environment.merge)

    def made() -> Plan:
        comparison = compare(site.git, source, target, site.keep, lifts)
        return plan_promotion(site.git, comparison, site.keep, method)

    key = (site.info.id, source, target, method, site.config.keep, lifts)
    return site.plans.get(key, made)


def plan_and_lifts(
    site: Site, source: Head, target: Head, environment: Environment, *, by_hand: bool
) -> tuple[Plan, tuple[str, ...]]:
    """Return the plan of a promotion that begins now, and the roll-backs that it lifts.

    Who asks for one by hand takes along what was rolled back until then.
    """
    plan = plan_for(site, source, target, environment)
    lifts = plan.comparison.held_by if by_hand else ()
    return (plan_for(site, source, target, environment, lifts) if lifts else plan), lifts


def digest_of(plan: Plan) -> str:
    """Return the digest of what a plan promotes, which people's word is bound to."""
    return content_digest((c.path, c.key, c.source.token) for c in plan.promoted)


def _conflicts(plan: Plan | None) -> tuple[tuple[str, str | None], ...]:
    held_back = plan.held_back if plan else ()
    return tuple((c.path, c.key) for c in held_back if c.state is State.CONFLICT)


def _pull_request(
    site: Site, state: PromotionState, target: Environment, *, ask: bool
) -> PullRequest | None:
    """Return the pull request; what no event has spoken of is as it was.

    Its head is what git has, since the forge's own answer may lag behind a push.
    """
    if state.number is None:
        return None
    head = site.git.branch(state.branch)
    if state.merged and state.candidate is not None:
        me = site.forge.login()
        return PullRequest(state.candidate.sha, target.branch, "merged", by=me, by_self=True)
    if head is not None and not ask:
        return PullRequest(head=head, base=target.branch)
    info = site.forge.pull_request(site.name, state.number)
    ended = info.state != "open"
    return PullRequest(
        head=info.head_sha if ended else head or info.head_sha,
        base=info.base_branch,
        state=info.state,
        by=info.by or ("somebody" if ended else ""),
        by_self=ended and info.by.casefold() == site.forge.login().casefold(),
        branch_deleted=head is None,
    )


def _with_evidence(
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
            counting = [check for check in reported if _counts(check.name, gates)]
            # What came the other way is as it was.
            before = checks_of(state) if by else ()
            found.update(_carried(_newest([*before, *counting]), gates))

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


def _newest(checks: Iterable[Check]) -> tuple[Check, ...]:
    """Return the newest report of each name, of two at the same moment the later one here."""
    by_name: dict[str, Check] = {}
    for check in checks:
        if check.name not in by_name or check.at >= by_name[check.name].at:
            by_name[check.name] = check
    return tuple(by_name[name] for name in sorted(by_name))


def _carried(checks: Sequence[Check], gates: Requirements) -> dict[str, object]:
    """Return checks as a state carries them: where each one counts, there may be hundreds."""
    required = set(gates.checks.required)
    green = [c.name for c in checks if c.state in GREEN and c.name not in required]
    left_out = set(green[NAMED:])
    kept = [c for c in checks if c.state != "pending" and c.name not in left_out]
    pending = tuple(c.name for c in checks if c.state == "pending")
    return {"checks": tuple(kept), "pending": pending, "more_green": len(left_out)}


def checks_of(state: PromotionState) -> tuple[Check, ...]:
    """Return the checks of a promotion's candidate, but for those that are only counted."""
    at = state.candidate
    if at is None:
        return ()
    pending = [Check(name, at.sha, "pending", at.pushed_at) for name in state.pending]
    return (*(state.checks or ()), *pending)


def _counts(name: str, gates: Requirements) -> bool:
    """Whether the gate looks at a check: no other goes into the history, however many report."""
    required = gates.checks.required or (EVERY_CHECK,)
    return name != OWN_STATUS and (EVERY_CHECK in required or name in required)


def _reviews(site: Site, number: int) -> tuple[Reviewed, ...]:
    found = site.forge.reviews(site.name, number)
    writers = {
        person: site.forge.permission(site.name, person) in _MAY_WRITE
        for person in {review.person for review in found}
    }
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
