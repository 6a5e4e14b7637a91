"""What gates judge of the content, observed in git: the same for the bot and for `lockstep plan`.

Only what is asked for is looked at. What does not change with the commits it is of is
remembered, since a promotion that waits is looked at again and again.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from bot.decisions.facts import Calendar, CodeOwners, Owned, Rested, Waiting
from bot.decisions.requirements import Requirements
from bot.engine.candidate import Plan
from bot.engine.drift import compare
from bot.engine.keep import Keep
from bot.engine.nodes import Unreadable
from bot.engine.objects import Objects
from bot.engine.overlay import Overlay
from bot.engine.resting import Move, last_move
from bot.engine.trees import TreeReader
from bot.engine.values import decode
from bot.evidence import calendars
from bot.evidence.codeowners import PLACES, CodeOwnersFile
from bot.evidence.files import lacking, selected
from bot.model import ForgeName, Head, State
from bot.remembered import Remembered
from config.gates import SchemaRule
from config.patterns import path_pattern
from config.schema import Config, Environment

_MOST_FILES = 2_000


# What was found of objects that never change, by their ids.
_MOVES: Remembered[Move | None] = Remembered(256)
_INVALID: Remembered[tuple[str, ...]] = Remembered(256)


@dataclass(frozen=True, slots=True)
class Pushed:
    """A head that a branch was seen at, and when first; None where it was there before."""

    sha: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Around:
    """A repository and what is in force in it: where the evidence for one promotion is found.

    `root` is the commit that the configuration was read from, None where it came from
    elsewhere; `pushed` are the heads that the source has been seen at, oldest first.
    """

    git: Objects
    config: Config
    head: Callable[[Environment], Head | None]
    root: str | None = None
    pushed: Sequence[Pushed] = ()


class People(Protocol):
    """Says who is in a team: None where that may not be seen."""

    def __call__(self, team: str, /) -> frozenset[str] | None:
        """Return the people of a team."""


def of_content(around: Around, plan: Plan, needed: Requirements, now: datetime) -> dict[str, Any]:
    """Return the facts about the content, by their names in `GateFacts`."""
    found: dict[str, Any] = {}
    if needed.soak is not None:
        found["rested"] = rested(around, plan, now)
    if needed.drained:
        target = around.config.environment(plan.comparison.target.environment)
        found["below"] = tuple(_waiting(around, target))
    if needed.freezes:
        found["calendars"] = _calendars(around, needed, now)
    if plan.candidate is not None and (needed.required_files or needed.schemas):
        tree = _Tree(Overlay(around.git, plan.candidate.objects), plan.candidate.tree)
        found["missing"] = lacking(tree.reader, tree.root, needed.required_files)
        if needed.schemas:
            paths = frozenset(change.path for change in plan.promoted)
            found["invalid"] = _INVALID.get(
                (tree.root, needed.schemas, paths),
                lambda: tuple(_invalid(tree, needed.schemas, paths)),
            )
    return found


def rested(around: Around, plan: Plan, now: datetime) -> Rested | None:
    """Return since when the source holds what is promoted, or holds something else.

    That is the committer's date of the newest commit on the source's first-parent line
    that moved one of the places, but not before the push that brought it, where that was
    seen, and never later than now. See docs/decisions/0011.
    """
    source = around.config.environment(plan.comparison.source.environment)
    head = around.head(source)
    if head is None or not plan.promoted:
        return None
    places = tuple((each.path, each.key, each.source.token) for each in plan.promoted)
    move = _MOVES.get(
        (head.sha, places),
        lambda: last_move(around.git, head.sha, plan.promoted, _bases(around.git, plan)),
    )
    if move is None:
        return None
    if not move.holds:
        return Rested(None, move.commit)
    seen = _first_seen(around, move)
    return Rested(min(max(move.at, seen or move.at), now), move.commit)


def _bases(git: Objects, plan: Plan) -> Sequence[str]:
    return git.merge_bases(plan.comparison.source.sha, plan.comparison.target.sha)


def _first_seen(around: Around, move: Move) -> datetime | None:
    """Return when the branch was first seen with the move, None where that was before our time."""
    first = None
    for pushed in reversed(around.pushed):
        if not around.git.contains(pushed.sha, move.commit):
            break
        first = pushed.at
    return first


def _waiting(around: Around, above: Environment) -> Iterator[Waiting]:
    """Yield what waits on each hop below an environment."""
    keep = Keep(around.config.keep)
    for target in around.config.environments:
        if target.source != above.name:
            continue
        heads = around.head(above), around.head(target)
        if heads[0] is not None and heads[1] is not None:
            counts = compare(around.git, heads[0], heads[1], keep).counts
            if changes := counts[State.PENDING] + counts[State.CONFLICT]:
                yield Waiting(above.name, target.name, changes)
        yield from _waiting(around, target)


def _calendars(around: Around, needed: Requirements, now: datetime) -> dict[str, Calendar]:
    """Return the calendars that stand in the repository, by their paths."""
    found = {}
    for freeze in needed.freezes:
        path = freeze.calendar
        if path is None or "://" in path:
            continue
        if around.root is None:
            found[path] = Calendar(problem="it stands on the default branch, which was not read")
            continue
        reader = TreeReader(around.git)
        text = _text(around.git, reader, reader.root(around.root), path)
        if text is None:
            found[path] = Calendar(problem="there is no such file on the default branch")
        else:
            found[path] = calendars.read(text, freeze.timezone, now)
    return found


def _text(git: Objects | Overlay, reader: TreeReader, root: str, path: str) -> bytes | None:
    entry = reader.entry(root, path)
    if entry is None or not entry.is_file:
        return None
    git.prefetch([entry.oid])
    (text,) = git.read([entry.oid])
    return text


@dataclass(slots=True)
class _Tree:
    """The candidate's files."""

    git: Overlay
    root: str
    reader: TreeReader = field(init=False)

    def __post_init__(self) -> None:
        self.reader = TreeReader(self.git)

    def text(self, path: str) -> bytes | None:
        return _text(self.git, self.reader, self.root, path)


