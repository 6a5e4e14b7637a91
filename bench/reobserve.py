"""Five hundred repositories on one worker: what an interval costs, where nearly all is as it was.

Temporal, the sandbox forge, git over HTTP, PyGithub and the worker are the real ones, and the
forge takes part in the measured time. No webhook is ever sent: that a twentieth of the
repositories was pushed to, and was spoken in afterwards, is for the looks to find. All are
told to look in the same moment, which is harder than the interval that the product spreads
them over. Only the first surveys, which nobody measures, are made without limits.
"""

import asyncio
import math
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
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
from webhook.dispatch import TASK_QUEUE
from webhook.events import RepositoryRef
from workflows.worker import worker

NAME = "reobserve"
INTERVAL = 600.0
MANY, FEW = 500, 60
_EVERY = 20
# A phase that takes longer has failed, and says so; so all of it ends within some ten minutes.
_LIMIT_SECONDS = 200.0
# That nothing happens for so long ends the first surveys.
_CALM_SECONDS = 4.0
_AT_ONCE = 32
_SAID = "/hold the fair is on"


@dataclass
class Calls:
    """When calls began, in monotonic seconds, what they do, and for which repository."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    began: list[tuple[float, Kind, str]] = field(default_factory=list)

    def repositories(self, seen: int) -> set[str]:
        """Return the repositories that anything was asked of, since so many calls were seen."""
        with self.lock:
            return {repository for _, _, repository in self.began[seen:]}

    @property
    def writes(self) -> list[float]:
        """Return when something was changed."""
        with self.lock:
            return [at for at, kind, _ in self.began if kind != "read"]

    def writes_a_minute(self) -> int:
        """Return the most writes within any sixty seconds."""
        writes = self.writes
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
        is_done = seconds < math.inf
        told = shown(seconds) if is_done else f"not within {shown(_LIMIT_SECONDS)}"
        return Row(NAME, what, told, against, seconds / interval, Goal(1))

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
                async with worker(client, here.forges, directory / "state"):
                    fleet = _Fleet(client, here, names, calls)
                    with _free():
                        await fleet.prepared()
                    return await fleet.measured()


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
                calls.began.append((time.monotonic(), kind, repository))
            yield made

    Budget.call = counting  # type: ignore[method-assign]
    try:
        yield calls
    finally:
        Budget.call = call  # type: ignore[method-assign]


@contextmanager
def _free() -> Iterator[None]:
    """Let calls be none of the budget's business."""
    costs = Budget._costs  # noqa: SLF001 -- the one place where it is said what a call takes
    Budget._costs = lambda *_: []  # type: ignore[method-assign]  # noqa: SLF001 -- likewise
    try:
        yield
    finally:
        Budget._costs = costs  # type: ignore[method-assign]  # noqa: SLF001 -- likewise


class _Fleet:
    """Many repositories, none of which tells of anything."""

    def __init__(self, client: Client, here: Town, names: list[str], calls: Calls) -> None:
        self._client, self._here, self._names, self._calls = client, here, names, calls
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def prepared(self) -> None:
        """Have each looked at for the first time, and once more to know what is open there."""
        while await self._looked() == math.inf:
            pass  # others need the machine as well
        await self._settled()
        await self._looked()
        await self._settled()
        self._calls.began.clear()

    async def _settled(self) -> None:
        """Wait until nothing is under way: a pipeline that looks hears of no other look."""
        made, calm_since = -1, time.monotonic()
        while time.monotonic() - calm_since < _CALM_SECONDS:
            await asyncio.sleep(0.5)
            now = sum((await self._here.do(_routes)).values())
            if now != made:
                made, calm_since = now, time.monotonic()

        async def caught_up(name: str) -> None:
            async with self._turn:
                await self._client.get_workflow_handle(f"pipeline/github/{name}").query("state")

        # It answers once it has taken what its last look has found.
        await asyncio.gather(*map(caught_up, self._names))

    async def measured(self) -> Measured:
        idle, routes, spent = await self._idle()
        await self._settled()
        busy = self._names[::_EVERY]
        for one in busy:
            push = {"app.yaml": APP.replace("1.0", "1.1")}
            await self._here.do(partial(_pushed, name=one, files=push))
        pushed = await self._until(busy, "ci/test has not reported")
        await self._settled()
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
            writes=len(self._calls.writes),
            most=self._calls.writes_a_minute(),
        )

    async def _idle(self) -> tuple[float, dict[str, int], int]:
        before = self._here.forge.budgets()[0].calls or 0
        seconds = await self._looked()
        routes = await self._here.do(_routes)
        return seconds, routes, before - (self._here.forge.budgets()[0].calls or 0)

    async def _looked(self) -> float:
        """Have all look at once; return the seconds until the last has, or infinity."""
        await self._here.do(lambda c: c.reset_calls())
        seen = len(self._calls.began)
        began = time.monotonic()
        await self._glance()

        async def all_were() -> bool:
            await asyncio.sleep(0.2)
            return self._calls.repositories(seen) >= set(self._names)

        return await _seconds(began, all_were)

    async def _until(self, busy: list[str], words: str) -> float:
        """Return how long it takes until all is done, and every repository was looked at."""
        began = time.monotonic()
        looked = await self._looked()

        async def done() -> bool:
            return await self._here.do(partial(_say, names=busy, words=words))

        return max(looked, await _seconds(began, done))

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


async def _seconds(began: float, look: Callable[[], Awaitable[bool]]) -> float:
    """Return how long after a moment something came about; infinity where it does not."""
    left = _LIMIT_SECONDS - (time.monotonic() - began)
    try:
        await eventually(look, "it", max(left, 1.0))
    except AssertionError:
        return math.inf
    return time.monotonic() - began


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
