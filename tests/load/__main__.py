"""`python -m tests.load`: 200 deliveries a second over 200 repositories, 50 promotions open.

One receiver and two workers, as processes of their own, on a Temporal server with a file for its
database; then the same with a worker killed every 20 s. Afterwards every promotion is let go, and
every delivery is looked for in Temporal's histories by its id. Ends by itself, fails where
anything was lost, doubled or not merged; prints latencies and memory.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import aiohttp
from rich.console import Console
from rich.table import Table
from temporalio.api.common.v1 import Payloads
from temporalio.client import Client
from temporalio.service import RPCError

from bench.server import temporal
from tests.faults.place import BOT, Place, populate
from tests.faults.processes import HOOK_SECRET, LOCKSTEP, Forge, Process, Server, eventually
from tests.load.deliveries import Opened, Sent, pushed, success, traffic
from tests.shop import V2
from tests.temporal_server import connected, free_port
from workflows.payloads import data_converter

_KILLED_EVERY = 20.0
_SAMPLED_EVERY = 5.0
_CONNECTIONS = 64
# A delivery that is refused is sent again, as whoever runs the forge would; GitHub waits 10 s.
_TRIES = 5


@dataclass(slots=True)
class Outcome:
    """What came of the deliveries: their latencies in seconds, and who was answered how."""

    latencies: list[float] = field(default_factory=list)
    accepted: set[str] = field(default_factory=set)
    ignored: int = 0
    refused: int = 0
    again: set[str] = field(default_factory=set)
    failed: list[str] = field(default_factory=list)
    late: float = 0.0


class Installation:
    """Forge, Temporal, receiver and workers, and the repositories that they serve."""

    def __init__(self, directory: Path, address: str, repositories: int, waiting: int) -> None:
        self.address = address
        self.forge = Forge(directory)
        self.forge.start()
        populate(self.forge)
        token = self.forge.tokens[BOT]
        common = {
            "LOCKSTEP_TEMPORAL_ADDRESS": address,
            "LOCKSTEP_RECONCILE_INTERVAL": "10m",
        }
        self.receiver = Server(
            directory / "receiver", self.forge, token, [str(LOCKSTEP), "webhook"], **common
        )
        self.workers = [
            Process(
                [str(LOCKSTEP), "worker"],
                directory / f"worker-{number}.log",
                LOCKSTEP_PORT=str(free_port()),
                LOCKSTEP_STATE_DIR=str(directory / f"worker-{number}"),
                LOCKSTEP_GITHUB_API_URL=self.forge.api_url,
                LOCKSTEP_GITHUB_TOKEN=token,
                LOCKSTEP_GITHUB_WEBHOOK_SECRET=HOOK_SECRET,
                # All promotions are opened at once here, which no organisation does.
                LOCKSTEP_WRITES_PER_MINUTE="100000",
                LOCKSTEP_CONTENT_PER_HOUR="100000",
                **common,
            )
            for number in (1, 2)
        ]
        self.receiver.start()
        for worker in self.workers:
            worker.start()
        self.places = [
            Place(self.forge, self.receiver.hook, family="load", hooked=False)
            for _ in range(repositories)
        ]
        self.opened: list[Opened] = []
        self._waiting = waiting

    async def open(self) -> None:
        """Have promotions open that wait for a check."""
        waiting = self.places[: self._waiting]
        shas = [place.commit("development", {"app.yaml": V2}) for place in waiting]
        begin = [pushed(place.name, sha) for place, sha in zip(waiting, shas, strict=True)]
        await send(self.receiver.hook, iter(begin), rate=20)
        for place in waiting:
            pull = place.open_into("staging")
            self.opened.append(
                Opened(place.name, pull["number"], pull["head"]["ref"], pull["head"]["sha"])
            )

    def merged(self) -> int:
        """Return how many of the promotions are merged, once each."""
        return sum(
            len(place.promotions("staging")) == 1 and place.file("staging") == V2
            for place in self.places[: self._waiting]
        )

    def close(self) -> None:
        """End everything."""
        for process in (*self.workers, self.receiver.process):
            process.kill()
        self.forge.close()


async def send(hook: str, deliveries: Iterator[Sent], rate: float) -> Outcome:
    """Send deliveries at a rate, whatever answers take: latency counts from when one was due."""
    outcome = Outcome()
    loop = asyncio.get_running_loop()
    begun = loop.time()
    limit = aiohttp.TCPConnector(limit=_CONNECTIONS)
    async with aiohttp.ClientSession(connector=limit) as session, asyncio.TaskGroup() as group:
        for number, delivery in enumerate(deliveries):
            due = begun + number / rate
            outcome.late = max(outcome.late, loop.time() - due)
            await asyncio.sleep(max(0.0, due - loop.time()))
            group.create_task(_deliver(session, hook, delivery, due, outcome))
    return outcome


async def _deliver(
    session: aiohttp.ClientSession, hook: str, delivery: Sent, due: float, outcome: Outcome
) -> None:
    loop = asyncio.get_running_loop()
    for attempt in range(_TRIES):
        with suppress(aiohttp.ClientError, TimeoutError):
            async with session.post(
                hook,
                data=delivery.body,
                headers=delivery.headers,
                timeout=aiohttp.ClientTimeout(total=10),
            ) as answer:
                text = await answer.text()
                if answer.status == 202:
                    if not attempt:
                        outcome.latencies.append(loop.time() - due)
                    if "ignored" in text:
                        outcome.ignored += 1
                    else:
                        outcome.accepted.add(delivery.id)
                    return
        outcome.refused += 1
        outcome.again.add(delivery.id)
        await asyncio.sleep(1)
    outcome.failed.append(delivery.id)


async def had(client: Client, places: Sequence[Place]) -> Counter[str]:
    """Return how often each delivery stands in the histories of the pipelines."""
    found: Counter[str] = Counter()
    for place in places:
        workflow, run = f"pipeline/github/{place.name}", None
        while True:
            try:
                history = await client.get_workflow_handle(workflow, run_id=run).fetch_history()
            except RPCError:
                break
            for event in history.events:
                signal = event.workflow_execution_signaled_event_attributes
                if signal.signal_name == "take":
                    found.update(await _ids(signal.input))
            started = history.events[0].workflow_execution_started_event_attributes
            run = started.continued_execution_run_id
            if not run:
                break
    return found


async def _ids(payloads: Payloads) -> list[str]:
    (deliveries,) = await data_converter().decode(payloads.payloads, [list])
    return [str(delivery["id"]) for delivery in deliveries]


def memory(process: Process) -> float:
    """Return the resident memory of a process in MB, 0 while it is not there."""
    if process.pid is None:
        return 0.0
    with suppress(OSError):
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return 0.0


def cpu(processes: Sequence[Process]) -> float:
    """Return the CPU seconds that processes have used until now."""
    ticks = 0
    for process in processes:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


async def watch(installation: Installation, samples: list[list[float]], *, kill: bool) -> None:
    """Sample the memory of workers and receiver, and kill a worker now and then."""
    started, victim = time.monotonic(), 0
    while True:
        await asyncio.sleep(_SAMPLED_EVERY)
        processes = [*installation.workers, installation.receiver.process]
        samples.append([time.monotonic() - started, *map(memory, processes)])
        if kill and time.monotonic() - started >= _KILLED_EVERY * (victim + 1):
            worker = installation.workers[victim % 2]
            await asyncio.to_thread(worker.kill)
            worker.start()
            victim += 1


async def run(installation: Installation, options: argparse.Namespace, *, kill: bool) -> bool:
    """Put the load on, let the promotions go, account for all; return whether all is well."""
    client = await connected(installation.address)
    used = -cpu(installation.workers)
    await installation.open()
    used += cpu(installation.workers)
    names = [place.name for place in installation.places]
    load = islice(
        traffic(names, installation.opened, options.seed), int(options.seconds * options.rate)
    )
    samples: list[list[float]] = []
    watching = asyncio.create_task(watch(installation, samples, kill=kill))
    outcome = await send(installation.receiver.hook, load, options.rate)
    watching.cancel()
    used -= cpu(installation.workers)
    for one in installation.opened:
        installation.forge.do(
            "set_status", repo=one.repository, ref=one.candidate, context="ci/test", state="success"
        )
    last = await send(installation.receiver.hook, map(success, installation.opened), 20)
    wanted = len(installation.opened)
    with suppress(AssertionError):
        await asyncio.to_thread(
            eventually, lambda: installation.merged() == wanted, "the merges", 120
        )
    used += cpu(installation.workers)
    found = await had(client, installation.places)
    accepted = outcome.accepted | last.accepted
    lost = [one for one in accepted if one not in found]
    # What was sent again may be there twice, and is taken once by its id.
    doubled = [one for one in accepted - outcome.again - last.again if found[one] > 1]
    merged = installation.merged()
    show(
        outcome,
        samples,
        kill=kill,
        lost=len(lost),
        doubled=len(doubled),
        merged=f"{merged} of {wanted}",
        **({} if kill else {"worker CPU of a hop": f"{used / wanted * 1000:.0f} ms"}),
    )
    return not lost and not doubled and not outcome.failed and merged == wanted


def show(outcome: Outcome, samples: list[list[float]], *, kill: bool, **counts: object) -> None:
    """Print what came of it."""
    table = Table("a worker killed every 20 s" if kill else "undisturbed", "")
    cuts = statistics.quantiles(outcome.latencies, n=1000)
    for name, at in (("p50", 499), ("p95", 949), ("p99", 989), ("p99.9", 998)):
        table.add_row(f"answer, {name}", f"{cuts[at] * 1000:.0f} ms")
    table.add_row("deliveries answered", f"{len(outcome.latencies):,}")
    table.add_row("taken, each with its id in Temporal", f"{len(outcome.accepted):,}")
    table.add_row("ignored, for they cannot matter", f"{outcome.ignored:,}")
    table.add_row("refused, and sent again", f"{outcome.refused:,}")
    table.add_row("the sender was late by, at most", f"{outcome.late:.2f} s")
    for name, count in counts.items():
        table.add_row(name, str(count))
    if samples and not kill:
        first = min(samples, key=lambda sample: abs(sample[0] - 60))
        for column, name in enumerate(("worker 1", "worker 2", "receiver"), 1):
            early, late = first[column], samples[-1][column]
            ratio = late / early if early else 0
            table.add_row(
                f"memory of {name}",
                f"{early:.0f} MB at {first[0]:.0f} s, {late:.0f} MB at the end: {ratio:.2f} times",
            )
    Console(width=110).print(table)


def main() -> int:
    """Run with the options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300, help="of each of the two runs")
    parser.add_argument("--rate", type=float, default=200, help="deliveries a second")
    parser.add_argument("--repositories", type=int, default=200)
    parser.add_argument("--waiting", type=int, default=50, help="promotions that are open")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=["undisturbed", "killed"])
    parser.add_argument(
        "--temporal",
        metavar="HOST:PORT",
        help="a server of one's own on this machine, as one on PostgreSQL, with an empty namespace"
        " `default`; left out, a development server",
    )
    options = parser.parse_args()
    if options.temporal and not options.only:
        parser.error("--temporal takes one run in an empty namespace: choose it with --only")
    good = True
    for kill in (False, True):
        if options.only == ("undisturbed" if kill else "killed"):
            continue
        with (
            tempfile.TemporaryDirectory(prefix="lockstep-load-") as directory,
            ExitStack() as opened,
        ):
            address = options.temporal or opened.enter_context(temporal())
            installation = Installation(
                Path(directory), address, options.repositories, options.waiting
            )
            opened.callback(installation.close)
            good &= asyncio.run(run(installation, options, kill=kill))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
