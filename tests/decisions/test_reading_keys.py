"""A rule finds its keys by their words as it would by matching every key."""

from hypothesis import given
from hypothesis import strategies as st

from bot.decisions.conditions import Subject, met
from config.patterns import child, item, key_pattern, order
from config.rules import When
from tests.decisions.test_policy import changed

WORDS = st.sampled_from(["a", "b", "limit", "x.y", "with space", "a[b]", "ü", '"'])
KEYS = st.recursive(
    st.just("") | st.builds(lambda word: child("", word), WORDS),
    lambda keys: (
        st.builds(child, keys, WORDS)
        | st.builds(item, keys, st.sampled_from(["name", "id"]), WORDS)
        | st.builds(order, keys)
    ),
    max_leaves=4,
)
PATTERNS = st.one_of(
    KEYS.filter(bool),
    st.builds(
        lambda key: f"**.{key}" if not key.startswith("[") else f"**{key}", KEYS.filter(bool)
    ),
    st.sampled_from(["**", "*", "*.limit", "a.**", "a.**.limit", "**.l*t", "a[*].b", "li*"]),
)


@given(st.lists(KEYS, max_size=6), st.lists(PATTERNS, min_size=1, max_size=3))
def test_no_key_is_missed_and_none_is_found_that_no_pattern_covers(
    keys: list[str], patterns: list[str]
) -> None:
    changes = [changed(f"{index}.yaml", key) for index, key in enumerate(keys)]
    expressions = [key_pattern(pattern) for pattern in patterns]

    found = met(When.model_validate({"keys": patterns}), Subject("production", changes))

    matching = [key for key in keys if key == "" or any(e.fullmatch(key) for e in expressions)]
    assert (found.places if found else 0) == len(matching)
