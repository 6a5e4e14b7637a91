"""GitHub's adapter keeps the contract on the sandbox, and asks no more than it says."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from github.CheckRun import CheckRun
from github.PullRequest import PullRequest

from bot.decisions.facts import Check
from bot.forges.forge import Forge
from bot.forges.github_authors import authors_of, noreply_pattern
from bot.forges.github_client import PUBLIC_API
from bot.forges.github_shapes import of_run, permission_of, pull_request_info
from bot.forges.reports import newest
from tests.forges.contract import ForgeContract
from tests.forges.sandboxed_github import SandboxedGitHub, by_token, sandboxed_github
from tests.forges.world import CONFIG, merged, opened

R = "/repos/{owner}/{repo}"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SandboxedGitHub]:
    with sandboxed_github(tmp_path / "sandbox") as sandbox:
        forge = by_token(sandbox)
        try:
            yield SandboxedGitHub(sandbox, forge)
        finally:
            forge.close()


class TestGitHub(ForgeContract):
    """The contract, kept through PyGithub."""


@pytest.mark.parametrize(
    ("ask", "calls"),
    [
        (lambda f, _: f.repository("acme", "config"), {f"GET {R}": 1}),
        (lambda f, _: list(f.repositories()), {"GET /user/repos": 1}),
        (lambda f, _: f.git_token("acme", "config"), {}),
        (
            lambda f, _: f.open_pull_request(CONFIG, "topic", "development", "P", ""),
            {f"POST {R}/pulls": 1},
        ),
        (lambda f, _: f.pull_request(CONFIG, 1), {f"GET {R}/pulls/{{pull_number}}": 1}),
        (lambda f, _: f.pull_requests(CONFIG, head="topic"), {f"GET {R}/pulls": 1}),
        (
            lambda f, _: f.update_pull_request(CONFIG, 1, title="P", body="B", labels=["x"]),
            {f"PATCH {R}/issues/{{issue_number}}": 1},
        ),
        (
            lambda f, sha: f.merge(CONFIG, 1, sha=sha, method="merge", title="P", message=""),
            {f"PUT {R}/pulls/{{pull_number}}/merge": 1},
        ),
        (
            lambda f, sha: f.set_status(CONFIG, sha, "pending", "waits"),
            {f"POST {R}/statuses/{{sha}}": 1},
        ),
        (
            lambda f, sha: f.checks(CONFIG, sha),
            {f"GET {R}/commits/{{ref+}}/status": 1, f"GET {R}/commits/{{ref+}}/check-runs": 1},
        ),
        (lambda f, _: f.reviews(CONFIG, 1), {f"GET {R}/pulls/{{pull_number}}/reviews": 1}),
        (
            lambda f, _: f.permission(CONFIG, "bob"),
            {f"GET {R}/collaborators/{{username}}/permission": 1},
        ),
        (
            lambda f, _: f.members("acme/bots"),
            {"GET /orgs/{org}/teams/{team_slug}/members": 1},
        ),
        (lambda f, sha: f.authors(CONFIG, [sha]), {f"GET {R}/commits": 1}),
        (
            lambda f, _: f.comment(CONFIG, 1, "answer/1", "Held.", on_pull_request=True),
            {
                f"GET {R}/issues/{{issue_number}}/comments": 1,
                f"POST {R}/issues/{{issue_number}}/comments": 1,
            },
        ),
        (lambda f, _: f.issue(CONFIG, "drift"), {f"GET {R}/issues": 1}),
    ],
)
def test_a_method_costs_the_calls_that_it_says(
    world: SandboxedGitHub, ask: Callable[[Forge, str], Any], calls: dict[str, int]
) -> None:
    pull = opened(world)
    world.forge.login()
    world.calls()

    ask(world.forge, pull.head_sha)

    assert world.calls() == calls


def test_our_issue_is_looked_for_once_and_then_asked_for_by_number(
    world: SandboxedGitHub,
) -> None:
    opened(world)
    world.forge.login()
    world.forge.issue(CONFIG, "drift")
    world.forge.write_issue(CONFIG, "drift", title="Drift", body="One", open_=True)
    world.calls()

    world.forge.write_issue(CONFIG, "drift", title="Drift", body="One", open_=True)

    assert world.calls() == {f"GET {R}/issues/{{issue_number}}": 1}


def test_our_issue_is_found_by_a_bot_that_has_just_started(world: SandboxedGitHub) -> None:
    made = world.forge.write_issue(CONFIG, "drift", title="Drift", body="One", open_=True)
    opened(world)
    fresh = by_token(world.sandbox)

    assert fresh.issue(CONFIG, "drift") == made
    fresh.close()


def test_an_issue_whose_marker_somebody_took_away_is_made_anew(world: SandboxedGitHub) -> None:
    made = world.forge.write_issue(CONFIG, "drift", title="Drift", body="One", open_=True)
    assert made is not None
    world.sandbox.repo("alice").get_issue(made.number).edit(body="Edited by hand")

    assert world.forge.issue(CONFIG, "drift") is None
    again = world.forge.write_issue(CONFIG, "drift", title="Drift", body="Two", open_=True)
    assert again is not None
    assert again.number != made.number


def test_authors_of_a_run_of_commits_cost_one_call_and_others_one_each(
    world: SandboxedGitHub,
) -> None:
    run = [world.write_as("bob", f"Change {at}") for at in range(3)]
    elsewhere = world.push("topic", "new\n")
    world.calls()

    found = world.forge.authors(CONFIG, [*reversed(run), elsewhere])

    assert found == {sha: frozenset({"bob"}) for sha in [*run, elsewhere]}
    assert world.calls() == {f"GET {R}/commits": 1, f"GET {R}/commits/{{ref+}}": 1}


def test_an_author_whom_github_does_not_map_costs_no_further_call(
    world: SandboxedGitHub,
) -> None:
    sha = world.write_by_address("stranger@example.com")
    world.calls()

    world.forge.authors(CONFIG, [sha])

    assert world.calls() == {f"GET {R}/commits": 1}


@pytest.mark.parametrize("author", [None, {}])
@pytest.mark.parametrize(
    ("address", "person"),
    [
        ("a@example.com", "a@example.com"),
        ("4711+alice@users.noreply.github.com", "alice"),
        ("alice@users.noreply.github.com", "alice"),
        ("app[bot]@users.noreply.github.com", "app[bot]"),
        (
            "alice@users.noreply.github.com.evil.example",
            "alice@users.noreply.github.com.evil.example",
        ),
        ("alice@users.noreply.git.acme.example", "alice@users.noreply.git.acme.example"),
        (None, "(unknown)"),
    ],
)
def test_an_unmapped_author_is_whom_the_address_names(
    author: object, address: str | None, person: str
) -> None:
    commit = {"author": author, "commit": {"author": {"email": address}, "message": "Change"}}

    assert authors_of(commit, noreply_pattern(PUBLIC_API)) == {person}


def test_enterprise_has_noreply_addresses_of_its_own() -> None:
    pattern = noreply_pattern("https://git.acme.example/api/v3")
    inner = {"author": {"email": "1+alice@users.noreply.git.acme.example"}, "message": "Change"}

    assert authors_of({"author": None, "commit": inner}, pattern) == {"alice"}


def test_more_than_a_hundred_statuses_and_check_runs_are_all_seen(world: SandboxedGitHub) -> None:
    sha = world.push("topic", "new\n")
    for at in range(101):
        world.report(sha, f"status {at}", "success", by="status")
        world.report(sha, f"run {at}", "success", by="run")
    world.calls()

    found = world.forge.checks(CONFIG, sha)

    assert len(found) == 202
    assert sum(world.calls().values()) == 4


def test_more_than_a_hundred_reviews_are_all_seen(world: SandboxedGitHub) -> None:
    pull = opened(world)
    for _ in range(101):
        world.review(pull.number, "bob", "commented")

    assert len(world.forge.reviews(CONFIG, pull.number)) == 101


def test_more_than_a_hundred_pull_requests_are_all_seen(world: SandboxedGitHub) -> None:
    sha = world.push("topic", "new\n")
    repo = world.sandbox.repo("bob")
    for at in range(101):
        repo.create_git_ref(f"refs/heads/topic-{at}", sha)
        repo.create_pull(title="P", body="", head=f"topic-{at}", base="main")
    world.calls()

    assert len(world.forge.pull_requests(CONFIG)) == 101
    assert sum(world.calls().values()) == 2


def test_a_merge_that_is_refused_costs_one_look(world: SandboxedGitHub) -> None:
    pull = opened(world)
    sha = merged(world, pull)
    world.calls()

    assert merged(world, pull) == sha
    assert world.calls() == {
        f"PUT {R}/pulls/{{pull_number}}/merge": 1,
        f"GET {R}/pulls/{{pull_number}}": 1,
    }


def test_an_unchanged_answer_costs_nothing_of_the_limit(world: SandboxedGitHub) -> None:
    pull = opened(world)
    first = world.forge.pull_request(CONFIG, pull.number)

    assert world.forge.pull_request(CONFIG, pull.number) == first
    world.forge.update_pull_request(CONFIG, pull.number, title="Changed")

    assert world.sandbox.sandbox.controls._faults.not_modified == 1
    assert world.forge.pull_request(CONFIG, pull.number).title == "Changed"


def test_threads_may_share_it(world: SandboxedGitHub) -> None:
    pulls = [opened(world, f"topic-{at}") for at in range(4)]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda p: world.forge.pull_request(CONFIG, p.number), pulls * 25))

    assert found == pulls * 25


def test_strangers_are_nobody_whatever_they_are_called(world: SandboxedGitHub) -> None:
    assert world.forge.permission(CONFIG, "nobody-at-all") == "none"
    assert world.forge.permission(CONFIG, "../../../user") == "none"


def test_a_role_that_an_organisation_made_counts_as_what_it_was_made_from() -> None:
    assert permission_of({"permission": "write", "role_name": "release-manager"}) == "write"
    assert permission_of({"permission": "write", "role_name": "maintain"}) == "maintain"
    assert permission_of({}) == "none"


def test_an_archived_repository_is_not_one_that_we_may_write_to(world: SandboxedGitHub) -> None:
    world.do.edit_repository(CONFIG, "alice", archived=True)

    found = world.forge.repository("acme", "config")

    assert (found.archived, found.can_write) == (True, False)
    assert list(world.forge.repositories()) == []


@pytest.mark.parametrize("status", [404, 410])
def test_an_issue_that_was_deleted_is_made_anew(world: SandboxedGitHub, status: int) -> None:
    made = world.forge.write_issue(CONFIG, "drift", title="Drift", body="One", open_=True)
    assert made is not None
    world.sandbox.repo("alice").get_issue(made.number).edit(body="Gone")
    world.do.inject(method="GET", path=rf"/issues/{made.number}$", status=status)

    again = world.forge.write_issue(CONFIG, "drift", title="Drift", body="One", open_=True)

    assert again is not None
    assert again.number != made.number


def test_of_reports_at_one_moment_the_worse_counts_and_a_run_to_come_is_the_newest() -> None:
    at = datetime(2026, 7, 1, tzinfo=UTC)
    later = at + timedelta(minutes=1)
    good, bad = Check("unit", "a", "success", at), Check("unit", "a", "failure", at)

    assert newest([good, bad]) == newest([bad, good]) == [bad]
    assert newest([bad, replace(good, at=later)]) == [replace(good, at=later)]
    assert newest([good, Check("unit", "a", "pending", at)]) == [Check("unit", "a", "pending", at)]


def test_a_run_that_has_not_begun_is_pending_now(world: SandboxedGitHub) -> None:
    client = world.sandbox.github("bob").requester
    data = {"name": "unit", "status": "queued", "conclusion": None}
    run = CheckRun(client, {}, data | {"started_at": None, "completed_at": None})

    assert of_run(run, "a", 60.0) == Check(
        "unit", "a", "pending", datetime(1970, 1, 1, 0, 1, tzinfo=UTC)
    )


def test_a_pull_request_of_a_deleted_fork_is_from_a_fork_and_a_trial_merge_is_none(
    world: SandboxedGitHub,
) -> None:
    client = world.sandbox.github("bob").requester
    base = {"ref": "main", "sha": "b", "repo": {"id": 1}}
    data = {
        "number": 1,
        "html_url": "https://forge.example/1",
        "state": "closed",
        "title": "Gone",
        "body": None,
        "head": {"ref": "topic", "sha": "a", "repo": None},
        "base": base,
        "user": None,
        "labels": [],
        "merged_at": None,
        "merge_commit_sha": "c",
    }

    found = pull_request_info(PullRequest(client, {}, data))

    assert (found.from_fork, found.author, found.merged_sha) == (True, "ghost", None)


def test_what_was_looked_at_for_our_issue_is_not_looked_at_again(world: SandboxedGitHub) -> None:
    repo = world.sandbox.repo("lockstep")
    for at in range(101):
        repo.create_issue(f"Issue {at}", "By hand")
    world.forge.login()
    world.calls()

    assert world.forge.issue(CONFIG, "drift") is None
    assert world.calls() == {f"GET {R}/issues": 2}
    assert world.forge.issue(CONFIG, "drift") is None
    assert world.calls() == {f"GET {R}/issues": 1}
