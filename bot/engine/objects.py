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
    """The trailers of a promotion commit on the target's first-parent line."""

    commit: str
    source: str


@dataclass(frozen=True, slots=True)
class Merge:
    """Three versions of one file, by blob, to be merged as git merges text."""

    base: str
    ours: str
    theirs: str


class Objects(Protocol):
    """Read access to one repository's objects."""

    def read(self, oids: Sequence[str]) -> list[bytes]:
        """Return the contents of objects, in order. Raises `MissingObject`."""

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
        """Yield the records of promotions into `environment`, newest first.

        They stand on the first-parent line of `head`.
        """

    def contains(self, head: str, commit: str) -> bool:
        """Whether `commit` exists and is `head` or an ancestor of it."""

    def merge_texts(self, merges: Sequence[Merge]) -> list[bytes | None]:
        """Return each merge's text, None where git's three-way merge is not clean."""
