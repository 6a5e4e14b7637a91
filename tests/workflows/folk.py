"""People in a town's repository, who do by the forge's own API what its pages let them do."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import requests

from bot.sandbox import records
from bot.sandbox.controls import Controls
from bot.sandbox.pushing import announce
from tests.shop import APP, V2, V3
from tests.temporal_server import connected, temporal
from tests.workflows.town import CONFIGURATION, Pull, Town, eventually, town
from workflows.values.pipeline import PipelineState
from workflows.worker import worker

Name = Literal["github", "gitlab"]


class Folk:
    """One repository of a town, and everybody there who is not the bot.

    On GitLab merge requests and issues are numbered apart: here a pull request is a `Pull`,
    and an issue the number that people see.
    """

    def __init__(self, town: Town) -> None:
        self.town, self.forge = town, town.forge.name
        self.on_gitlab = self.forge == "gitlab"
        self.name = town.repository
        self.pipeline_id = f"pipeline/{self.forge}/{self.name}"
        self._tokens: dict[str, str] = {}

    def said(self, words: str) -> str:
        """Return how a command is written here."""
        return self.town.words.command(words)

    def number(self, pull: Pull) -> int:
        """Return the number of a pull request that people see."""
        return pull.iid if self.on_gitlab else pull.number

    async def say(self, pull: Pull, login: str, text: str) -> int:
        """Comment on a pull request; returns the comment's id."""
        return await self.town.do(lambda c: c.comment(self.name, self.number(pull), login, text))

    async def say_on_issue(self, login: str, text: str) -> None:
        """Comment on the newest issue."""
        number = await self._issue()
        await self.town.do(lambda c: c.comment(self.name, number, login, text, issue=True))

    async def merge(self, pull: Pull, login: str) -> None:
        """Merge by hand."""
        await self.town.do(lambda c: c.merge(self.name, self.number(pull), login))

    async def close(self, pull: Pull, login: str) -> None:
        """Close a pull request."""
        change = {"state_event": "close"} if self.on_gitlab else {"state": "closed"}
        await self._ask(login, "PUT" if self.on_gitlab else "PATCH", self._path(pull), change)

    async def reopen(self, pull: Pull, login: str) -> None:
        """Open it again."""
        change = {"state_event": "reopen"} if self.on_gitlab else {"state": "open"}
        await self._ask(login, "PUT" if self.on_gitlab else "PATCH", self._path(pull), change)

    async def edit(self, pull: Pull, comment: int, login: str, text: str) -> None:
        """Say something else in a comment that was written already."""
        path = f"{self._path(pull)}/notes" if self.on_gitlab else "issues/comments"
        verb = "PUT" if self.on_gitlab else "PATCH"
        await self._ask(login, verb, f"{path}/{comment}", {"body": text})

    async def propose_from_a_fork(self, login: str, branch: str, base: str) -> None:
        """Open a pull request from a fork of somebody's, whose branch has any name."""
        made = await self._ask(login, "POST", "fork" if self.on_gitlab else "forks", {})
        fork = made["path_with_namespace" if self.on_gitlab else "full_name"]
        await self.town.do(lambda c: _branch(c, fork, branch, login))
        title = {"title": "Promote everything", "description": "", "body": ""}
        if self.on_gitlab:
            given = {"source_branch": branch, "target_branch": base, "target_project_id": 0}
            found = await self._ask(login, "GET", "", {})
            given["target_project_id"] = found["id"]
            await self._ask(login, "POST", "merge_requests", {**title, **given}, of=fork)
        else:
            given = {"head": f"{login}:{branch}", "base": base}
            await self._ask(login, "POST", "pulls", {**title, **given})

    async def opened_by(self, login: str, branch: str, base: str) -> Pull:
        """Open a pull request of somebody's, for another image."""

        await self.town.do(lambda c: _branch(c, self.name, branch, login))
        ends = ("source_branch", "target_branch") if self.on_gitlab else ("head", "base")
        given = {"title": "Change", **dict(zip(ends, (branch, base), strict=True))}
        await self._ask(login, "POST", self._kind, given)
        return await self.open_into(base)

    async def may_not_merge(self) -> None:
        """Protect staging so that the bot cannot merge there."""
        await self.town.do(lambda c: c.protect(self.name, "staging", approvals=1))

    async def open_into(self, base: str) -> Pull:
        return await self.town.open_into(base)

    async def promotion(self) -> Pull:
        """Change something in development, and wait for what comes of it in staging."""
        await self.town.commit("development", {"app.yaml": V2})
        return await self.open_into("staging")

    async def pull(self, number: int) -> Pull:
        return next(one for one in await self.town.pulls() if one.number == number)

    async def answered(self, number: int, words: str) -> None:
        """Wait for an answer under what the books have under a number."""

        async def look() -> bool:
            return any(words in text for text in await self.town.said(number))

        await eventually(look, f"an answer with {words!r}")

    async def issue_is(self, state: str, words: str = "") -> None:
        """Wait for the newest issue to be in a state, and to say something."""

        async def look() -> bool:
            found, _, body = await self.town.issue()
            return found == state and words in body

        await eventually(look, f"the issue to be {state} and to say {words!r}")

    async def state(self) -> PipelineState:
        """Return what the pipeline knows."""
        handle = self.town.client.get_workflow_handle(self.pipeline_id)
        found: PipelineState = await handle.query("state", result_type=PipelineState)
        return found

    async def quiet(self) -> None:
        """Wait until nothing is under way in this repository."""
        await self.town.quiet(f"/{self.name}")

    async def glanced(self) -> None:
        """Have the pipeline look as it does when an interval is over."""
        await self.quiet()
        await self.town.client.get_workflow_handle(self.pipeline_id).signal("glance")
        await self.quiet()

    @asynccontextmanager
    async def deaf(self) -> AsyncIterator[None]:
        """Lose every webhook of what is done meanwhile."""
        await self.quiet()
        await self.town.do(lambda c: c.hold_hooks(True))
        try:
            yield
        finally:
            await self.town.do(lambda c: c.release(drop=True))
            await self.town.do(lambda c: c.hold_hooks(False))

    async def _issue(self) -> int:
        def read(controls: Controls) -> int:
            repo = controls._repo(self.name)
            found = controls._world.store.all(records.Issue, repo.id)
            last = [one for one in found if not one.is_pull][-1]
            return last.iid if self.on_gitlab else last.number

        return await self.town.do(read)

    def _path(self, pull: Pull) -> str:
        return f"{self._kind}/{self.number(pull)}"

    @property
    def _kind(self) -> str:
        return "merge_requests" if self.on_gitlab else "pulls"

    async def _ask(
        self, login: str, method: str, path: str, given: dict[str, Any], *, of: str = ""
    ) -> Any:
        if login not in self._tokens:
            self._tokens[login] = await self.town.do(lambda c: c.add_token(login))
        name, token = of or self.name, self._tokens[login]
        if self.on_gitlab:
            place = f"{self.town.sandbox.url}/api/v4/projects/{quote(name, safe='')}"
            headers = {"PRIVATE-TOKEN": token}
        else:
            place = f"{self.town.sandbox.api_url}/repos/{name}"
            headers = {"Authorization": f"token {token}"}
        url = f"{place}/{path}".rstrip("/")
        answer = await asyncio.to_thread(
            requests.request, method, url, json=given or None, headers=headers, timeout=30
        )
        assert answer.ok, (answer.status_code, answer.text)
        return answer.json()


