"""What CI says of a commit on GitLab: jobs, external statuses, and a pipeline without any job."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from bot.decisions.facts import Check, CheckState
from bot.forges.forge import STATUS_CONTEXT
from bot.forges.gitlab_shapes import Json, moment
from bot.forges.reports import newest

PIPELINE = "pipeline"
"""The name of the check that a pipeline without jobs is: one that was skipped, or is not valid."""

_STATES: Mapping[str, CheckState] = {
    "success": "success",
    "failed": "failure",
    "canceled": "cancelled",
    "skipped": "skipped",
    # Waits for somebody to start it, and what comes after waits with it.
    "manual": "action_required",
}
_RED = {"failure", "cancelled", "action_required"}
_EXTERNAL = "external"
# A job's status leads to the job itself; whatever reports from outside leads elsewhere.
_OF_JOB = re.compile(r"/(?:jobs|builds)/(\d+)$")


def checks_of(
    statuses: Sequence[Json], pipelines: Callable[[], Iterable[Json]], sha: str, now: float
) -> Sequence[Check]:
    """Return the newest report of each name; `pipelines` are asked for where there is no job.

    Of several pipelines of one commit the newest counts, and a job of an older one does
    not, whatever it is called. An allowed failure is no failure, and a manual job that may
    be left out none that is waited for.
    """
    jobs = [one for one in statuses if _is_job(one)]
    # Where a GitLab does not tell the pipeline of a status, names alone decide.
    last = max((int(one.get("pipeline_id") or 0) for one in jobs), default=0)
    reports = [
        _check(one, sha, now)
        for one in statuses
        if not _is_job(one) or int(one.get("pipeline_id") or 0) == last
    ]
    if not jobs:
        ran = [one for one in pipelines() if one.get("source") != _EXTERNAL]
        newest_first = sorted(ran, key=lambda one: int(one["id"]), reverse=True)
        reports += [_of_pipeline(one, sha) for one in newest_first[:1]]
    return newest(reports)


def _is_job(status: Json) -> bool:
    leads = _OF_JOB.search(status.get("target_url") or "")
    return leads is not None and int(leads[1]) == status["id"]


def _check(status: Json, sha: str, now: float) -> Check:
    state = _STATES.get(status["status"], "pending")
    if status.get("allow_failure") and state in _RED:
        state = "skipped" if state == "action_required" else "neutral"
    times = (status.get(name) for name in ("finished_at", "started_at", "created_at"))
    at = next((moment(text) for text in times if text), datetime.fromtimestamp(now, UTC))
    return Check(status["name"], sha, state, at)


def _of_pipeline(pipeline: Json, sha: str) -> Check:
    # Nothing else of it would speak: `[skip ci]`, or a `.gitlab-ci.yml` that is not valid.
    state = _STATES.get(pipeline["status"], "pending")
    return Check(PIPELINE, sha, state, moment(pipeline["updated_at"] or pipeline["created_at"]))


def is_ours(status: Json, me: str) -> bool:
    """Say whether a status is the bot's own."""
    author = (status.get("author") or {}).get("username") or ""
    return status["name"] == STATUS_CONTEXT and str(author).casefold() == me.casefold()
