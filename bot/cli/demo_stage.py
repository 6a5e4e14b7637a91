"""What the demo is played on: a forge with people and a repository, seen as a visitor sees it.

Everything that is told is looked up first: by the forge's API, by git, on its pages.
"""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import aiohttp

from bot.git_process import run_git
from bot.sandbox.server import Sandbox
from bot.words import GITHUB, Words

REPOSITORY = "acme/shop"
BOT = "lockstep-bot"
CHECK = "ci/test"
SHOP = "configs/shop.yaml"
HOSTS = {
    "development": "db.dev.example.com",
    "staging": "db.staging.example.com",
    "main": "db.example.com",
}
CONFIGURATION = f"""\
version: 1
environments:                  # in promotion order
  - name: development
    branch: development
  - name: staging
    branch: staging
    promote: automatic         # every change, once it is tested
    gates:
      checks: [{CHECK}]
  - name: production
    branch: main
    promote: manual            # when somebody says /promote production
    gates:
      checks: [{CHECK}]
      sign_offs: [qa]
roles:
  qa: [carol]
keep:                          # what each environment owns
  - path: "configs/*.yaml"
    keys: [database.host]
"""
SETTINGS = """\
# The shop's settings, one copy in each environment's branch.
database:
  host: {host}
  max_connections: 100
payments:
  timeout: 30        # seconds
features:
  gift_cards: false
"""
_PEOPLE = {"alice": "write", "carol": "write", "dan": "maintain"}
_SECRET_OF_THE_HOOK = "only-for-the-demo"  # noqa: S105 -- it never leaves this machine
_PATIENCE_SECONDS = 45.0
_LOOK_SECONDS = 0.1

T = TypeVar("T")


class NotAsTold(Exception):
    """A step of the story that did not come true: what was expected, and what was seen."""


@dataclass(frozen=True, slots=True)
class Not:
    """What was seen instead."""

    seen: str


