"""GitLab where it is difficult: tokens, moves, hidden groups, pipelines, settings, opinions."""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from bot.decisions.facts import CheckState
from bot.forges.budget import Limits
from bot.forges.forge import (
    Conflict,
    Forge,
    NotFound,
    RateLimited,
    Refused,
    ReviewInfo,
    Unauthorized,
    Unavailable,
)
from bot.forges.gitlab import GitLab
from bot.forges.gitlab_checks import checks_of
from bot.forges.gitlab_merging import refusal, way_of
from bot.forges.gitlab_reviews import dated, opinions, reviews_of
from bot.forges.gitlab_shapes import Project
from bot.forges.line import NoJson, must_be_json, unanswered
from tests.forges.sandboxed_gitlab import SandboxedGitLab, by_token, sandboxed_gitlab
from tests.forges.world import CONFIG, ME, merged, opened
from tests.sandbox.conftest import Forge as Sandbox

SHA = "a" * 40
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with sandboxed_gitlab(tmp_path / "sandbox") as made:
        yield made


@pytest.fixture
def world(sandbox: Sandbox) -> Iterator[SandboxedGitLab]:
    forge = by_token(sandbox)
    yield SandboxedGitLab(sandbox, forge)
    forge.close()


# Tokens


@pytest.mark.parametrize(("limits", "seconds"), [(None, 60), (Limits(rest_seconds=3), 3)])
def test_where_gitlab_says_not_until_when_nothing_is_asked_for_a_rest(
    sandbox: Sandbox, world: SandboxedGitLab, limits: Limits | None, seconds: float
) -> None:
    pull = opened(world)
    forge = by_token(sandbox, limits=limits, clock=NOON.timestamp)
    world.fail("pull_request", status=429)

    with pytest.raises(RateLimited) as limited:
        forge.pull_request(CONFIG, pull.number)
    assert (limited.value.until - NOON).total_seconds() == seconds
    world.calls()

    with pytest.raises(RateLimited):
        forge.pull_request(CONFIG, pull.number)
    assert world.calls() == {}
    forge.close()


def test_a_token_of_the_wrong_scope_is_told_which_it_needs(
    sandbox: Sandbox, world: SandboxedGitLab
) -> None:
    world.push("topic", "new\n")
    reader = by_token(sandbox, sandbox.do.add_scoped_token(ME, ["read_api"]))

    assert reader.repository("acme", "config").full_name == CONFIG
    with pytest.raises(Unauthorized, match=r"The token needs the scope `api`") as refused:
        reader.open_pull_request(CONFIG, "topic", "main", "Promote", "")
    reader.close()

    assert "open a merge request from topic" in str(refused.value)


def test_a_token_that_expired_says_so_and_is_nowhere_in_the_message(sandbox: Sandbox) -> None:
    secret = sandbox.do.add_scoped_token(ME, ["api"], expires_in=-1)
    forge = by_token(sandbox, secret)

    with pytest.raises(Unauthorized, match="expired") as refused:
        forge.repository("acme", "config")
    forge.close()

    assert "LOCKSTEP_GITLAB_TOKEN" in str(refused.value)
    assert secret not in f"{refused.value} {forge!r}"


def test_a_token_that_is_sent_back_by_a_proxy_is_not_shown(
    sandbox: Sandbox, world: SandboxedGitLab
) -> None:
    secret = sandbox.token(ME)
    world.fail("pull_request", status=400, message=f"you sent {secret}")

    with pytest.raises(Refused) as refused:
        world.forge.pull_request(CONFIG, 1)

    assert secret not in str(refused.value)
    assert "(token)" in str(refused.value)


def test_a_project_access_token_works_as_a_bot_of_its_own(sandbox: Sandbox) -> None:
    forge = by_token(sandbox, sandbox.do.add_project_token(CONFIG, "write", ["api"]))

    assert forge.login().startswith("project_")
    assert forge.repository("acme", "config").can_write
    forge.close()


# Projects and groups


def test_a_project_that_moved_is_written_to_under_its_former_name(
    sandbox: Sandbox, world: SandboxedGitLab
) -> None:
    pull = opened(world)
    sandbox.do.add_group("elsewhere", {"alice": "admin"})
    sandbox.do.transfer(CONFIG, "elsewhere")

    world.forge.update_pull_request(CONFIG, pull.number, body="Still here")

    assert world.forge.pull_request(CONFIG, pull.number).body == "Still here"
    assert world.forge.repository("acme", "config").full_name == "elsewhere/config"


