"""The whole drift check: histories and values as rows of their own, by what differs."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

from bench.measure import Goal, Hop, Row, compared, interleaved, shown
from bench.repositories import generated, git
from bot.engine.contents import Contents
from bot.engine.drift import compare
from bot.engine.history import Line, find_bases
from bot.engine.keep import Keep
from bot.engine.trees import TreeChange, TreeReader, diff_trees
from bot.model import Head
from bot.repository import Repository

NAME = "drift"
# Linear, with room for what a larger working set does to the caches of a processor.
_LINEAR = Goal(1.5)
_STEPS = ("trees", "histories", "values", "whole check")


def rows(*, quick: bool) -> Iterator[Row]:
    directory = generated(100_000)
    target = git(directory, "rev-parse", "main")
    counts = (10, 100) if quick else (10, 100, 1_000)
    hops = {
        count: Hop(
            directory,
            git(directory, "rev-parse", f"differ-{count}"),
            target,
            f"{count:,} of 100k files differ",
        )
        for count in counts
    }
    with ExitStack() as stack:
        runs = {
            f"{step}, {hop.label}": run
            for hop in hops.values()
            for step, run in _steps(stack, hop).items()
        }
        seconds = interleaved(3 if quick else 7, runs)
    yield from _told(seconds)
    few, many = counts[-2:]
    for step in _STEPS:
        each = [seconds[f"{step}, {hops[count].label}"] / count for count in (many, few)]
        what = f"{step}, each file: of {many:,} beside of {few:,}"
        yield compared(NAME, what, (each[0], each[1]), f"of {few:,}", _LINEAR)


def of_hop(hop: Hop, *, quick: bool) -> Iterator[Row]:
    with ExitStack() as stack:
        runs = {f"{step}, {hop.label}": run for step, run in _steps(stack, hop).items()}
        yield from _told(interleaved(3 if quick else 7, runs))


def _told(seconds: dict[str, float]) -> Iterator[Row]:
    return (Row(NAME, what, shown(taken)) for what, taken in seconds.items())


def _steps(stack: ExitStack, hop: Hop) -> dict[str, Callable[[], object]]:
    """Return a drift check and its parts, each to be run on a repository that is open."""
    repository = stack.enter_context(Repository.find(hop.directory))
    reader = TreeReader(repository)
    roots = reader.root(hop.source), reader.root(hop.target)
    found = diff_trees(repository, *roots)
    heads = Head("source", "source", hop.source), Head("target", "target", hop.target)
    steps: tuple[Callable[[], object], ...] = (
        lambda: diff_trees(repository, *roots),
        lambda: _histories(repository, hop, found),
        lambda: _values(repository, found),
        lambda: compare(repository, *heads, Keep()),
    )
    return dict(zip(_STEPS, steps, strict=True))


def _histories(repository: Repository, hop: Hop, found: list[TreeChange]) -> None:
    reader, paths = TreeReader(repository), [change.path for change in found]
    for base in find_bases(repository, hop.source, hop.target, "target"):
        lines = [
            Line.read(repository, reader, head, base, paths) for head in (hop.source, hop.target)
        ]
        for line in lines:
            for change in found:
                head = change.source if line.head == hop.source else change.target
                line.versions(change.path, head)


def _values(repository: Repository, found: list[TreeChange]) -> None:
    keep = Keep()
    for path, source, target in found:
        Contents(repository, path, keep.keys(path)).load([source, target])
