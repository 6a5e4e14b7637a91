"""`make bench`: every goal beside what it is measured against, as one table.

Ratios are of medians in this run, the two sides taking turns. A goal that is missed is said;
the benchmark itself fails only where it cannot run.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import (
    burst,
    candidate,
    decisions,
    drift,
    edits,
    hop,
    ingest,
    memory,
    mirror,
    reobserve,
    shell,
    trees,
    waiting,
)
from bench.measure import Hop, Row, Section
from bench.repositories import git
from bot.repository import Repository

SECTIONS: dict[str, Section] = {
    module.NAME: module.rows
    for module in (
        *(trees, drift, candidate, decisions, mirror, edits, memory, shell),
        *(ingest, hop, burst, reobserve, waiting),
    )
}


def main() -> None:
    options = _parser().parse_args()
    started = time.perf_counter()
    rows = []
    console = Console(stderr=True)
    for row in _rows(options):
        rows.append(row)
        if not options.json:
            console.print(f"{row.section}: {row.what}", style="dim", highlight=False)
    judged = [row.met for row in rows if row.met is not None]
    summary = f"{sum(judged)} of {len(judged)} goals met"
    if options.json:
        found = [asdict(row) | {"goal": str(row.goal or ""), "met": row.met} for row in rows]
        json.dump({"rows": found, "summary": summary}, sys.stdout, indent=1, ensure_ascii=False)
        return
    if rows:
        Console(width=None if sys.stdout.isatty() else 150).print(_table(rows))
        print(f"{summary}, in {time.perf_counter() - started:.0f} s")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--quick", action="store_true", help="fewer rounds, two minutes")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    parser.add_argument("--repository", type=Path, help="measure on this repository instead")
    parser.add_argument("--source", help="its branch that is ahead (default: HEAD)")
    parser.add_argument("--target", help="its branch to promote into (default: HEAD~1)")
    return parser


def _rows(options: argparse.Namespace) -> Iterator[Row]:
    if options.repository is not None:
        yield from _on(_hop(options), quick=options.quick)
        return
    for name in options.sections or SECTIONS:
        if name not in SECTIONS:
            raise SystemExit(f"there is no section {name}; there are {', '.join(SECTIONS)}")
        yield from SECTIONS[name](quick=options.quick)


def _hop(options: argparse.Namespace) -> Hop:
    with Repository.find(options.repository) as repository:
        directory = repository.directory
    ends = [options.source or "HEAD", options.target or "HEAD~1"]
    source, target = (git(directory, "rev-parse", f"{end}^{{commit}}") for end in ends)
    return Hop(directory, source, target, f"{ends[0]} into {ends[1]}")


def _on(hop: Hop, *, quick: bool) -> Iterator[Row]:
    yield trees.beside_git(hop, quick=quick)
    yield from drift.of_hop(hop, quick=quick)
    yield from candidate.of_hop(hop, quick=quick)


def _table(rows: Sequence[Row]) -> Table:
    table = Table("", "what", "measured", "compared with", "ratio", "goal", "met")
    table.columns[4].justify = "right"
    shown = ""
    for row in rows:
        if row.section != shown and shown:
            table.add_section()
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        met = {True: "[green]yes", False: "[bold red]NO", None: ""}[row.met]
        name = "" if row.section == shown else row.section
        table.add_row(name, row.what, row.measured, row.against, ratio, str(row.goal or ""), met)
        shown = row.section
    return table


if __name__ == "__main__":
    main()
