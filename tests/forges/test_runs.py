"""Runs of CI that are started by us: on GitHub's workflows, GitLab's pipelines, and in memory."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

from bot.decisions.facts import RunState
from bot.forges.forge import Forge, NotFound, Refused, RunInfo
from tests.forges.memory import MemoryForge
from tests.forges.sandboxed_github import SandboxedGitHub, sandboxed_github
from tests.forges.sandboxed_github import by_token as github_by_token
from tests.forges.sandboxed_gitlab import SandboxedGitLab, sandboxed_gitlab
from tests.forges.sandboxed_gitlab import by_token as gitlab_by_token
from tests.forges.world import CONFIG

WORKFLOW = """\
on:
  workflow_dispatch:
    inputs:
      suite: {type: string, required: true}
jobs: {qa: {runs-on: ubuntu-latest, steps: [{run: make qa}]}}
"""
FULL = {"suite": "full"}


class GitHubRuns:
    """A workflow `qa.yml` on the sandbox's GitHub."""

    workflow = "qa.yml"

    def __init__(self, directory: Path) -> None:
        self._opened = sandboxed_github(directory)
        self.sandbox = self._opened.__enter__()
        self.forge = github_by_token(self.sandbox)
        self._world = SandboxedGitHub(self.sandbox, self.forge)
        files = {".github/workflows/qa.yml": WORKFLOW, ".github/workflows/push.yml": "on: push\n"}
        self._world.do.commit(CONFIG, "main", files, "alice", "Add workflows")

    def push(self) -> str:
        return self._world.push("topic", "new\n")

    def bring(self, run: RunInfo, state: RunState) -> None:
        ends = {"running": None, "success": "success", "failure": "timed_out"}
        self._world.do.set_run(CONFIG, run.id, ends.get(state, state))

    def close(self) -> None:
        self.forge.close()
        self._opened.__exit__(None, None, None)


class GitLabRuns:
    """The one pipeline of a project on the sandbox's GitLab."""

    workflow = ""

    def __init__(self, directory: Path) -> None:
        self._opened = sandboxed_gitlab(directory)
        self.sandbox = self._opened.__enter__()
        self.forge = gitlab_by_token(self.sandbox)
        self._world = SandboxedGitLab(self.sandbox, self.forge)

    def push(self) -> str:
        return self._world.push("topic", "new\n")

    def bring(self, run: RunInfo, state: RunState) -> None:
        words = {"failure": "failed", "cancelled": "canceled"}
        self._world.do.set_pipeline(CONFIG, run.id, words.get(state, state))

    def close(self) -> None:
        self.forge.close()
        self._opened.__exit__(None, None, None)


class MemoryRuns:
    """A workflow `qa.yml` in memory."""

    workflow = "qa.yml"

    def __init__(self, directory: Path) -> None:
        del directory
        self.memory = MemoryForge("lockstep")
        self.memory.add_repository(CONFIG, {"main": "1" * 40})
        self.memory.add_workflow(CONFIG, self.workflow)
        self.forge: Forge = self.memory

    def push(self) -> str:
        self.memory.places[CONFIG].branches["topic"] = "2" * 40
        return "2" * 40

    def bring(self, run: RunInfo, state: RunState) -> None:
        self.memory.set_run(CONFIG, run.id, state)

    def close(self) -> None:
        pass


@pytest.fixture(params=[GitHubRuns, GitLabRuns, MemoryRuns])
def there(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    made: Callable[[Path], Any] = request.param
    opened = made(tmp_path / "sandbox")
    try:
        yield opened
    finally:
        opened.close()


def runs(there: Any, sha: str) -> Sequence[RunInfo]:
    found: Sequence[RunInfo] = there.forge.workflow_runs(CONFIG, there.workflow, sha)
    return found


def test_a_run_that_was_started_is_found_by_its_commit_and_followed(there: Any) -> None:
    sha = there.push()
    assert runs(there, sha) == []

    there.forge.start_workflow(CONFIG, there.workflow, "topic", FULL)

    (run,) = runs(there, sha)
    assert run.state == "queued"
    assert run.started.tzinfo is not None
    assert run.url.startswith("http")
    states: Sequence[Literal["running", "success"]] = ("running", "success")
    for state in states:
        there.bring(run, state)
        assert [each.state for each in runs(there, sha)] == [state]


@pytest.mark.parametrize("state", ["failure", "cancelled"])
def test_a_run_that_did_not_succeed_says_so(there: Any, state: RunState) -> None:
    sha = there.push()
    there.forge.start_workflow(CONFIG, there.workflow, "topic", FULL)
    there.bring(runs(there, sha)[0], state)

    assert [run.state for run in runs(there, sha)] == [state]


def test_of_several_runs_the_newest_comes_first(there: Any) -> None:
    sha = there.push()
    there.forge.start_workflow(CONFIG, there.workflow, "topic", FULL)
    there.forge.start_workflow(CONFIG, there.workflow, "topic", FULL)

    newest, before = runs(there, sha)

    assert newest.id > before.id


def test_a_branch_that_is_not_there_is_refused(there: Any) -> None:
    with pytest.raises(Refused):
        there.forge.start_workflow(CONFIG, there.workflow, "nowhere", FULL)


def test_on_github_a_workflow_must_be_there_and_take_what_it_is_given(tmp_path: Path) -> None:
    there = GitHubRuns(tmp_path / "sandbox")
    try:
        sha = there.push()
        with pytest.raises(NotFound):
            there.forge.workflow_runs(CONFIG, "none.yml", sha)
        with pytest.raises(NotFound):
            there.forge.start_workflow(CONFIG, "none.yml", "topic", {})
        with pytest.raises(Refused, match="workflow_dispatch"):
            there.forge.start_workflow(CONFIG, "push.yml", "topic", {})
        with pytest.raises(Refused, match="Unexpected inputs"):
            there.forge.start_workflow(CONFIG, "qa.yml", "topic", {**FULL, "what": "x"})
        with pytest.raises(Refused, match="Required input 'suite'"):
            there.forge.start_workflow(CONFIG, "qa.yml", "topic", {})
        assert there.forge.workflow_runs(CONFIG, "qa.yml", sha) == []
    finally:
        there.close()


def test_on_gitlab_what_a_push_began_is_not_ours(tmp_path: Path) -> None:
    there = GitLabRuns(tmp_path / "sandbox")
    try:
        sha = there.push()
        there._world.do.run_pipeline(CONFIG, "topic", "success")
        assert runs(there, sha) == []
    finally:
        there.close()
