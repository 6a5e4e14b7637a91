"""Change values in a text and touch nothing else: comments, order, quoting, indentation.

Edits are made at the positions of parsed nodes, and every result is parsed again: a text
that does not say exactly what is expected is refused, never returned. A value brought in
keeps the spelling it has in the source.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from bot.engine import toml_text
from bot.engine.contents import reduced
from bot.engine.nodes import Node, Pair, Unreadable, flatten, identities, is_order
from bot.engine.values import format_of
from bot.model import ABSENT, Value
from config.patterns import above, child, covers, item

# A whole entry may come in first and what of it stays the target's be mended after.
_MOST_ROUNDS = 8


class CannotSplice(Exception):
    """No text was found that says exactly what is expected."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the result must say: each value, and the order of lists whose items have names.

    In each list, the items that the result shares with one of its `orders` must stand in
    that one's order.
    """

    values: Mapping[str, Value]
    orders: Mapping[str, Sequence[Value]]

    def wrong(self, values: Mapping[str, Value]) -> list[str]:
        """Return the keys at which `values` are not as expected, sorted."""
        found = [
            key
            for key in self.values.keys() | values.keys()
            if not is_order(key) and self.values.get(key, ABSENT) != values.get(key, ABSENT)
        ]
        for key, orders in self.orders.items():
            mine = values.get(key, ABSENT)
            for other in orders:
                if mine.exists and other.exists:
                    common = frozenset(mine.data) & frozenset(other.data)
                    if reduced(mine, common) != reduced(other, common):
                        found.append(key)
        return sorted(set(found))


class Edit(NamedTuple):
    """Replace what stands between two offsets."""

    start: int
    end: int
    text: str


def splice(path: str, target: str, source: str, expected: Expected) -> str:
    """Return `target` changed to say what is `expected`, with the spelling of `source`.

    Raises `CannotSplice` where no such text was found, `Unreadable` where one of the two
    does not parse.
    """
    if format_of(path) is toml_text:
        return _checked(toml_text.spliced(target, source, expected.values), expected, path)
    reader = format_of(path)
    if reader is None:
        raise CannotSplice(f"{path} has no keys by its name")
    newline = "\r\n" if "\r\n" in target else "\n"
    source = source.replace("\r\n", "\n").replace("\n", newline)
    source_roots = dict(reader.addressed(reader.parse(source)))
    text, documents = target, reader.parse(target)
    for _ in range(_MOST_ROUNDS):
        roots = reader.addressed(documents)
        values: dict[str, Value] = {}
        for segment, root in roots:
            values.update(flatten(root, segment))
        wrong = expected.wrong(values)
        if not wrong:
            return text
        edits = _Splicer(text, source, expected, wrong, newline).documents(roots, source_roots)
        if not edits:
            break
        try:
            text = _applied(text, edits)
            documents = reader.parse(text)
        except Unreadable as error:
            raise CannotSplice(f"the result would not parse: {error.reason}") from error
    raise CannotSplice("the structure around the value differs too much")


def _checked(text: str, expected: Expected, path: str) -> str:
    reader = format_of(path)
    if reader is None or expected.wrong(reader.read(text)):
        raise CannotSplice("the structure around the value differs too much")
    return text


def _applied(text: str, edits: Sequence[Edit]) -> str:
    position, parts = 0, []
    for edit in sorted(edits):
        if edit.start < position:
            continue  # two meet in one place: the next round plans this one anew
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


class _Splicer:
    """Plans the edits of one round: target and source are walked side by side."""

    def __init__(
        self, target: str, source: str, expected: Expected, wrong: Sequence[str], newline: str
    ) -> None:
        self.target, self.source = _Text(target), _Text(source)
        self.expected, self.wrong, self.newline = expected, wrong, newline
        self._wrong = {place for key in wrong for place in above(key)}
        self._expected = {
            place for key in expected.values if not is_order(key) for place in above(key)
        }
        self.edits: list[Edit] = []
        self.aliases: list[tuple[Pair, Pair, Node]] = []

    def documents(
        self, roots: Sequence[tuple[str, Node]], source_roots: Mapping[str, Node]
    ) -> list[Edit]:
        """Return the edits that bring the target nearer to what is expected."""
        known = {segment for segment, _ in roots}
        for segment, root in roots:
            if not self._is_wrong(segment):
                continue
            if not self._is_expected(segment):
                raise CannotSplice("a whole document would go")
            source = source_roots.get(segment)
            if source is not None and not self._descend(root, source, segment):
                if not self._as_in_source(source, segment):
                    raise CannotSplice("the document is of another kind")
                self._replace_span(root, source)
        for segment, source in source_roots.items():
            if segment not in known and self._is_expected(segment):
                self._append_document(source)
        if not self.edits:
            # Not before, because what an alias points to may just have got the value.
            for pair, other, node in self.aliases:
                self._replace(pair, other, node)
        return self.edits

    # What is asked

    def _is_wrong(self, key: str) -> bool:
        return key in self._wrong

    def _is_expected(self, key: str) -> bool:
        return key in self._expected

    def _as_in_source(self, node: Node, key: str) -> bool:
        """Whether everything expected below `key` is what the source has there."""
        theirs = {k: v for k, v in flatten(node, key).items() if not is_order(k)}
        mine = {k: v for k, v in self.expected.values.items() if covers(key, k) and not is_order(k)}
        return theirs == mine

    # Walking

    def _descend(self, node: Node, source: Node, key: str) -> bool:
        """Edit inside two nodes of one kind; False where there is no inside to edit."""
        if node.alias is not None or node.tag or source.tag:
            return False
        if node.pairs and source.pairs:
            inside = [child(key, pair.key) for pair in node.pairs if not pair.merged]
        else:
            mine, theirs = identities(node), identities(source)
            if mine is None or theirs is None or mine[0] != theirs[0]:
                return False
            inside = [item(key, mine[0], name) for name in mine[1]]
        if inside and not any(self._is_expected(below) for below in inside):
            return False  # nothing of it would stay
        if node.pairs:
            self._mapping(node, source, key)
        else:
            self._list(node, source, key)
        return True

    def _mapping(self, node: Node, source: Node, key: str) -> None:
        own = [pair for pair in node.pairs or () if not pair.merged]
        theirs = {pair.key: pair for pair in source.pairs or ()}
        gone: list[int] = []
        for position, pair in enumerate(own):
            below = child(key, pair.key)
            if not self._is_wrong(below):
                continue
            other = theirs.get(pair.key)
            if not self._is_expected(below):
                gone.append(position)
            elif other is None or self._descend(pair.node, other.node, below):
                continue
            elif pair.node.alias is not None:
                self.aliases.append((pair, other, node))
            else:
                self._replace(pair, other, node)
        for first, last in _runs(gone):
            self._remove(own, first, last, node)
        present = {pair.key for pair in own}
        previous: Pair | None = None
        for other in source.pairs or ():
            below = child(key, other.key)
            if other.key in present:
                previous = next(pair for pair in own if pair.key == other.key)
            elif not other.merged and self._is_wrong(below) and self._is_expected(below):
                self._insert(own, previous, other, node)

    def _list(self, node: Node, source: Node, key: str) -> None:
        field, mine = identities(node) or ("", [])
        _, theirs = identities(source) or ("", [])
        items, others = node.items or [], source.items or []
        gone: list[int] = []
        for position, (name, element) in enumerate(zip(mine, items, strict=True)):
            below = item(key, field, name)
            if self._is_wrong(below):
                if not self._is_expected(below):
                    gone.append(position)
                elif name in theirs:
                    self._descend(element, others[theirs.index(name)], below)
        for first, last in _runs(gone):
            self._remove_items(items, first, last, node)
        previous: Node | None = None
        inserted = False
        for name, other in zip(theirs, others, strict=True):
            if name in mine:
                previous = items[mine.index(name)]
            elif self._is_expected(item(key, field, name)):
                self._insert_item(items, previous, other, node)
                inserted = True
        if not inserted and not self.edits and f"{key}[]" in self.wrong:
            self._reorder(mine, node, theirs)

    # Mapping entries

    def _replace(self, pair: Pair, other: Pair, parent: Node) -> None:
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
        self.edits.append(Edit(start, end, shifted))

    def _replace_inline(self, pair: Pair, text: str) -> None:
        node = pair.node
        if self.target.is_inline(node):
            anchor = self.target.without_anchor(node)[0] if node.value is not None else 0
            space = " " if self.target.text[node.start - 1 : node.start] == ":" else ""
            space = space if node.start == node.end else ""
            self.edits.append(Edit(node.start + anchor, node.end, space + text))
        else:
            start = self.target.after_colon(pair)
            self.edits.append(Edit(start, self.target.content_end(node), " " + text))

    def _replace_span(self, node: Node, source: Node) -> None:
        """Replace a whole document's node, which no key leads to."""
        text = self.source.text[source.start : self.source.content_end(source)]
        self.edits.append(Edit(node.start, self.target.content_end(node), text))

    def _remove(self, own: Sequence[Pair], first: int, last: int, parent: Node) -> None:
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
            self.edits.append(Edit(starts[first], starts[last + 1], ""))
        else:
            before = self.target.content_end(nodes[first - 1])
            self.edits.append(Edit(before, self.target.content_end(nodes[last]), ""))

    def _remove_lines(self, start: int, end: int) -> None:
        begin, stop = self.target.line_start(start), self.target.line_end(end)
        after = self.target.text.find("\n", stop)
        self.edits.append(Edit(begin, len(self.target.text) if after < 0 else after + 1, ""))

    def _insert(
        self, own: Sequence[Pair], previous: Pair | None, other: Pair, parent: Node
    ) -> None:
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
            self.edits.append(
                Edit(first.key_start, first.key_start, text + self.newline + " " * column)
            )

    def _insert_line(self, after: int, line: str) -> None:
        """Insert a line below the one that ends what stands before."""
        at = self.target.line_end(after)
        self.edits.append(Edit(at, at, self.newline + line))

    def _insert_in_brackets(
        self, previous: Node | None, first: int, separator: str, text: str
    ) -> None:
        if previous is not None:
            at = self.target.content_end(previous)
            self.edits.append(Edit(at, at, separator + text))
        else:
            self.edits.append(Edit(first, first, text + separator))

    def _separator(self, parent: Node, elements: Sequence[tuple[int, Node]]) -> str:
        """Return what stands between two elements of this mapping or list in brackets."""
        if len(elements) > 1:
            return self.target.text[self.target.content_end(elements[0][1]) : elements[1][0]]
        opening = self.target.text[parent.start + 1 : elements[0][0]]
        return "," + (opening if "\n" in opening else " ")

    # List items

    def _remove_items(self, items: Sequence[Node], first: int, last: int, parent: Node) -> None:
        if parent.flow:
            self._remove_run([element.start for element in items], items, first, last)
            return
        for element in items[first : last + 1]:
            self._remove_lines(self.target.dash(element), self.target.content_end(element))

    def _insert_item(
        self, items: Sequence[Node], previous: Node | None, other: Node, parent: Node
    ) -> None:
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
            self.edits.append(Edit(at, at, line + self.newline))

    def _reorder(self, mine: Sequence[str], parent: Node, theirs: Sequence[str]) -> None:
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
                self.edits.append(Edit(element.start, end, text))

    def _append_document(self, source: Node) -> None:
        start = self.source.line_start(source.start)
        text = self.source.text[start : self.source.content_end(source)]
        end = len(self.target.text)
        before = "" if self.target.text.endswith("\n") or not end else self.newline
        self.edits.append(Edit(end, end, f"{before}---{self.newline}{text}{self.newline}"))


def _runs(positions: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield first and last of each run of neighbours."""
    for _, run in groupby(enumerate(positions), lambda pair: pair[1] - pair[0]):
        found = [position for _, position in run]
        yield found[0], found[-1]


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
