"""Rows of the table: what was measured beside what, in one run, and whether the goal is met."""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Goal:
    """A limit for a row's ratio: at most `limit`, or at least."""

    limit: float
    at_least: bool = False

    def met(self, ratio: float) -> bool:
        """Whether a ratio is on the right side of the limit."""
        return ratio >= self.limit if self.at_least else ratio <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. A row without a goal tells, and is not judged."""

    section: str
    what: str
    measured: str
    against: str = ""
    ratio: float | None = None
    goal: Goal | None = None

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where there is none."""
        if self.goal is None or self.ratio is None:
            return None
        return self.goal.met(self.ratio)


@dataclass(frozen=True, slots=True)
class Hop:
    """Two commits of a repository on this disk, to be compared."""

    directory: Path
    source: str
    target: str
    label: str


class Section(Protocol):
    """What yields the rows of one section."""

    def __call__(self, *, quick: bool) -> Iterator[Row]:
        """Measure, in few rounds where it is to be quick."""


def interleaved(
    rounds: int,
    runs: Mapping[str, Callable[[], object]],
    before: Callable[[], object] | None = None,
) -> dict[str, float]:
    """Return the median seconds of each run; they take turns, so a busy machine slows all.

    `before` is called before each and not timed. The first round warms up and does not count.
    """
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for round_ in range(rounds + 1):
        for name, run in runs.items():
            if before is not None:
                before()
            started = time.perf_counter()
            run()
            if round_:
                seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(taken) for name, taken in seconds.items()}


def compared(
    section: str,
    what: str,
    seconds: tuple[float, float],
    against: str = "",
    goal: Goal | None = None,
    *,
    gain: bool = False,
) -> Row:
    """Return a row of two times: ours ÷ theirs, or how many times faster where it is a gain."""
    ours, theirs = seconds
    return Row(
        section,
        what,
        shown(ours),
        f"{shown(theirs)} {against}".rstrip(),
        theirs / ours if gain else ours / theirs,
        goal,
    )


def shown(seconds: float) -> str:
    """Return a duration as people read it."""
    if seconds < 0.1:
        return f"{seconds * 1e3:.3g} ms"
    return f"{seconds * 1e3:.0f} ms" if seconds < 10 else f"{seconds:.1f} s"


def size(count: float) -> str:
    """Return a number of bytes as people read it."""
    for unit in ("bytes", "KB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"
