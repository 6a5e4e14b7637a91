"""Pipelines that were started by the API or by hand, as the forge's values."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bot.decisions.facts import RunState
from bot.forges.forge import RunInfo
from bot.forges.gitlab_shapes import Json, moment

_BY_SOMEBODY = {"api", "web", "trigger"}
_STATES: Mapping[str, RunState] = {
    "success": "success",
    "failed": "failure",
    "canceled": "cancelled",
    "skipped": "failure",
    "running": "running",
}


def runs(pipelines: Iterable[Json]) -> Sequence[RunInfo]:
    """Return the pipelines that no push began, newest first."""
    mine = [one for one in pipelines if one.get("source") in _BY_SOMEBODY]
    return [
        RunInfo(
            id=int(one["id"]),
            state=_STATES.get(one["status"], "queued"),
            url=one["web_url"],
            started=moment(one["created_at"]),
        )
        for one in sorted(mine, key=lambda one: -int(one["id"]))
    ]


def body(branch: str, inputs: Mapping[str, str]) -> dict[str, Any]:
    """Return what starts a pipeline on a branch."""
    variables = [{"key": name, "value": value} for name, value in sorted(inputs.items())]
    return {"ref": branch, "variables": variables}
