"""Lend an SDK's clients, which belong to one thread at a time, by what they are needed for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from bot.forges.budget import Budget
from bot.forges.forge import Conflict, NotFound, RateLimited, Refused, Unauthorized
from bot.pool import Pool

# The forge answered, or was not asked: the connection is as good as before. Whatever follows
# `Unavailable`, or an error of our own in the midst of a call, begins on a new one.
_ANSWERED = (Conflict, NotFound, RateLimited, Refused, Unauthorized)


class _Client(Protocol):
    doing: str

    def close(self) -> None:
        """Close the connection."""


C = TypeVar("C", bound=_Client)


class Clients(Generic[C]):
    """The clients of one way to authenticate, which has one budget."""

    def __init__(self, make: Callable[[], C], budget: Budget) -> None:
        self.budget = budget
        self._pool: Pool[C] = Pool(make, lambda client: client.close(), sound_after=_ANSWERED)

    @contextmanager
    def lend(self, doing: str) -> Iterator[C]:
        """Lend a client to one thread; `doing` completes "the forge would not …".

        Its calls raise `RateLimited`, without asking, while the budget lets none through.
        """
        with self._pool.lend() as client:
            client.doing = doing
            yield client

    def close(self) -> None:
        """Close the connections: at once those of clients that are not lent."""
        self._pool.close()
