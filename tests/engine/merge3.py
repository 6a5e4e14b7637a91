"""A three-way merge of text by lines, as git's: changes that touch are a conflict."""

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import NamedTuple


class Hunk(NamedTuple):
    """Lines `start` to `end` of the base, and what stands there instead."""

    start: int
    end: int
    lines: tuple[str, ...]


def merge3(base: bytes, ours: bytes, theirs: bytes) -> bytes | None:
    """Return the merge of two versions of `base`, None where it is not clean."""
    if ours in (base, theirs):
        return theirs
    if theirs == base:
        return ours
    lines = _lines(base)
    mine, yours = _hunks(lines, _lines(ours)), _hunks(lines, _lines(theirs))
    if any(_touch(a, b) and a != b for a in mine for b in yours):
        return None
    for hunk in sorted({*mine, *yours}, reverse=True):
        lines[hunk.start : hunk.end] = hunk.lines
    return "".join(lines).encode("latin-1")


def _lines(text: bytes) -> list[str]:
    # Latin-1 gives every byte a character of its own.
    return text.decode("latin-1").splitlines(keepends=True)


def _hunks(base: Sequence[str], other: Sequence[str]) -> list[Hunk]:
    matcher = SequenceMatcher(None, base, other, autojunk=False)
    return [
        Hunk(start, end, tuple(other[first:last]))
        for tag, start, end, first, last in matcher.get_opcodes()
        if tag != "equal"
    ]


def _touch(one: Hunk, other: Hunk) -> bool:
    return one.start <= other.end and other.start <= one.end
