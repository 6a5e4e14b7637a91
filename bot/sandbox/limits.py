"""Rate limits: so many calls an hour, so many writes a minute, per token."""

import math
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass

_WRITES = {"POST", "PATCH", "PUT", "DELETE"}
_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Budget:
    """What one token has left; `reset` is seconds since 1970."""

    limit: int
    used: int
    reset: int

    @property
    def remaining(self) -> int:
        """Return how many calls are left until the reset."""
        return max(0, self.limit - self.used)


@dataclass(frozen=True, slots=True)
class Exceeded:
    """A limit was passed: which, and for how many seconds."""

    secondary: bool
    retry_after: int
    status: int


class Limits:
    """Counts by token; windows begin at a token's first call."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._used: dict[str, tuple[float, int]] = {}
        self._writes: defaultdict[str, deque[float]] = defaultdict(deque)
        self.set_limits()

    def set_limits(
        self,
        *,
        limit: int = 5000,
        window: float = 3600.0,
        writes_a_minute: int | None = None,
        status: int = 403,
        retry_after: int = 60,
    ) -> None:
        """Set the limits anew and forget what was used; `status` is 403 or 429."""
        self._limit, self._window = limit, window
        self._writes_a_minute, self._status, self._retry_after = (
            writes_a_minute,
            status,
            retry_after,
        )
        self._used.clear()
        self._writes.clear()

    def budget(self, key: str) -> Budget:
        """Return what a token has left."""
        began, used = self._current(key)
        return Budget(self._limit, used, math.ceil(began + self._window))

    def spend(self, key: str, method: str) -> Exceeded | None:
        """Count one call; returns the limit that forbids it."""
        now = self._clock()
        began, used = self._current(key)
        if used >= self._limit:
            wait = math.ceil(began + self._window - now)
            return Exceeded(secondary=False, retry_after=max(1, wait), status=self._status)
        self._used[key] = (began, used + 1)
        if method in _WRITES and self._writes_a_minute is not None:
            recent = self._writes[key]
            while recent and recent[0] <= now - _MINUTE:
                recent.popleft()
            if len(recent) >= self._writes_a_minute:
                return Exceeded(secondary=True, retry_after=self._retry_after, status=self._status)
            recent.append(now)
        return None

    def refund(self, key: str) -> None:
        """Give one call back: an answer of 304 costs nothing."""
        began, used = self._current(key)
        self._used[key] = (began, max(0, used - 1))

    def _current(self, key: str) -> tuple[float, int]:
        now = self._clock()
        began, used = self._used.get(key, (now, 0))
        return (now, 0) if now >= began + self._window else (began, used)
