"""A whole installation on one machine: Temporal, sandbox forge, receiver, worker, real git."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from aiohttp import web
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHistory

from bot.forges.budget import UNLIMITED, Limits
from bot.forges.forge import Forge
from bot.forges.github import GitHub
from bot.forges.gitlab import GitLab
from bot.sandbox import records
from bot.sandbox.controls import Controls
from bot.sandbox.server import Sandbox, start
from bot.words import words_for
from tests import shop
from tests.shop import APP
from webhook import app as receiver
from webhook.dispatch import Dispatcher, TemporalSignals
from webhook.gitlab import GitLabReader

T = TypeVar("T")
SECRET = "webhook secret"
REPOSITORY = "acme/config"
PIPELINE = "pipeline/github/acme/config"
CONFIGURATION = f"""\
{shop.CONFIGURATION}keep:
  - {{path: "app.yaml", keys: [replicas]}}
"""


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull request as people see it."""

    number: int
    state: str
    base: str
    head: str
    head_sha: str
    title: str
    body: str
    # As GitLab counts, merge requests apart.
    iid: int = 0


class Town:
    """What people and CI do in the repository, and what they see there."""

    def __init__(
        self, client: Client, sandbox: Sandbox, forge: GitHub | GitLab, token: str, hook: str
    ) -> None:
        self.client, self.sandbox, self.forge, self.token = client, sandbox, forge, token
        self.hook = hook
        self.repository = REPOSITORY
        self.words = words_for(forge.name)

    @property
    def forges(self) -> dict[str, Forge]:
        """Return the forges for a worker."""
        return {self.forge.name: self.forge}

    def referred(self, pull: Pull) -> str:
        """Return how people refer to a pull request."""
        on_gitlab = self.forge.name == "gitlab"
        return self.words.reference(pull.iid if on_gitlab else pull.number)

    async def found(
        self, repository: str, files: dict[str, str], *branches: str, writers: tuple[str, ...]
    ) -> "Town":
        """Found another repository; return the town with that one in view."""

        def make(controls: Controls) -> None:
            controls.add_repository(repository, files, branches)
            for login in ("lockstep-bot", *writers):
                controls.set_role(repository, login, "write")
            controls.add_hook(repository, self.hook, SECRET)

        other = copy(self)
        other.repository = repository
        await self.do(make)
        return other

    async def review(self, number: int, login: str, event: str = "APPROVE") -> None:
        """Review a pull request."""
        await self.do(lambda c: c.review(self.repository, number, login, event))

    async def do(self, act: Callable[[Controls], T]) -> T:
        """Do something as the sandbox's people and CI do it."""
        return await self.sandbox.call(act, self.sandbox.controls)

    async def commit(self, branch: str, files: dict[str, str], login: str = "ada") -> str:
        """Push a commit."""
        return await self.do(
            lambda c: c.commit(self.repository, branch, files, login, f"Change {', '.join(files)}")
        )

    async def check(self, sha: str, state: str = "success", name: str = "ci/test") -> None:
        """Report a check; on GitLab that is a pipeline with a job."""
        if self.forge.name == "github":
            await self.do(lambda c: c.set_status(self.repository, sha, name, state))
            return
        branch = next(pull.head for pull in await self.pulls() if pull.head_sha == sha)
        word = "failed" if state == "failure" else state
        await self.do(lambda c: c.run_pipeline(self.repository, branch, word, {name: word}, sha))

    async def say(self, number: int, login: str, text: str) -> None:
        """Comment on a pull request or an issue."""
        await self.do(lambda c: c.comment(self.repository, number, login, text))

    async def pulls(self) -> list[Pull]:
        """Return the pull requests, newest first; by the sandbox's books, which cost no call."""

        def read(controls: Controls) -> list[Pull]:
            repo = controls._repo(self.repository)
            store = controls._world.store
            heads = {i.number: i for i in store.all(records.Issue, repo.id)}
            found = []
            for pull in reversed(store.all(records.Pull, repo.id)):
                said = heads[pull.number]
                state = "merged" if pull.merged_at else said.state
                found.append(
                    Pull(
                        pull.number,
                        state,
                        pull.base_ref,
                        pull.head_ref,
                        pull.head_sha,
                        said.title,
                        said.body or "",
                        said.iid,
                    )
                )
            return found

        return await self.do(read)

    async def open_into(self, base: str, limit: float = 20.0) -> Pull:
        """Wait for an open pull request into a branch."""

        async def look() -> Pull | None:
            return next(
                (p for p in await self.pulls() if (p.state, p.base) == ("open", base)), None
            )

        return await eventually(look, f"a pull request into {base}", limit)

    async def become(self, number: int, state: str) -> Pull:
        """Wait for a pull request to be in a state."""

        async def look() -> Pull | None:
            found = next(p for p in await self.pulls() if p.number == number)
            return found if found.state == state else None

        return await eventually(look, f"#{number} to be {state}")

    async def issue(self) -> tuple[str, str, str]:
        """Return state, title and body of the newest issue that is no pull request."""

        def read(controls: Controls) -> tuple[str, str, str]:
            repo = controls._repo(self.repository)
            issues = controls._world.store.all(records.Issue, repo.id)
            found = [one for one in issues if not one.is_pull]
            last = found[-1] if found else None
            return (last.state, last.title, last.body or "") if last else ("", "", "")

        return await self.do(read)

    async def said(self, number: int) -> list[str]:
        """Return the comments of a pull request or an issue."""

        def read(controls: Controls) -> list[str]:
            repo = controls._repo(self.repository)
            found = controls._world.store.all(records.Comment, repo.id)
            return [one.body for one in found if one.number == number and not one.system]

        return await self.do(read)

    async def statuses(self, sha: str) -> list[tuple[str, str]]:
        """Return what the bot's status on a commit has been, oldest first."""

        def read(controls: Controls) -> list[tuple[str, str]]:
            repo = controls._repo(self.repository)
            found = controls._world.store.all(records.Status, repo.id)
            mine = [one for one in found if one.sha == sha and one.context == "lockstep"]
            return [(one.state, one.description or "") for one in mine]

        return await self.do(read)

    async def calls(self) -> dict[str, int]:
        """Return how often each method and route of the API was called since last asked."""

        def read(controls: Controls) -> dict[str, int]:
            found = {
                f"{call['method']} {call['route']}": call["count"]
                for call in controls.calls()
                if ".git/" not in call["route"]
            }
            controls.reset_calls()
            return found

        return await self.do(read)

    async def body_says(self, number: int, words: str) -> None:
        """Wait for a pull request's description to say something."""

        async def look() -> bool:
            return any(p.number == number and words in p.body for p in await self.pulls())

        await eventually(look, f"#{number} to say {words!r}")

    async def quiet(self, about: str = "") -> None:
        """Wait until nothing is under way: no step runs, and no webhook is on its way.

        Of workflows those count whose id holds `about`.
        """
        calm = 0
        while calm < 3:
            await self.sandbox.delivered()
            busy = False
            async for found in self.client.list_workflows("ExecutionStatus = 'Running'"):
                if about not in found.id:
                    continue
                described = await self.client.get_workflow_handle(found.id).describe()
                raw = described.raw_description
                busy |= bool(raw.pending_activities) or raw.HasField("pending_workflow_task")
            calm = 0 if busy else calm + 1
            await asyncio.sleep(0.1)

    async def at(self, branch: str) -> str:
        """Return the commit that a branch is at, empty where it is gone."""
        return await self.do(
            lambda c: c._repo(self.repository).refs.get(f"refs/heads/{branch}", "")
        )

    async def gone(self, prefix: str) -> None:
        """Wait until no branch begins so."""

        async def look() -> bool:
            refs = await self.do(lambda c: list(c._repo(self.repository).refs))
            return not any(ref.startswith(f"refs/heads/{prefix}") for ref in refs)

        await eventually(look, f"{prefix} to be gone")

    async def first_parents(self, branch: str) -> list[str]:
        """Return the commits of a branch's own line."""
        return await self.do(
            lambda c: (
                c._world.git(c._repo(self.repository))
                .text("rev-list", "--first-parent", f"refs/heads/{branch}")
                .split()
            )
        )

    async def tree(self, commit: str) -> str:
        """Return a commit's tree."""
        return await self.do(
            lambda c: (
                c._world.git(c._repo(self.repository))
                .text("rev-parse", f"{commit}^{{tree}}")
                .strip()
            )
        )

    async def file(self, branch: str, path: str = "app.yaml") -> str:
        """Return what a branch holds."""

        def read(controls: Controls) -> str:
            repo = controls._repo(self.repository)
            git = controls._world.git(repo)
            entry = git.entry(repo.refs[f"refs/heads/{branch}"], path)
            return "" if entry is None else git.blob(entry.sha).decode()

        return await self.do(read)

    async def history(self, workflow_id: str) -> WorkflowHistory:
        return await self.client.get_workflow_handle(workflow_id).fetch_history()

    async def ended(self, workflow_id: str) -> str:
        """Wait for a promotion to end; return what became of it."""
        handle = self.client.get_workflow_handle(workflow_id, result_type=str)
        return await asyncio.wait_for(handle.result(), 30)


