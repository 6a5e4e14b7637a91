"""The places of one file, each judged by the values it has had on either side."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.engine.contents import Contents, differing
from bot.engine.history import Base, Line, Moment, Read, Version, joined, sync_point
from bot.engine.nodes import Unreadable
from bot.engine.undoing import Step, rolled_back
from bot.model import ABSENT, Change, Entry, State, Value
from config.patterns import above, covers


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the histories of one place say.

    The moves are the moments after the sync point; `agreed_entry` is the version that
    held the agreed value in the source, after `agreed_commit`, or at the base where that is None.
    """

    state: State
    agreed: Value = ABSENT
    agreed_entry: Entry | None = None
    agreed_commit: str | None = None
    source_moves: tuple[Moment, ...] = ()
    target_moves: tuple[Moment, ...] = ()


def judge(source: Sequence[Moment], target: Sequence[Moment]) -> Verdict:
    """Return which side has moved since both histories last agreed."""
    point = sync_point([m.value for m in source], [m.value for m in target])
    if point is None:
        return Verdict(State.CONFLICT, source_moves=tuple(source), target_moves=tuple(target))
    ours, theirs = tuple(source[point[0] + 1 :]), tuple(target[point[1] + 1 :])
    state = State.CONFLICT if ours and theirs else State.PENDING if ours else State.DRIFT
    agreed = source[point[0]]
    version = agreed.version
    return Verdict(state, agreed.value, version.entry, version.commit, ours, theirs)


@dataclass(slots=True)
class Draft:
    """A change whose commits are known by id only, newest first.

    `contest` is the version that a text merge starts from, where both sides moved and
    git may still bring them together. `held_by` are roll-backs that hold it back.
    """

    change: Change
    moved_source: tuple[str, ...] = ()
    moved_target: tuple[str, ...] = ()
    contest: Entry | None = None
    held_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileHistory:
    """One path that differs, with its versions on either side for each base."""

    path: str
    source: Entry | None
    target: Entry | None
    contents: Contents
    lines: Sequence[tuple[Line, Line]]  # the source's and the target's, for each base
    versions: Sequence[tuple[list[Version], list[Version]]]
    steps: Sequence[Step] = ()  # of the target since its oldest roll-back that may hold
    lifted: frozenset[str] = frozenset()

    @property
    def keyed(self) -> bool:
        """Whether both sides parse, so that changes are by key."""
        return (
            self.contents.values(self.source) is not None
            and self.contents.values(self.target) is not None
        )

    def drafts(self) -> list[Draft]:
        """Return the changes of this file, by key where both sides parse, null first."""
        return self._by_key() if self.keyed else [self._whole()]

    def _by_key(self) -> list[Draft]:
        contents, kept = self.contents, self.contents.kept
        source = contents.values(self.source) or {}
        target = contents.values(self.target) or {}
        keys = differing(source, target)
        drafts, owned = [], []
        for key, common in sorted(keys.items()):
            mine, yours = source.get(key, ABSENT), target.get(key, ABSENT)
            if key in kept:
                owned.append(Draft(Change(self.path, key, State.KEPT, mine, yours)))
            else:
                read = contents.at_key(key, common and self._settled_items(key, common))
                drafts.append(self._judged(key, read, mine, yours))
        drafts = settle_overlaps(drafts, source, target)
        # Layout is looked at only where no value differs, and can be only where the kept
        # places that are to be left out stand in both texts.
        same_shape = all(d.change.source.exists and d.change.target.exists for d in owned)
        null_place = self._null_place(may_be_layout=not drafts and same_shape)
        return null_place + sorted(drafts + owned, key=lambda draft: draft.change.place)

    def _settled_items(self, key: str, common: frozenset[str]) -> frozenset[str]:
        """Return the items by which an order's history is told: those that it began with.

        What came in since stands where its arrival put it, which is no move; unless these
        alone do not differ.
        """
        began = self.contents.values(self.versions[0][0][0].entry) or {}
        items = common & frozenset(began[key].data if key in began else ())
        read = self.contents.at_key(key, items)
        return items if items and read(self.source) != read(self.target) else common

    def _null_place(self, *, may_be_layout: bool) -> list[Draft]:
        contents = self.contents
        mine, yours = contents.as_blob(self.source), contents.as_blob(self.target)
        if contents.as_mode(self.source) != contents.as_mode(self.target):
            return [replace(self._judged(None, contents.as_mode, mine, yours), contest=None)]
        if may_be_layout and contents.as_layout(self.source) != contents.as_layout(self.target):
            draft = self._judged(None, contents.as_layout, mine, yours)
            note = "only comments or layout differ"
            # Where git cannot merge them the target's stay: they never block.
            state = State.DRIFT if draft.change.state is State.CONFLICT else draft.change.state
            return [replace(draft, change=replace(draft.change, state=state, note=note))]
        return []

    def _whole(self) -> Draft:
        contents = self.contents
        mine, yours = contents.as_blob(self.source), contents.as_blob(self.target)
        one_sided = self.source is None or self.target is None
        if one_sided and contents.values(self.source or self.target) is not None:
            return replace(self._judged(None, contents.as_whole, mine, yours), contest=None)
        draft = self._judged(None, contents.as_blob, mine, yours)
        stays = draft.change.state in (State.DRIFT, State.HELD)
        if not stays and self._would_lose_kept():
            note = "one side does not parse; values that the target keeps would be lost"
            conflict = replace(draft.change, state=State.CONFLICT, note=note)
            return replace(draft, change=conflict, contest=None)
        mergeable = (
            self.source is not None
            and self.target is not None
            and self.source.is_file
            and self.source.mode == self.target.mode
        )
        return draft if mergeable else replace(draft, contest=None)

    def _would_lose_kept(self) -> bool:
        """Whether one side's text, taken as one value, would overwrite kept values."""
        contents = self.contents
        sides = contents.parsed(self.source), contents.parsed(self.target)
        unreadable = any(isinstance(side, Unreadable) for side in sides)
        known = (key for side in sides if isinstance(side, dict) for key in side)
        return unreadable and any(key in contents.kept for key in known)

    def _dropped(self, ours: Line, verdict: Verdict, read: Read) -> bool:
        """Whether the source merged the target and kept an older value than the target's.

        The base's value counts as agreed, but a merge that took the target's ancestry and
        dropped its value (`-s ours`) agreed to nothing: who had moved was the target.
        """
        first = verdict.source_moves[0].version
        if verdict.agreed_commit is not None or first.commit is None:
            return False
        before = ours.before_merge_of_base(first.commit, self.path)
        return before is not None and read(before[0]) == read(before[1]) == read(first.entry)

    def _judged(self, key: str | None, read: Read, source: Value, target: Value) -> Draft:
        verdicts = [
            judge(joined(ours, read), joined(theirs, read)) for ours, theirs in self.versions
        ]
        verdict, state = verdicts[0], verdicts[0].state
        if any((v.state, v.agreed) != (state, verdict.agreed) for v in verdicts):
            state = State.CONFLICT  # several merge bases tell different stories
        ours, theirs = self.lines[0]
        if state is State.PENDING and self._dropped(ours, verdict, read):
            state = State.CONFLICT

        def origins(line: Line, moves: Sequence[Moment]) -> tuple[str, ...]:
            return tuple(
                dict.fromkeys(
                    line.origin(m.version.commit, self.path, m.value, read)
                    for m in reversed(moves)
                    if m.version.commit is not None
                )
            )

        draft = Draft(
            Change(self.path, key, state, source, target, verdict.agreed),
            origins(ours, verdict.source_moves),
            origins(theirs, verdict.target_moves),
            verdict.agreed_entry if state is State.CONFLICT and key is None else None,
        )
        return self._undone(draft, read)

    def _undone(self, draft: Draft, read: Read) -> Draft:
        """Return the draft as it is if a roll-back was the last to move it in the target."""
        undone = rolled_back(self.steps, read)
        if undone is None:
            return draft
        value, who = read(self.source), undone.by
        if value is None or undone.holds(value, self.lifted):
            held = replace(draft.change, state=State.HELD, note=f"rolled back by {who}")
            return replace(draft, change=held, contest=None, held_by=tuple(undone.by_commit))
        note = f"was rolled back by {who}, and comes back" if undone.holds(value) else ""
        pending = replace(draft.change, state=State.PENDING, note=note)
        moved = draft.moved_source or self._brought(value, read)
        return replace(draft, change=pending, moved_source=moved, contest=None)

    def _brought(self, value: Value, read: Read) -> tuple[str, ...]:
        """Return the commit that brought a value to the source, however long ago that was.

        Since the base it has not moved, and who wrote it must not agree to it all the same.
        """
        known = self.lines[0][0]
        line = Line.read(known.objects, known.reader, known.head, Base(None), [self.path])
        touched = [
            entry
            for commit in line.commits.values()
            for sides in commit.touched.values()
            for entry in sides
        ]
        known.objects.prefetch(sorted({e.oid for e in touched if e is not None and e.is_file}))
        self.contents.load(touched)
        return (line.origin(known.head, self.path, value, read),)


