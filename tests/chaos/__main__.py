"""`make chaos`: kill everything at every step, fail at every call, and print what became of it.

`--only matrix|github|gitlab|pairs` runs a part, `--faults` some of the faults alone, `--pairs N`
chooses so many pairs of faults for each forge from the seed `LOCKSTEP_SEED`, `--lanes N` lets so
many installations work at a time, and `--docs` writes the tables of a whole run into
docs/faults.md. Ends with 1 where a cell is red.
"""

import argparse
import logging
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bot.model import ForgeName
from tests.chaos import faulty, matrix
from tests.chaos.calls import CALLS, FAILURES, LIMITS, PATIENCE_SECONDS
from tests.chaos.installation import Installation
from tests.chaos.report import DOCS, Report, write_docs
from tests.chaos.story import PATIENCE

PARTS = ("matrix", "github", "gitlab", "pairs")
VICTIMS = (
    "worker",
    "receiver",
    "Temporal",
    "forge",
    "disk full",
    "mirror corrupted",
    "mirror removed",
)
UNDISTURBED = 6


@dataclass(slots=True)
class Lanes:
    """The installations that are up, each with a lane of its own; and what all of them find."""

    report: Report
    up: list[Installation] = field(default_factory=list)

    @contextmanager
    def installation(self, dialect: ForgeName, timeout: float) -> Iterator[Installation]:
        """Start an installation, and end it afterwards."""
        with tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as directory:
            here = Installation(Path(directory), dialect, timeout)
            self.up.append(here)
            try:
                here.start()
                yield here
            finally:
                here.close()

    def matrix(self, victims: tuple[str, ...]) -> None:
        """Kill each of the victims in the middle of every step."""
        with self.installation("github", PATIENCE) as here:
            for victim in victims:
                with _timed(victim):
                    self.report.cells += matrix.run(here, victim)

    def faults(self, dialect: ForgeName, faults: tuple[str, ...], usual: int = 0) -> None:
        """Fail in each of these ways at every call of the hop."""
        told = faulty.each(dialect, faults)
        with self.installation(dialect, PATIENCE_SECONDS) as here, _timed(f"{dialect}: {faults}"):
            found = faulty.run(here, told, usual)
        self.report.faults.setdefault(dialect, faulty.Outcome(dialect)).add(found)

    def pairs(self, dialect: ForgeName, count: int) -> None:
        """Fail at two calls of the hop."""
        made = faulty.pairs(dialect, self.report.seed, count)
        with self.installation(dialect, PATIENCE_SECONDS) as here, _timed(f"{dialect}: pairs"):
            self.report.pairs[dialect] = faulty.run(here, made, UNDISTURBED)

    def close(self) -> None:
        """End all that is up, whatever it does."""
        for here in self.up:
            here.close()


@contextmanager
def _timed(what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    sys.stderr.write(f"{time.monotonic() - began:5.0f} s  {what}\n")


Job = Callable[[], None]


def jobs(lanes: Lanes, asked: argparse.Namespace) -> Iterator[Job]:
    """Yield what is to be done, the longest first.

    What silences a token has an installation of its own, so that it holds up nothing else.
    """
    parts = asked.only or PARTS
    for dialect in CALLS:
        chosen = set(asked.faults or (*FAILURES, *LIMITS[dialect]))
        failures = tuple(fault for fault in FAILURES if fault in chosen)
        limits = tuple(fault for fault in LIMITS[dialect] if fault in chosen)
        third = -(-len(failures) // 3)
        parted = (failures[at : at + third] for at in range(0, len(failures), third or 1))
        for some in (*parted, limits):
            if dialect in parts and some:
                yield lambda d=dialect, f=some: lanes.faults(d, f, UNDISTURBED)  # type: ignore[misc]
    if "matrix" in parts:
        yield lambda: lanes.matrix(VICTIMS[:4])
        yield lambda: lanes.matrix(VICTIMS[4:])
    if "pairs" in parts:
        for dialect in CALLS:
            yield lambda d=dialect: lanes.pairs(d, asked.pairs)  # type: ignore[misc]


def run(lanes: Lanes, asked: argparse.Namespace) -> None:
    """Do all of it, some side by side; ends it all where one of them cannot go on."""
    with ThreadPoolExecutor(asked.lanes, thread_name_prefix="lane") as pool:
        going: list[Future[None]] = [pool.submit(job) for job in jobs(lanes, asked)]
        try:
            for done in as_completed(going):
                done.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            lanes.close()
            raise


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Run what is asked for; return how it went."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--only", choices=PARTS, action="append")
    arguments.add_argument("--faults", nargs="+", metavar="FAULT")
    arguments.add_argument("--pairs", type=int, default=24)
    arguments.add_argument("--lanes", type=int, default=3)
    arguments.add_argument("--docs", action="store_true")
    asked = arguments.parse_args()
    if asked.docs and (asked.only or asked.faults):
        arguments.error("--docs needs a whole run: leave --only and --faults out")
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    for how in (signal.SIGINT, signal.SIGTERM):
        signal.signal(how, _interrupted)
    seed = int(os.environ.get("LOCKSTEP_SEED") or random.randrange(1_000_000))
    report, began = Report(seed), time.monotonic()
    try:
        run(Lanes(report), asked)
        whole = True
    except KeyboardInterrupt:
        # What is there is told all the same.
        whole = False
        sys.stdout.write("interrupted: what follows is not all\n")
    seconds, red = time.monotonic() - began, report.red()
    told = (*report.lines(), "", report.summary(seconds), *(f"- {line}" for line in red))
    sys.stdout.write("\n".join((*told, "")))
    if asked.docs and whole:
        write_docs(report, time.strftime("%Y-%m-%d", time.gmtime()), seconds)
        sys.stdout.write(f"The tables are in {DOCS}.\n")
    return 1 if red or not whole else 0


if __name__ == "__main__":
    sys.exit(main())
