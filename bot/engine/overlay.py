"""A repository together with objects that are not written to it."""

from collections.abc import Sequence

from bot.engine.objects import Objects
from bot.engine.trees import NewObjects


class Overlay:
    """Reads new objects as if they were in the repository; see `bot.engine.objects`."""

    def __init__(self, objects: Objects, new: NewObjects) -> None:
        self._objects, self._new = objects, new.objects

    def read(self, oids: Sequence[str]) -> list[bytes]:
        """Return the contents of objects, in order. Raises `MissingObject`."""
        old = dict.fromkeys(oid for oid in oids if oid not in self._new)
        read = dict(zip(old, self._objects.read(list(old)), strict=True))
        return [self._new[oid][1] if oid in self._new else read[oid] for oid in oids]

    def prefetch(self, oids: Sequence[str]) -> None:
        """Fetch what a partial mirror lacks of these, in one round trip."""
        self._objects.prefetch([oid for oid in oids if oid not in self._new])
