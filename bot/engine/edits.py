"""Write a change into a text at the positions of parsed nodes, as its surroundings are written.

What is brought in keeps the spelling of its own text; indentation, separators and line ends
are those of the text that it comes into.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bot.engine.nodes import Node, Pair


class CannotSplice(Exception):
    """No text was found that says exactly what is expected."""


class Edit(NamedTuple):
    """Replace what stands between two offsets."""

    start: int
    end: int
    text: str


def applied(text: str, edits: Sequence[Edit]) -> str:
    """Return the text with the edits; of two that overlap, the one that begins first."""
    position, parts = 0, []
    for edit in sorted(edits):
        if edit.start < position:
            continue  # whoever made them makes this one anew, in the text that came of it
        parts += [text[position : edit.start], edit.text]
        position = edit.end
    return "".join([*parts, text[position:]])


class _Text:
    """A text and where things stand in it."""

    def __init__(self, text: str) -> None:
        self.text = text

    def line_start(self, offset: int) -> int:
        return self.text.rfind("\n", 0, offset) + 1

    def line_end(self, offset: int) -> int:
        """Return where the line ends, before its line break."""
        end = self.text.find("\n", offset)
        if end < 0:
            return len(self.text)
        return end - 1 if self.text[end - 1 : end] == "\r" else end

    def column(self, offset: int) -> int:
        return offset - self.line_start(offset)

    def begins_line(self, offset: int) -> bool:
        return not self.text[self.line_start(offset) : offset].strip(" ")

    def content_end(self, node: Node) -> int:
        """Return where a node's own text ends: a block's end mark is where the next one starts."""
        if not node.flow and node.alias is None:
            if node.pairs:
                own = [pair for pair in node.pairs if not pair.merged]
                return max((self.content_end(pair.node) for pair in own), default=node.end)
            if node.items:
                return self.content_end(node.items[-1])
            if node.block_scalar:
                return node.start + len(self.text[node.start : node.end].rstrip("\r\n "))
        return node.end

    def after_colon(self, pair: Pair) -> int:
        end = pair.key_end
        while self.text[end : end + 1] in (" ", "\t", "\r", "\n"):
            end += 1
        if self.text[end : end + 1] != ":":
            raise CannotSplice("a key is not followed by a colon")
        return end + 1

    def dash(self, node: Node) -> int:
        """Return where the dash of a block list's item stands; it must begin its line."""
        offset = len(self.text[: node.start].rstrip()) - 1
        if self.text[offset : offset + 1] != "-" or not self.begins_line(offset):
            raise CannotSplice("an item of a list does not begin its line")
        return offset

    def is_inline(self, node: Node) -> bool:
        if node.block_scalar or ((node.pairs or node.items) and not node.flow):
            return False
        return "\n" not in self.text[node.start : self.content_end(node)]

    def without_anchor(self, node: Node) -> tuple[int, str]:
        """Return the length of a scalar's anchor in front, and its text without it."""
        text = self.text[node.start : self.content_end(node)]
        if not text.startswith("&"):
            return 0, text
        bare = text.partition(" ")[2].lstrip(" ")
        return len(text) - len(bare), bare


