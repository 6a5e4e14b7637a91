"""Git in memory and git on a disk give the same answers, so what holds on one holds on both."""

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from bot.engine.candidate import MergeMethod, plan_promotion
from bot.engine.drift import compare
from bot.engine.objects import Merge
from bot.engine.trees import NewObjects
from bot.git_process import run_git
from bot.repository import Repository
from tests.engine.histories import KEEPS, Timeline, play, random_steps
from tests.engine.merge3 import merge3

COUNT = 600 if os.environ.get("LOCKSTEP_THOROUGH") else 30


def timelines() -> Iterator[Timeline]:
    """Yield histories, short and long."""
    for seed in range(COUNT):
        random = Random(seed)
        yield play(random_steps(random, random.randrange(4, 30)), random.randrange(len(KEEPS)))


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    run_git("init", "--quiet", "--bare", str(tmp_path))
    with Repository(tmp_path) as repository:
        yield repository


def test_both_kinds_of_git_give_the_same_comparisons_and_candidates(
    repository: Repository,
) -> None:
    lines = list(timelines())
    new = NewObjects(40)
    for line in lines:
        new.objects |= line.git.objects
    repository.write(new)

    for line in lines:
        for hop, method in ((0, MergeMethod.MERGE), (1, MergeMethod.SQUASH)):
            expected = line.plan(hop, method)
            comparison = compare(repository, line.head(hop), line.head(hop + 1), line.keep)
            found = plan_promotion(repository, comparison, line.keep, method)

            assert comparison == expected.comparison
            assert (found.promoted, found.held_back) == (expected.promoted, expected.held_back)
            assert (found.candidate and found.candidate.sha) == (
                expected.candidate and expected.candidate.sha
            )


def test_both_kinds_of_git_merge_texts_alike(repository: Repository) -> None:
    random, new = Random(1), NewObjects(40)
    base = [f"line {number}\n" for number in range(12)]

    def edited() -> bytes:
        lines = list(base)
        for at in sorted(random.sample(range(12), random.randrange(1, 4)), reverse=True):
            lines[at : at + 1] = random.choice([[], ["new\n"], [lines[at], "more\n"]])
        return "".join(lines).encode()

    texts = [("".join(base).encode(), edited(), edited()) for _ in range(200)]
    merges = [Merge(*(new.add("blob", text) for text in three)) for three in texts]
    repository.write(new)

    assert repository.merge_texts(merges) == [merge3(*three) for three in texts]
