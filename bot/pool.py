"""Lend what one thread at a time may use, and keep it open for whoever asks next."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")

# More than the threads of a worker have in use at once, so that theirs stay open.
MOST_IDLE = 32


class Pool(Generic[T]):
    """Things that are costly to make, such as connections; threads may share the pool.

    Nobody waits: whoever finds none idle gets a new one, for a step that holds one may ask for
    a second. Of those given back `most_idle` are kept, and the one used last is lent first.
    """

    def __init__(
        self,
        make: Callable[[], T],
        close: Callable[[T], None],
        *,
        sound_after: tuple[type[Exception], ...] = (),
        most_idle: int = MOST_IDLE,
    ) -> None:
        """`sound_after` are the errors that say nothing against the thing in use."""
        self._make, self._close = make, close
        self._sound_after, self._most_idle = sound_after, most_idle
        self._idle: deque[T] = deque()
        self._lock = Lock()
        self._is_closed = False

    @contextmanager
    def lend(self) -> Iterator[T]:
        """Lend one thing to one thread; after any other error than a sound one it is closed."""
        try:
            thing = self._idle.pop()
        except IndexError:
            thing = self._make()
        is_sound = False
        try:
            yield thing
            is_sound = True
        except self._sound_after:
            is_sound = True
            raise
        finally:
            if not (is_sound and self._kept(thing)):
                self._close(thing)

    def _kept(self, thing: T) -> bool:
        with self._lock:
            if self._is_closed or len(self._idle) >= self._most_idle:
                return False
            self._idle.append(thing)
            return True

    def close(self) -> None:
        """Close what is idle now, and what is lent as soon as it is given back."""
        with self._lock:
            self._is_closed = True
        while True:
            # One by one: others may still take what is left.
            try:
                thing = self._idle.pop()
            except IndexError:
                return
            self._close(thing)
