"""What `lockstep status` and the dashboard show, asked of Temporal: bounded, whatever there is.

A look at one page asks at most so many workflows, so many at a time, and ends in time.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from bot.cli.open_work import Asking, NotAnswered, pipelines, repository_of
from bot.cli.pages import Pages
from webhook.dashboard.document import Budget, OpenWork, Question, Status, Unavailable, Working
from webhook.dispatch import TASK_QUEUE
from workflows.values.base import RepositoryKey

PER_PAGE = 25
"""Repositories that a page shows."""

MOST_PROMOTIONS = 20
"""Promotions of one repository that a page asks; of the one that is named alone, ten times that."""

_LISTED = (
    '(WorkflowType = "pipeline" OR WorkflowType = "promotion") AND ExecutionStatus = "Running"'
)
_MOST_LISTED = 50_000
# What is open where changes slowly, and to list all of it costs the most.
_LIST_SECONDS = 10.0
_LOOK_SECONDS = 8.0
_RPC = timedelta(seconds=5)

Budgets = Callable[[], Awaitable[Sequence[Budget] | None]]
"""Returns what is known of the tokens; None where nobody answers."""


@dataclass(frozen=True, slots=True)
class _Listed:
    """Repositories, those with open promotions first, and how many promotions are open."""

    keys: tuple[RepositoryKey, ...]
    open: int
    until: float


class Looking:
    """Looks at the repositories of one Temporal. `now` is the present, in UTC."""

    def __init__(
        self, client: Client, pages: Pages, budgets: Budgets, now: Callable[[], datetime]
    ) -> None:
        self._client, self._budgets, self._now = client, budgets, now
        self._asking = Asking(client, pages)
        self._listed: _Listed | None = None

    async def everything(self, repository: str | None) -> Status:
        """Return all repositories, or the one that is named, whatever that costs.

        Raises `Failure` where there is none of that name, or no worker answers.
        """
        keys = await pipelines(self._client, repository)
        work, budgets, workers = await asyncio.gather(
            asyncio.gather(*map(self._asking.work, keys)), self._budgets(), self._workers()
        )
        return Status(
            at=self._now(),
            repositories=tuple(work),
            budgets=tuple(budgets or ()),
            workers=workers,
            total=len(work),
            open=sum(len(one.promotions) for one in work),
        )

    async def status(self, question: Question) -> Status:
        """Return a page of what was asked for. Raises `Unavailable`."""
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                listed = await self._list()
                budgets, workers = await asyncio.gather(self._budgets(), self._workers())
        except (RPCError, RuntimeError, TimeoutError) as error:
            raise Unavailable("Temporal cannot be reached") from error
        found = [key for key in listed.keys if _matches(key, question)]
        pages = max(ceil(len(found) / PER_PAGE), 1)
        number = min(question.page, pages)
        shown = found[(number - 1) * PER_PAGE : number * PER_PAGE]
        most = MOST_PROMOTIONS * (10 if question.repository else 1)
        return Status(
            at=self._now(),
            repositories=await self._works(shown, most, workers),
            budgets=tuple(budgets or ()),
            workers=workers,
            total=len(found),
            open=listed.open,
            page=number,
            pages=pages,
        )

    async def _works(
        self, keys: Sequence[RepositoryKey], most: int, workers: Sequence[Working]
    ) -> tuple[OpenWork, ...]:
        """Ask about each repository; what is not answered in time says so."""
        if not workers:
            # Nobody would answer, and each question would wait for somebody.
            return tuple(_unanswered(key, "Nobody is there to ask: no worker runs") for key in keys)
        tasks = [asyncio.create_task(self._asking.work(key, most)) for key in keys]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_LOOK_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        return tuple(map(_answer, keys, tasks))

    async def _list(self) -> _Listed:
        clock = asyncio.get_running_loop().time
        if self._listed is None or clock() >= self._listed.until:
            keys: list[RepositoryKey] = []
            opened: Counter[str] = Counter()
            async for run in self._client.list_workflows(_LISTED, limit=_MOST_LISTED):
                if run.workflow_type == "pipeline":
                    keys.append(repository_of(run.id))
                else:
                    opened[_path_of(run.id)] += 1
            keys.sort(key=lambda key: (not opened[key.path], key.path))
            self._listed = _Listed(tuple(keys), opened.total(), clock() + _LIST_SECONDS)
        return self._listed

    async def _workers(self) -> tuple[Working, ...]:
        """Return the workers that have asked for work within the last minutes."""
        answer = await self._client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=self._client.namespace,
                task_queue=TaskQueue(name=TASK_QUEUE),
                task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
            ),
            timeout=_RPC,
        )
        seen: dict[str, datetime] = {}
        for poller in answer.pollers:
            at = _moment(poller.last_access_time)
            seen[poller.identity] = max(at, seen.get(poller.identity, at))
        return tuple(Working(identity=name, seen=at) for name, at in sorted(seen.items()))


def _moment(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(tzinfo=UTC)


def _path_of(promotion: str) -> str:
    """Return the repository in a promotion's id, as `RepositoryKey.path` has it."""
    return promotion.partition("/")[2].rsplit("/", 2)[0]


def _matches(key: RepositoryKey, question: Question) -> bool:
    name = key.full_name.casefold()
    if question.repository:
        return name == question.repository.casefold()
    return question.text.casefold() in name


def _unanswered(key: RepositoryKey, why: str) -> OpenWork:
    return OpenWork(forge=key.forge, repository=key.full_name, unanswered=why)


def _answer(key: RepositoryKey, task: "asyncio.Task[OpenWork]") -> OpenWork:
    """Return what a task has found, or why it found nothing."""
    if task.cancelled():
        return _unanswered(key, "No worker has answered in time; it is asked again")
    error = task.exception()
    if isinstance(error, (NotAnswered, RuntimeError, RPCError)):
        return _unanswered(key, f"{str(error)[:1].upper()}{str(error)[1:]}")
    return task.result()
