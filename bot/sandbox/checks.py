"""Commit statuses, check runs and suites, and what they come to."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bot.sandbox.errors import Invalid
from bot.sandbox.events import Event
from bot.sandbox.pipelines import attach, jobs_of, pipelines_of, settle
from bot.sandbox.records import Account, App, CheckRun, CheckSuite, Repository, Status
from bot.sandbox.records_gitlab import Job
from bot.sandbox.world import World

STATES = ("error", "failure", "pending", "success")
MORE_STATES = ("running", "canceled", "skipped")
"""What only GitLab says; on GitHub a pending one, a failure and a success."""
_TO_GITHUB = {"running": "pending", "canceled": "failure", "skipped": "success"}
CONCLUSIONS = (
    "success",
    "failure",
    "neutral",
    "cancelled",
    "skipped",
    "timed_out",
    "action_required",
    "stale",
)
_PASSING = {"success", "neutral", "skipped"}


def set_status(
    world: World,
    repo: Repository,
    actor: Account,
    sha: str,
    *,
    state: str,
    context: str = "default",
    description: str | None = None,
    target_url: str | None = None,
    ref: str = "",
) -> Status:
    """Add a commit status; `ref` is the branch whose pipeline it is part of."""
    if state not in {*STATES, *MORE_STATES}:
        raise Invalid(
            "Validation Failed",
            {
                "resource": "Status",
                "code": "custom",
                "field": "state",
                "message": "state is not included in the list",
            },
        )
    if description is not None and len(description) > 140:
        raise Invalid(
            "Validation Failed",
            {
                "resource": "Status",
                "code": "custom",
                "field": "description",
                "message": "description is too long (maximum is 140 characters)",
            },
        )
    made = world.store.put(
        Status(
            id=world.store.new_id(),
            repo_id=repo.id,
            sha=sha,
            context=context,
            state=state,
            description=description,
            target_url=target_url,
            author_id=actor.id,
            created_at=world.store.now(),
        )
    )
    made = attach(world, repo, actor, made, ref)
    world.tell(Event("status", None, repo.id, actor.id, made.id))
    settle(world, actor, made.pipeline_id, repo)
    return made


def seen_by_github(state: str) -> str:
    """Return a state in GitHub's words."""
    return _TO_GITHUB.get(state, state)


def statuses(world: World, repo: Repository, sha: str) -> list[Status]:
    """Return every status of a commit, newest first."""
    found = [status for status in world.store.all(Status, repo.id) if status.sha == sha]
    return found[::-1]


def latest_statuses(world: World, repo: Repository, sha: str) -> list[Status]:
    """Return the newest status of each context, newest first."""
    newest: dict[str, Status] = {}
    for status in statuses(world, repo, sha):
        newest.setdefault(status.context, status)
    return list(newest.values())


def combined(found: list[Status]) -> str:
    """Return what the newest statuses come to; none at all is pending."""
    states = {seen_by_github(status.state) for status in found}
    if states & {"error", "failure"}:
        return "failure"
    return "success" if states == {"success"} else "pending"


def check_runs(world: World, repo: Repository, sha: str) -> list[CheckRun]:
    """Return the check runs of a commit, newest first."""
    return [run for run in world.store.all(CheckRun, repo.id) if run.sha == sha][::-1]


def set_check_run(
    world: World,
    repo: Repository,
    app: App,
    sha: str,
    name: str,
    fields: Mapping[str, Any],
    run: CheckRun | None = None,
) -> CheckRun:
    """Add a check run to the App's suite of the commit, or change `run`."""
    fields = dict(fields)
    conclusion = fields.get("conclusion")
    if conclusion is not None and conclusion not in CONCLUSIONS:
        raise Invalid(f"{conclusion!r} is no conclusion: one of {', '.join(CONCLUSIONS)}")
    now = world.store.now()
    if conclusion is not None:
        fields["status"] = "completed"
        fields.setdefault("completed_at", now)
    if fields.get("status") == "completed" and conclusion is None:
        raise Invalid("A completed check run needs a conclusion.")
    fields.setdefault("started_at", run.started_at if run else now)
    suite = _suite(world, repo, app, sha)
    known = run or CheckRun(
        id=world.store.new_id(),
        repo_id=repo.id,
        sha=sha,
        suite_id=suite.id,
        app_id=app.id,
        name=name,
    )
    made = world.store.put(replace(known, name=name, **fields))
    if run is None:
        world.tell(Event("check_run", "created", repo.id, app.bot_id, made.id))
    if made.status == "completed":
        world.tell(Event("check_run", "completed", repo.id, app.bot_id, made.id))
    _settle(world, repo, app, suite)
    return made


def _suite(world: World, repo: Repository, app: App, sha: str) -> CheckSuite:
    for suite in world.store.all(CheckSuite, repo.id):
        if (suite.app_id, suite.sha) == (app.id, sha):
            return suite
    now = world.store.now()
    refs = world.repository(repo.id).refs
    heads = [ref for ref, at in refs.items() if at == sha and ref.startswith("refs/heads/")]
    return world.store.put(
        CheckSuite(
            id=world.store.new_id(),
            repo_id=repo.id,
            sha=sha,
            branch=heads[0].removeprefix("refs/heads/") if heads else None,
            app_id=app.id,
            created_at=now,
            updated_at=now,
        )
    )


def suite_runs(world: World, repo: Repository, suite: CheckSuite) -> list[CheckRun]:
    """Return the newest run of each name in a suite."""
    newest = {
        run.name: run for run in world.store.all(CheckRun, repo.id) if run.suite_id == suite.id
    }
    return list(newest.values())


def _settle(world: World, repo: Repository, app: App, suite: CheckSuite) -> None:
    runs = suite_runs(world, repo, suite)
    done = all(run.status == "completed" for run in runs)
    bad = next((r.conclusion for r in runs if r.conclusion not in _PASSING), None)
    changed = replace(
        suite,
        status="completed" if done else "in_progress",
        conclusion=(bad or "success") if done else None,
        updated_at=world.store.now(),
    )
    world.store.put(changed)
    if done:
        world.tell(Event("check_suite", "completed", repo.id, app.bot_id, suite.id))


def verdicts(world: World, repo: Repository, sha: str) -> dict[str, str]:
    """Return `success`, `failure` or `pending` by context, statuses and check runs alike."""
    statuses = latest_statuses(world, repo, sha)
    found = {status.context: seen_by_github(status.state) for status in statuses}
    for pipeline in pipelines_of(world, repo, sha):
        if pipeline.source != "external":
            found |= {job.name: _of_job(job) for job in jobs_of(world, pipeline)}
    for run in reversed(check_runs(world, repo, sha)):
        passing = "success" if run.conclusion in _PASSING else "failure"
        found[run.name] = passing if run.status == "completed" else "pending"
    return {name: "failure" if state == "error" else state for name, state in found.items()}


def _of_job(job: Job) -> str:
    if job.status in {"success", "skipped", "manual"} or job.allow_failure:
        return "success"
    return "failure" if job.status in {"failed", "canceled"} else "pending"
