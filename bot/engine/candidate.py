"""The commit that a promotion would make, built without a work tree and without a clock.

The target's tree with every pending place set to the source's value: kept and drifted
places stay the target's, a conflict blocks. The same inputs give the same commit on every
machine.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum

from bot.engine.commits import committed_at
from bot.engine.drift import CONFIGURATION, Comparison, FileComparison
from bot.engine.keep import Keep
from bot.engine.making import Making, keeping, making_of
from bot.engine.nodes import Unreadable, is_order
from bot.engine.objects import Merge, Objects
from bot.engine.splice import CannotSplice, Expected
from bot.engine.trees import NewObjects, TreeReader, rewrite
from bot.engine.values import Text, decode, format_of, read_values
from bot.model import ABSENT, Change, Commit, Entry, State, Value
from bot.words import count

AUTHOR = "Lockstep <lockstep@users.noreply.localhost>"


class MergeMethod(StrEnum):
    """How a promotion lands on its target."""

    MERGE = "merge"
    SQUASH = "squash"
    REBASE = "rebase"
    FAST_FORWARD = "fast-forward"

    @property
    def keeps_ancestry(self) -> bool:
        """Whether the candidate names the source head as its second parent."""
        return self in (MergeMethod.MERGE, MergeMethod.FAST_FORWARD)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A commit that is proposed, and the objects that it needs to be written."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    message: str
    objects: NewObjects


@dataclass(frozen=True, slots=True)
class Plan:
    """What a promotion would do. `candidate` is None where nothing is pending, or blocked."""

    comparison: Comparison
    candidate: Candidate | None
    promoted: tuple[Change, ...] = ()
    held_back: tuple[Change, ...] = ()
    commits: tuple[Commit, ...] = ()

    @property
    def state(self) -> State:
        """The hop's state; a text that cannot be made is a conflict that drift does not see."""
        blocked = any(change.state is State.CONFLICT for change in self.held_back)
        return State.CONFLICT if blocked else self.comparison.state


def plan_promotion(
    objects: Objects, comparison: Comparison, keep: Keep, method: MergeMethod = MergeMethod.MERGE
) -> Plan:
    """Return the candidate of a hop, or what blocks it. Nothing is written."""
    return _Builder(objects, comparison, keep).plan(method)


@dataclass(frozen=True, slots=True)
class Carried:
    """A commit that brings values from one environment to another, and the places it brings.

    `refused` are those that cannot be written, each with a note that says why; `commit`
    is None where nothing is left to bring.
    """

    commit: Candidate | None
    changes: tuple[Change, ...] = ()
    refused: tuple[Change, ...] = ()


def carry(
    objects: Objects,
    comparison: Comparison,
    keep: Keep,
    places: Collection[tuple[str, str | None]],
    message: str,
) -> Carried:
    """Return a commit on the target that has the source's values at `places`, and only there.

    Whichever side moved: this is how drift is brought home, and how it is undone. What
    is kept is never carried. Nothing is written.
    """
    files = tuple(_carrying(file, places) for file in comparison.files)
    return carry_pending(objects, replace(comparison, files=files), keep, message)


def carry_pending(objects: Objects, comparison: Comparison, keep: Keep, message: str) -> Carried:
    """Return a commit on the target that has what is pending, on the target's line alone."""
    return _Builder(objects, comparison, keep).carry(message)


def _carrying(file: FileComparison, places: Collection[tuple[str, str | None]]) -> FileComparison:
    changes = []
    for change in dict.fromkeys(replace(c, state=State.DRIFT, note="") for c in file.changes):
        wanted = (change.path, change.key) in places
        changes.append(replace(change, state=State.PENDING) if wanted else change)
        if wanted and not file.keyed and file.source and file.target:
            # The target's own lines stay, so git has to merge the two.
            changes.append(change)
    kept = {change.place for change in file.changes if change.state is State.KEPT}
    judged = (replace(c, state=State.KEPT) if c.place in kept else c for c in changes)
    return replace(file, changes=tuple(judged))


def promotion_id(environment: str, source_sha: str) -> str:
    """Return the id of the promotion of a source commit, the same after every rebuild."""
    return f"{environment}/{source_sha[:12]}"


