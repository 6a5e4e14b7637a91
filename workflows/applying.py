"""Carry out one move of a promotion. Every effect finds its own work and adopts it."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.decisions.facts import Candidate, PullRequest
from bot.decisions.gates import evaluate
from bot.decisions.promotion import (
    Cancelled,
    Decision,
    Finish,
    Merge,
    MergedByHand,
    decide_promotion,
    status_of,
)
from bot.decisions.verdicts import GateResult
from bot.engine.candidate import Plan
from bot.engine.trees import TreeReader
from bot.forges.forge import Conflict, ForgeError, Refused, Unauthorized
from bot.markdown import sentence
from bot.messages import description, rollback
from bot.repository import RepositoryError
from bot.together import together
from config.schema import Environment
from workflows.observing import Asking, Observed, digest_of, observe, written_by
from workflows.sites import Site
from workflows.values.promotion import Built, PromotionState

LABELS = ("lockstep",)
# The marker of the issue that says what we may not do.
_LACKING = "lacking"
# After a refusal to merge, the first wait and the longest: each is twice the one before.
REFUSED_AGAIN = timedelta(minutes=1)
_LONGEST_REFUSED = timedelta(hours=6)
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
            site.name, state.branch, comparison.target.branch, _title(observed, plan), text
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


def _edit(
    site: Site,
    state: PromotionState,
    *,
    body: str | None,
    title: str | None = None,
    closed: bool | None = None,
) -> PromotionState:
    """Edit the pull request; labels go with the first edit alone, for they replace people's."""
    if state.number is None:
        return state
    labels = None if state.labelled else LABELS
    site.forge.update_pull_request(
        site.name, state.number, title=title, body=body, closed=closed, labels=labels
    )
    return state.model_copy(update={"labelled": True})


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
    return observed.state, _body(site, observed, observed.plan, decision.reason, now)


def _body(
    site: Site, observed: Observed, plan: Plan, reason: str, now: datetime, *, open_: bool = True
) -> str:
    gates, undone = gates_of(observed, now), observed.promotion.undoes
    if not undone:
        before = observed.state.superseded
        return description.body(plan, gates, reason, site.words, open_=open_, superseded=before)
    by = observed.state.asked_by
    return rollback.body(plan, gates, reason, site.words, undone=undone, by=by, open_=open_)


def _title(observed: Observed, plan: Plan) -> str:
    undone = observed.promotion.undoes
    return rollback.title(plan, undone) if undone else description.title(plan)


def gates_of(observed: Observed, now: datetime) -> Sequence[GateResult]:
    """Return what each gate says of the present candidate."""
    facts, promotion = observed.facts, observed.promotion
    if facts.evidence is None:
        return ()
    return evaluate(promotion.gates, facts.evidence, now)


def say(site: Site, observed: Observed, decision: Decision, now: datetime) -> PromotionState:
    """Bring status and description up to date, where what they say has changed."""
    state, plan = observed.state, observed.plan
    if state.number is None or state.candidate is None:
        return state
    if plan is None:
        return _say_status(site, state, decision)
    title, text = _title(observed, plan), _body(site, observed, plan, decision.reason, now)
    said = digest(text)

    def edited() -> PromotionState:
        if said == state.said:
            return state
        return _edit(site, state, title=title, body=text).model_copy(update={"said": said})

    told, after = together(lambda: _say_status(site, state, decision), edited)
    return after.model_copy(update={"status": told.status})


def say_lacking(site: Site, state: PromotionState, why: str) -> PromotionState:
    """Say what we may not do: in the pull request, or in an issue where there is none yet.

    Raises `ForgeError` where we may not even do that.
    """
    if state.number is None:
        title, body = description.LACKING, description.lacking("", why)
        site.forge.write_issue(site.name, _LACKING, title=title, body=body, open_=True)
        return state.model_copy(update={"lacking": True})
    before = site.forge.pull_request(site.name, state.number).body
    text = description.lacking(before, why)
    if text != before:
        state = _edit(site, state, body=text)
    return state.model_copy(update={"said": digest(text)})


def heal(site: Site, state: PromotionState) -> PromotionState:
    """Close the issue that said what we may not do, now that we may."""
    if not state.lacking:
        return state
    title, body = description.LACKING, description.LACKING_NO_MORE
    site.forge.write_issue(site.name, _LACKING, title=title, body=body, open_=False)
    return state.model_copy(update={"lacking": False})


def _say_status(site: Site, state: PromotionState, decision: Decision) -> PromotionState:
    status, candidate = status_of(decision), state.candidate
    if status is None or candidate is None:
        return state
    said = digest(candidate.sha, status.state, status.line)
    if said == state.status:
        return state
    site.forge.set_status(site.name, candidate.sha, status.state, status.line)
    return state.model_copy(update={"status": said})


