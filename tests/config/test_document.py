"""Text that is no configuration, or means harm, gets one clear sentence, and fast."""

import time
from itertools import pairwise

import pytest

from config.document import MAX_CHARACTERS
from tests.config.reading import PRODUCTION, errors, found

BEGIN = "; it begins with `version: 1`, then `environments:`"


@pytest.mark.parametrize("text", ["", "\n\n", "# a comment\n", "---\n", "\ufeff", "~"])
def test_an_empty_file_is_said_to_be_empty(text: str) -> None:
    (error,) = found(text)

    assert error.message == f"the file is empty{BEGIN}"


@pytest.mark.parametrize(
    ("text", "holds"),
    [("[a]", "a list"), ("version 1", "`version 1`"), ("- a", "a list"), ("42", "`42`")],
)
def test_a_file_that_is_no_mapping_is_refused(text: str, holds: str) -> None:
    assert errors(text) == [f"1:1: the file holds {holds}{BEGIN}"]


BRACKETS = "separate what is in brackets with commas, and close them"
QUOTES = "put a value in quotes that begins with `@`, `%` or a backtick, and indent with spaces"
COLON = "indent a key like its neighbours, and put a value in quotes that has `: ` in it"


@pytest.mark.parametrize(
    ("text", "place", "problem", "hint"),
    [
        ("a: [@acme/qa]", "1:5", "found character that cannot start any token", QUOTES),
        (
            "a: b\n\tc: d\n",
            "2:1",
            "found a tab character that violates indentation",
            "indent with spaces",
        ),
        ("a: b: c\n", "1:5", "mapping values are not allowed in this context", COLON),
        ("a: |\n  x\n y", "3:2", "did not find expected key", "indent the keys of a mapping alike"),
        (
            "- a\nb: c",
            "2:1",
            "did not find expected '-' indicator",
            "indent the items of a list alike",
        ),
        ("keep: [a", "2:1", "did not find expected ',' or ']'", BRACKETS),
        ("keep: {a: 1", "2:1", "did not find expected ',' or '}'", BRACKETS),
        ("keep: [", "2:1", "did not find expected node content", BRACKETS),
        ("version: 'x", "1:12", "found unexpected end of stream", "a quotation is not closed"),
        (
            "a: *b\n",
            "1:4",
            "found undefined alias",
            "an alias `*name` needs an anchor `&name` above it",
        ),
        (
            "%YAML 9.9\n---\na: b\n",
            "1:1",
            "found incompatible YAML document",
            "leave out the line that begins with `%YAML`",
        ),
    ],
)
def test_what_is_not_yaml_is_said_where_reading_ended_with_what_to_do(
    text: str, place: str, problem: str, hint: str
) -> None:
    assert errors(text) == [f"{place}: this is not YAML: {problem}; {hint}"]


def test_a_rare_mistake_is_said_in_the_words_of_the_reader() -> None:
    assert errors("%TAG x\n---\n") == ["1:6: this is not YAML: did not find expected '!'"]


def test_what_cannot_be_read_has_a_line_and_no_key_path() -> None:
    (error,) = found("a: [")

    assert (error.line, error.column, error.path) == (2, 1, "")


@pytest.mark.parametrize(
    ("text", "place", "character"),
    [
        ("version: 1\na: \x00\n", "2:4", "U+0000"),
        ("version: 1\r\n# é\udcff\n", "2:4", "U+DCFF"),
        ("\ufeffa: \x1b", "1:4", "U+001B"),
        ("a: \uffff", "1:4", "U+FFFF"),
    ],
)
def test_a_character_that_yaml_has_not_is_named(text: str, place: str, character: str) -> None:
    (error,) = errors(text)

    assert error == (
        f"{place}: the character {character} cannot be in YAML; save the file as plain text in "
        "UTF-8"
    )


def test_a_second_document_is_refused_where_it_begins() -> None:
    assert errors(PRODUCTION + "---\n" + PRODUCTION) == [
        "7:1: a second document begins here; keep everything in one, and remove the `---`"
    ]


def test_a_key_that_is_no_text_is_refused() -> None:
    assert errors(PRODUCTION + "? [a, b]\n: 1\n") == [
        "7:3: a key is plain text, not a list or a mapping"
    ]


