"""YAML text to a `Config`, or every error in it at once, each with its place.

Sentences are ours: whoever reads them knows YAML, and nothing of how it is checked.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, RootModel, ValidationError
from pydantic_core import ErrorDetails

from config.document import Document, Loc, Unreadable
from config.patterns import child, item
from config.references import Problem, references
from config.schema import Config
from config.suggest import closest, named

# How alike a key must be for its value to be read as if the known one had been written.
_SURELY_MEANT = 0.7


@dataclass(frozen=True, slots=True, order=True)
class ConfigError:
    """One thing that is wrong; line and column begin at 1, `path` is a key path."""

    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.line}:{self.column}: {self.message}"


class ConfigErrors(Exception):
    """Everything that is wrong with a file, in the order of its lines."""

    def __init__(self, errors: tuple[ConfigError, ...]) -> None:
        super().__init__("\n".join(map(str, errors)))
        self.errors = errors


def load(text: str) -> Config:
    """Return the configuration that `text` holds; raises `ConfigErrors`."""
    try:
        document = Document(text)
    except Unreadable as error:
        found = ConfigError(error.mark.line, error.mark.column, "", error.message)
        raise ConfigErrors((found,)) from error
    report = _Report(document)
    if not isinstance(document.data, dict):
        holds = "is empty" if document.data is None else f"holds {named(document.data)}"
        report.add(
            Problem((), f"the file {holds}; it begins with `version: 1`, then `environments:`")
        )
        raise ConfigErrors(report.errors())
    for problem in _keys(document, Config, document.data, ()):
        report.add(problem)
    for problem in _nothings(document.data, ()):
        report.add(problem)
    config = None
    try:
        config = Config.model_validate(document.data)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            # Entries that are wrong do not count as entries, and are reported themselves.
            if details["type"] != "too_short" or not details["input"]:
                report.add(_problem(details, document))
    for problem in references(document.data):
        report.add(problem)
    errors = report.errors()
    if config is None or errors:
        raise ConfigErrors(errors)
    return config


class _Report:
    """Collects problems; of a place and what is below it the first alone.

    What is said about the whole then mostly follows from what was said about a part.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._within: set[Loc] = set()
        self._names: dict[Loc, Counter[str]] = {}
        self._marks = {mark for _, mark, _ in document.problems}
        self._errors = [
            ConfigError(mark.line, mark.column, self._path(loc), message)
            for loc, mark, message in document.problems
        ]

    def add(self, problem: Problem) -> None:
        mark = self._document.mark(problem.loc, at_key=problem.at_key)
        if mark in self._marks or problem.loc in self._within:
            return
        self._within |= {problem.loc[:size] for size in range(len(problem.loc) + 1)}
        path = self._path(problem.loc)
        self._errors.append(ConfigError(mark.line, mark.column, path, problem.message))

    def errors(self) -> tuple[ConfigError, ...]:
        """Return what was found, once: what an alias repeats stands in one place."""
        first = {
            (error.line, error.column, error.message): error
            for error in sorted(self._errors, reverse=True)
        }
        return tuple(sorted(first.values()))

    def _path(self, loc: Loc) -> str:
        path, value = "", self._document.data
        for depth, step in enumerate(loc):
            if isinstance(step, str):
                path = child(path, step)
                value = value.get(step) if isinstance(value, dict) else None
            else:
                name = self._name(loc[:depth], value, step)
                path = item(path, "name", name) if name else f"{path}[{step}]"
                value = value[step]
        return path

    def _name(self, loc: Loc, values: list[Any], index: int) -> str | None:
        """Return what the item of a list is called, where no other is called so."""
        if loc not in self._names:
            self._names[loc] = Counter(name for name in map(_name, values) if name)
        name = _name(values[index])
        return name if name and self._names[loc][name] == 1 else None


def _name(value: object) -> str | None:
    name = value.get("name") if isinstance(value, dict) else None
    return name if isinstance(name, str) else None


