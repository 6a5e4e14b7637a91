"""A release is put in the place of another while promotions are open: they go on with it."""

import asyncio
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import SetWorkerDeploymentCurrentVersionRequest
from temporalio.client import Client, WorkflowHistory
from temporalio.service import RPCError
from temporalio.worker import Worker

from tests.shop import APP
from tests.temporal_server import connected, temporal
from tests.workflows.town import REPOSITORY, Town, eventually, town
from workflows.worker import DEPLOYMENT, Build, worker


def release(
    here: Town, directory: Path, name: str, *, route: bool
) -> AbstractAsyncContextManager[Worker]:
    build = Build(name, route=route)
    return worker(here.client, {"github": here.forge}, directory / name, build=build)


async def make_current(client: Client, build: str) -> None:
    """Do what `temporal worker deployment set-current-version` does."""

    async def ask() -> bool:
        request = SetWorkerDeploymentCurrentVersionRequest(
            namespace=client.namespace, deployment_name=DEPLOYMENT, build_id=build
        )
        try:
            await client.workflow_service.set_worker_deployment_current_version(request)
        except RPCError:
            return False  # its first poll has not reached the server yet
        return True

    await eventually(ask, f"{build} to be current")


def builds_of(history: WorkflowHistory) -> list[str]:
    """Return the builds that took a workflow's steps, in order, each once in a row."""
    found: list[str] = []
    for event in history.events:
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
            done = event.workflow_task_completed_event_attributes
            name = done.worker_version.build_id or done.deployment_version.build_id
            if found[-1:] != [name]:
                found.append(name)
    return found


@pytest.mark.parametrize("route", [False, True], ids=["any worker", "routed by build"])
async def test_a_promotion_that_waits_goes_on_with_the_release_that_replaces_its_own(
    tmp_path: Path, *, route: bool
) -> None:
    with temporal(tmp_path) as address:
        client = await connected(address)
        async with town(tmp_path, client) as here:
            async with release(here, tmp_path, "1.0", route=route):
                if route:
                    await make_current(client, "1.0")
                source = await here.commit("development", {"app.yaml": APP.replace("1.0", "1.1")})
                pull = await here.open_into("staging")
                await here.body_says(pull.number, "ci/test has not reported yet")
            async with release(here, tmp_path, "1.1", route=route):
                if route:
                    await make_current(client, "1.1")
                await here.check(pull.head_sha)
                await here.become(pull.number, "merged")
                promotion = f"promotion/github/{REPOSITORY}/staging/{source[:12]}"
                async with asyncio.timeout(20):
                    await here.ended(promotion)
                history = await here.history(promotion)

    assert builds_of(history) == ["1.0", "1.1"]
