"""The JSON Schema that editors use is current, explains itself, and agrees with the reader."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from config.json_schema import json_schema
from config.load import load
from tests.config.reading import PRODUCTION, errors
from tests.config.test_schema import EVERYTHING, EXAMPLES

COMMITTED = Path(__file__).parents[2] / "config" / "lockstep.schema.json"
SCHEMA = json.loads(COMMITTED.read_text())
VALIDATOR = Draft202012Validator(SCHEMA)


def as_editors_read(text: str) -> Any:
    """YAML 1.2 as editors have it: dates and `off` are text."""
    return plain(yaml.safe_load(text.replace("off\n", "'off'\n")))


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: plain(element) for key, element in value.items()}
    if isinstance(value, list):
        return [plain(element) for element in value]
    return value.isoformat() if isinstance(value, (date, datetime)) else value


def test_the_committed_schema_is_the_one_that_the_models_make() -> None:
    assert COMMITTED.read_text() == json_schema(), "run `make schema` and commit what it writes"


def test_the_committed_schema_of_an_organisations_policy_is_current_and_takes_the_example() -> None:
    text = COMMITTED.with_name("lockstep-policy.schema.json").read_text()
    example = COMMITTED.with_name("examples") / "lockstep-policy.yaml"

    assert text == json_schema("lockstep-policy"), "run `make schema` and commit what it writes"
    Draft202012Validator(json.loads(text)).validate(as_editors_read(example.read_text()))
    described = dict(properties(json.loads(text)))
    assert [n for n, one in described.items() if not one.get("description", "").endswith(".")] == []


def test_make_schema_writes_it_to_standard_output() -> None:
    made = subprocess.run(
        [sys.executable, "-m", "config.json_schema"], capture_output=True, text=True, check=True
    )

    assert (made.stdout, made.stderr) == (json_schema(), "")


def test_the_schema_is_a_schema_with_a_name_of_its_own() -> None:
    Draft202012Validator.check_schema(SCHEMA)

    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["$id"] == "urn:lockstep-bot:lockstep.yaml:1"
    assert SCHEMA["title"] == "Lockstep: `.lockstep.yaml`"


def properties(schema: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {}).items()
        for below in schema.values():
            yield from properties(below)
    elif isinstance(schema, list):
        for below in schema:
            yield from properties(below)


def test_every_property_says_in_a_sentence_what_it_is() -> None:
    described = dict(properties(SCHEMA))

    assert len(described) > 25
    for name, schema in described.items():
        assert schema.get("description", "").endswith("."), name


def test_an_editor_is_never_offered_null() -> None:
    assert '"null"' not in COMMITTED.read_text()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_is_read_without_an_error_and_has_the_schema(path: Path) -> None:
    text = path.read_text()

    assert text.startswith("# yaml-language-server: $schema=../lockstep.schema.json\n")
    assert errors(text) == []
    VALIDATOR.validate(as_editors_read(text))


def test_the_examples_are_those_that_the_documentation_names() -> None:
    text = (Path(__file__).parents[2] / "docs/configuration.md").read_text()

    assert [path.name for path in EXAMPLES if f"`{path.name}`" not in text] == []


@pytest.mark.parametrize(
    "text",
    [
        PRODUCTION,
        EVERYTHING,
        PRODUCTION + "back_merge: off\n",
        PRODUCTION + "    gates: {checks: []}\n",
        PRODUCTION + "    gates: {checks: {required: [a]}, windows: ['Sat,Sun 9:00-24:00 UTC']}\n",
        PRODUCTION + "    freezes: [{from: '2026-12-20 18:00', to: '2027-01-03', reason: x}]\n",
    ],
)
def test_what_the_reader_takes_an_editor_takes(text: str) -> None:
    load(text)

    VALIDATOR.validate(as_editors_read(text))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (PRODUCTION.replace("environments", "enviroments"), []),
        ("version: 1\n", []),
        (PRODUCTION.replace("version: 1", "version: 2"), ["version"]),
        ("version: 1\nenvironments: []\n", ["environments"]),
        (PRODUCTION + "  - {name: x}\n", ["environments", 2]),
        (PRODUCTION + "  - {name: a b, branch: x}\n", ["environments", 2, "name"]),
        (PRODUCTION + "  - {name: x, branch: -x}\n", ["environments", 2, "branch"]),
        (PRODUCTION + "  - {name: x, branch: lockstep/x}\n", ["environments", 2, "branch"]),
        (PRODUCTION + "    merge: sqash\n", ["environments", 1, "merge"]),
        (PRODUCTION + "    promote: automatc\n", ["environments", 1, "promote"]),
        (PRODUCTION + "    promote: {schedule: daily}\n", ["environments", 1, "promote"]),
        (PRODUCTION + "    gates:\n", ["environments", 1, "gates"]),
        (PRODUCTION + "    gates: {soak: 24}\n", ["environments", 1, "gates", "soak"]),
        (PRODUCTION + "    gates: {soak: 2 hours}\n", ["environments", 1, "gates", "soak"]),
        (PRODUCTION + "    gates: {checks: ci}\n", ["environments", 1, "gates", "checks"]),
        (PRODUCTION + "    gates: {approvals: yes}\n", ["environments", 1, "gates", "approvals"]),
        (PRODUCTION + "    gates: {windows: []}\n", ["environments", 1, "gates", "windows"]),
        (
            PRODUCTION + "    gates: {windows: [Mon 9-16 UTC]}\n",
            ["environments", 1, "gates", "windows", 0],
        ),
        (PRODUCTION + "    freezes: [{from: 2026-01-01}]\n", ["environments", 1, "freezes", 0]),
        (PRODUCTION + "roles: {qa: []}\n", ["roles", "qa"]),
        (PRODUCTION + "roles: {q a: [alice]}\n", ["roles"]),
        (PRODUCTION + "roles: {qa: ['@acme/']}\n", ["roles", "qa", 0]),
        (PRODUCTION + "keep: [{path: x, keys: []}]\n", ["keep", 0, "keys"]),
        (PRODUCTION + "keep: [{keys: [x]}]\n", ["keep", 0]),
        (PRODUCTION + "rules: [{when: {}, gates: {}}]\n", ["rules", 0, "when"]),
        (PRODUCTION + "back_merge: never\n", ["back_merge"]),
    ],
)
def test_a_typical_mistake_is_marked_by_an_editor_and_refused_by_the_reader(
    text: str, place: list[str | int]
) -> None:
    marked = list(VALIDATOR.iter_errors(as_editors_read(text)))

    assert [list(error.absolute_path) for error in marked][:1] == [place]
    assert errors(text) != []