def test_keys_are_the_text_that_is_written_whatever_yaml_makes_of_it() -> None:
    text = PRODUCTION + "roles: {on: [alice], 1: [bob], 1.0: [carol], null: [dave]}\n"

    assert errors(text) == []


def test_what_cannot_be_merged_is_said() -> None:
    assert errors(PRODUCTION + "roles:\n  <<: 1\n  qa: [alice]\n") == [
        "8:7: `<<` takes a mapping to merge, or a list of them"
    ]


def test_tags_make_no_objects() -> None:
    text = PRODUCTION + "keep: !!python/object/apply:os.system []\nrules: !!set {}\n"

    tag, means_nothing = "tag:yaml.org,2002", "means nothing here; leave it out"
    assert errors(text) == [
        f"7:7: the tag `{tag}:python/object/apply:os.system` {means_nothing}",
        f"8:8: the tag `{tag}:set` {means_nothing}",
    ]


@pytest.mark.parametrize("value", ["!!bool x", "!!int x", "!!float x", "!!timestamp x", "1" * 5000])
def test_a_scalar_that_is_not_what_it_says_is_refused_as_text(value: str) -> None:
    (error,) = found(PRODUCTION + f"back_merge: {value}\n")

    assert error.message.endswith("is none of `pull-request`, `report`, `off`")


# Harm

DEEP = "this is nested more than 32 levels deep; no configuration needs that"
LARGE = (
    "with its aliases written out the file is deeper than 32 levels or larger than 20,000 values; "
    "no configuration needs that"
)
LONG = (
    "characters; a configuration has at most 262,144, so this is another file, or a generated one"
)
LETTERS = "abcdefgh"
LAUGHS = "a: &a [x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{below}'] * 8)}]\n" for below, name in pairwise(LETTERS)
)
MERGED_LAUGHS = "a: &a {x: 1}\n" + "".join(
    f"{name}: &{name} {{<<: [{', '.join([f'*{below}'] * 8)}]}}\n"
    for below, name in pairwise(LETTERS)
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[" * 10_000, f"1:33: {DEEP}"),
        ("[" * MAX_CHARACTERS, f"1:33: {DEEP}"),
        ("{a: " * 10_000, f"1:129: {DEEP}"),
        ("".join(f"{' ' * n}a:\n" for n in range(500)), f"33:33: {DEEP}"),
        (LAUGHS, f"1:20: {LARGE}"),
        (MERGED_LAUGHS, f"1:8: {LARGE}"),
        ("a: &a [*a]\n", f"1:4: {LARGE}"),
        ("a: &a {<<: *a}\n", f"1:8: {LARGE}"),
        ("- x\n" * 20_001, f"20000:3: {LARGE}"),
        ("#" * (MAX_CHARACTERS + 1), f"1:1: the file has 262,145 {LONG}"),
        ("a" * 50_000_000, f"1:1: the file has 50,000,000 {LONG}"),
    ],
    ids=lambda value: value[:20],
)
def test_a_file_that_would_exhaust_the_machine_is_refused_at_once(text: str, expected: str) -> None:
    began = time.process_time()

    said = errors(text)

    assert said == [expected]
    assert time.process_time() - began < 1


MANY = range(2_000)
MISTAKES = {
    "unknown keys": "".join(f"unknown_{number}: 1\n" for number in MANY),
    "misspelled keys": "".join(f"  - {{nmae: e{n}, branch: b{n}}}\n" for n in MANY),
    "items of no kind": f"keep: [{', '.join('1' for _ in MANY)}]\n",
    "unknown zones": "    gates:\n      windows:\n"
    + "".join(f"        - Mon 1:00-2:00 Europe/Zone{number}\n" for number in MANY),
    "unknown sources": "".join(f"  - {{name: e{n}, branch: b{n}, from: x{n}}}\n" for n in MANY),
}


@pytest.mark.parametrize("added", MISTAKES.values(), ids=MISTAKES)
def test_a_file_of_nothing_but_mistakes_is_read_in_seconds(added: str) -> None:
    began = time.process_time()

    said = found(PRODUCTION + added)

    assert len(said) == len(MANY)
    assert time.process_time() - began < 5
