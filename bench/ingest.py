"""What the receiver costs beside a bare aiohttp handler, and what coalescing gains.

Server and client are processes of their own, with a push of 19 KB on 16 connections, of 6 KB where
answers are durable. The CPU time of a request is the server's, which a busy machine and a slow
client change little; Temporal is tuned as for the tests.
"""

import asyncio
import hmac
import itertools
import json
import multiprocessing
import os
import socket
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from typing import Any

from aiohttp import web

from bench.measure import Goal, Row
from bench.server import temporal
from tests.temporal_server import connected
from webhook.app import app
from webhook.dispatch import Dispatcher, Signals, TemporalSignals, pipeline_id
from webhook.events import Ignored
from webhook.github import translate

SECRET = b"a secret of thirty-two characters"
CONNECTIONS = 64
BARE = "bare 202"
RECEIVER = "receiver, no Temporal"
NAME = "ingest"
Handler = Callable[[web.Request], Awaitable[web.Response]]


def push_body(number: int, repository: str = "shop", size: int = 19_000) -> bytes:
    """Return a push of about `size` bytes, 6 KB at least, in the shape and order of GitHub's."""
    commit = {
        "id": f"{number:040x}",
        "tree_id": "b" * 40,
        "message": "Raise the number of connections of the payments service",
        "timestamp": "2026-01-05T10:00:00+01:00",
        "url": f"https://example.com/acme/{repository}/commit/{number:040x}",
        "author": {"name": "Alice", "email": "alice@example.com", "username": "alice"},
        "added": [],
        "removed": [],
        "modified": ["configs/app.yaml", "configs/payments/limits.yaml"],
    }
    payload: dict[str, Any] = {
        "ref": "refs/heads/development",
        "before": "a" * 40,
        "after": f"{number + 1:040x}",
        "repository": {
            "id": 7,
            "full_name": f"acme/{repository}",
            "default_branch": "main",
            **{f"key_{n}_url": f"https://example.com/acme/{repository}/{n}" for n in range(100)},
        },
        "sender": {"login": "alice", "type": "User"},
        "commits": [],
    }
    missing = max(0, size - len(compact(payload)))
    payload["commits"] = [commit] * (missing // len(compact(commit)))
    return compact(payload)


def compact(value: Any) -> bytes:
    """Write JSON as GitHub does."""
    return json.dumps(value, separators=(",", ":")).encode()


def request_of(body: bytes, number: int) -> bytes:
    signature = hmac.digest(SECRET, body, "sha256").hex()
    return (
        b"POST /webhooks/github HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n"
        b"User-Agent: GitHub-Hookshot/044aadd\r\nContent-Type: application/json\r\n"
        b"X-GitHub-Event: push\r\nX-GitHub-Delivery: 72d3162e-cc78-11e3-81ab-%012x\r\n"
        b"X-Hub-Signature-256: sha256=%s\r\nContent-Length: %d\r\n\r\n%s"
    ) % (number, signature.encode(), len(body), body)


class Nowhere:
    """Signals that go nowhere, at once."""

    async def send(self, *_: object) -> None:
        """Say that it is kept."""


async def nothing_missing() -> list[str]:
    return []


async def bare(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(status=202)


async def signed(request: web.Request) -> web.Response:
    given = request.headers["X-Hub-Signature-256"].encode()
    body = await request.read()
    expected = b"sha256=" + hmac.digest(SECRET, body, "sha256").hex().encode()
    return web.Response(status=202 if hmac.compare_digest(expected, given) else 401)


async def parsed(request: web.Request) -> web.Response:
    """Do what the receiver does, with the standard library's parser of JSON."""
    answer = await signed(request)
    json.loads(await request.read())
    return answer


def only(handler: Handler) -> web.Application:
    made = web.Application(client_max_size=25 * 1024 * 1024)
    made.router.add_post("/webhooks/github", handler)
    return made


def receiver(signals: Signals) -> web.Application:
    return app(Dispatcher(signals), github_secrets=[SECRET.decode()], ready=nothing_missing)


def uncoalesced(signals: Signals) -> web.Application:
    """Return a receiver with a signal of its own for each delivery."""

    async def handler(request: web.Request) -> web.Response:
        answer = await signed(request)
        found = translate("push", request.headers["X-GitHub-Delivery"], await request.read())
        if isinstance(found, Ignored):
            raise TypeError("the benchmark's pushes matter")
        [delivery] = found
        await signals.send(pipeline_id(delivery), delivery.repository, [delivery])
        return answer

    return only(handler)


async def make(variant: str, address: str) -> web.Application:
    match variant:
        case "bare 202":
            return only(bare)
        case "+ HMAC":
            return only(signed)
        case "+ HMAC + json.loads":
            return only(parsed)
        case "receiver, no Temporal":
            return receiver(Nowhere())
        case "coalesced":
            return receiver(TemporalSignals(await connected(address)))
        case "uncoalesced":
            return uncoalesced(TemporalSignals(await connected(address)))
        case _:
            raise ValueError(variant)


def serve(pipe: Connection, variant: str, address: str) -> None:
    """Serve one variant until told otherwise; tells the CPU seconds used whenever asked."""

    async def run() -> None:
        runner = web.AppRunner(await make(variant, address), access_log=None)
        await runner.setup()
        listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        await web.SockSite(runner, listening).start()
        pipe.send(listening.getsockname()[1])
        while await asyncio.to_thread(pipe.recv):
            pipe.send(time.process_time())
        await runner.cleanup()

    asyncio.run(run())
    # On Python 3.11 the SDK may abort an interpreter that ends the usual way.
    os._exit(0)


class Load:
    """A server of one variant, and requests against it."""

    def __init__(self, variant: str, address: str = "") -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, variant, address), daemon=True)
        self._process.start()
        self._port: int = self._pipe.recv()

    def close(self) -> None:
        """Stop the server."""
        self._pipe.send(False)
        self._process.join(20)

    def cpu(self) -> float:
        """Return the CPU seconds that the server has used."""
        self._pipe.send(True)
        used: float = self._pipe.recv()
        return used

    def run(
        self, requests: Sequence[bytes], connections: int, *, awake: bool = False
    ) -> tuple[float, float]:
        """Return requests per second and the server's CPU microseconds per request.

        A client that sleeps has to be woken, which costs the server, and most where it is slow
        and the client waits for it: one that stays awake has a core of its own instead.
        """
        before, started = self.cpu(), time.perf_counter()
        asyncio.run(self._send(requests, connections, awake=awake))
        seconds, used = time.perf_counter() - started, self.cpu() - before
        return len(requests) / seconds, used / len(requests) * 1e6

    async def _send(self, requests: Sequence[bytes], connections: int, *, awake: bool) -> None:
        left = iter(requests)
        sent = asyncio.gather(*(self._connection(left) for _ in range(connections)))
        while awake and not sent.done():  # noqa: ASYNC110 -- so that it never sleeps
            await asyncio.sleep(0)
        await sent

    async def _connection(self, left: Iterator[bytes]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        for request in left:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 202 "), head
            length = head.partition(b"Content-Length: ")[2].partition(b"\r")[0]
            await reader.readexactly(int(length))
        writer.close()


def rows(*, quick: bool) -> Iterator[Row]:
    rounds, requests = (2, 400) if quick else (9, 1_000)
    yield from handlers(rounds, requests)
    yield from durable(1 if quick else 3, 400 if quick else 1_000)


def handlers(rounds: int, requests: int) -> Iterator[Row]:
    """Yield what each step of a handler costs; the variants take turns."""
    variants = [BARE, "+ HMAC", "+ HMAC + json.loads", RECEIVER]
    load = [request_of(push_body(n), n) for n in range(200)] * (requests // 200)
    servers = {variant: Load(variant) for variant in variants}
    costs: dict[str, list[tuple[float, float]]] = {variant: [] for variant in variants}
    for server in servers.values():
        server.run(load[:400], 16, awake=True)
    for _ in range(rounds):
        for variant, server in servers.items():
            costs[variant].append(server.run(load, 16, awake=True))
    for server in servers.values():
        server.close()
    # The best: what else runs on the machine only ever adds.
    rates = {v: max(rate for rate, _ in cost) for v, cost in costs.items()}
    cpus = {v: min(cpu for _, cpu in cost) for v, cost in costs.items()}
    for v in variants[1:]:
        goal = Goal(0.5, at_least=True) if v == RECEIVER else None
        ratio = rates[v] / rates[BARE]
        yield Row(NAME, v, f"{rates[v]:.0f} / s", f"{rates[BARE]:.0f} / s, {BARE}", ratio, goal)
        measured, against = f"{cpus[v]:.0f} µs of CPU", f"{cpus[BARE]:.0f} µs"
        yield Row(NAME, f"{v}: a request", measured, against, cpus[BARE] / cpus[v])


def durable(rounds: int, requests: int) -> Iterator[Row]:
    """Yield what coalescing gains where Temporal has every delivery before its answer."""
    number = itertools.count()
    cases = (
        (1, 1, None),
        (1, CONNECTIONS, Goal(5, at_least=True)),
        (16, CONNECTIONS, Goal(1.7, at_least=True)),
    )
    with temporal() as address:
        servers = {v: Load(v, address) for v in ("uncoalesced", "coalesced")}
        for repositories, connections, goal in cases:
            rates: dict[str, list[float]] = {v: [] for v in servers}
            for _, (variant, server) in itertools.product(range(rounds), servers.items()):
                # Fresh repositories: one run of a workflow takes 10,000 signals at most.
                names = [f"shop-{next(number)}" for _ in range(repositories)]
                many = requests if connections > 1 else requests // 10
                load = [
                    request_of(push_body(n, names[n % repositories], 0), n)
                    for n in range(many * (3 if variant == "coalesced" else 1))
                ]
                rates[variant].append(server.run(load, connections)[0])
            plain, gained = (statistics.median(rates[v]) for v in ("uncoalesced", "coalesced"))
            what = f"durable 202s, {repositories} repositories, {connections} connections"
            against = f"{plain:.0f} / s, uncoalesced"
            yield Row(NAME, what, f"{gained:.0f} / s", against, gained / plain, goal)
        for server in servers.values():
            server.close()
