"""A repository with the sample configuration on its default branch."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import APP, CONFIGURATION
from tests.world import GIT_ENVIRONMENT, World


@pytest.fixture(autouse=True)
def _a_terminal_of_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GIT_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("FORCE_COLOR", raising=False)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World.new(tmp_path / "shop.git") as world:
        world.begin({"app.yaml": APP, ".lockstep.yaml": CONFIGURATION})
        yield world
