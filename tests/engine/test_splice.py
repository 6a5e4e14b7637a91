"""Splicing: every byte outside the value stays, and what comes out says what was asked."""

from collections import Counter
from contextlib import suppress

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bot.engine.contents import differing
from bot.engine.splice import CannotSplice, Expected, splice
from config.patterns import segments
from tests.engine.splicing import (
    JSON_LEAVES,
    YAML_LEAVES,
    JsonWriter,
    Line,
    YamlWriter,
    closed,
    documents,
    take,
    text_of,
    untouched,
    values_of,
    wanted,
)

COMMENTED = """\
# top

a: 1    # behind a
# above b
b:   'two'   # behind b

c:
    d: [1, 2]   # behind d
    # last in c
# end
"""

EDITS = {
    "a scalar": (COMMENTED, "a: 2\n", ["a"], ("a: 1 ", "a: 2 ")),
    "a quoted scalar": (COMMENTED, 'b: "2"\n', ["b"], ("'two'", '"2"')),
    "a nested list": (COMMENTED, "c:\n  d: [3]\n", ["c.d"], ("[1, 2]", "[3]")),
    "a list to a block": (
        "a:\n  b: [1]  # why\nz: 0\n",
        "a:\n    b:\n      - 1\n      - 2\n",
        ["a.b"],
        ("b: [1]", "b:\n    - 1\n    - 2"),
    ),
    "a block to a list": (
        "a:\n- 1\n- 2\n# z\nz: 0\n",
        "a: [3]\n",
        ["a"],
        ("a:\n- 1\n- 2", "a: [3]"),
    ),
    "a new key after its neighbour": (
        "a: 1  # one\n# about c\nc: 3\n",
        "a: 1\nb: 2\nc: 3\n",
        ["b"],
        ("# one\n", "# one\nb: 2\n"),
    ),
    "a new first key": ("# top\nb: 2\n", "a: 1\nb: 2\n", ["a"], ("# top\n", "# top\na: 1\n")),
    "a new last key without a line break": (
        "a: 1\nb: 2",
        "b: 2\nc: 3\n",
        ["c"],
        ("b: 2", "b: 2\nc: 3"),
    ),
    "a new nested mapping, indented as here": (
        "a:\n    x: 1\nz: 0\n",
        "a:\n  x: 1\n  y:\n    deep: 2\n",
        ["a.y"],
        ("    x: 1\n", "    x: 1\n    y:\n      deep: 2\n"),
    ),
    "a key that goes": (COMMENTED, "b: two\n", ["a"], ("a: 1    # behind a\n", "")),
    "a mapping that goes": (
        "a:\n  b:\n    c: 1\nz: 0\n",
        "z: 0\n",
        ["a"],
        ("a:\n  b:\n    c: 1\n", ""),
    ),
    "a key in brackets": ("a: {x: 1, y: 2}  # f\n", "a:\n  y: 3\n", ["a.y"], ("y: 2", "y: 3")),
    "a new key in brackets": (
        "a: {x: 1}  # f\n",
        "a: {x: 1, y: 2}\n",
        ["a.y"],
        ("x: 1", "x: 1, y: 2"),
    ),
    "the last two keys that go from brackets": (
        "a: {x: 1, y: 2, z: 3}\n",
        "a: {x: 1}\n",
        ["a.y", "a.z"],
        (", y: 2, z: 3", ""),
    ),
    "the only key in brackets that another replaces": (
        "a: {x: 1} # f\n",
        "a: {y: 2}\n",
        ["a"],
        ("{x: 1}", "{y: 2}"),
    ),
    "the only key that another replaces": (
        "a:\n    x: 1\nz: 0\n",
        "a:\n  y: 2\n",
        ["a"],
        ("a:\n    x: 1\n", "a:\n  y: 2\n"),
    ),
    "a key that comes in behind one that goes": (
        "a:\n  x: 1\n  y: 2\nz: 0\n",
        "a:\n  x: 1\nb: 3\n",
        ["a.y", "b"],
        ("  y: 2\n", "b: 3\n"),
    ),
    "the first two keys of an item": (
        "c:\n- x: 1\n  y: 2\n  name: a\nz: 0\n",
        "c:\n- name: a\n",
        ["c[name=a].x", "c[name=a].y"],
        ("x: 1\n  y: 2\n  ", ""),
    ),
    "a comment behind an item that moves": (
        "c:\n- name: a\n  v: 1 # a's\n- name: b\n  v: 2\n",
        "c:\n- name: b\n- name: a\n",
        ["c[]"],
        ("a\n  v: 1 # a's\n- name: b\n  v: 2", "b\n  v: 2\n- name: a\n  v: 1 # a's"),
    ),
    "a key that goes from brackets": ("a: {x: 1, y: 2}\n", "a: {x: 1}\n", ["a.y"], (", y: 2", "")),
    "the first key that goes from brackets": (
        "a: {x: 1, y: 2}\n",
        "a: {y: 2}\n",
        ["a.x"],
        ("x: 1, ", ""),
    ),
    "a field of an item": (
        "c:\n- name: a  # first\n  v: 1\n- name: b\n  v: 1 # b's\n",
        "c:\n  - {name: b, v: 2}\n  - {name: a, v: 9}\n",
        ["c[name=b].v"],
        ("v: 1 # b's", "v: 2 # b's"),
    ),
    "a new item": (
        "c:\n  - name: a  # first\n    v: 1\n  # end\n",
        "c:\n- name: a\n  v: 1\n- name: b\n  v: 2\n",
        ["c[name=b]"],
        ("    v: 1\n", "    v: 1\n  - name: b\n    v: 2\n"),
    ),
    "a new first item": (
        "c:\n# before\n- name: b\n",
        "c:\n- name: a\n- name: b\n",
        ["c[name=a]"],
        ("- name: b", "- name: a\n- name: b"),
    ),
    "an item that goes": (
        "c:\n- name: a\n  v: 1\n- name: b # gone\n  v: 2\n# end\n",
        "c:\n- name: a\n",
        ["c[name=b]"],
        ("- name: b # gone\n  v: 2\n", ""),
    ),
    "an item in brackets": (
        "c: [{name: a, v: 1}, {name: b, v: 2}]\n",
        "c: [{name: a, v: 1}, {name: x, v: 0}, {name: b, v: 2}]\n",
        ["c[name=x]"],
        ("v: 1}", "v: 1}, {name: x, v: 0}"),
    ),
    "another order of items": (
        "c:\n- name: a\n  v: 1\n# between\n- name: b\n  v: 2\n",
        "c:\n- name: b\n- name: a\n",
        ["c[]"],
        (
            "- name: a\n  v: 1\n# between\n- name: b\n  v: 2\n",
            "- name: b\n  v: 2\n# between\n- name: a\n  v: 1\n",
        ),
    ),
    "a block scalar": (
        "a: |\n    one\n    two\n\n# after\nb: 1\n",
        "a: |\n  one\n  three\n",
        ["a"],
        ("|\n    one\n    two\n", "|\n  one\n  three\n"),
    ),
    "a block scalar to a line": ("a: >-\n  x\n  y\nb: 1\n", "a: z\n", ["a"], (">-\n  x\n  y", "z")),
    "a value that was nothing": ("a:\nb: 1\n", "a: 5\n", ["a"], ("a:", "a: 5")),
    "a value that becomes nothing": ("a: 5 # x\nb: 1\n", "a:\n", ["a"], ("a: 5", "a: ")),
    "a value with an anchor": (
        "a: &x 1 # y\nb: *x\n",
        "a: 2\nb: 2\n",
        ["a", "b"],
        ("&x 1", "&x 2"),
    ),
    "two values of one anchor": (
        "a: &x 1\nb: *x\n",
        "a: 2\nb: 3\n",
        ["a", "b"],
        ("&x 1\nb: *x", "&x 2\nb: 3"),
    ),
    "a value behind an alias": ("a: &x 1\nb: *x # y\n", "b: 2\n", ["b"], ("*x", "2")),
    "a value in a merged mapping": (
        "o: &o\n  x: 1 # X\np:\n  <<: *o\n",
        "o: &o\n  x: 2\np:\n  <<: *o\n",
        ["o.x", "p.x"],
        ("x: 1", "x: 2"),
    ),
    "a document of several": (
        "# one\na: 1\n---\n# two\na: 1 # here\n",
        "a: 1\n---\na: 5\n",
        ["1.a"],
        ("a: 1 # here", "a: 5 # here"),
    ),
    "a new document": (
        "kind: A\nmetadata: {name: a}\n---\nkind: A\nmetadata: {name: b}\n",
        "kind: A\nmetadata: {name: c}\n---\nkind: A\nmetadata: {name: b}\n",
        ["A/c"],
        ("{name: b}\n", "{name: b}\n---\nkind: A\nmetadata: {name: c}\n"),
    ),
    "a key that needs quotes": (
        'l:\n  "x.y/z": 1 # q\n  other: 2\n',
        "l:\n  x.y/z: 5\n",
        ['l["x.y/z"]'],
        ("1 # q", "5 # q"),
    ),
    "a scalar that becomes a mapping": (
        "a: 1 # old\nz: 0\n",
        "a:\n  b: 2\n",
        ["a"],
        ("a: 1", "a:\n  b: 2"),
    ),
    "a mapping that becomes a scalar": (
        "a:\n  b: 2\n  # inside\nz: 0\n",
        "a: 1\n",
        ["a"],
        ("a:\n  b: 2", "a: 1"),
    ),
}


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("name", EDITS)
def test_only_the_value_changes_in_yaml(name: str, newline: str) -> None:
    target, source, keys, (old, new) = EDITS[name]
    assert target.count(old) == 1
    expected = target.replace(old, new).replace("\n", newline)

    result = take("app.yaml", target.replace("\n", newline), source, *keys)

    assert result == expected


