"""One key of a file: the value it holds as plain data, and the line on which it stands."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from bot.engine.nodes import Node, Unreadable, identities, place, whole
from bot.engine.nodes import plain as nodes_of
from bot.engine.values import decode, format_of
from config.patterns import child, item, segments


@dataclass(frozen=True, slots=True)
class Found:
    """What stands at a key; `line` counts from 1, and is 0 where it is not known."""

    data: Any
    line: int


def look_up(path: str, data: bytes, keys: Iterable[str]) -> dict[str, list[Found]]:
    """Return what a file holds at each of some key paths, in each of its documents.

    A key path that begins with a document's own name, as everywhere else, is looked up in
    that one alone. Raises `Unreadable` where the file does not parse.
    """
    text = decode(data).characters
    roots = _documents(path, text)
    return {key: list(_at(roots, key, text)) for key in keys}


def look_up_plain(data: Any, keys: Iterable[str]) -> dict[str, list[Found]]:
    """Return the same of a document that somebody has parsed already."""
    roots = [("", nodes_of(data))]
    return {key: list(_at(roots, key, "")) for key in keys}


def _documents(path: str, text: str) -> list[tuple[str, Node]]:
    module = format_of(path)
    if module is None:
        raise Unreadable("not YAML, JSON or TOML by its name")
    documents: list[Node] = module.parse(text)
    roots: list[tuple[str, Node]] = module.addressed(documents) if documents else []
    return roots


def _at(roots: list[tuple[str, Node]], key: str, text: str) -> Iterator[Found]:
    for prefix, root in roots:
        own = key.startswith(prefix) and key[len(prefix) :][:1] in {".", "["}
        rest = key[len(prefix) :].removeprefix(".") if prefix and own else key
        found = _below(root, list(segments(rest)))
        if found is not None:
            node, start = found
            yield Found(whole(node).data, place(text, start)[0] if text and start >= 0 else 0)


def _below(node: Node, steps: list[str]) -> tuple[Node, int] | None:
    """Return what stands at the end of some steps, and the offset of its key."""
    start = node.start
    for step in steps:
        known = identities(node)
        if known is not None and node.items:
            names = [item("", known[0], name) for name in known[1]]
            if step not in names:
                return None
            node = node.items[names.index(step)]
            start = node.start
            continue
        pair = next((one for one in node.pairs or () if child("", one.key) == step), None)
        if pair is None:
            return None
        node, start = pair.node, pair.key_start
    return node, start
