"""Texts to splice: what is wanted of one, and generated ones that know what each line holds."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from bot.engine.nodes import is_order
from bot.engine.splice import Expected, splice
from bot.engine.values import read_values
from bot.model import ABSENT, Value
from config.patterns import child, covers, item


def values_of(path: str, text: str) -> dict[str, Value]:
    """Return the places of a text."""
    return read_values(path, text.encode())


def wanted(path: str, target: str, source: str, keys: Iterable[str]) -> Expected:
    """Return what `target` says with everything at and below `keys` taken from `source`."""
    mine, theirs = values_of(path, target), values_of(path, source)
    asked = set(keys)

    def taken(key: str) -> bool:
        return any(covers(one, key) for one in asked)

    values = {k: v for k, v in mine.items() if not is_order(k) and not taken(k)}
    values |= {k: v for k, v in theirs.items() if not is_order(k) and taken(k)}
    orders = {
        key: [(theirs if taken(key) else mine).get(key, ABSENT)]
        for key in filter(is_order, mine.keys() | theirs.keys())
    }
    return Expected(values, orders)


def take(path: str, target: str, source: str, *keys: str) -> str:
    """Splice what `source` says at `keys` into `target`."""
    return splice(path, target, source, wanted(path, target, source, keys))


# Generated texts. A document is a mapping; a named list is a mapping in a `Named`; a leaf is
# spelled as it stands in the text.


@dataclass(frozen=True)
class Named:
    """A list of mappings that are known by their names."""

    items: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Line:
    """One line and the place it holds: a leaf's own, or the container that it stands in."""

    text: str
    key: str
    is_leaf: bool = False

    @property
    def is_name(self) -> bool:
        """Whether this line says how an item of a list is known."""
        return self.key.endswith("].name")


NAMES = st.sampled_from(["a", "b", "c", "d.e", "f"])
YAML_LEAVES = st.sampled_from(
    ["1", "0644", "off", "~", "text with spaces", "'it''s'", '"\\u00e9"', "[1, 2]", "{}", "2.50"]
)
JSON_LEAVES = st.sampled_from(["1", "-2.50", "true", "null", '"text"', '"\\u00e9"', "[1, 2]", "{}"])


def documents(leaves: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy of documents."""
    nodes: st.SearchStrategy[Any] = st.recursive(
        leaves,
        lambda below: st.one_of(
            st.dictionaries(NAMES, below, min_size=1, max_size=3),
            st.builds(
                Named,
                st.dictionaries(
                    st.sampled_from("xyz"),
                    st.dictionaries(NAMES, below, min_size=1, max_size=2),
                    min_size=1,
                    max_size=3,
                ),
            ),
        ),
        max_leaves=8,
    )
    return st.dictionaries(NAMES, nodes, min_size=1, max_size=4)


class YamlWriter:
    """Writes documents in a style of its own: indentation, comments, blank lines, brackets."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._indent = self._random.choice([2, 4])
        self._list_indent = self._random.choice([0, 2])
        self._number = 0

    def write(self, document: dict[str, Any]) -> list[Line]:
        """Return the document's lines."""
        return list(self._mapping(document, "", 0))

    def _comment(self, key: str, column: int) -> Iterator[Line]:
        if self._random.random() < 0.3:
            self._number += 1
            yield Line(" " * column + f"# comment {self._number}", key)
        if self._random.random() < 0.1:
            yield Line("", key)

    def _mapping(self, mapping: dict[str, Any], key: str, column: int) -> Iterator[Line]:
        for name, below in mapping.items():
            yield from self._comment(key, column)
            yield from self._pair(name, below, child(key, name), column)

    def _pair(self, name: str, below: Any, key: str, column: int) -> Iterator[Line]:
        start = " " * column + f"{name}:"
        if isinstance(below, str):
            self._number += 1
            behind = f"  # behind {self._number}" if self._random.random() < 0.3 else ""
            yield Line(f"{start} {below}{behind}", key, is_leaf=True)
        elif isinstance(below, Named):
            yield Line(start, key)
            at = column + self._list_indent
            for item_name, fields in below.items.items():
                here = item(key, "name", item_name)
                yield from self._comment(key, at)
                yield Line(" " * at + f"- name: {item_name}", child(here, "name"), is_leaf=True)
                yield from self._mapping(fields, here, at + 2)
        else:
            yield Line(start, key)
            yield from self._mapping(below, key, column + self._indent)


class JsonWriter:
    """Writes documents as JSON, one value a line."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._indent = self._random.choice([1, 2, 4])
        self._colon = self._random.choice([": ", ":", " : "])

    def write(self, document: dict[str, Any]) -> list[Line]:
        """Return the document's lines."""
        return [Line("{", ""), *self._mapping(document, "", 1), Line("}", "")]

    def _mapping(self, mapping: dict[str, Any], key: str, depth: int) -> Iterator[Line]:
        for position, (name, below) in enumerate(mapping.items()):
            comma = "," if position + 1 < len(mapping) else ""
            yield from self._node(f'"{name}"{self._colon}', below, child(key, name), depth, comma)

    def _node(self, start: str, below: Any, key: str, depth: int, comma: str) -> Iterator[Line]:
        indent = " " * (self._indent * depth)
        if isinstance(below, str):
            yield Line(f"{indent}{start}{below}{comma}", key, is_leaf=True)
        elif isinstance(below, Named):
            yield Line(f"{indent}{start}[", key)
            for position, (name, fields) in enumerate(below.items.items()):
                last = "," if position + 1 < len(below.items) else ""
                here = item(key, "name", name)
                yield from self._node("", {"name": f'"{name}"', **fields}, here, depth + 1, last)
            yield Line(f"{indent}]{comma}", key)
        else:
            yield Line(f"{indent}{start}{{", key)
            yield from self._mapping(below, key, depth + 1)
            yield Line(f"{indent}}}{comma}", key)


def text_of(lines: Iterable[Line], newline: str = "\n") -> str:
    """Return lines as a text."""
    return "".join(line.text + newline for line in lines)


def untouched(lines: Iterable[Line], before: dict[str, Value], after: Expected) -> Counter[str]:
    """Return the lines that no asked change concerns, a trailing comma aside.

    A container's own lines must stay where one of its values does.
    """
    stays = [key for key, value in after.values.items() if before.get(key) == value]
    return Counter(
        line.text.rstrip(",")
        for line in lines
        if (line.key in stays if line.is_leaf else any(covers(line.key, key) for key in stays))
    )


def closed(keys: Iterable[str], among: Iterable[str]) -> set[str]:
    """Return `keys` and what must move with them.

    A scalar goes as what replaces it comes, and an item comes or goes as a whole.
    """
    found, rest = set(keys), set(among)
    items = [key.removesuffix(".name") for key in rest if key.endswith("].name")]
    while more := {
        key
        for key in rest - found
        if any(covers(key, other) or covers(other, key) for other in found)
        or any(covers(one, key) and covers(one, other) for one in items for other in found)
    }:
        found |= more
    return found
