"""Since when an environment has held what is promoted, without a change in between."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bot.engine.contents import Contents
from bot.engine.history import Read
from bot.engine.keep import KeptKeys
from bot.engine.objects import LoggedCommit, Objects
from bot.engine.trees import TreeReader
from bot.model import Change, Entry

_COMMITTED = re.compile(rb"^committer .*> (\d+) [+-]\d{4}$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Move:
    """The newest commit of a branch at which a promoted place moved, and when it was made.

    `holds` says whether the branch still has all the promoted values.
    """

    commit: str
    at: datetime
    holds: bool


def last_move(
    objects: Objects, head: str, changes: Sequence[Change], since: Sequence[str] = ()
) -> Move | None:
    """Return the newest move of any promoted place on the first-parent line of `head`.

    `since` are commits that the line need not be read beyond, where the move is not
    before them; it is then read to its beginning. A version that does not parse is a
    move: what it held nobody knows. None where the line shows no move at all.
    """
    paths, files = sorted({change.path for change in changes}), _Files(objects)
    for stops in dict.fromkeys([tuple(since), ()]):
        line = objects.log(head, stops, paths, first_parent=True)
        commit = _newest(files, line.values(), changes)
        if commit is not None:
            return Move(commit, committed(objects, commit), _holds(files, head, changes))
    return None


def committed(objects: Objects, commit: str) -> datetime:
    """Return when a commit was made, by its committer's clock; the epoch where it does not say."""
    (content,) = objects.read([commit])
    match = _COMMITTED.search(content.partition(b"\n\n")[0])
    seconds = int(match[1]) if match else 0
    # A date far beyond the calendar is as good as one in the future.
    return datetime.fromtimestamp(min(seconds, 253_000_000_000), UTC)


@dataclass(slots=True)
class _Files:
    """The versions of the files that changes are in, each parsed once."""

    objects: Objects
    contents: dict[str, Contents] = field(default_factory=dict)

    def reader(self, change: Change) -> Read:
        """Return what reads the place of a change in a version of its file."""
        file = self.contents.setdefault(
            change.path, Contents(self.objects, change.path, KeptKeys(()))
        )
        return file.as_blob if change.key is None else file.at_key(change.key)


def _newest(files: _Files, line: Iterable[LoggedCommit], changes: Sequence[Change]) -> str | None:
    readers: dict[str, list[Read]] = {}
    for change in changes:
        readers.setdefault(change.path, []).append(files.reader(change))
    for commit in line:
        for path, (before, after) in commit.touched.items():
            files.objects.prefetch([e.oid for e in (before, after) if e and e.is_file])
            files.contents[path].load([before, after])
            if any(_moved(read, before, after) for read in readers[path]):
                return commit.sha
    return None


def _moved(read: Read, before: Entry | None, after: Entry | None) -> bool:
    old, new = read(before), read(after)
    return old is None or new is None or old != new


def _holds(files: _Files, head: str, changes: Sequence[Change]) -> bool:
    reader = TreeReader(files.objects)
    root = reader.root(head)
    reader.load(root, {change.path for change in changes})
    return all(
        files.reader(change)(reader.entry(root, change.path)) == change.source for change in changes
    )
