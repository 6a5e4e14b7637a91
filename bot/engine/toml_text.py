"""TOML text to nodes, by the standard library; they know no positions."""

import re
import tomllib

from bot.engine.nodes import Node, Unreadable, flatten, plain
from bot.model import Value

_WHERE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def parse(text: str) -> list[Node]:
    """Return the one document of a TOML text. Raises `Unreadable` with the place."""
    try:
        return [plain(tomllib.loads(text))]
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        where = _WHERE.search(message)
        line, column = (
            (int(where[1]), int(where[2])) if where and where[1] else (text.count("\n") + 1, 1)
        )
        raise Unreadable(_WHERE.sub("", message).lower(), line, column) from error
    except RecursionError as error:
        raise Unreadable("nested too deep") from error


def read(text: str) -> dict[str, Value]:
    """Return the values of a TOML text by key path. Raises `Unreadable`."""
    # An empty TOML file is an empty table; like an empty YAML file it holds nothing.
    values = flatten(parse(text)[0])
    return {} if list(values) == [""] else values