class _Builder:
    def __init__(self, objects: Objects, comparison: Comparison, keep: Keep) -> None:
        self.objects, self.comparison, self.keep = objects, comparison, keep
        self.new = NewObjects(len(comparison.source.sha))
        self.reader = TreeReader(objects)
        self.entries: dict[str, Entry | None] = {}
        self.refused: dict[str, str] = {}  # by path, why no text could be made
        self.notes: dict[str, str] = {}  # by path, what the reviewer should look at

    def plan(self, method: MergeMethod) -> Plan:
        pending = [file for file in self.comparison.files if _has(file, State.PENDING)]
        if self.comparison.state is not State.CONFLICT:
            self._make(pending)
        promoted, held_back = self._sorted_out()
        blocked = any(change.state is State.CONFLICT for change in held_back)
        commits = tuple({c.sha: c for change in promoted for c in change.commits}.values())
        candidate = None
        if self.entries and not blocked:
            source, target = self.comparison.source, self.comparison.target
            parents = (target.sha, source.sha) if method.keeps_ancestry else (target.sha,)
            candidate = self._commit(parents, _message(self.comparison, promoted, commits))
        return Plan(self.comparison, candidate, promoted, held_back, commits)

    def carry(self, message: str) -> Carried:
        self._make([file for file in self.comparison.files if _has(file, State.PENDING)])
        changes, held_back = self._sorted_out()
        # A value that cannot be written has become a conflict, a layout stays pending.
        open_ = (State.CONFLICT, State.PENDING)
        refused = tuple(change for change in held_back if change.state in open_)
        parents = (self.comparison.target.sha,)
        commit = self._commit(parents, message) if self.entries else None
        return Carried(commit, changes, refused)

    def _sorted_out(self) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
        """Return what is promoted and what is held back, each with its note."""
        promoted, held_back = [], []
        keyed = {file.path for file in self.comparison.files if file.keyed}
        for change in self.comparison.changes:
            refusal = self.refused.get(change.path)
            if change.state is not State.PENDING:
                held_back.append(change)
            elif refusal is None:
                note = self.notes.get(change.path, "") if change.key is None else ""
                promoted.append(replace(change, note=note) if note else change)
            else:
                # Comments and layout never block; a value that cannot be written does.
                text_only = change.key is None and change.path in keyed
                state = State.PENDING if text_only else State.CONFLICT
                held_back.append(replace(change, state=state, note=refusal))
        return tuple(promoted), tuple(held_back)

    # The tree

    def _make(self, files: Sequence[FileComparison]) -> None:
        to_make = []
        for file in files:
            pending_only = all(change.state is State.PENDING for change in file.changes)
            if file.keyed and not (file.source_had and pending_only):
                to_make.append(file)
            else:
                self.entries[file.path] = file.source
        self._look_at_new_files(files)
        self._merge_plain([file for file in files if not file.keyed and _has(file, State.DRIFT)])
        makings = self._makings(to_make)
        for making, merged in zip(makings, self._merged(to_make), strict=True):
            self._make_text(making, merged)
        self._make_room()

    def _make_room(self) -> None:
        """Refuse what would stand where the target has a directory, or below a file of its own."""
        files = self.comparison.files
        made = {file.path: self.entries.get(file.path, file.target) for file in files}
        present = {path for path, entry in made.items() if entry is not None}
        for path in present:
            above = path
            while above := above.rpartition("/")[0]:
                if above in present:
                    arrives, stays = (path, above) if path in self.entries else (above, path)
                    self.entries.pop(arrives, None)
                    self.refused[arrives] = f"the target has {stays}, and cannot have both"

    def _merge_plain(self, files: Sequence[FileComparison]) -> None:
        """Take git's merge of plain texts that both sides changed in different lines."""
        for file, text in zip(files, self._merged(files), strict=True):
            if text is not None and file.target is not None:
                oid = self.new.add("blob", text)
                self.entries[file.path] = Entry(file.target.mode, oid)
            else:
                del self.entries[file.path]
                self.refused[file.path] = "git cannot merge the two texts"

    def _merged(self, files: Sequence[FileComparison]) -> list[bytes | None]:
        """Return git's three-way merge of each file, None where it is not clean."""
        merges = {
            file.path: Merge(file.base.oid, file.target.oid, file.source.oid)
            for file in files
            if file.base and file.base.is_file and file.source and file.target
        }
        texts = dict(zip(merges, self.objects.merge_texts(list(merges.values())), strict=True))
        return [texts.get(file.path) for file in files]

    def _makings(self, files: Sequence[FileComparison]) -> list[Making]:
        entries = [entry for file in files for entry in (file.source, file.target) if entry]
        texts = iter(self.objects.read([entry.oid for entry in entries]))
        return [
            making_of(file, decode(next(texts)), decode(next(texts)), self.keep.keys(file.path))
            for file in files
        ]

    def _make_text(self, making: Making, merged: bytes | None) -> None:
        file = making.file
        if file.source is None or file.target is None:
            return
        try:
            data = making.text(merged)
        except (CannotSplice, Unreadable) as error:
            self.refused[file.path] = (
                "comments or layout could not be merged; the target's stay"
                if making.is_layout
                else f"the value cannot be written into the target's text: {error}"
            )
            return
        mode = file.source.mode if _moves_mode(file) else file.target.mode
        entry = Entry(mode, self.new.add("blob", data))
        if entry != file.target:
            self.entries[file.path] = entry

    # Kept values in files that are new to the target

    def _look_at_new_files(self, files: Sequence[FileComparison]) -> None:
        """Let renamed files carry the target's kept values; say which new ones bring their own."""
        arriving = self._with_values([f for f in files if f.target is None])
        leaving = self._with_values([f for f in files if f.source is None])
        for path, (entry, text, values) in arriving.items():
            kept = self.keep.keys(path)
            own = [key for key in values if key in kept and not is_order(key)]
            if not own:
                continue
            old = max(leaving, key=lambda o: _likeness(values, leaving[o][2]), default=None)
            if old is None or _likeness(values, leaving[old][2]) < _ALIKE:
                self.notes[path] = f"new file: brings the source's own {', '.join(sorted(own))}"
                continue
            _, old_text, old_values = leaving.pop(old)
            carried = {key: old_values[key] for key in own if key in old_values}
            expected = Expected({**values, **carried}, {})
            try:
                made = keeping(path, text, old_text, expected, kept)
            except (CannotSplice, Unreadable) as error:
                self.notes[path] = f"renamed from {old}: kept values could not be carried: {error}"
                continue
            names = ", ".join(sorted(carried))
            self.notes[path] = f"renamed from {old}: carries the target's {names}"
            self.entries[path] = Entry(entry.mode, self.new.add("blob", made))

    def _with_values(
        self, files: Sequence[FileComparison]
    ) -> dict[str, tuple[Entry, Text, dict[str, Value]]]:
        """Return those files that have keys and parse, with what they hold."""
        candidates = [
            (file.path, entry)
            for file in files
            if (entry := file.source or file.target)
            and entry.is_file
            and format_of(file.path)
            and self.keep.has_keys
        ]
        texts = self.objects.read([entry.oid for _, entry in candidates])
        found = {}
        for (path, entry), data in zip(candidates, texts, strict=True):
            with suppress(Unreadable):
                found[path] = (entry, decode(data), read_values(path, data))
        return found

    # The commit

    def _commit(self, parents: tuple[str, ...], message: str) -> Candidate:
        of = [self.comparison.source.sha, self.comparison.target.sha]
        return commit_of(self.objects, self.new, self._tree(), parents, message, of=of)

    def _tree(self) -> str:
        """Return the candidate's tree, made from whichever side less must change in."""
        source = self.reader.root(self.comparison.source.sha)
        target = self.reader.root(self.comparison.target.sha)
        differing = {file.path: (file.source, file.target) for file in self.comparison.files}
        # No place to promote where it is on one branch alone, but it may differ.
        sides = self.reader.entry(source, CONFIGURATION), self.reader.entry(target, CONFIGURATION)
        differing.setdefault(CONFIGURATION, sides)
        from_source, from_target = {}, {}
        for path, (theirs, ours) in differing.items():
            wanted = self.entries.get(path, ours)
            if wanted != theirs:
                from_source[path] = wanted
            if wanted != ours:
                from_target[path] = wanted
        if len(from_source) < len(from_target):
            return rewrite(self.reader, source, from_source, self.new)
        return rewrite(self.reader, target, from_target, self.new)


