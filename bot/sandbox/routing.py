"""Find the route of a call, and what every dialect's answers are made of."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Generic, TypeVar
from urllib.parse import unquote

A = TypeVar("A")
_NUMBERS = ("number", "_id", "iid")


class BadJson(Exception):
    """The body is no JSON, or none that could be kept; the message says which."""


class Unauthenticated(Exception):
    """The call needs somebody who says who they are."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, a JSON body (None for an empty one) and headers."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Route(Generic[A]):
    """A method and a path; `needs` is the token's permission, `role` the asker's.

    `{name}` stands for a segment, `{name+}` for any number of them.
    """

    method: str
    path: str
    handle: Callable[[A], Answer]
    needs: str = "metadata=read"
    role: str = "read"


@lru_cache(maxsize=1024)
def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"(\{[a-z_]+\+?\})", path)
    found = [
        f"(?P<{part[1:-2]}>.+)"
        if part.endswith("+}")
        else f"(?P<{part[1:-1]}>[^/]+)"
        if part.startswith("{")
        else re.escape(part)
        for part in parts
    ]
    return re.compile("".join(found))


def match(
    routes: Iterable[Route[A]], method: str, raw_path: str
) -> tuple[Route[A], dict[str, str]] | None:
    """Return the route of a call and what its path holds, unquoted; or None."""
    for route in routes:
        if route.method != method:
            continue
        found = _pattern(route.path).fullmatch(raw_path)
        if found:
            params = {name: unquote(value) for name, value in found.groupdict().items()}
            numbers = [v for name, v in params.items() if name.endswith(_NUMBERS)]
            if all(value.isascii() and value.isdigit() for value in numbers):
                return route, params
    return None


def parsed(content: bytes) -> Any:
    """Return a JSON body, None for an empty one; raises BadJson."""
    if not content.strip():
        return None
    try:
        found = json.loads(content)
        # A lone surrogate is JSON but no text, and git would choke on it later.
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise BadJson("Problems parsing JSON") from error
    if _has_nul(found):
        raise BadJson("Problems parsing JSON: a text holds a NUL character")
    return found


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_has_nul(item) for pair in value.items() for item in pair)
    return isinstance(value, list) and any(_has_nul(item) for item in value)


def natural(value: str | None, default: int) -> int:
    """Return a number of a query, or the default where it is none."""
    return int(value) if value and value.isascii() and value.isdigit() else default
