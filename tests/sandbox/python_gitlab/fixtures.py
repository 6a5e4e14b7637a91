"""The fixtures that python-gitlab's functional tests ask for, given against a sandbox.

Copied beside those tests as their conftest.py: written anew here, from what the tests use.
"""

import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from gitlab import Gitlab, GitlabDeleteError
from gitlab.v4.objects import Group, Project, ProjectIssue, ProjectMergeRequest, User

_CONTROL = {"Authorization": f"Bearer {os.environ['PEER_CONTROL']}"}


@dataclass(frozen=True)
class Version:
    """GitLab's version as two of the tests look at it."""

    major: int
    minor: int


def pytest_configure(config: pytest.Config) -> None:
    """Know the tests' own marks, and do not wait: nothing here happens in the background."""
    for mark in ("gitlab_premium", "gitlab_ultimate"):
        config.addinivalue_line("markers", f"{mark}: needs that plan")
    time.sleep = lambda _: None


def _name(what: str) -> str:
    return f"{what}-{uuid.uuid4().hex}"


def _gone(thing: Any) -> None:
    try:
        thing.delete()
    except GitlabDeleteError:
        # Some tests remove what a fixture made.
        return


@pytest.fixture(scope="session")
def gitlab_url() -> str:
    return os.environ["PEER_URL"]


@pytest.fixture(scope="session")
def gl(gitlab_url: str) -> Iterator[Gitlab]:
    with Gitlab(gitlab_url, private_token=os.environ["PEER_TOKEN"]) as client:
        client.auth()
        yield client


@pytest.fixture(scope="session")
def gitlab_version(gl: Gitlab) -> Version:
    major, minor = gl.version()[0].split(".")[:2]
    return Version(int(major), int(minor))


@pytest.fixture(scope="module")
def group(gl: Gitlab) -> Iterator[Group]:
    made = gl.groups.create({"name": _name("test-group"), "path": _name("group")})
    yield made
    _gone(made)


@pytest.fixture(scope="module")
def project(gl: Gitlab) -> Iterator[Project]:
    made = gl.projects.create({"name": _name("test-project")})
    yield made
    _gone(made)


@pytest.fixture(scope="module")
def project_file(project: Project) -> Any:
    given = {"file_path": "README", "branch": "main", "content": "Initial content"}
    return project.files.create({**given, "commit_message": "Initial commit"})


@pytest.fixture(scope="module")
def user(gl: Gitlab) -> Iterator[User]:
    name = _name("user")
    fields = {"email": f"{name}@example.com", "username": name, "name": name}
    made = gl.users.create({**fields, "password": uuid.uuid4().hex})
    yield made
    _gone(made)


@pytest.fixture(scope="module")
def issue(project: Project) -> ProjectIssue:
    made = project.issues.create({"title": _name("Issue"), "description": "An issue."})
    assert isinstance(made, ProjectIssue)
    return made


@pytest.fixture(scope="module")
def milestone(project: Project) -> Any:
    return project.milestones.create({"title": _name("milestone")})


Make = Callable[[bool], ProjectMergeRequest]


@pytest.fixture
def make(project: Project) -> Iterator[Make]:
    """Open merge requests, each of a branch with one commit, with a running pipeline on request."""
    opened: list[Any] = []

    def _make(with_pipeline: bool) -> ProjectMergeRequest:  # noqa: FBT001 - one word at each place
        project.refresh()
        name = _name("branch")
        branch = project.branches.create({"branch": name, "ref": project.default_branch})
        file = {"file_path": f"README.{name}", "branch": name, "content": "Initial content"}
        project.files.create({**file, "commit_message": "New commit in new branch"})
        if with_pipeline:
            _run_pipeline(project, name)
        fields = {"source_branch": name, "target_branch": project.default_branch}
        made = project.mergerequests.create({**fields, "title": "Should remove source branch"})
        assert isinstance(made, ProjectMergeRequest)
        opened.extend([made, branch])
        return made

    yield _make
    for thing in opened:
        _gone(thing)


def _run_pipeline(project: Project, branch: str) -> None:
    """Let a pipeline run, which the sandbox has no runner to do by itself."""
    fields = {"repo": project.path_with_namespace, "ref": branch, "status": "running"}
    where = f"{os.environ['PEER_URL']}/_sandbox/run_pipeline"
    requests.post(where, data=json.dumps(fields), headers=_CONTROL, timeout=10).raise_for_status()


@pytest.fixture
def merge_request(make: Make) -> ProjectMergeRequest:
    return make(False)


@pytest.fixture
def merge_request_with_pipeline(make: Make) -> ProjectMergeRequest:
    return make(True)
