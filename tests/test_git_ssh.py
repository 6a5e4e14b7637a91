"""A plain git server is reached by ssh with the keys that the settings name, and no other."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.cli.serving import forges
from bot.forges.forge import Forge, Unauthorized
from bot.mirror import Mirror
from bot.repository import RepositoryError
from config.settings import read_settings
from tests.shop import APP, V2
from tests.ssh_server import SSHD, SshServer, ssh_server
from tests.world import World

pytestmark = [
    pytest.mark.skipif(SSHD is None, reason="no sshd is installed (openssh-server)"),
    pytest.mark.skipif(shutil.which("ssh") is None, reason="no ssh is installed"),
]
NAME = "acme/config"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.new(tmp_path / "srv" / "config.git")
    made.git("config", "uploadpack.allowFilter", "true")
    made.git("config", "uploadpack.allowAnySHA1InWant", "true")
    with made:
        made.begin({"app.yaml": APP})
        yield made


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SshServer]:
    with ssh_server(tmp_path / "a place with a space") as made:
        yield made


@pytest.fixture
def forge(
    world: World, server: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Forge]:
    """Return the forge that a server with these settings works on."""
    monkeypatch.setenv("GIT_SSH_COMMAND", "false")
    settings = read_settings(
        {
            "LOCKSTEP_GIT_REPOSITORIES": f"{NAME}={server.url(world.directory)}",
            "LOCKSTEP_GIT_WEBHOOK_SECRET": "secret",
            "LOCKSTEP_GIT_SSH_KEY_FILE": str(server.key),
            "LOCKSTEP_GIT_SSH_KNOWN_HOSTS_FILE": str(server.known_hosts),
            "LOCKSTEP_STATE_DIR": str(tmp_path / "state"),
        },
        directory=tmp_path,
    )
    with forges(settings) as made:
        yield made["git"]


def mirror(forge: Forge, tmp_path: Path) -> Mirror:
    info = forge.repository("acme", "config")
    return Mirror(info.clone_url, tmp_path / "mirror", forge.git_token("acme", "config"))


def test_a_repository_is_cloned_fetched_and_pushed_to(
    world: World, forge: Forge, tmp_path: Path
) -> None:
    here = mirror(forge, tmp_path)
    with here.fetch(["develop", "staging"]) as git:
        before = git.branch("staging")
        assert git.branch("develop") == world.sha("development")

        sha = world.commit("development", {"app.yaml": V2})
        git.look()
        git.prefetch([world.git("rev-parse", f"{sha}:app.yaml").decode().strip()])
        git.push("staging", sha, before)

        assert (git.branch("develop"), world.sha("staging")) == (sha, sha)


def test_what_the_bot_proposes_is_kept_on_the_server(world: World, forge: Forge) -> None:
    world.commit("development", {"app.yaml": V2})
    world.branch("lockstep/promote/staging/1", "development")

    opened = forge.open_pull_request(NAME, "lockstep/promote/staging/1", "staging", "Title", "Body")

    assert forge.pull_request(NAME, opened.number).title == "Title"
    assert world.git("rev-parse", "--verify", "refs/heads/lockstep/requests")


@pytest.mark.parametrize("known", ["nobody", "another"])
def test_a_server_whose_key_is_not_the_known_one_is_refused_and_what_helps_is_said(
    server: SshServer, forge: Forge, tmp_path: Path, known: str
) -> None:
    if known == "nobody":
        server.known_hosts.write_text("")
    else:
        server.know("another")
    before = server.known_hosts.read_text()

    with pytest.raises(Unauthorized, match=r"Host key verification failed.*ssh-keyscan"):
        forge.pull_requests(NAME)
    with pytest.raises(RepositoryError, match=r"Host key verification failed.*ssh-keyscan"):
        Mirror(server.url(tmp_path / "srv" / "config.git"), tmp_path / "mirror").fetch(["develop"])
    # Nor was it taken at its word.
    assert server.known_hosts.read_text() == before


def test_a_key_that_the_server_does_not_know_is_refused_and_said(
    server: SshServer, forge: Forge
) -> None:
    (server.directory / "authorized").write_text("")

    with pytest.raises(Unauthorized, match=r"Permission denied.*the key that ssh shows"):
        forge.pull_requests(NAME)
