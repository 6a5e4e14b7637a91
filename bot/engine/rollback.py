"""Take a promotion back: what it changed and nobody has changed since, and nothing else.

Value by value, as everything here: a hotfix that came after the promotion stays, and is
named. Nothing is written.
"""

from dataclasses import dataclass, replace

from bot.engine.candidate import Carried, carry_pending
from bot.engine.commits import parents_of
from bot.engine.drift import Comparison, FileComparison, compare
from bot.engine.keep import Keep
from bot.engine.objects import Objects, Record
from bot.model import Change, Head, State

CHANGED_SINCE = "changed again since, and left as it is"


@dataclass(frozen=True, slots=True)
class RollBack:
    """What a roll-back would do to `comparison.target`; its source is the commit before.

    `carried.changes` are restored, `left` is what the promotion changed and somebody else
    has changed since.
    """

    promotion: Record
    comparison: Comparison
    carried: Carried
    left: tuple[Change, ...] = ()


def find_promotion(objects: Objects, head: str, environment: str) -> Record | None:
    """Return the newest promotion into an environment that was not rolled back.

    Asked twice in a row it therefore goes one further back.
    """
    undone: set[str] = set()
    for record in objects.records(head, environment):
        if record.undone:
            undone.add(record.undone)
        elif record.commit not in undone:
            return record
    return None


def roll_back(
    objects: Objects, head: Head, promotion: Record, keep: Keep, by: str
) -> RollBack | None:
    """Return the roll-back of a promotion on the line of `head`, that `by` asked for.

    None where the promotion is the line's first commit, with nothing before it.
    """
    (content,) = objects.read([promotion.commit])
    parents = parents_of(content)
    if not parents:
        return None
    before = replace(head, sha=parents[0])
    did = compare(objects, before, replace(head, sha=promotion.commit), keep)
    now = compare(objects, before, head, keep)
    left: list[Change] = []
    files = {file.path: file for file in did.files}
    restored = [
        _restoring(files[file.path], file, left) if file.path in files else _others(file)
        for file in now.files
    ]
    wanted = replace(now, files=tuple(restored), held_by=())
    carried = carry_pending(objects, wanted, keep, _message(head, promotion, by))
    # What cannot be written has become a conflict.
    left += [replace(change, state=State.DRIFT) for change in carried.refused]
    return RollBack(promotion, now, replace(carried, refused=()), tuple(left))


def _restoring(did: FileComparison, now: FileComparison, left: list[Change]) -> FileComparison:
    """Return a file with what is to be restored pending, and all else the target's own."""
    kept = {change.place for change in now.changes if change.state is State.KEPT}
    if did.target == now.target and not kept:
        # Nobody has touched it since: the whole text comes back, byte for byte.
        pending = [replace(change, state=State.PENDING, note="") for change in now.changes]
        return replace(now, changes=tuple(pending), source_had=True)
    promoted = {change.place: change for change in did.changes}
    changes = []
    for change in now.changes:
        theirs = promoted.get(change.place)
        if change.place in kept:
            changes.append(change)
        elif theirs is not None and theirs.target == change.target:
            changes.append(replace(change, state=State.PENDING, note=""))
        else:
            changes.append(replace(change, state=State.DRIFT, note=""))
    text = _texts(did, now)
    if text:
        # Others changed other lines: git may be able to take ours out alone.
        changes = [replace(change, state=State.PENDING) for change in changes] + changes
    else:
        left += _left(promoted, now)
    return replace(now, changes=tuple(changes), base=did.target, source_had=False)


def _others(now: FileComparison) -> FileComparison:
    """Return a file that the promotion did not touch: the target's own."""
    own = (replace(change, state=State.DRIFT) for change in now.changes)
    return replace(now, changes=tuple(own))


def _texts(did: FileComparison, now: FileComparison) -> bool:
    sides = (did.source, did.target, now.target)
    return not now.keyed and all(side is not None and side.is_file for side in sides)


def _left(promoted: dict[tuple[str, str], Change], now: FileComparison) -> list[Change]:
    """Return what the promotion changed here that is neither restored nor as it was before."""
    present = {change.place: change for change in now.changes}
    whole = present.get((now.path, ""))
    found = []
    for place, change in promoted.items():
        current = present.get(place, whole)
        if current is not None and current.target != change.target:
            found.append(replace(current, state=State.DRIFT, note=CHANGED_SINCE))
    return list(dict.fromkeys(found))


def _message(head: Head, promotion: Record, by: str) -> str:
    name = promotion.id or promotion.commit[:12]
    return (
        f"Roll {head.environment} back to before {name}\n\n"
        f"{by} asked for it. What {promotion.commit[:10]} brought is held back until it changes\n"
        f"in the source, or somebody promotes it by hand.\n\n"
        f"Lockstep-Rollback: {name}\n"
        f"Lockstep-Rollback-Of: {promotion.commit}\n"
        f"Lockstep-Rollback-Source: {promotion.source}\n"
        f"Lockstep-Rollback-By: {by}\n"
        f"Lockstep-Environment: {head.environment}\n"
    )
