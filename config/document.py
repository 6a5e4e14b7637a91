"""YAML text as plain data, in which every key and value still knows its place.

Bounded in everything: size, depth and what aliases expand to. Nothing but plain data
comes out, whatever tags the text has.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from config.suggest import named

Loc = tuple[str | int, ...]

MAX_CHARACTERS = 1 << 18
MAX_DEPTH = 32
MAX_STEPS = 20_000

# Whatever is not in YAML's set of printable characters.
_UNREADABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MERGE = "tag:yaml.org,2002:merge"
_PLAIN = {
    f"tag:yaml.org,2002:{kind}"
    for kind in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp")
}
# What libyaml says, and what a person can do about it.
_BRACKETS = "separate what is in brackets with commas, and close them"
_HINTS = {
    "found character that cannot start any token": "put a value in quotes that begins with `@`, "
    "`%` or a backtick, and indent with spaces",
    "found a tab character that violates indentation": "indent with spaces",
    "mapping values are not allowed in this context": "indent a key like its neighbours, and put "
    "a value in quotes that has `: ` in it",
    "did not find expected key": "indent the keys of a mapping alike",
    "did not find expected '-' indicator": "indent the items of a list alike",
    "did not find expected ',' or ']'": _BRACKETS,
    "did not find expected ',' or '}'": _BRACKETS,
    "did not find expected node content": _BRACKETS,
    "found undefined alias": "an alias `*name` needs an anchor `&name` above it",
    "found unexpected end of stream": "a quotation is not closed",
    "found incompatible YAML document": "leave out the line that begins with `%YAML`",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the text; both numbers begin at 1."""

    line: int
    column: int


class Unreadable(Exception):
    """The text cannot be read at all; `mark` says where reading ended."""

    def __init__(self, mark: Mark, message: str) -> None:
        super().__init__(message)
        self.mark = mark
        self.message = message


