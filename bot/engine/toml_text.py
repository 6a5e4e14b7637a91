"""TOML text: read by the standard library, edited by tomlkit, which keeps layout."""

import re
import tomllib
from collections.abc import Container, Iterator, Mapping
from typing import Any

from bot.engine.nodes import MAX_DEPTH, Node, Unreadable, flatten, identities, place, plain
from bot.model import ABSENT, Value
from config.patterns import above, child, item

# The standard library's time grows with the square of a key's dots.
_DEEP_KEY = re.compile(
    rf"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){{{MAX_DEPTH}}}"""
)
_WHERE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def parse(text: str) -> list[Node]:
    """Return the one document of a TOML text. Raises `Unreadable` with the place."""
    if deep := _DEEP_KEY.search(text):
        raise Unreadable(f"nested more than {MAX_DEPTH} levels deep", *place(text, deep.start()))
    try:
        return [plain(tomllib.loads(text))]
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        where = _WHERE.search(message)
        line, column = (
            (int(where[1]), int(where[2])) if where and where[1] else (text.count("\n") + 1, 1)
        )
        raise Unreadable(_WHERE.sub("", message).lower(), line, column) from error
    except ValueError as error:
        raise Unreadable("a number of more digits than can be read") from error
    except RecursionError as error:
        raise Unreadable("nested too deep") from error


def addressed(documents: list[Node]) -> list[tuple[str, Node]]:
    """Return the one document with its segment, which is none."""
    return [("", documents[0])]


def read(text: str) -> dict[str, Value]:
    """Return the values of a TOML text by key path. Raises `Unreadable`."""
    # An empty TOML file is an empty table; like an empty YAML file it holds nothing.
    values = flatten(parse(text)[0])
    return {} if list(values) == [""] else values


def spliced(target: str, source: str, expected: Mapping[str, Value]) -> str:
    """Return `target` with the values that are `expected`, taking what is new from `source`.

    The caller checks the result. Raises `Unreadable` where one of the two does not parse.
    """
    documents = _document(target), _document(source)
    present = read(target)
    wrong = [
        key
        for key in expected.keys() | present.keys()
        if expected.get(key, ABSENT) != present.get(key, ABSENT)
    ]
    _Editor(wrong, list(expected)).table(*documents, "")
    return _dumped(documents[0])


def masked(text: str, kept: Container[str], mask: str) -> str:
    """Return `text` with each kept value replaced by `mask`."""

    def walk(value: Any, key: str) -> None:
        for at, below in _children(value, key):
            if below in kept:
                value[at] = mask
            elif isinstance(value[at], dict | list):
                walk(value[at], below)

    document = _document(text)
    walk(document, "")
    return _dumped(document)


def _document(text: str) -> Any:
    # Imported late: most repositories have no TOML, and the command line starts faster.
    import tomlkit  # noqa: PLC0415 -- see above
    from tomlkit.exceptions import TOMLKitError  # noqa: PLC0415 -- see above

    try:
        return tomlkit.parse(text)
    except TOMLKitError as error:
        raise Unreadable(str(error).lower()) from error


def _dumped(document: Any) -> str:
    text: str = document.as_string()
    return text


def _names(value: list[Any]) -> tuple[str, list[str]] | None:
    """Return how the items of a list are known, as `nodes.identities` says."""
    # A table unwraps to plain Python; a scalar among the items has nothing to unwrap.
    return identities(plain([e.unwrap() if hasattr(e, "unwrap") else e for e in value]))


def _children(value: Any, key: str) -> Iterator[tuple[Any, str]]:
    """Yield index and key path of each part of a table, or of a list whose items have names."""
    if isinstance(value, dict):
        for name in list(value):
            yield name, child(key, str(name))
    elif isinstance(value, list) and (known := _names(value)) is not None:
        for index, name in enumerate(known[1]):
            yield index, item(key, known[0], name)


class _Editor:
    """Walks two documents side by side and takes over what is wrong in the first."""

    def __init__(self, wrong: list[str], expected: list[str]) -> None:
        self._wrong = {place for key in wrong for place in above(key)}
        self._expected = {place for key in expected for place in above(key)}

    def table(self, target: Any, source: Any, key: str) -> None:
        """Edit a table, or a list whose items have names."""
        theirs = {below: at for at, below in _children(source, key)}
        mine = list(_children(target, key))
        # Backwards, so that an index stays right when a later item goes.
        for at, below in reversed(mine):
            if below not in self._wrong:
                continue
            if below not in self._expected:
                del target[at]
            elif below in theirs:
                value, other = target[at], source[theirs[below]]
                if list(_children(value, below)) and list(_children(other, below)):
                    self.table(value, other, below)
                else:
                    target[at] = other
        present = {below for _, below in mine}
        for below, at in theirs.items():
            if below not in present and below in self._expected:
                if isinstance(target, dict):
                    target[at] = source[at]
                else:
                    target.append(source[at])
