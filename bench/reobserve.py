"""Five hundred repositories on one worker: what an interval costs, where nearly all is as it was.

Temporal, the sandbox forge, git over HTTP, PyGithub and the worker are the real ones, and the
forge takes part in the measured time. No webhook is ever sent: that a twentieth of the
repositories was pushed to, and was spoken in afterwards, is for the looks to find.
"""

import asyncio
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy

from bench.measure import Goal, Row, shown
from bench.server import apart, temporal
from bot.forges.budget import Budget, Kind, Limits
from bot.sandbox import records
from bot.sandbox.controls import Controls
from tests.shop import APP
from tests.temporal_server import TUNED, connected
from tests.workflows.town import CONFIGURATION, Town, eventually, town
from webhook.events import RepositoryRef
from workflows.values import TASK_QUEUE
from workflows.worker import worker

NAME = "reobserve"
INTERVAL = 600.0
MANY, FEW = 500, 60
_EVERY = 20
_LIMIT_SECONDS = 900.0
_AT_ONCE = 32
# A survey that knows of nothing asks for the first, a glance for the second.
_FIRST = "GET /repos/{owner}/{repo}/pulls"
_LIST = "GET /repos/{owner}/{repo}/issues"
_SAID = "/hold the fair is on"


@dataclass
class Calls:
    """When calls began, in monotonic seconds, and what they do."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    began: list[tuple[float, Kind]] = field(default_factory=list)

    def writes_a_minute(self) -> int:
        """Return the most writes within any sixty seconds."""
        writes = [at for at, kind in self.began if kind != "read"]
        return max((sum(at <= one < at + 60 for one in writes) for at in writes), default=0)


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds of an interval's looks, and what they cost."""

    idle: float
    requests: int
    git: int
    spent: int
    pushed: float
    spoken: float
    writes: int
    most: int


def rows(*, quick: bool) -> Iterator[Row]:
    count = FEW if quick else MANY
    with temporal(TUNED) as address:
        took: Measured = apart(_measure, address, count)
    interval = INTERVAL * count / MANY
    against = f"{shown(interval)}: {count} at the pace of {MANY} in {shown(INTERVAL)}"

    def lasted(what: str, seconds: float) -> Row:
        return Row(NAME, what, shown(seconds), against, seconds / interval, Goal(1))

    yield lasted(f"one look at each of {count} idle repositories", took.idle)
    for what, found in (("requests to the forge", took.requests), ("looks at git", took.git)):
        each = found / count
        yield Row(NAME, f"{what} for each", f"{each:.2f}", "1 at most", each, Goal(1))
    yield Row(NAME, "of these requests, counted by the forge", str(took.spent), "others are 304")
    missed = count // _EVERY
    yield lasted(f"the same, {missed} missed pushes found, proposed and said", took.pushed)
    yield lasted(f"the same, {missed} missed comments found and obeyed", took.spoken)
    what = f"most writes in any minute, of {took.writes}"
    yield Row(NAME, what, str(took.most), "80 at most", took.most / 80, Goal(1))


async def _measure(address: str, count: int) -> Measured:
    client = await connected(address)
    with tempfile.TemporaryDirectory(prefix="lockstep-bench-") as name:
        directory = Path(name)
        async with town(directory, client, Limits()) as here:
            names = [f"acme/config-{number:03}" for number in range(count)]
            for one in names:
                await here.do(partial(_found, name=one))
            # Its own limit by the hour is not what is measured: an interval is a sixth of one.
            await here.do(lambda c: c.set_limits(limit=100_000))
            with _counted() as calls:
                async with worker(client, {"github": here.forge}, directory / "state"):
                    return await _Fleet(client, here, names, calls).measured()


def _found(controls: Controls, name: str) -> None:
    files = {".lockstep.yaml": CONFIGURATION, "app.yaml": APP}
    controls.add_repository(name, files, ["development", "staging"])
    for login in ("lockstep-bot", "ada"):
        controls.set_role(name, login, "write")


