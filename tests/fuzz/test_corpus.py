"""Everything that a fuzzer ever found, or that is worth beginning from, keeps its promise."""

from pathlib import Path

import pytest

from tests.fuzz.__main__ import CORPUS
from tests.fuzz.targets import TARGETS

SEEDS = sorted(path for path in CORPUS.rglob("*") if path.is_file())


@pytest.mark.timeout(10)
@pytest.mark.parametrize("seed", SEEDS, ids=[f"{path.parent.name}/{path.name}" for path in SEEDS])
def test_an_input_keeps_its_targets_promise(seed: Path) -> None:
    TARGETS[seed.parent.name](seed.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_has_something_to_begin_from(name: str) -> None:
    assert list((CORPUS / name).iterdir())
