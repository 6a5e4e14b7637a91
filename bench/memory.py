"""Peak memory of a drift check, in a process of its own: bounded by what differs.

`python -m bench.memory REPOSITORY SOURCE TARGET` prints the peak in bytes.
"""

import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

from bench.measure import Goal, Row, size
from bench.repositories import generated, git
from bot.engine.drift import compare
from bot.engine.keep import Keep
from bot.model import Head
from bot.repository import Repository

NAME = "memory"


def rows(*, quick: bool) -> Iterator[Row]:
    large, small = generated(100_000), generated(10_000)
    count = 100 if quick else 1_000
    few, fewer, many = _peak(large, 10), _peak(small, 10), _peak(large, count)
    what = "10 differ: 100k files beside 10k"
    yield Row(NAME, what, size(few), f"{size(fewer)} with 10k files", few / fewer, Goal(1.25))
    what = f"100k files: each of {count:,} that differ beside each of 10"
    each = many / count, few / 10
    against = f"{size(each[1])} of 10"
    yield Row(NAME, what, size(each[0]), against, each[0] / each[1], Goal(1))
    yield Row(NAME, f"100k files, {count:,} differ: peak", size(many))


def _peak(directory: Path, count: int) -> int:
    command = [sys.executable, "-m", __name__, str(directory)]
    command += git(directory, "rev-parse", f"differ-{count}", "main").split()
    return int(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def main() -> None:
    directory, source, target = sys.argv[1:]
    with Repository.find(directory) as repository:
        tracemalloc.start()
        found = compare(
            repository, Head("source", "source", source), Head("target", "target", target), Keep()
        )
        assert found.files
        print(tracemalloc.get_traced_memory()[1])


if __name__ == "__main__":
    main()
