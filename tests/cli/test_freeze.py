"""`lockstep freeze` and `thaw`, and `promote --at`: for people without comments."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.servers import REPOSITORY, SECRET, eventually, forge, settings_for, started
from tests.sandbox.conftest import Forge as Sandbox

FREEZE = "lockstep/freeze"


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with forge(tmp_path / "forge") as running:
        yield running


def branches(sandbox: Sandbox) -> list[str]:
    return [one.name for one in sandbox.repo("alice", REPOSITORY).get_branches()]


def test_a_freeze_needs_no_server_and_ends_with_thaw(sandbox: Sandbox, tmp_path: Path) -> None:
    settings = settings_for(sandbox, tmp_path / "state")
    why = ("--reason", "the data centre burns")

    with started("freeze", "--repo", REPOSITORY, *why, settings=settings) as first:
        first.says("acme/config is frozen, by .*: the data centre burns; `lockstep thaw` ends it")
        assert first.ended() == 0
    assert FREEZE in branches(sandbox)
    readme = sandbox.repo("alice", REPOSITORY).get_contents("README.md", ref=FREEZE)
    assert "the data centre burns" in readme.decoded_content.decode()  # type: ignore[union-attr]
    with started("thaw", "--repo", REPOSITORY, settings=settings) as over:
        over.says("the freeze of acme/config by .* is over")
    assert FREEZE not in branches(sandbox)
    with started("thaw", "--repo", REPOSITORY, settings=settings) as nothing:
        nothing.says("acme/config is not frozen")
        assert nothing.ended() == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "say one of `--repo OWNER/NAME` and `--organisation OWNER`"),
        (("--repo", "config"), "`config` is no repository; write OWNER/NAME"),
        (("--organisation", "acme"), "LOCKSTEP_POLICY_REPOSITORY names no repository of acme"),
        (("--repo", "acme/config", "--forge", "gitlab"), "gitlab is not served by these settings"),
    ],
)
def test_what_cannot_be_frozen_is_said(
    sandbox: Sandbox, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    settings = settings_for(sandbox, tmp_path / "state")

    with started("freeze", *arguments, "--reason", "fire", settings=settings) as frozen:
        frozen.says(said)
        assert frozen.ended() == 1


def test_a_freeze_is_shown_and_a_promotion_is_planned_and_taken_back(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    settings = settings_for(sandbox, tmp_path / "state")
    to = ("promote", "staging", "--repo", REPOSITORY)
    with started("serve", settings=settings) as server:
        url = server.says(r"received at (\S+)")[1]
        sandbox.do.add_hook(REPOSITORY, url, SECRET)
        server.says("ci/test has not reported yet")
        fire = ("--reason", "fire")
        with started("freeze", "--repo", REPOSITORY, *fire, settings=settings) as frozen:
            assert frozen.ended() == 0
        server.says("frozen since .*: fire")
        with started(*to, "--at", "2020-01-01 09:00", settings=settings) as late:
            late.says("2020-01-01 09:00 UTC is past")
        with started(*to, "--at", "2027-01-04 09:00 Europe/Berlin", settings=settings) as planned:
            planned.says("staging is promoted at 2027-01-04 09:00 Europe/Berlin")

        def shown() -> bool:
            with started("status", settings=settings) as status:
                status.ended()
            words = ("frozen since", "planned for 2027-01-04 09:00 Europe/Berlin, by the command")
            return all(word in status.output for word in words)

        eventually(lambda: shown() or None, lambda: "the freeze and the plan in the status")
        with started(*to, "--cancel", settings=settings) as cancelled:
            cancelled.says("nothing is promoted to staging at 2027-01-04 09:00 Europe/Berlin any")
        server.end()
