"""Carry out one move of a promotion. Every effect finds its own work and adopts it."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from bot import messages
from bot.decisions.facts import Candidate
from bot.decisions.gates import GateResult, evaluate
from bot.decisions.promotion import Decision, Merge, Status, status_of
from bot.engine.trees import TreeReader
from bot.forges.forge import Conflict, NotFound, Refused
from bot.repository import RepositoryError
from workflows.observing import Observed, digest_of
from workflows.sites import Site
from workflows.values import PromotionState

LABEL = "lockstep"


def build(site: Site, observed: Observed, now: datetime) -> PromotionState:
    """Push the candidate and see to its pull request."""
    state, plan = observed.state, observed.plan
    if plan is None or plan.candidate is None:
        raise ValueError("there is nothing to build")
    site.git.write(plan.candidate.objects)
    site.mirror.push(state.branch, plan.candidate.sha, site.git.branch(state.branch))
    comparison = plan.comparison
    candidate = Candidate(
        plan.candidate.sha, comparison.source.sha, comparison.target.sha, digest_of(plan), now
    )
    built = (*state.built, state.candidate) if state.candidate else state.built
    state = state.model_copy(
        update={"candidate": candidate, "built": built, "checks": (), "refusal": "", "retry": None}
    )
    if state.number is None or _is_closed(observed):
        text = messages.body(plan, (), "building", waits=False)
        request = site.forge.open_pull_request(
            site.name, state.branch, comparison.target.branch, messages.title(plan), text
        )
        state = state.model_copy(update={"number": request.number})
    return state


def _is_closed(observed: Observed) -> bool:
    request = observed.facts.pull_request
    return request is not None and request.state == "closed"


def gates_of(observed: Observed, now: datetime) -> Sequence[GateResult]:
    """Return what each gate says of the present candidate."""
    facts, promotion = observed.facts, observed.promotion
    if facts.evidence is None:
        return ()
    return evaluate(promotion.gates, facts.evidence, now, freezes=promotion.freezes)


def say(site: Site, observed: Observed, decision: Decision, now: datetime) -> PromotionState:
    """Bring status and description up to date, where what they say has changed."""
    state, plan = observed.state, observed.plan
    if state.number is None or state.candidate is None or plan is None:
        return state
    status = status_of(decision)
    text = messages.body(plan, gates_of(observed, now), decision.reason)
    said = _digest(status, state.candidate.sha, text)
    if said == state.said:
        return state
    if status is not None:
        site.forge.set_status(site.name, state.candidate.sha, status.state, status.line)
    site.forge.update_pull_request(
        site.name, state.number, title=messages.title(plan), body=text, labels=[LABEL]
    )
    return state.model_copy(update={"said": said})


def _digest(status: Status | None, sha: str, text: str) -> str:
    line = f"{status.state} {status.line}" if status else ""
    return hashlib.sha256(f"{sha}\0{line}\0{text}".encode(errors="replace")).hexdigest()[:16]


def merge(site: Site, observed: Observed, decision: Merge) -> PromotionState:
    """Merge exactly what was tested; what the forge refuses becomes a fact to decide on."""
    state, plan = observed.state, observed.plan
    if state.number is None or plan is None or plan.candidate is None or state.candidate is None:
        raise ValueError("there is nothing to merge")
    status = status_of(decision)
    if status is not None:
        site.forge.set_status(site.name, decision.head, status.state, status.line)
    subject, _, message = plan.candidate.message.partition("\n")
    try:
        if decision.method == "fast-forward":
            target = plan.comparison.target
            site.mirror.push(target.branch, decision.head, target.sha)
        else:
            site.forge.merge(
                site.name,
                state.number,
                sha=decision.head,
                method=decision.method,
                title=f"{subject} (#{state.number})",
                message=message.strip(),
            )
    except Conflict:
        return state  # the head has moved: the next look finds where
    except (Refused, RepositoryError) as error:
        return state.model_copy(update={"refusal": str(error)})
    return state


def finish(site: Site, observed: Observed, reason: str, now: datetime) -> str:
    """See to what follows a merge, and return the outcome.

    The merged tree is compared with the candidate's: a difference is an incident, and
    is said where the promotion stands.
    """
    state, plan = observed.state, observed.plan
    outcome = reason
    target = site.config.environment(state.environment)
    head = site.git.branch(target.branch)
    if state.candidate is not None and head is not None:
        outcome = _compared(site, state.candidate.sha, head) or reason
        for branch in target.mirrors:
            site.mirror.push(branch, head, site.git.branch(branch))
    if state.number is not None and plan is not None:
        text = messages.body(plan, gates_of(observed, now), outcome)
        site.forge.update_pull_request(site.name, state.number, body=text)
    clean_up(site, state)
    return outcome


def _compared(site: Site, candidate: str, head: str) -> str:
    """Return the incident where the target does not hold what was tested, empty where it does."""
    reader = TreeReader(site.git)
    if reader.root(candidate) == reader.root(head):
        return ""
    if not site.git.contains(head, candidate):
        return (
            f"incident: {head[:10]} on the target is not what was tested as {candidate[:10]}; "
            "compare the two and put right what should not be there"
        )
    return ""


def close(site: Site, state: PromotionState, reason: str) -> None:
    """Close the pull request with its last word."""
    if state.number is not None:
        if state.candidate is not None:
            line = reason.replace("`", "")[:140]
            site.forge.set_status(site.name, state.candidate.sha, "failure", line)
        site.forge.update_pull_request(site.name, state.number, closed=True)
    clean_up(site, state)


def clean_up(site: Site, state: PromotionState) -> None:
    """Delete the promotion's own branch."""
    try:
        site.mirror.push(state.branch, None, site.git.branch(state.branch))
    except (RepositoryError, NotFound):
        return  # somebody was faster, or moved it: it is theirs then