@contextmanager
def _counted() -> Iterator[Calls]:
    """Write down each call that the budget lets through."""
    calls, call = Calls(), Budget.call

    @contextmanager
    def counting(self: Budget, kind: Kind, repository: str) -> Iterator[Any]:
        with call(self, kind, repository) as made:
            with calls.lock:
                calls.began.append((time.monotonic(), kind))
            yield made

    Budget.call = counting  # type: ignore[method-assign]
    try:
        yield calls
    finally:
        Budget.call = call  # type: ignore[method-assign]


class _Fleet:
    """Many repositories, none of which tells of anything."""

    def __init__(self, client: Client, here: Town, names: list[str], calls: Calls) -> None:
        self._client, self._here, self._names, self._calls = client, here, names, calls
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def measured(self) -> Measured:
        await self._glance()
        await self._asked_of_all(_FIRST)
        await self._idle()  # from here on it is known what is open
        idle, routes, spent = await self._idle()
        busy = self._names[::_EVERY]
        for one in busy:
            push = {"app.yaml": APP.replace("1.0", "1.1")}
            await self._here.do(partial(_pushed, name=one, files=push))
        self._calls.began.clear()
        pushed = await self._until(busy, "ci/test has not reported")
        for one in busy:
            await self._here.do(partial(_spoken, name=one))
        spoken = await self._until(busy, "held by ada")
        return Measured(
            idle=idle,
            requests=sum(n for route, n in routes.items() if ".git/" not in route),
            git=sum(n for route, n in routes.items() if ".git/" in route),
            spent=spent,
            pushed=pushed,
            spoken=spoken,
            writes=sum(kind != "read" for _, kind in self._calls.began),
            most=self._calls.writes_a_minute(),
        )

    async def _idle(self) -> tuple[float, dict[str, int], int]:
        before = self._here.forge.budgets()[0].calls or 0
        await self._here.do(lambda c: c.reset_calls())
        began = time.monotonic()
        await self._glance()
        await self._asked_of_all(_LIST)
        seconds = time.monotonic() - began
        routes = await self._here.do(_routes)
        return seconds, routes, before - (self._here.forge.budgets()[0].calls or 0)

    async def _until(self, busy: list[str], words: str) -> float:
        """Return how long it takes until all is done, and every repository was looked at."""
        await self._here.do(lambda c: c.reset_calls())
        began = time.monotonic()
        await self._glance()
        await self._asked_of_all(_LIST)

        async def done() -> bool:
            return await self._here.do(partial(_say, names=busy, words=words))

        await eventually(done, f"{len(busy)} pull requests to say {words!r}", _LIMIT_SECONDS)
        return time.monotonic() - began

    async def _glance(self) -> None:
        async def one(name: str) -> None:
            owner, _, short = name.partition("/")
            async with self._turn:
                await self._client.start_workflow(
                    "pipeline",
                    RepositoryRef(forge="github", owner=owner, name=short, id=1),
                    id=f"pipeline/github/{name}",
                    task_queue=TASK_QUEUE,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    start_signal="glance",
                )

        await asyncio.gather(*map(one, self._names))

    async def _asked_of_all(self, route: str) -> None:
        await eventually(lambda: self._all_asked(route), f"{route} of all", _LIMIT_SECONDS)

    async def _all_asked(self, route: str) -> bool:
        await asyncio.sleep(0.2)
        routes = await self._here.do(_routes)
        return routes.get(route, 0) >= len(self._names)


def _routes(controls: Controls) -> dict[str, int]:
    return {f"{one['method']} {one['route']}": one["count"] for one in controls.calls()}


def _pushed(controls: Controls, name: str, files: dict[str, str]) -> None:
    controls.commit(name, "development", files, "ada", "Change")


def _spoken(controls: Controls, name: str) -> None:
    controls.comment(name, 1, "ada", _SAID)


def _say(controls: Controls, names: list[str], words: str) -> bool:
    for name in names:
        repo = controls._repo(name)  # noqa: SLF001 -- its books cost no call
        found = controls._world.store.all(records.Issue, repo.id)  # noqa: SLF001 -- likewise
        if not any(words in (one.body or "") for one in found):
            return False
    return True
