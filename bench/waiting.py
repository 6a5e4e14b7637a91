"""Promotions that wait: what each costs its worker, and how fast one wakes that was put away.

The workflow is the real one; its step is a stand-in that waits. The worker is a process of its
own, runs as ours does, and caches a twentieth of them: 500 of 10,000.
"""

import asyncio
import multiprocessing
import os
import statistics
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

from bench.measure import Goal, Row, shown, size
from bench.server import apart, temporal
from bot.decisions.facts import Candidate
from tests.temporal_server import connected
from webhook.dispatch import TASK_QUEUE
from workflows.memory import tidied
from workflows.promotion import PromotionWorkflow
from workflows.values.base import RepositoryKey
from workflows.values.promotion import Advanced, News, PromotionState
from workflows.worker import POLLS, WORKFLOW_TASKS, runner

NAME = "waiting"
_OF_EACH_CACHED = 20
_AT_ONCE = 40
# Seconds until the last of them are answered, and what they left is collected.
_SETTLED = 15.0
_THEN = datetime(2026, 1, 5, 10, tzinfo=UTC)


def rows(*, quick: bool) -> Iterator[Row]:
    count, wakes = (1_000, 20) if quick else (10_000, 60)
    with temporal() as address, _worker(address, count) as pipe:
        start = _ask(pipe, "waiting", 0)
        apart(_start, address, 0, 1)
        # Whatever the first loads is paid once.
        first = _ask(pipe, "waiting", 1)
        apart(_start, address, 1, count)
        full = _ask(pipe, "waiting", count)
        cached, evicted = _ask(pipe, "wake", range(wakes))
    what = f"{count:,} wait, {count // _OF_EACH_CACHED} of them cached: worker, each"
    each = (full - start) / count
    # A start is divided among too few where it is to be quick.
    goal = None if quick else Goal(1)
    yield Row(NAME, what, size(each), "5 KB at most", each / 5_000, goal)
    yield Row(NAME, "worker, all of it", size(full), f"{size(start)} idle, {size(first)} with one")
    middle = statistics.median(evicted), statistics.median(cached)
    against = f"{shown(middle[1])}, a cached one"
    what = "a signal to one that was evicted, until its step runs"
    yield Row(NAME, what, shown(middle[0]), against, middle[0] / middle[1], Goal(2))


def _state(number: int) -> PromotionState:
    """Return a promotion whose candidate waits for its check."""
    sha = f"{number:040x}"
    return PromotionState(
        repository=RepositoryKey(forge="github", owner="acme", name="config"),
        environment="production",
        source=sha,
        first=sha[::-1],
        number=number + 1,
        candidate=Candidate(sha, sha, sha, sha, _THEN),
        checks=(),
        reviews=(),
        authors=("ada",),
        status=sha[:16],
        said=sha[:16],
        told=sha[:16],
    )


async def _start(address: str, first: int, end: int) -> None:
    client = await connected(address)
    numbers = iter(range(first, end))

    async def some() -> None:
        for number in numbers:
            state = _state(number)
            await client.start_workflow(
                PromotionWorkflow.run,
                args=[state, []],
                id=state.workflow_id,
                task_queue=TASK_QUEUE,
            )

    await asyncio.gather(*(some() for _ in range(_AT_ONCE)))


# The worker's process


class _Steps:
    """Steps that wait, and say that they were taken; what they remember is measured too."""

    def __init__(self, count: int) -> None:
        self._first = bytearray(count)
        self._known = 0
        self._watched: dict[str, int] = {}
        self._changed = asyncio.Condition()

    @activity.defn(name="advance")
    async def advance(self, state: PromotionState, news: list[News]) -> Advanced:
        """Wait for a check, for weeks."""
        del news
        number = int(state.source, 16)
        async with self._changed:
            self._known += not self._first[number]
            self._first[number] = 1
            if state.workflow_id in self._watched:
                self._watched[state.workflow_id] += 1
            self._changed.notify_all()
        until = _THEN + timedelta(days=3_650)
        return Advanced(state=state, until=until, reason="ci/test has not reported yet")

    def watch(self, workflow_id: str) -> None:
        """Count the steps of a promotion from now on."""
        self._watched[workflow_id] = 0

    async def has_stepped(self, workflow_id: str) -> None:
        """Wait until a promotion that is watched has taken a step."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._watched[workflow_id] > 0)
        del self._watched[workflow_id]

    async def are(self, count: int) -> None:
        """Wait until so many promotions have taken one."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._known >= count)


@contextmanager
def _worker(address: str, count: int) -> Iterator[Connection]:
    context = multiprocessing.get_context("spawn")
    pipe, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, address, count), daemon=True)
    process.start()
    try:
        yield pipe
    finally:
        pipe.send(None)
        process.join(30)


def _ask(pipe: Connection, *question: object) -> Any:
    pipe.send(question)
    return pipe.recv()


def _work(pipe: Connection, address: str, count: int) -> None:
    asyncio.run(_served(pipe, address, count))
    # On Python 3.11 the SDK may abort an interpreter that ends the usual way.
    os._exit(0)


async def _served(pipe: Connection, address: str, count: int) -> None:
    client, steps = await connected(address), _Steps(count)
    made = Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[PromotionWorkflow],
        activities=[steps.advance],
        max_concurrent_activities=16,
        max_concurrent_workflow_tasks=WORKFLOW_TASKS,
        max_concurrent_workflow_task_polls=POLLS,
        max_concurrent_activity_task_polls=POLLS,
        max_cached_workflows=count // _OF_EACH_CACHED,
        workflow_runner=runner(),
    )
    async with tidied(), made:
        while question := await asyncio.to_thread(pipe.recv):
            match question:
                case ("waiting", count):
                    await steps.are(count)
                    await asyncio.sleep(_SETTLED)
                    pipe.send(_resident())
                case ("wake", numbers):
                    pipe.send(await _woken(client, steps, numbers))


async def _woken(
    client: Client, steps: _Steps, numbers: Sequence[int]
) -> tuple[list[float], list[float]]:
    """Return seconds from a signal to its step: of each again while cached, and evicted before."""
    cached: list[float] = []
    evicted: list[float] = []
    for number in numbers:
        handle = client.get_workflow_handle(_state(number).workflow_id)
        for seconds in (evicted, cached):
            steps.watch(handle.id)
            began = time.perf_counter()
            await handle.signal(PromotionWorkflow.take, [News(checks=True)])
            await steps.has_stepped(handle.id)
            seconds.append(time.perf_counter() - began)
            await asyncio.sleep(0.05)  # until it waits again
    return cached, evicted


def _resident() -> int:
    """Return the bytes of memory that this process holds for itself.

    Pages of program files are left out where that is known: they are read once, by the first
    promotion, and all workers of a machine share them.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["RssAnon"].split()[0]) * 1024
    shown = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(os.getpid())], check=True, stdout=subprocess.PIPE
    )
    return int(shown.stdout) * 1024
