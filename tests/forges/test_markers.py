"""A marker is found where we put it, whatever the purpose is called."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.forges.markers import carries, marked, unmarked

MARKERS = st.text(min_size=1, max_size=40)


@given(body=st.text(max_size=200), marker=MARKERS)
def test_a_marked_body_carries_its_marker_and_is_had_back(body: str, marker: str) -> None:
    text = marked(body, marker)

    assert carries(text, marker)
    assert carries(text.replace("\n", "\r\n") + "\r\n", marker)
    assert unmarked(text, marker) == body.rstrip()


@given(one=MARKERS, other=MARKERS)
def test_a_marker_is_no_other(one: str, other: str) -> None:
    assert carries(marked("Body", one), other) == (one == other)


@pytest.mark.parametrize("marker", ["a-->b", "--", "a\n-->", "<!--", "drift/-->/x"])
def test_no_purpose_ends_the_comment_early(marker: str) -> None:
    inside = marked("", marker).strip().removeprefix("<!--").removesuffix("-->")

    assert "--" not in inside
    assert ">" not in inside


def test_a_marker_in_the_middle_of_a_body_is_none() -> None:
    quoted = "> " + marked("Held.", "answer/1").replace("\n", "\n> ") + "\n\nWhat is this?"

    assert not carries(quoted, "answer/1")
