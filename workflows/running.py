"""Start the CI that gates ask for, once for each candidate, and look how it does.

The forge has no way to start something once: so before anything is started it is looked
for, and whatever may have been started by a step that was lost is waited for first.
"""

from datetime import datetime

from bot.decisions.gates.outside import is_run_due, key_of
from bot.decisions.requirements import Requirements
from bot.forges.forge import NotFound, Refused, RunInfo
from config.outside import WorkflowGate
from workflows.sites import Site
from workflows.values.promotion import PromotionState, Ran


def look(
    site: Site, state: PromotionState, needed: Requirements, *, news: bool, again: bool
) -> PromotionState:
    """Bring the runs on the candidate up to date; those of other commits are forgotten.

    With `news` all are looked at, else those whose time it is. `again` says that a step
    before this one was lost, and nobody knows what it has started.
    """
    candidate = state.candidate
    if candidate is None or not needed.workflow:
        return state.model_copy(update={"runs": ()}) if state.runs else state
    known = {ran.key: ran for ran in state.runs if ran.sha == candidate.sha}
    found = []
    for gate in needed.workflow:
        before = known.get(key_of(gate))
        if news or again or is_run_due(before.run if before else None, site.now):
            before = _looked(site, gate, candidate.sha, before, again=again)
        if before is not None:
            found.append(before)
    return state.model_copy(update={"runs": tuple(found)})


def _looked(
    site: Site, gate: WorkflowGate, sha: str, before: Ran | None, *, again: bool
) -> Ran | None:
    """Return how a run does; None where there is none and one may be started."""
    now, key = site.now, key_of(gate)
    try:
        runs = site.forge.workflow_runs(site.name, gate.workflow, sha)
    except (NotFound, Refused) as error:
        return _refused(key, sha, now, error, before)
    if runs:
        return _seen(key, sha, now, runs[0])
    if before is None and again:
        return Ran(key=key, sha=sha, seen=now, started=now, asked="unknown")
    if before is None or (before.asked != "yes" and before.seen < now):
        return None
    # It was started: what the forge does not list yet will show up.
    return before.model_copy(update={"seen": now})


def _seen(key: str, sha: str, now: datetime, run: RunInfo) -> Ran:
    return Ran(
        key=key,
        sha=sha,
        seen=now,
        # A clock of the forge's that is ahead of ours starts nothing in the future.
        started=min(run.started, now),
        state=run.state,
        id=run.id,
        url=run.url,
    )


def _refused(key: str, sha: str, now: datetime, error: Exception, before: Ran | None) -> Ran:
    return Ran(
        key=key,
        sha=sha,
        seen=now,
        started=before.started if before else now,
        asked="refused",
        problem=f"it cannot be started: {error}",
    )


def start(site: Site, state: PromotionState, needed: Requirements) -> PromotionState:
    """Start what is wanted on the candidate and is not known to run; see `look`."""
    candidate = state.candidate
    if candidate is None:
        return state
    known = {ran.key for ran in state.runs}
    started = []
    for gate in needed.workflow:
        key = key_of(gate)
        if key in known:
            continue
        now = site.now
        try:
            site.forge.start_workflow(site.name, gate.workflow, state.branch, gate.inputs)
        except (NotFound, Refused) as error:
            started.append(_refused(key, candidate.sha, now, error, None))
        else:
            started.append(Ran(key=key, sha=candidate.sha, seen=now, started=now))
    return state.model_copy(update={"runs": (*state.runs, *started)}) if started else state
