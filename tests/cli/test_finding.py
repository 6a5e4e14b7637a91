"""Repositories are found as they come, and those without a configuration cost next to nothing."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from bot.cli.finding import _Finder, _managed
from bot.forges.forge import RateLimited
from bot.sandbox.controls import Controls
from config.settings import Settings
from tests.temporal_server import connected, temporal
from tests.workflows.town import CONFIGURATION, REPOSITORY, Town, town
from workflows.sites import now
from workflows.values.pipeline import PipelineState
from workflows.worker import worker


@dataclass(frozen=True)
class Description:
    status: WorkflowExecutionStatus = WorkflowExecutionStatus.RUNNING


class StuckPipeline:
    """A workflow whose task fails whenever it is tried."""

    id = "pipeline/github/acme/shop"

    async def describe(self) -> Description:
        return Description()

    async def query(self, _name: str, *, result_type: type[PipelineState]) -> PipelineState:
        raise RPCError(f"cannot query for {result_type.__name__}", RPCStatusCode.INTERNAL, b"")


async def test_a_pipeline_that_cannot_be_asked_is_named_and_passed_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    managed = await _managed(cast("Any", StuckPipeline()))

    assert not managed
    why = "cannot query for PipelineState"
    assert caplog.messages == [f"{StuckPipeline.id} has not looked at its repository yet: {why}"]


PLAIN, OTHER = "acme/plain", "other/config"


async def add(here: Town, name: str) -> None:
    """Add a repository without a configuration, that we may write to."""
    await here.do(lambda c: c.add_repository(name, {"a": "1"}, []))
    await here.do(lambda c: c.set_role(name, "lockstep-bot", "write"))


async def set_clock(here: Town, clock: float | Callable[[], float]) -> Callable[[], float]:
    """Have the forge's clock stand still, or go as another does; return the one before."""

    def set_(controls: Controls) -> Callable[[], float]:
        store = controls._world.store
        before, store.clock = store.clock, clock if callable(clock) else lambda: clock
        return before

    return await here.do(set_)


async def running(here: Town) -> set[str]:
    found = here.client.list_workflows('WorkflowType = "pipeline" AND ExecutionStatus = "Running"')
    return {run.id.removeprefix("pipeline/github/") async for run in found}


async def test_repositories_are_found_and_those_without_a_configuration_asked_again_when_pushed_to(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "bot.cli.finding")
    settings = Settings.model_validate({"state_dir": tmp_path, "repositories": "acme/*"})
    with temporal(tmp_path) as address:
        client = await connected(address)
        async with (
            town(tmp_path, client) as here,
            worker(client, {"github": here.forge}, tmp_path / "state"),
        ):
            await here.do(lambda c: c.add_organization("other", ["ada"]))
            clock = await set_clock(here, time.time() - 3_600)
            for name in (PLAIN, OTHER):
                await add(here, name)
            await set_clock(here, clock)
            finder = _Finder(client, settings, here.forge)

            await finder.find()

            assert await running(here) == {REPOSITORY}
            assert f"keeping in lockstep: {REPOSITORY}" in caplog.messages
            # Nobody had to clone what has no configuration to know that.
            mirrors = tmp_path / "state" / "mirrors" / "github"
            assert len([one for one in mirrors.iterdir() if one.is_dir()]) == 1

            await here.quiet()
            await here.calls()
            await finder.find()
            assert await here.calls() == {"GET /user/repos": 1}

            files = {".lockstep.yaml": CONFIGURATION}
            await here.do(lambda c: c.commit(PLAIN, "main", files, "ada", "Configure"))
            await finder.find()
            assert await running(here) == {REPOSITORY, PLAIN}


async def test_what_was_pushed_just_now_is_asked_again_since_times_are_in_seconds(
    tmp_path: Path,
) -> None:
    settings = Settings.model_validate({"state_dir": tmp_path, "repositories": PLAIN})
    with temporal(tmp_path) as address:
        client = await connected(address)
        async with (
            town(tmp_path, client) as here,
            worker(client, {"github": here.forge}, tmp_path / "state"),
        ):
            # All in one second, which is never over while this runs.
            await set_clock(here, time.time() + 3_600)
            await add(here, PLAIN)
            finder = _Finder(client, settings, here.forge)
            await finder.find()

            files = {".lockstep.yaml": CONFIGURATION}
            await here.do(lambda c: c.commit(PLAIN, "main", files, "ada", "Configure"))
            await finder.find()

            assert await running(here) == {PLAIN}


async def test_an_event_of_what_has_no_configuration_costs_no_clone(tmp_path: Path) -> None:
    with temporal(tmp_path) as address:
        client = await connected(address)
        async with (
            town(tmp_path, client) as here,
            worker(client, {"github": here.forge}, tmp_path / "state"),
        ):
            await here.do(
                lambda c: c.commit(REPOSITORY, "main", {".lockstep.yaml": None}, "ada", "Leave")
            )
            await here.quiet()

            assert await running(here) == set()
            assert not (tmp_path / "state" / "mirrors" / "github").exists()


async def test_where_a_limit_is_met_the_rest_waits_and_all_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "bot.cli.finding")
    settings = Settings.model_validate({"state_dir": tmp_path})
    with temporal(tmp_path) as address:
        client = await connected(address)
        async with (
            town(tmp_path, client) as here,
            worker(client, {"github": here.forge}, tmp_path / "state"),
        ):
            await here.do(lambda c: c.add_organization("other", ["ada"]))
            await here.found(OTHER, {".lockstep.yaml": CONFIGURATION}, writers=())
            asked: list[str] = []
            has_file = here.forge.has_file

            def limited_at_first(repository: str, path: str) -> bool:
                asked.append(repository)
                if asked.count(repository) == 1:
                    raise RateLimited("the budget is used", now())
                return has_file(repository, path)

            monkeypatch.setattr(here.forge, "has_file", limited_at_first)

            await _Finder(client, settings, here.forge).find()

            assert await running(here) == {REPOSITORY, OTHER}
            later = [text for text in caplog.messages if "is looked at in" in text]
            assert len(later) == 2
