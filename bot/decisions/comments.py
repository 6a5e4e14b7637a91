"""Which lines of a comment are its author's own words: no code, quotation or hidden text.

A line counts as the forges would show it (CommonMark, and GitLab's ``>>>``). Where
that is unclear the line is left out: a command missed is said again, one taken by
mistake is done.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

# What GitHub accepts as a comment; GitLab takes more, and nobody types that.
LONGEST_COMMENT = 65_536

_LINE_END = re.compile(r"\r\n|\r|\n")
# A fence may stand in a list item, and ends with it.
_FENCE = re.compile(
    r"(?P<lead> {0,3}+(?:(?:[-+*]|[0-9]{1,9}+[.)]) {1,4}+)*+)"
    r"(?P<fence>`{3,}+(?=[^`]*$)|~{3,}+|>>>(?=[ \t]*$))"
)
_HTML = re.compile(r" {0,3}<(pre|blockquote)(?=[\s>]|$)", re.IGNORECASE)
_QUOTE = re.compile(r" {0,3}>")
_BLANK = re.compile(r"[ \t]*$")


class Line(NamedTuple):
    """One line; `quoted` where it only continues the quotation above it."""

    text: str
    quoted: bool


class _Block(NamedTuple):
    """Something that hides lines: what ends it, and the indent it cannot be left of."""

    end: re.Pattern[str]
    indent: int = 0

    def holds(self, line: str) -> bool:
        """Whether `line` still belongs to this block; a list item ends where it is left."""
        return not self.indent or not line.strip() or line[: self.indent].isspace()


def _opened(line: str) -> _Block | None:
    """Return the block that `line` begins and does not end itself."""
    if fence := _FENCE.match(line):
        marks = fence["fence"]
        end = re.compile(rf"^ {{0,3}}+{re.escape(marks[0])}{{{len(marks)},}}+[ \t]*$")
        markers = fence["lead"].strip()
        return _Block(end, len(fence["lead"]) if markers else 0)
    if html := _HTML.match(line):
        end = re.compile(rf"</{html[1]}>", re.IGNORECASE)
        return None if end.search(line) else _Block(end)
    if line.rfind("<!--") > line.rfind("-->"):
        # One that begins inside a paragraph is plain text where the paragraph ends first.
        alone = line.lstrip(" ").startswith("<!--")
        return _Block(re.compile("-->" if alone else r"-->|^[ \t]*$"))
    return None


def own_lines(text: str) -> Iterator[Line]:
    """Yield the lines of `text` that its author says, of the first `LONGEST_COMMENT` characters.

    A line that the limit cuts is left out. Linear in the length of the text.
    """
    lines = _LINE_END.split(text[:LONGEST_COMMENT])
    if len(text) > LONGEST_COMMENT:
        lines.pop()
    block: _Block | None = None
    quoted = False
    for line in lines:
        if block is not None and block.holds(columns := line.expandtabs(4)):
            if block.end.search(columns[block.indent :]):
                block = _opened(line) if "<!--" in line else None
            continue
        block = _opened(line)
        if block is not None:
            quoted = False
        elif quote := _QUOTE.match(line):
            quoted = bool(line[quote.end() :].strip(" \t>"))
        elif _BLANK.match(line):
            quoted = False
        else:
            yield Line(line, quoted)
