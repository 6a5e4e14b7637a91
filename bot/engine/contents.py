"""The versions of one file, each read and parsed once, and the places they can be asked for."""

import hashlib
from collections.abc import Iterable, Mapping

from bot.engine import layout
from bot.engine.history import Read
from bot.engine.keep import KeptKeys
from bot.engine.nodes import Unreadable, is_order
from bot.engine.objects import Objects
from bot.engine.values import MAX_BYTES, blob_value, decode, format_of, read_values
from bot.model import ABSENT, Entry, Value


class Contents:
    """What the versions of one path hold; `load` reads many in one batch."""

    def __init__(self, objects: Objects, path: str, kept: KeptKeys) -> None:
        self.path, self.kept = path, kept
        self.has_keys = format_of(path) is not None
        self._objects = objects
        self._parsed: dict[str, dict[str, Value] | Unreadable] = {}
        self._layouts: dict[str, str] = {}

    def load(self, entries: Iterable[Entry | None]) -> None:
        """Read and parse the files among `entries` that are not known yet."""
        oids = list(dict.fromkeys(e.oid for e in entries if e is not None and e.is_file))
        wanted = [oid for oid in oids if oid not in self._parsed]
        if not wanted or not self.has_keys:
            return
        small = []
        for oid, size in zip(wanted, self._objects.sizes(wanted), strict=True):
            if size > MAX_BYTES:
                self._parsed[oid] = Unreadable(f"larger than {MAX_BYTES // 1024 // 1024} MiB")
            else:
                small.append(oid)
        for oid, data in zip(small, self._objects.read(small), strict=True):
            try:
                self._parsed[oid] = read_values(self.path, data)
            except Unreadable as error:
                self._parsed[oid] = error

    def parsed(self, entry: Entry | None) -> dict[str, Value] | Unreadable | None:
        """Return an entry's values, why it has none, or None for what is no file with keys."""
        if entry is None or not entry.is_file or not self.has_keys:
            return None
        self.load([entry])
        return self._parsed[entry.oid]

    def values(self, entry: Entry | None) -> dict[str, Value] | None:
        """Return an entry's values; None where it does not parse or is not a file with keys."""
        found = self.parsed(entry)
        return None if isinstance(found, Unreadable) else found

    def at_key(self, key: str, common: frozenset[str] | None = None) -> Read:
        """Return the reader of one key; of an order, reduced to the `common` items."""

        def read(entry: Entry | None) -> Value | None:
            if entry is None:
                return ABSENT
            values = self.values(entry)
            if values is None:
                return None
            value = values.get(key, ABSENT)
            return value if common is None else reduced(value, common)

        return read

    def as_blob(self, entry: Entry | None) -> Value:
        """Read a version as one value: its bytes and mode."""
        return ABSENT if entry is None else blob_value(entry)

    def as_mode(self, entry: Entry | None) -> Value:
        """Read the mode alone."""
        return ABSENT if entry is None else Value(f"mode {entry.mode}", blob_value(entry).data)

    def as_whole(self, entry: Entry | None) -> Value | None:
        """Read a version as all its values, but for the kept ones; layout does not count."""
        if entry is None:
            return ABSENT
        if not entry.is_file:
            return blob_value(entry)
        values = self.values(entry)
        if values is None:
            return None
        digest = hashlib.sha256()
        for key in sorted(values):
            if key not in self.kept:
                digest.update(f"{len(key)}:{key}={values[key].token}\n".encode(errors="replace"))
        return Value(f"file {entry.mode} {digest.hexdigest()}", blob_value(entry).data)

    def as_layout(self, entry: Entry | None) -> Value | None:
        """Read a version's text, but for its kept values: its comments and layout."""
        if entry is None:
            return ABSENT
        if self.values(entry) is None:
            return None
        if entry.oid not in self._layouts:
            (data,) = self._objects.read([entry.oid])
            masked = layout.mask(self.path, decode(data), self.kept)
            self._layouts[entry.oid] = hashlib.sha256(masked.encode()).hexdigest()
        return Value(f"layout {self._layouts[entry.oid]}", blob_value(entry).data)


def reduced(value: Value, common: frozenset[str]) -> Value:
    """Return an order with only the `common` items, since what came or went is no order."""
    if not value.token.startswith("o"):
        return value
    kept = [name for name in value.data if name in common]
    return Value("o" + repr(kept), value.data)


def differing(
    source: Mapping[str, Value], target: Mapping[str, Value]
) -> dict[str, frozenset[str] | None]:
    """Return the keys at which two files differ; for an order, with the items both have.

    Two orders differ where the items that both lists have stand in a different order: an
    item that came or went is a place of its own.
    """
    found: dict[str, frozenset[str] | None] = {}
    for key in source.keys() | target.keys():
        mine, yours = source.get(key, ABSENT), target.get(key, ABSENT)
        if mine == yours:
            continue
        if not is_order(key):
            found[key] = None
        elif mine.exists and yours.exists:
            common = frozenset(mine.data) & frozenset(yours.data)
            if reduced(mine, common) != reduced(yours, common):
                found[key] = common
    return found