@pytest.mark.parametrize(
    ("target", "source", "keys", "result"),
    [
        ('{"a":1,"b":[1,2]}', '{\n  "a": 2\n}', ["a"], '{"a":2,"b":[1,2]}'),
        ('{"a":1}', '{"a": 1, "b": {"c": 2}}', ["b"], '{"a":1, "b": {"c": 2}}'),
        ('{"a":1,"b":2}', '{"b":2}', ["a"], '{"b":2}'),
        ('{"a":1,"b":2}', '{"a":1}', ["b"], '{"a":1}'),
        (
            '{\n  "a": 1,\n  "b": 2\n}\n',
            '{"a": 1, "x": "new", "b": 2}',
            ["x"],
            '{\n  "a": 1,\n  "x": "new",\n  "b": 2\n}\n',
        ),
        (
            '{\n\t"a": 1\n}\n',
            '{"a": 1, "b": 2}',
            ["b"],
            '{\n\t"a": 1,\n\t"b": 2\n}\n',
        ),
        (
            '{\n  "l": [\n    {"name": "a", "v": 1},\n    {"name": "b", "v": 1}\n  ]\n}\n',
            '{"l": [{"name": "a", "v": 1}, {"name": "b", "v": 5}]}',
            ["l[name=b].v"],
            '{\n  "l": [\n    {"name": "a", "v": 1},\n    {"name": "b", "v": 5}\n  ]\n}\n',
        ),
        ("1\n", "[2]\n", [""], "[2]\n"),
    ],
)
def test_only_the_value_changes_in_json(
    target: str, source: str, keys: list[str], result: str
) -> None:
    assert take("app.json", target, source, *keys) == result


