"""Hand deliveries to Temporal: what was taken is kept, and a refusal is said in time.

One signal is in flight per repository; what arrives meanwhile leaves as one list with the next.
Each waits until Temporal has acknowledged the signal that carried it, so nothing is held only here.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError

from webhook.events import Delivery, Event, RepositoryRef

TASK_QUEUE = "lockstep"
WORKFLOW = "pipeline"
SIGNAL = "take"

# GitHub gives up after 10 s, and a delivery may wait for the signal in flight and for its own.
_SIGNAL_SECONDS = 4.0
_HEALTH_SECONDS = 2.0
# The SDK warns from 512 KiB, and the server refuses 2 MiB.
_MAX_SIGNAL_BYTES = 256 * 1024

_SHUTTING_DOWN = "The receiver is shutting down"

_log = logging.getLogger(__name__)


class UnavailableError(Exception):
    """The deliveries are not known to be kept; the message may be shown to anybody."""


class Signals(Protocol):
    """Where deliveries go."""

    async def send(
        self, workflow_id: str, repository: RepositoryRef, deliveries: Sequence[Delivery]
    ) -> None:
        """Return once the deliveries are durable; raises UnavailableError within 5 s if not."""


def pipeline_id(delivery: Delivery) -> str:
    """Return the id of the workflow that takes this delivery's repository's events."""
    repository = delivery.repository
    return f"pipeline/{repository.forge}/{repository.owner}/{repository.name}"


class TemporalSignals:
    """Sends by signal-with-start, so that a repository's first event also starts its pipeline.

    The client must use `pydantic_data_converter`.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def send(
        self, workflow_id: str, repository: RepositoryRef, deliveries: Sequence[Delivery]
    ) -> None:
        """Return once Temporal has it; raises UnavailableError within `_SIGNAL_SECONDS` if not."""
        try:
            # The SDK's own limit is for each attempt, and it tries again.
            async with asyncio.timeout(_SIGNAL_SECONDS):
                await self._client.start_workflow(
                    WORKFLOW,
                    repository,
                    id=workflow_id,
                    task_queue=TASK_QUEUE,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    start_signal=SIGNAL,
                    start_signal_args=[list(deliveries)],
                    rpc_timeout=timedelta(seconds=_SIGNAL_SECONDS),
                )
        except TimeoutError as error:
            raise UnavailableError("Temporal did not answer in time") from error
        except RPCError as error:
            raise UnavailableError(f"Temporal refused it ({error.status.name})") from error
        except RuntimeError as error:
            # What a client that connects lazily raises while there is nobody to connect to.
            raise UnavailableError("Temporal cannot be reached") from error

    async def missing(self) -> list[str]:
        """Return what keeps deliveries from being taken, as sentences; nothing when ready."""
        try:
            async with asyncio.timeout(_HEALTH_SECONDS):
                healthy = await self._client.service_client.check_health()
        except (RPCError, RuntimeError, TimeoutError):
            healthy = False
        return [] if healthy else ["Temporal cannot be reached"]


@dataclass(frozen=True, slots=True)
class _Waiter:
    delivery: Delivery
    # Its result is why it failed, or None.
    done: asyncio.Future[str | None]