def settle_overlaps(
    drafts: Sequence[Draft], source: dict[str, Value], target: dict[str, Value]
) -> list[Draft]:
    """Make one conflict, at the shortest key, of overlapping places that both sides moved.

    They overlap where one side turned a scalar into a mapping, or back.
    """
    keys = {draft.change.key for draft in drafts}
    overlapping: dict[str, list[Draft]] = {}
    for draft in drafts:
        key = draft.change.key or ""
        shortest = next(place for place in above(key) if place in keys)
        overlapping.setdefault(shortest, []).append(draft)
    return [
        draft
        for key, group in overlapping.items()
        for draft in (group if _one_sided(group) else [_conflict_of(group, key, source, target)])
    ]


def _one_sided(group: Sequence[Draft]) -> bool:
    """Whether no two places meet here, or one side alone has moved them all."""
    return len(group) == 1 or {draft.change.state for draft in group} in (
        {State.PENDING},
        {State.DRIFT},
        {State.HELD},
    )


def _conflict_of(
    group: Sequence[Draft], key: str, source: dict[str, Value], target: dict[str, Value]
) -> Draft:
    upper = next(draft for draft in group if (draft.change.key or "") == key)
    change = replace(
        upper.change,
        state=State.CONFLICT,
        source=subtree(source, key),
        target=subtree(target, key),
    )
    return Draft(
        change,
        tuple(dict.fromkeys(sha for draft in group for sha in draft.moved_source)),
        tuple(dict.fromkeys(sha for draft in group for sha in draft.moved_target)),
    )


def subtree(values: dict[str, Value], key: str) -> Value:
    """Return the value at `key`, or all below it as one value, by relative key path."""
    if key in values:
        return values[key]
    below = {k[len(key) :].removeprefix("."): v for k, v in values.items() if covers(key, k)}
    if not below:
        return ABSENT
    token = "{" + ",".join(f"{k}={v.token}" for k, v in sorted(below.items())) + "}"
    return Value(token, {k: v.data for k, v in sorted(below.items())})
