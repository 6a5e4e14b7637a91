"""`make chaos`: kill everything at every step, fail at every call, and print what became of it.

`--only matrix|faults|gitlab|pairs` runs a part, `--markdown FILE` writes the tables there too,
`--pairs N` chooses so many pairs of faults from the seed `LOCKSTEP_SEED`. Ends with 1 where a
cell is red.
"""

import argparse
import logging
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos import faulty, matrix
from tests.chaos.installation import Installation
from tests.chaos.story import PATIENCE
from tests.faults import processes

PARTS = ("matrix", "faults", "gitlab", "pairs")
VICTIMS = (
    "worker",
    "receiver",
    "Temporal",
    "forge",
    "disk full",
    "mirror corrupted",
    "mirror removed",
)


class Report:
    """Lines for people, and what was red."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.red: list[str] = []

    def say(self, *lines: str) -> None:
        """Print lines, and keep them."""
        for line in lines:
            sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
        self.lines += lines

    def matrix(self) -> None:
        """Kill each victim in the middle of every step."""
        cells: list[matrix.Cell] = []
        with _installation(timeout=PATIENCE) as here:
            for victim in VICTIMS:
                with _timed(victim):
                    cells += matrix.run(here, victim)
        self.say("", "## Who is killed where", "", *matrix.table(cells))
        self.red += [f"{c.step.name}, {c.victim}: {c.failure}" for c in cells if c.failure]

    def faults(self) -> None:
        """Fail at every call of the hop, on GitHub."""
        self._faults("github", faulty.FAULTS)

    def gitlab(self) -> None:
        """Fail at every call of the hop, on GitLab, in fewer ways."""
        self._faults("gitlab", faulty.FEWER)

    def _faults(self, dialect: str, faults: Iterable[str]) -> None:
        with _installation(dialect) as here:
            usual = faulty.undisturbed(here, len(faulty.CALLS[dialect]))
            rounds, most = {}, 0.0
            for fault in faults:
                with _timed(f"{dialect}: {fault}"), _patient(is_so=fault == faulty.ALONE):
                    rounds[fault] = faulty.each(dialect, fault)
                    most = max(most, self._bounded(here, rounds[fault], usual, fault))
        self.say("", f"## Faults of {dialect}", "", *faulty.table(rounds))
        self.say("", f"Writes of a hop: {usual:.1f} undisturbed, at most {most:.1f} under a fault.")

    def pairs(self, seed: int, count: int) -> None:
        """Fail at two calls of the hop, on GitHub."""
        made = faulty.pairs("github", seed, count)
        with _installation() as here, _timed(f"{count} pairs"):
            usual = faulty.undisturbed(here, 5)
            most = 0.0
            for at in range(0, count, 12):
                most = max(most, self._bounded(here, made[at : at + 12], usual, "a pair"))
        good = sum(not ill.failure for ill in made)
        self.say(
            "", "## Pairs of faults", "", f"`LOCKSTEP_SEED={seed}`: {good} of {count} end well."
        )
        self.say(f"Writes of a hop: at most {most:.1f}.")

    def _bounded(
        self, here: Installation, ills: list[faulty.Ill], usual: float, what: str
    ) -> float:
        spent = faulty.run(here, ills)
        self.red += [f"{here.dialect}, {ill.name}: {ill.failure}" for ill in ills if ill.failure]
        self.red += [f"{here.dialect}, {ill.name}: not met" for ill in ills if ill.unmet]
        if spent > usual * faulty.MOST_TIMES_AS_MANY:
            self.red.append(
                f"{here.dialect}, {what}: {spent:.1f} writes a hop, {usual:.1f} usually"
            )
        return spent


@contextmanager
def _installation(
    dialect: str = "github", timeout: float = faulty.PATIENCE_SECONDS
) -> Iterator[Installation]:
    with tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as directory:
        here = Installation(Path(directory), dialect, timeout)
        try:
            here.start()
            yield here
        finally:
            here.close()


@contextmanager
def _patient(*, is_so: bool) -> Iterator[None]:
    """Wait longer for everything, where the forge has asked for minutes of silence."""
    before = processes.PATIENCE_SECONDS
    processes.PATIENCE_SECONDS = faulty.ALONE_PATIENCE_SECONDS if is_so else before
    try:
        yield
    finally:
        processes.PATIENCE_SECONDS = before


@contextmanager
def _timed(what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    sys.stderr.write(f"{what}: {time.monotonic() - began:.0f} s\n")


def main() -> int:
    """Run what is asked for; return how it went."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--only", choices=PARTS, action="append")
    arguments.add_argument("--markdown", type=Path)
    arguments.add_argument("--pairs", type=int, default=24)
    asked = arguments.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    seed = int(os.environ.get("LOCKSTEP_SEED") or random.randrange(1_000_000))
    report, began = Report(), time.monotonic()
    parts: dict[str, Callable[[], None]] = {
        "matrix": report.matrix,
        "faults": report.faults,
        "gitlab": report.gitlab,
        "pairs": lambda: report.pairs(seed, asked.pairs),
    }
    for part in asked.only or PARTS:
        parts[part]()
    report.say("", f"{time.monotonic() - began:.0f} s, {len(report.red)} red.")
    report.say(*(f"- {line}" for line in report.red))
    if asked.markdown is not None:
        asked.markdown.write_text("\n".join(report.lines) + "\n")
    return 1 if report.red else 0


if __name__ == "__main__":
    sys.exit(main())
