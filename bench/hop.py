"""A whole hop: push, pull request, one check, one sign-off, merge; with all that it takes.

Temporal, the sandbox forge, git over HTTP, PyGithub, receiver and worker are the real ones, and
the worker has a process of its own.
A hop is as fast as it can be where it takes no longer than its forge calls would, one after
the other. Waits are left out: from the push to the pull request, from the check to the
description that says it, from the sign-off to the end.
"""

import asyncio
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.measure import Goal, Row, shown, size
from bench.server import apart, temporal
from bot.forges.budget import UNLIMITED
from bot.forges.github import GitHub
from bot.sandbox.controls import Controls
from bot.sandbox.records import Issue
from tests.shop import APP, CONFIGURATION
from tests.temporal_server import TUNED, connected
from tests.workflows.town import PIPELINE, Town, actions_of, reports_of, size_of, town
from workflows.worker import run_worker

NAME = "hop"
FORGE_CALL = 0.05
CHECKS = 100
# The forge's answers, not git's and not what people do there.
_API = r"^/(repos|users?|orgs)\b"
_CREATING = ("/pulls", "/issues", "/comments", "/reviews")
# The shop's, where staging has to be signed off as well.
_CONFIGURATION = CONFIGURATION.replace("[ci/test]", "[ci/test]\n      sign_offs: [qa]", 1)


@dataclass(frozen=True, slots=True)
class Taken:
    """What one hop took: seconds until its pull request, seconds without waits, and counts.

    `asked` counts each method and route of the forge's API.
    """

    opened: float
    seconds: float
    asked: Mapping[str, int]
    events: int
    size: int
    actions: int

    @property
    def calls(self) -> int:
        """How many calls it took."""
        return sum(self.asked.values())

    @property
    def created(self) -> int:
        """How many of them created content."""
        return sum(many for call, many in self.asked.items() if _creates(call))


def rows(*, quick: bool) -> Iterator[Row]:
    with temporal(TUNED) as address:
        plain, slow, checked, each = apart(_measure, address, 2 if quick else 7)
    yield from _times(plain, slow)
    yield from _counts(plain)
    yield from _history(plain)
    yield from _history([checked], f", {CHECKS} more checks report")
    yield from _history([each], f", {CHECKS} more checks report and count")
    if quick:
        return
    with temporal(()) as address:
        plain, slow, *_ = apart(_measure, address, 3)
    yield from _times(plain, slow, ", default server flags")
    yield from _history(plain, ", default server flags")


def _times(plain: Sequence[Taken], slow: Sequence[Taken], label: str = "") -> Iterator[Row]:
    opened = statistics.median(hop.opened for hop in plain)
    yield _bound(f"push to open pull request{label}", shown(opened), opened / 1.5, "1.5 s at most")
    forge = statistics.median(hop.calls * FORGE_CALL for hop in slow)
    own = statistics.median(hop.seconds for hop in slow)
    alone = statistics.median(hop.seconds for hop in plain)
    against = f"{shown(forge)}, its forge calls at {shown(FORGE_CALL)}"
    yield Row(NAME, f"latency without its waits{label}", shown(own), against, own / forge, Goal(1))
    against = f"{shown(forge)} likewise"
    what = f"the same where the forge answers at once{label}"
    yield Row(NAME, what, shown(alone), against, alone / forge)


def _counts(hops: Sequence[Taken]) -> Iterator[Row]:
    calls = max(hop.calls for hop in hops)
    yield _bound("forge calls", str(calls), calls / 10, "10 at most")
    most = max(hops, key=lambda hop: hop.calls)
    for call, many in sorted(most.asked.items()):
        yield Row(NAME, f"of which {call.replace('/repos/{owner}/{repo}', '')}", str(many))
    created = max(hop.created for hop in hops)
    yield _bound("content creations", str(created), created, "1 at most")


def _history(hops: Sequence[Taken], label: str = "") -> Iterator[Row]:
    events, bytes_ = max(hop.events for hop in hops), max(hop.size for hop in hops)
    actions = max(hop.actions for hop in hops)
    yield _bound(f"history events{label}", str(events), events / 40, "40 at most")
    yield _bound(f"history size{label}", size(bytes_), bytes_ / 12_000, "12 KB at most")
    yield _bound(f"billable actions{label}", str(actions), actions / 8, "8 at most")


def _bound(what: str, measured: str, ratio: float, against: str) -> Row:
    return Row(NAME, what, measured, against, ratio, Goal(1))


