"""A running sandbox on a thread of its own, PyGithub clients and git clones against it."""

import asyncio
import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import pytest
from aiohttp import web
from github import Auth, Github
from github.Repository import Repository
from gitlab import Gitlab
from gitlab.v4.objects import Project

from bot.sandbox.controls import Controls
from bot.sandbox.server import Sandbox, start
from tests.sandbox.schemas import Checked

P = ParamSpec("P")
T = TypeVar("T")
CONFIG = "acme/config"
LAB = "acme/team/config"
SECRET = "webhook secret"


@dataclass
class Received:
    """One delivery as it came in."""

    event: str
    headers: dict[str, str]
    body: bytes
    payload: dict[str, Any] = field(default_factory=dict)


class Forge:
    """A sandbox on its own thread; everything here waits for its answer."""

    def __init__(self, root: Path, checked: Checked, forge: str = "github") -> None:
        self._root = root
        self._forge = forge
        self._checked = checked
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._clients: list[Github] = []
        self._gitlabs: list[Gitlab] = []
        self._receiver: web.AppRunner | None = None
        self.received: list[Received] = []
        self.answer_with = 202
        self.tokens: dict[str, str] = {}
        self.sandbox = self._run(start(root, observe=checked.answer, forge=forge))

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    @property
    def do(self) -> Controls:
        """Return the controls, each call of which runs where it must."""
        return _Remote(self)  # type: ignore[return-value]  # has every method of Controls

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        result: T = self._run(self.sandbox.call(function, *args, **kwargs))
        return result

    def restart(self) -> None:
        port = int(self.sandbox.url.rpartition(":")[2])
        self._run(self.sandbox.close())
        self.sandbox = self._run(
            start(self._root, port, observe=self._checked.answer, forge=self._forge)
        )

    def delivered(self) -> list[Received]:
        """Return what came in, once all of it has; and forget it."""
        self._run(self.sandbox.delivered())
        received, self.received = self.received, []
        return received

    def events(self) -> list[tuple[str, Any]]:
        """Return name and action of what came in; and forget it."""
        return [(one.event, one.payload.get("action")) for one in self.delivered()]

    def listen(self) -> str:
        """Start a receiver of webhooks and return its address."""
        return str(self._run(self._listen()))

    async def _listen(self) -> str:
        async def take(request: web.Request) -> web.Response:
            body = await request.read()
            by_gitlab = request.headers.get("X-Gitlab-Event")
            event = by_gitlab or request.headers["X-GitHub-Event"]
            one = Received(event, dict(request.headers), body)
            if request.content_type == "application/json":
                one.payload = json.loads(body)
                if by_gitlab is None:
                    self._checked.hook(event, one.payload)
                else:
                    self._checked.gitlab_hook(event, one.payload)
            self.received.append(one)
            return web.Response(status=self.answer_with)

        app = web.Application(client_max_size=1 << 25)
        app.router.add_post("/hook", take)
        self._receiver = web.AppRunner(app, access_log=None)
        await self._receiver.setup()
        await web.TCPSite(self._receiver, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._receiver.addresses[0][1]}/hook"

    def token(self, login: str) -> str:
        if login not in self.tokens:
            self.do.add_user(login)
            self.tokens[login] = self.do.add_token(login)
        return self.tokens[login]

    def github(self, login: str, **options: Any) -> Github:
        return self.client(Auth.Token(self.token(login)), **options)

    def client(self, auth: Auth.Auth | None, **options: Any) -> Github:
        # PyGithub paces itself unless told otherwise: a second between two writes.
        options = {"seconds_between_requests": 0, "seconds_between_writes": 0, **options}
        made = Github(base_url=self.sandbox.api_url, auth=auth, retry=None, **options)
        self._clients.append(made)
        return made

    def gitlab(self, login: str, **options: Any) -> Gitlab:
        return self.gitlab_client(private_token=self.token(login), **options)

    def gitlab_client(self, **options: Any) -> Gitlab:
        made = Gitlab(self.sandbox.url, retry_transient_errors=False, **options)
        self._gitlabs.append(made)
        return made

    def project(self, login: str = "alice", name: str = CONFIG) -> Project:
        found: Project = self.gitlab(login).projects.get(name)
        return found

    def repo(self, login: str = "alice", name: str = CONFIG) -> Repository:
        return self.github(login).get_repo(name)

    def clone(self, where: Path, login: str = "alice", name: str = CONFIG) -> "Clone":
        address = self.sandbox.url.replace("://", f"://{login}:{self.token(login)}@")
        run_git(where.parent, "clone", "-q", f"{address}/{name}.git", str(where))
        return Clone(where)

    def close(self) -> None:
        for client in self._clients:
            client.close()
        for session in self._gitlabs:
            session.session.close()
        self._run(self.sandbox.close())
        if self._receiver is not None:
            self._run(self._receiver.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class _Remote:
    def __init__(self, forge: Forge) -> None:
        self._forge = forge

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._forge.sandbox.controls, name)
        return lambda *args, **kwargs: self._forge.call(method, *args, **kwargs)


def run_git(where: Path, *args: str) -> str:
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(where),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }
    name = ("-c", "user.name=Alice", "-c", "user.email=alice@example.com")
    done = subprocess.run(
        ["git", *name, *args], cwd=where, env=env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise GitFailed(done.stderr)
    return done.stdout.strip()


class GitFailed(Exception):
    """Git said no; the message is what it printed."""


@dataclass(frozen=True)
class Clone:
    """A work tree of somebody's."""

    path: Path

    def git(self, *args: str) -> str:
        return run_git(self.path, *args)

    def commit(self, files: dict[str, str], message: str = "Change") -> str:
        for name, text in files.items():
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            (self.path / name).write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD")


@contextmanager
def running(root: Path, forge_name: str = "github") -> Iterator[Forge]:
    checked = Checked()
    forge = Forge(root, checked, forge_name)
    try:
        yield forge
    finally:
        forge.close()
    assert not checked.deviations, "\n".join(dict.fromkeys(checked.deviations))


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    """A sandbox with acme/config on main and development; alice owns it, bob may write."""
    with running(tmp_path / "sandbox") as made:
        made.token("alice")
        made.do.add_organization("acme", ["alice"])
        files = {"app.yaml": "a: 1\nb: 1\nc: 1\n", "README.md": "# Config\n"}
        made.do.add_repository(CONFIG, files, ["development"])
        made.token("bob")
        made.do.set_role(CONFIG, "bob", "write")
        yield made


@pytest.fixture
def hooked(forge: Forge) -> Forge:
    """The same, with a webhook for everything."""
    forge.do.add_hook(CONFIG, forge.listen(), SECRET)
    return forge


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Forge]:
    """A GitLab with acme/team/config on main and development, main protected.

    alice owns acme, mona maintains, bob develops in acme/team, rita reports, gus is a guest.
    """
    with running(tmp_path / "sandbox", "gitlab") as made:
        for login in ("alice", "mona", "bob", "rita", "gus", "stranger"):
            made.token(login)
        made.do.add_group("acme", {"alice": "admin"})
        made.do.add_group("acme/team", {"bob": "write", "rita": "read"})
        files = {"app.yaml": "a: 1\nb: 1\nc: 1\n", "README.md": "# Config\n"}
        made.do.add_repository(LAB, files, ["development"], private=True)
        made.do.set_role(LAB, "mona", "maintain")
        made.do.set_role(LAB, "gus", "guest")
        made.do.protect_branch(LAB, "main")
        yield made


__all__ = ["CONFIG", "LAB", "SECRET", "Clone", "Forge", "GitFailed", "Sandbox", "running"]
