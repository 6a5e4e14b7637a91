"""Bad input: a clear one-line reason and a fall-back, never a traceback, never a wrong answer."""

import time
from pathlib import Path

import pytest

from bot.engine.nodes import Unreadable
from bot.engine.objects import MissingObject
from bot.engine.values import read_values
from bot.repository import Repository, RepositoryError
from tests.world import World, record, spelled

APP = "image: v1\nreplicas: 1\n"

BILLION = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGES = "a0: &a0 {k0: 1}\n" + "".join(
    f"a{n}: &a{n} {{<<: *a{n - 1}, k{n}: 1}}\n" for n in range(1, 20_000)
)
MERGED_AGAIN = (
    "a: &a {" + ", ".join(f"k{n}: 1" for n in range(5_000)) + "}\n"
    "b: {<<: [" + ", ".join(["*a"] * 100_000) + "]}\n"
)
DEEP = 10_000

TOO_MUCH = {
    "billion laughs": ("a.yaml", BILLION, "holds more than 300,000 values"),
    "chained merges": ("a.yaml", MERGES, "holds more than 300,000 values"),
    "one merge a hundred thousand times": (
        "a.yaml",
        MERGED_AGAIN,
        "holds more than 300,000 values",
    ),
    "deep flow": ("a.yaml", "[" * DEEP, "nested more than 200 levels deep"),
    "deep mappings in brackets": ("a.yaml", "{a: " * DEEP, "nested more than 200 levels deep"),
    "deep dashes": ("a.yaml", "- " * DEEP + "x", "nested more than 200 levels deep"),
    "deep json lists": ("a.json", "[" * DEEP + "]" * DEEP, "nested more than 200 levels deep"),
    "deep json": ("a.json", '{"a":' * DEEP + "1" + "}" * DEEP, "nested more than 200 levels deep"),
    "deep toml lists": ("a.toml", "a = " + "[" * DEEP + "]" * DEEP, "nested too deep"),
    "deep toml keys": ("a.toml", ".".join(["a"] * 100 * DEEP) + " = 1", "nested more than 200"),
    "deep toml a little": ("a.toml", ".".join(["a"] * 300) + " = 1", "nested more than 200"),
    "many digits in json": ("a.json", '{"a": ' + "9" * 5000 + "}", "more digits than can be read"),
    "many digits in toml": ("a.toml", "a = " + "9" * 5000, "more digits than can be read"),
    "one text a hundred thousand times": (
        "a.yaml",
        "a: &a " + "x" * 1_000_000 + "\nb: [" + ", ".join(["*a"] * 100_000) + "]\n",
        "holds more than 300,000 values",
    ),
    "one key a hundred thousand times": (
        "a.yaml",
        "a: &a {" + "x" * 1000 + ": 1}\n" + "".join(f"b{n}: *a\n" for n in range(100_000)),
        "holds more than 300,000 values",
    ),
    "an alias of itself": ("a.yaml", "a: &a [*a]\n", "the alias `*a` contains itself"),
    "a merge of itself": ("a.yaml", "a: &a {<<: *a}\n", "the alias `*a` contains itself"),
    "an unknown alias": ("a.yaml", "a: *b\n", "the alias `*b` names no anchor above it"),
    "a large file": ("a.yaml", "a: 1\n" * 500_000, "larger than 2 MiB"),
}


@pytest.mark.parametrize("name", TOO_MUCH)
def test_what_is_too_much_to_read_is_refused_in_seconds(name: str) -> None:
    path, text, reason = TOO_MUCH[name]
    started = time.monotonic()

    with pytest.raises(Unreadable) as refusal:
        read_values(path, text.encode())

    assert reason in refusal.value.reason
    assert "\n" not in refusal.value.reason
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    "text",
    [
        "a: 1" + ":59" * 300_000,  # a number of base 60, as YAML 1.1 has them
        "a: 0x" + "f" * 1_000_000,
        "a: " + "9" * 1_000_000,
        "a: " + "x" * 1_000_000,
    ],
    ids=["base 60", "hexadecimal", "decimal", "text"],
)
def test_a_scalar_of_any_length_is_read_in_seconds(text: str) -> None:
    started = time.monotonic()

    assert list(read_values("a.yaml", text.encode())) == ["a"]
    assert time.monotonic() - started < 5