def commit_of(
    objects: Objects,
    new: NewObjects,
    tree: str,
    parents: tuple[str, ...],
    message: str,
    *,
    of: Sequence[str],
) -> Candidate:
    """Return a commit of ours; its time is that of the newest of the commits `of`."""
    time = max(map(committed_at, objects.read(list(of))))
    lines = [
        f"tree {tree}",
        *(f"parent {parent}" for parent in parents),
        f"author {AUTHOR} {time} +0000",
        f"committer {AUTHOR} {time} +0000",
        "",
        message,
    ]
    sha = new.add("commit", "\n".join(lines).encode("utf-8", "surrogateescape"))
    return Candidate(sha, tree, parents, message, new)


# From this share of equal values on, a file that went and one that came are one, renamed.
_ALIKE = 0.5
_MOST_COMMITS_LISTED = 100


def _has(file: FileComparison, state: State) -> bool:
    return any(change.state is state for change in file.changes)


def _moves_mode(file: FileComparison) -> bool:
    """Whether the file's mode is among what is pending."""
    return any(c.key is None and c.state is State.PENDING for c in file.changes)


def _likeness(one: Mapping[str, Value], other: Mapping[str, Value]) -> float:
    """Return the share of places that two files have in common with equal values."""
    equal = sum(1 for key, value in one.items() if other.get(key, ABSENT) == value)
    return equal / max(len(one), len(other), 1)


def _message(comparison: Comparison, promoted: Sequence[Change], commits: Sequence[Commit]) -> str:
    source, target = comparison.source, comparison.target
    files = {change.path for change in promoted}
    what = f"{count(len(promoted), 'change')} in {count(len(files), 'file')}"
    lines = [
        f"Promote {source.environment} to {target.environment}",
        "",
        f"{what}, from {source.branch} into {target.branch}:",
        "",
    ]
    lines += [f"- {_one_line(c.subject)} ({c.sha[:10]}, {_one_line(c.author)})" for c in commits][
        :_MOST_COMMITS_LISTED
    ]
    if len(commits) > _MOST_COMMITS_LISTED:
        lines.append(f"- and {len(commits) - _MOST_COMMITS_LISTED} more")
    pull_requests = dict.fromkeys(named for c in commits for named in c.pull_requests)
    if pull_requests:
        lines += ["", f"Pull requests: {', '.join(pull_requests)}"]
    lines += [
        "",
        f"Lockstep-Promotion: {promotion_id(target.environment, source.sha)}",
        f"Lockstep-Source: {source.sha}",
        f"Lockstep-Environment: {target.environment}",
        *(f"Lockstep-Held: {commit}" for commit in comparison.held_by),
        "",
    ]
    return "\n".join(lines)


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
