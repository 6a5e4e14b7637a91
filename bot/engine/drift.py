"""Compare two environments value by value: what is pending, drifted, in conflict or kept.

The rule is the sync point (see `history.sync_point`): for every place where the heads
differ, which side has moved since both last agreed. Branch topology decides nothing but
where the histories begin, so it does not matter how promotions were merged.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from bot.engine.commits import read_commits
from bot.engine.contents import Contents
from bot.engine.history import Base, Line, Version, find_beginnings
from bot.engine.keep import Keep
from bot.engine.nodes import Unreadable
from bot.engine.objects import Merge, Objects
from bot.engine.places import Draft, FileHistory
from bot.engine.trees import NewObjects, TreeChange, TreeReader, diff_trees
from bot.engine.undoing import Undone, read_undone
from bot.engine.values import blob_value
from bot.model import ABSENT, Change, Entry, Head, State, Value, worst

# Where it stands only on the default branch, it is no configuration to promote.
CONFIGURATION = ".lockstep.yaml"


@dataclass(frozen=True, slots=True)
class FileComparison:
    """One path that differs. `keyed` says that both sides parse, so changes are by key.

    `base` is the version that text merges start from. `source_had` says that the target's
    blob is one that the source has had; `source_laid_out` says that of its text, kept
    values aside.
    """

    path: str
    source: Entry | None
    target: Entry | None
    base: Entry | None = None
    changes: tuple[Change, ...] = ()
    keyed: bool = False
    source_had: bool = False
    source_laid_out: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """A hop's drift report. `notes` say which files could only be compared as text, and why.

    `held_by` are the commits of the roll-backs that hold something back.
    """

    source: Head
    target: Head
    files: tuple[FileComparison, ...] = ()
    notes: tuple[str, ...] = ()
    held_by: tuple[str, ...] = ()

    @property
    def changes(self) -> tuple[Change, ...]:
        """All changes, by path, then key."""
        return tuple(change for file in self.files for change in file.changes)

    @property
    def state(self) -> State:
        """The hop's state: its worst place's."""
        return worst([change.state for change in self.changes])

    @property
    def counts(self) -> dict[State, int]:
        """How many changes are in each state."""
        found = Counter(change.state for change in self.changes)
        return {
            state: found[state]
            for state in (State.PENDING, State.DRIFT, State.CONFLICT, State.KEPT, State.HELD)
        }


def compare(
    objects: Objects, source: Head, target: Head, keep: Keep, lifted: Collection[str] = ()
) -> Comparison:
    """Compare two environments. The cost depends on what differs, not on what there is.

    What the roll-backs `lifted`, by their commits, took out is pending again. Raises
    `MissingObject` where the repository is damaged.
    """
    return _Comparer(objects, source, target, keep, lifted).compare()


class _Comparer:
    """Compares one hop: reads in few large steps, and holds one file's contents at a time."""

    def __init__(
        self,
        objects: Objects,
        source: Head,
        target: Head,
        keep: Keep,
        lifted: Collection[str],
    ) -> None:
        self.objects, self.source, self.target, self.keep = objects, source, target, keep
        self.lifted, self.undone = frozenset(lifted), Undone()
        self.reader = TreeReader(objects)
        self.lines: list[tuple[Line, Line]] = []
        self.notes: list[str] = []

    def compare(self) -> Comparison:
        roots = self.reader.root(self.source.sha), self.reader.root(self.target.sha)
        found = [c for c in diff_trees(self.objects, *roots) if not _only_on_one_branch(c)]
        self._read_lines([change for change in found if not self.keep.whole(change.path)])
        files = [self._file(change) for change in found]
        merged = self._merge_contests([draft for _, drafts in files for draft in drafts])
        commits = read_commits(
            self.objects,
            (sha for _, drafts in files for d in drafts for sha in d.moved_source + d.moved_target),
        )

        def changes(drafts: Sequence[Draft]) -> Iterator[Change]:
            for draft in drafts:
                for state in settled(draft, merged.get(draft.change.path)):
                    shas = moved(draft, state)
                    yield replace(
                        draft.change, state=state, commits=tuple(commits[sha] for sha in shas)
                    )

        return Comparison(
            self.source,
            self.target,
            tuple(replace(file, changes=tuple(changes(drafts))) for file, drafts in files),
            tuple(self.notes),
            self._held_by([draft for _, drafts in files for draft in drafts]),
        )

    def _held_by(self, drafts: Sequence[Draft]) -> tuple[str, ...]:
        """Return the roll-backs that hold something back, newest first."""
        found = {one for draft in drafts for one in draft.held_by}
        return tuple(r.commit for r in self.undone.records if r.commit in found)

    def _read_lines(self, found: Sequence[TreeChange]) -> None:
        if not found:
            return
        paths = [change.path for change in found]
        source, target = self.source, self.target
        bases, undoing = find_beginnings(self.objects, source.sha, target.sha, target.environment)
        heads = (source.sha, target.sha)
        self.undone = read_undone(self.objects, self.reader, heads, undoing, paths)
        for base in bases:
            if base.commit is not None:
                self.reader.load(self.reader.root(base.commit), paths)
            # A record is in the target's line alone; the source's begins with what it names.
            ours = Line.read(self.objects, self.reader, source.sha, Base(base.commit), paths)
            theirs = Line.read(self.objects, self.reader, target.sha, base, paths)
            self.lines.append((ours, theirs))
        entries = {
            *self._ever(paths),
            *(entry for change in found for entry in (change.source, change.target)),
        }
        blobs = {entry.oid for entry in entries if entry is not None and entry.is_file}
        self.objects.prefetch(sorted(blobs))

    def _ever(self, paths: Sequence[str]) -> Iterator[Entry | None]:
        for ours, _ in self.lines:
            yield from map(ours.at_base, paths)
        for steps in self.undone.steps.values():
            for step in steps:
                yield from (step.before, step.after, step.promoted)
        for ours, theirs in self.lines:
            for line in (ours, theirs):
                for commit in line.commits.values():
                    for before_and_after in commit.touched.values():
                        yield from before_and_after

    def _file(self, change: TreeChange) -> tuple[FileComparison, list[Draft]]:
        path, source, target = change
        if self.keep.whole(path):
            whole = Change(path, None, State.KEPT, _blob(source), _blob(target))
            return FileComparison(path, source, target), [Draft(whole)]
        contents = Contents(self.objects, path, self.keep.keys(path))
        versions = [
            (ours.versions(path, source), theirs.versions(path, target))
            for ours, theirs in self.lines
        ]
        entries = [v.entry for ours, theirs in versions for v in (*ours, *theirs)]
        steps = self.undone.of(path)
        undone = [e for step in steps for e in (step.before, step.after, step.promoted)]
        contents.load([source, target, *entries, *undone])
        history = FileHistory(
            path, source, target, contents, self.lines, versions, steps, self.lifted
        )
        drafts = history.drafts()
        contest = next((draft.contest for draft in drafts if draft.contest), None)
        if not history.keyed:
            self._note_unreadable(contents, source, self.source)
            self._note_unreadable(contents, target, self.target)
        file = FileComparison(
            path,
            source,
            target,
            base=contest or self.lines[0][0].at_base(path),
            keyed=history.keyed,
            source_had=any(v.entry == target for ours, _ in versions for v in ours),
            source_laid_out=_laid_out(contents, target, drafts, versions),
        )
        return file, drafts

    def _note_unreadable(self, contents: Contents, entry: Entry | None, head: Head) -> None:
        reason = contents.parsed(entry)
        if isinstance(reason, Unreadable):
            self.notes.append(
                f"{contents.path}:{reason.line}:{reason.column}: {reason.reason} "
                f"(in {head.environment}); compared as text, as one value"
            )

    def _merge_contests(self, drafts: Sequence[Draft]) -> dict[str, Value]:
        """Return, by path, what git's three-way merge makes of it; nothing where unclean."""
        contested = [(d.change, d.contest) for d in drafts if d.change.key is None and d.contest]
        merges = [
            Merge(base.oid, change.target.data["blob"], change.source.data["blob"])
            for change, base in contested
        ]
        new = NewObjects(len(self.source.sha))
        return {
            change.path: blob_value(Entry(change.target.data["mode"], new.add("blob", text)))
            for (change, _), text in zip(contested, self.objects.merge_texts(merges), strict=True)
            if text is not None
        }


