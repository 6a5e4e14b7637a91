"""Make calls that need nothing of each other at once, as if they had been made in order.

All of them end before `together` returns or raises: nothing is left running behind a step
that has failed. The first error in the order of the calls is raised, however fast the others
failed, so that the same faults always tell the same story; the others are noted on it.
"""

import contextvars
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, overload

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
T = TypeVar("T")


class _Call:
    """One call, its result or its error."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        self.result: object = None
        self.error: BaseException | None = None

    def run(self) -> None:
        """Make the call; whatever it raises is kept for whoever waits."""
        try:
            self.result = self._call()
        except BaseException as error:  # noqa: BLE001 -- raised again by `together`
            self.error = error


@overload
def together(one: Callable[[], A], two: Callable[[], B], /) -> tuple[A, B]: ...


@overload
def together(
    one: Callable[[], A], two: Callable[[], B], three: Callable[[], C], /
) -> tuple[A, B, C]: ...


@overload
def together(*calls: Callable[[], T]) -> tuple[T, ...]: ...


def together(*calls: Callable[[], Any]) -> tuple[Any, ...]:
    """Make all calls at once and return their results in order.

    The first is made in the caller's own thread, each other in one of its own, which sees the
    caller's context. A thread costs 0.1 ms, so this pays for whatever waits for a network.
    """
    made = [_Call(call) for call in calls]
    threads = [
        threading.Thread(target=contextvars.copy_context().run, args=(call.run,), daemon=True)
        for call in made[1:]
    ]
    for thread in threads:
        thread.start()
    for call in made[:1]:
        call.run()
    for thread in threads:
        thread.join()
    _raise_first([call.error for call in made if call.error is not None])
    return tuple(call.result for call in made)


def _raise_first(errors: Sequence[BaseException]) -> None:
    if not errors:
        return
    first, *others = errors
    for other in others:
        first.add_note(f"at the same time: {type(other).__name__}: {other}")
    raise first
