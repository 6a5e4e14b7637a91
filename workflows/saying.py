"""Say where a promotion stands: its status, its description, and what we may not do."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from bot.decisions.gates import evaluate
from bot.decisions.promotion import Decision, status_of
from bot.decisions.verdicts import GateResult
from bot.engine.candidate import Plan
from bot.messages import description, rollback
from bot.together import together
from workflows.observing import Observed
from workflows.sites import Site
from workflows.values.promotion import PromotionState

LABELS = ("lockstep",)
# The marker of the issue that says what we may not do.
_LACKING = "lacking"


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
        return say_status(site, state, decision)
    title, text = title_of(observed, plan), body_of(site, observed, plan, decision.reason, now)
    said = digest(text)

    def edited() -> PromotionState:
        if said == state.said:
            return state
        return edit(site, state, title=title, body=text).model_copy(update={"said": said})

    told, after = together(lambda: say_status(site, state, decision), edited)
    return after.model_copy(update={"status": told.status})


def say_status(site: Site, state: PromotionState, decision: Decision) -> PromotionState:
    """Bring the status on the candidate up to date, where what it says has changed."""
    status, candidate = status_of(decision), state.candidate
    if status is None or candidate is None:
        return state
    said = digest(candidate.sha, status.state, status.line)
    if said == state.status:
        return state
    site.forge.set_status(site.name, candidate.sha, status.state, status.line)
    return state.model_copy(update={"status": said})


def last_word(site: Site, observed: Observed, outcome: str, now: datetime) -> None:
    """Say in the description what has become of the promotion."""
    state, plan = observed.state, observed.plan
    if state.number is not None and plan is not None:
        edit(site, state, body=body_of(site, observed, plan, outcome, now, open_=False))


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
        state = edit(site, state, body=text)
    return state.model_copy(update={"said": digest(text)})


def heal(site: Site, state: PromotionState) -> PromotionState:
    """Close the issue that said what we may not do, now that we may."""
    if not state.lacking:
        return state
    title, body = description.LACKING, description.LACKING_NO_MORE
    site.forge.write_issue(site.name, _LACKING, title=title, body=body, open_=False)
    return state.model_copy(update={"lacking": False})


def edit(
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


def title_of(observed: Observed, plan: Plan) -> str:
    """Return the title of the pull request."""
    undone = observed.promotion.undoes
    return rollback.title(plan, undone) if undone else description.title(plan)


def body_of(
    site: Site, observed: Observed, plan: Plan, reason: str, now: datetime, *, open_: bool = True
) -> str:
    """Return the description; `reason` is what the promotion waits for, or its last word."""
    gates, undone = gates_of(observed, now), observed.promotion.undoes
    if not undone:
        before = observed.state.superseded
        return description.body(plan, gates, reason, site.words, open_=open_, superseded=before)
    by = observed.state.asked_by
    return rollback.body(plan, gates, reason, site.words, undone=undone, by=by, open_=open_)


def digest(*texts: str) -> str:
    """Return the digest by which a status or a description is known."""
    return hashlib.sha256("\0".join(texts).encode(errors="replace")).hexdigest()[:16]
