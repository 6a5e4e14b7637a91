"""An App speaks for itself on every account that installed it, with tokens that do not run out."""

import logging
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.forges.forge import NotFound, RepositoryInfo, Unauthorized
from bot.forges.github import GitHub
from tests.forges.sandboxed_github import SandboxedGitHub, sandboxed_github
from tests.forges.world import CONFIG, merged, opened

PERMISSIONS = {
    "checks": "read",
    "contents": "write",
    "issues": "write",
    "members": "read",
    "metadata": "read",
    "pull_requests": "write",
    "statuses": "write",
}
GIVE = "POST /app/installations/{installation_id}/access_tokens"
LIST = "GET /app/installations"


@dataclass
class Clock:
    """Time, which a test can move."""

    ahead: float = 0.0
    began: float = field(default_factory=time.time)

    def __call__(self) -> float:
        return self.began + self.ahead


@dataclass
class AsApp:
    """The sandbox with the App installed on acme, and the adapter as that App."""

    world: SandboxedGitHub
    clock: Clock
    key: Path
    app_id: str

    @property
    def forge(self) -> GitHub:
        return self.world.forge


@pytest.fixture
def app(tmp_path: Path) -> Iterator[AsApp]:
    with sandboxed_github(tmp_path / "sandbox") as sandbox:
        made = sandbox.do.add_app("lockstep-app", PERMISSIONS)
        sandbox.do.install_app("lockstep-app", "acme")
        key, clock = tmp_path / "key.pem", Clock()
        key.write_text(made["private_key"])
        app_id = str(made["id"])
        forge = GitHub.as_app(app_id, key, api_url=sandbox.sandbox.api_url, clock=clock)
        try:
            yield AsApp(SandboxedGitHub(sandbox, forge), clock, key, app_id)
        finally:
            forge.close()


def test_an_app_tells_the_whole_story_under_its_own_name(app: AsApp) -> None:
    forge, world = app.forge, app.world
    pull = opened(world)
    again = forge.open_pull_request(CONFIG, "topic", "main", "Promote topic", "Why")
    forge.set_status(CONFIG, pull.head_sha, "success", "ready")
    forge.comment(CONFIG, pull.number, "answer/1", "Held.", on_pull_request=True)
    forge.comment(CONFIG, pull.number, "answer/1", "Held.", on_pull_request=True)
    issue = forge.write_issue(CONFIG, "drift", title="Drift", body="One", open_=True)
    world.team("acme/qa", {"carol": "active", "dave": "pending"})

    assert forge.login() == pull.author == "lockstep-app[bot]"
    assert again == pull
    assert [person for person, _ in world.comments(pull.number)] == ["lockstep-app[bot]"]
    assert [check.state for check in forge.checks(CONFIG, pull.head_sha)] == ["success"]
    assert forge.issue(CONFIG, "drift") == issue
    assert forge.members("acme/qa") == frozenset({"carol"})
    assert forge.permission(CONFIG, "bob") == "write"
    assert merged(world, pull) == world.head("main")


def test_an_app_may_write_where_its_installation_may(app: AsApp) -> None:
    assert [found.full_name for found in app.forge.repositories()] == [CONFIG]
    assert app.forge.repository("acme", "config").can_write

    made = app.world.do.add_app("reader", {"contents": "read", "metadata": "read"})
    app.world.do.install_app("reader", "acme")
    app.key.write_text(made["private_key"])
    api = app.world.sandbox.sandbox.api_url
    reader = GitHub.as_app(str(made["id"]), app.key, api_url=api)

    assert list(reader.repositories()) == []
    seen = reader.repository("acme", "config")
    assert isinstance(seen, RepositoryInfo)
    assert not seen.can_write
    reader.close()


def test_a_token_is_asked_for_once_and_renewed_five_minutes_before_its_end(app: AsApp) -> None:
    app.world.calls()
    first = app.forge.git_token("acme", "config")
    app.clock.ahead = 54 * 60
    assert app.forge.git_token("Acme", "config") == first
    assert app.world.calls() == {GIVE: 1, LIST: 1}

    app.clock.ahead = 56 * 60
    second = app.forge.git_token("acme", "config")

    assert second != first
    assert app.world.calls() == {GIVE: 1}


def test_a_token_that_was_revoked_is_replaced_at_the_next_call(app: AsApp) -> None:
    app.world.do.revoke_token(app.forge.git_token("acme", "config"))

    with pytest.raises(Unauthorized):
        app.forge.pull_requests(CONFIG)

    assert app.forge.pull_requests(CONFIG) == []


def test_where_the_app_is_not_installed_is_said(app: AsApp) -> None:
    with pytest.raises(NotFound, match="the App is not installed on elsewhere"):
        app.forge.repository("elsewhere", "config")
    assert app.forge.members("elsewhere/qa") is None


def test_an_app_installed_later_is_found(app: AsApp) -> None:
    with pytest.raises(NotFound):
        app.forge.repository("later", "config")
    app.world.do.add_organization("later", ["alice"])
    app.world.do.add_repository("later/config", {"a": "1\n"})
    app.world.do.install_app("lockstep-app", "later")

    assert app.forge.repository("later", "config").full_name == "later/config"


@pytest.mark.parametrize("content", ["", "no key", "-----BEGIN RSA PRIVATE KEY-----\nAAAA"])
def test_a_file_that_holds_no_private_key_is_said_by_name_alone(
    tmp_path: Path, content: str
) -> None:
    path = tmp_path / "key.pem"
    path.write_text(content)

    with pytest.raises(Unauthorized, match=re.escape(f"{path} holds no private key")) as refused:
        GitHub.as_app("7", path)

    assert not content or content not in str(refused.value)


def test_a_private_key_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unauthorized, match="cannot be read"):
        GitHub.as_app("7", tmp_path / "nowhere.pem")


def test_no_token_of_an_installation_is_in_a_log_line_or_a_repr(
    app: AsApp, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        secret = app.forge.git_token("acme", "config")
        app.forge.pull_requests(CONFIG)

    account = app.forge._account
    assert secret not in caplog.text + repr(vars(account)) + repr(account)
    assert app.key.read_text() not in repr(vars(account))
