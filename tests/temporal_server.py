"""Temporal's development server, tuned, and a client of it as soon as it is healthy."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import SystemRandom

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.converter import DataConverter
from temporalio.service import RPCError

from workflows.payloads import data_converter

TEMPORAL = Path(sys.executable).with_name("temporal")
# The server paces itself to 20 steps a second otherwise; performance.md has the measurements.
TUNED = (
    *("--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL"),
    *("--dynamic-config-value", "history.transferProcessorMaxPollRPS=2000"),
    *("--dynamic-config-value", "history.timerProcessorMaxPollRPS=2000"),
    *("--dynamic-config-value", "history.visibilityProcessorMaxPollRPS=2000"),
)


def free_port() -> int:
    """Return a port that nobody listens on, so that a restart comes back at the same address.

    It is none of those that the system gives to outgoing connections: while a server starts,
    or is being killed, one of them might take it.
    """
    for port in SystemRandom().sample(range(12_000, 32_000), 50):
        with socket.socket() as taken, suppress(OSError):
            taken.bind(("127.0.0.1", port))
            return port
    raise OSError("no port is free")


def command(port: int, database: Path, *flags: str) -> list[str]:
    """Return how the server is started."""
    return [
        *(str(TEMPORAL), "server", "start-dev", "--headless", "--log-level", "error"),
        *("--port", str(port), "--db-filename", str(database)),
        *flags,
    ]


@contextmanager
def served(database: Path, *flags: str) -> Iterator[str]:
    """Run a server while the block runs, and yield its address."""
    port = free_port()
    process = subprocess.Popen(
        command(port, database, *flags), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@contextmanager
def temporal(directory: Path, *settings: str) -> Iterator[str]:
    """Run a tuned server, with dynamic settings `KEY=VALUE`, and yield its address."""
    dynamic = (word for setting in settings for word in ("--dynamic-config-value", setting))
    with served(directory / "temporal.db", *TUNED, *dynamic) as address:
        yield address


async def connected(address: str, converter: DataConverter | None = None) -> Client:
    """Return a client; the port of a server opens before its namespace is there."""
    for _ in range(300):
        try:
            client = await Client.connect(address, data_converter=converter or data_converter())
            await client.workflow_service.describe_namespace(
                DescribeNamespaceRequest(namespace=client.namespace)
            )
        except (RPCError, RuntimeError):
            await asyncio.sleep(0.05)
        else:
            return client
    raise TimeoutError("the Temporal server did not become healthy")
