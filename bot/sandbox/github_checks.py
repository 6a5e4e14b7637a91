"""GitHub's routes for commit statuses, check runs and check suites."""

from typing import Any

from bot.sandbox.ask import Ask, denied
from bot.sandbox.checks import (
    MORE_STATES,
    check_runs,
    latest_statuses,
    set_check_run,
    set_status,
    statuses,
    suite_runs,
)
from bot.sandbox.errors import Denied, Invalid, Missing
from bot.sandbox.git import SHA
from bot.sandbox.records import App, CheckRun, CheckSuite
from bot.sandbox.routing import Answer, Route
from bot.sandbox.shapes import Json

_RUN_TEXTS = ("status", "conclusion", "external_id", "details_url", "started_at", "completed_at")


def _create_status(ask: Ask) -> Answer:
    sha = ask.params["sha"]
    if not SHA.fullmatch(sha) or ask.world.git(ask.repo).type_of(sha) != "commit":
        raise Invalid(f"No commit found for SHA: {sha}")
    state = ask.text("state")
    made = set_status(
        ask.world,
        ask.repo,
        ask.who,
        sha,
        state="" if state in MORE_STATES else state,
        context=ask.optional("context") or "default",
        description=ask.optional("description"),
        target_url=ask.optional("target_url"),
    )
    return Answer(ask.shapes.status(ask.repo, made), 201)


def _sha(ask: Ask) -> str:
    return ask.world.resolve(ask.repo, ask.params["ref"])


def _combined(ask: Ask) -> Answer:
    sha = _sha(ask)
    found = latest_statuses(ask.world, ask.repo, sha)
    answer = ask.page(found, lambda status: status)
    return Answer(ask.shapes.combined_status(ask.repo, sha, answer.body), headers=answer.headers)


def _statuses(ask: Ask) -> Answer:
    found = statuses(ask.world, ask.repo, _sha(ask))
    return ask.page(found, lambda status: ask.shapes.status(ask.repo, status))


def _own_app(ask: Ask) -> App:
    if ask.actor.app is None:
        raise Denied("You must authenticate via a GitHub App.")
    return ask.actor.app


def _run_fields(ask: Ask) -> Json:
    fields: dict[str, Any] = {name: ask.text(name) for name in _RUN_TEXTS if name in ask.fields()}
    output = ask.fields().get("output")
    if output is not None:
        if not isinstance(output, dict):
            raise Invalid("Invalid request.\n\nFor 'output', an object is wanted.")
        fields |= {name: output.get(name) for name in ("title", "summary", "text")}
    return fields


def _create_run(ask: Ask) -> Answer:
    app, sha = _own_app(ask), ask.text("head_sha")
    if not SHA.fullmatch(sha) or ask.world.git(ask.repo).type_of(sha) != "commit":
        raise Invalid(f"No commit found for SHA: {sha}")
    made = set_check_run(ask.world, ask.repo, app, sha, ask.text("name"), _run_fields(ask))
    return Answer(ask.shapes.check_run(ask.repo, made), 201)


def _run(ask: Ask) -> CheckRun:
    found = ask.world.store.get(CheckRun, ask.number("check_run_id"), ask.repo.id)
    if found is None:
        raise Missing("Not Found")
    return found


def _get_run(ask: Ask) -> Answer:
    return Answer(ask.shapes.check_run(ask.repo, _run(ask)))


def _edit_run(ask: Ask) -> Answer:
    app, old = _own_app(ask), _run(ask)
    if old.app_id != app.id:
        raise denied(ask.actor)
    name = ask.optional("name") or old.name
    made = set_check_run(ask.world, ask.repo, app, old.sha, name, _run_fields(ask), old)
    return Answer(ask.shapes.check_run(ask.repo, made))


def _page_of_runs(ask: Ask, found: list[CheckRun]) -> Answer:
    name, status = ask.query.get("check_name"), ask.query.get("status")
    found = [r for r in found if name in {None, r.name} and status in {None, r.status}]
    if ask.query.get("filter", "latest") == "latest":
        newest: dict[tuple[int, str], CheckRun] = {}
        for run in found:
            newest.setdefault((run.app_id, run.name), run)
        found = list(newest.values())
    return ask.page(
        found,
        lambda run: ask.shapes.check_run(ask.repo, run),
        lambda shown: {"total_count": len(found), "check_runs": shown},
    )


def _runs_of_ref(ask: Ask) -> Answer:
    return _page_of_runs(ask, check_runs(ask.world, ask.repo, _sha(ask)))


def _suites_of_ref(ask: Ask) -> Answer:
    sha = _sha(ask)
    found = [s for s in ask.world.store.all(CheckSuite, ask.repo.id) if s.sha == sha]
    return ask.page(
        found,
        lambda suite: ask.shapes.check_suite(ask.repo, suite),
        lambda shown: {"total_count": len(found), "check_suites": shown},
    )


def _suite(ask: Ask) -> CheckSuite:
    found = ask.world.store.get(CheckSuite, ask.number("check_suite_id"), ask.repo.id)
    if found is None:
        raise Missing("Not Found")
    return found


def _get_suite(ask: Ask) -> Answer:
    return Answer(ask.shapes.check_suite(ask.repo, _suite(ask)))


def _runs_of_suite(ask: Ask) -> Answer:
    return _page_of_runs(ask, suite_runs(ask.world, ask.repo, _suite(ask)))


_R = "/repos/{owner}/{repo}"
ROUTES = (
    Route("POST", f"{_R}/statuses/{{sha}}", _create_status, "statuses=write", "write"),
    Route("GET", f"{_R}/commits/{{ref+}}/status", _combined, "statuses=read"),
    Route("GET", f"{_R}/commits/{{ref+}}/statuses", _statuses, "statuses=read"),
    Route("GET", f"{_R}/statuses/{{ref+}}", _statuses, "statuses=read"),
    Route("POST", f"{_R}/check-runs", _create_run, "checks=write", "write"),
    Route("GET", f"{_R}/check-runs/{{check_run_id}}", _get_run, "checks=read"),
    Route("PATCH", f"{_R}/check-runs/{{check_run_id}}", _edit_run, "checks=write", "write"),
    Route("GET", f"{_R}/commits/{{ref+}}/check-runs", _runs_of_ref, "checks=read"),
    Route("GET", f"{_R}/commits/{{ref+}}/check-suites", _suites_of_ref, "checks=read"),
    Route("GET", f"{_R}/check-suites/{{check_suite_id}}", _get_suite, "checks=read"),
    Route("GET", f"{_R}/check-suites/{{check_suite_id}}/check-runs", _runs_of_suite, "checks=read"),
)
