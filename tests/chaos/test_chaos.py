"""A short form of `make chaos`: each victim once or twice, and a few faults at every call."""

from collections.abc import Iterator

import pytest

from tests.chaos import faulty, matrix
from tests.chaos.__main__ import VICTIMS
from tests.chaos.installation import Installation

# The steps that are dearest to get wrong, each with the victim that makes it hardest.
FEW = {
    "worker": ("pull request opened", "merge answered"),
    "receiver": ("sign-off taken",),
    "Temporal": ("event taken", "merge answered"),
    "forge": ("merge called", "branch pushed"),
    "mirror corrupted": ("after-steps", "pull request opened"),
}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    made = Installation(tmp_path_factory.mktemp("chaos"))
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("victim", FEW)
def test_whoever_is_killed_at_a_step_the_promotion_ends_the_same(
    here: Installation, victim: str
) -> None:
    steps = [step for step in matrix.STEPS if step.name in FEW[victim]]

    cells = matrix.run(here, victim, steps)

    assert [cell.failure for cell in cells] == [""] * len(FEW[victim])


def test_every_victim_is_one_that_can_be_killed(here: Installation) -> None:
    assert tuple(matrix.Victims(here).all) == VICTIMS


def test_a_limit_that_says_not_until_when_is_sat_out(here: Installation) -> None:
    ills = [faulty.Ill({call: "429"}) for call in ("answer", "open", "merge")]

    found = faulty.run(here, ills, usual=1)

    assert list(found.red()) == []


def test_two_faults_in_one_hop_leave_one_of_each(here: Installation) -> None:
    ills = faulty.pairs("github", seed=20, count=4)

    faulty.run(here, ills)

    assert {ill.name: ill.failure for ill in ills} == {ill.name: "" for ill in ills}
