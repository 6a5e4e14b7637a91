"""Merge exactly what was tested; what the forge refuses becomes a fact to decide on."""

from datetime import timedelta

from bot.decisions.promotion import Merge
from bot.forges.forge import Conflict, ForgeError, Refused, Unauthorized
from bot.repository import RepositoryError
from bot.together import together
from workflows.observing import Observed
from workflows.saying import say_status
from workflows.sites import Site
from workflows.values.promotion import PromotionState

# After a refusal to merge, the first wait and the longest: each is twice the one before.
REFUSED_AGAIN = timedelta(minutes=1)
_LONGEST_REFUSED = timedelta(hours=6)


def merge(site: Site, observed: Observed, decision: Merge) -> PromotionState:
    """Merge exactly what was tested; what the forge refuses becomes a fact to decide on.

    Our status is set at the same time, as few branches are protected by it. One that is refuses,
    and is asked again once the status stands there.
    """
    before, branch = observed.state, (site.key, observed.promotion.branch)
    if branch in site.status_first or before.refusals:
        return _merged(site, observed, decision, say_status(site, before, decision))
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


def _said_or_not(site: Site, state: PromotionState, decision: Merge) -> PromotionState | ForgeError:
    try:
        return say_status(site, state, decision)
    except ForgeError as error:
        return error


def _merged(
    site: Site, observed: Observed, decision: Merge, state: PromotionState
) -> PromotionState:
    plan, number = observed.plan, state.number
    if number is None or plan is None or plan.candidate is None:
        raise ValueError("there is nothing to merge")
    subject, _, message = plan.candidate.message.partition("\n")
    message = message.strip() + _overrides_of(state)
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
        if not is_rejected(error):
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


def _overrides_of(state: PromotionState) -> str:
    """Return the trailers that say which gates were overridden for what is merged, and by whom."""
    digest = state.candidate.digest if state.candidate else ""
    return "".join(
        f"\nLockstep-Override: {one.gate} by {one.person}: {one.reason}"
        for one in state.overrides
        if one.digest == digest
    )


def is_rejected(error: RepositoryError) -> bool:
    """Whether the remote was reached and would not, as git's complaint tells."""
    return "failed to push" in str(error)
