"""A worker, put together: forges, mirrors, activities and workflows on one task queue."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.common import (
    VersioningBehavior,
    WorkerDeploymentVersion,
    WorkflowIDConflictPolicy,
)
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkerDeploymentConfig
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from bot.forges.forge import Forge
from bot.probes import Outside
from webhook.dispatch import TASK_QUEUE
from workflows.activities import Activities
from workflows.drift_watch import DriftWatchWorkflow
from workflows.memory import tidied
from workflows.pipeline import PipelineWorkflow
from workflows.promotion import PromotionWorkflow
from workflows.sites import Clock, Sites, now
from workflows.values.pipeline import Report
from workflows.values.promotion import News, PromotionState

WORKFLOWS = (PipelineWorkflow, PromotionWorkflow, DriftWatchWorkflow)
DEPLOYMENT = "lockstep"
RECONCILE = timedelta(minutes=10)
# Workflow tasks hold the interpreter, so more at once make none faster, and each costs memory.
WORKFLOW_TASKS = 8
POLLS = 3
# Workflows that stay in memory between two tasks; the others are replayed when they are next.
CACHED = 500
_CALL_SECONDS = 30.0
_log = logging.getLogger(__name__)
# Pure modules of our own: to import them anew for each workflow costs time and memory.
_PASSED_THROUGH = (
    "bot",
    "config",
    "pydantic",
    "pydantic_core",
    "webhook",
    "workflows.remembering",
    "workflows.routing",
    "workflows.values",
)


@dataclass(frozen=True, slots=True)
class Build:
    """What a worker says that it is built of: each step in a history names its build.

    Where Temporal is asked to `route` by it, a build gets work once an operator has made it
    current, and an open promotion goes on with the current one. Otherwise any worker takes any
    step, which is right while old and new code replay the same histories, and tests see to that.
    """

    name: str = version("lockstep-bot")
    route: bool = False

    @property
    def deployment(self) -> WorkerDeploymentConfig:
        """The same, as the SDK takes it."""
        return WorkerDeploymentConfig(
            version=WorkerDeploymentVersion(deployment_name=DEPLOYMENT, build_id=self.name),
            use_worker_versioning=self.route,
            default_versioning_behavior=(
                VersioningBehavior.AUTO_UPGRADE if self.route else VersioningBehavior.UNSPECIFIED
            ),
        )


def runner() -> UnsandboxedWorkflowRunner:
    """Return what workflows run in: see docs/decisions/0013."""
    return UnsandboxedWorkflowRunner()


def sandbox() -> SandboxedWorkflowRunner:
    """Return the sandbox that histories are replayed in: what is not deterministic fails there."""
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*_PASSED_THROUGH)
    return SandboxedWorkflowRunner(restrictions=restrictions)


class _Workflows:
    """The other workflows, for steps that run in threads."""

    def __init__(self, client: Client) -> None:
        self._client, self._loop = client, asyncio.get_running_loop()

    def start(self, promotion: PromotionState, news: Sequence[News]) -> None:
        """Start a promotion with its first news; one that runs already is success."""
        self._wait_for(
            self._client.start_workflow(
                "promotion",
                args=[promotion, list(news)],
                id=promotion.workflow_id,
                task_queue=TASK_QUEUE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            )
        )

    def report(self, pipeline_id: str, report: Report) -> None:
        """Tell a pipeline; one that is not there finds out by itself."""
        try:
            self._wait_for(self._client.get_workflow_handle(pipeline_id).signal("report", report))
        except RPCError as error:
            # The repository was renamed, or is ours no more.
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            _log.warning("%s is not there to be told", pipeline_id)

    def _wait_for(self, call: Coroutine[Any, Any, object]) -> None:
        asyncio.run_coroutine_threadsafe(call, self._loop).result(_CALL_SECONDS)


@asynccontextmanager
async def worker(
    client: Client,
    forges: Mapping[str, Forge],
    state_dir: Path,
    *,
    reconcile: timedelta = RECONCILE,
    threads: int = 16,
    shutdown: timedelta = timedelta(seconds=20),
    clock: Clock = now,
    build: Build = Build(),
    policies: Sequence[str] = (),
    outside: Outside | None = None,
) -> AsyncIterator[Worker]:
    """Work while the block runs, then let steps that have begun end, for `shutdown` at most.

    `forges` are by name. The client must use `workflows.payloads.data_converter`. Mirrors
    live in `state_dir`, which several workers on one machine may share. `policies` hold for
    every repository. `outside` is where gates may ask, nowhere where it is left out.
    """
    sites = Sites(forges, state_dir / "mirrors", clock, policies, outside)
    with ThreadPoolExecutor(threads, thread_name_prefix="activity") as pool:
        made = Worker(
            client,
            task_queue=TASK_QUEUE,
            workflows=WORKFLOWS,
            activities=Activities(sites, _Workflows(client), reconcile).all,
            activity_executor=pool,
            max_concurrent_activities=threads,
            max_concurrent_workflow_tasks=WORKFLOW_TASKS,
            max_concurrent_workflow_task_polls=POLLS,
            max_concurrent_activity_task_polls=POLLS,
            max_cached_workflows=CACHED,
            workflow_runner=runner(),
            graceful_shutdown_timeout=shutdown,
            deployment_config=build.deployment,
        )
        try:
            async with made:
                yield made
        finally:
            sites.close()


async def run_worker(
    client: Client,
    forges: Mapping[str, Forge],
    state_dir: Path,
) -> None:
    """Work until SIGTERM or SIGINT, or until cancelled."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)
    for one in signals:
        loop.add_signal_handler(one, stop.set)
    try:
        async with tidied(), worker(client, forges, state_dir):
            await stop.wait()
    finally:
        for one in signals:
            loop.remove_signal_handler(one)
