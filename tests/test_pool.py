"""What is lent is lent to one alone, kept while it is sound, and never kept too much of."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from itertools import count

import pytest

from bot.pool import Pool

PATIENCE = 20.0


class Broken(Exception):
    """An error that may have left the thing half-way."""


class Answered(Exception):
    """An error that says nothing against the thing."""


class Thing:
    """What is lent; it notices when two use it, or one that may not."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.is_closed = self.is_broken = self.is_used = False

    def __repr__(self) -> str:
        return f"Thing({self.number})"

    def close(self) -> None:
        assert not self.is_closed
        self.is_closed = True


class Shop:
    """A pool, and all that it ever made."""

    def __init__(self, most_idle: int = 4) -> None:
        self.made: list[Thing] = []
        self._numbers = count()
        self.pool = Pool(self._make, Thing.close, sound_after=(Answered,), most_idle=most_idle)

    def _make(self) -> Thing:
        self.made.append(Thing(next(self._numbers)))
        return self.made[-1]

    @property
    def open(self) -> list[int]:
        return sorted(thing.number for thing in self.made if not thing.is_closed)

    def lent(self, error: Exception | None = None) -> int:
        """Use a thing, with an error or without, and return which one it was."""
        with suppress(Answered, Broken), self.pool.lend() as thing:
            number = thing.number
            if error is not None:
                raise error
        return number

    def at_once(self, many: int) -> list[int]:
        """Hold so many at the same time, and return which."""
        with ExitStack() as held:
            return [held.enter_context(self.pool.lend()).number for _ in range(many)]


@pytest.fixture
def shop() -> Iterator[Shop]:
    made = Shop()
    yield made
    made.pool.close()
    assert made.open == []


def test_what_was_given_back_is_lent_again(shop: Shop) -> None:
    assert [shop.lent(), shop.lent(), shop.lent()] == [0, 0, 0]


def test_who_finds_none_idle_waits_for_nobody_and_gets_another_one(shop: Shop) -> None:
    assert shop.at_once(3) == [0, 1, 2]


def test_the_one_used_last_is_lent_first(shop: Shop) -> None:
    # Given back in the opposite order: 2, 1, 0.
    shop.at_once(3)

    assert shop.lent() == 0


def test_of_many_given_back_no_more_are_kept_than_was_said(shop: Shop) -> None:
    shop.at_once(9)

    assert len(shop.open) == 4
    assert sorted(shop.at_once(4)) == shop.open


def test_a_broken_one_is_closed_and_not_lent_again(shop: Shop) -> None:
    assert shop.lent(Broken()) == 0
    assert shop.open == []
    assert shop.lent() == 1


def test_an_error_that_says_nothing_against_it_costs_no_new_one(shop: Shop) -> None:
    assert shop.lent(Answered()) == 0
    assert shop.lent() == 0


def test_one_that_cannot_be_made_is_nobody_elses_loss() -> None:
    def make() -> Thing:
        raise Broken

    pool = Pool(make, Thing.close)

    for _ in range(2):
        with pytest.raises(Broken), pool.lend():
            raise AssertionError("there is nothing to lend")


def test_closing_closes_the_idle_at_once_and_the_lent_when_they_come_back(shop: Shop) -> None:
    shop.at_once(2)

    with shop.pool.lend() as lent:
        shop.pool.close()
        assert shop.open == [lent.number]

    assert shop.open == []


def test_after_closing_it_lends_still_and_keeps_nothing(shop: Shop) -> None:
    shop.pool.close()

    assert [shop.lent(), shop.lent()] == [0, 1]
    assert shop.open == []


def test_no_two_threads_hold_the_same_one_and_none_holds_a_broken_one() -> None:
    shop = Shop()

    def use(at: int) -> None:
        with shop.pool.lend() as thing:
            assert (thing.is_used, thing.is_broken, thing.is_closed) == (False, False, False)
            thing.is_used = True
            if at % 7 == 0:
                thing.is_broken = True
                raise Broken
            thing.is_used = False

    with ThreadPoolExecutor(8) as threads:
        ends = [threads.submit(use, at).exception(PATIENCE) for at in range(2000)]

    assert {type(end) for end in ends} == {type(None), Broken}
    assert len(shop.open) <= 4
    shop.pool.close()
    assert shop.open == []
