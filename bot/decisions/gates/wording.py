"""How gates put things into words."""

from collections.abc import Iterable, Sequence

# As many as a reader takes in; a hundred checks are a number.
NAMED = 6


def listed(words: Iterable[str]) -> str:
    """Return words as a list in a sentence."""
    return ", ".join(words)


def some(words: Sequence[str], more: int = 0) -> str:
    """Return the first few words as a list in a sentence, and how many others there are."""
    more += max(0, len(words) - NAMED)
    others = f" and {more} more" if more else ""
    return listed(words[:NAMED]) + others