def _invalid(tree: _Tree, rules: Sequence[SchemaRule], promoted: frozenset[str]) -> Iterator[str]:
    """Yield what is wrong with the promoted files; with all where their schema is promoted."""
    # Lazy: 100 ms that only those with schemas need.
    from bot.evidence.schemas import NoSchema, schema_of, violations  # noqa: PLC0415

    for rule in rules:
        if rule.schema_ in promoted:
            paths = sorted(selected(tree.reader, tree.root, rule.path))
        else:
            expression = path_pattern(rule.path)
            paths = sorted(path for path in promoted if expression.fullmatch(path))
        paths = [path for path in paths if tree.reader.entry(tree.root, path) is not None]
        if not paths:
            continue
        schema = tree.text(rule.schema_)
        if schema is None:
            yield f"{rule.schema_}, the schema of {rule.path}, is not there"
            continue
        try:
            validator = schema_of(rule.schema_, schema)
        except NoSchema as error:
            yield str(error)
            continue
        if len(paths) > _MOST_FILES:
            yield f"{rule.path} selects more than {_MOST_FILES:,} files"
        for path in paths[:_MOST_FILES]:
            text = tree.text(path)
            if text is not None:
                yield from violations(path, text, validator, rule.schema_)


def code_owners(
    git: Objects, target: Head, paths: Sequence[str], forge: ForgeName, people: People
) -> CodeOwners:
    """Return who owns the promoted paths, by the target branch's CODEOWNERS."""
    reader = TreeReader(git)
    root = reader.root(target.sha)
    for place in PLACES[forge]:
        text = _text(git, reader, root, place)
        if text is None:
            continue
        try:
            characters = decode(text).characters
        except Unreadable as error:
            return CodeOwners(problem=f"{place} on {target.branch} is {error.reason}; mend it")
        entries = CodeOwnersFile(characters, forge).owners_of(paths)
        known: dict[str, frozenset[str] | None] = {}
        for owner in {owner for entry in entries for owner in entry.owners}:
            known[owner] = _people(owner, forge, people)
        return CodeOwners(
            tuple(
                Owned(
                    pattern=entry.pattern,
                    written=entry.owners,
                    people=frozenset().union(*(known[o] or () for o in entry.owners)),
                    hidden=tuple(o for o in entry.owners if known[o] is None),
                    needed=entry.needed,
                )
                for entry in entries
            )
        )
    return CodeOwners(
        problem=f"{target.branch} has no CODEOWNERS; add one, or leave `code_owners` out"
    )


def _people(owner: str, forge: ForgeName, people: People) -> frozenset[str] | None:
    """Return who an owner is: one person, a team's, or None for an address or a hidden team."""
    if not owner.startswith("@") or owner.startswith("@@"):
        return None
    name = owner[1:]
    if "/" in name:
        return people(name)
    # On GitLab a group is written as a person is.
    group = people(name) if forge == "gitlab" else None
    return frozenset({name}) if group is None else group