TOML = '# top\ntitle = "x"   # t\n\n[db]\nport = 1 # p\n\n[[web]]\nname = "a"\nsize = 1\n'


@pytest.mark.parametrize(
    ("source", "keys", "change"),
    [
        ('title = "y"\n', ["title"], ('"x"', '"y"')),
        ("[db]\nport = 0x10\n", ["db.port"], ("port = 1", "port = 0x10")),
        ('[[web]]\nsize = 2\nname = "a"\n', ["web[name=a].size"], ("size = 1", "size = 2")),
        ("db = {port = 3}\n", ["db.port"], ("port = 1", "port = 3")),
        ("[db]\nport = 1\nhost = 'h'\n", ["db.host"], ("# p\n", "# p\nhost = 'h'\n")),
        ('title = "x"\n', ["db"], ("[db]\nport = 1 # p\n\n", "")),
    ],
)
def test_only_the_value_changes_in_toml(
    source: str, keys: list[str], change: tuple[str, str]
) -> None:
    assert take("app.toml", TOML, source, *keys) == TOML.replace(*change)


@pytest.mark.parametrize(
    ("target", "source", "keys", "reason"),
    [
        (
            "o: &o\n  x: 1\np:\n  <<: *o\n",
            "o:\n  x: 2\np:\n  x: 1\n",
            ["o.x"],
            "into an empty mapping",
        ),
        ("a: {x: [1]}\nb: 0\n", "a:\n  x: |\n    text\n    more\n", ["a.x"], "in brackets"),
        ("a: !secret x\n", "a: {b: 1}\nc: 2\n", ["a.b"], "differs too much"),
        ("- 1\n- 2\n", "a: 1\nb: 2\n", ["a"], "of another kind"),
        ("a: 1\n---\nb: 1\n", "a: 1\n", ["1"], "a whole document would go"),
    ],
)
def test_what_cannot_be_said_exactly_is_refused_and_never_guessed(
    target: str, source: str, keys: list[str], reason: str
) -> None:
    with pytest.raises(CannotSplice, match=reason):
        take("app.yaml", target, source, *keys)