BROKEN = [
    ("a.yaml", b"a: 1\nb: [1\n", (3, 1)),
    ("a.yaml", b"a: 1\n b: 2\n", (2, 3)),
    ("a.yaml", b"a:\n\tb: 1\n", (2, 1)),
    ("a.yaml", b"a: 1\nb: \x00\n", (2, 4)),
    ("a.yaml", b"a: 1\nb: \xff\n", (2, 4)),
    ("a.yaml", b"a: 1\na: 2\n", (2, 1)),
    ("a.yaml", b"a:\n  b: 1\n  c: 1\n  b: 2\n", (4, 3)),
    ("a.yaml", b"1: a\n'1': b\n", (2, 1)),
    ("a.yaml", b"[a]: 1\n", (1, 1)),
    ("a.yaml", b"? {a: 1}\n: 1\n", (1, 3)),
    ("a.yaml", b"a: 1\n<<: 5\n", (3, 1)),
    ("a.yaml", b"%YAML 9.9\n---\na: 1\n", (1, 1)),
    ("a.yaml", b"<<<<<<< ours\na: 1\n=======\na: 2\n>>>>>>> theirs\n", (2, 2)),
    ("a.json", b'{"a": 1,}', (1, 9)),
    ("a.json", b'{"a": 1\n "b": 2}', (2, 2)),
    ("a.json", b'{"a": 1, "a": 2}', (1, 10)),
    ("a.json", b"{'a': 1}", (1, 2)),
    ("a.json", b'{"a": "\x00"}', (1, 8)),
    ("a.json", b'{"a": 1} x', (1, 10)),
    ("a.json", b'{"a": 01}', (1, 8)),
    ("a.json", b"", (1, 1)),
    ("a.json", b'{"a": tru}', (1, 7)),
    ("a.toml", b"a = 1\na = 2\n", (2, 6)),
    ("a.toml", b"a = \n", (1, 5)),
    ("a.toml", b"a = 'x\n", (2, 1)),
    ("a.toml", b"[a]\n[a]\n", (2, 3)),
]


@pytest.mark.parametrize(("path", "data", "where"), BROKEN)
def test_a_text_that_does_not_parse_tells_the_line_and_the_column(
    path: str, data: bytes, where: tuple[int, int]
) -> None:
    with pytest.raises(Unreadable) as refusal:
        read_values(path, data)

    assert (refusal.value.line, refusal.value.column) == where
    assert refusal.value.reason.strip()
    assert "\n" not in refusal.value.reason


@pytest.mark.parametrize(
    "scalar",
    ["!!timestamp soon", "!!int many", "!!float ''", "!!bool maybe", "2026-02-30"],
)
def test_a_scalar_that_is_not_what_its_tag_says_is_its_text(scalar: str) -> None:
    values = read_values("a.yaml", f"a: {scalar}\n".encode())

    assert values["a"].data == scalar.rpartition(" ")[2].strip("'")


def test_keys_that_are_not_strings_are_spelled_as_text() -> None:
    values = read_values(
        "a.yaml", b"1: a\ntrue: b\nnull: c\n1.5: d\n2026-01-05: e\n? |\n  f\n: g\n"
    )

    assert {key: value.data for key, value in values.items()} == {
        "1": "a",
        "true": "b",
        "null": "c",
        '["1.5"]': "d",
        "2026-01-05": "e",
        '["f\n"]': "g",
    }


# On real git


