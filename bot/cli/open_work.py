"""What the pipelines know: the promotions that are open, and what each waits for."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict
from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode

from bot.cli.main import Failure
from bot.model import ForgeName
from workflows.values import (
    BackMerge,
    DriftState,
    OpenPromotion,
    PipelineState,
    Planned,
    RepositoryKey,
)

RUNNING = 'WorkflowType = "pipeline" AND ExecutionStatus = "Running"'


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Waiting(_Value):
    """An open promotion, and the sentence that says what it waits for."""

    environment: str
    source: str
    pull_request: int | None
    waits_for: str
    rolls_back: bool = False


class BroughtHome(_Value):
    """An open back-merge: what drifted in an environment, on its way home."""

    environment: str
    pull_request: int


class ForLater(_Value):
    """A promotion that is planned, in UTC and as people say it."""

    environment: str
    at: datetime
    wall: str
    by: str


class OpenWork(_Value):
    """One repository's open work."""

    forge: ForgeName
    repository: str
    promotions: tuple[Waiting, ...]
    back_merges: tuple[BroughtHome, ...]
    planned: tuple[ForLater, ...] = ()
    frozen: str = ""


async def pipelines(client: Client, full_name: str | None) -> list[RepositoryKey]:
    """Return the repositories that have a pipeline, or the one that is asked for.

    Raises `Failure` where there is none of that name.
    """
    found = []
    async for run in client.list_workflows(RUNNING):
        _, forge, path = run.id.split("/", 2)
        owner, _, name = path.rpartition("/")
        found.append(RepositoryKey.model_validate({"forge": forge, "owner": owner, "name": name}))
    found.sort(key=lambda key: key.path)
    if full_name is None:
        return found
    chosen = [key for key in found if key.full_name.casefold() == full_name.casefold()]
    if not chosen:
        known = ", ".join(key.full_name for key in found) or "none"
        raise Failure(f"there is no pipeline of `{full_name}`; repositories with one: {known}")
    return chosen


async def open_work(client: Client, keys: Sequence[RepositoryKey]) -> list[OpenWork]:
    """Return the open work of these repositories. Raises `Failure` where no worker answers."""
    return list(await asyncio.gather(*(_of_one(client, key) for key in keys)))


async def open_promotions(client: Client, key: RepositoryKey) -> Sequence[OpenPromotion]:
    """Return the promotions that a pipeline knows of. Raises `Failure` where no worker answers."""
    state = await _pipeline(client, key)
    return state.open if state is not None else ()


async def planned(client: Client, key: RepositoryKey) -> Sequence[Planned]:
    """Return what is planned for later. Raises `Failure` where no worker answers."""
    state = await _pipeline(client, key)
    return state.planned if state is not None else ()


async def _pipeline(client: Client, key: RepositoryKey) -> PipelineState | None:
    state: PipelineState | None = await _asked(client, key.pipeline_id, "state", PipelineState)
    return state


async def _of_one(client: Client, key: RepositoryKey) -> OpenWork:
    pipeline, drift = await asyncio.gather(
        _pipeline(client, key),
        _asked(client, key.drift_watch_id, "state", DriftState),
    )
    promotions = pipeline.open if pipeline else ()
    waiting = await asyncio.gather(*(_waiting(client, one) for one in promotions))
    home: Sequence[BackMerge] = (drift.back_merges if drift else None) or ()
    return OpenWork(
        forge=key.forge,
        repository=key.full_name,
        promotions=tuple(waiting),
        back_merges=tuple(
            BroughtHome(environment=one.environment, pull_request=one.number) for one in home
        ),
        planned=tuple(
            ForLater(environment=one.environment, at=one.at, wall=one.wall, by=one.person)
            for one in (pipeline.planned if pipeline else ())
        ),
        frozen=pipeline.frozen if pipeline else "",
    )


async def _waiting(client: Client, promotion: OpenPromotion) -> Waiting:
    reason = await _asked(client, promotion.workflow_id, "waits_for", str)
    return Waiting(
        environment=promotion.environment,
        source=promotion.source,
        pull_request=promotion.number,
        waits_for=reason or "",
        rolls_back=bool(promotion.rolls_back),
    )


async def _asked(client: Client, workflow: str, query: str, type_: type[Any]) -> Any:
    """Return what a workflow answers, None where there is no such workflow."""
    try:
        return await client.get_workflow_handle(workflow).query(query, result_type=type_)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise Failure(
            f"no worker has answered for {workflow} ({error.message}); is one running?"
        ) from error
    except WorkflowQueryFailedError as error:
        raise Failure(f"{workflow} could not answer: {error}") from error
