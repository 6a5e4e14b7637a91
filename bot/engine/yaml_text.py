"""YAML text to nodes, by libyaml's events: positions, aliases and merge keys included.

Built from events and not from PyYAML's nodes, because those lose where an alias
stands, and because a text nested ten thousand levels deep must not exhaust the stack.
"""

import json
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import yaml
from yaml import CSafeLoader
from yaml.constructor import SafeConstructor

from bot.engine.nodes import (
    MAX_DEPTH,
    MAX_VALUES,
    TOO_MANY,
    Node,
    Pair,
    Unreadable,
    flatten,
    place,
    scalar,
    scalar_text,
)
from bot.model import Value
from config.patterns import child

_YAML = "tag:yaml.org,2002:"
_STR = _YAML + "str"
_MERGE = _YAML + "merge"
_SCALARS = {_YAML + name for name in ("bool", "int", "float", "null", "timestamp", "binary")}
_NUMBERS = {_YAML + "int", _YAML + "float"}
# Python's own limit for decimals; one of base 60 would take minutes.
_LONGEST_NUMBER = 4300
_PLAIN_TAGS = {_STR, _YAML + "map", _YAML + "seq", "!"}
_RESOLVERS: dict[str | None, list[tuple[str, Any]]] = CSafeLoader.yaml_implicit_resolvers


def quoted(text: str) -> str:
    """Return text as a YAML string in double quotes, whose escapes are JSON's and a few more."""
    escaped = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped)


@lru_cache(maxsize=65536)
def _typed(tag: str, text: str) -> Value:
    if tag not in _SCALARS or (tag in _NUMBERS and len(text) > _LONGEST_NUMBER):
        return scalar(text)
    constructor = SafeConstructor()
    try:
        make: Callable[..., Any] = constructor.yaml_constructors[tag]
        return scalar(make(constructor, yaml.ScalarNode(tag, text)))
    except (ValueError, KeyError, IndexError, AttributeError, yaml.YAMLError):
        # `2026-02-30` looks like a date and is none: what it is for sure is its text.
        return scalar(text)


@lru_cache(maxsize=65536)
def _plain(text: str) -> tuple[str, Value]:
    """Return the tag that a plain scalar resolves to by YAML 1.1, and its value."""
    for tag, expression in _RESOLVERS.get(text[:1], ()):
        if expression.match(text):
            return tag, _typed(tag, text)
    return _STR, scalar(text)


