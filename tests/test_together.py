"""Calls made at once tell the same story as calls made in order."""

import contextvars
import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.together import together

WHERE = contextvars.ContextVar("where", default="nowhere")


class Odd(Exception):
    """What a call raises here; its text is the call's place."""


def call(place: int, *, fails: bool, made: list[int]) -> Callable[[], int]:
    def run() -> int:
        made.append(place)
        if fails:
            raise Odd(str(place))
        return place

    return run


@given(st.lists(st.booleans(), max_size=6))
def test_every_call_is_made_once_and_the_first_error_in_order_is_raised(fail: list[bool]) -> None:
    made: list[int] = []
    calls = [call(place, fails=fails, made=made) for place, fails in enumerate(fail)]
    failed = [str(place) for place, fails in enumerate(fail) if fails]

    if failed:
        with pytest.raises(Odd) as raised:
            together(*calls)
        assert str(raised.value) == failed[0]
        notes = getattr(raised.value, "__notes__", [])
        assert notes == [f"at the same time: Odd: {place}" for place in failed[1:]]
    else:
        assert together(*calls) == tuple(range(len(fail)))
    assert sorted(made) == list(range(len(fail)))


def test_calls_are_under_way_at_the_same_time() -> None:
    # Each waits for the other: in turn, neither would ever end.
    met = threading.Barrier(2)

    assert sorted(together(lambda: met.wait(20), lambda: met.wait(20))) == [0, 1]


def test_an_error_is_raised_only_when_all_have_ended() -> None:
    failed, ended = threading.Event(), threading.Event()

    def fails() -> None:
        failed.set()
        raise Odd("at once")

    def goes_on() -> None:
        assert failed.wait(20)
        ended.set()

    with pytest.raises(Odd):
        together(fails, goes_on)

    assert ended.is_set()


def test_calls_see_the_context_of_their_caller() -> None:
    token = WHERE.set("here")
    try:
        assert together(WHERE.get, WHERE.get, WHERE.get) == ("here", "here", "here")
    finally:
        WHERE.reset(token)


def test_calls_may_make_calls_at_once_themselves() -> None:
    def pair() -> tuple[int, int]:
        return together(lambda: 1, lambda: 2)

    assert together(pair, pair, pair) == ((1, 2), (1, 2), (1, 2))
