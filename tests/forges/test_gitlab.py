"""GitLab keeps what every forge promises, through real python-gitlab, on the sandbox."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.forges.contract import ForgeContract
from tests.forges.sandboxed_gitlab import SandboxedGitLab, by_token, sandboxed_gitlab
from tests.sandbox.conftest import Forge as Sandbox

_NOT_HERE = {
    "test_nothing_to_merge_is_refused": "GitLab opens a merge request that has nothing in it",
}


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with sandboxed_gitlab(tmp_path / "sandbox") as made:
        yield made


@pytest.fixture
def world(sandbox: Sandbox) -> Iterator[SandboxedGitLab]:
    forge = by_token(sandbox)
    try:
        yield SandboxedGitLab(sandbox, forge)
    finally:
        forge.close()


class TestContract(ForgeContract):
    """All the rules but those that are GitHub's alone."""

    @pytest.fixture(autouse=True)
    def _that_apply(self, request: pytest.FixtureRequest) -> None:
        reason = _NOT_HERE.get(request.node.originalname)
        if reason:
            pytest.skip(reason)
