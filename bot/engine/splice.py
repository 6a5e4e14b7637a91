"""Change values in a text and touch nothing else: comments, order, quoting, indentation.

Edits are made at the positions of parsed nodes, and every result is parsed again: a text
that does not say exactly what is expected is refused, never returned. A value brought in
keeps the spelling it has in the source.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from bot.engine import toml_text
from bot.engine.contents import reduced
from bot.engine.edits import CannotSplice, Edit, Edits, applied
from bot.engine.nodes import Node, Pair, Unreadable, flatten, identities, is_order
from bot.engine.values import format_of
from bot.model import ABSENT, Value
from config.patterns import above, child, covers, item

__all__ = ["CannotSplice", "Expected", "splice"]

# A whole entry may come in first and what of it stays the target's be mended after.
_MOST_ROUNDS = 8


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
        splicer = _Splicer(Edits(text, source, newline), expected, wrong)
        edits = splicer.documents(roots, source_roots)
        if not edits:
            break
        try:
            text = applied(text, edits)
            documents = reader.parse(text)
        except Unreadable as error:
            raise CannotSplice(f"the result would not parse: {error.reason}") from error
    raise CannotSplice("the structure around the value differs too much")


def _checked(text: str, expected: Expected, path: str) -> str:
    reader = format_of(path)
    if reader is None or expected.wrong(reader.read(text)):
        raise CannotSplice("the structure around the value differs too much")
    return text


class _Splicer:
    """Plans the edits of one round: target and source are walked side by side."""

    def __init__(self, edits: Edits, expected: Expected, wrong: Sequence[str]) -> None:
        self.edits, self.expected, self.wrong = edits, expected, wrong
        self._wrong = {place for key in wrong for place in above(key)}
        self._expected = {
            place for key in expected.values if not is_order(key) for place in above(key)
        }
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
                self.edits.replace_span(root, source)
        for segment, source in source_roots.items():
            if segment not in known and self._is_expected(segment):
                self.edits.append_document(source)
        if not self.edits.made:
            # Not before, because what an alias points to may just have got the value.
            for pair, other, node in self.aliases:
                self.edits.replace(pair, other, node)
        return self.edits.made

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
                self.edits.replace(pair, other, node)
        for first, last in _runs(gone):
            self.edits.remove(own, first, last, node)
        present = {pair.key for pair in own}
        previous: Pair | None = None
        for other in source.pairs or ():
            below = child(key, other.key)
            if other.key in present:
                previous = next(pair for pair in own if pair.key == other.key)
            elif not other.merged and self._is_wrong(below) and self._is_expected(below):
                self.edits.insert(own, previous, other, node)

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
            self.edits.remove_items(items, first, last, node)
        previous: Node | None = None
        inserted = False
        for name, other in zip(theirs, others, strict=True):
            if name in mine:
                previous = items[mine.index(name)]
            elif self._is_expected(item(key, field, name)):
                self.edits.insert_item(items, previous, other, node)
                inserted = True
        if not inserted and not self.edits.made and f"{key}[]" in self.wrong:
            self.edits.reorder(mine, node, theirs)


def _runs(positions: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield first and last of each run of neighbours."""
    for _, run in groupby(enumerate(positions), lambda pair: pair[1] - pair[0]):
        found = [position for _, position in run]
        yield found[0], found[-1]
