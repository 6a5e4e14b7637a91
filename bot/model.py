"""The values everything else speaks in: environments, hops, places, changes. All frozen."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, NamedTuple

# The kinds of forges, as ids and addresses spell them; `git` is a plain server without one.
ForgeName = Literal["github", "gitlab", "git"]

# The two ways in which a forge may be told of a check: a commit status, or a run of an App's.
ReportedBy = Literal["status", "run"]


class State(StrEnum):
    """Where a place or a hop stands. `IN_SYNC` is a hop's alone."""

    IN_SYNC = "in-sync"
    KEPT = "kept"
    HELD = "held"  # rolled back, and kept out until it changes in the source
    PENDING = "pending"
    DRIFT = "drift"
    CONFLICT = "conflict"


_WORST_FIRST = (State.CONFLICT, State.DRIFT, State.PENDING)


@dataclass(frozen=True, slots=True)
class Value:
    """What one environment holds at one place.

    Two values are equal exactly when their tokens are: type and content, so ``1``,
    ``"1"``, ``1.0`` and ``true`` all differ, and NaN equals itself.
    """

    token: str
    data: Any = field(compare=False)  # what JSON output shows

    @property
    def exists(self) -> bool:
        """Whether there is anything at the place; absent is a value, but not null."""
        return bool(self.token)


ABSENT = Value("", None)


class Entry(NamedTuple):
    """What a tree holds under one path: a file, a symbolic link or a submodule."""

    mode: str
    oid: str

    @property
    def is_file(self) -> bool:
        """Whether this is text or bytes to look into, not a link or a submodule."""
        return self.mode.startswith("100")


@dataclass(frozen=True, slots=True)
class Head:
    """An environment and the commit its branch is at."""

    environment: str
    branch: str
    sha: str


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit as people know it. `date` is the author's, in ISO 8601 with its offset."""

    sha: str
    author: str
    email: str
    date: str
    subject: str
    body: str = ""

    @property
    def pull_requests(self) -> tuple[str, ...]:
        """The pull requests that the message names on a merge, each as its forge writes it.

        `#12` on GitHub, `!12` on GitLab.
        """
        named = re.findall(r"\(([#!]\d+)\)", self.subject)
        named += re.findall(r"^Merge pull request (#\d+)\b", self.subject)
        named += re.findall(r"^See merge request \S*(!\d+)$", self.body, re.MULTILINE)
        return tuple(dict.fromkeys(named))


@dataclass(frozen=True, slots=True)
class Change:
    """One place where source and target differ, and why.

    `key` is None for a whole-file change. `commits` moved the side that moved, newest first.
    """

    path: str
    key: str | None
    state: State
    source: Value
    target: Value
    agreed: Value = ABSENT
    commits: tuple[Commit, ...] = ()
    note: str = ""  # what a reader should know about this one, empty where nothing

    @property
    def place(self) -> tuple[str, str]:
        """What changes are sorted by: null first, and it spells like the empty key."""
        return self.path, "" if self.key is None else "=" + self.key


def worst(states: Sequence[State]) -> State:
    """Return the state that speaks for all of them; kept counts for nothing."""
    return next((state for state in _WORST_FIRST if state in states), State.IN_SYNC)
