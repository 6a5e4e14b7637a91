"""Workflows run step by step in one thread, without a server, in the order that a test chooses.

The workflows' own code runs; what it asks of Temporal is kept as a request until its turn.
A step that crashes has had its effects and is asked for again, as after a worker's death.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from temporalio.exceptions import ApplicationError
from temporalio.workflow import ParentClosePolicy

from workflows import pipeline, promotion

# A history that is so long is continued as new, long before a real one would be.
MOST_EVENTS = 25


class _Request:
    def __await__(self) -> Generator["_Request", Any, Any]:
        return (yield self)


@dataclass(slots=True)
class _Activity(_Request):
    name: str
    arguments: Sequence[Any]
    attempt: int = 1


@dataclass(slots=True)
class _Condition(_Request):
    holds: Callable[[], object]
    until: datetime | None


@dataclass(slots=True)
class _Signal(_Request):
    target: str
    name: str
    arguments: Sequence[Any]


@dataclass(slots=True)
class _Child(_Request):
    id: str


@dataclass(slots=True)
class _Task:
    """What a workflow does besides: it may sleep once, and nothing else."""

    body: Generator[Any, Any, Any]
    until: datetime

    def cancel(self) -> None:
        self.body.close()
        self.until = datetime.max.replace(tzinfo=self.until.tzinfo)


class _ContinuedAsNew(Exception):
    def __init__(self, arguments: Sequence[Any]) -> None:
        self.arguments = arguments


@dataclass(slots=True)
class _Handle:
    id: str

    def signal(self, name: str, argument: Any = None) -> _Signal:
        return _Signal(self.id, name, () if argument is None else (argument,))


@dataclass(slots=True)
class Run:
    """One workflow that runs: its object, what it waits for, how long its history is."""

    workflow: Any
    body: Generator[Any, Any, Any]
    request: Any = None
    events: int = 0
    tasks: list[_Task] = field(default_factory=list)


@dataclass(slots=True)
class Server:
    """Stands in for Temporal, and in the workflows' modules for its SDK and `asyncio`.

    `activities` are by name and take the attempt and their arguments.
    """

    now_: datetime
    activities: Mapping[str, Callable[..., Any]]
    running: dict[str, Run] = field(default_factory=dict)
    ended: dict[str, str] = field(default_factory=dict)
    _current: Run | None = None

    ParentClosePolicy = ParentClosePolicy

    # What workflows ask of it

    def now(self) -> datetime:
        return self.now_

    def info(self) -> "Server":
        return self

    def is_continue_as_new_suggested(self) -> bool:
        return self._current is not None and self._current.events > MOST_EVENTS

    def all_handlers_finished(self) -> bool:
        return True

    def patched(self, _: str) -> bool:
        return True

    def execute_activity(
        self, name: str, one: Any = None, *, args: Sequence[Any] = (), **_: Any
    ) -> _Activity:
        return _Activity(name, args or (one,))

    def wait_condition(
        self, holds: Callable[[], object], timeout: timedelta | None = None
    ) -> _Condition:
        return _Condition(holds, None if timeout is None else self.now_ + timeout)

    def sleep(self, duration: timedelta) -> _Condition:
        return _Condition(lambda: False, self.now_ + duration)

    def create_task(self, coroutine: Any) -> _Task:
        assert self._current is not None
        task = _Task(body := coroutine.__await__(), next(body).until)
        self._current.tasks.append(task)
        return task

    def get_external_workflow_handle(self, workflow_id: str) -> _Handle:
        return _Handle(workflow_id)

    def start_child_workflow(self, _: str, __: Any, *, id: str, **___: Any) -> _Child:  # noqa: A002 - Temporal's own name
        return _Child(id)

    def continue_as_new(self, one: Any = None, *, args: Sequence[Any] = ()) -> None:
        raise _ContinuedAsNew(args or (one,))

    # What a test does with it

    def start(self, workflow_id: str, kind: type, *arguments: Any) -> None:
        """Start a workflow; one that runs already is success."""
        if workflow_id not in self.running:
            self._begin(workflow_id, kind, arguments)

    def _begin(self, workflow_id: str, kind: type, arguments: Sequence[Any]) -> None:
        with self._played():
            made = kind(*arguments)
        run = Run(made, made.run(*arguments).__await__())
        self.running[workflow_id] = run
        self._resume(workflow_id, run, None)

    def signal(self, workflow_id: str, name: str, *arguments: Any) -> bool:
        """Send a signal; no where nobody takes it."""
        run = self.running.get(workflow_id)
        if run is None:
            return False
        run.events += 1
        with self._played():
            getattr(run.workflow, name)(*arguments)
        return True

    def ready(self) -> list[str]:
        """Return the workflows that can go on now."""
        self._wake()
        return [one for one, run in self.running.items() if self._is_ready(run.request)]

    def _wake(self) -> None:
        """Go on with what slept until now."""
        for run in self.running.values():
            due = [task for task in run.tasks if task.until <= self.now_]
            run.tasks = [task for task in run.tasks if task not in due]
            for task in due:
                with self._played(), suppress(StopIteration):
                    task.body.send(None)

    def _is_ready(self, request: Any) -> bool:
        if not isinstance(request, _Condition):
            return True
        is_over = request.until is not None and request.until <= self.now_
        return is_over or bool(request.holds())

    def step(self, workflow_id: str, *, crash: bool = False) -> None:
        """Let a workflow have what it waits for; a crash loses the answer, not the effects."""
        run = self.running[workflow_id]
        request = run.request
        match request:
            case _Activity():
                result = self.activities[request.name](request.attempt, *request.arguments)
                if crash:
                    request.attempt += 1
                    return
                run.events += 1
                self._resume(workflow_id, run, result)
            case _Signal():
                if self.signal(request.target, request.name, *request.arguments):
                    self._resume(workflow_id, run, None)
                else:
                    self._resume(workflow_id, run, ApplicationError("not found"))
            case _Condition():
                self._resume(workflow_id, run, None if request.holds() else TimeoutError())
            case _Child():
                self._resume(workflow_id, run, None)

    def _resume(self, workflow_id: str, run: Run, result: Any) -> None:
        self._current = run
        try:
            with self._played():
                failed = isinstance(result, Exception)
                run.request = run.body.throw(result) if failed else run.body.send(result)
        except StopIteration as end:
            del self.running[workflow_id]
            self.ended[workflow_id] = end.value
        except _ContinuedAsNew as again:
            kind = type(run.workflow)
            del self.running[workflow_id]
            self._begin(workflow_id, kind, again.arguments)
        finally:
            self._current = None

    @contextmanager
    def _played(self) -> Iterator[None]:
        """Be `temporalio.workflow` to the workflows' modules while the block runs."""
        places = [(pipeline, "workflow"), (pipeline, "asyncio"), (promotion, "workflow")]
        before = [getattr(module, name) for module, name in places]
        for module, name in places:
            setattr(module, name, self)
        try:
            yield
        finally:
            for (module, name), true in zip(places, before, strict=True):
                setattr(module, name, true)