def test_a_path_that_has_no_keys_is_refused() -> None:
    with pytest.raises(CannotSplice, match=r"notes\.txt has no keys by its name"):
        splice("notes.txt", "a", "b", Expected({}, {}))


# Properties

FORMATS: dict[str, tuple[type[YamlWriter | JsonWriter], st.SearchStrategy[str]]] = {
    "a.yaml": (YamlWriter, YAML_LEAVES),
    "a.json": (JsonWriter, JSON_LEAVES),
}
STYLES = st.tuples(st.integers(0, 999), st.integers(0, 999))


def two_texts(path: str, styles: tuple[int, int], data: st.DataObject) -> tuple[list[Line], str]:
    """Draw two documents and write each in a style of its own."""
    writer, leaves = FORMATS[path]
    target, source = data.draw(documents(leaves)), data.draw(documents(leaves))
    return writer(styles[0]).write(target), text_of(writer(styles[1]).write(source))


def check(path: str, lines: list[Line], result: str, expected: Expected) -> None:
    """Check that a result says what is expected and lost no line that it had no business with."""
    before = values_of(path, text_of(lines))
    after = Counter(line.rstrip(",\r") for line in result.split("\n"))
    assert not expected.wrong(values_of(path, result))
    assert not untouched(lines, before, expected) - after


@pytest.mark.parametrize("path", FORMATS)
@settings(max_examples=40)
@given(styles=STYLES, newline=st.sampled_from(["\n", "\r\n"]), data=st.data())
def test_some_of_what_differs_is_spliced_exactly_or_refused(
    path: str, styles: tuple[int, int], newline: str, data: st.DataObject
) -> None:
    lines, theirs = two_texts(path, styles, data)
    mine = text_of(lines, newline)
    moved = sorted(differing(values_of(path, theirs), values_of(path, mine)))
    assume(moved)
    keys = closed(data.draw(st.sets(st.sampled_from(moved), min_size=1)), moved)
    expected = wanted(path, mine, theirs, keys)

    with suppress(CannotSplice):
        check(path, lines, splice(path, mine, theirs, expected), expected)


@pytest.mark.parametrize("path", FORMATS)
@settings(max_examples=40)
@given(styles=STYLES, data=st.data())
def test_whole_entries_are_always_spliced_where_another_one_stays(
    path: str, styles: tuple[int, int], data: st.DataObject
) -> None:
    lines, theirs = two_texts(path, styles, data)
    before = values_of(path, text_of(lines))
    moved = sorted({next(segments(key)) for key in differing(values_of(path, theirs), before)})
    assume(moved)
    chosen = data.draw(st.sets(st.sampled_from(moved), min_size=1))
    assume({next(segments(key)) for key in before} - chosen)
    expected = wanted(path, text_of(lines), theirs, chosen)

    check(path, lines, splice(path, text_of(lines), theirs, expected), expected)


@settings(max_examples=40)
@given(document=documents(YAML_LEAVES), style=st.integers(0, 999), leaf=YAML_LEAVES, data=st.data())
def test_one_scalar_is_always_spliced_and_is_all_that_changes(
    document: dict[str, object], style: int, leaf: str, data: st.DataObject
) -> None:
    lines = YamlWriter(style).write(document)
    mine = text_of(lines)
    places = [i for i, line in enumerate(lines) if line.is_leaf and not line.is_name]
    at = data.draw(st.sampled_from(places))
    start, colon, old = lines[at].text.partition(": ")
    _, mark, behind = old.partition("  # ")
    spelled = [line.text for line in lines]
    theirs = [*spelled[:at], f"{start}{colon}{leaf}", *spelled[at + 1 :]]
    assume(values_of("a.yaml", mine) != values_of("a.yaml", "\n".join(theirs)))

    result = take("a.yaml", mine, "\n".join(theirs), lines[at].key)

    spelled[at] = f"{start}{colon}{leaf}{mark}{behind}"
    assert result == "".join(line + "\n" for line in spelled)
