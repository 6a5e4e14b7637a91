"""Temporal servers to measure on, and processes of their own for what uses them."""

import asyncio
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from tests.temporal_server import TUNED, served

P = ParamSpec("P")
T = TypeVar("T")


@contextmanager
def temporal(flags: Sequence[str] = TUNED) -> Iterator[str]:
    """Run a Temporal server with a file for its database; gives its address."""
    directory = Path(tempfile.mkdtemp(prefix="lockstep-bench-"))
    try:
        with served(directory / "db", *flags) as address:
            yield address
    finally:
        shutil.rmtree(directory, ignore_errors=True)


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
