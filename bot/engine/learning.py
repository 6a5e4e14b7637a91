"""Learn which places each environment owns, from what promotions have passed by.

A place is an environment's own where it differs, has differed for long, and was left out
each time that the rest of its file, or for a whole file the rest of the branch, was promoted.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from bot.engine.contents import Contents
from bot.engine.drift import CONFIGURATION
from bot.engine.flows import Flow, Past, Step, find_flow
from bot.engine.keep import KeptKeys
from bot.engine.nodes import is_order
from bot.engine.objects import Objects
from bot.engine.values import format_of
from bot.model import Entry

# How many promotions must have passed a place by before it is taken for the environment's
# own; more where the target may just be late, or where only other files tell.
ENOUGH = 3
ENOUGH_IF_LATE = 5
# What was promoted itself must have been passed by this many times as often since.
_OUTWEIGHS = 5
# How many of a target's versions of a file are read, newest first; and of the files that
# moved most, so that the evidence shown reaches far back.
_VERSIONS = 8
_MORE_VERSIONS = 40
_FILES_READ_FURTHER = 10
# Of the files that differ, how many are read: those that moved most.
_FILES_READ = 1000
# Of a branch that is only looked at for its place in the order, the files that are read.
_FILES_READ_FOR_ORDER = 30


@dataclass(frozen=True, slots=True)
class Place:
    """What the past of one hop says of one place; `key` is None for a whole file.

    `since` is when its sides last began to differ, in seconds since 1970. `passed` counts
    the promotions since then that left it out, `promoted` those that ever brought it.
    `late` says that the target holds what the source once had, `sampled` that not every
    version was read, so that the counts are the least there can be.
    """

    path: str
    key: str | None
    source: str
    target: str
    differs: bool
    since: int = 0
    passed: int = 0
    promoted: int = 0
    late: bool = False
    sampled: bool = False

    @property
    def own(self) -> bool:
        """Whether the past says by itself that it differs on purpose."""
        enough = ENOUGH_IF_LATE if self.late or self.key is None else ENOUGH
        return self.differs and self.passed >= max(enough, _OUTWEIGHS * self.promoted)

    @property
    def leans(self) -> bool:
        """Whether the past says so together with others of its kind."""
        return self.differs and not self.late and self.passed > 0 and not self.promoted


class _Track:
    """The two sides of one file while its past is replayed, and how they came to differ."""

    def __init__(self, source: dict[str, str], target: dict[str, str], time: int) -> None:
        self.source, self.target = source, target
        self.source_had: dict[str, list[str | None]] = defaultdict(list)
        self.since = dict.fromkeys(_changed(source, target), time)
        self.promoted: Counter[str] = Counter()
        self.arrivals: dict[str, int] = {}  # times of the target's commits that took something

    def move_source(self, values: dict[str, str], step: Step) -> None:
        changed = _changed(self.source, values)
        for key in changed:
            self.source_had[key].append(self.source.get(key))
        self.source = values
        self._compare(changed, step.time)

    def move_target(self, values: dict[str, str], step: Step) -> None:
        """Move the target; it takes what the source holds, or held before its last move."""
        changed = _changed(self.target, values)
        for key in changed:
            new, had = values.get(key), self.source_had.get(key, [None])
            if new == self.source.get(key) or (new is not None and new == had[-1]):
                self.arrivals[step.sha] = step.time
                self.promoted[key] += new is not None and key in self.target
        self.target = values
        self._compare(changed, step.time)

    def _compare(self, keys: Collection[str], time: int) -> None:
        for key in keys:
            if self.source.get(key) == self.target.get(key):
                self.since.pop(key, None)
            else:
                self.since.setdefault(key, time)

    def late(self, key: str) -> bool:
        """Whether the source has had what the target holds."""
        return self.target.get(key) in self.source_had.get(key, ())


def _changed(before: Mapping[str, str], after: Mapping[str, str]) -> set[str]:
    return {key for key, _ in before.items() ^ after.items()}


class Study:
    """What the past of one hop says of its places; each file is read when it is asked for."""

    def __init__(self, objects: Objects, flow: Flow, source: str, target: str) -> None:
        self.flow, self.source, self.target = flow, source, target
        self._objects = objects
        self._keyed: dict[str, dict[str, Place] | None] = {}

    @property
    def differing(self) -> list[str]:
        """The paths under which the heads differ, but for the configuration's own."""
        ours, theirs = self.flow.source.files, self.flow.target.files
        return sorted({path for path, _ in ours.items() ^ theirs.items()} - {CONFIGURATION})

    @property
    def telling(self) -> list[str]:
        """Those of the differing paths that moved most in the target, these first."""
        steps = self.flow.target.steps
        by_moves = sorted(self.differing, key=lambda path: (-len(steps.get(path, ())), path))
        return by_moves[:_FILES_READ]

    def read(self, count: int = _FILES_READ) -> None:
        """Read files, so that `flow` counts the promotions that show in single values alone."""
        for position, path in enumerate(self.telling[:count]):
            self.keyed(path, _MORE_VERSIONS if position < _FILES_READ_FURTHER else _VERSIONS)

    def keyed(self, path: str, versions: int = _VERSIONS) -> dict[str, Place] | None:
        """Return the places of a file that both sides have and can be read; None for others."""
        if path not in self._keyed:
            both = path in self.flow.source.files and path in self.flow.target.files
            readable = both and format_of(path) is not None
            self._keyed[path] = self._by_key(path, versions) if readable else None
        return self._keyed[path]

    def _by_key(self, path: str, count: int) -> dict[str, Place] | None:
        source, target = self.flow.source, self.flow.target
        contents = Contents(self._objects, path, KeptKeys([]))
        ours, theirs = _own_steps(source, target, path)
        read = _spread(theirs, count)
        before = _before_each(ours, read)
        needed = [step.after for step in (*before, *read)]
        contents.load([*needed, *(steps[0].before for steps in (before, read) if steps)])
        heads = source.files[path], target.files[path]
        if any(contents.values(entry) is None for entry in heads):
            return None
        track = _replayed(before, read, heads, _Versions(contents).read)
        self.flow.promotions.update(track.arrivals)
        return {
            key: self._place(path, key, track, sampled=len(read) < len(theirs))
            for key in track.source.keys() | track.target.keys()
            if not is_order(key)
        }

    def _place(self, path: str, key: str | None, track: _Track, *, sampled: bool) -> Place:
        name = key or ""
        since = track.since.get(name)
        if since is None:
            passed = 0
        elif key is None:
            passed = self.flow.since(since)
        else:
            passed = sum(time > since for time in track.arrivals.values())
        return Place(
            path,
            key,
            self.source,
            self.target,
            differs=since is not None,
            since=since or 0,
            passed=passed,
            promoted=track.promoted[name],
            late=track.late(name),
            sampled=sampled,
        )

    def whole(self, path: str) -> Place | None:
        """Return the place of a file as a whole; None where neither side has it."""
        heads = self.flow.source.files.get(path), self.flow.target.files.get(path)
        if heads == (None, None):
            return None
        ours, theirs = _own_steps(self.flow.source, self.flow.target, path)
        return self._place(path, None, _replayed(ours, theirs, heads, _as_value), sampled=False)