def digest(*texts: str) -> str:
    """Return the digest by which a status or a description is known."""
    return hashlib.sha256("\0".join(texts).encode(errors="replace")).hexdigest()[:16]


def merge(site: Site, observed: Observed, decision: Merge) -> PromotionState:
    """Merge exactly what was tested; what the forge refuses becomes a fact to decide on.

    Our status is set at the same time, as few branches are protected by it. One that is refuses,
    and is asked again once the status stands there.
    """
    before, branch = observed.state, (site.key, observed.promotion.branch)
    if branch in site.status_first or before.refusals:
        return _merged(site, observed, decision, _say_status(site, before, decision))
    told, after = together(
        lambda: _said_or_not(site, before, decision),
        lambda: _merged(site, observed, decision, before),
    )
    if isinstance(told, ForgeError):
        if not after.merged:
            raise told
        return after  # `finish` says it
    if not after.refusal or told is before:
        return after.model_copy(update={"status": told.status})
    after = _merged(site, observed, decision, told)
    if after.merged:
        site.status_first.add(branch)
    return after


def _said_or_not(
    site: Site, state: PromotionState, decision: Decision
) -> PromotionState | ForgeError:
    try:
        return _say_status(site, state, decision)
    except ForgeError as error:
        return error


def _merged(
    site: Site, observed: Observed, decision: Merge, state: PromotionState
) -> PromotionState:
    plan, number = observed.plan, state.number
    if number is None or plan is None or plan.candidate is None:
        raise ValueError("there is nothing to merge")
    subject, _, message = plan.candidate.message.partition("\n")
    message = message.strip() + overrides_of(state)
    try:
        if decision.method == "fast-forward":
            target = plan.comparison.target
            site.mirror.push(target.branch, decision.head, target.sha)
            merged = decision.head
        else:
            merged = site.forge.merge(
                site.name,
                number,
                sha=decision.head,
                method=decision.method,
                title=f"{subject} ({site.words.reference(number)})",
                message=message,
            )
    except Conflict:
        return state  # the head has moved: the next look finds where
    except RepositoryError as error:
        if not _rejected(error):
            raise
        return _refused(site, state, error)
    except Unauthorized:
        raise  # a token that expired is no rule of the forge's
    except Refused as error:
        return _refused(site, state, error)
    return state.model_copy(update={"merged": merged})


def _refused(site: Site, state: PromotionState, error: Exception) -> PromotionState:
    """Return the state after a refusal: a forge refuses in passing too, and tells of no change."""
    wait = min(REFUSED_AGAIN * 2 ** min(state.refusals, 30), _LONGEST_REFUSED)
    again, refusals = site.now + wait, state.refusals + 1
    return state.model_copy(update={"refusal": str(error), "refusals": refusals, "again": again})


def overrides_of(state: PromotionState) -> str:
    """Return the trailers that say which gates were overridden for what is merged, and by whom."""
    digest = state.candidate.digest if state.candidate else ""
    return "".join(
        f"\nLockstep-Override: {one.gate} by {one.person}: {one.reason}"
        for one in state.overrides
        if one.digest == digest
    )


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
        _say_status(site, state, decision)
        _last_word(site, observed, reason, now)

    found, _, _ = together(
        lambda: _landed(site, observed, target), told, lambda: clean_up(site, state)
    )
    if not found or state.number is None:
        return reason
    outcome = f"{reason}. {found}"
    site.forge.comment(site.name, state.number, "incident", sentence(found), on_pull_request=True)
    if plan is not None:
        _last_word(site, observed, outcome, now)
    return outcome


def _last_word(site: Site, observed: Observed, outcome: str, now: datetime) -> None:
    state, plan = observed.state, observed.plan
    if state.number is not None and plan is not None:
        _edit(site, state, body=_body(site, observed, plan, outcome, now, open_=False))


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
            _say_status(site, state, decision)
        text = None
        if plan is not None:
            reason = decision.reason
            if isinstance(decision, Cancelled):
                command = "rollback" if state.undoes else "promote"
                reason = description.cancelled(reason, command, state.environment, site.words)
            text = _body(site, observed, plan, reason, now, open_=False)
        _edit(site, state, body=text, closed=True)
    clean_up(site, state)


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
    clean_up(site, state)


def clean_up(site: Site, state: PromotionState) -> None:
    """Delete the promotion's own branch."""
    at = site.git.branch(state.branch)
    if at is None:
        return
    try:
        site.mirror.push(state.branch, None, at)
    except RepositoryError as error:
        if not _rejected(error):
            raise
        # Somebody moved it, or was faster: it is theirs then.


def _rejected(error: RepositoryError) -> bool:
    """Whether the remote was reached and would not, as git's complaint tells."""
    return "failed to push" in str(error)
