"""The candidate commit beside git's own plumbing, and beside a merge in a work tree."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.measure import Goal, Hop, Row, compared, interleaved
from bench.repositories import CACHE, generated, git
from bot.engine.candidate import plan_promotion
from bot.engine.drift import Comparison, compare
from bot.engine.keep import Keep
from bot.model import Head, State
from bot.repository import Repository

NAME = "candidate"
_WHO = ("-c", "user.name=Bench", "-c", "user.email=bench@example.com")


def rows(*, quick: bool) -> Iterator[Row]:
    large, small = generated(100_000), generated(10_000)
    target, drifted = git(large, "rev-parse", "main", "drifted").split()
    for count in (10, 100, 1_000):
        source = git(large, "rev-parse", f"differ-{count}")
        yield beside_plumbing(Hop(large, source, target, f"{count:,} of 100k files"), quick=quick)
        label = f"{count:,} of 100k files, 100 others drifted"
        yield beside_plumbing(Hop(large, source, drifted, label), quick=quick)
    source, target = git(small, "rev-parse", "differ-10"), git(small, "rev-parse", "main")
    yield beside_work_tree(Hop(small, source, target, "10 of 10k files"), quick=quick)
    yield from _squashed(quick=quick)


def of_hop(hop: Hop, *, quick: bool) -> Iterator[Row]:
    with Repository.find(hop.directory) as repository:
        plan = plan_promotion(repository, _comparison(repository, hop), Keep())
    merge = ["git", f"--git-dir={hop.directory}", "merge-tree", "--write-tree"]
    merge += ["--name-only", "--no-messages", hop.target, hop.source]
    if plan.candidate is None:
        yield Row(NAME, hop.label, f"no candidate: {plan.state}")
    elif subprocess.run(merge, check=False, stdout=subprocess.DEVNULL).returncode:
        yield Row(NAME, hop.label, "a candidate", "conflicts by git merge-tree")
    else:
        yield beside_plumbing(hop, quick=quick)


class _Scratch:
    """An object directory over a repository's own, so that every run writes all it makes."""

    def __init__(self, hop: Hop) -> None:
        CACHE.mkdir(exist_ok=True)
        self.directory = Path(tempfile.mkdtemp(dir=CACHE, prefix="objects-"))
        alternates = self.directory / "info" / "alternates"
        alternates.parent.mkdir()
        with Repository.find(hop.directory) as repository:
            alternates.write_text(f"{repository.object_directory.resolve()}\n")

    def empty(self) -> None:
        for path in self.directory.iterdir():
            if path.name != "info":
                shutil.rmtree(path)

    def git(self, hop: Hop, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *_WHO, f"--git-dir={hop.directory}", *arguments],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "GIT_OBJECT_DIRECTORY": str(self.directory)},
        )
        return done.stdout.split("\n", 1)[0]


def beside_plumbing(hop: Hop, *, quick: bool) -> Row:
    scratch = _Scratch(hop)
    try:
        with Repository(hop.directory, scratch.directory) as repository:
            comparison = _comparison(repository, hop)
            seconds = interleaved(
                5 if quick else 15,
                {
                    "ours": lambda: _make(repository, comparison),
                    "git": lambda: _plumb(scratch, hop),
                },
                before=scratch.empty,
            )
    finally:
        shutil.rmtree(scratch.directory)
    times = seconds["ours"], seconds["git"]
    return compared(NAME, hop.label, times, "merge-tree + commit-tree", Goal(1.5))


def beside_work_tree(hop: Hop, *, quick: bool) -> Row:
    scratch = _Scratch(hop)
    # A clone of its own, because a work tree writes to the repository it belongs to.
    clone = Path(tempfile.mkdtemp(dir=CACHE, prefix="work-"))
    git(hop.directory, "clone", "--quiet", "--bare", "--shared", str(hop.directory), str(clone))

    def merge() -> None:
        tree = clone / "tree"
        git(clone, "worktree", "add", "--quiet", "--detach", str(tree), hop.target)
        command = ["git", *_WHO, "merge", "--quiet", "--no-ff", "-m", "Promote", hop.source]
        subprocess.run(command, cwd=tree, check=True)

    def clear() -> None:
        scratch.empty()
        shutil.rmtree(clone / "tree", ignore_errors=True)
        git(clone, "worktree", "prune")

    try:
        with Repository(hop.directory, scratch.directory) as repository:
            comparison = _comparison(repository, hop)
            seconds = interleaved(
                1 if quick else 3,
                {"ours": lambda: _make(repository, comparison), "git": merge},
                before=clear,
            )
    finally:
        shutil.rmtree(scratch.directory)
        shutil.rmtree(clone)
    times = seconds["ours"], seconds["git"]
    against = "worktree add + merge"
    return compared(NAME, hop.label, times, against, Goal(100, at_least=True), gain=True)


def _comparison(repository: Repository, hop: Hop) -> Comparison:
    source = Head("source", "source", hop.source)
    target = Head("target", "target", hop.target)
    return compare(repository, source, target, Keep())


def _make(repository: Repository, comparison: Comparison) -> None:
    plan = plan_promotion(repository, comparison, Keep())
    if plan.candidate is not None:
        repository.write(plan.candidate.objects)


def _plumb(scratch: _Scratch, hop: Hop) -> None:
    tree = scratch.git(hop, "merge-tree", "--write-tree", hop.target, hop.source)
    scratch.git(hop, "commit-tree", tree, "-p", hop.target, "-p", hop.source, "-m", "Promote")


def _squashed(*, quick: bool) -> Iterator[Row]:
    """Look for conflicts where promotions were squashed: git sees none of them."""
    directory = generated(10_000, squash=True)
    source, target = git(directory, "rev-parse", "development", "main").split()
    hop = Hop(directory, source, target, "squash history")
    command = ["git", f"--git-dir={directory}", "merge-tree", "--write-tree", "--name-only"]
    command += ["--no-messages", hop.target, hop.source]

    def merge_tree() -> list[str]:
        done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
        return done.stdout.split("\n")[1:]

    with Repository.find(directory) as repository:
        counts = _comparison(repository, hop).counts
        seconds = interleaved(
            3 if quick else 7,
            {"ours": lambda: _comparison(repository, hop), "git": merge_tree},
        )
    conflicts = counts[State.CONFLICT]
    yield Row(
        NAME,
        f"{hop.label}: false conflicts among {sum(counts.values())} changes",
        str(conflicts),
        f"{len(list(filter(None, merge_tree())))} by git merge-tree",
        conflicts,
        Goal(0),
    )
    times = seconds["ours"], seconds["git"]
    yield compared(NAME, f"{hop.label}: whole check", times, "git merge-tree, files only")
