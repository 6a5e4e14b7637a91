"""Find the repositories that we may write to, and have each looked at by its pipeline."""

import asyncio
import logging
from collections.abc import Iterable

from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowHandle,
    WorkflowQueryFailedError,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError

from bot.forges.forge import Forge, ForgeError, RepositoryInfo
from config.settings import Settings
from webhook.dispatch import TASK_QUEUE, WORKFLOW
from webhook.events import RepositoryRef
from workflows.values import PipelineState, RepositoryKey

_AT_ONCE = 16
_LOOK_SECONDS = 0.25
_AGAIN_SECONDS = 30.0
_LONGEST_LOOK_SECONDS = 120.0
_MOST_NAMED = 20

_log = logging.getLogger(__name__)


async def keep_finding(client: Client, settings: Settings, forges: Iterable[Forge]) -> None:
    """Find repositories now and at every re-observe, for ever; each new one is looked at.

    One that gets its configuration later tells us so by its push.
    """
    seen: set[int] = set()
    interval = settings.reconcile_interval.total_seconds()
    while True:
        pause = interval
        for forge in forges:
            try:
                await _find(client, settings, forge, seen)
            except (ForgeError, RPCError, WorkflowQueryFailedError) as error:
                pause = min(interval, _AGAIN_SECONDS)
                _log.warning("cannot look for repositories: %s; trying again", error)
        await asyncio.sleep(pause)


async def _find(client: Client, settings: Settings, forge: Forge, seen: set[int]) -> None:
    login, found = await asyncio.to_thread(lambda: (forge.login(), list(forge.repositories())))
    served = [one for one in found if settings.serves(one.full_name) and not one.archived]
    fresh = [one for one in served if one.id not in seen]
    if not fresh:
        if found and not served:
            _log.warning(
                "LOCKSTEP_REPOSITORIES names none of the %s that %s may write to",
                _counted(len(found)),
                login,
            )
        elif not found:
            _log.warning("%s may write to no repository on %s yet", login, forge.name)
        return
    _log.info("looking at %s that %s may write to", _counted(len(fresh)), login)
    turn = asyncio.Semaphore(_AT_ONCE)

    async def look(repository: RepositoryInfo) -> bool:
        async with turn:
            return await _managed(await _started(client, forge, repository))

    managed = await asyncio.gather(*map(look, fresh))
    seen.update(one.id for one in fresh)
    _say([one.full_name for one, yes in zip(fresh, managed, strict=True) if yes], len(fresh))


async def _started(
    client: Client, forge: Forge, repository: RepositoryInfo
) -> WorkflowHandle[object, object]:
    """Have the repository's pipeline look; one that is not there is started."""
    key = RepositoryKey(forge=forge.name, owner=repository.owner, name=repository.name)
    handle: WorkflowHandle[object, object] = await client.start_workflow(
        WORKFLOW,
        RepositoryRef(
            forge=forge.name,
            owner=repository.owner,
            name=repository.name,
            id=repository.id,
            default_branch=repository.default_branch,
        ),
        id=key.pipeline_id,
        task_queue=TASK_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        start_signal="look",
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


def _say(managed: list[str], looked: int) -> None:
    if not managed:
        _log.warning(
            "there is no `.lockstep.yaml` on the default branch of %s; `lockstep init` proposes it",
            "the repository" if looked == 1 else f"any of these {looked} repositories",
        )
        return
    shown = ", ".join(sorted(managed)[:_MOST_NAMED])
    more = f" and {len(managed) - _MOST_NAMED} more" if len(managed) > _MOST_NAMED else ""
    _log.info("keeping in lockstep: %s%s", shown, more)


def _counted(count: int) -> str:
    return "1 repository" if count == 1 else f"{count} repositories"