def _keys(
    document: Document, model: type[BaseModel], data: dict[str, Any], loc: Loc
) -> Iterator[Problem]:
    """Yield the keys that `model` does not have, or not empty, at `loc` and below it.

    An unknown key is taken out of `data`; one that is surely a known key misspelled is
    read as that from then on, so that what stands below it is checked at the same time.
    """
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    for key in list(data):
        if key in fields:
            continue
        meant = closest(key, fields, likeness=_SURELY_MEANT)
        known = ", ".join(f"`{name}`" for name in fields)
        hint = f"; did you mean `{meant}`?" if meant else f"; known here are {known}"
        yield Problem((*loc, key), f"unknown key {named(key)}{hint}", at_key=True)
        if meant and meant not in data:
            document.rename((*loc, key), meant)
        else:
            del data[key]
    for key, value in data.items():
        extra = fields[key].json_schema_extra
        if value == [] and isinstance(extra, dict) and "minItems" in extra:
            yield Problem((*loc, key), f"{named(key)} is empty; fill it in, or leave it out")
        nested = _model_in(fields[key].annotation)
        if nested:
            for below, mapping in _mappings(value, (*loc, key)):
                yield from _keys(document, nested, mapping, below)


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        # A root model has no keys of its own.
        return None if issubclass(annotation, RootModel) else annotation
    found = (_model_in(argument) for argument in get_args(annotation))
    return next((model for model in found if model), None)


def _mappings(value: object, loc: Loc) -> Iterator[tuple[Loc, dict[str, Any]]]:
    if isinstance(value, dict):
        yield loc, value
    elif isinstance(value, list):
        for index, element in enumerate(value):
            if isinstance(element, dict):
                yield (*loc, index), element


def _nothings(value: object, loc: Loc) -> Iterator[Problem]:
    if value is None:
        subject = named(loc[-1]) if isinstance(loc[-1], str) else "an item of the list"
        yield Problem(loc, f"{subject} has no value; write one, or remove the line", at_key=True)
    elif isinstance(value, dict):
        for key, element in value.items():
            yield from _nothings(element, (*loc, key))
    elif isinstance(value, list):
        for index, element in enumerate(value):
            yield from _nothings(element, (*loc, index))


def _problem(details: ErrorDetails, document: Document) -> Problem:
    loc, value = document.resolve(details["loc"]), details["input"]
    if details["type"] == "missing":
        key = str(details["loc"][-1])
        hint = "begin the file with `version: 1`" if key == "version" else "add it here"
        return Problem((*loc, key), f"{named(key)} is missing; {hint}")
    # A name of a role is a key; the model says so by a last step of its own.
    at_key = details["loc"][-1] == "[key]"
    # What was written, not what YAML made of it: `no`, `1:30`.
    shown = document.written(loc) or value
    message = _sentence(details, loc, shown).replace(named(value), named(shown))
    return Problem(loc, message, at_key=at_key)


_TAKES = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "`true` or `false`",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}


def _sentence(details: ErrorDetails, loc: Loc, shown: object) -> str:
    """Return pydantic's kind of error as a sentence for whoever wrote `shown`."""
    kind = details["type"]
    key = next((step for step in reversed(loc) if isinstance(step, str)), "")
    subject = named(key) if loc and loc[-1] == key else f"an item of {named(key)}"
    if kind == "value_error":
        return str(details["ctx"]["error"])
    if kind in {"too_short", "string_too_short"}:
        needs = "needs at least one entry" if kind == "too_short" else "needs some text"
        return f"{subject} is empty; it {needs}"
    if kind == "greater_than_equal":
        return f"{subject} cannot be less than {details['ctx']['ge']}, and {named(shown)} is"
    takes = f"{subject} takes {_TAKES.get(kind, 'another kind of value')}"
    scalar = not isinstance(shown, (dict, list))
    if kind == "string_type" and scalar:
        return f"{takes}, and YAML does not read {named(shown)} as text: put it in quotes"
    if kind == "tuple_type" and scalar:
        return f"{takes}; put it in brackets: {named(f'[{shown}]')}"
    return f"{takes}, not {named(shown)}"
