"""Files against JSON Schemas: each error by file, line and column, and nothing fetched."""

import json
from typing import Any

import pytest

from bot.evidence.schemas import NoSchema, schema_of, violations

SERVICE = {
    "type": "object",
    "required": ["name", "owner"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string"},
        "owner": {"type": "string"},
        "replicas": {"type": "integer", "maximum": 10},
        "ports": {"type": "array", "items": {"type": "object", "required": ["port"]}},
    },
}


def found(text: str, schema: Any = SERVICE, path: str = "services/a.yaml") -> tuple[str, ...]:
    validator = schema_of("s.json", json.dumps(schema).encode())
    return violations(path, text.encode(), validator, "s.json")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: a\nowner: ann\nreplicas: 2\n", ()),
        (
            "# a comment\nname: 7\nowner: ann\n",
            ("services/a.yaml:2:7: `name` is not of type 'string' (s.json)",),
        ),
        (
            "name: a\nowner: ann\nreplicas: 11\nports:\n  - port: 1\n  - name: x\n",
            (
                "services/a.yaml:3:11: `replicas` is greater than the maximum of 10 (s.json)",
                "services/a.yaml:6:5: 'port' is a required property (s.json)",
            ),
        ),
        ("name: a\n", ("services/a.yaml:1:1: 'owner' is a required property (s.json)",)),
        # Each document of a file is judged.
        (
            "name: a\nowner: b\n---\nname: a\n",
            ("services/a.yaml:4:1: 'owner' is a required property (s.json)",),
        ),
        # Through an alias the place is where it stands.
        (
            "name: &n 7\nowner: *n\n",
            (
                "services/a.yaml:1:7: `name` is not of type 'string' (s.json)",
                "services/a.yaml:2:8: `owner` is not of type 'string' (s.json)",
            ),
        ),
        ("name: [\n", ("services/a.yaml:2:1: ",)),
    ],
)
def test_every_error_is_said_by_file_line_and_column(text: str, expected: tuple[str, ...]) -> None:
    said = found(text)

    assert len(said) == len(expected)
    assert all(one.startswith(start) for one, start in zip(said, expected, strict=True))


def test_json_and_toml_are_judged_too() -> None:
    assert found('{"name": "a",\n "owner": 1}', path="a.json") == (
        "a.json:2:11: `owner` is not of type 'string' (s.json)",
    )
    assert found('name = "a"\nowner = 1\n', path="a.toml") == (
        "a.toml:1:1: `owner` is not of type 'string' (s.json)",
    )


def test_text_of_another_kind_is_said_to_be_none() -> None:
    assert found("x", path="a.txt") == ("a.txt:1:1: not YAML, JSON or TOML by its name",)


@pytest.mark.parametrize("ref", ["https://schemas.example.com/a.json", "other.json", "#/$defs/no"])
def test_a_reference_to_elsewhere_is_refused_and_nothing_is_fetched(ref: str) -> None:
    (said,) = found("name: a\n", {"properties": {"name": {"$ref": ref}}})

    assert said.startswith("s.json refers to ")
    assert said.endswith("which is not in the schema's own file, and nothing is fetched")


def test_a_reference_within_the_file_is_followed() -> None:
    schema = {"properties": {"name": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"type": "string"}}}

    assert found("name: a\n", schema) == ()
    assert len(found("name: 1\n", schema)) == 1


def test_a_schema_that_refers_to_itself_without_end_is_said_to() -> None:
    assert found("name: a\n", {"$ref": "#"}) == ("s.json refers to itself without end",)


def test_a_file_with_more_errors_than_anybody_reads_is_cut() -> None:
    many = "ports:\n" + "  - name: x\n" * 500

    assert len(found(many)) == 20


def test_aliases_that_expand_without_end_are_refused() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9)
    )

    (said,) = found(bomb, {"type": "object"})

    assert "holds more than 300,000 values" in said


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "s.json:1:1: "),
        (b"[1, 2]", "s.json is no JSON Schema: it is one mapping"),
        (b'{"type": "strong"}', "s.json is no JSON Schema: 'strong' is not valid"),
        (b'{"type": ', "s.json:1:10: "),
    ],
)
def test_what_is_no_schema_is_said_with_its_place(text: bytes, problem: str) -> None:
    with pytest.raises(NoSchema) as error:
        schema_of("s.json", text)

    assert str(error.value).startswith(problem)


def test_a_value_is_never_shown() -> None:
    schema = {"properties": {"token": {"pattern": "^x"}, "more": {"items": {"maxLength": 3}}}}

    said = found("token: hunter2\nmore: [hunter2, ok]\n", schema)

    assert said == (
        "services/a.yaml:1:8: `token` does not match '^x' (s.json)",
        "services/a.yaml:2:8: item 0 is too long (s.json)",
    )
