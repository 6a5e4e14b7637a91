"""A parsed document: nodes that know their positions, and the values they hold.

The parsers (`yaml_text`, `json_text`, `toml_text`) make nodes; `flatten` turns them
into key paths and values, which comparing needs; splicing needs the positions.
"""

import base64
import math
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from bot.model import Value
from config.patterns import child, item, order

# Past these a file counts as one value: reading on would cost more than it tells.
MAX_DEPTH = 200
MAX_VALUES = 300_000
TOO_MANY = f"holds more than {MAX_VALUES:,} values once its aliases are expanded"
# A long text that aliases repeat counts as more than one value each time.
_CHARACTERS_PER_VISIT = 64

# What a list's items are known by: the first of these that all have, each its own.
IDENTITY_FIELDS = ("name", "id", "key")

_NOT_IN_JSON = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
_LONGEST_INT_IN_BITS = 8192


NULL = Value("null", None)


class Unreadable(ValueError):
    """A text that is not what its file name promises; line and column count from 1."""

    def __init__(self, reason: str, line: int = 1, column: int = 1) -> None:
        super().__init__(reason)
        self.reason, self.line, self.column = reason, line, column


@dataclass(slots=True, eq=False)
class Node:
    """A part of a document; `start` and `end` are offsets in characters, -1 where unknown.

    Just one of `value`, `pairs` and `items` is set. An `alias` has the offsets of its own
    text and the contents of the node it points to.
    """

    start: int = -1
    end: int = -1
    value: Value | None = None
    pairs: "list[Pair] | None" = None
    items: "list[Node] | None" = None
    flow: bool = False  # written in brackets
    block_scalar: bool = False  # written with | or >
    merges: bool = False  # a key that is ``<<``
    alias: "Node | None" = None
    tag: str = ""  # a tag of somebody's own; the whole node is one value then


@dataclass(slots=True, eq=False)
class Pair:
    """A key of a mapping and what it holds; `merged` ones came in through ``<<``."""

    key: str
    key_start: int
    key_end: int
    node: Node
    merged: bool = False


def scalar(data: str | float | bytes | date | datetime | time | None) -> Value:
    """Return the value of a Python scalar, as the parsers give them."""
    match data:
        case str():
            value = Value("s" + data, data)
        case None:
            value = NULL
        case bool():
            value = Value("true" if data else "false", data)
        case int():
            # Python refuses to print longer ones in decimal.
            fits = data.bit_length() <= _LONGEST_INT_IN_BITS
            value = Value(f"i{data:x}", data if fits else hex(data))
        case float():
            value = Value(f"f{data!r}", data if math.isfinite(data) else _NOT_IN_JSON[repr(data)])
        case bytes():
            value = Value("y" + data.hex(), base64.b64encode(data).decode())
        case _:
            value = Value("t" + data.isoformat(), data.isoformat())
    return value


def scalar_text(value: Value) -> str:
    """Return how a scalar is spelled as a segment of a key path."""
    if isinstance(value.data, str):
        return value.data
    if value.data is None:
        return "null"
    if isinstance(value.data, bool):
        return "true" if value.data else "false"
    return repr(value.data)


def identities(node: Node) -> tuple[str, list[str]] | None:
    """Return the field that a list's items are known by and each item's, None if by none.

    The items must all be mappings with a scalar of their own under ``name``, else
    ``id``, else ``key``.
    """
    if not node.items or any(element.pairs is None or element.tag for element in node.items):
        return None
    for name in IDENTITY_FIELDS:
        found = [
            scalar_text(pair.node.value)
            for element in node.items
            for pair in element.pairs or ()
            if pair.key == name and pair.node.value is not None and pair.node.value != NULL
        ]
        if len(found) == len(node.items) == len(set(found)):
            return name, found
    return None


def flatten(root: Node, prefix: str = "") -> dict[str, Value]:
    """Return every place below `root` with its value, by key path.

    Raises `Unreadable` where aliases expand to more than a person would write.
    """
    flattening = _Flattening()
    flattening.walk(root, prefix, 0)
    return flattening.values


def whole(node: Node) -> Value:
    """Return all of a node as one value. Raises `Unreadable` as `flatten` does."""
    return _Flattening().one_value(node, 0)


class _Flattening:
    def __init__(self) -> None:
        self.values: dict[str, Value] = {}
        self._visits = 0

    def walk(self, node: Node, key: str, depth: int) -> None:
        self._visit(depth, len(key))
        if node.tag:
            self.values[key] = self.one_value(node, depth)
        elif node.value is not None:
            self.values[key] = node.value
        elif node.pairs:
            for pair in node.pairs:
                self.walk(pair.node, child(key, pair.key), depth + 1)
        elif (known := identities(node)) is not None:
            name, found = known
            for element, identity in zip(node.items or (), found, strict=True):
                self.walk(element, item(key, name, identity), depth + 1)
            self.values[order(key)] = Value("o" + repr(found), found)
        else:
            self.values[key] = self.one_value(node, depth)

    def one_value(self, node: Node, depth: int) -> Value:
        """Return a whole node as one value; lengths keep tokens of different shape apart."""
        keys = sum(len(pair.key) for pair in node.pairs or ())
        self._visit(depth, keys if node.value is None else len(node.value.token))
        if node.items is not None:
            parts = [self.one_value(element, depth + 1) for element in node.items]
            joined = ",".join(f"{len(part.token)}:{part.token}" for part in parts)
            found = Value(f"[{joined}]", [part.data for part in parts])
        elif node.pairs is not None:
            pairs = sorted((p.key, self.one_value(p.node, depth + 1)) for p in node.pairs)
            joined = ",".join(f"{len(k)}:{k}={len(v.token)}:{v.token}" for k, v in pairs)
            found = Value("{" + joined + "}", {key: part.data for key, part in pairs})
        else:
            found = node.value or scalar(None)
        return Value(f"!{node.tag} {found.token}", {node.tag: found.data}) if node.tag else found

    def _visit(self, depth: int, characters: int = 0) -> None:
        self._visits += 1 + characters // _CHARACTERS_PER_VISIT
        if depth > MAX_DEPTH:
            raise Unreadable(f"nested more than {MAX_DEPTH} levels deep")
        if self._visits > MAX_VALUES:
            raise Unreadable(TOO_MANY)


def place(text: str, offset: int) -> tuple[int, int]:
    """Return line and column, from 1, of an offset."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def is_order(key: str) -> bool:
    """Whether a key path is the order of a list's items."""
    return key.endswith("[]")


def plain(data: Any) -> Node:
    """Return nodes without positions for what a parser made of dicts, lists and scalars."""
    if isinstance(data, dict):
        return Node(pairs=[Pair(str(key), -1, -1, plain(below)) for key, below in data.items()])
    if isinstance(data, list):
        return Node(items=[plain(below) for below in data])
    return Node(value=scalar(data))
