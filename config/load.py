"""YAML text to a `Config`, or every error in it at once, each with its place.

Sentences are ours: whoever reads them knows YAML, and nothing of how it is checked.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, get_args, get_origin

from pydantic import BaseModel, RootModel, ValidationError
from pydantic_core import ErrorDetails

from config.document import Document, Loc, Unreadable
from config.organisation import Organisation
from config.patterns import child, item
from config.problems import Problem
from config.references import references
from config.schema import Config
from config.sentences import sentence
from config.suggest import closest, named

# How alike a key must be for its value to be read as if the known one had been written.
_SURELY_MEANT = 0.7

M = TypeVar("M", Config, Organisation)


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


@dataclass(frozen=True, slots=True)
class Reading(Generic[M]):
    """A file that was read, and still knows where everything in it stands."""

    model: M
    document: Document

    def located(self, problems: Iterable[Problem]) -> tuple[ConfigError, ...]:
        """Return problems that were found in what the file says, each with its place."""
        report = _Report(self.document)
        for problem in problems:
            report.add(problem, alone=False)
        return report.errors()


def load(text: str) -> Config:
    """Return the configuration that `text` holds; raises `ConfigErrors`."""
    return read(text, Config).model


def load_organisation(text: str) -> Organisation:
    """Return the organisation's policy that `text` holds; raises `ConfigErrors`."""
    return read(text, Organisation).model


def read(text: str, kind: type[M]) -> Reading[M]:
    """Return the file of a kind that `text` holds, with its places; raises `ConfigErrors`."""
    try:
        document = Document(text)
    except Unreadable as error:
        found = ConfigError(error.mark.line, error.mark.column, "", error.message)
        raise ConfigErrors((found,)) from error
    report = _Report(document)
    if not isinstance(document.data, dict):
        holds = "is empty" if document.data is None else f"holds {named(document.data)}"
        then = "`environments:`" if "keep" in kind.model_fields else "what it asks for"
        report.add(Problem((), f"the file {holds}; it begins with `version: 1`, then {then}"))
        raise ConfigErrors(report.errors())
    for problem in _keys(document, kind, document.data, ()):
        report.add(problem)
    for problem in _nothings(document.data, ()):
        report.add(problem)
    model = None
    try:
        model = kind.model_validate(document.data)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            # Entries that are wrong do not count as entries, and are reported themselves.
            if details["type"] != "too_short" or not details["input"]:
                report.add(_problem(details, document))
    for problem in references(document.data):
        report.add(problem)
    errors = report.errors()
    if model is None or errors:
        raise ConfigErrors(errors)
    return Reading(model, document)


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

    def add(self, problem: Problem, *, alone: bool = True) -> None:
        mark = self._document.mark(problem.loc, at_key=problem.at_key)
        if alone and (mark in self._marks or problem.loc in self._within):
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
            by_name = get_origin(fields[key].annotation) is dict
            for below, mapping in (_by_name if by_name else _mappings)(value, (*loc, key)):
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


def _by_name(value: object, loc: Loc) -> Iterator[tuple[Loc, dict[str, Any]]]:
    for name, element in value.items() if isinstance(value, dict) else ():
        if isinstance(element, dict):
            yield (*loc, name), element


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
    shown = value if at_key else document.written(loc) or value
    message = sentence(details, loc, shown).replace(named(value), named(shown))
    return Problem(loc, message, at_key=at_key)
