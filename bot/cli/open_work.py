"""What the pipelines know: the promotions that are open, and what each waits for."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode

from bot.cli.main import Failure
from bot.cli.pages import Pages
from webhook.dashboard.document import BroughtHome, ForLater, OpenWork, Waiting
from workflows.values.base import RepositoryKey
from workflows.values.drift import DriftState
from workflows.values.pipeline import OpenPromotion, PipelineState, Planned
from workflows.values.promotion import Outline

RUNNING = 'WorkflowType = "pipeline" AND ExecutionStatus = "Running"'
# A worker answers within milliseconds, and after a restart once it has read the history again.
_PATIENCE = timedelta(seconds=10)
_AT_ONCE = 16


class NotAnswered(Failure):
    """No worker has answered for a workflow."""


def repository_of(pipeline: str) -> RepositoryKey:
    """Return the repository whose pipeline has this id."""
    _, forge, path = pipeline.split("/", 2)
    owner, _, name = path.rpartition("/")
    return RepositoryKey.model_validate({"forge": forge, "owner": owner, "name": name})


async def pipelines(client: Client, full_name: str | None) -> list[RepositoryKey]:
    """Return the repositories that have a pipeline, or the one that is asked for.

    Raises `Failure` where there is none of that name.
    """
    found = [repository_of(run.id) async for run in client.list_workflows(RUNNING)]
    found.sort(key=lambda key: key.path)
    if full_name is None:
        return found
    chosen = [key for key in found if key.full_name.casefold() == full_name.casefold()]
    if not chosen:
        known = ", ".join(key.full_name for key in found) or "none"
        raise Failure(f"there is no pipeline of `{full_name}`; repositories with one: {known}")
    return chosen


async def open_promotions(client: Client, key: RepositoryKey) -> Sequence[OpenPromotion]:
    """Return the promotions that a pipeline knows of. Raises `Failure` where no worker answers."""
    state = await _pipeline(client, key)
    return state.open if state is not None else ()


async def planned(client: Client, key: RepositoryKey) -> Sequence[Planned]:
    """Return what is planned for later. Raises `Failure` where no worker answers."""
    state = await _pipeline(client, key)
    return state.planned if state is not None else ()


class Asking:
    """Asks the workflows of repositories, so many at once and no more."""

    def __init__(self, client: Client, pages: Pages) -> None:
        self._client, self._pages = client, pages
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def work(self, key: RepositoryKey, most: int | None = None) -> OpenWork:
        """Return a repository's open work, at most so many of its promotions.

        Raises `NotAnswered`.
        """
        pipeline, drift = await asyncio.gather(
            self._asked(key.pipeline_id, "state", PipelineState),
            self._asked(key.drift_watch_id, "state", DriftState),
        )
        promotions = pipeline.open if pipeline else ()
        shown = promotions[:most]
        home = (drift.back_merges if drift else None) or ()
        return OpenWork(
            forge=key.forge,
            repository=key.full_name,
            url=self._pages.repository(key),
            promotions=tuple(
                await asyncio.gather(*(self._waiting(key, one) for one in shown)),
            ),
            left_out=len(promotions) - len(shown),
            back_merges=tuple(
                BroughtHome(
                    environment=one.environment,
                    pull_request=one.number,
                    url=self._pages.pull_request(key, one.number),
                )
                for one in home
            ),
            planned=tuple(
                ForLater(environment=one.environment, at=one.at, wall=one.wall, by=one.person)
                for one in (pipeline.planned if pipeline else ())
            ),
            frozen=pipeline.frozen if pipeline else "",
            hops=drift.hops if drift else (),
            problem=drift.problem if drift else "",
        )

    async def _waiting(self, key: RepositoryKey, promotion: OpenPromotion) -> Waiting:
        said = await self._outline(promotion.workflow_id)
        return Waiting(
            environment=promotion.environment,
            source=promotion.source,
            pull_request=promotion.number,
            rolls_back=bool(promotion.rolls_back),
            url=self._pages.pull_request(key, promotion.number),
            **said,
        )

    async def _outline(self, workflow: str) -> dict[str, Any]:
        try:
            found = await self._asked(workflow, "outline", Outline)
        except NotAnswered as error:
            if not isinstance(error.__cause__, WorkflowQueryFailedError):
                raise
            # A worker of an older release, which knows of no outline.
            return {"waits_for": await self._asked(workflow, "waits_for", str) or ""}
        # It may have ended since.
        return {"waits_for": ""} if found is None else dict(found)

    async def _asked(self, workflow: str, query: str, type_: type[Any]) -> Any:
        async with self._turn:
            return await _asked(self._client, workflow, query, type_)


async def _pipeline(client: Client, key: RepositoryKey) -> PipelineState | None:
    state: PipelineState | None = await _asked(client, key.pipeline_id, "state", PipelineState)
    return state


async def _asked(client: Client, workflow: str, query: str, type_: type[Any]) -> Any:
    """Return what a workflow answers, None where there is no such workflow."""
    try:
        handle = client.get_workflow_handle(workflow)
        return await handle.query(query, result_type=type_, rpc_timeout=_PATIENCE)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise NotAnswered(
            f"no worker has answered for {workflow} ({error.message}); is one running?"
        ) from error
    except WorkflowQueryFailedError as error:
        raise NotAnswered(f"{workflow} could not answer: {error}") from error
