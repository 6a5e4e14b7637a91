"""Temporal servers to measure on, and processes of their own for what uses them."""

import asyncio
import itertools
import multiprocessing
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from workflows.payloads import data_converter

P = ParamSpec("P")
T = TypeVar("T")
# The development server paces itself to 20 steps a second otherwise.
TUNED = (
    *("--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL"),
    *itertools.chain.from_iterable(
        ("--dynamic-config-value", f"history.{queue}ProcessorMaxPollRPS=2000")
        for queue in ("transfer", "timer", "visibility")
    ),
)


@contextmanager
def temporal(flags: Sequence[str] = TUNED) -> Iterator[str]:
    """Run a Temporal server with a file for its database; gives its address."""
    directory = Path(tempfile.mkdtemp(prefix="lockstep-bench-"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    command = [
        *(str(Path(sys.executable).with_name("temporal")), "server", "start-dev", "--headless"),
        *("--port", str(port), "--db-filename", str(directory / "db"), "--log-level", "error"),
        *flags,
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(directory, ignore_errors=True)


async def connected(address: str) -> Client:
    """Return a client; the port of a server opens before its namespace is there."""
    for _ in range(100):
        try:
            client = await Client.connect(address, data_converter=data_converter())
            await client.workflow_service.describe_namespace(
                DescribeNamespaceRequest(namespace=client.namespace)
            )
        except (RPCError, RuntimeError):
            await asyncio.sleep(0.1)
        else:
            return client
    raise TimeoutError("the Temporal server did not start")


def apart(run: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what a coroutine returns in a process of its own; EOFError where it fails there."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_apart, args=(theirs, run, args, kwargs))
    process.start()
    theirs.close()
    try:
        result: T = ours.recv()
    finally:
        process.join()
    return result


def _apart(
    pipe: Connection, run: Callable[..., Coroutine[Any, Any, object]], args: Any, kwargs: Any
) -> None:
    pipe.send(asyncio.run(run(*args, **kwargs)))
    # On Python 3.11 the SDK may abort an interpreter that ends the usual way.
    os._exit(0)