class Edits:
    """The edits of a target that are `made` so far, with what a source has to give.

    A `parent` is the target's mapping or list that they are made in. All raise `CannotSplice`
    where a text is written in no way that they know.
    """

    def __init__(self, target: str, source: str, newline: str) -> None:
        self.target, self.source = _Text(target), _Text(source)
        self.newline = newline
        self.made: list[Edit] = []

    # Mapping entries

    def replace(self, pair: Pair, other: Pair, parent: Node) -> None:
        """Give a key the value that the source's key has."""
        node, source = pair.node, other.node.alias or other.node
        if self.source.is_inline(source):
            self._replace_inline(pair, self.source.without_anchor(source)[1])
            return
        if parent.flow and not source.flow:
            raise CannotSplice("a block cannot stand in brackets")
        shift = self.target.column(pair.key_start) - self.source.column(other.key_start)
        end = self.target.content_end(node)
        start, source_start = self.target.after_colon(pair), self.source.after_colon(other)
        if other.node.alias is not None:
            raise CannotSplice("a value behind an alias is longer than a line")
        later = self.target.line_start(node.start), self.source.line_start(source.start)
        if later[0] > pair.key_end and later[1] > other.key_end:
            # Both begin on a line of their own: a comment behind the key stays.
            start, source_start = later
        text = self.source.text[source_start : self.source.content_end(source)]
        first, shifted = text[:1], _shifted(text, shift)
        if source_start == later[1]:
            shifted = _shifted("\n" + text, shift)[1:]
        elif first not in (" ", "\n", "\r"):
            shifted = " " + shifted
        self.made.append(Edit(start, end, shifted))

    def _replace_inline(self, pair: Pair, text: str) -> None:
        node = pair.node
        if self.target.is_inline(node):
            anchor = self.target.without_anchor(node)[0] if node.value is not None else 0
            space = " " if self.target.text[node.start - 1 : node.start] == ":" else ""
            space = space if node.start == node.end else ""
            self.made.append(Edit(node.start + anchor, node.end, space + text))
        else:
            start = self.target.after_colon(pair)
            self.made.append(Edit(start, self.target.content_end(node), " " + text))

    def replace_span(self, node: Node, source: Node) -> None:
        """Replace a whole document's node, which no key leads to."""
        text = self.source.text[source.start : self.source.content_end(source)]
        self.made.append(Edit(node.start, self.target.content_end(node), text))

    def remove(self, own: Sequence[Pair], first: int, last: int, parent: Node) -> None:
        """Remove neighbouring keys, from the first to the last."""
        if not parent.flow and self.target.begins_line(own[first].key_start):
            for pair in own[first : last + 1]:
                self._remove_lines(pair.key_start, self.target.content_end(pair.node))
        else:
            starts = [pair.key_start for pair in own]
            self._remove_run(starts, [pair.node for pair in own], first, last)

    def _remove_run(
        self, starts: Sequence[int], nodes: Sequence[Node], first: int, last: int
    ) -> None:
        """Remove neighbours that share a line with others, and one separator for each."""
        if last + 1 < len(starts):
            self.made.append(Edit(starts[first], starts[last + 1], ""))
        else:
            before = self.target.content_end(nodes[first - 1])
            self.made.append(Edit(before, self.target.content_end(nodes[last]), ""))

    def _remove_lines(self, start: int, end: int) -> None:
        begin, stop = self.target.line_start(start), self.target.line_end(end)
        after = self.target.text.find("\n", stop)
        self.made.append(Edit(begin, len(self.target.text) if after < 0 else after + 1, ""))

    def insert(self, own: Sequence[Pair], previous: Pair | None, other: Pair, parent: Node) -> None:
        """Insert the source's key behind `previous`, in front where that is None."""
        source_end = self.source.content_end(other.node)
        text = self.source.text[other.key_start : source_end]
        if not own:
            raise CannotSplice("a key would come into an empty mapping")
        first = own[0]
        column = self.target.column(first.key_start)
        text = _shifted(text, column - self.source.column(other.key_start))
        if parent.flow:
            separator = self._separator(parent, [(p.key_start, p.node) for p in own])
            before = previous.node if previous else None
            self._insert_in_brackets(before, first.key_start, separator, text)
        elif previous is not None:
            self._insert_line(self.target.content_end(previous.node), " " * column + text)
        else:
            self.made.append(
                Edit(first.key_start, first.key_start, text + self.newline + " " * column)
            )

    def _insert_line(self, after: int, line: str) -> None:
        """Insert a line below the one that ends what stands before."""
        at = self.target.line_end(after)
        self.made.append(Edit(at, at, self.newline + line))

    def _insert_in_brackets(
        self, previous: Node | None, first: int, separator: str, text: str
    ) -> None:
        if previous is not None:
            at = self.target.content_end(previous)
            self.made.append(Edit(at, at, separator + text))
        else:
            self.made.append(Edit(first, first, text + separator))

    def _separator(self, parent: Node, elements: Sequence[tuple[int, Node]]) -> str:
        """Return what stands between two elements of this mapping or list in brackets."""
        if len(elements) > 1:
            return self.target.text[self.target.content_end(elements[0][1]) : elements[1][0]]
        opening = self.target.text[parent.start + 1 : elements[0][0]]
        return "," + (opening if "\n" in opening else " ")

    # List items

    def remove_items(self, items: Sequence[Node], first: int, last: int, parent: Node) -> None:
        """Remove neighbouring items, from the first to the last."""
        if parent.flow:
            self._remove_run([element.start for element in items], items, first, last)
            return
        for element in items[first : last + 1]:
            self._remove_lines(self.target.dash(element), self.target.content_end(element))

    def insert_item(
        self, items: Sequence[Node], previous: Node | None, other: Node, parent: Node
    ) -> None:
        """Insert the source's item behind `previous`, in front where that is None."""
        if parent.flow:
            text = self.source.text[other.start : self.source.content_end(other)]
            shift = self.target.column(items[0].start) - self.source.column(other.start)
            separator = self._separator(parent, [(element.start, element) for element in items])
            self._insert_in_brackets(previous, items[0].start, separator, _shifted(text, shift))
            return
        dash = self.source.dash(other)
        column = self.target.column(self.target.dash(items[0]))
        text = self.source.text[dash : self.source.content_end(other)]
        line = " " * column + _shifted(text, column - self.source.column(dash))
        if previous is not None:
            self._insert_line(self.target.content_end(previous), line)
        else:
            at = self.target.line_start(self.target.dash(items[0]))
            self.made.append(Edit(at, at, line + self.newline))

    def reorder(self, mine: Sequence[str], parent: Node, theirs: Sequence[str]) -> None:
        """Give the places of the items that both have to them, in the source's order."""
        items = parent.items or []
        ends = [self.target.content_end(element) for element in items]
        if not parent.flow:
            # A comment behind an item's last value goes with it.
            ends = [self.target.line_end(end) for end in ends]
        arriving = iter([name for name in theirs if name in mine])
        for name, element, end in zip(mine, items, ends, strict=True):
            new = next(arriving) if name in theirs else name
            if new != name:
                moved = mine.index(new)
                text = self.target.text[items[moved].start : ends[moved]]
                self.made.append(Edit(element.start, end, text))

    def append_document(self, source: Node) -> None:
        """Add a whole document at the end."""
        start = self.source.line_start(source.start)
        text = self.source.text[start : self.source.content_end(source)]
        end = len(self.target.text)
        before = "" if self.target.text.endswith("\n") or not end else self.newline
        self.made.append(Edit(end, end, f"{before}---{self.newline}{text}{self.newline}"))


def _shifted(text: str, columns: int) -> str:
    """Return `text` with every line but the first moved right, or left where it can."""
    if not columns or "\n" not in text:
        return text
    first, *lines = text.split("\n")
    return "\n".join([first, *_moved(lines, columns)])


def _moved(lines: Sequence[str], columns: int) -> Iterator[str]:
    for line in lines:
        if not line.strip():
            yield line
        elif columns > 0:
            yield " " * columns + line
        else:
            indent = len(line) - len(line.lstrip(" "))
            yield line[min(-columns, indent) :]