def test_a_worker_that_never_saw_a_project_finds_it_by_its_former_name(
    sandbox: Sandbox, world: SandboxedGitLab
) -> None:
    pull = opened(world)
    sandbox.do.add_group("elsewhere", {"alice": "admin"})
    sandbox.do.transfer(CONFIG, "elsewhere")
    fresh = by_token(sandbox)

    fresh.comment(CONFIG, pull.number, "answer/1", "Held.", on_pull_request=True)
    fresh.close()

    world.repository = "elsewhere/config"
    assert [person for person, _ in world.comments(pull.number)] == [ME]


def test_a_project_of_a_subgroup_has_all_that_is_above_it_as_its_owner(sandbox: Sandbox) -> None:
    sandbox.do.add_group("acme/platform", {ME: "write"})
    sandbox.do.add_repository("acme/platform/edge", {"a.yaml": "a: 1\n"})
    forge = by_token(sandbox)

    found = forge.repository("acme/platform", "edge")
    listed = {one.full_name for one in forge.repositories()}
    forge.close()

    assert (found.owner, found.name, found.can_write) == ("acme/platform", "edge", True)
    assert listed == {CONFIG, "acme/platform/edge"}


def test_a_private_group_that_we_are_not_in_hides_its_members(sandbox: Sandbox) -> None:
    sandbox.do.add_group("acme/secret", {"alice": "admin"}, private=True)
    forge = by_token(sandbox)

    assert forge.members("acme/secret") is None
    forge.close()


def test_members_of_the_groups_above_are_none_of_a_team(sandbox: Sandbox) -> None:
    sandbox.do.add_group("acme/qa", {"bob": "write"})
    forge = by_token(sandbox)

    assert forge.members("acme/qa") == frozenset({"bob"})
    forge.close()


def test_an_issue_and_a_merge_request_of_one_number_are_told_apart(world: SandboxedGitLab) -> None:
    pull, issue = opened(world).number, world.open_issue_as("bob", "Why?")
    assert pull == issue == 1

    world.forge.comment(CONFIG, issue, "answer/1", "So.", on_pull_request=False)

    assert len(world.comments(issue, on_pull_request=False)) == 1
    assert world.comments(pull) == []


# Statuses and checks


def test_a_line_that_changes_again_and_again_is_always_the_newest(world: SandboxedGitLab) -> None:
    sha = world.push("topic", "new\n")

    for line in ("one", "two", "three", "four", "four"):
        world.forge.set_status(CONFIG, sha, "pending", line)
        status = world.forge.own_status(CONFIG, sha)
        assert status is not None
        assert (status.state, status.line) == ("pending", line)


def test_a_status_that_another_worker_left_is_gone_on_with(
    sandbox: Sandbox, world: SandboxedGitLab
) -> None:
    sha = world.push("topic", "new\n")
    world.forge.set_status(CONFIG, sha, "pending", "one")
    other = by_token(sandbox)

    other.set_status(CONFIG, sha, "pending", "two")
    other.close()
    world.forge.set_status(CONFIG, sha, "failure", "three")

    status = world.forge.own_status(CONFIG, sha)
    assert status is not None
    assert (status.state, status.line) == ("failure", "three")


def job(name: str, status: str, *, number: int = 1, pipeline: int = 1, **more: Any) -> Any:
    return {
        "id": number,
        "name": name,
        "status": status,
        "target_url": f"https://gitlab.example.com/acme/config/-/jobs/{number}",
        "pipeline_id": pipeline,
        "created_at": "2026-06-01T12:00:00.000Z",
        "finished_at": None,
        "started_at": None,
        "allow_failure": False,
        **more,
    }


def pipeline(number: int, status: str, source: str = "push") -> Any:
    at = "2026-06-01T12:00:00.000Z"
    return {"id": number, "status": status, "source": source, "updated_at": at, "created_at": at}


def checks(statuses: Sequence[Any], *pipelines: Any) -> list[tuple[str, CheckState]]:
    found = checks_of(statuses, lambda: pipelines, SHA, NOON.timestamp())
    assert all(check.sha == SHA for check in found)
    return [(check.name, check.state) for check in found]


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("created", "pending"),
        ("waiting_for_resource", "pending"),
        ("scheduled", "pending"),
        ("running", "pending"),
        ("success", "success"),
        ("failed", "failure"),
        ("canceled", "cancelled"),
        ("skipped", "skipped"),
        ("manual", "action_required"),
    ],
)
def test_a_job_s_status_in_our_words(status: str, state: CheckState) -> None:
    assert checks([job("test", status)]) == [("test", state)]


@pytest.mark.parametrize(
    ("status", "state"), [("failed", "neutral"), ("canceled", "neutral"), ("manual", "skipped")]
)
def test_what_may_fail_holds_nothing_up(status: str, state: CheckState) -> None:
    assert checks([job("test", status, allow_failure=True)]) == [("test", state)]


