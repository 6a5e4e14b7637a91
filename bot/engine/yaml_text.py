"""YAML text to nodes, by libyaml's events: positions, aliases and merge keys included.

Built from events and not from PyYAML's nodes, because those lose where an alias
stands, and because a text nested ten thousand levels deep must not exhaust the stack.
"""

from collections.abc import Callable, Iterator
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


def _index(mark: Any) -> int:
    """Return a mark's offset in characters; every event that is parsed from text has its marks."""
    index: int = mark.index
    return index


class _Builder:
    """Builds the nodes of one text; keeps its own stack, so depth is a number to check."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.anchors: dict[str, Node] = {}
        self.open: list[Node] = []
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
                    yield self.node(parser.get_event(), parser)
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

    def node(self, event: Any, parser: Any) -> Node:
        """Return the node that begins with `event`, reading up to its end."""
        root = self.begin(event)
        # One frame for each open collection: the node, and the key that waits for its value.
        stack: list[tuple[Node, list[Any]]] = []
        if not isinstance(event, yaml.ScalarEvent | yaml.AliasEvent):
            stack.append((root, []))
        while stack:
            parent, pending = stack[-1]
            event = parser.get_event()
            if isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                parent.end = _index(event.end_mark)
                stack.pop()
                self.open.pop()
                if parent.pairs is not None:
                    self.finish(parent, event)
                continue
            node = self.begin(event)
            if parent.items is not None:
                parent.items.append(node)
            elif pending:
                self.add(parent, pending.pop(), node, event)
            else:
                if node.value is None or node.tag:
                    raise self.fail("a key that is not a scalar", event)
                pending.append(node)
            if not isinstance(event, yaml.ScalarEvent | yaml.AliasEvent):
                if len(stack) >= MAX_DEPTH:
                    raise self.fail(f"nested more than {MAX_DEPTH} levels deep", event)
                stack.append((node, []))
        return root

    def begin(self, event: Any) -> Node:
        start, end = _index(event.start_mark), _index(event.end_mark)
        if isinstance(event, yaml.AliasEvent):
            target = self.anchors.get(event.anchor or "")
            if target is None:
                raise self.fail(f"the alias `*{event.anchor}` names no anchor above it", event)
            if any(target is node for node in self.open):
                raise self.fail(f"the alias `*{event.anchor}` contains itself", event)
            return Node(
                start,
                end,
                target.value,
                target.pairs,
                target.items,
                flow=target.flow,
                alias=target,
                tag=target.tag,
            )
        tag = event.tag or ""
        own_tag = "" if tag in _PLAIN_TAGS or tag in _SCALARS else tag
        if isinstance(event, yaml.ScalarEvent):
            node = Node(start, end, tag=own_tag, block_scalar=event.style in ("|", ">"))
            if not tag and event.style in (None, ""):
                resolved, node.value = _plain(event.value)
                # Marked, so that `"<<": x` stays an ordinary key.
                node.flow = resolved == _MERGE
            else:
                node.value = _typed(tag, event.value)
        elif isinstance(event, yaml.MappingStartEvent):
            node = Node(start, end, pairs=[], flow=bool(event.flow_style), tag=own_tag)
            self.open.append(node)
        else:
            node = Node(start, end, items=[], flow=bool(event.flow_style), tag=own_tag)
            self.open.append(node)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def add(self, parent: Node, key: Node, node: Node, event: Any) -> None:
        if key.value is None or parent.pairs is None:  # pragma: no cover -- by construction
            raise self.fail("a key that is not a scalar", event)
        text = "<<" if key.flow else scalar_text(key.value)
        # The null byte cannot stand in YAML: it marks a merge until the mapping is complete.
        parent.pairs.append(Pair("\0<<" if key.flow else text, key.start, key.end, node))

    def finish(self, mapping: Node, event: Any) -> None:
        """Expand ``<<`` and refuse a key that stands twice: which one counts is a guess."""
        own: dict[str, Pair] = {}
        sources: list[Node] = []
        for pair in mapping.pairs or ():
            if pair.key == "\0<<":
                listed = pair.node.items if pair.node.items is not None else [pair.node]
                sources += listed
                if any(source.pairs is None for source in listed):
                    raise self.fail("`<<` merges something that is not a mapping", event)
            elif pair.key in own:
                line = self.text.count("\n", 0, pair.key_start) + 1
                column = pair.key_start - self.text.rfind("\n", 0, pair.key_start)
                raise Unreadable(f"the key `{pair.key}` stands twice", line, column)
            else:
                own[pair.key] = pair
        if sources:
            merged: dict[str, Pair] = {}
            for source in sources:
                self.merged += len(source.pairs or ())
                if self.merged > MAX_VALUES:
                    raise self.fail(TOO_MANY, event)
                for pair in source.pairs or ():
                    if pair.key not in own:
                        merged.setdefault(pair.key, Pair(pair.key, -1, -1, pair.node, merged=True))
            mapping.pairs = [*own.values(), *merged.values()]


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
