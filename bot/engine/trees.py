"""Compare, look up and rewrite trees, reading only those on a path that differs."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple

from bot.engine.objects import Objects, Reads
from bot.model import Entry

_TREE = b"40000"
_Raw = tuple[bytes, bytes] | None  # mode and object id
# Mode, name and object id of one tree entry; SHA-1 repositories, then SHA-256 ones.
_ENTRY = {
    40: re.compile(rb"(\d+) ([^\0]+)\0(.{20})", re.DOTALL),
    64: re.compile(rb"(\d+) ([^\0]+)\0(.{32})", re.DOTALL),
}
_WHOLE_ENTRY = {
    40: re.compile(rb"[^\0]+\0.{20}", re.DOTALL),
    64: re.compile(rb"[^\0]+\0.{32}", re.DOTALL),
}
# As many whole entries as there are: none is given back, so a large tree costs no stack.
_ENTRIES = {
    40: re.compile(rb"(?:[^\0]++\0.{20})*+", re.DOTALL),
    64: re.compile(rb"(?:[^\0]++\0.{32})*+", re.DOTALL),
}


class TreeChange(NamedTuple):
    """A path under which two trees differ; None is absent."""

    path: str
    source: Entry | None
    target: Entry | None


def text_path(path: bytes) -> str:
    """Return a path as a string; bytes that are not UTF-8 are surrogate-escaped."""
    return path.decode("utf-8", "surrogateescape")


def _split(path: str) -> list[bytes]:
    return path.encode("utf-8", "surrogateescape").split(b"/")


def diff_trees(objects: Objects, source: str, target: str) -> list[TreeChange]:
    """Return the paths under which two trees differ, sorted; renames are two changes.

    Level by level, so that each level is one batch of reads: the cost depends on the
    trees that differ, never on how many there are.
    """
    if source == target:
        return []
    changes: list[TreeChange] = []
    level: list[tuple[bytes, str | None, str | None]] = [(b"", source, target)]
    while level:
        contents = iter(objects.read([oid for _, *both in level for oid in both if oid]))
        below: list[tuple[bytes, str | None, str | None]] = []
        for prefix, a, b in level:
            ours, theirs = next(contents) if a else b"", next(contents) if b else b""
            for name, left, right in _unequal(ours, theirs, len(source)):
                left_tree = left[1].hex() if left and left[0] == _TREE else None
                right_tree = right[1].hex() if right and right[0] == _TREE else None
                path = prefix + name
                if left_tree or right_tree:
                    below.append((path + b"/", left_tree, right_tree))
                left_file = None if left is None or left_tree else _entry(*left)
                right_file = None if right is None or right_tree else _entry(*right)
                if left_file or right_file:
                    changes.append(TreeChange(text_path(path), left_file, right_file))
        level = below
    changes.sort(key=attrgetter("path"))
    return changes


def _unequal(ours: bytes, theirs: bytes, width: int) -> list[tuple[bytes, _Raw, _Raw]]:
    """Return the names under which two trees differ, with mode and object id in either.

    Most entries do not differ and are never taken apart. Nor is what both begin with read
    twice: a whole entry ends there in the same places, and a part of one never matches.
    """
    entry, oid = _WHOLE_ENTRY[width], -width // 2
    same = _ENTRIES[width].match(ours, 0, _shared(ours, theirs))
    begin = same.end() if same else 0
    one, other = entry.match(ours, begin), entry.match(theirs, begin)
    if one and other and ours[one.end() :] == theirs[other.end() :]:
        left, right = [one[0]], [other[0]]
    else:
        left, right = entry.findall(ours, begin), entry.findall(theirs, begin)
    pairs = [(x, y) for x, y in zip(left, right, strict=False) if x != y]
    if len(left) != len(right) or any(x[:oid] != y[:oid] for x, y in pairs):
        mine, yours = _parsed(ours, width), _parsed(theirs, width)
        names = [name for name, _ in mine.items() ^ yours.items()]
        return [(name, mine.get(name), yours.get(name)) for name in dict.fromkeys(names)]
    found: list[tuple[bytes, _Raw, _Raw]] = []
    for x, y in pairs:
        mode, _, name = x[: oid - 1].partition(b" ")
        found.append((name, (mode, x[oid:]), (mode, y[oid:])))
    return found


def _shared(one: bytes, other: bytes) -> int:
    """Return how many bytes two texts begin with in common."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one.startswith(other[low:middle], low):
            low = middle
        else:
            high = middle - 1
    return low


def _entry(mode: bytes, oid: bytes) -> Entry:
    return Entry(mode.decode(), oid.hex())


def _parsed(content: bytes, width: int) -> dict[bytes, tuple[bytes, bytes]]:
    return {name: (mode, oid) for mode, name, oid in _ENTRY[width].findall(content)}


