"""What GitHub answers, or fails to, comes as one kind of error that says what to do."""

import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from github import GithubException

from bot.forges.budget import Limits
from bot.forges.forge import (
    Conflict,
    ForgeError,
    NotFound,
    RateLimited,
    Refused,
    Unauthorized,
    Unavailable,
)
from bot.forges.github import GitHub
from bot.forges.github_errors import translate
from tests.forges.sandboxed_github import SandboxedGitHub, by_token, sandboxed_github
from tests.forges.world import CONFIG, ME, merged, opened

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
REST = MINUTE.total_seconds()
SHOW = "GitHub would not show it: "


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SandboxedGitHub]:
    with sandboxed_github(tmp_path / "sandbox") as sandbox:
        forge = by_token(sandbox, timeout=0.5)
        try:
            yield SandboxedGitHub(sandbox, forge)
        finally:
            forge.close()


def answered(status: int, message: str | None = None, **headers: str) -> ForgeError:
    """Translate an answer; `_` stands for `-` in headers."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    data = None if message is None else {"message": message}
    return translate(GithubException(status, data, named), "show it", NOW.timestamp(), REST)


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "Problems parsing JSON", Refused),
        (401, "Bad credentials", Unauthorized),
        (403, "Resource not accessible by personal access token", Unauthorized),
        (403, "Must have admin rights to Repository.", Unauthorized),
        (403, "Resource protected by organization SAML enforcement.", Unauthorized),
        (403, "Repository was archived so is read-only.", Refused),
        (404, "Not Found", NotFound),
        (405, "Pull Request is not mergeable", Refused),
        (405, "Base branch was modified. Review and try the merge again.", Conflict),
        (409, "Head branch was modified. Review and try the merge again.", Conflict),
        (410, "Issues are disabled for this repo", Refused),
        (422, "Validation Failed", Refused),
        (422, "No commit found for SHA: 0000", NotFound),
        (451, "Repository access blocked", Refused),
        (500, None, Unavailable),
        (502, "Server Error", Unavailable),
        (503, None, Unavailable),
    ],
)
def test_each_answer_is_of_one_kind_and_in_githubs_words(
    status: int, message: str | None, kind: type[ForgeError]
) -> None:
    error = answered(status, message)

    assert type(error) is kind
    if kind is not Unavailable:
        assert str(error).startswith(f"{SHOW}{message}")


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize(
    ("headers", "message", "until"),
    [
        ({"Retry_After": "60"}, "You have exceeded a secondary rate limit", NOW + MINUTE),
        ({"retry_after": format_datetime(NOW + MINUTE, usegmt=True)}, "Wait", NOW + MINUTE),
        ({"Retry_After": "soon"}, "Wait", NOW + MINUTE),
        (
            {"X_RateLimit_Remaining": "0", "X_RateLimit_Reset": str(NOW.timestamp() + 600)},
            "API rate limit exceeded for user ID 1.",
            NOW + 10 * MINUTE,
        ),
        (
            {"X_RateLimit_Remaining": "17", "X_RateLimit_Reset": str(NOW.timestamp() + 600)},
            "You have exceeded a secondary rate limit.",
            NOW + MINUTE,
        ),
    ],
)
def test_a_limit_says_until_when(
    status: int, headers: dict[str, str], message: str, until: datetime
) -> None:
    error = answered(status, message, **headers)

    assert isinstance(error, RateLimited)
    assert error.until == until
    assert f"{until:%H:%M:%S} UTC" in str(error)


def test_the_permission_that_github_names_is_named() -> None:
    needs = "contents=write,pull_requests=read; administration=write"

    error = answered(
        403, "Resource not accessible by integration", X_Accepted_GitHub_Permissions=needs
    )

    assert str(error) == (
        f"{SHOW}Resource not accessible by integration. The token needs the permission"
        " contents: write and pull_requests: read or administration: write"
    )


@pytest.mark.parametrize(("status", "kind"), [(403, Unauthorized), (404, NotFound)])
def test_the_scopes_that_a_token_lacks_are_named(status: int, kind: type[ForgeError]) -> None:
    words = "Must have push access" if status == 403 else "Not Found"
    lacking = answered(
        status, words, X_OAuth_Scopes="gist, read:org", X_Accepted_OAuth_Scopes="repo, public_repo"
    )
    having = answered(status, words, X_OAuth_Scopes="repo", X_Accepted_OAuth_Scopes="repo")

    assert type(lacking) is kind
    assert str(lacking) == f"{SHOW}{words}. The token needs one of the scopes public_repo, repo"
    assert "scopes" not in str(having)


def test_the_errors_of_a_validation_are_told() -> None:
    data = {
        "message": "Validation Failed",
        "errors": [
            {"resource": "PullRequest", "field": "head", "code": "invalid"},
            {"message": "No commits between main and topic"},
            "And this",
        ],
    }

    error = translate(GithubException(422, data, {}), "show it", NOW.timestamp(), REST)

    assert str(error) == (
        f"{SHOW}Validation Failed; head invalid; No commits between main and topic; And this"
    )


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"status": 502}, "status 502"),
        ({"cut": True}, "connection to GitHub failed"),
        ({"truncate": True}, "connection to GitHub failed"),
        ({"stall": 2.0}, "did not answer in time"),
    ],
)
def test_a_bad_line_is_unavailable_and_the_next_call_is_answered(
    world: SandboxedGitHub, fault: dict[str, Any], words: str
) -> None:
    pull = opened(world)
    world.calls()
    world.fail("pull_request", **fault)

    with pytest.raises(Unavailable, match=words) as failed:
        world.forge.pull_request(CONFIG, pull.number)

    assert f"show pull request {pull.number} of {CONFIG}" in str(failed.value)
    assert world.forge.pull_request(CONFIG, pull.number) == pull
    # One that failed, and one that did not: nothing was tried again behind our back.
    assert sum(world.calls().values()) == 2


def test_a_merge_that_is_said_to_have_failed_and_happened_is_success(
    world: SandboxedGitHub,
) -> None:
    pull = opened(world)
    world.fail("merge", lose=True, status=405, message="Pull Request is not mergeable")

    assert merged(world, pull) == world.head("main")


def test_a_used_up_limit_is_not_asked_again_until_it_is_over(world: SandboxedGitHub) -> None:
    now = time.time()
    forge = GitHub.with_token(
        world.sandbox.token(ME), api_url=world.sandbox.sandbox.api_url, clock=lambda: now
    )
    pull = opened(world)
    world.fail("pull_request", status=429, headers={"Retry-After": "60"})
    with pytest.raises(RateLimited) as limited:
        forge.pull_request(CONFIG, pull.number)
    world.calls()

    now += 59
    with pytest.raises(RateLimited) as still:
        forge.checks(CONFIG, pull.head_sha)
    assert still.value.until == limited.value.until
    assert world.calls() == {}

    now += 2
    assert forge.pull_request(CONFIG, pull.number) == pull
    forge.close()


@pytest.mark.parametrize(("limits", "seconds"), [(None, 60), (Limits(rest_seconds=3), 3)])
def test_where_github_says_not_until_when_nothing_is_asked_for_a_rest(
    world: SandboxedGitHub, limits: Limits | None, seconds: float
) -> None:
    now = time.time()
    forge = by_token(world.sandbox, limits=limits, clock=lambda: now)
    pull = opened(world)
    world.fail("pull_request", status=429)

    with pytest.raises(RateLimited) as limited:
        forge.pull_request(CONFIG, pull.number)
    assert limited.value.until.timestamp() == pytest.approx(now + seconds)
    world.calls()

    now += seconds - 1.5
    with pytest.raises(RateLimited):
        forge.pull_request(CONFIG, pull.number)
    assert world.calls() == {}

    now += 2
    assert forge.pull_request(CONFIG, pull.number) == pull
    forge.close()


def test_an_hour_that_is_used_up_says_when_it_begins_anew(world: SandboxedGitHub) -> None:
    world.do.set_limits(limit=1, window=600.0)
    before = time.time()
    world.forge.repository("acme", "config")

    with pytest.raises(RateLimited) as limited:
        world.forge.repository("acme", "config")

    assert 590 < limited.value.until.timestamp() - before < 610


def test_a_used_up_limit_of_writes_is_one_too(world: SandboxedGitHub) -> None:
    pull = opened(world)
    world.do.set_limits(writes_a_minute=1, retry_after=90)
    world.forge.set_status(CONFIG, pull.head_sha, "pending", "one")
    before = time.time()

    with pytest.raises(RateLimited) as limited:
        world.forge.set_status(CONFIG, pull.head_sha, "pending", "two")

    assert 85 < limited.value.until.timestamp() - before < 95


def test_a_token_that_is_revoked_is_said(world: SandboxedGitHub) -> None:
    world.do.revoke_token(world.sandbox.token(ME))

    with pytest.raises(Unauthorized, match="set another one"):
        world.forge.repository("acme", "config")
    with pytest.raises(Unauthorized):
        world.forge.members("acme/qa")


def test_a_token_without_a_permission_is_told_which(world: SandboxedGitHub) -> None:
    pull = opened(world)
    secret = world.do.add_token(ME, permissions={"metadata": "read", "pull_requests": "read"})
    forge = GitHub.with_token(secret, api_url=world.sandbox.sandbox.api_url)

    with pytest.raises(Unauthorized) as refused:
        forge.set_status(CONFIG, pull.head_sha, "pending", "waits")

    assert "The token needs the permission statuses: write" in str(refused.value)
    assert forge.members("acme/bots") is None
    forge.close()


def test_no_token_is_in_an_error_a_log_line_or_a_repr(
    world: SandboxedGitHub, caplog: pytest.LogCaptureFixture
) -> None:
    secret = world.sandbox.token(ME)
    with caplog.at_level(logging.DEBUG):
        pull = opened(world)
        world.fail("pull_request", status=403, message=f"Not for {secret}, must have more")
        with pytest.raises(Unauthorized) as refused:
            world.forge.pull_request(CONFIG, pull.number)
        world.fail("pull_request", cut=True)
        with pytest.raises(Unavailable) as cut:
            world.forge.pull_request(CONFIG, pull.number)

    shown = [str(refused.value), repr(refused.value), str(cut.value), repr(cut.value)]
    shown += [repr(world.forge), repr(vars(world.forge)), repr(cut.value.__cause__), caplog.text]
    assert [text for text in shown if secret in text] == []