def _branch(controls: Controls, repository: str, branch: str, login: str) -> None:
    """Commit to a branch, which begins where main is."""
    repo, world = controls._repo(repository), controls._world
    ref = f"refs/heads/{branch}"
    if ref not in repo.refs:
        world.git(repo).update_ref(ref, repo.refs["refs/heads/main"])
        announce(world, repo, controls._account(login), [ref])
    controls.commit(repository, branch, {"app.yaml": V3}, login, "Change")


class Country:
    """A town of which every story has a repository of its own."""

    def __init__(self, here: Town) -> None:
        self._here, self._names = here, (f"acme/story-{n}" for n in itertools.count(1))

    async def folk(self, configuration: str = CONFIGURATION) -> Folk:
        """Found a repository."""
        here = await self._here.found(
            next(self._names), {"app.yaml": APP}, "development", "staging", writers=("ada", "bob")
        )
        await here.commit("main", {".lockstep.yaml": configuration})
        return Folk(here)


@asynccontextmanager
async def country(directory: Path, forge: Name) -> AsyncIterator[Country]:
    """Run a server, a forge, a receiver and a worker for many stories."""
    with temporal(directory) as address:
        client = await connected(address)
        async with (
            town(directory, client, forge_name=forge) as here,
            worker(client, here.forges, directory / "state"),
        ):
            await here.do(lambda c: c.add_user("eve"))
            yield Country(here)
