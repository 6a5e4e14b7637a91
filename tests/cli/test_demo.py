"""A story that does not come true is an error that says what was expected, and what was seen."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from bot.cli import demo, demo_stage, logs
from bot.cli.demo_stage import Not, NotAsTold, Stage
from tests.cli.command import lockstep


@pytest.fixture(autouse=True)
def _the_environment_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    # What the command sets in its own process ends with the test.
    for name, value in demo._APART.items():
        monkeypatch.setenv(name, value)


async def test_what_is_not_seen_in_time_is_told_with_what_was_seen_last(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(demo_stage, "_PATIENCE_SECONDS", 0.3)
    looks: list[Not | str] = [Not("nothing"), Not("a draft")]
    # `watch` touches neither forge nor clone.
    nowhere: Any = None
    stage = Stage(nowhere, nowhere, nowhere, tmp_path)

    async def look() -> Not | str:
        return looks.pop(0) if len(looks) > 1 else looks[0]

    with pytest.raises(NotAsTold) as error:
        await stage.watch("a pull request", look)

    assert str(error.value) == "expected within 0 s: a pull request\nseen: a draft"


async def test_what_is_seen_in_the_end_is_enough(tmp_path: Path) -> None:
    looks: list[Not | str] = [Not("nothing"), "found"]
    nowhere: Any = None
    stage = Stage(nowhere, nowhere, nowhere, tmp_path)

    async def look() -> Not | str:
        return looks.pop(0)

    assert await stage.watch("it", look) == "found"


def test_a_story_that_is_not_as_told_exits_with_1_and_shows_the_log(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    async def run(place: Path, *, once: bool) -> None:
        assert once
        (place / "lockstep.log").write_text("12:00:00 the forge is away\n")
        raise NotAsTold("expected: a pull request\nseen: none")

    monkeypatch.setitem(demo._PLAYS, "github", run)
    monkeypatch.setattr(logs, "set_up", lambda *_, **__: None)

    answer = lockstep(capfd, "demo", "--once")

    assert (answer.code, answer.out) == (1, "")
    assert answer.err == (
        "lockstep: the story is not as told\nexpected: a pull request\nseen: none\n\n"
        "the server's log ends with\n12:00:00 the forge is away\n"
    )


def test_a_story_that_is_broken_off_is_no_success(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    async def run(place: Path, *, once: bool) -> None:
        assert (place.name.startswith("lockstep-demo-"), once) == (True, True)
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()

    monkeypatch.setitem(demo._PLAYS, "github", run)
    monkeypatch.setattr(logs, "set_up", lambda *_, **__: None)

    assert lockstep(capfd, "demo", "--once").code == 130
