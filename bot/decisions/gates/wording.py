"""How gates put things into words."""

from collections.abc import Iterable


def listed(words: Iterable[str]) -> str:
    """Return words as a list in a sentence."""
    return ", ".join(words)


def count(number: int, what: str) -> str:
    """Return so many of something: ``1 approval``, ``2 approvals``."""
    return f"{number} {what}{'s' * (number != 1)}"
