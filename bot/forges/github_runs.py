"""Runs of GitHub Actions that are started by hand or by us, as the forge's values."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from github.Repository import Repository

from bot.decisions.facts import RunState
from bot.forges.forge import RunInfo

_MOST = 20
_CONCLUSIONS: Mapping[str | None, RunState] = {
    "success": "success",
    "neutral": "success",
    "cancelled": "cancelled",
}


def runs(found: Repository, workflow: str, sha: str) -> Sequence[RunInfo]:
    """Return the runs of a workflow on one commit that no push began, newest first; 1 call."""
    asked = {"event": "workflow_dispatch", "head_sha": sha, "per_page": _MOST}
    _, data = found.requester.requestJsonAndCheck(
        "GET", f"{found.url}/actions/workflows/{quote(workflow, safe='')}/runs", asked
    )
    # Asked for by commit, they are those of other commits as well on older servers.
    mine = [one for one in data["workflow_runs"] if one["head_sha"] == sha]
    return [_info(one) for one in sorted(mine, key=lambda one: -int(one["id"]))]


def start(found: Repository, workflow: str, branch: str, inputs: Mapping[str, str]) -> None:
    """Start a workflow on a branch; 1 call."""
    found.requester.requestJsonAndCheck(
        "POST",
        f"{found.url}/actions/workflows/{quote(workflow, safe='')}/dispatches",
        input={"ref": branch, "inputs": dict(inputs)},
    )


def _info(run: Mapping[str, Any]) -> RunInfo:
    state: RunState = "queued"
    if run["status"] == "completed":
        state = _CONCLUSIONS.get(run["conclusion"], "failure")
    elif run["status"] == "in_progress":
        state = "running"
    began = run.get("run_started_at") or run["created_at"]
    at = datetime.fromisoformat(began).astimezone(UTC)
    return RunInfo(id=int(run["id"]), state=state, url=run["html_url"], started=at)