async def eventually(look: Callable[[], Awaitable[T | None]], what: str, limit: float = 20.0) -> T:
    """Return the first thing that is found; fails after `limit` seconds."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        if found := await look():
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"waited in vain for {what}")


@asynccontextmanager
async def town(
    directory: Path,
    client: Client,
    limits: Limits = UNLIMITED,
    *,
    forge_name: Literal["github", "gitlab"] = "github",
) -> AsyncIterator[Town]:
    """Found a town with one repository; its worker is the test's to start."""
    sandbox = await start(directory / "sandbox", forge=forge_name)
    signals = TemporalSignals(client)
    application = receiver.app(
        Dispatcher(signals),
        github_secrets=[SECRET],
        readers=[GitLabReader([SECRET])],
        ready=signals.missing,
    )
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hook = f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks/{forge_name}"

    def found(controls: Controls) -> str:
        for login in ("lockstep-bot", "ada", "bob", "quinn"):
            controls.add_user(login)
        if forge_name == "gitlab":
            controls.add_group("acme", {"ada": "admin"})
        else:
            controls.add_organization("acme", ["ada"])
        files = {".lockstep.yaml": CONFIGURATION, "app.yaml": APP}
        controls.add_repository(REPOSITORY, files, ["development", "staging"])
        for login in ("lockstep-bot", "ada", "bob"):
            controls.set_role(REPOSITORY, login, "write")
        controls.set_role(REPOSITORY, "quinn", "read")
        controls.add_hook(REPOSITORY, hook, SECRET)
        return controls.add_token("lockstep-bot")

    token = await sandbox.call(found, sandbox.controls)
    forge: GitHub | GitLab
    if forge_name == "gitlab":
        forge = GitLab(token, url=sandbox.url, limits=limits)
    else:
        forge = GitHub.with_token(token, api_url=sandbox.api_url, limits=limits)
    try:
        yield Town(client, sandbox, forge, token, hook)
    finally:
        await asyncio.to_thread(forge.close)
        await runner.cleanup()
        await sandbox.close()


def events_of(history: WorkflowHistory) -> list[str]:
    """Return the kinds of a history's events."""
    return [
        re.sub("^EVENT_TYPE_", "", EventType.Name(event.event_type)) for event in history.events
    ]


_ACTIONS = {
    "WORKFLOW_EXECUTION_STARTED",
    "WORKFLOW_EXECUTION_SIGNALED",
    "ACTIVITY_TASK_SCHEDULED",
    "TIMER_STARTED",
    "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED",
    "START_CHILD_WORKFLOW_EXECUTION_INITIATED",
}


def actions_of(history: WorkflowHistory) -> int:
    """Return what a history is billed as: its start, signals, activities, timers."""
    return sum(kind in _ACTIONS for kind in events_of(history))


def size_of(history: WorkflowHistory) -> int:
    """Return a history's size in bytes, as the server stores it."""
    return sum(event.ByteSize() for event in history.events)


def reports_of(pipeline: WorkflowHistory, workflow_id: str) -> int:
    """Return how many reports a pipeline took of one promotion."""
    return sum(
        event.workflow_execution_signaled_event_attributes.signal_name == "report"
        and workflow_id.encode()
        in event.workflow_execution_signaled_event_attributes.input.SerializeToString()
        for event in pipeline.events
    )
