"""What the demo without a forge is played on: a git server with a hook, and people with clones.

Everything is done by git and by `lockstep`, as people do it, and all that is told is looked
up in git first.
"""

import asyncio
import base64
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from bot.cli.clone import Clone
from bot.cli.demo_stage import (
    BOT,
    CONFIGURATION,
    HOSTS,
    REPOSITORY,
    SETTINGS,
    SHOP,
    Not,
    NotAsTold,
    watched,
)
from bot.cli.hook import post_receive_script, update_script
from bot.forges.plain_ledger import Request
from bot.git_process import run_git
from bot.pushes import REQUESTS
from bot.sandbox.plain import PlainServer

PEOPLE = ("alice", "carol", "dan", "ci")
PASSWORD = "demo"  # noqa: S105 -- of people who are made up, on this machine alone
_CONFIGURATION = CONFIGURATION.replace("roles:\n", "roles:\n  maintainers: [dan]\n")


class PlainStage:
    """The server, and one clone that people take turns at; both live in `place`."""

    def __init__(self, place: Path) -> None:
        self.secret_file = place / "hook-secret"
        self.token = secrets.token_hex(16)
        self._passwords = {**dict.fromkeys(PEOPLE, PASSWORD), BOT: self.token}
        self._server = PlainServer(place / "git-server", self._passwords)
        self._clone = place / "clone"

    @property
    def url(self) -> str:
        """Where the repository is."""
        return f"{self._server.url}/{REPOSITORY}.git"

    async def start(self) -> None:
        """Listen."""
        self.secret_file.touch(mode=0o600)
        self.secret_file.write_text(f"{secrets.token_hex(32)}\n")
        await self._server.start()

    async def close(self) -> None:
        """Listen no more."""
        await self._server.close()

    async def fill(self, receiver: str) -> None:
        """Make the repository, its branches, and its hooks, which speak to `receiver`."""
        hook = post_receive_script(
            url=receiver, repository=REPOSITORY, secret_file=str(self.secret_file), bot=BOT
        )
        hooks = {"post-receive": hook, "update": update_script(bot=BOT)}
        await asyncio.to_thread(self._filled, hooks)

    def _filled(self, hooks: Mapping[str, str]) -> None:
        self._server.add_repository(REPOSITORY, hooks)
        run_git("init", "--quiet", "--initial-branch=main", str(self._clone))
        self._git("remote", "add", "origin", self.url)
        for branch in ("main", "staging", "development"):
            if branch != "main":
                self._git("checkout", "--quiet", "-b", branch, "main")
            (self._clone / ".lockstep.yaml").write_text(_CONFIGURATION)
            (self._clone / SHOP).parent.mkdir(exist_ok=True)
            (self._clone / SHOP).write_text(SETTINGS.format(host=HOSTS[branch]))
            self._committed("dan", "Begin" if branch == "main" else f"The host of {branch}")
        self._git("push", "--quiet", "origin", "main", "staging", "development", login="dan")

    # What people and CI do

    async def push(self, login: str, branch: str, old: str, new: str, message: str) -> str:
        """Change the shop's settings as somebody, by a commit and a push; return the commit."""
        return await asyncio.to_thread(self._push, login, branch, old, new, message)

    def _push(self, login: str, branch: str, old: str, new: str, message: str) -> str:
        self._on(branch)
        file = self._clone / SHOP
        text = file.read_text()
        if old not in text:
            raise NotAsTold(f"{SHOP} in {branch} was to have `{old}`; it reads\n{text}")
        file.write_text(text.replace(old, new))
        self._committed(login, message)
        self._git("push", "--quiet", "origin", f"HEAD:refs/heads/{branch}", login=login)
        return self._git("rev-parse", "HEAD").strip()

    async def merge(self, login: str, head: str, into: str) -> None:
        """Merge a branch as somebody, as git merges, and push."""
        await asyncio.to_thread(self._merge, login, head, into)

    def _merge(self, login: str, head: str, into: str) -> None:
        self._on(into)
        self._as(login, "merge", "--quiet", "--no-edit", f"refs/remotes/origin/{head}")
        self._git("push", "--quiet", "origin", f"HEAD:refs/heads/{into}", login=login)

    async def lockstep(self, login: str, *arguments: str) -> str:
        """Run `lockstep` in the clone as somebody; return what it prints."""
        return await asyncio.to_thread(self._lockstep, login, *arguments)

    def _lockstep(self, login: str, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", "from bot.cli.main import run; run()", *arguments],
            cwd=self._clone,
            env={**os.environ, **self._shown(login), "PYTHONPATH": _own_place()},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise NotAsTold(f"`lockstep {' '.join(arguments)}` was to succeed; {done.stderr}")
        return done.stdout.strip()

    # What anybody sees

    async def head(self, branch: str) -> str | None:
        """Return where a branch is on the server, None where it is not."""
        listed = await asyncio.to_thread(self._git, "ls-remote", "origin", f"refs/heads/{branch}")
        return listed.split()[0] if listed.split() else None

    async def branches(self) -> list[str]:
        """Return the branches on the server."""
        listed = await asyncio.to_thread(self._git, "ls-remote", "--heads", "origin")
        return [line.split("refs/heads/")[1] for line in listed.splitlines()]

    async def requests(self) -> list[Request]:
        """Return what the bot has open."""
        return await asyncio.to_thread(Clone(self._clone, "origin").requests)

    async def request(self, base: str, head: str) -> Request:
        """Return the open pull request into a branch, from one that begins like this."""

        async def look() -> Request | Not:
            found = await self.requests()
            for one in found:
                if one.base == base and one.head.startswith(head):
                    return one
            return Not(f"open: {[f'#{one.number} {one.title}' for one in found] or 'nothing'}")

        return await watched(f"a branch {head}… to be merged into {base}", look)

    async def settings(self, ref: str) -> str:
        """Return the shop's settings at a branch or commit."""
        return await self.show(f"{self._at(ref)}:{SHOP}")

    async def show(self, what: str) -> str:
        """Return what `git show` prints of something."""
        await asyncio.to_thread(self._fetch)
        return await asyncio.to_thread(self._git, "show", what)

    async def log(self, ref: str, *options: str) -> list[str]:
        """Return the lines of a log."""
        await asyncio.to_thread(self._fetch)
        told = await asyncio.to_thread(self._git, "log", *options, self._at(ref))
        return told.splitlines()

    @staticmethod
    def _at(ref: str) -> str:
        return ref if len(ref) == 40 else f"origin/{ref}"

    def page(self, request: Request) -> str:
        """Return how git shows a request."""
        folder = "open" if request.state == "open" else "closed"
        return f"git show origin/{REQUESTS}:{folder}/{request.number}/README.md"

    # Git

    def _on(self, branch: str) -> None:
        self._fetch()
        self._git("checkout", "--quiet", "--force", "-B", branch, f"origin/{branch}")

    def _fetch(self) -> None:
        self._git("fetch", "--quiet", "--prune", "origin")

    def _committed(self, login: str, message: str) -> None:
        self._git("add", "--all")
        self._as(login, "commit", "--quiet", "-m", message)

    def _as(self, login: str, *arguments: str) -> None:
        who = (f"user.name={login.title()}", f"user.email={login}@example.com")
        self._git("-c", who[0], "-c", who[1], *arguments)

    def _git(self, *arguments: str, login: str | None = None) -> str:
        shown = self._shown(login) if login else {}
        output = run_git(*arguments, directory=self._clone, environment=shown)
        return output.decode(errors="replace")

    def _shown(self, login: str) -> dict[str, str]:
        user = f"{login}:{self._passwords[login]}".encode()
        return {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "http.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {base64.b64encode(user).decode()}",
        }


def _own_place() -> str:
    """Return where this package is imported from: the command runs in another directory."""
    return str(Path(__file__).parents[2])