class TreeReader:
    """Looks entries up by path; each tree is read and parsed once."""

    def __init__(self, objects: Reads) -> None:
        self._objects = objects
        self._trees: dict[str, dict[bytes, tuple[bytes, bytes]]] = {}
        self._roots: dict[str, str] = {}

    def root(self, commit: str) -> str:
        """Return the tree of a commit."""
        if commit not in self._roots:
            (content,) = self._objects.read([commit])
            self._roots[commit] = content[5 : 5 + len(commit)].decode()
        return self._roots[commit]

    def tree(self, oid: str) -> dict[bytes, tuple[bytes, bytes]]:
        """Return a tree's entries by name: mode and raw object id."""
        if oid not in self._trees:
            (content,) = self._objects.read([oid])
            self._trees[oid] = _parsed(content, len(oid))
        return self._trees[oid]

    def load(self, root: str, paths: Iterable[str]) -> None:
        """Read the trees on the way to many paths, each level in one batch."""
        level = {root: [_split(path) for path in paths]}
        depth = 1
        while level:
            new = [oid for oid in level if oid not in self._trees]
            for oid, content in zip(new, self._objects.read(new), strict=True):
                self._trees[oid] = _parsed(content, len(oid))
            below: dict[str, list[list[bytes]]] = {}
            for oid, ways in level.items():
                for parts in ways:
                    mode, raw = self._trees[oid].get(parts[depth - 1], (b"", b""))
                    if mode == _TREE and depth < len(parts):
                        below.setdefault(raw.hex(), []).append(parts)
            level, depth = below, depth + 1

    def entry(self, root: str, path: str) -> Entry | None:
        """Return what the tree `root` holds under `path`; None for nothing or a directory."""
        oid, parts = root, _split(path)
        for position, part in enumerate(parts):
            found = self.tree(oid).get(part)
            if found is None:
                return None
            mode, raw = found
            if position == len(parts) - 1:
                return None if mode == _TREE else _entry(mode, raw)
            if mode != _TREE:
                return None
            oid = raw.hex()
        return None


class NewObjects:
    """Objects that do not exist yet, by their id: built in memory, written only if asked."""

    def __init__(self, width: int) -> None:
        self._algorithm = "sha1" if width == 40 else "sha256"
        self.objects: dict[str, tuple[str, bytes]] = {}

    def add(self, kind: str, content: bytes) -> str:
        """Take an object and return its id."""
        oid = self.digest(f"{kind} {len(content)}\0".encode() + content).hex()
        self.objects[oid] = (kind, content)
        return oid

    def digest(self, data: bytes) -> bytes:
        """Return the hash of some bytes, by the repository's algorithm."""
        return hashlib.new(self._algorithm, data, usedforsecurity=False).digest()


def _sort_key(item: tuple[bytes, tuple[bytes, bytes]]) -> bytes:
    """Git sorts directories as if their names ended in a slash."""
    name, (mode, _) = item
    return name + b"/" if mode == _TREE else name


def rewrite(
    reader: TreeReader, root: str, changes: Mapping[str, Entry | None], new: NewObjects
) -> str:
    """Return the tree that `root` becomes with `changes` applied; None removes a path.

    Only trees on a changed path are read and built; one left empty disappears.
    """
    if not changes:
        return root
    reader.load(root, changes)
    split = [(_split(path), entry) for path, entry in changes.items()]
    built = _rewrite(reader, root, split, 0, new)
    return built if built is not None else new.add("tree", b"")


def _rewrite(
    reader: TreeReader,
    tree: str | None,
    changes: Sequence[tuple[list[bytes], Entry | None]],
    depth: int,
    new: NewObjects,
) -> str | None:
    entries = dict(reader.tree(tree)) if tree else {}
    below: dict[bytes, list[tuple[list[bytes], Entry | None]]] = {}
    removed: list[bytes] = []
    for parts, entry in changes:
        name = parts[depth]
        if depth + 1 < len(parts):
            below.setdefault(name, []).append((parts, entry))
        elif entry is None:
            removed.append(name)
        else:
            entries[name] = (entry.mode.encode(), bytes.fromhex(entry.oid))
    for name in removed:
        # A directory of the same name arrives by its own changes and stays.
        if name not in below and entries.get(name, (b"",))[0] != _TREE:
            entries.pop(name, None)
    for name, deeper in below.items():
        mode, raw = entries.get(name, (b"", b""))
        oid = _rewrite(reader, raw.hex() if mode == _TREE else None, deeper, depth + 1, new)
        if oid is not None:
            entries[name] = (_TREE, bytes.fromhex(oid))
        elif mode == _TREE or name in removed:
            entries.pop(name, None)
    if not entries:
        return None
    content = b"".join(
        mode + b" " + name + b"\0" + raw
        for name, (mode, raw) in sorted(entries.items(), key=_sort_key)
    )
    return new.add("tree", content)
