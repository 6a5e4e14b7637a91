"""GitHub's routes for Actions: workflows that are started by hand, and their runs."""

import re
from dataclasses import replace
from typing import Any

import yaml

from bot.sandbox.ask import Ask
from bot.sandbox.errors import Invalid, Missing
from bot.sandbox.git import SHA
from bot.sandbox.records import Repository, WorkflowRun
from bot.sandbox.routing import Answer, Route
from bot.sandbox.shapes import Json
from bot.sandbox.world import World

_FILE = re.compile(r"[^/]+\.ya?ml")


def _inputs_of(world: World, repo: Repository, commit: str, name: str) -> dict[str, Any] | None:
    """Return the inputs that a workflow takes at a commit, None where it has no such trigger."""
    git = world.git(repo)
    entry = git.entry(commit, f".github/workflows/{name}") if _FILE.fullmatch(name) else None
    if entry is None:
        raise Missing("Not Found")
    try:
        data = yaml.safe_load(git.blob(entry.sha))
    except yaml.YAMLError:
        return None
    # YAML 1.1 reads the key `on` as true.
    on = data.get("on", data.get(True)) if isinstance(data, dict) else None
    if isinstance(on, (str, list)):
        on = dict.fromkeys([on] if isinstance(on, str) else on)
    if not isinstance(on, dict) or "workflow_dispatch" not in on:
        return None
    return dict((on["workflow_dispatch"] or {}).get("inputs") or {})


def _named(ask: Ask) -> str:
    """Return the file of the workflow that the path names, which the default branch must have."""
    name, head = (
        ask.params["workflow"],
        ask.repo.refs.get(f"refs/heads/{ask.repo.default_branch}"),
    )
    if head is None:
        raise Missing("Not Found")
    _inputs_of(ask.world, ask.repo, head, name)
    return name


def _dispatch(ask: Ask) -> Answer:
    name, ref = _named(ask), ask.text("ref").removeprefix("refs/heads/")
    sha = ask.repo.refs.get(f"refs/heads/{ref}") or ask.repo.refs.get(f"refs/tags/{ref}")
    if sha is None:
        raise Invalid(f"No ref found for: {ref}")
    try:
        taken = _inputs_of(ask.world, ask.repo, sha, name)
    except Missing:
        taken = None
    if taken is None:
        raise Invalid("Workflow does not have 'workflow_dispatch' trigger")
    given = ask.fields().get("inputs") or {}
    if not isinstance(given, dict):
        raise Invalid("Invalid request.\n\nFor 'inputs', an object is wanted.")
    if extra := sorted(given.keys() - taken.keys()):
        raise Invalid(f"Unexpected inputs provided: {extra}")
    for wanted, what in taken.items():
        if isinstance(what, dict) and what.get("required") and wanted not in given:
            raise Invalid(f"Required input '{wanted}' not provided")
    start_run(ask.world, ask.repo, ask.who.id, name, ref, sha, given)
    return Answer(None, 204)


def start_run(
    world: World,
    repo: Repository,
    actor_id: int,
    workflow: str,
    branch: str,
    sha: str,
    inputs: dict[str, Any],
) -> WorkflowRun:
    """Add a run that waits to begin."""
    now = world.store.now()
    return world.store.put(
        WorkflowRun(
            id=world.store.new_id(),
            repo_id=repo.id,
            workflow=workflow,
            branch=branch,
            sha=sha,
            actor_id=actor_id,
            inputs={name: str(value) for name, value in inputs.items()},
            created_at=now,
            updated_at=now,
        )
    )


def set_run(world: World, repo: Repository, run_id: int, conclusion: str | None) -> WorkflowRun:
    """Let a run begin, or end with a conclusion; one that is over begins anew."""
    found = world.store.get(WorkflowRun, run_id, repo.id)
    if found is None:
        raise Missing("Not Found")
    status = "in_progress" if conclusion is None else "completed"
    now = world.store.now()
    return world.store.put(replace(found, status=status, conclusion=conclusion, updated_at=now))


def _shown(ask: Ask, run: WorkflowRun) -> Json:
    url = f"{ask.shapes.repo_api(ask.repo)}/actions/runs/{run.id}"
    return {
        "id": run.id,
        "name": run.workflow.rsplit(".", 1)[0],
        "head_branch": run.branch,
        "head_sha": run.sha,
        "path": f".github/workflows/{run.workflow}",
        "display_title": run.workflow,
        "event": "workflow_dispatch",
        "status": run.status,
        "conclusion": run.conclusion,
        "url": url,
        "html_url": f"{ask.shapes.repo_web(ask.repo)}/actions/runs/{run.id}",
        "created_at": run.created_at,
        "run_started_at": run.created_at,
        "updated_at": run.updated_at,
        "run_attempt": 1,
    }


def _runs(ask: Ask, workflow: str | None) -> Answer:
    asked = {name: ask.query.get(name) for name in ("head_sha", "branch", "event", "status")}
    if asked["head_sha"] is not None and not SHA.fullmatch(asked["head_sha"]):
        raise Invalid("Invalid head_sha")
    found = [
        run
        for run in ask.world.store.all(WorkflowRun, ask.repo.id)[::-1]
        if workflow in {None, run.workflow}
        and asked["head_sha"] in {None, run.sha}
        and asked["branch"] in {None, run.branch}
        and asked["event"] in {None, "workflow_dispatch"}
        and asked["status"] in {None, run.status, run.conclusion}
    ]
    return ask.page(
        found,
        lambda run: _shown(ask, run),
        lambda shown: {"total_count": len(found), "workflow_runs": shown},
    )


def _of_workflow(ask: Ask) -> Answer:
    return _runs(ask, _named(ask))


def _all(ask: Ask) -> Answer:
    return _runs(ask, None)


def _get(ask: Ask) -> Answer:
    found = ask.world.store.get(WorkflowRun, ask.number("run_id"), ask.repo.id)
    if found is None:
        raise Missing("Not Found")
    return Answer(_shown(ask, found))


_A = "/repos/{owner}/{repo}/actions"
ROUTES = (
    Route("POST", f"{_A}/workflows/{{workflow}}/dispatches", _dispatch, "actions=write", "write"),
    Route("GET", f"{_A}/workflows/{{workflow}}/runs", _of_workflow, "actions=read"),
    Route("GET", f"{_A}/runs", _all, "actions=read"),
    Route("GET", f"{_A}/runs/{{run_id}}", _get, "actions=read"),
)
