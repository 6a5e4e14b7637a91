"""Facts: what the files that are promoted say of themselves, read as gates.

An organisation's own files keep their own form: a mapping declares which key of which
files means what. Typed and strict: what cannot be read as it was declared is refused, with
a sentence, and so closes the gate.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from config import patterns
from config.freezes import Freeze
from config.gates import Gates
from config.kinds import NOT_EMPTY, Model, PathPattern, Text, one_of, spelled
from config.rules import RISKS, Asks, Risk
from config.sentences import sentence
from config.suggest import named, suggest

Gives = Literal[
    "approvals",
    "sign_offs",
    "checks",
    "soak",
    "windows",
    "drained",
    "freezes",
    "bundles",
    "risk",
]
GIVES: tuple[Gives, ...] = get_args(Gives)
ANY_VALUE = "*"
_BOOLEANS = {"true", "false"}


def _key_path(text: str) -> str:
    if not text:
        raise ValueError("an empty key path names the whole document; name a key in it")
    for segment in patterns.segments(text):
        if "*" in segment and not segment.startswith('["'):
            raise ValueError(f"{named(text)} is a pattern; a fact is read at one key path")
    return text


KeyPath = Annotated[str, AfterValidator(_key_path), spelled(".", "requires_dual_approval")]


class Fact(Model):
    """What one key means: a gate's own value, or what is asked for at each of its values."""

    gives: Gives | None = Field(
        default=None, description="The gate, or other input, whose value stands there."
    )
    values: dict[Text, Asks] = Field(
        default_factory=dict,
        description="What each value asks for, `*` any other; of a list, each item of it.",
    )
    required: Annotated[bool, Field(strict=True)] = Field(
        default=False, description="Whether the key must be there."
    )
    reason: Text | None = Field(
        default=None, description="Why, for everybody whose promotion has to wait."
    )

    @model_validator(mode="after")
    def _means_one_thing(self) -> "Fact":
        if (self.gives is None) == (not self.values):
            raise ValueError("a fact has `gives` or `values`: one of the two")
        return self


def _fact(value: object) -> object:
    if isinstance(value, str):
        if value not in GIVES:
            known = ", ".join(f"`{option}`" for option in GIVES)
            raise ValueError(
                f"{named(value)} is none of {known}{suggest(value, GIVES)}; what its values ask "
                "for is said by `{values: {…}}`"
            )
        return {"gives": value}
    return value


class FactFiles(Model):
    """Files that say of themselves what their promotion needs."""

    paths: Annotated[tuple[PathPattern, ...], NOT_EMPTY] = Field(
        min_length=1, description="The files, by path patterns."
    )
    governs: Annotated[
        Literal["file", "directory", "repository"], one_of("file", "directory", "repository")
    ] = Field(
        default="file",
        description="What has to change for a file's facts to count: the file itself, anything "
        "in its directory, or anything at all.",
    )
    keys: Annotated[
        dict[
            KeyPath,
            Annotated[Fact, BeforeValidator(_fact, json_schema_input_type=Gives | Fact)],
        ],
        Field(min_length=1),
    ] = Field(
        json_schema_extra={"additionalProperties": False},
        description="What its keys mean, by key paths.",
    )


@dataclass(frozen=True, slots=True)
class Given:
    """What one fact asks for."""

    gates: Gates = field(default_factory=Gates)
    freezes: tuple[Freeze, ...] = ()
    bundles: tuple[str, ...] = ()
    risk: Risk | None = None


_FREEZES = TypeAdapter(tuple[Freeze, ...])


def read_fact(fact: Fact, key: str, data: Any) -> tuple[Given, ...]:
    """Return what the value of a key asks for, as it was declared.

    Raises `ValueError` with a sentence for whoever wrote the value.
    """
    if fact.values:
        return tuple(_looked_up(fact, key, item) for item in _listed(data))
    match fact.gives:
        case "risk":
            if data not in RISKS:
                hint = suggest(data, RISKS) if isinstance(data, str) else ""
                raise ValueError(f"{named(data)} is none of {_options(RISKS)}{hint}")
            return (Given(risk=data),)
        case "bundles":
            return (Given(bundles=tuple(_text(key, item) for item in _listed(data))),)
        case "freezes":
            freezes: tuple[Freeze, ...] = _validated(key, _FREEZES.validate_python, data)
            if any(freeze.calendar for freeze in freezes):
                raise ValueError(
                    f"{named(key)} names a calendar; a file that is promoted lists its freezes "
                    "itself, and calendars stand in `freezes`"
                )
            return (Given(freezes=freezes),)
        case gate:
            value = _listed(data) if gate in {"sign_offs", "windows"} and data is not None else data
            gates: Gates = _validated(key, Gates.model_validate, {gate: value})
            return (Given(gates),)


def _looked_up(fact: Fact, key: str, data: Any) -> Given:
    shown = _spelled(data)
    boolean = set(fact.values) <= _BOOLEANS
    if boolean and not isinstance(data, bool):
        raise ValueError(f"{named(key)} takes `true` or `false`, not {named(data)}")
    asks = fact.values.get(shown) if shown is not None else None
    if asks is None and shown is not None:
        asks = fact.values.get(ANY_VALUE)
    if asks is None and boolean:
        return Given()
    if asks is None:
        known = [value for value in fact.values if value != ANY_VALUE]
        raise ValueError(
            f"{named(key)} has {named(data)}, which `facts` does not know; it knows "
            f"{_options(known)}{suggest(shown, known) if shown else ''}"
        )
    return Given(asks.gates, (), asks.bundles, asks.risk)


def _spelled(data: Any) -> str | None:
    """Return how a value stands among `values`; None for what cannot."""
    if isinstance(data, bool):
        return "true" if data else "false"
    return str(data) if isinstance(data, str | int | float) else None


def _text(key: str, data: Any) -> str:
    if not isinstance(data, str) or not data:
        raise ValueError(f"{named(key)} takes text, or a list of it, not {named(data)}")
    return data


def _listed(data: Any) -> list[Any]:
    return data if isinstance(data, list) else [data]


def _options(options: Iterable[str]) -> str:
    return ", ".join(f"`{option}`" for option in options)


def _validated(key: str, validate: Any, data: Any) -> Any:
    try:
        return validate(data)
    except ValidationError as error:
        details = error.errors(include_url=False)[0]
        steps = details["loc"]
        # The gate's own name stands first where it was put there for the model's sake.
        loc = (key, *steps[1:]) if steps and steps[0] in GIVES else (key, *steps)
        raise ValueError(sentence(details, loc, details["input"])) from error
