"""The one thread that owns the store: what runs there runs alone, in order, wholly or not."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from bot.sandbox.store import Store

P = ParamSpec("P")
T = TypeVar("T")


class StoreThread:
    """Runs functions on the store's thread, each in a transaction of its own.

    `after` is called when one of them has queued a delivery.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.after: Callable[[], None] = lambda: None
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sandbox-store")

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what the function returns; what it put is safe by then."""

        def alone() -> T:
            with self._store.transaction():
                return function(*args, **kwargs)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, alone)
        finally:
            if self._store.has_news:
                self._store.has_news = False
                self.after()

    def close(self) -> None:
        """Finish what is queued and stop."""
        self._pool.shutdown()