def test_a_yaml_bomb_in_one_branch_is_compared_as_text_and_noted(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.commit("development", {"app.yaml": BILLION})

    comparison = world.compare()

    assert [spelled(change) for change in comparison.changes] == ["pending app.yaml"]
    (note,) = comparison.notes
    assert note == (
        "app.yaml:1:1: holds more than 300,000 values once its aliases are expanded "
        "(in development); compared as text, as one value"
    )


@pytest.mark.parametrize("name", ["big.yaml", "big.bin"])
def test_a_file_of_fifty_megabytes_is_one_value_and_promoted(world: World, name: str) -> None:
    world.begin({name: b"a: 1\n"})
    world.commit("development", {name: b"\0" * 50_000_000})

    assert world.states() == [f"pending {name}"]

    world.promote()

    assert world.states() == []


@pytest.mark.parametrize("name", ["-n", "--upload-pack=pwned", "-", "@", "a;b", "$(pwned)"])
def test_a_branch_named_like_an_option_is_a_branch(world: World, name: str) -> None:
    world.begin({"app.yaml": APP}, "development", name)
    world.edit("development", "app.yaml", "image: v1", "image: v2")

    world.promote("development", name)

    assert world.repository.branch(name) == world.sha(name)
    assert world.states("development", name) == []


@pytest.mark.parametrize(
    "path",
    [
        "-n.yaml",
        "--output=pwned.yaml",
        ":(glob)*.yaml",
        ":!app.yaml",
        "*.yaml",
        "[a].yaml",
        "a\\b.yaml",
    ],
)
def test_a_path_written_like_an_option_or_a_pattern_is_a_path(world: World, path: str) -> None:
    world.begin({path: APP, "app.yaml": APP, "a.yaml": APP})
    world.edit("development", path, "image: v1", "image: v2")
    world.edit("development", path, "image: v2", "image: v1")
    last = world.edit("development", path, "image: v1", "image: v3")

    change = world.change()

    assert spelled(change) == f"pending {path}:image"
    assert [commit.sha for commit in change.commits] == [last]


@pytest.mark.parametrize(
    "name",
    [
        "absent",
        "main~1",
        "main^",
        "main^{tree}",
        "main@{0}",
        "main:app.yaml",
        "main\nx",
        "main\0x",
        "",
    ],
)
def test_what_names_no_branch_is_none(world: World, name: str) -> None:
    world.begin({"app.yaml": APP})
    world.edit("production", "app.yaml", "image: v1", "image: v2")

    assert world.repository.branch(name) is None
    assert world.repository.branch("main") == world.sha("production")


def test_a_shallow_clone_is_refused_with_the_command_that_deepens_it(
    world: World, tmp_path: Path
) -> None:
    world.begin({"app.yaml": APP})
    world.edit("production", "app.yaml", "image: v1", "image: v2")
    shallow = tmp_path / "shallow"
    world.git("clone", "-q", "--depth=1", f"file://{world.directory}", str(shallow))

    with pytest.raises(RepositoryError) as refusal:
        Repository.find(shallow)

    assert str(refusal.value) == (
        f"{shallow} is a shallow clone, whose histories are cut off; "
        "run `git fetch --unshallow` in it and try again"
    )


def test_a_path_that_is_no_repository_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    said = []
    for path in (tmp_path, tmp_path / "absent", tmp_path / "file"):
        with pytest.raises(RepositoryError) as refusal:
            Repository.find(path)
        said.append(str(refusal.value))

    assert said == [
        f"{tmp_path} is not a git repository; give the path of a clone",
        f"{tmp_path / 'absent'} is not a directory",
        f"{tmp_path / 'file'} is not a directory",
    ]


@pytest.mark.parametrize("damage", ["missing", "emptied", "garbled", "cut"])
@pytest.mark.parametrize("kind", ["blob", "tree", "commit", "older commit"])
def test_a_damaged_object_is_one_line_that_says_so(world: World, kind: str, damage: str) -> None:
    oldest = world.begin({"app.yaml": APP})
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    head = world.edit("development", "app.yaml", "image: v2", "image: v3")
    (before,) = world.parents(head)
    name = {
        "blob": f"{head}:app.yaml",
        "tree": f"{head}^{{tree}}",
        "commit": head,
        "older commit": before,
    }[kind]
    path = world.object_path(world.git("rev-parse", name).decode().strip())
    data = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes(
            {"emptied": b"", "garbled": b"garbage", "cut": data[: len(data) // 2]}[damage]
        )

    with pytest.raises((MissingObject, RepositoryError)) as refusal:
        world.compare()

    assert str(refusal.value)
    assert "\n" not in str(refusal.value)
    # What is not damaged can still be read.
    assert world.repository.read([oldest])[0].startswith(b"tree ")


def test_a_record_that_names_a_damaged_commit_is_passed_over(world: World) -> None:
    world.begin({"app.yaml": APP})
    lost = world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.move("development", world.parents(lost)[0])
    world.commit("staging", {}, "Promote\n\n" + record(lost, "staging"))
    world.edit("development", "app.yaml", "image: v1", "image: v3")
    world.object_path(lost).unlink()

    assert world.states() == ["pending app.yaml:image"]