def test_of_two_pipelines_of_one_commit_the_newest_counts() -> None:
    older = [job("test", "failed", number=1), job("gone", "failed", number=2)]
    newer = [job("test", "success", number=3, pipeline=2)]

    assert checks([*older, *newer]) == [("test", "success")]


def test_a_status_from_outside_counts_whichever_pipeline_it_is_in() -> None:
    outside = job("jenkins", "success", number=9) | {"target_url": "https://ci.example.com/jobs/9"}
    other = outside | {"target_url": "https://ci.example.com/jobs/10"}

    assert checks([other, job("test", "success", number=3, pipeline=2)]) == [
        ("jenkins", "success"),
        ("test", "success"),
    ]


@pytest.mark.parametrize(
    ("status", "state"),
    [("skipped", "skipped"), ("failed", "failure"), ("running", "pending"), ("success", "success")],
)
def test_a_pipeline_without_jobs_speaks_for_itself(status: str, state: CheckState) -> None:
    assert checks([], pipeline(1, "success"), pipeline(2, status)) == [("pipeline", state)]


def test_a_pipeline_that_statuses_make_up_is_none_of_ci_s() -> None:
    assert checks([], pipeline(1, "pending", "external")) == []


# Merging


def project(merge_method: str = "merge", squash_option: str = "default_off") -> Project:
    return Project(7, merge_method, squash_option, is_public=True)


@pytest.mark.parametrize(
    ("method", "merge_method", "squash_option", "squash"),
    [
        ("merge", "merge", "default_off", False),
        ("merge", "rebase_merge", "never", False),
        ("squash", "merge", "always", True),
        ("squash", "ff", "default_on", True),
        ("rebase", "ff", "never", False),
    ],
)
def test_a_method_goes_with_the_project_s(
    method: Any, merge_method: str, squash_option: str, squash: Any
) -> None:
    assert way_of(method, project(merge_method, squash_option)).squash is squash


@pytest.mark.parametrize(
    ("method", "merge_method", "squash_option", "said"),
    [
        ("merge", "ff", "default_off", "merge method is “Fast-forward merge”"),
        ("rebase", "merge", "default_off", "needs “Fast-forward merge”"),
        ("rebase", "rebase_merge", "default_off", "semi-linear"),
        ("merge", "merge", "always", "“Squash commits when merging” is “Require”"),
        ("rebase", "ff", "always", "is “Require”"),
        ("squash", "merge", "never", "is “Do not allow”"),
        ("fast-forward", "ff", "never", "push the commit"),
    ],
)
def test_what_the_project_forbids_is_refused_by_the_setting_that_does(
    method: Any, merge_method: str, squash_option: str, said: str
) -> None:
    with pytest.raises(Refused, match=said):
        way_of(method, project(merge_method, squash_option))


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        ("discussions_not_resolved", Refused, "its threads have to be resolved"),
        ("not_approved", Refused, "lacks approvals"),
        ("draft_status", Refused, "it is a draft"),
        ("conflict", Refused, "conflicts with its target"),
        ("need_rebase", Conflict, "its target branch has moved"),
        ("checking", Unavailable, "still finding out"),
        ("preparing", Unavailable, "still finding out"),
        ("something_new", Refused, "no"),
    ],
)
def test_why_a_merge_cannot_be_is_said_in_words(
    status: str, kind: type[Exception], said: str
) -> None:
    told = refusal({"detailed_merge_status": status}, "merge !4", Refused("no"))

    assert type(told) is kind
    assert said in str(told)


def test_a_branch_that_we_may_not_merge_into_is_said_with_the_setting(
    sandbox: Sandbox, world: SandboxedGitLab
) -> None:
    pull = opened(world)
    sandbox.do.protect_branch(CONFIG, "main")

    with pytest.raises(Refused, match="Protected branches") as refused:
        merged(world, pull)

    assert f"{ME} may not merge into main" in str(refused.value)
    assert not isinstance(refused.value, Unauthorized)


def test_a_merge_that_somebody_set_to_wait_for_its_pipeline_is_left_alone(
    sandbox: Sandbox, world: SandboxedGitLab
) -> None:
    pull = opened(world)
    world.report(pull.head_sha, "test", "pending", by="run")
    sandbox.project("alice").mergerequests.get(pull.number).merge(merge_when_pipeline_succeeds=True)

    world.forge.update_pull_request(CONFIG, pull.number, body="Now")
    world.forge.set_status(CONFIG, pull.head_sha, "pending", "waits")

    kept = sandbox.project("alice").mergerequests.get(pull.number)
    assert kept.merge_when_pipeline_succeeds
    assert world.forge.pull_request(CONFIG, pull.number).state == "open"


# Opinions


def version(sha: str, at: str) -> Any:
    return {"head_commit_sha": sha, "created_at": at}


VERSIONS = [version("b" * 40, "2026-06-01T13:00:00.5Z"), version(SHA, "2026-06-01T12:00:00.0Z")]


