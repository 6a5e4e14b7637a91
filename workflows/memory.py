"""Keep a worker's memory to what it needs: most of its promotions wait for days.

A workflow that is put away leaves cycles, which Python collects the later the more it holds
besides; and the C library keeps what threads have freed, each thread its own. Neither is a
leak, but together they are as much as all that is cached.
"""

import asyncio
import contextlib
import ctypes
import gc
import sys
from collections.abc import AsyncIterator, Callable

_SECONDS = 2.0
# From glibc's malloc.h: its own thresholds grow with what is freed, until they hold it all.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENAS = -1, -3, -8


@contextlib.asynccontextmanager
async def tidied() -> AsyncIterator[None]:
    """Keep the process' memory small while the block runs."""
    trim = _lean()
    gc.collect()
    # What was imported stays: from here on it is looked through no more.
    gc.freeze()
    gc.collect()
    task = asyncio.create_task(_tidy(trim), name="tidy")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        gc.unfreeze()


def _lean() -> Callable[[], object]:
    """Have the C library give back what is freed; return what makes it do so at once."""
    if not sys.platform.startswith("linux"):
        return _nothing
    library = ctypes.CDLL(None)
    if not (hasattr(library, "mallopt") and hasattr(library, "malloc_trim")):
        return _nothing  # another C library, which has other ways
    library.mallopt(_ARENAS, 1)
    library.mallopt(_MMAP_THRESHOLD, 64 << 10)
    library.mallopt(_TRIM_THRESHOLD, 128 << 10)
    return lambda: library.malloc_trim(0)


def _nothing() -> None:
    """Do nothing."""


async def _tidy(trim: Callable[[], object]) -> None:
    before = 0
    while True:
        await asyncio.sleep(_SECONDS)
        # Where nothing was made since, there is nothing to collect.
        made = gc.get_stats()[0]["collections"]
        if made != before:
            gc.collect()
            trim()
        before = gc.get_stats()[0]["collections"]
