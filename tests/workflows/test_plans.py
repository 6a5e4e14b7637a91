"""A plan is made once for what it is made of, and not kept for ever."""

from collections.abc import Callable

import pytest

from bot.engine.candidate import Plan
from bot.engine.drift import Comparison
from bot.model import Head
from workflows import plans
from workflows.plans import Plans


def maker(made: list[str], name: str) -> Callable[[], Plan]:
    def make() -> Plan:
        made.append(name)
        head = Head(name, name, name)
        return Plan(Comparison(head, head), None)

    return make


def test_a_plan_is_made_once_for_each_key() -> None:
    made: list[str] = []
    known = Plans()

    first = known.get("a", maker(made, "a"))
    known.get("b", maker(made, "b"))

    assert known.get("a", maker(made, "again")) is first
    assert made == ["a", "b"]


def test_an_error_is_not_remembered() -> None:
    known, made = Plans(), list[str]()

    def fails() -> Plan:
        raise LookupError

    with pytest.raises(LookupError):
        known.get("a", fails)

    known.get("a", maker(made, "a"))
    assert made == ["a"]


def test_those_not_asked_for_longest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "_MOST", 2)
    known, made = Plans(), list[str]()

    for name in ("a", "b", "a", "c", "a", "b"):
        known.get(name, maker(made, name))

    assert made == ["a", "b", "c", "b"]


def test_a_plan_that_is_large_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "_MOST_CHANGES", -1)
    known, made = Plans(), list[str]()

    for _ in range(2):
        known.get("a", maker(made, "a"))

    assert made == ["a", "a"]