class _Versions:
    """The versions of one file as plain tokens, which compare fast."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self._known: dict[Entry, dict[str, str] | None] = {}

    def read(self, entry: Entry | None) -> dict[str, str] | None:
        """Return a version's values; none where it is absent, None where it does not parse."""
        if entry is None:
            return {}
        if entry not in self._known:
            values = self._contents.values(entry)
            tokens = None if values is None else {k: v.token for k, v in values.items()}
            self._known[entry] = tokens
        return self._known[entry]


def _own_steps(source: Past, target: Past, path: str) -> tuple[list[Step], list[Step]]:
    """Return either side's steps; what the sides share is left out, since there they began."""
    return (
        [step for step in source.steps.get(path, ()) if step.sha not in target.times],
        [step for step in target.steps.get(path, ()) if step.sha not in source.times],
    )


def _spread(steps: Sequence[Step], count: int) -> list[Step]:
    """Return `count` steps: the newest, and older ones evenly from the first on."""
    if len(steps) <= count:
        return list(steps)
    half = count // 2
    older = len(steps) - half
    chosen = {index * older // (count - half) for index in range(count - half)}
    return [step for index, step in enumerate(steps) if index in chosen or index >= older]


def _before_each(source: Sequence[Step], target: Sequence[Step]) -> list[Step]:
    """Return the source's two steps before each of the target's, and its newest."""
    times = [step.time for step in source]
    telling = {len(source) - 1}
    for step in target:
        at = bisect_right(times, step.time)
        telling |= {at - 1, at - 2}
    return [step for index, step in enumerate(source) if index in telling]


def _replayed(
    source: Sequence[Step],
    target: Sequence[Step],
    heads: tuple[Entry | None, Entry | None],
    read: Callable[[Entry | None], dict[str, str] | None],
) -> _Track:
    """Replay the steps of one file on both sides in order of time."""
    ordered = [(step.time, 0, index, step) for index, step in enumerate(source)]
    ordered += [(step.time, 1, index, step) for index, step in enumerate(target)]
    ordered.sort()
    track = _Track(
        read(source[0].before if source else heads[0]) or {},
        read(target[0].before if target else heads[1]) or {},
        ordered[0][0] if ordered else 0,
    )
    for _, side, _, step in ordered:
        values = read(step.after)
        if values is not None and side == 0:
            track.move_source(values, step)
        elif values is not None:
            track.move_target(values, step)
    return track


def _as_value(entry: Entry | None) -> dict[str, str]:
    return {} if entry is None else {"": f"{entry.mode} {entry.oid}"}


def study_hop(objects: Objects, source: Past, target: Past, names: tuple[str, str]) -> Study:
    """Study one hop, given with its environments' names: the files that differ are read."""
    study = Study(objects, find_flow(source, target), *names)
    study.read()
    return study


def leads(objects: Objects, one: Past, other: Past) -> int:
    """Return how much more often `other` took content from `one` than the other way round.

    A branch that another one's line has gone on from comes after that.
    """
    if one.head == other.head:
        return 0
    if other.head in one.times:
        return 1
    if one.head in other.times:
        return -1
    forward, backward = (
        len(study.flow.promotions)
        for study in (_glance(objects, one, other), _glance(objects, other, one))
    )
    return forward - backward


def _glance(objects: Objects, source: Past, target: Past) -> Study:
    study = Study(objects, find_flow(source, target), source.branch, target.branch)
    study.read(_FILES_READ_FOR_ORDER)
    return study
