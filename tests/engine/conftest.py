"""A repository for each test, alone with its own configuration of git."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world import GIT_ENVIRONMENT, SHA256, World


@pytest.fixture(autouse=True)
def _nobodys_git_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GIT_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World.new(tmp_path / "repository.git") as world:
        yield world


@pytest.fixture
def world256(tmp_path: Path) -> Iterator[World]:
    with World.new(tmp_path / "repository.git", SHA256) as world:
        yield world
