"""One answer for all who ask the same within seconds: looking costs the same, however many look."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from webhook.dashboard.document import Question, Source, Status

FRESH_SECONDS = 3.0
"""For so long an answer is given again."""

_MOST_KEPT = 64


@dataclass(frozen=True, slots=True)
class _Kept:
    status: Status
    until: float


class Cached:
    """Asks `source` one question at a time, and none again while its answer is fresh.

    `clock` counts seconds from anywhere.
    """

    def __init__(self, source: Source, clock: Callable[[], float]) -> None:
        self._source, self._clock = source, clock
        self._kept: OrderedDict[Question, _Kept] = OrderedDict()
        self._turn = asyncio.Lock()

    async def status(self, question: Question) -> Status:
        """See `Source.status`."""
        found = self._fresh(question)
        if found is not None:
            return found
        async with self._turn:
            # Whoever was before may have asked the same.
            found = self._fresh(question)
            if found is None:
                found = await self._source.status(question)
                self._keep(question, found)
            return found

    def _fresh(self, question: Question) -> Status | None:
        kept = self._kept.get(question)
        return kept.status if kept is not None and self._clock() < kept.until else None

    def _keep(self, question: Question, status: Status) -> None:
        self._kept[question] = _Kept(status, self._clock() + FRESH_SECONDS)
        self._kept.move_to_end(question)
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
