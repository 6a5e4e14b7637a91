"""What the engine asks of git; `bot.repository` answers it.

All names are object ids, in hexadecimal; all paths are surrogate-escaped strings.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bot.model import Entry


class MissingObject(Exception):
    """An object that git cannot give: the repository is damaged or incomplete."""


@dataclass(frozen=True, slots=True)
class LoggedCommit:
    """A commit, its parents, and what it changed against the first of them.

    `touched` maps a path to the entry before and after; None is absent.
    """

    sha: str
    parents: tuple[str, ...]
    touched: Mapping[str, tuple[Entry | None, Entry | None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record:
    """The trailers of a promotion, or of a roll-back, on the target's first-parent line.

    `source` is what was promoted, and `id` says it to people. A roll-back has `undone`,
    the commit on the same line that it undoes, and `by`, who asked for it; its `source`
    is what the undone promotion brought. `held` are the roll-backs that still held
    something back when a promotion was made, so that nobody has to look further back.
    """

    commit: str
    source: str
    id: str = ""
    undone: str = ""
    by: str = ""
    held: tuple[str, ...] = ()


# In the order in which `record_of` takes their values.
RECORD_TRAILERS = (
    "Environment",
    "Source",
    "Promotion",
    "Held",
    "Rollback",
    "Rollback-Of",
    "Rollback-Source",
    "Rollback-By",
)


def branches_of(environment: str) -> tuple[str, str]:
    """Return how the branches begin that promotions into, and roll-backs of, one have."""
    return f"lockstep/promote/{environment}/", f"lockstep/rollback/{environment}/"


def record_of(
    commit: str, environment: str, values: Sequence[Sequence[str]], width: int
) -> Record | None:
    """Return what the values of `RECORD_TRAILERS` say of a commit; None for nothing of ours.

    Of several the last counts; `width` is the length of an object id.
    """
    environments, sources, ids, held, undone_ids, undone, undone_sources, by = values
    if environment not in environments:
        return None
    if undone and _is_oid(undone[-1], width):
        named = (undone_sources or [""])[-1]
        source = named if _is_oid(named, width) else ""
        last = (undone_ids or [""])[-1]
        return Record(commit, source, last, undone[-1], (by or ["somebody"])[-1])
    if sources and _is_oid(sources[-1], width):
        still = tuple(one for one in held if _is_oid(one, width))
        return Record(commit, sources[-1], (ids or [""])[-1], held=still)
    return None


def _is_oid(text: str, width: int) -> bool:
    return len(text) == width and all(character in "0123456789abcdef" for character in text)


@dataclass(frozen=True, slots=True)
class Merge:
    """Three versions of one file, by blob, to be merged as git merges text."""

    base: str
    ours: str
    theirs: str


class Reads(Protocol):
    """Whatever gives objects by their ids."""

    def read(self, oids: Sequence[str]) -> list[bytes]:
        """Return the contents of objects, in order. Raises `MissingObject`."""


class Objects(Reads, Protocol):
    """Read access to one repository's objects."""

    def sizes(self, oids: Sequence[str]) -> list[int]:
        """Return the sizes of objects in bytes, in order. Raises `MissingObject`."""

    def prefetch(self, oids: Sequence[str]) -> None:
        """Fetch what a partial mirror lacks of these, in one round trip."""

    def log(
        self, head: str, since: Sequence[str], paths: Sequence[str], *, first_parent: bool = False
    ) -> dict[str, LoggedCommit]:
        """Return the commits `head` has and `since` have not, with what they did to `paths`."""

    def merge_bases(self, one: str, other: str) -> tuple[str, ...]:
        """Return the best common ancestors of two commits: none, one, or several."""

    def records(self, head: str, environment: str) -> Iterator[Record]:
        """Yield the records of promotions into `environment`, and of roll-backs, newest first.

        They stand on the first-parent line of `head`; where a person merged without them,
        on the commit of ours that was merged.
        """

    def recorded(self, commits: Sequence[str], environment: str) -> list[Record]:
        """Return the records of these commits of the line; of what is none, nothing."""

    def contains(self, head: str, commit: str) -> bool:
        """Whether `commit` exists and is `head` or an ancestor of it."""

    def merge_texts(self, merges: Sequence[Merge]) -> list[bytes | None]:
        """Return each merge's text, None where git's three-way merge is not clean."""
