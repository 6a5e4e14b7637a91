"""What the files of a promotion say of themselves, read from git where `facts` declare it.

Read on both sides of the promotion, and the stricter counts: a promotion that relaxes a
fact is still judged by it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bot.decisions.policy import Declared, Policies
from bot.engine.candidate import Plan
from bot.engine.lookup import Found, look_up
from bot.engine.nodes import Unreadable
from bot.engine.objects import Objects
from bot.engine.overlay import Overlay
from bot.engine.trees import TreeReader, text_path
from config.facts import Fact, FactFiles, Given, read_fact
from config.patterns import path_pattern
from config.suggest import named

_TREE = b"40000"
_LONGEST_SAID = 60


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two trees, and how to read it; `name` is empty for what is promoted."""

    name: str
    tree: TreeReader
    root: str
    reads: Objects | Overlay


def sides(objects: Objects, plan: Plan) -> list[Side]:
    """Return the candidate's tree, where there is one, and the target's."""
    target = plan.comparison.target
    tree = TreeReader(objects)
    before = Side(target.environment, tree, tree.root(target.sha), objects)
    if plan.candidate is None:
        return [before]
    reads = Overlay(objects, plan.candidate.objects)
    return [Side("", TreeReader(reads), plan.candidate.tree, reads), before]


def declared(objects: Objects, policies: Policies, plan: Plan) -> list[Declared]:
    """Return every fact that counts for a promotion. Raises `MissingObject`."""
    if not any(layer.facts for layer in policies.layers) or not plan.promoted:
        return []
    changed = list(dict.fromkeys(change.path for change in plan.promoted))
    both = sides(objects, plan)
    found: list[Declared] = []
    for index, layer in enumerate(policies.layers):
        for files in layer.facts:
            paths = sorted(set(_paths(files, changed, both)))
            texts = [_texts(side, paths) for side in both]
            for path in paths:
                found += _of_file(index, files, path, [text.get(path) for text in texts], both)
    return found


def _paths(files: FactFiles, changed: Sequence[str], both: Sequence[Side]) -> Iterator[str]:
    """Yield the files whose facts count, in either tree."""
    patterns = [path_pattern(pattern) for pattern in files.paths]

    def matches(path: str) -> bool:
        return any(pattern.fullmatch(path) for pattern in patterns)

    if files.governs == "file":
        yield from filter(matches, changed)
        return
    if files.governs == "directory":
        above = {"/".join(path.split("/")[:depth]) for path in changed for depth in _depths(path)}
        for side in both:
            for directory in above:
                yield from filter(matches, _files_in(side, directory))
        return
    for side in both:
        for pattern in files.paths:
            yield from filter(matches, _files_below(side, _literal_part(pattern)))


def _depths(path: str) -> range:
    return range(path.count("/") + 1)


def _literal_part(pattern: str) -> str:
    """Return the directories that a pattern begins with, before its first wildcard."""
    parts = pattern.split("/")
    plain = next((i for i, part in enumerate(parts) if set(part) & set("*?[")), len(parts))
    return "/".join(parts[:plain])


def _directory(side: Side, directory: str) -> str | None:
    oid = side.root
    for part in directory.encode("utf-8", "surrogateescape").split(b"/") if directory else ():
        mode, raw = side.tree.tree(oid).get(part, (b"", b""))
        if mode != _TREE:
            return None
        oid = raw.hex()
    return oid


def _files_in(side: Side, directory: str) -> Iterator[str]:
    oid = _directory(side, directory)
    if oid is None:
        return
    prefix = f"{directory}/" if directory else ""
    for name, (mode, _) in side.tree.tree(oid).items():
        if mode != _TREE:
            yield prefix + text_path(name)


def _files_below(side: Side, path: str) -> Iterator[str]:
    top = _directory(side, path)
    if top is None:
        if side.tree.entry(side.root, path) is not None:
            yield path
        return
    waiting = [(f"{path}/" if path else "", top)]
    while waiting:
        prefix, oid = waiting.pop()
        for name, (mode, raw) in side.tree.tree(oid).items():
            if mode == _TREE:
                waiting.append((f"{prefix}{text_path(name)}/", raw.hex()))
            else:
                yield prefix + text_path(name)


def _texts(side: Side, paths: Sequence[str]) -> dict[str, bytes]:
    entries = {path: side.tree.entry(side.root, path) for path in paths}
    oids = {path: entry.oid for path, entry in entries.items() if entry and entry.is_file}
    wanted = list(dict.fromkeys(oids.values()))
    if wanted:
        side.reads.prefetch(wanted)
    texts = dict(zip(wanted, side.reads.read(wanted), strict=True)) if wanted else {}
    return {path: texts[oid] for path, oid in oids.items()}


def _of_file(
    layer: int,
    files: FactFiles,
    path: str,
    texts: Sequence[bytes | None],
    both: Sequence[Side],
) -> list[Declared]:
    """Return the facts of one file: the new ones, and of the old ones those that are gone."""
    found: list[Declared] = []
    for side, text in zip(both, texts, strict=True):
        if text is None:
            continue
        facts = list(facts_of(layer, files, path, _found(files, path, text), side.name))
        if not side.name or not found:
            found += facts
            continue
        # What is wrong in the target is mended by what is promoted, or said of that.
        known = [(one.said.partition(":")[0], one.given) for one in found]
        found += [
            one
            for one in facts
            if one.given is not None and (one.said.partition(":")[0], one.given) not in known
        ]
    return found


def _found(files: FactFiles, path: str, text: bytes) -> dict[str, list[Found]] | Unreadable:
    try:
        return look_up(path, text, files.keys)
    except Unreadable as error:
        return error


def facts_of(
    layer: int,
    files: FactFiles,
    path: str,
    found: dict[str, list[Found]] | Unreadable,
    where: str = "",
) -> Iterator[Declared]:
    """Yield what was found in one file, read as it was declared; `where` is an environment."""
    beside = f" (as {where} has it)" if where else ""
    if isinstance(found, Unreadable):
        place = f"{path}:{found.line}"
        yield Declared(layer, place, "", None, problem=f"it cannot be read: {found.reason}")
        return
    for key, fact in files.keys.items():
        if fact.required and not found[key]:
            problem = f"it does not say {named(key)}, which every such file has to"
            yield Declared(layer, path, key, None, problem=problem)
        for one in found[key]:
            place = (f"{path}:{one.line}" if one.line else path) + beside
            yield from _read(layer, place, key, fact, one.data)


def _read(layer: int, place: str, key: str, fact: Fact, data: Any) -> Iterator[Declared]:
    reason, said = fact.reason or "", _said(key, data)
    try:
        given: Iterable[Given] = read_fact(fact, key, data)
    except ValueError as error:
        yield Declared(layer, place, said, None, reason, problem=str(error))
        return
    for one in given:
        yield Declared(layer, place, said, one, reason)


def _said(key: str, data: Any) -> str:
    """Return a key with its value, where that is short enough to be read at a glance."""
    items = data if isinstance(data, list) else [data]
    if not items or any(isinstance(one, dict | list) for one in items):
        return key
    spelled = ", ".join(str(one).lower() if isinstance(one, bool) else str(one) for one in items)
    return f"{key}: {spelled}" if len(spelled) <= _LONGEST_SAID else key
