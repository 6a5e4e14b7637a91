"""The kinds of values that `.lockstep.yaml` is made of: names, patterns, times.

Each refuses what it cannot be by a sentence for whoever wrote it, and tells editors its form.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
)

from config import names, patterns, times
from config.suggest import named, suggest


def _selects(compile_pattern: Callable[[str], object]) -> AfterValidator:
    def check(text: str) -> str:
        compile_pattern(text)
        return text

    return AfterValidator(check)


def one_of(*options: str) -> BeforeValidator:
    """Take one of some words."""

    def check(value: object) -> object:
        # YAML 1.1 reads a plain `off` as false.
        if value is False and "off" in options:
            return "off"
        if value not in options:
            hint = suggest(value, options) if isinstance(value, str) else ""
            known = ", ".join(f"`{option}`" for option in options)
            raise ValueError(f"{named(value)} is none of {known}{hint}")
        return value

    return BeforeValidator(check)


def spelled(pattern: str, *examples: str) -> WithJsonSchema:
    """Tell editors the form of a text."""
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": list(examples)})


def repository_path(text: str) -> str:
    """Return `text` where it is the path of a file in a repository."""
    if not text or text.startswith("/") or {"", ".", ".."} & set(text.split("/")):
        raise ValueError(
            f"{named(text)} is not the path of a file; write it from the root of the repository, "
            "as in `ops/freezes.ics`"
        )
    return text


class Model(BaseModel):
    """What all models of the file are: frozen, and without keys that nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# Left out, such a list sets no limit; written and empty, it could be meant either way.
# `config.load` refuses it there, and not the models, which are empty where it is left out.
NOT_EMPTY = Field(json_schema_extra={"minItems": 1})

Text = Annotated[str, Field(min_length=1)]
Name = Annotated[str, AfterValidator(names.name), spelled(f"^{names.NAME}$", "staging")]
RoleName = Annotated[str, AfterValidator(names.name), spelled(f"^{names.NAME}$", "qa")]
Branch = Annotated[
    str,
    AfterValidator(names.branch),
    spelled(r"^(?!-|lockstep/)[^\s~^:?*\[\\]+$", "main"),
]
Member = Annotated[
    str, AfterValidator(names.member), spelled(f"^{names.MEMBER}$", "alice", "@acme/qa")
]
PathPattern = Annotated[str, _selects(patterns.path_pattern), spelled(".", "configs/**/*.yaml")]
FilePath = Annotated[str, AfterValidator(repository_path), spelled("^[^/].*$", "schemas/a.json")]
KeyPattern = Annotated[str, _selects(patterns.key_pattern), spelled(".", "**.replicas")]
Duration = Annotated[
    timedelta,
    PlainValidator(times.duration),
    PlainSerializer(times.spell_duration, return_type=str, when_used="json"),
    spelled(f"^{times.DURATION}$", "30m", "24h", "7d"),
]
Zone = Annotated[
    str,
    PlainValidator(times.timezone),
    spelled("^[A-Z]", "Europe/Berlin", "America/New_York", "UTC"),
]
Window = Annotated[
    times.Window,
    PlainValidator(times.window),
    PlainSerializer(str, return_type=str, when_used="json"),
    spelled(
        r"^[A-Z][a-z]{2}\S* +[0-9]{1,2}:[0-9]{2}-([A-Z][a-z]{2} +)?[0-9]{1,2}:[0-9]{2} +\S+$",
        "Mon-Thu 09:00-16:00 Europe/Berlin",
        "Mon,Wed,Fri 22:00-02:00 UTC",
        "Fri 18:00-Mon 06:00 UTC",
    ),
]
Moment = Annotated[
    date | datetime,
    BeforeValidator(times.moment),
    spelled("^[0-9]{4}-[0-9]{2}-[0-9]{2}", "2026-12-20", "2026-12-20 18:00"),
]
