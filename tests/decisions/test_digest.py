"""What a sign-off is bound to."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from bot.decisions.digest import content_digest

ANY_TEXT = st.text(st.characters(), max_size=4)
CHANGES = st.lists(st.tuples(ANY_TEXT, st.none() | ANY_TEXT, ANY_TEXT), max_size=4)


def test_the_digest_is_the_same_in_every_release() -> None:
    changes = [("b.yaml", None, "absent"), ("a.yaml", "x.y", "int:1"), ("caf\udce9", "", "str:")]

    assert content_digest(changes) == (
        "c777997f9313a6d44b11cb9c62c47730f3730efe68e9cdb84a17a1ba8c46f350"
    )


@given(CHANGES, st.randoms(use_true_random=False))
def test_the_order_of_the_changes_does_not_matter(
    changes: list[tuple[str, str | None, str]], random: Random
) -> None:
    shuffled = list(changes)
    random.shuffle(shuffled)

    assert content_digest(shuffled) == content_digest(changes)


@given(CHANGES, CHANGES)
def test_other_changes_have_another_digest(
    one: list[tuple[str, str | None, str]], other: list[tuple[str, str | None, str]]
) -> None:
    same = sorted(one, key=repr) == sorted(other, key=repr)

    assert (content_digest(one) == content_digest(other)) == same
