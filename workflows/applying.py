"""Carry out one move of a promotion. Every effect finds its own work and adopts it."""

from dataclasses import replace
from datetime import datetime

from bot.decisions.facts import Candidate, PullRequest
from bot.decisions.promotion import Cancelled, Decision, Finish, MergedByHand, decide_promotion
from bot.engine.trees import TreeReader
from bot.markdown import sentence
from bot.messages import description
from bot.repository import RepositoryError
from bot.together import together
from config.schema import Environment
from workflows.forge_evidence import Asking, written_by
from workflows.hop_plans import digest_of
from workflows.merging import is_rejected
from workflows.observing import Observed, observe
from workflows.saying import body_of, digest, edit, last_word, say_status, title_of
from workflows.sites import Site
from workflows.values.promotion import Built, PromotionState

# A review of an older candidate than these counts as one of content that nobody knows.
_MOST_BUILT = 50


def build(site: Site, observed: Observed, now: datetime) -> PromotionState:
    """Push the candidate and see to its pull request, which says at once what it waits for."""
    state, plan = observed.state, observed.plan
    if plan is None or plan.candidate is None:
        raise ValueError("there is nothing to build")
    site.git.write(plan.candidate.objects)
    new, sha, at = plan.candidate.objects, plan.candidate.sha, site.git.branch(state.branch)

    def push() -> None:
        site.git.push(state.branch, sha, at, new)

    comparison = plan.comparison
    candidate = Candidate(sha, comparison.source.sha, comparison.target.sha, digest_of(plan), now)
    before, built = state.candidate, state.built
    if before is not None:
        built = (*built, Built(sha=before.sha, digest=before.digest))[-_MOST_BUILT:]
    state = state.model_copy(
        update={
            "candidate": candidate,
            "built": built,
            "checks": (),
            "pending": (),
            "more_green": 0,
            # Other commits may be other people's.
            "authors": state.authors if before and before.source == candidate.source else None,
            "refusal": "",
            "refusals": 0,
            "again": None,
            "retry": None,
        }
    )
    request = observed.facts.pull_request
    if state.number is not None and (request is None or request.state == "open"):
        push()
        return state
    fresh = state.model_copy(update={"number": None})
    # What the description has to say is learnt while git pushes.
    _, (state, text) = together(push, lambda: _first_body(site, fresh, now))
    opened, authors = together(
        lambda: site.forge.open_pull_request(
            site.name, state.branch, comparison.target.branch, title_of(observed, plan), text
        ),
        lambda: written_by(site, state, observed.promotion.gates, plan),
    )
    return state.model_copy(
        update={
            "number": opened.number,
            "said": digest(text),
            "labelled": False,
            "authors": authors,
        }
    )


def _first_body(site: Site, state: PromotionState, now: datetime) -> tuple[PromotionState, str]:
    """Return the description to open with, and what was learnt on the way."""
    # Who wrote it matters to what people say, and of what is not open yet they have said nothing.
    is_said = bool(state.sign_offs or state.rejections or state.reviews)
    observed = observe(site, state, Asking(authors=is_said))
    facts, promotion = observed.facts, observed.promotion
    if facts.evidence is None or observed.plan is None:
        raise ValueError("there is no candidate")
    request = PullRequest(head=facts.evidence.candidate.sha, base=promotion.branch)
    decision = decide_promotion(promotion, replace(facts, pull_request=request), now, site.words)
    return observed.state, body_of(site, observed, observed.plan, decision.reason, now)


def finish(site: Site, observed: Observed, decision: Finish | MergedByHand, now: datetime) -> str:
    """See to what follows a merge, and return the outcome.

    The merged tree is compared with the candidate's: a difference is an incident, and
    is said where the promotion stands. As there hardly ever is one, the last word is said
    at the same time, and said again where there is.
    """
    state, plan, reason = observed.state, observed.plan, decision.reason
    target = site.config.environment(state.environment)

    def told() -> None:
        # Known already, but where it was merged and that could not be said.
        say_status(site, state, decision)
        last_word(site, observed, reason, now)

    found, _, _ = together(
        lambda: _landed(site, observed, target), told, lambda: _clean_up(site, state)
    )
    if not found or state.number is None:
        return reason
    outcome = f"{reason}. {found}"
    site.forge.comment(site.name, state.number, "incident", sentence(found), on_pull_request=True)
    if plan is not None:
        last_word(site, observed, outcome, now)
    return outcome


def _landed(site: Site, observed: Observed, target: Environment) -> str:
    """Look at what was merged, and bring its mirrors there; return what is wrong, if anything."""
    state, plan, incident = observed.state, observed.plan, ""
    site.git.look()
    head = site.git.branch(target.branch)
    if state.number is not None and state.candidate is not None:
        merged = state.merged or site.forge.pull_request(site.name, state.number).merged_sha
        if plan is not None and plan.candidate is not None:
            # Its branch may have been deleted before this mirror had seen it.
            site.git.write(plan.candidate.objects)
        incident = _incident(site, state.candidate, merged or head)
    if head is not None:
        for branch in target.mirrors:
            site.mirror.push(branch, head, site.git.branch(branch))
    return incident


def _incident(site: Site, candidate: Candidate, merged: str | None) -> str:
    """Return what is wrong where the merge does not hold what was tested, else nothing."""
    if merged is None or site.git.missing([merged, candidate.sha]):
        return ""
    reader = TreeReader(site.git)
    if reader.root(candidate.sha) == reader.root(merged):
        return ""
    return description.incident(candidate.sha, merged)


def close(site: Site, observed: Observed, decision: Decision, now: datetime) -> None:
    """Close the pull request with its last word."""
    state, plan = observed.state, observed.plan
    if state.number is not None:
        if isinstance(decision, Cancelled):
            say_status(site, state, decision)
        text = None
        if plan is not None:
            reason = decision.reason
            if isinstance(decision, Cancelled):
                command = "rollback" if state.undoes else "promote"
                reason = description.cancelled(reason, command, state.environment, site.words)
            text = body_of(site, observed, plan, reason, now, open_=False)
        edit(site, state, body=text, closed=True)
    _clean_up(site, state)


def may_give_way(site: Site, state: PromotionState) -> bool:
    """Whether a promotion can end without more: not where its pull request is merged already."""
    if state.merged or state.number is None:
        return not state.merged
    return site.forge.pull_request(site.name, state.number).state != "merged"


def abandon(site: Site, state: PromotionState, reason: str) -> None:
    """Close the pull request of a promotion that the configuration has no more, or not twice."""
    if state.number is not None:
        site.forge.comment(
            site.name, state.number, "abandoned", sentence(reason), on_pull_request=True
        )
        site.forge.update_pull_request(site.name, state.number, closed=True)
    _clean_up(site, state)


def _clean_up(site: Site, state: PromotionState) -> None:
    """Delete the promotion's own branch."""
    at = site.git.branch(state.branch)
    if at is None:
        return
    try:
        site.mirror.push(state.branch, None, at)
    except RepositoryError as error:
        if not is_rejected(error):
            raise
