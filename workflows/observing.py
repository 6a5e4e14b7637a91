"""Observe one promotion: all the facts that its next move depends on, nothing changed."""

from dataclasses import dataclass, replace

from bot.decisions.facts import GateFacts, PromotionFacts, PullRequest
from bot.decisions.gates.times import in_short
from bot.decisions.promotion import Promotion
from bot.decisions.requirements import Requirements
from bot.engine.candidate import Plan
from bot.model import Head, State
from bot.policies.effective import Known, policy_of
from config.schema import Environment
from workflows import rolling_back, running
from workflows.forge_evidence import Asking, evidence_of, with_evidence
from workflows.gathering import gather, noticed
from workflows.hop_plans import plan_for
from workflows.knowing import learn
from workflows.sites import Site
from workflows.values.promotion import PromotionState


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


def observe(site: Site, state: PromotionState, asking: Asking) -> Observed:
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
    target_head = site.git.branch(target.branch)
    # A roll-back goes back to a commit that stays.
    source_head = state.source if state.undoes else site.git.branch(source.branch)
    kept = source_head is not None and (
        bool(state.undoes) or site.git.contains(source_head, state.source)
    )
    request = _pull_request(site, state, target, ask=asking.pull_request)
    is_over = state.candidate and request is not None and request.state == "merged"
    plan = _plan(site, state, source, target, target_head if kept and not is_over else None)
    state, known = learn(site, state, plan, ask=asking.pull_request)
    gates = _gates(site, state, target, plan, known)
    state = with_evidence(site, state, gates, plan, asking)
    if stops := site.stops:
        state = state.model_copy(update={"stopped": in_short(stops)})
    if gates.soak is not None:
        seen = noticed(state.seen, source.branch, source_head, site.now)
        state = state.model_copy(update={"seen": seen})
    state, evidence = _judged(site, state, gates, plan, asking)
    facts = PromotionFacts(
        source_head=source_head,
        target_head=target_head,
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


def _plan(
    site: Site, state: PromotionState, source: Environment, target: Environment, head: str | None
) -> Plan | None:
    """Return the plan of what is promoted to a target at `head`.

    What was promoted, or cannot be now, is said of the commits that it was built of.
    """
    built = state.candidate
    if head is not None:
        at = (state.source, head)
    elif built is not None and not site.git.missing([built.source, built.target]):
        at = (built.source, built.target)
    else:
        return None
    into = Head(target.name, target.branch, at[1])
    if state.undoes:
        return rolling_back.plan_at(site, state, into)
    return plan_for(site, Head(source.name, source.branch, at[0]), into, target, state.lifts)


def _gates(
    site: Site, state: PromotionState, target: Environment, plan: Plan | None, known: Known
) -> Requirements:
    """Return what is asked of a promotion, by its environment and by policies."""
    gates = Requirements.of(target.gates, target.freezes)
    if plan is not None:
        gates = policy_of(site.git, site.policies, target, plan, known).needed
    # CI alone: what a roll-back restores was agreed to once, and whoever asks is in a hurry.
    return Requirements(checks=gates.checks) if state.undoes else gates


def _judged(
    site: Site, state: PromotionState, gates: Requirements, plan: Plan | None, asking: Asking
) -> tuple[PromotionState, GateFacts | None]:
    """Return what gates judge, with the runs and the answers that they wait for."""
    evidence = evidence_of(site, state, gates)
    if evidence is None:
        return state, None
    state = running.look(site, state, gates, news=asking.checks, again=asking.again)
    state, gathered = gather(site, state, plan, gates)
    return state, replace(evidence, **gathered)


def _is_pending(state: PromotionState, plan: Plan | None) -> bool:
    """Whether there is anything to do; of a roll-back, not where its promotion is gone."""
    if plan is None:
        return not state.undoes
    return plan.candidate is not None or (plan.state is State.CONFLICT and not state.undoes)


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
