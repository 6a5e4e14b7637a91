"""JSON text to nodes with positions. Python's leniency (NaN, Infinity) is kept."""

import re
from json import JSONDecodeError
from json.decoder import scanstring  # type: ignore[attr-defined] # undocumented, and fast
from typing import NoReturn

from bot.engine.nodes import MAX_DEPTH, Node, Pair, Unreadable, flatten, place, scalar
from bot.model import Value

_SPACE = re.compile(r"[ \t\n\r]*")
_WORD = re.compile(r"true|false|null|NaN|-?Infinity")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?", re.ASCII)
_WORDS = {"true": True, "false": False, "null": None}


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text

    def fail(self, reason: str, offset: int) -> NoReturn:
        raise Unreadable(reason, *place(self.text, offset))

    def space(self, offset: int) -> int:
        match = _SPACE.match(self.text, offset)
        return match.end() if match else offset

    def node(self, offset: int, depth: int) -> Node:
        """Return the node that begins at `offset`, which is no white space."""
        if depth > MAX_DEPTH:
            self.fail(f"nested more than {MAX_DEPTH} levels deep", offset)
        first = self.text[offset : offset + 1]
        if first == "{":
            return self.mapping(offset, depth)
        if first == "[":
            return self.sequence(offset, depth)
        if first == '"':
            text, end = self.string(offset)
            return Node(offset, end, scalar(text))
        if match := _WORD.match(self.text, offset):
            word = match[0]
            return Node(
                offset, match.end(), scalar(_WORDS[word] if word in _WORDS else float(word))
            )
        if match := _NUMBER.match(self.text, offset):
            try:
                number = float(match[0]) if match[1] or match[2] else int(match[0])
            except ValueError:
                self.fail("a number of more digits than can be read", offset)
            return Node(offset, match.end(), scalar(number))
        return self.fail(
            "a value is missing" if first else "the text ends where a value is due", offset
        )

    def string(self, offset: int) -> tuple[str, int]:
        try:
            return scanstring(self.text, offset + 1, True)  # type: ignore[no-any-return]
        except JSONDecodeError as error:
            self.fail(f"not a string: {error.msg.lower()}", error.pos)

    def mapping(self, offset: int, depth: int) -> Node:
        node = Node(offset, pairs=[], flow=True)
        pairs, seen = node.pairs or [], set[str]()
        node.pairs = pairs
        at = self.space(offset + 1)
        while self.text[at : at + 1] != "}":
            if pairs:
                at = self.comma(at, "}")
            if self.text[at : at + 1] != '"':
                self.fail("a key in double quotes is due here", at)
            key, key_end = self.string(at)
            if key in seen:
                self.fail(f"the key `{key}` stands twice", at)
            seen.add(key)
            colon = self.space(key_end)
            if self.text[colon : colon + 1] != ":":
                self.fail("a colon is due here", colon)
            below = self.node(self.space(colon + 1), depth + 1)
            pairs.append(Pair(key, at, key_end, below))
            at = self.space(below.end)
        node.end = at + 1
        return node

    def sequence(self, offset: int, depth: int) -> Node:
        items: list[Node] = []
        at = self.space(offset + 1)
        while self.text[at : at + 1] != "]":
            if items:
                at = self.comma(at, "]")
            items.append(self.node(at, depth + 1))
            at = self.space(items[-1].end)
        return Node(offset, at + 1, items=items, flow=True)

    def comma(self, at: int, closing: str) -> int:
        if self.text[at : at + 1] != ",":
            self.fail(f"a comma or `{closing}` is due here", at)
        return self.space(at + 1)


def parse(text: str) -> list[Node]:
    """Return the one document of a JSON text. Raises `Unreadable` with the place."""
    parser = _Parser(text)
    root = parser.node(parser.space(0), 0)
    end = parser.space(root.end)
    if end != len(text):
        parser.fail("the document ended before this", end)
    return [root]


def read(text: str) -> dict[str, Value]:
    """Return the values of a JSON text by key path. Raises `Unreadable`."""
    return flatten(parse(text)[0])


def addressed(documents: list[Node]) -> list[tuple[str, Node]]:
    """Return the one document with its segment, which is none."""
    return [("", documents[0])]
