"""Remember what was found by what it was found of; of too much, the oldest is forgotten."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Remembered(Generic[T]):
    """Values by keys that say all they are made of; threads may share it.

    `most` are kept, and of those only what is `worth` it.
    """

    def __init__(self, most: int, worth: Callable[[T], bool] = lambda _: True) -> None:
        self._most, self._worth = most, worth
        self._lock = threading.Lock()
        self._known: OrderedDict[Hashable, T] = OrderedDict()

    def get(self, key: Hashable, find: Callable[[], T]) -> T:
        """Return the value of a key, found now where it is not known; no error is remembered."""
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        # Not under the lock: others do not wait for this one.
        value = find()
        if self._worth(value):
            with self._lock:
                self._known[key] = value
                while len(self._known) > self._most:
                    self._known.popitem(last=False)
        return value
