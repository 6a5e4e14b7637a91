"""Compare what the sandbox says as a GitLab with GitLab's own description and with recordings.

The description is good for names and not for types, so answers are compared by their keys;
webhooks by keys and types with what others recorded from real GitLabs over the years.
"""

import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.sandbox.gitlab_known import (
    ANSWERED_AS,
    BEYOND_DESCRIPTION,
    BEYOND_RECORDINGS,
    NOT_DESCRIBED,
    RECORDED_ONLY,
)

Shape = dict[str, set[str]]
"""Paths of keys (`project.id`, `commits[].id`) and the types that were seen there."""
_TYPES = {str: "text", bool: "flag", int: "number", float: "number", list: "list", dict: "object"}


def unnamed(path: str) -> str:
    """Return a route with nameless places, as those of the description differ."""
    return re.sub(r"\{[^}]*\}", "{}", path)


@cache
def described(material: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the description's operations by nameless path, and its schemas' keys by name."""
    where = Path(material) / "gitlab" / "openapi3_official_converted_2026-02.yaml"
    # To read two megabytes of YAML takes seconds, so what is needed of it is kept between runs.
    name = f"lockstep-{os.getuid()}-{where.stat().st_mtime_ns}.json"
    kept = Path(tempfile.gettempdir()) / name
    if not kept.exists():
        fresh = kept.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps(_cut(where.read_text())))
        fresh.replace(kept)
    paths, schemas = json.loads(kept.read_text())
    return paths, schemas


def _cut(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    content = yaml.load(text, Loader=loader)  # noqa: S506 - safe, of either speed
    paths: dict[str, dict[str, str | None]] = {}
    for path, operations in content["paths"].items():
        for method, operation in operations.items():
            if isinstance(operation, dict):
                paths.setdefault(unnamed(path), {})[method] = _answer(operation)
    schemas = content["components"]["schemas"]
    return paths, {name: sorted(one.get("properties", {})) for name, one in schemas.items()}


def _answer(operation: Mapping[str, Any]) -> str | None:
    for status in ("200", "201", "202"):
        content = (operation["responses"].get(status) or {}).get("content") or {}
        found = content.get("application/json", {}).get("schema", {})
        found = found.get("items", found)
        if "$ref" in found:
            return str(found["$ref"]).rpartition("/")[2]
    return None


def shape(value: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """Yield every path of a value with its type; nothing is known of what is null."""
    if at and value is not None:
        yield at, _TYPES[type(value)]
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from shape(inner, f"{at}.{name}" if at else name)
    elif isinstance(value, list):
        for inner in value:
            yield from shape(inner, f"{at}[]")


def kind_of(payload: Mapping[str, Any]) -> str:
    """Return what a webhook is about."""
    kind = str(payload.get("object_kind") or payload.get("event_name"))
    noted = payload.get("object_attributes", {}).get("noteable_type") if kind == "note" else None
    return f"{kind} {noted}" if noted else kind


@cache
def recorded(material: str) -> dict[str, list[Any]]:
    """Return the recorded webhooks by what they are about."""
    found: dict[str, list[Any]] = {}
    root = Path(material) / "gitlab"
    files = [*root.glob("hooks/*/*.json"), *root.glob("gitlab4j/*event*.json")]
    for path in files:
        payload = json.loads(path.read_text())
        if isinstance(payload, dict) and ("object_kind" in payload or "event_name" in payload):
            found.setdefault(kind_of(payload), []).append(payload)
    return found


def _merged(payloads: list[Any]) -> Shape:
    merged: Shape = {}
    for payload in payloads:
        for path, kind in shape(payload):
            merged.setdefault(path, set()).add(kind)
    return merged


@cache
def _shape_of(material: str, kind: str) -> Shape:
    return _merged(recorded(material).get(kind, []))


class Compared:
    """Finds where answers and webhooks differ; without the material it finds nothing."""

    def __init__(self) -> None:
        self.material = os.environ.get("LOCKSTEP_MATERIAL", "")
        if self.material:
            # Before a server runs, whose only thread would be held up.
            described(self.material)

    def answer(self, method: str, template: str, status: int, body: bytes) -> list[str]:
        """Return what of an answer the description does not know."""
        if not self.material or status >= 300 or not body:
            return []
        paths, schemas = described(self.material)
        operations = paths.get(unnamed(template), {})
        if method.lower() not in operations:
            known = any(part in template for part in NOT_DESCRIBED)
            return [] if known else ["no such route is described"]
        named = operations[method.lower()]
        schema = ANSWERED_AS.get(named, named)
        try:
            value = json.loads(body)
        except ValueError:
            return []
        one = value[0] if isinstance(value, list) and value else value
        if schema not in schemas or not isinstance(one, dict):
            return []
        beyond = BEYOND_DESCRIPTION.get(schema, frozenset())
        unknown = set(one) - set(schemas[schema]) - beyond
        return [f"{schema} has no {name}" for name in sorted(unknown)]

    def hook(self, payload: Mapping[str, Any]) -> list[str]:
        """Return where a webhook is unlike every recording of its kind."""
        if not self.material:
            return []
        kind = kind_of(payload)
        known = _shape_of(self.material, kind)
        if not known:
            return [] if kind in BEYOND_RECORDINGS else [f"no webhook about {kind} was recorded"]
        new = BEYOND_RECORDINGS.get(kind, frozenset()) | BEYOND_RECORDINGS["any"]
        found: list[str] = []
        for path, kind_here in shape(payload):
            if any(path == one or path.startswith((f"{one}.", f"{one}[")) for one in new):
                continue
            if path not in known:
                found.append(f"{path} was never recorded")
            elif kind_here not in known[path]:
                found.append(f"{path} is a {kind_here}, recorded as {sorted(known[path])}")
        top = [set(one) for one in recorded(self.material)[kind]]
        always = set.intersection(*top) - RECORDED_ONLY.get(kind, frozenset())
        return found + [f"every recording has {name}" for name in sorted(always - set(payload))]
