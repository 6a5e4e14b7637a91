"""Files against JSON Schemas: what is wrong, by file, line and column. Nothing is fetched."""

from collections.abc import Iterable, Iterator
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from referencing import Registry
from referencing.exceptions import Unresolvable

from bot.engine.nodes import MAX_VALUES, TOO_MANY, Node, Unreadable, place
from bot.engine.values import decode, format_of

# Whoever mends the first ones looks again.
_MOST_ERRORS = 20
_LONGEST_MESSAGE = 160


class NoSchema(ValueError):
    """Why a file is no schema to compare anything with."""


def schema_of(path: str, text: bytes) -> Validator:
    """Return the validator of a schema, JSON or YAML. Raises `NoSchema`.

    Its `$schema` says which draft it is of, 2020-12 where it says nothing.
    """
    try:
        (root, *more) = _documents(path, text)[0]
    except Unreadable as error:
        raise NoSchema(f"{path}:{error.line}:{error.column}: {error.reason}") from error
    except ValueError as error:
        raise NoSchema(f"{path} is empty") from error
    data = _Data().of(root)
    if more or not isinstance(data, dict | bool):
        raise NoSchema(f"{path} is no JSON Schema: it is one mapping")
    kind: Any = validator_for(data, default=Draft202012Validator)
    try:
        kind.check_schema(data)
    except SchemaError as error:
        raise NoSchema(f"{path} is no JSON Schema: {_short(error.message)}") from error
    # A registry of its own, or references would be fetched from where they point to.
    validator: Validator = kind(data, registry=Registry())
    return validator


def violations(path: str, text: bytes, validator: Validator, schema: str) -> tuple[str, ...]:
    """Return what is wrong with a file by a schema, in the order of its lines."""
    try:
        documents, characters = _documents(path, text)
        found = [
            (*_position(root, error, characters), _sentence(error))
            for root in documents
            for error in _errors(validator, root)
        ]
    except Unreadable as error:
        return (f"{path}:{error.line}:{error.column}: {error.reason}",)
    except (Unresolvable, RecursionError) as error:
        why = (
            f"refers to {getattr(error, 'ref', 'something')!s}, which is not in the schema's own "
            "file, and nothing is fetched"
            if isinstance(error, Unresolvable)
            else "refers to itself without end"
        )
        return (f"{schema} {why}",)
    return tuple(
        f"{path}:{line}:{column}: {message} ({schema})"
        for line, column, message in sorted(dict.fromkeys(found))
    )[:_MOST_ERRORS]


def _documents(path: str, text: bytes) -> tuple[list[Node], str]:
    reader = format_of(path)
    if reader is None:
        raise Unreadable("not YAML, JSON or TOML by its name")
    characters = decode(text).characters
    return reader.parse(characters), characters


def _errors(validator: Validator, root: Node) -> Iterator[ValidationError]:
    return validator.iter_errors(_Data().of(root))


class _Data:
    """Turns nodes into what a validator looks at; counts, since aliases may repeat a lot."""

    def __init__(self) -> None:
        self._visits = 0

    def of(self, node: Node) -> Any:
        self._visits += 1
        if self._visits > MAX_VALUES:
            raise Unreadable(TOO_MANY)
        if node.pairs is not None:
            return {pair.key: self.of(pair.node) for pair in node.pairs}
        if node.items is not None:
            return [self.of(element) for element in node.items]
        return None if node.value is None else node.value.data


def _position(root: Node, error: ValidationError, text: str) -> tuple[int, int]:
    """Return line and column of what an error is about; the nearest above it that is known."""
    start = max(root.start, 0)
    for node in _way(root, error.absolute_path):
        if node.start >= 0:
            start = node.start
    return place(text, start)


def _way(root: Node, steps: Iterable[str | int]) -> Iterator[Node]:
    node = root
    for step in steps:
        if isinstance(step, int) and node.items is not None:
            node = node.items[step]
        else:
            node = next(pair.node for pair in node.pairs or () if pair.key == step)
        yield node


def _sentence(error: ValidationError) -> str:
    """Return what is wrong without the value, which may be nobody else's business."""
    at = error.absolute_path[-1] if error.absolute_path else None
    subject = f"`{at}`" if isinstance(at, str) else "the document" if at is None else f"item {at}"
    return _short(error.message.replace(repr(error.instance), subject))


def _short(message: str) -> str:
    line = " ".join(message.split())
    return line if len(line) <= _LONGEST_MESSAGE else line[: _LONGEST_MESSAGE - 1] + "…"
