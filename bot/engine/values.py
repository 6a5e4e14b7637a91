"""A file's bytes to its values: what a path's ending promises, and what is done if it lies."""

import codecs
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import ModuleType

from bot.engine import json_text, toml_text, yaml_text
from bot.engine.nodes import Unreadable
from bot.model import Entry, Value

# A larger file counts as one value: parsing it would take seconds and a gigabyte.
MAX_BYTES = 2 * 1024 * 1024

_FORMATS: dict[str, ModuleType] = {
    ".yaml": yaml_text,
    ".yml": yaml_text,
    ".json": json_text,
    ".toml": toml_text,
}


def format_of(path: str) -> ModuleType | None:
    """Return the module that reads the files of this name, None for text that has no keys."""
    return _FORMATS.get(PurePosixPath(path).suffix.lower())


def blob_value(entry: Entry) -> Value:
    """Return the value of a whole file, link or submodule."""
    return Value(f"blob {entry.mode} {entry.oid}", {"blob": entry.oid, "mode": entry.mode})


@dataclass(frozen=True, slots=True)
class Text:
    """A decoded file: its characters without the byte-order mark, and whether it had one."""

    characters: str
    marked: bool = False

    def encode(self) -> bytes:
        """Return the bytes as they would stand in the file."""
        return (codecs.BOM_UTF8 if self.marked else b"") + self.characters.encode()


def decode(data: bytes) -> Text:
    """Return the text of a file. Raises `Unreadable` where the bytes are not UTF-8."""
    if len(data) > MAX_BYTES:
        raise Unreadable(f"larger than {MAX_BYTES // 1024 // 1024} MiB")
    marked = data.startswith(codecs.BOM_UTF8)
    try:
        return Text(data[3 * marked :].decode(), marked)
    except UnicodeDecodeError as error:
        before = data[: error.start]
        raise Unreadable(
            "not UTF-8", before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        ) from error


def read_values(path: str, data: bytes) -> dict[str, Value]:
    """Return every place of a file with its value. Raises `Unreadable`."""
    reader = format_of(path)
    if reader is None:
        raise Unreadable("not YAML, JSON or TOML by its name")
    values: dict[str, Value] = reader.read(decode(data).characters)
    return values