def _laid_out(
    contents: Contents,
    target: Entry | None,
    drafts: Sequence[Draft],
    versions: Sequence[tuple[list[Version], list[Version]]],
) -> bool:
    """Whether all but kept values of the target's text is the source's, now or before."""
    states = {draft.change.state for draft in drafts}
    if states != {State.PENDING, State.KEPT} or any(d.change.key is None for d in drafts):
        return False
    layout = contents.as_layout(target)
    had = (version.entry for ours, _ in versions for version in reversed(ours))
    return any(contents.as_layout(entry) == layout for entry in had)


def settled(draft: Draft, merged: Value | None) -> tuple[State, ...]:
    """Return a change's state; two where a clean merge finds both sides' lines."""
    if draft.change.key is not None or draft.contest is None or merged is None:
        return (draft.change.state,)
    if merged == draft.change.target:
        return (State.DRIFT,)
    if merged == draft.change.source:
        return (State.PENDING,)
    return (State.PENDING, State.DRIFT)


def moved(draft: Draft, state: State) -> tuple[str, ...]:
    """Return the commits that moved the side that moved."""
    if state is State.PENDING:
        return draft.moved_source
    if state in (State.DRIFT, State.HELD):
        return draft.moved_target
    return tuple(dict.fromkeys(draft.moved_source + draft.moved_target))


def _only_on_one_branch(change: TreeChange) -> bool:
    return change.path == CONFIGURATION and (change.source is None or change.target is None)


def _blob(entry: Entry | None) -> Value:
    return ABSENT if entry is None else blob_value(entry)