class Document:
    """The one document of a text as plain data, and where its keys and values stand.

    Keys are the text that is written, so `on` and `1` are keys like others. `problems`
    are those that leave the rest readable. Raises `Unreadable`.
    """

    def __init__(self, text: str) -> None:
        self.problems: list[tuple[Loc, Mark, str]] = []
        self._keys: dict[Loc, Mark] = {}
        self._values: dict[Loc, Mark] = {(): Mark(1, 1)}
        self._written: dict[Loc, str] = {}
        self._renamed: dict[Loc, str | int] = {}
        self._steps = 0
        self._constructor = yaml.SafeLoader("")
        _check_characters(text)
        try:
            _check_bounds(text)
            node = yaml.compose(text, yaml.CSafeLoader)
        except yaml.MarkedYAMLError as error:
            raise _unreadable(error) from error
        self.data: Any = None if node is None else self._value(node, ())

    def resolve(self, loc: Loc) -> Loc:
        """Return the part of `loc` that the text has.

        A model knows steps that a shorthand leaves out, and keys that are missing.
        """
        return self._find(loc)[0]

    def mark(self, loc: Loc, *, at_key: bool = False) -> Mark:
        """Return where the value at `loc` stands, or its key."""
        stands = self._find(loc)[1]
        return self._keys.get(stands, self._values[stands]) if at_key else self._values[stands]

    def written(self, loc: Loc) -> str | None:
        """Return a scalar as the text spells it: `no`, where the data says False."""
        return self._written.get(self._find(loc)[1])

    def rename(self, loc: Loc, key: str) -> None:
        """Read the key at `loc` as `key` from now on, as if it had been written so."""
        mapping = self.data
        for step in loc[:-1]:
            mapping = mapping[step]
        mapping[key] = mapping.pop(loc[-1])
        self._renamed[*self._find(loc[:-1])[1], key] = loc[-1]

    def _find(self, loc: Loc) -> tuple[Loc, Loc]:
        """Return the part of `loc` that there is, as it is read and as it is written."""
        read: Loc = ()
        stands: Loc = ()
        for step in loc:
            below = (*stands, self._renamed.get((*stands, step), step))
            if below in self._values:
                read, stands = (*read, step), below
        return read, stands

    def _value(self, node: yaml.Node, loc: Loc) -> Any:
        self._step(node, len(loc))
        self._values[loc] = _mark(node.start_mark)
        if node.tag not in _PLAIN:
            self._problem(node, loc, f"the tag `{node.tag}` means nothing here; leave it out")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, loc)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (*loc, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, loc)

    def _scalar(self, node: yaml.Node, loc: Loc) -> Any:
        self._written[loc] = node.value
        if node.tag not in _PLAIN:
            return node.value
        try:
            return self._constructor.construct_object(node)
        except (ValueError, KeyError, AttributeError):
            # `2026-13-45` only looks like a date, `!!bool x` only says that it is one.
            return node.value

    def _mapping(self, node: yaml.MappingNode, loc: Loc) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key, value, merged in self._pairs(node, loc, 0):
            below = (*loc, key.value)
            if key.value not in data:
                self._keys[below] = _mark(key.start_mark)
                data[key.value] = self._value(value, below)
            elif not merged:
                line = self._keys[below].line
                self._problem(
                    key, below, f"{named(key.value)} is written twice; the first is on line {line}"
                )
        return data

    def _pairs(
        self, node: yaml.MappingNode, loc: Loc, depth: int
    ) -> Iterator[tuple[yaml.Node, yaml.Node, bool]]:
        """Yield a mapping's own pairs, then those that `<<` merges into it."""
        sources: list[yaml.Node] = []
        for key, value in node.value:
            self._step(key, depth)
            if key.tag == _MERGE:
                sources += value.value if isinstance(value, yaml.SequenceNode) else [value]
            elif isinstance(key, yaml.ScalarNode):
                yield key, value, depth > 0
            else:
                self._problem(key, loc, "a key is plain text, not a list or a mapping")
        for source in sources:
            self._step(source, depth)
            if not isinstance(source, yaml.MappingNode):
                self._problem(source, loc, "`<<` takes a mapping to merge, or a list of them")
            else:
                yield from self._pairs(source, loc, depth + 1)

    def _step(self, node: yaml.Node, depth: int) -> None:
        """Count what aliases multiply and deepen: they may stand for themselves."""
        self._steps += 1
        if self._steps > MAX_STEPS or depth > MAX_DEPTH:
            raise Unreadable(
                _mark(node.start_mark),
                f"with its aliases written out the file is deeper than {MAX_DEPTH} levels or "
                f"larger than {MAX_STEPS:,} values; no configuration needs that",
            )

    def _problem(self, node: yaml.Node, loc: Loc, message: str) -> None:
        self.problems.append((loc, _mark(node.start_mark), message))


def _unreadable(error: yaml.MarkedYAMLError) -> Unreadable:
    problem = error.problem or "it ends too early"
    hint = _HINTS.get(problem)
    where = error.problem_mark or error.context_mark
    mark = _mark(where) if where else Mark(1, 1)
    return Unreadable(mark, f"this is not YAML: {problem}" + (f"; {hint}" if hint else ""))


def _mark(mark: Any) -> Mark:
    return Mark(mark.line + 1, mark.column + 1)


def _check_characters(text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        raise Unreadable(
            Mark(1, 1),
            f"the file has {len(text):,} characters; a configuration has at most "
            f"{MAX_CHARACTERS:,}, so this is another file, or a generated one",
        )
    match = _UNREADABLE.search(text.removeprefix("\ufeff"))
    if match:
        before = match.string[: match.start()]
        mark = Mark(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        raise Unreadable(
            mark,
            f"the character U+{ord(match[0]):04X} cannot be in YAML; save the file as plain "
            "text in UTF-8",
        )


def _check_bounds(text: str) -> None:
    """Refuse what composing would take too long or too deep for: it recurses in C."""
    depth = documents = 0
    for event in yaml.parse(text, yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
        if depth > MAX_DEPTH:
            raise Unreadable(
                _mark(event.start_mark),
                f"this is nested more than {MAX_DEPTH} levels deep; no configuration needs that",
            )
        if documents > 1:
            raise Unreadable(
                _mark(event.start_mark),
                "a second document begins here; keep everything in one, and remove the `---`",
            )
