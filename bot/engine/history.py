"""The values a place has had on either side, and the last one on which both agreed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from bot.engine.objects import LoggedCommit, Objects, Record
from bot.engine.trees import TreeReader
from bot.model import Entry, Value

# The longest joined history that is compared in full; of a longer one, the newest values.
LONGEST_HISTORY = 2000

Read = Callable[[Entry | None], Value | None]


@dataclass(frozen=True, slots=True)
class Base:
    """Where both histories begin. `commit` is None where the sides share nothing.

    `recorded_by` is the promotion commit whose trailers name the base, in the target.
    """

    commit: str | None
    recorded_by: str | None = None


def find_bases(objects: Objects, source: str, target: str, environment: str) -> tuple[Base, ...]:
    """Return the newest valid record of a promotion, else each merge base, else nothing.

    A record that names a commit which the source no longer has (it was force-pushed)
    is not valid.
    """
    bases, _ = find_beginnings(objects, source, target, environment)
    return bases


def find_beginnings(
    objects: Objects, source: str, target: str, environment: str
) -> tuple[tuple[Base, ...], list[Record]]:
    """Return the bases, and the roll-backs that may still hold something back, newest first.

    Those are newer than the record that counts, or it says that they did when it was made.
    """
    undoing: list[Record] = []
    for record in objects.records(target, environment):
        if record.undone:
            undoing.append(record)
        elif objects.contains(source, record.source):
            undoing += objects.recorded(record.held, environment)
            return (Base(record.source, record.commit),), undoing
    return tuple(map(Base, objects.merge_bases(source, target))) or (Base(None),), undoing


@dataclass(frozen=True, slots=True)
class Version:
    """What stood under a path after a commit; the base's own version has no commit."""

    entry: Entry | None
    commit: str | None = None