async def _measure(address: str, count: int) -> tuple[list[Taken], list[Taken], Taken, Taken]:
    """Walk hops with a forge that answers at once, with a slow one, and among many checks.

    Of these no gate asks for the many in the one, and for each of them in the other.
    """
    client = await connected(address)
    with tempfile.TemporaryDirectory(prefix="lockstep-bench-") as name:
        directory = Path(name)
        async with town(directory, client) as here:
            await _configure(here, _CONFIGURATION)
            async with _working(address, here, directory / "state"):
                walk = _Walk(here)
                await walk.hop()  # clones, and learns what never changes
                plain = [await walk.hop() for _ in range(count)]
                checked = await walk.hop(CHECKS)
                await here.do(lambda c: c.inject(takes=FORGE_CALL, times=1_000_000, path=_API))
                slow = [await walk.hop() for _ in range(count)]
                await here.do(lambda c: c.clear_faults())
                await _configure(here, _CONFIGURATION.replace("[ci/test]", '["*"]'))
                each = await walk.hop(CHECKS)
    return plain, slow, checked, each


async def _configure(here: Town, text: str) -> None:
    for branch in ("main", "staging", "development"):
        await here.commit(branch, {".lockstep.yaml": text})


@asynccontextmanager
async def _working(address: str, here: Town, state: Path) -> AsyncIterator[None]:
    """Run a worker in a process of its own, as `lockstep worker` is one."""
    arguments = (address, here.sandbox.api_url, here.token, state)
    process = multiprocessing.get_context("spawn").Process(target=_work, args=arguments)
    process.start()
    try:
        yield
    finally:
        process.terminate()
        await asyncio.to_thread(process.join, 30)


def _work(address: str, api_url: str, token: str, state: Path) -> None:
    asyncio.run(_worked(address, api_url, token, state))
    # On Python 3.11 the SDK may abort an interpreter that ends the usual way.
    os._exit(0)


async def _worked(address: str, api_url: str, token: str, state: Path) -> None:
    # Hop follows hop faster here than GitHub's limits let anybody go.
    forge = GitHub.with_token(token, api_url=api_url, limits=UNLIMITED)
    await run_worker(await connected(address), {"github": forge}, state)


class _Walk:
    """Hops through one town, one after the other."""

    def __init__(self, here: Town) -> None:
        self._here = here
        self._number = 0

    async def hop(self, checks: int = 0) -> Taken:
        """Carry one change from development to staging, with so many checks that do not matter."""
        here = self._here
        self._number += 1
        await here.quiet()
        await here.calls()
        text = APP.replace("1.0", f"1.{self._number}")
        source = await here.commit("development", {"app.yaml": text})
        seconds = opened = await _until(self._is_open)
        request = (await here.pulls())[0]
        await here.quiet()
        for number in range(checks):
            await here.check(request.head_sha, name=f"ci/{number}")
        await here.quiet()
        await here.check(request.head_sha)
        seconds += await _until(self._waits_for_sign_off)
        await here.quiet()
        await here.say(request.number, "quinn", "/sign-off qa")
        began = time.perf_counter()
        promotion = f"promotion/github/acme/config/staging/{source[:12]}"
        await here.ended(promotion)
        seconds += time.perf_counter() - began
        await here.quiet()
        calls = await here.calls()
        history = await here.history(promotion)
        reports = reports_of(await here.history(PIPELINE), promotion)
        return Taken(
            opened,
            seconds,
            calls,
            len(history.events),
            size_of(history),
            actions_of(history) + reports,
        )

    async def _is_open(self) -> bool:
        return await self._newest("state") == "open"

    async def _waits_for_sign_off(self) -> bool:
        return "**waiting for sign-off by qa**" in await self._newest("body")

    async def _newest(self, what: str) -> str:
        """Return the state, or the body, of the newest pull request, as cheaply as can be."""

        def read(controls: Controls) -> str:
            repo = controls._repo(self._here.repository)  # noqa: SLF001 -- its books cost no call
            found = controls._world.store.all(Issue, repo.id)  # noqa: SLF001 -- likewise
            return str(getattr(found[-1], what)) if found else ""

        return await self._here.do(read)


def _creates(call: str) -> bool:
    return call.startswith("POST ") and call.endswith(_CREATING)


async def _until(holds: Callable[[], Awaitable[bool]]) -> float:
    """Return the seconds until something holds; looked at often, since it is timed."""
    began = time.perf_counter()
    while not await holds():
        if time.perf_counter() - began > 60:
            raise TimeoutError("the hop does not go on")
        await asyncio.sleep(0.003)
    return time.perf_counter() - began
