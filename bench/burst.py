"""A burst of events for one repository: drained in one go, beside an activity for each event.

Both workflows take the same deliveries through the same dispatcher; their activities do nothing,
so that only what Temporal costs is compared. A burst takes from the first event of the history
to the last, by the server's clock.
"""

import asyncio
import statistics
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from temporalio import activity, workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkflowRunner

from bench.measure import Goal, Row, shown
from bench.server import apart, temporal
from tests.temporal_server import connected
from webhook.dispatch import TASK_QUEUE, Dispatcher, TemporalSignals, pipeline_id
from webhook.events import Delivery, Push, RepositoryRef
from workflows.drift_watch import DriftWatchWorkflow
from workflows.pipeline import PipelineWorkflow
from workflows.values.base import RepositoryKey
from workflows.values.drift import DriftState, Watched
from workflows.values.looks import Survey, SurveyRequest
from workflows.worker import runner

NAME = "burst"
EVENTS = 500
_THEN = datetime(2026, 1, 5, 10, tzinfo=UTC)


def rows(*, quick: bool) -> Iterator[Row]:
    with temporal() as address:
        drained, each = apart(_measure, address, 1 if quick else 3)
    seconds = statistics.median(drained), statistics.median(each)
    against = f"{shown(seconds[1])}, an activity each"
    gain = seconds[1] / seconds[0]
    what = f"{EVENTS} events of one repository"
    yield Row(NAME, what, shown(seconds[0]), against, gain, Goal(6, at_least=True))


@workflow.defn(name="pipeline")
class ActivityEach:
    """Takes each event with an activity of its own, in order."""

    @workflow.init
    def __init__(self, repository: RepositoryRef) -> None:
        del repository
        self._deliveries: list[Delivery] = []

    @workflow.run
    async def run(self, repository: RepositoryRef) -> None:
        """Take as many as a burst has, and end."""
        key = RepositoryKey(forge="github", owner=repository.owner, name=repository.name)
        request = SurveyRequest(repository=key)
        for _ in range(EVENTS):
            await workflow.wait_condition(lambda: bool(self._deliveries))
            self._deliveries.pop()
            await workflow.execute_activity(
                "survey",
                request,
                result_type=Survey,
                start_to_close_timeout=timedelta(minutes=1),
            )

    @workflow.signal
    def take(self, deliveries: list[Delivery]) -> None:
        """Take events from the receiver."""
        self._deliveries.extend(deliveries)


@activity.defn(name="survey")
async def survey(request: SurveyRequest) -> Survey:
    """Find nothing."""
    del request
    return Survey(managed=True, until=_THEN + timedelta(days=3_650), looked=_THEN)


@activity.defn(name="watch_drift")
async def watch_drift(state: DriftState) -> Watched:
    """Find nothing."""
    return Watched(state=state, managed=True)


async def _measure(address: str, rounds: int) -> tuple[list[float], list[float]]:
    """Return seconds of bursts that are drained, and of those with an activity each."""
    client = await connected(address)
    drained, each = [], []
    for number in range(rounds):
        async with _working(client, [PipelineWorkflow, DriftWatchWorkflow], runner()):
            handle = await _sent(client, f"drained-{number}")
            await _quiet(handle)
            drained.append(await _length(handle))
            await handle.terminate()
        # Without a sandbox: what is compared with is not to be slowed.
        async with _working(client, [ActivityEach], UnsandboxedWorkflowRunner()):
            handle = await _sent(client, f"each-{number}")
            await handle.result()
            each.append(await _length(handle))
    return drained, each


@asynccontextmanager
async def _working(
    client: Client, workflows: list[type], runs: WorkflowRunner
) -> AsyncIterator[None]:
    async with Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=workflows,
        activities=[survey, watch_drift],
        workflow_runner=runs,
    ):
        yield


async def _sent(client: Client, name: str) -> WorkflowHandle[object, object]:
    """Send a burst of pushes, all different, as the receiver would."""
    repository = RepositoryRef(forge="github", owner="acme", name=name, id=7)
    deliveries = [
        Delivery(
            id=f"{name}-{number}",
            repository=repository,
            event=Push(branch="development", before=None, after=f"{number:040x}", by="ada"),
        )
        for number in range(EVENTS)
    ]
    dispatcher = Dispatcher(TemporalSignals(client))
    await asyncio.gather(*(dispatcher.take((delivery,)) for delivery in deliveries))
    return client.get_workflow_handle(pipeline_id(deliveries[0]))


async def _quiet(handle: WorkflowHandle[object, object]) -> None:
    """Wait until a workflow that has been sent everything does nothing more about it."""
    while True:
        raw = (await handle.describe()).raw_description
        if not raw.pending_activities and not raw.HasField("pending_workflow_task"):
            return
        await asyncio.sleep(0.05)


async def _length(handle: WorkflowHandle[object, object]) -> float:
    times = [event.event_time for event in (await handle.fetch_history()).events]
    return (times[-1].ToDatetime() - times[0].ToDatetime()).total_seconds()