def approved(at: str | None) -> Any:
    return {"approved_by": [{"user": {"username": "ada"}, "approved_at": at}]}


@pytest.mark.parametrize(
    ("at", "sha"),
    [
        ("2026-06-01T12:30:00.0Z", SHA),
        ("2026-06-01T13:00:00.4Z", SHA),
        ("2026-06-01T13:00:00.5Z", "b" * 40),
        ("2026-06-01T11:00:00.0Z", SHA),
    ],
)
def test_an_approval_is_of_what_stood_there_then(at: str, sha: str) -> None:
    (told,) = reviews_of(opinions(approved(at), []), VERSIONS)

    assert (told.person, told.state, told.sha) == ("ada", "approved", sha)


def test_what_cannot_be_dated_lets_nothing_through() -> None:
    objects = [{"user": {"username": "eve"}, "state": "requested_changes"}]

    told = reviews_of(opinions(approved(None), objects), VERSIONS)

    assert {(one.person, one.sha) for one in told} == {("ada", SHA), ("eve", "b" * 40)}


def test_an_objection_is_dated_by_gitlabs_own_note_and_by_no_persons() -> None:
    objects = [{"user": {"username": "eve"}, "state": "requested_changes"}]
    note = {"author": {"username": "eve"}, "body": "requested changes", "system": True}
    forged = note | {"system": False, "created_at": "2026-06-01T14:00:00Z"}

    found = dated(opinions({}, objects), [note | {"created_at": "2026-06-01T12:10:00Z"}, forged])

    at = datetime(2026, 6, 1, 12, 10, tzinfo=UTC)
    assert reviews_of(found, VERSIONS) == [ReviewInfo("eve", "changes_requested", SHA, at)]


# What it costs


def test_each_method_costs_no_more_calls_than_it_says(world: SandboxedGitLab) -> None:
    pull = opened(world)
    world.report(pull.head_sha, "test", "success", by="run")
    forge: Forge = world.forge
    forge.login()
    costs: dict[str, tuple[Callable[[], object], int]] = {
        "repository": (lambda: forge.repository("acme", "config"), 1),
        "checks": (lambda: forge.checks(CONFIG, pull.head_sha), 1),
        "reviews": (lambda: forge.reviews(CONFIG, pull.number), 2),
        "permission": (lambda: forge.permission(CONFIG, "bob"), 1),
        "authors": (lambda: forge.authors(CONFIG, [pull.head_sha]), 1),
        "set_status": (lambda: forge.set_status(CONFIG, pull.head_sha, "pending", "x"), 1),
        "again": (lambda: forge.set_status(CONFIG, pull.head_sha, "pending", "y"), 1),
        "open_items": (lambda: forge.open_items(CONFIG), 1),
        "merge": (lambda: merged(world, pull), 1),
        "pull_request": (lambda: forge.pull_request(CONFIG, pull.number), 1),
    }
    for name, (act, most) in costs.items():
        world.calls()
        act()
        assert (name, sum(world.calls().values())) == (name, most)


def test_what_is_unchanged_comes_without_its_body(sandbox: Sandbox, world: SandboxedGitLab) -> None:
    world.forge.open_items(CONFIG)
    before = sandbox.sandbox.controls._faults.not_modified

    world.forge.open_items(CONFIG)

    assert sandbox.sandbox.controls._faults.not_modified == before + 1


def test_a_redirect_to_another_server_does_not_carry_the_token_away(
    world: SandboxedGitLab,
) -> None:
    world.fail(
        "pull_request", status=302, headers={"Location": "http://evil.example/api/v4/projects/1"}
    )

    with pytest.raises(Refused, match=r"redirects to http://evil\.example"):
        world.forge.pull_request(CONFIG, 1)


def test_a_login_page_is_no_answer() -> None:
    answer = requests.Response()
    answer.status_code, answer.headers["Content-Type"] = 200, "text/html"
    answer._content = b"<html>Sign in</html>"

    with pytest.raises(NoJson, match="login page") as no:
        must_be_json(answer)

    told = unanswered("GitLab", no.value, "show it")
    assert isinstance(told, Unavailable)
    assert "show it" in str(told)


def test_a_project_that_is_not_there_is_not_found(world: SandboxedGitLab) -> None:
    with pytest.raises(NotFound, match="or the token may not see it"):
        world.forge.pull_request("acme/nowhere", 1)


def test_nothing_that_is_shown_of_it_holds_the_token() -> None:
    forge = GitLab("glpat-s3cret", url="http://127.0.0.1:1")

    with pytest.raises(Unavailable) as away:
        forge.login()
    forge.close()

    assert "s3cret" not in f"{away.value!r} {json.dumps([repr(one) for one in forge.budgets()])}"
