"""Find the repositories that we may write to, and have each looked at by its pipeline."""

import asyncio
import logging
import random
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowHandle,
    WorkflowQueryFailedError,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError

from bot.cli.open_work import RUNNING
from bot.engine.drift import CONFIGURATION
from bot.forges.budget import unhurried
from bot.forges.forge import Forge, ForgeError, RateLimited, RepositoryInfo
from config.settings import Settings
from webhook.dispatch import TASK_QUEUE, WORKFLOW
from webhook.events import RepositoryRef
from workflows.putting_off import pause_after
from workflows.sites import now
from workflows.values.base import RepositoryKey
from workflows.values.pipeline import PipelineState

# First looks under way: half of what a worker has threads for, so that events find one free.
_AT_ONCE = 8
_PACE_SECONDS = 0.1
_LOOK_SECONDS = 0.25
_AGAIN_SECONDS = 30.0
_LONGEST_LOOK_SECONDS = 120.0
_MOST_NAMED = 20
# A second, and what clocks may differ.
_SAME_TIME = timedelta(seconds=2)

_log = logging.getLogger(__name__)


async def keep_finding(client: Client, settings: Settings, forges: Iterable[Forge]) -> None:
    """Find repositories now and at every re-observe, for ever; each new one is looked at."""
    finders = [_Finder(client, settings, forge) for forge in forges]
    interval = settings.reconcile_interval.total_seconds()
    while True:
        pause = interval * (1 + random.random() / 10)  # noqa: S311 -- no secret
        for finder in finders:
            try:
                await finder.find()
            except RateLimited as limited:
                left = (limited.until - now()).total_seconds()
                pause = min(pause, max(left, 1.0))
                _log.warning("looking for repositories goes on later: %s", limited)
            except (ForgeError, RPCError, WorkflowQueryFailedError) as error:
                pause = min(pause, _AGAIN_SECONDS)
                _log.warning("cannot look for repositories: %s; trying again", error)
        await asyncio.sleep(pause)


class _Finder:
    """Finds the repositories of one forge; remembers which had no configuration, and when.

    Those are asked again only once they were pushed to, and cost no clone.
    """

    def __init__(self, client: Client, settings: Settings, forge: Forge) -> None:
        self._client, self._settings, self._forge = client, settings, forge
        self._without: dict[int, tuple[datetime | None, str]] = {}
        self._is_first = True
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def find(self) -> None:
        """Look once. Raises `ForgeError` and Temporal's errors."""
        login, found = await asyncio.to_thread(
            lambda: (self._forge.login(), list(self._forge.repositories()))
        )
        served = [one for one in found if self._serves(one)]
        running = await _running(self._client)
        fresh = [one for one in served if self._key(one).pipeline_id not in running]
        asked = [one for one in fresh if self._without.get(one.id) != _mark(one)]
        if self._is_first:
            self._say_first(login, found, served)
            # What happened while no worker was there is found soon, and not all at once: events
            # that come meanwhile would wait behind so many looks.
            for one in served:
                if self._key(one).pipeline_id in running:
                    await _started(self._client, self._key(one), one)
                    await asyncio.sleep(_PACE_SECONDS)
            _say_kept([one.full_name for one in served if one not in fresh])
        managed = await asyncio.gather(*map(self._looked_at, asked))
        _say_kept([one.full_name for one, yes in zip(asked, managed, strict=True) if yes])
        if self._is_first and served and len(fresh) == len(served) and not any(managed):
            _say_none(len(served))
        self._is_first = False

    def _serves(self, one: RepositoryInfo) -> bool:
        return self._settings.serves(one.full_name) and not one.archived

    def _key(self, one: RepositoryInfo) -> RepositoryKey:
        return RepositoryKey(forge=self._forge.name, owner=one.owner, name=one.name)

    async def _looked_at(self, one: RepositoryInfo) -> bool:
        """Start the pipeline of one that is configured; return whether it stays."""
        async with self._turn:
            if not await self._is_configured(one):
                if _is_settled(one):
                    self._without[one.id] = _mark(one)
                return False
            self._without.pop(one.id, None)
            return await _managed(await _started(self._client, self._key(one), one))

    async def _is_configured(self, one: RepositoryInfo) -> bool:
        """Ask for the file; where a limit is met, all that come after wait with this one."""
        while True:
            try:
                return await asyncio.to_thread(self._has_file, one)
            except RateLimited as limited:
                pause = pause_after(limited, now())
                _log.info("%s is looked at in %d s: %s", one.full_name, pause.seconds, limited)
                await asyncio.sleep(pause.total_seconds())

    def _has_file(self, one: RepositoryInfo) -> bool:
        with unhurried():
            return self._forge.has_file(one.full_name, CONFIGURATION)

    def _say_first(
        self, login: str, found: Sequence[RepositoryInfo], served: Sequence[RepositoryInfo]
    ) -> None:
        if served:
            _log.info("looking at %s that %s may write to", _counted(len(served)), login)
        elif found:
            _log.warning(
                "LOCKSTEP_REPOSITORIES names none of the %s that %s may write to",
                _counted(len(found)),
                login,
            )
        else:
            _log.warning("%s may write to no repository on %s yet", login, self._forge.name)


def _mark(one: RepositoryInfo) -> tuple[datetime | None, str]:
    """Return what is another when the file may have come."""
    return one.pushed, one.default_branch


def _is_settled(one: RepositoryInfo) -> bool:
    """Whether a push from now on shows: those of one second have the same time."""
    return one.pushed is None or now() - one.pushed > _SAME_TIME


async def _running(client: Client) -> set[str]:
    return {run.id async for run in client.list_workflows(RUNNING)}


async def _started(
    client: Client, key: RepositoryKey, repository: RepositoryInfo
) -> WorkflowHandle[object, object]:
    """Have the repository's pipeline look; one that is not there is started."""
    handle: WorkflowHandle[object, object] = await client.start_workflow(
        WORKFLOW,
        RepositoryRef(
            forge=key.forge,
            owner=repository.owner,
            name=repository.name,
            id=repository.id,
            default_branch=repository.default_branch,
        ),
        id=key.pipeline_id,
        task_queue=TASK_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        start_signal="glance",
    )
    return handle


async def _managed(handle: WorkflowHandle[object, object]) -> bool:
    """Return whether the pipeline stays after its first look: the repository is configured."""
    try:
        async with asyncio.timeout(_LONGEST_LOOK_SECONDS):
            while True:
                status = (await handle.describe()).status
                if status is not WorkflowExecutionStatus.RUNNING:
                    return False
                state = await handle.query("state", result_type=PipelineState)
                if state.looked is not None:
                    return True
                await asyncio.sleep(_LOOK_SECONDS)
    except (TimeoutError, RPCError, WorkflowQueryFailedError) as error:
        # It was told to look all the same, and no other has to wait for it.
        _log.warning("%s has not looked at its repository yet%s", handle.id, _because(error))
        return False


def _because(error: Exception) -> str:
    return f": {error}" if str(error) else ""


def _say_kept(kept: Sequence[str]) -> None:
    if kept:
        shown = ", ".join(sorted(kept)[:_MOST_NAMED])
        more = f" and {len(kept) - _MOST_NAMED} more" if len(kept) > _MOST_NAMED else ""
        _log.info("keeping in lockstep: %s%s", shown, more)


def _say_none(looked: int) -> None:
    _log.warning(
        "there is no `.lockstep.yaml` on the default branch of %s; `lockstep init` proposes it",
        "the repository" if looked == 1 else f"any of these {looked} repositories",
    )


def _counted(count: int) -> str:
    return "1 repository" if count == 1 else f"{count} repositories"