async def watched(expected: str, look: Callable[[], Awaitable[T | Not]]) -> T:
    """Return what `look` finds in the end. Raises `NotAsTold` when that takes too long."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        found = await look()
        if not isinstance(found, Not):
            return found
        if time.monotonic() > deadline:
            raise NotAsTold(
                f"expected within {_PATIENCE_SECONDS:.0f} s: {expected}\nseen: {found.seen}"
            )
        await asyncio.sleep(_LOOK_SECONDS)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the server needs to know of the forge."""

    bot: str
    hook_secret: str
    people: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Request:
    """A pull request (GitLab: merge request) as anybody sees it."""

    number: int
    head: str
    sha: str
    base: str
    author: str
    state: str
    body: str
    merged_by: str = ""
    merged_sha: str = ""


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue as anybody sees it."""

    number: int
    title: str
    body: str
    author: str
    is_open: bool


class Said(NamedTuple):
    """A comment: who, and what."""

    login: str
    text: str


async def set_up(sandbox: Sandbox) -> Tokens:
    """Make the people, the repository and its branches."""
    controls, call = sandbox.controls, sandbox.call
    people = {}
    for login in (*_PEOPLE, BOT):
        await call(controls.add_user, login, login.title(), f"{login}@example.com")
        people[login] = await call(controls.add_token, login)
    owner, _, _ = REPOSITORY.partition("/")
    if sandbox.ways.forge == "gitlab":
        await call(controls.add_group, owner, {"dan": "admin"})
    else:
        await call(controls.add_organization, owner, ["dan"])
    files = {".lockstep.yaml": CONFIGURATION, SHOP: SETTINGS.format(host=HOSTS["main"])}
    await call(controls.add_repository, REPOSITORY, files, ["staging", "development"])
    for login, role in {**_PEOPLE, BOT: "write"}.items():
        await call(controls.set_role, REPOSITORY, login, role)
    for branch in ("staging", "development"):
        own = {SHOP: SETTINGS.format(host=HOSTS[branch])}
        await call(controls.commit, REPOSITORY, branch, own, "dan", f"The host of {branch}")
    if sandbox.ways.forge == "gitlab":
        # As GitLab has it: maintainers push, and whoever develops may merge.
        merge = ["write", "maintain"]
        await call(controls.protect_branch, REPOSITORY, "main", ["maintain"], merge)
    return Tokens(people.pop(BOT), _SECRET_OF_THE_HOOK, people)


class Stage:
    """The forge, GitHub, and a clone, as the people of the story use them; `directory` is new."""

    words: Words = GITHUB

    def __init__(
        self, sandbox: Sandbox, tokens: Tokens, session: aiohttp.ClientSession, directory: Path
    ) -> None:
        self._sandbox, self._tokens, self._session = sandbox, tokens, session
        self._clone = directory

    def url(self, path: str = "") -> str:
        """Return the address of one of the repository's pages."""
        return f"{self._sandbox.url}/{REPOSITORY}{path}"

    # What people and CI do

    async def push(self, login: str, branch: str, old: str, new: str, message: str) -> str:
        """Change the shop's settings as somebody, by a commit and a push; return the commit."""
        return await asyncio.to_thread(self._push, login, branch, old, new, message)

    def _push(self, login: str, branch: str, old: str, new: str, message: str) -> str:
        self._fetch()
        self._git("checkout", "--quiet", "--force", "-B", branch, f"origin/{branch}")
        file = self._clone / SHOP
        text = file.read_text()
        if old not in text:
            raise NotAsTold(f"{SHOP} in {branch} was to have `{old}`; it reads\n{text}")
        file.write_text(text.replace(old, new))
        who = (f"user.name={login.title()}", f"user.email={login}@example.com")
        self._git("-c", who[0], "-c", who[1], "commit", "--quiet", "--all", "-m", message)
        self._git("push", "--quiet", "origin", f"HEAD:refs/heads/{branch}", login=login)
        return self._git("rev-parse", "HEAD").strip()

    async def say(self, login: str, number: int, text: str) -> None:
        """Comment as somebody, through the forge's API."""
        await self._ask("POST", f"/issues/{number}/comments", login, json={"body": text})

    async def check(self, sha: str) -> None:
        """Let CI report success."""
        controls = self._sandbox.controls
        await self._sandbox.call(controls.set_status, REPOSITORY, sha, CHECK, "success", "All well")

    async def merge(self, login: str, number: int) -> None:
        """Merge a pull request as somebody."""
        await self._ask("PUT", f"/pulls/{number}/merge", login, json={})

    # What anybody sees

    def page_of(self, number: int) -> str:
        """Return the path of a pull request's page."""
        return f"/pull/{number}"

    def page_of_issue(self, number: int) -> str:
        """Return the path of an issue's page."""
        return f"/issues/{number}"

    async def requests(self) -> list[Request]:
        """Return the pull requests that are open."""
        return [_request(one) for one in await self.get("/pulls")]

    async def request(self, number: int) -> Request:
        """Return a pull request."""
        return _request(await self.get(f"/pulls/{number}"))

    async def comments(self, number: int) -> list[Said]:
        """Return what was said under a pull request."""
        found = await self.get(f"/issues/{number}/comments")
        return [Said(one["user"]["login"], one["body"]) for one in found]

    async def issues(self) -> list[Issue]:
        """Return the issues that are open."""
        return [_issue(one) for one in await self.get("/issues") if "pull_request" not in one]

    async def issue(self, number: int) -> Issue:
        """Return an issue."""
        return _issue(await self.get(f"/issues/{number}"))

    async def statuses(self, sha: str) -> list[tuple[str, str]]:
        """Return what the bot's status on a commit says: its state and its line."""
        found = (await self.get(f"/commits/{sha}/status"))["statuses"]
        return [(s["state"], s["description"]) for s in found if s["context"] == "lockstep"]

    async def get(self, path: str) -> Any:
        """Return what the API answers below the repository."""
        return await self._ask("GET", path, "alice")

    async def page(self, path: str) -> str:
        """Return one of the repository's pages."""
        async with self._session.get(self.url(path)) as answer:
            return await answer.text()

    async def settings(self, ref: str) -> str:
        """Return the shop's settings at a branch or commit, as git has them."""
        return await asyncio.to_thread(self._settings, ref)

    def _settings(self, ref: str) -> str:
        self._fetch()
        at = ref if len(ref) == 40 else f"origin/{ref}"
        return self._git("show", f"{at}:{SHOP}")

    async def tree(self, ref: str) -> str:
        """Return the tree of a branch or a commit."""
        return await asyncio.to_thread(self._tree, ref)

    def _tree(self, ref: str) -> str:
        self._fetch()
        at = ref if len(ref) == 40 else f"origin/{ref}"
        return self._git("rev-parse", f"{at}^{{tree}}").strip()

    async def message(self, sha: str) -> str:
        """Return the message of a commit."""
        return await asyncio.to_thread(self._git, "show", "--no-patch", "--format=%B", sha)

    async def branches(self) -> list[str]:
        """Return the branches that there are."""
        listed = await asyncio.to_thread(self._git, "ls-remote", "--heads", "origin")
        return [line.split("refs/heads/")[1] for line in listed.splitlines()]

    async def watch(self, expected: str, look: Callable[[], Awaitable[T | Not]]) -> T:
        """Return what `look` finds in the end. Raises `NotAsTold` when that takes too long."""
        return await watched(expected, look)

    @property
    def _api(self) -> str:
        return f"{self._sandbox.api_url}/repos/{REPOSITORY}"

    async def _ask(self, method: str, path: str, login: str, **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {self._tokens.people[login]}"}
        url = self._api + path
        async with self._session.request(method, url, headers=headers, **more) as answer:
            if answer.status >= 400:
                raise NotAsTold(
                    f"{method} {path} was to succeed as {login}; it is {answer.status}, "
                    f"{await answer.text()}"
                )
            return await answer.json()

    def _fetch(self) -> None:
        if not (self._clone / ".git").exists():
            run_git("clone", "--quiet", f"{self.url()}.git", str(self._clone))
        self._git("fetch", "--quiet", "--prune", "origin")

    def _git(self, *arguments: str, login: str | None = None) -> str:
        environment = {}
        if login is not None:
            user = f"{login}:{self._tokens.people[login]}".encode()
            header = f"Authorization: Basic {base64.b64encode(user).decode()}"
            environment = {
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": "http.extraHeader",
                "GIT_CONFIG_VALUE_0": header,
            }
        output = run_git(*arguments, directory=self._clone, environment=environment)
        return output.decode(errors="replace")


def _request(data: Any) -> Request:
    return Request(
        number=data["number"],
        head=data["head"]["ref"],
        sha=data["head"]["sha"],
        base=data["base"]["ref"],
        author=data["user"]["login"],
        state="merged" if data.get("merged") else data["state"],
        body=data["body"] or "",
        merged_by=data["merged_by"]["login"] if data.get("merged_by") else "",
        merged_sha=data["merge_commit_sha"] or "",
    )


def _issue(data: Any) -> Issue:
    return Issue(
        number=data["number"],
        title=data["title"],
        body=data["body"] or "",
        author=data["user"]["login"],
        is_open=data["state"] == "open",
    )
