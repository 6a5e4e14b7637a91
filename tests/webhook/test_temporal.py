"""The receiver against a real Temporal server, without a worker."""

import asyncio
import itertools
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiohttp import ClientError, ClientSession, web
from aiohttp.test_utils import TestClient, TestServer
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from tests.temporal_server import command, connected, free_port
from tests.webhook.builders import SECRET, encode, headers, numbered_push, push_hook
from webhook import app as receiver
from webhook.dispatch import Dispatcher, TemporalSignals
from webhook.events import Delivery, RepositoryRef

ROOT = Path(__file__).parents[2]


class Server:
    """A Temporal server of one's own, to be killed."""

    def __init__(self, database: Path) -> None:
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._command = command(self.port, database, "--sqlite-pragma", "journal_mode=WAL")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise TimeoutError("the Temporal server did not start")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "temporal.db")
    made.start()
    try:
        yield made
    finally:
        made.kill()


async def client_of(server: Server) -> Client:
    return await connected(server.address, pydantic_data_converter)


@pytest.fixture
async def github(server: Server) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    signals = TemporalSignals(await client_of(server))
    made = receiver.app(Dispatcher(signals), github_secrets=[SECRET], ready=signals.missing)
    async with TestClient(TestServer(made)) as client:
        yield client


async def deliver(
    github: TestClient[web.Request, web.Application], name: str
) -> tuple[int, dict[str, str]]:
    body = encode(push_hook(after=numbered_push(name).after))
    async with github.post(
        "/webhooks/github", data=body, headers=headers(body, delivery=name)
    ) as r:
        return r.status, json.loads(await r.text() or "{}")


async def history(client: Client) -> tuple[RepositoryRef, list[Delivery], int]:
    """Return what the pipeline was started with, every delivery it was sent, and the signals."""
    converter = client.data_converter
    started: list[RepositoryRef] = []
    deliveries: list[Delivery] = []
    signals = 0
    async for event in client.get_workflow_handle(
        "pipeline/github/acme/shop"
    ).fetch_history_events():
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
            attributes = event.workflow_execution_started_event_attributes
            assert attributes.workflow_type.name == "pipeline"
            assert attributes.task_queue.name == "lockstep"
            started += await converter.decode(attributes.input.payloads, [RepositoryRef])
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
            signal = event.workflow_execution_signaled_event_attributes
            assert signal.signal_name == "take"
            [carried] = await converter.decode(signal.input.payloads, [list[Delivery]])
            deliveries += carried
            signals += 1
    [repository] = started
    return repository, deliveries, signals


async def test_temporal_has_each_delivery_exactly_once_without_a_worker_and_its_loss_is_a_503(
    server: Server, github: TestClient[web.Request, web.Application]
) -> None:
    names = [f"d-{n}" for n in range(60)]

    answers = await asyncio.gather(*(deliver(github, name) for name in names))

    assert answers == [(202, {})] * 60
    repository, deliveries, signals = await history(await client_of(server))
    assert (repository.owner, repository.name, repository.id) == ("acme", "shop", 7)
    assert sorted(d.id for d in deliveries) == sorted(names)
    assert {d.id: d.event for d in deliveries} == {name: numbered_push(name) for name in names}
    assert signals < 60
    assert (await github.get("/readyz")).status == 200

    server.kill()
    started = time.monotonic()
    lost = await asyncio.gather(*(deliver(github, f"e-{n}") for n in range(3)))

    # GitHub gives up after 10 s.
    assert time.monotonic() - started < 9
    assert [status for status, _ in lost] == [503] * 3
    ready = await github.get("/readyz")
    assert (ready.status, (await ready.json())["error"]) == (
        503,
        "Not ready: Temporal cannot be reached",
    )

    server.start()
    await client_of(server)
    assert (await deliver(github, "d-60"))[0] == 202
    _, deliveries, _ = await history(await client_of(server))
    assert {d.id for d in deliveries} >= {*names, "d-60"}


async def test_a_client_that_connects_later_refuses_until_it_can() -> None:
    client = await Client.connect(
        f"127.0.0.1:{free_port()}", lazy=True, data_converter=pydantic_data_converter
    )
    signals = TemporalSignals(client)
    made = receiver.app(Dispatcher(signals), github_secrets=[SECRET], ready=signals.missing)

    async with TestClient(TestServer(made)) as github:
        status, said = await deliver(github, "d-1")

    assert (status, said["error"]) == (503, "Temporal cannot be reached")


@pytest.mark.parametrize(("how", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 0)])
async def test_what_was_answered_202_is_kept_whatever_becomes_of_the_receiver(
    server: Server, how: signal.Signals, code: int
) -> None:
    client = await client_of(server)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.webhook.receiver_process", server.address),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    url = f"http://127.0.0.1:{int(await process.stdout.readline())}/webhooks/github"
    accepted: list[str] = []
    enough = asyncio.Event()
    names = (f"d-{n}" for n in itertools.count())

    async def deliver_until_it_is_gone() -> None:
        async with ClientSession() as session:
            for name in names:
                body = encode(push_hook(after=numbered_push(name).after))
                try:
                    given = headers(body, delivery=name)
                    async with session.post(url, data=body, headers=given) as answer:
                        if answer.status == 202:
                            accepted.append(name)
                except (ClientError, OSError):
                    return
                if len(accepted) >= 200:
                    enough.set()

    senders = [asyncio.create_task(deliver_until_it_is_gone()) for _ in range(16)]
    try:
        await asyncio.wait_for(enough.wait(), 60)
        process.send_signal(how)
        await asyncio.gather(*senders)
    except BaseException:
        process.kill()
        raise

    assert await process.wait() == code
    _, deliveries, _ = await history(client)
    kept = {d.id for d in deliveries}
    assert [name for name in accepted if name not in kept] == []
