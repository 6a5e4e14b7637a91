"""What roll-backs hold back: a value that was rolled back is neither drift nor pending.

A roll-back says that people took a value out of the target on purpose. Until that value
changes in the source, or somebody promotes by hand, it stays out; what comes after it in
the source is an ordinary change, although both sides have moved since they agreed.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from bot.engine.history import Read
from bot.engine.objects import Objects, Record
from bot.engine.trees import TreeReader
from bot.model import Entry, Value


@dataclass(frozen=True, slots=True)
class Step:
    """What one commit of the target's line did to a path; `undoing` where it is a roll-back.

    `promoted` is what the source had when the undone promotion was made.
    """

    before: Entry | None
    after: Entry | None
    undoing: Record | None = None
    promoted: Entry | None = None


@dataclass(frozen=True, slots=True)
class RolledBack:
    """Why a place was put back: who asked for it last, and what of it is held back.

    `by_commit` are the values that each roll-back took out, by its commit.
    """

    by: str
    by_commit: Mapping[str, frozenset[Value]]

    def holds(self, value: Value, lifted: Collection[str] = ()) -> bool:
        """Whether a roll-back that was not `lifted` took this value out."""
        return any(value in out for one, out in self.by_commit.items() if one not in lifted)


def rolled_back(steps: Sequence[Step], read: Read) -> RolledBack | None:
    """Return what was rolled back at a place, by the steps of its path, newest first.

    None where anything else has moved it in the target since: a hotfix, a promotion.
    """
    found: dict[str, frozenset[Value]] = {}
    by = ""
    for step in steps:
        before, after = read(step.before), read(step.after)
        if before == after or before is None or after is None:
            continue
        if step.undoing is None:
            break
        promoted = read(step.promoted)
        found[step.undoing.commit] = frozenset({before} | ({promoted} if promoted else set()))
        by = by or step.undoing.by
    return RolledBack(by, found) if found else None


@dataclass(slots=True)
class Undone:
    """The roll-backs that may still hold something back in a hop, with what they did."""

    records: tuple[Record, ...] = ()
    steps: dict[str, list[Step]] = field(default_factory=dict)

    def of(self, path: str) -> Sequence[Step]:
        """Return the steps of a path, newest first."""
        return self.steps.get(path, ())


def read_undone(
    objects: Objects,
    reader: TreeReader,
    heads: tuple[str, str],
    records: Sequence[Record],
    paths: Sequence[str],
) -> Undone:
    """Read what has happened to `paths` in the target since the oldest of these roll-backs.

    `heads` are the source's and the target's; `records` come newest first.
    """
    if not records:
        return Undone()
    source, target = heads
    since = [record.undone for record in records if objects.contains(target, record.undone)]
    log = objects.log(target, since[-1:], paths, first_parent=True)
    undoing = {record.commit: record for record in records}
    roots = {
        record.commit: reader.root(record.source)
        for record in records
        if record.source and objects.contains(source, record.source)
    }
    found = Undone(tuple(records))
    for sha, commit in log.items():
        record = undoing.get(sha)
        for path, (before, after) in commit.touched.items():
            promoted = None
            if record is not None and sha in roots:
                promoted = reader.entry(roots[sha], path)
            found.steps.setdefault(path, []).append(Step(before, after, record, promoted))
    return found
