"""Git in memory: the real formats and so the real ids, no process and no disk.

Follows git where the engine can tell: first-parent diffs, best merge bases, trailers.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from bot.engine.objects import (
    RECORD_TRAILERS,
    LoggedCommit,
    Merge,
    MissingObject,
    Record,
    branches_of,
    record_of,
)
from bot.engine.trees import NewObjects
from bot.model import Entry
from tests.engine.merge3 import merge3

Files = Mapping[str, Entry]

_TRAILER = re.compile(r"[A-Za-z0-9-]+\s*:.*")


class Parsed(NamedTuple):
    """A commit object, read."""

    tree: str
    parents: tuple[str, ...]
    time: int
    message: str


@dataclass(slots=True)
class MemoryGit:
    """One repository's objects, as `bot.engine.objects.Objects`, and ways to add to them."""

    objects: dict[str, tuple[str, bytes]]
    _commits: dict[str, Parsed]
    _files: dict[str, dict[str, Entry]]

    def __init__(self, objects: Mapping[str, tuple[str, bytes]] | None = None) -> None:
        self.objects = dict(objects or {})
        self._commits, self._files = {}, {}

    # Writing

    def add(self, kind: str, content: bytes) -> str:
        """Take an object and return its id."""
        header = f"{kind} {len(content)}\0".encode()
        oid = hashlib.sha1(header + content, usedforsecurity=False).hexdigest()
        self.objects[oid] = (kind, content)
        return oid

    def blob(self, data: bytes, mode: str = "100644") -> Entry:
        """Take a file's contents and return its entry."""
        return Entry(mode, self.add("blob", data))

    def tree(self, files: Files) -> str:
        """Return the tree that holds `files`, by path."""
        here: dict[str, bytes] = {}
        below: dict[str, dict[str, Entry]] = {}
        for path, entry in files.items():
            name, slash, rest = path.partition("/")
            if slash:
                below.setdefault(name, {})[rest] = entry
            else:
                here[name] = f"{entry.mode} {name}\0".encode() + bytes.fromhex(entry.oid)
        for name, inside in below.items():
            # Git sorts a directory as if its name ended in a slash.
            here[name + "/"] = f"40000 {name}\0".encode() + bytes.fromhex(self.tree(inside))
        return self.add("tree", b"".join(here[name] for name in sorted(here, key=str.encode)))

    def commit(self, files: Files, parents: Sequence[str], message: str, time: int) -> str:
        """Return a new commit that holds `files`."""
        who = f"Ann <ann@example.com> {time} +0000"
        lines = [f"tree {self.tree(files)}", *(f"parent {parent}" for parent in parents)]
        lines += [f"author {who}", f"committer {who}", "", message]
        return self.add("commit", "\n".join(lines).encode())

    def write(self, new: NewObjects) -> None:
        """Take the objects that the engine made."""
        self.objects.update(new.objects)

    # Reading, for tests

    def files(self, commit: str) -> dict[str, Entry]:
        """Return what a commit holds, by path."""
        return dict(self._flat(self._parsed(commit).tree))

    def parents(self, commit: str) -> tuple[str, ...]:
        """Return the parents of a commit."""
        return self._parsed(commit).parents

    def first_parents(self, head: str) -> list[str]:
        """Return the first-parent line of a commit, newest first."""
        line = [head]
        while parents := self.parents(line[-1]):
            line.append(parents[0])
        return line

    def _object(self, oid: str) -> tuple[str, bytes]:
        if oid not in self.objects:
            raise MissingObject(f"the object {oid} is missing")
        return self.objects[oid]

    def _parsed(self, commit: str) -> Parsed:
        if commit not in self._commits:
            head, _, message = self._object(commit)[1].decode().partition("\n\n")
            fields = [line.partition(" ")[::2] for line in head.split("\n")]
            self._commits[commit] = Parsed(
                next(value for name, value in fields if name == "tree"),
                tuple(value for name, value in fields if name == "parent"),
                next(int(value.split()[-2]) for name, value in fields if name == "committer"),
                message,
            )
        return self._commits[commit]

    def _flat(self, tree: str) -> dict[str, Entry]:
        if tree not in self._files:
            found: dict[str, Entry] = {}
            rest = self._object(tree)[1]
            while rest:
                head, _, rest = rest.partition(b"\0")
                mode, name = head.decode().split(" ", 1)
                oid, rest = rest[:20].hex(), rest[20:]
                if mode == "40000":
                    found |= {f"{name}/{path}": entry for path, entry in self._flat(oid).items()}
                else:
                    found[name] = Entry(mode, oid)
            self._files[tree] = found
        return self._files[tree]

    def _ancestors(self, heads: Iterable[str]) -> dict[str, None]:
        found: dict[str, None] = {}
        rest = list(heads)
        while rest:
            commit = rest.pop()
            if commit not in found:
                found[commit] = None
                rest += self.parents(commit)
        return found

    # Reading, for the engine

    def read(self, oids: Sequence[str]) -> list[bytes]:
        """Return the contents of objects, in order."""
        return [self._object(oid)[1] for oid in oids]

    def sizes(self, oids: Sequence[str]) -> list[int]:
        """Return the sizes of objects, in order."""
        return [len(content) for content in self.read(oids)]

    def prefetch(self, oids: Sequence[str]) -> None:
        """Check that what would be fetched can be."""
        self.read(oids)

    def log(
        self, head: str, since: Sequence[str], paths: Sequence[str], *, first_parent: bool = False
    ) -> dict[str, LoggedCommit]:
        """Return the commits that `head` has and `since` have not."""
        hidden = self._ancestors(since)
        commits = self.first_parents(head) if first_parent else self._ancestors([head])
        return {sha: self._logged(sha, paths) for sha in commits if sha not in hidden}

    def _logged(self, sha: str, paths: Sequence[str]) -> LoggedCommit:
        parents = self.parents(sha)
        after = self.files(sha)
        before = self.files(parents[0]) if parents else {}
        touched = {
            path: (before.get(path), after.get(path))
            for path in paths
            if before.get(path) != after.get(path)
        }
        return LoggedCommit(sha, parents, touched)

    def merge_bases(self, one: str, other: str) -> tuple[str, ...]:
        """Return the common ancestors that no other common ancestor has, newest first."""
        theirs = self._ancestors([other])
        common = [commit for commit in self._ancestors([one]) if commit in theirs]
        older = self._ancestors(parent for commit in common for parent in self.parents(commit))
        best = [commit for commit in common if commit not in older]
        return tuple(sorted(best, key=lambda commit: -self._parsed(commit).time))

    def contains(self, head: str, commit: str) -> bool:
        """Whether `commit` exists and is `head` or an ancestor of it."""
        return commit in self._ancestors([head])

    def records(self, head: str, environment: str) -> Iterator[Record]:
        """Yield the records on the first-parent line, newest first."""
        for commit in self.first_parents(head):
            yield from self.recorded([commit], environment)

    def recorded(self, commits: Sequence[str], environment: str) -> list[Record]:
        """Return the records of these commits."""
        return [found for one in commits if (found := self._record(one, environment))]

    def _record(self, commit: str, environment: str) -> Record | None:
        _, parents, _, message = self._parsed(commit)
        named = trailers(message)
        values = [named.get(f"Lockstep-{name}", []) for name in RECORD_TRAILERS]
        found = record_of(commit, environment, values, 40)
        by_hand = any(name in message for name in branches_of(environment))
        if found is None and by_hand and len(parents) > 1 and not any(values):
            for mine in self.recorded(parents[1:2], environment):
                return replace(mine, commit=commit)
        return found

    def merge_texts(self, merges: Sequence[Merge]) -> list[bytes | None]:
        """Return each merge's text, None where it is not clean."""
        return [merge3(*self.read([merge.base, merge.ours, merge.theirs])) for merge in merges]


def trailers(message: str) -> dict[str, list[str]]:
    """Return the trailers of a message: its last paragraph, if all of it is such lines."""
    paragraphs = [part for part in re.split(r"\n(?:[ \t]*\n)+", message.strip()) if part.strip()]
    lines = paragraphs[-1].split("\n") if len(paragraphs) > 1 else []
    found: dict[str, list[str]] = {}
    if all(_TRAILER.fullmatch(line) for line in lines):
        for line in lines:
            name, _, value = line.partition(":")
            found.setdefault(name.strip(), []).append(value.strip())
    return found