@dataclass(slots=True)
class Line:
    """The first-parent line of one side: its commits that contain the base, newest first."""

    objects: Objects
    reader: TreeReader
    head: str
    base: Base
    start: str | None  # the commit the line begins after, or begins with where it is a record
    paths: Sequence[str]
    commits: dict[str, LoggedCommit]
    chain: list[str] = field(default_factory=list)
    touching: dict[str, list[str]] = field(default_factory=dict)  # of the chain, by path
    complete: bool = False  # whether the log reaches back to the root
    parted: tuple[str, ...] | None = None  # merge bases, where they had to be asked for

    @classmethod
    def read(
        cls, objects: Objects, reader: TreeReader, head: str, base: Base, paths: Sequence[str]
    ) -> "Line":
        """Read one side's line since `base`, with what its commits did to `paths`."""
        start = base.recorded_by or base.commit
        log = objects.log(head, [start] if start else [], paths)
        line = cls(objects, reader, head, base, start, paths, log, complete=start is None)
        line.chain = line._contain_base()
        for commit in line.chain:
            for path in log[commit].touched if commit in log else ():
                line.touching.setdefault(path, []).append(commit)
        return line

    def _contain_base(self) -> list[str]:
        chain: list[str] = []
        at: str | None = self.head
        while at is not None and at in self.commits:
            chain.append(at)
            at = next(iter(self.commits[at].parents), None)
        if at is not None and at == self.base.recorded_by:
            return [*chain, at]
        if self.start is None or at == self.start:
            return chain
        # The base came in by a merge: the line begins with the oldest commit that has it.
        has_base: dict[str, bool] = {self.start: True}
        while chain and not self._descends(chain[-1], has_base):
            chain.pop()
        return chain

    def _descends(self, commit: str, known: dict[str, bool]) -> bool:
        """Whether `commit` has the base, by a walk that visits each commit once."""
        stack = [commit]
        while stack:
            at = stack[-1]
            parents = self.commits[at].parents if at in self.commits else ()
            unknown = [p for p in parents if p not in known and p in self.commits]
            if at not in known and unknown:
                stack += unknown
                continue
            known.setdefault(at, any(known.get(parent, False) for parent in parents))
            stack.pop()
        return known[commit]

    def versions(self, path: str, head: Entry | None) -> list[Version]:
        """Return what `path` has held, oldest first, beginning with the base's version."""
        newest_first: list[Version] = []
        entry = head
        touching = self.touching.get(path, [])
        for commit in touching:
            newest_first.append(Version(entry, commit))
            entry = self.commits[commit].touched[path][0]
        if self.chain[-1:] != touching[-1:]:
            # Where the line begins it may hold what an older commit made of it.
            newest_first.append(Version(entry, self.chain[-1]))
        newest_first.append(Version(self.at_base(path)))
        return newest_first[::-1]

    def at_base(self, path: str) -> Entry | None:
        """Return what the base holds under `path`; absent where there is no base."""
        if self.base.commit is None:
            return None
        return self.reader.entry(self.reader.root(self.base.commit), path)

    def before_merge_of_base(
        self, commit: str, path: str
    ) -> tuple[Entry | None, Entry | None] | None:
        """Return what `path` held before `commit` merged the base, and where the two had parted.

        None where `commit` is not the merge by which this line got its base.
        """
        logged = self.commits.get(commit)
        merged = logged is not None and len(logged.parents) > 1 and commit == self.chain[-1]
        if logged is None or not merged or self.base.commit in (None, logged.parents[0]):
            return None
        own = logged.parents[0]
        parted = self._parted(own)
        if parted is None:
            return None
        return (
            self.reader.entry(self.reader.root(own), path),
            self.reader.entry(self.reader.root(parted), path),
        )

    def _parted(self, own: str) -> str | None:
        """Return the one merge base of this side's own past and the base; None for none or many."""
        if self.parted is None and self.base.commit is not None:
            self.parted = self.objects.merge_bases(own, self.base.commit)
        return self.parted[0] if self.parted is not None and len(self.parted) == 1 else None

    def origin(self, commit: str, path: str, value: Value, read: Read) -> str:
        """Return the commit in which `value` first appeared, back from `commit` through merges."""
        at = oldest_known = commit
        while True:
            logged = self._logged(at)
            if logged is None:
                return oldest_known
            touched = logged.touched.get(path)
            before = read(touched[0]) if touched else value
            # A version that does not parse is passed over, and is never where a value appeared.
            if touched and read(touched[1]) == value:
                oldest_known = at
            if before is None or before == value:
                if not logged.parents:
                    return oldest_known
                at = logged.parents[0]
                continue
            for parent in logged.parents[1:]:
                if read(self.reader.entry(self.reader.root(parent), path)) == value:
                    at = parent
                    break
            else:
                return oldest_known

    def _logged(self, commit: str) -> LoggedCommit | None:
        """Return a commit of the line; before a record, the first-parent line goes on."""
        if commit not in self.commits and self.base.recorded_by and not self.complete:
            self.complete = True
            older = self.objects.log(self.base.recorded_by, [], self.paths, first_parent=True)
            self.commits = older | self.commits
        return self.commits.get(commit)


@dataclass(frozen=True, slots=True)
class Moment:
    """A value of one side's history and the commit that brought it; the base's has none."""

    value: Value
    version: Version


def joined(versions: Sequence[Version], read: Read) -> list[Moment]:
    """Return the history of one place: versions that do not parse skipped, equal ones joined."""
    moments: list[Moment] = []
    for version in versions:
        value = read(version.entry)
        if value is not None and (not moments or moments[-1].value != value):
            moments.append(Moment(value, version))
    return moments


def sync_point(source: Sequence[Value], target: Sequence[Value]) -> tuple[int, int] | None:
    """Return where in either history the last value stands on which both agreed.

    The last element of a longest common subsequence; of several, the one that ends
    latest in the source, then latest in the target. None where nothing is common.
    """
    drop_source = max(0, len(source) - LONGEST_HISTORY)
    drop_target = max(0, len(target) - LONGEST_HISTORY)
    s = [value.token for value in source[drop_source:]]
    t = [value.token for value in target[drop_target:]]
    # lengths[i][j]: the longest common subsequence of s[:i] and t[:j].
    lengths = [[0] * (len(t) + 1)]
    for mine in s:
        above, row = lengths[-1], [0]
        for (corner, up), yours in zip(pairwise(above), t, strict=True):
            row.append(corner + 1 if mine == yours else max(up, row[-1]))
        lengths.append(row)
    longest = lengths[-1][-1]
    if not longest:
        return None
    return next(
        (i + drop_source, j + drop_target)
        for i in reversed(range(len(s)))
        for j in reversed(range(len(t)))
        if s[i] == t[j] and lengths[i][j] + 1 == longest
    )
