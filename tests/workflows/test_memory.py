"""A worker's memory is tidied while it works, and left as it was afterwards."""

import asyncio
import gc
import weakref

import pytest

from workflows import memory
from workflows.memory import tidied


class Knot:
    """Something that holds itself, as a workflow that was put away does."""

    def __init__(self) -> None:
        self.itself = self


async def test_what_holds_itself_is_let_go_and_the_collector_ends_as_it_began(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "_SECONDS", 0.01)
    frozen = gc.get_freeze_count()
    gone = asyncio.Event()

    async with asyncio.timeout(20), tidied():
        assert gc.get_freeze_count() > frozen
        knot = Knot()
        weakref.finalize(knot, gone.set)
        del knot
        while not gone.is_set():
            # Whatever is made makes a collection of the young due, and that makes a full one.
            await asyncio.sleep(0.01)
            _ = [[] for _ in range(2_000)]

    assert gc.get_freeze_count() == 0
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "tidy"]