class _Builder:
    """Builds the nodes of one text; keeps its own stack, so depth is a number to check."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.anchors: dict[str, Node] = {}
        self.merged = 0  # how many pairs came in by merge keys

    def fail(self, reason: str, event: Any) -> Unreadable:
        mark = event.start_mark
        return Unreadable(reason, mark.line + 1, mark.column + 1)

    def documents(self) -> Iterator[Node]:
        parser: Any = CSafeLoader(self.text)
        try:
            while parser.check_event():
                event = parser.get_event()
                if isinstance(event, yaml.DocumentStartEvent):
                    self.anchors.clear()
                    yield self.document(parser)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            raise Unreadable(error.problem or "not YAML", line, column) from error
        except yaml.reader.ReaderError as error:
            before = self.text[: error.position]
            column = len(before) - before.rfind("\n")
            raise Unreadable(
                "a character that YAML does not allow", before.count("\n") + 1, column
            ) from error
        finally:
            parser.dispose()

    def document(self, parser: Any) -> Node:
        """Return the next document. The busiest loop of a drift check: every event passes here."""
        next_event = parser.get_event
        # The open collections; of each, the nodes of a list, or key, node, key, node of a mapping.
        open_nodes: list[Node] = []
        parts: list[list[Node]] = [[]]
        while True:
            event = next_event()
            kind = type(event)
            if kind is yaml.ScalarEvent:
                parts[-1].append(self.scalar(event))
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                node, inside = open_nodes.pop(), parts.pop()
                node.end = event.end_mark.index
                if kind is yaml.SequenceEndEvent:
                    node.items = inside
                else:
                    node.pairs = self.pairs(inside, event)
            elif kind is yaml.AliasEvent:
                parts[-1].append(self.alias(event, open_nodes))
            else:
                node = self.collection(event)
                parts[-1].append(node)
                open_nodes.append(node)
                parts.append([])
                if len(open_nodes) > MAX_DEPTH:
                    raise self.fail(f"nested more than {MAX_DEPTH} levels deep", event)
            if not open_nodes:
                return parts[0][0]

    def scalar(self, event: Any) -> Node:
        tag, style = event.tag, event.style
        node = Node(event.start_mark.index, event.end_mark.index)
        if not tag and not style:
            resolved, node.value = _plain(event.value)
            # Marked, so that `"<<": x` stays an ordinary key.
            node.merges = resolved == _MERGE
        else:
            node.value = _typed(tag or _STR, event.value)
            node.block_scalar = style in ("|", ">")
            node.tag = _own(tag)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def collection(self, event: Any) -> Node:
        node = Node(event.start_mark.index, flow=bool(event.flow_style), tag=_own(event.tag))
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def alias(self, event: Any, open_nodes: Sequence[Node]) -> Node:
        target = self.anchors.get(event.anchor)
        if target is None:
            raise self.fail(f"the alias `*{event.anchor}` names no anchor above it", event)
        if any(target is node for node in open_nodes):
            raise self.fail(f"the alias `*{event.anchor}` contains itself", event)
        return Node(
            event.start_mark.index,
            event.end_mark.index,
            target.value,
            target.pairs,
            target.items,
            flow=target.flow,
            alias=target,
            tag=target.tag,
        )

    def pairs(self, inside: Sequence[Node], event: Any) -> list[Pair]:
        """Return a mapping's pairs; ``<<`` is expanded, and a key that stands twice refused."""
        own: dict[str, Pair] = {}
        sources: list[Node] = []
        for key, node in zip(inside[::2], inside[1::2], strict=True):
            if key.value is None or key.tag:
                raise Unreadable("a key that is not a scalar", *place(self.text, key.start))
            if key.merges:
                sources += self.sources(node, event)
                continue
            name = scalar_text(key.value)
            if name in own:
                raise Unreadable(f"the key `{name}` stands twice", *place(self.text, key.start))
            own[name] = Pair(name, key.start, key.end, node)
        return [*own.values(), *self.merge(own, sources, event)] if sources else [*own.values()]

    def sources(self, node: Node, event: Any) -> list[Node]:
        listed = node.items if node.items is not None else [node]
        if any(source.pairs is None for source in listed):
            raise self.fail("`<<` merges something that is not a mapping", event)
        return listed

    def merge(self, own: Container[str], sources: Sequence[Node], event: Any) -> Iterable[Pair]:
        """Return what comes in by merging: of the earlier mapping, and nothing that is there."""
        merged: dict[str, Pair] = {}
        for source in sources:
            self.merged += len(source.pairs or ())
            if self.merged > MAX_VALUES:
                raise self.fail(TOO_MANY, event)
            for pair in source.pairs or ():
                if pair.key not in own:
                    merged.setdefault(pair.key, Pair(pair.key, -1, -1, pair.node, merged=True))
        return merged.values()


def _own(tag: str | None) -> str:
    """Return a tag of somebody's own; those that YAML defines are in the value already."""
    return "" if not tag or tag in _PLAIN_TAGS or tag in _SCALARS else tag


def parse(text: str) -> list[Node]:
    """Return the documents of a YAML text; one that is empty is left out.

    Raises `Unreadable` with the place of what is wrong.
    """
    return [
        root
        for root in _Builder(text).documents()
        if not (root.value is not None and root.start == root.end)
    ]


def addressed(documents: list[Node]) -> list[tuple[str, Node]]:
    """Return each document with its first segment: none if alone, else ``kind/name`` or index."""
    if len(documents) == 1:
        return [("", documents[0])]
    names = [_kind_and_name(document) for document in documents]
    return [
        (child("", name if name and names.count(name) == 1 else str(index)), document)
        for index, (name, document) in enumerate(zip(names, documents, strict=True))
    ]


def _kind_and_name(document: Node) -> str:
    def text(node: Node | None, key: str) -> Node | None:
        pairs = node.pairs if node is not None and node.pairs else ()
        return next((pair.node for pair in pairs if pair.key == key), None)

    kind, name = text(document, "kind"), text(text(document, "metadata"), "name")
    if kind is None or name is None or kind.value is None or name.value is None:
        return ""
    return f"{scalar_text(kind.value)}/{scalar_text(name.value)}"


def read(text: str) -> dict[str, Value]:
    """Return the values of a YAML text by key path. Raises `Unreadable`."""
    values: dict[str, Value] = {}
    for segment, document in addressed(parse(text)):
        values.update(flatten(document, segment))
    return values