class Dispatcher:
    """Coalesces deliveries by repository.

    `most_waiting` bounds the deliveries that wait here, so that a long outage costs refusals and
    not memory.
    """

    def __init__(self, signals: Signals, *, most_waiting: int = 10_000) -> None:
        self._signals = signals
        self._most_waiting = most_waiting
        # A repository has a lane while a signal of its is in flight: what goes with the next.
        self._lanes: dict[str, list[_Waiter]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._closed = False
        self.waiting = 0

    async def take(self, deliveries: Sequence[Delivery]) -> None:
        """Return once all are durable; raises UnavailableError if any is not known to be.

        To be cancelled while waiting takes back nothing that others wait for.
        """
        if self._closed:
            raise UnavailableError(_SHUTTING_DOWN)
        if self.waiting + len(deliveries) > self._most_waiting:
            raise UnavailableError("Too many deliveries are waiting already")
        if len(deliveries) == 1 and (pipeline := pipeline_id(deliveries[0])) not in self._lanes:
            failures = [await self._lead(pipeline, deliveries)]
        else:
            waiters = [self._queue(delivery) for delivery in deliveries]
            failures = [await waiter.done for waiter in waiters]
        for failure in failures:
            if failure is not None:
                raise UnavailableError(failure)

    async def close(self, limit: float) -> None:
        """Take nothing more, and return when all is sent; after `limit` seconds the rest fails."""
        self._closed = True
        try:
            async with asyncio.timeout(limit):
                await self._quiet.wait()
        except TimeoutError:
            for lane in self._lanes.values():
                self._release(lane, _SHUTTING_DOWN)
                lane.clear()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _lead(self, pipeline: str, deliveries: Sequence[Delivery]) -> str | None:
        """Send at once, in the caller's own task: the usual case costs no other."""
        lane = self._open(pipeline)
        self.waiting += 1
        failure = None
        try:
            failure = await self._send(pipeline, deliveries)
        finally:
            self.waiting -= 1
            self._go_on(pipeline, lane, failure)
        return failure

    def _queue(self, delivery: Delivery) -> _Waiter:
        waiter = _Waiter(delivery, asyncio.get_running_loop().create_future())
        self.waiting += 1
        pipeline = pipeline_id(delivery)
        lane = self._lanes.get(pipeline)
        if lane is None:
            lane = self._open(pipeline)
            lane.append(waiter)
            self._go_on(pipeline, lane, None)
        else:
            lane.append(waiter)
        return waiter

    def _open(self, pipeline: str) -> list[_Waiter]:
        self._quiet.clear()
        return self._lanes.setdefault(pipeline, [])

    def _go_on(self, pipeline: str, lane: list[_Waiter], failure: str | None) -> None:
        """After a signal: send what gathered meanwhile, or close the lane."""
        if failure is not None:
            # Who waits behind a failure could not be answered in time by another try.
            self._release(lane, failure)
            lane.clear()
        if lane:
            task = asyncio.create_task(self._send_next(pipeline, lane), name=pipeline)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            del self._lanes[pipeline]
            if not self._lanes:
                self._quiet.set()

    async def _send_next(self, pipeline: str, lane: list[_Waiter]) -> None:
        batch = _first(lane)
        del lane[: len(batch)]
        failure: str | None = _SHUTTING_DOWN
        try:
            failure = await self._send(pipeline, _news(batch))
        finally:
            self._release(batch, failure)
            self._go_on(pipeline, lane, failure)

    async def _send(self, pipeline: str, news: Sequence[Delivery]) -> str | None:
        try:
            await self._signals.send(pipeline, news[-1].repository, news)
        except UnavailableError as error:
            cause = error.__cause__
            _log.warning("%s: %d deliveries refused: %s (%s)", pipeline, len(news), error, cause)
            return str(error)
        except Exception:  # noqa: BLE001 -- whatever it was, nobody may wait for ever
            _log.exception("%s: %d deliveries failed", pipeline, len(news))
            return "The receiver failed; its log says how"
        return None

    def _release(self, waiters: Sequence[_Waiter], failure: str | None) -> None:
        for waiter in waiters:
            self.waiting -= 1
            if not waiter.done.done():
                waiter.done.set_result(failure)


def _first(lane: Sequence[_Waiter]) -> list[_Waiter]:
    """Return as many as one signal may carry, one at least."""
    size = 0
    for count, waiter in enumerate(lane):
        size += len(waiter.delivery.model_dump_json())
        if size > _MAX_SIGNAL_BYTES and count:
            return list(lane[:count])
    return list(lane)


def _news(batch: Sequence[_Waiter]) -> list[Delivery]:
    """Return the deliveries in order; of those that say the same, the last.

    A hundred checks that end together are one hint to look. A comment equals only itself.
    """
    news: dict[Event, Delivery] = {}
    for waiter in batch:
        news.pop(waiter.delivery.event, None)
        news[waiter.delivery.event] = waiter.delivery
    return list(news.values())
