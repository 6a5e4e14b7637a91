"""Key paths and values: how a place is spelled, and what it holds."""

from typing import Any

import pytest

from bot.engine.nodes import Unreadable
from bot.engine.values import decode, format_of, read_values


def read(path: str, text: str) -> dict[str, Any]:
    """Return what each place of a text shows."""
    return {key: value.data for key, value in read_values(path, text.encode()).items()}


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("database: {host: a}\n", {"database.host": "a"}),
        ("a: {b.c: 1, 'd e': 2, '': 3}\n", {'a["b.c"]': 1, 'a["d e"]': 2, 'a[""]': 3}),
        ("'a[0]': 1\n'q\"q': 2\n", {'["a[0]"]': 1, '["q\\"q"]': 2}),
        (
            "metadata: {annotations: {example.com/owner: x}}\n",
            {'metadata.annotations["example.com/owner"]': "x"},
        ),
        (
            "c: [{name: web, image: x}, {name: db}]\n",
            {"c[name=web].name": "web", "c[name=web].image": "x", "c[name=db].name": "db",
             "c[]": ["web", "db"]},
        ),
        ("c: [{id: 1}, {id: 2}]\n", {"c[id=1].id": 1, "c[id=2].id": 2, "c[]": ["1", "2"]}),
        ("c: [{key: a b}]\n", {'c[key="a b"].key': "a b", "c[]": ["a b"]}),
        # The name comes before the id, and only where every item has one of its own.
        ("c: [{id: 1, name: x}]\n", {"c[name=x].id": 1, "c[name=x].name": "x", "c[]": ["x"]}),
        (
            "c: [{id: 1, name: x}, {id: 2, name: x}]\n",
            {"c[id=1].id": 1, "c[id=1].name": "x", "c[id=2].id": 2, "c[id=2].name": "x",
             "c[]": ["1", "2"]},
        ),
        ("c: [{name: x}, {name: x}]\n", {"c": [{"name": "x"}, {"name": "x"}]}),
        ("c: [{name: x}, 1]\n", {"c": [{"name": "x"}, 1]}),
        ("c: [{name: {a: 1}}]\n", {"c": [{"name": {"a": 1}}]}),
        ("c: [1, [2]]\nd: {}\ne: []\n", {"c": [1, [2]], "d": {}, "e": []}),
        ("plain\n", {"": "plain"}),
        ("[1]\n", {"": [1]}),
        ("", {}),
        ("# nothing\n", {}),
        ("a: 1\n---\nb: 2\n", {"0.a": 1, "1.b": 2}),
        (
            "kind: A\nmetadata: {name: x}\n---\nkind: B\nmetadata: {name: x}\n",
            {"A/x.kind": "A", "A/x.metadata.name": "x", "B/x.kind": "B", "B/x.metadata.name": "x"},
        ),
        (
            "kind: A\nmetadata: {name: x}\n---\nkind: A\nmetadata: {name: x}\n",
            {"0.kind": "A", "0.metadata.name": "x", "1.kind": "A", "1.metadata.name": "x"},
        ),
        ("---\na: 1\n...\n", {"a": 1}),
        ("o: &o {x: 1, y: 1}\np: {<<: *o, y: 2}\n", {"o.x": 1, "o.y": 1, "p.x": 1, "p.y": 2}),
        ("a: &a {x: 1}\nb: &b {x: 2, y: 2}\nc: {<<: [*a, *b]}\n",
         {"a.x": 1, "b.x": 2, "b.y": 2, "c.x": 1, "c.y": 2}),
        ("'<<': {x: 1}\n", {"<<.x": 1}),
        ("s: !vault x\nm: !ref {a: 1}\n", {"s": {"!vault": "x"}, "m": {"!ref": {"a": 1}}}),
    ],
)  # fmt: skip
def test_yaml_is_addressed_by_key_paths(text: str, places: dict[str, Any]) -> None:
    assert read("a.yaml", text) == places


@pytest.mark.parametrize(
    ("text", "token", "shown"),
    [
        ("1", "i1", 1),
        ("'1'", "s1", "1"),
        ("1.0", "f1.0", 1.0),
        ("true", "true", True),
        ("on", "true", True),
        ("~", "null", None),
        ("0644", "i1a4", 420),
        ("0o644", "s0o644", "0o644"),
        ("1_000", "i3e8", 1000),
        ("190:20:30", "ia74ae", 685230),
        (".nan", "fnan", "NaN"),
        ("-.inf", "f-inf", "-Infinity"),
        ("1e3", "s1e3", "1e3"),
        ("2026-01-05", "t2026-01-05", "2026-01-05"),
        ("!!binary aGk=", "y6869", "aGk="),
        ("=", "s=", "="),
    ],
)
def test_scalars_are_typed_by_the_rules_of_yaml_1_1(text: str, token: str, shown: object) -> None:
    value = read_values("a.yaml", f"a: {text}\n".encode())["a"]

    assert (value.token, value.data) == (token, shown)


def test_lists_of_different_shape_never_have_one_token() -> None:
    texts = ["[a, b]", "['a, b']", "[[a], b]", "[[a, b]]", "['[a', 'b]']", "[a, b, '']", "[{a: b}]"]
    tokens = {read_values("a.yaml", f"a: {text}\n".encode())["a"].token for text in texts}

    assert len(tokens) == len(texts)


def test_json_and_toml_are_addressed_like_yaml() -> None:
    assert read("a.json", '{"a": {"b.c": [1, 2.0]}, "l": [{"name": "x"}], "n": NaN}') == {
        'a["b.c"]': [1, 2.0],
        "l[name=x].name": "x",
        "l[]": ["x"],
        "n": "NaN",
    }
    assert read("a.toml", "[a]\nb = 1979-05-27\n[[l]]\nname = 'x'\nv = 0x10\n") == {
        "a.b": "1979-05-27",
        "l[name=x].name": "x",
        "l[name=x].v": 16,
        "l[]": ["x"],
    }
    assert read("a.toml", "# nothing\n") == {}


def test_a_json_null_is_not_an_absent_key() -> None:
    value = read_values("a.json", b'{"a": null}')["a"]

    assert (value.exists, value.data) == (True, None)


def test_the_format_is_told_by_the_ending_in_any_case() -> None:
    assert format_of("dir.yaml/notes.txt") is None
    assert format_of("A.YML") is format_of("b.yaml") is not None
    with pytest.raises(Unreadable, match="not YAML, JSON or TOML by its name"):
        read_values("notes.txt", b"a: 1")


@pytest.mark.parametrize("data", [b"a: 1\r\n", b"\xef\xbb\xbfa: 1\n", b"", b"\xef\xbb\xbf"])
def test_decoding_and_encoding_give_the_same_bytes(data: bytes) -> None:
    assert decode(data).encode() == data


def test_bytes_that_are_not_utf_8_tell_their_place() -> None:
    with pytest.raises(Unreadable) as refusal:
        decode(b"a: 1\nb: caf\xe9\n")

    assert (refusal.value.reason, refusal.value.line, refusal.value.column) == ("not UTF-8", 2, 7)
