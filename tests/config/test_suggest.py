"""A suggestion is made where it is likely to be right, and not otherwise."""

import pytest

from config.suggest import closest, named, suggest

ENVIRONMENTS = ["development", "staging", "production"]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("stagin", "staging"),
        ("stage", "staging"),
        ("prod", "production"),
        ("PRODUCTION", "production"),
        ("dev", "development"),
    ],
)
def test_the_nearest_name_is_suggested(word: str, meant: str) -> None:
    assert suggest(word, ENVIRONMENTS) == f"; did you mean `{meant}`?"


@pytest.mark.parametrize("word", ["", "qa", "d", "elsewhere", "x" * 100_000])
def test_nothing_is_suggested_where_nothing_is_near(word: str) -> None:
    assert suggest(word, ENVIRONMENTS) == ""


def test_of_two_that_begin_alike_neither_is_suggested() -> None:
    assert closest("stag", ["staging-united-states", "staging-european-union"]) is None


def test_among_very_many_nothing_is_suggested() -> None:
    known = [f"environment-{number}" for number in range(1_000)]

    assert suggest("environmnt-7", known) == ""


def test_a_suggestion_can_be_asked_to_be_surer() -> None:
    assert closest("notes", ["gates"]) == "gates"
    assert closest("notes", ["gates"], likeness=0.7) is None


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("text", "`text`"),
        (1.5, "`1.5`"),
        (True, "`true`"),
        (None, "nothing"),
        ({"a": 1}, "a mapping"),
        ([1], "a list"),
        ("a\nb\x00\udcff", "`a\\nb\\x00\\udcff`"),
        ("`@all`", "`'@all'`"),
        ("x" * 61, "`" + "x" * 59 + "…`"),
    ],
)
def test_a_value_is_named_on_one_short_line(value: object, name: str) -> None:
    assert named(value) == name
