"""Warm tree comparison beside one `git diff-tree` process of the same heads."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

from bench.measure import Goal, Hop, Row, compared, interleaved
from bench.repositories import DIFFERING, generated, git
from bot.engine.trees import TreeReader, diff_trees
from bot.repository import Repository

NAME = "trees"


def rows(*, quick: bool) -> Iterator[Row]:
    large, small = generated(100_000), generated(10_000)
    for count in DIFFERING:
        yield beside_git(_hop(large, count, f"{count:,} of 100k files differ"), quick=quick)
    yield _by_size(_hop(large, 1, ""), _hop(small, 1, ""), quick=quick)


def _hop(directory: Path, count: int, label: str) -> Hop:
    source = git(directory, "rev-parse", f"differ-{count}")
    return Hop(directory, source, git(directory, "rev-parse", "main"), label)


def _goal(differing: int) -> Goal:
    return Goal(0.2 if differing <= 10 else 0.6 if differing <= 100 else 1.5)


def beside_git(hop: Hop, *, quick: bool) -> Row:
    command = ["git", f"--git-dir={hop.directory}", "diff-tree", "-r", hop.source, hop.target]
    with Repository.find(hop.directory) as repository:
        reader = TreeReader(repository)
        roots = reader.root(hop.source), reader.root(hop.target)
        differing = len(diff_trees(repository, *roots))
        seconds = interleaved(
            _rounds(differing, quick=quick),
            {
                "ours": lambda: diff_trees(repository, *roots),
                "git": lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL),
            },
        )
    times = seconds["ours"], seconds["git"]
    return compared(NAME, hop.label, times, "git diff-tree", _goal(differing))


def _by_size(large: Hop, small: Hop, *, quick: bool) -> Row:
    with Repository.find(large.directory) as many, Repository.find(small.directory) as few:
        roots = [
            (TreeReader(found).root(hop.source), TreeReader(found).root(hop.target))
            for found, hop in ((many, large), (few, small))
        ]
        seconds = interleaved(
            _rounds(1, quick=quick),
            {
                "many": lambda: diff_trees(many, *roots[0]),
                "few": lambda: diff_trees(few, *roots[1]),
            },
        )
    what = "1 differs: 100k files beside 10k"
    return compared(NAME, what, (seconds["many"], seconds["few"]), "with 10k files", Goal(2))


def _rounds(differing: int, *, quick: bool) -> int:
    rounds = 5 if differing > 1_000 else 15 if differing > 10 else 51
    return rounds // 3 if quick else rounds
