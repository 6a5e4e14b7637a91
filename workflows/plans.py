"""Plans that were made: between two commits a plan never changes, and steps ask for it again."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

from bot.engine.candidate import Plan

_MOST = 64
# A plan of more changes than this is made again: it takes long anyway, and much memory.
_MOST_CHANGES = 500


class Plans:
    """The newest plans by all that they are made of; threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[Hashable, Plan] = OrderedDict()

    def get(self, key: Hashable, made: Callable[[], Plan]) -> Plan:
        """Return the plan of a key, made where it is not known; an error is not remembered."""
        with self._lock:
            known = self._known.get(key)
            if known is not None:
                self._known.move_to_end(key)
                return known
        # Not under the lock: other repositories' steps do not wait for this one's.
        plan = made()
        if len(plan.comparison.changes) <= _MOST_CHANGES:
            with self._lock:
                self._known[key] = plan
                if len(self._known) > _MOST:
                    self._known.popitem(last=False)
        return plan
