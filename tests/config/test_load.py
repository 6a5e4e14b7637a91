"""Everything that is wrong with a file is said at once, in sentences, each at its place."""

from datetime import timedelta

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from config.load import ConfigError, ConfigErrors, load
from config.schema import Config
from tests.config.reading import PRODUCTION, errors, found, wrong

ONE_OF_EVERYTHING = """\
version: 1
environments:
  - name: development
    branch: development
  - name: staging
    branch: staging
    promote: {schedule: "0 9 * * 1-5", timezone: Europe/Berlin}
    gates: &gates
      checks: {required: [ci/test], timeout: 2h}
      soak: 24h
      approvals: 1
      sign_offs: [qa]
      windows: ["Mon-Thu 09:00-16:00 Europe/Berlin"]
      drained: true
  - name: production
    branch: main
    from: staging
    merge: squash
    gates: {<<: *gates, soak: 7d}
    freezes:
      - {from: 2026-12-20, to: 2027-01-03, reason: Year end}
    mirrors: [stable]
roles:
  qa: [alice, "@acme/qa"]
keep:
  - path: "configs/**/*.yaml"
    keys: [database.host, "**.replicas"]
rules:
  - when: {paths: ["payments/**"], keys: ["**.pci_dss"]}
    gates: {approvals: 2}
back_merge: report
"""


def in_production(lines: str) -> str:
    """The file with `lines`, from line 7 on, as more keys of production."""
    return PRODUCTION + "".join(f"    {line}\n" for line in lines.splitlines())


# Unknown and missing keys


def test_an_unknown_key_is_named_with_the_one_it_is_like() -> None:
    assert errors(PRODUCTION.replace("environments", "enviroments")) == [
        "2:1: unknown key `enviroments`; did you mean `environments`?"
    ]


def test_an_unknown_key_that_is_like_no_other_comes_with_those_that_are_known() -> None:
    assert errors(PRODUCTION + "colour: blue\n") == [
        (
            "7:1: unknown key `colour`; known here are `version`, `environments`, `inherit`, "
            "`roles`, `override`, `keep`, `bundles`, `rules`, `facts`, `tests`, `back_merge`"
        )
    ]


def test_what_stands_below_a_misspelled_key_is_checked_at_the_same_time() -> None:
    text = PRODUCTION.replace("environments", "enviroments").replace("name: prod", "nmae: prod")

    assert errors(text + "    gats:\n      soke: 5\n      checks: {requird: 1}\n") == [
        "2:1: unknown key `enviroments`; did you mean `environments`?",
        "5:5: unknown key `nmae`; did you mean `name`?",
        "7:5: unknown key `gats`; did you mean `gates`?",
        "8:7: unknown key `soke`; did you mean `soak`?",
        "8:13: `5` needs a unit, as in `30m`, `24h` or `7d`",
        "9:16: unknown key `requird`; did you mean `required`?",
        "9:25: `required` takes a list; put it in brackets: `[1]`",
    ]


def test_a_misspelled_key_beside_the_right_one_is_unknown_and_no_more() -> None:
    assert errors(in_production("merge: squash\nmerg: sqash")) == [
        "8:5: unknown key `merg`; did you mean `merge`?"
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            PRODUCTION.removeprefix("version: 1\n"),
            ["1:1: `version` is missing; begin the file with `version: 1`"],
        ),
        ("version: 1\n", ["1:1: `environments` is missing; add it here"]),
        (PRODUCTION + "  - name: x\n", ["7:5: `branch` is missing; add it here"]),
        (
            PRODUCTION + "  - {}\n",
            ["7:5: `branch` is missing; add it here", "7:5: `name` is missing; add it here"],
        ),
        (
            in_production("freezes: [{from: 2026-01-01}]"),
            ["7:15: `to` and `reason` are missing; add them here"],
        ),
        (in_production("promote: {timezone: UTC}"), ["7:14: `schedule` is missing; add it here"]),
        (PRODUCTION + "keep: [{keys: [a]}]\n", ["7:8: `path` is missing; add it here"]),
        (PRODUCTION + "rules: [{gates: {}}]\n", ["7:9: `when` is missing; add it here"]),
    ],
)
def test_a_missing_key_is_said_where_its_mapping_begins(text: str, expected: list[str]) -> None:
    assert errors(text) == expected


def test_a_key_that_is_written_twice_is_said_at_the_second() -> None:
    assert errors(in_production("merge: squash\nmerge: rebase\nmerge: merge")) == [
        "8:5: `merge` is written twice; the first is on line 7",
        "9:5: `merge` is written twice; the first is on line 7",
    ]


# Values, and what one alone does not show


@pytest.mark.parametrize(("added", "expected"), wrong())
def test_what_is_wrong_is_said_where_it_stands(added: str, expected: list[str]) -> None:
    assert errors(PRODUCTION + added) == expected


@pytest.mark.parametrize("version", ["2", "true", '"1"', "1.5", "[1]"])
def test_another_version_of_the_file_is_refused(version: str) -> None:
    text = PRODUCTION.replace("version: 1", f"version: {version}")
    shown = {"[1]": "a list"}.get(version, "`" + version.strip('"') + "`")

    assert errors(text) == [f"1:10: this Lockstep reads `version: 1` of the file, not {shown}"]


def test_off_without_quotes_is_off_though_yaml_reads_it_as_false() -> None:
    assert load(PRODUCTION + "back_merge: off\n").back_merge == "off"


def test_the_first_environment_has_no_source() -> None:
    text = PRODUCTION.replace("branch: development", "branch: development\n    from: production")

    (said,) = errors(text)

    assert said == (
        "5:5: the first environment has no source: changes begin in it; leave `from` out, or list "
        "it below the one that it is promoted from"
    )


def test_two_environments_of_one_name_or_on_one_branch_are_said_at_the_second() -> None:
    assert errors(PRODUCTION + "  - {name: production, branch: main}\n") == [
        "7:12: an environment above is called `production` already; rename one",
        (
            "7:32: `main` is the branch of `production` already; every environment has a branch of "
            "its own"
        ),
    ]


def test_each_circle_is_said_once_where_a_source_is_written() -> None:
    text = (
        PRODUCTION
        + """\
    from: us
  - {name: us, branch: us}
  - {name: a, branch: a, from: b}
  - {name: b, branch: b, from: c}
  - {name: c, branch: c, from: a}
  - {name: d, branch: d, from: c}
"""
    )

    circle, advice = "the environments go round in a circle", "one of them has to come from outside"
    assert errors(text) == [
        f"7:11: {circle}: `production` from `us`, `us` from `production`; {advice}",
        f"9:32: {circle}: `a` from `b`, `b` from `c`, `c` from `a`; {advice}",
    ]


def test_a_name_that_two_have_makes_no_circle_of_its_own() -> None:
    text = """\
version: 1
environments:
  - {name: a, branch: a}
  - {name: b, branch: b}
  - {name: a, branch: c}
"""

    assert errors(text) == ["5:12: an environment above is called `a` already; rename one"]


def test_no_environments_at_all_are_refused() -> None:
    assert errors("version: 1\nenvironments: []\n") == [
        "2:15: `environments` is empty; it needs at least one entry"
    ]


# All at once


def test_every_error_is_said_at_once_by_line_with_the_place_that_it_is_about() -> None:
    text = """\
version: 2
environments:
  - name: development
    branch: dev
  - branch: dev
    gates:
      checks: [1]
roles:
  "a b": [x y]
kep: []
"""

    assert [(error.line, error.column, error.path) for error in found(text)] == [
        (1, 10, "version"),
        (5, 5, "environments[1].name"),
        (5, 13, "environments[1].branch"),
        (7, 16, "environments[1].gates.checks[0]"),
        (9, 3, 'roles["a b"]'),
        (9, 11, 'roles["a b"][0]'),
        (10, 1, "kep"),
    ]


def test_what_an_alias_repeats_is_said_once_where_it_is_written() -> None:
    text = in_production("gates: &gates {soak: 5}") + "  - {name: x, branch: x, gates: *gates}\n"

    assert found(text) == (
        ConfigError(
            line=7,
            column=26,
            path="environments[name=production].gates.soak",
            message="`5` needs a unit, as in `30m`, `24h` or `7d`",
        ),
    )


def test_errors_read_as_lines_where_nobody_catches_them() -> None:
    with pytest.raises(ConfigErrors, match=r"^1:1: `environments` is missing; add it here$"):
        load("version: 1")


# Reading


def test_a_merge_key_gives_what_is_not_written_beside_it() -> None:
    gates = load(ONE_OF_EVERYTHING).environment("production").gates

    assert (gates.soak, gates.approvals.count) == (timedelta(days=7), 1)


def test_a_byte_order_mark_windows_line_ends_and_a_document_mark_change_nothing() -> None:
    plain = load(ONE_OF_EVERYTHING)

    assert load("\ufeff---\n" + ONE_OF_EVERYTHING.replace("\n", "\r\n") + "...\r\n") == plain


@given(
    st.lists(
        st.tuples(st.integers(0, len(ONE_OF_EVERYTHING)), st.integers(0, 9), st.text(max_size=3)),
        min_size=1,
        max_size=4,
    )
)
def test_a_file_with_any_damage_is_read_or_refused_in_our_own_words(
    edits: list[tuple[int, int, str]],
) -> None:
    text = ONE_OF_EVERYTHING
    for start, length, new in edits:
        text = text[:start] + new + text[start + length :]

    check_errors(text)


VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-1, 2),
        st.floats(),
        st.dates(),
        st.datetimes(),
        st.sampled_from(
            ["staging", "main", "24h", "qa", "x y", "", "-x", "**", "0 9 * * *", "UTC"]
        ),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                [
                    "version",
                    "environments",
                    "roles",
                    "keep",
                    "rules",
                    "back_merge",
                    "name",
                    "branch",
                    "from",
                    "promote",
                    "merge",
                    "gates",
                    "freezes",
                    "mirrors",
                    "checks",
                    "required",
                    "timeout",
                    "soak",
                    "approvals",
                    "sign_offs",
                    "windows",
                    "drained",
                    "to",
                    "reason",
                    "timezone",
                    "schedule",
                    "path",
                    "keys",
                    "when",
                    "paths",
                    "root",
                    "enviroments",
                    "x",
                ]
            ),
            inner,
            max_size=8,
        ),
    ),
    max_leaves=30,
)


@given(st.dictionaries(st.sampled_from([*Config.model_fields, "x"]), VALUES, max_size=6))
def test_data_of_any_shape_is_read_or_refused_in_our_own_words(data: dict[str, object]) -> None:
    check_errors(yaml.safe_dump({"version": 1} | data))


@given(
    st.dictionaries(st.sampled_from(["promote", "merge", "gates", "freezes", "mirrors"]), VALUES)
)
def test_an_environment_of_any_shape_is_read_or_refused_in_our_own_words(
    data: dict[str, object],
) -> None:
    environments = [{"name": "a", "branch": "a"}, {"name": "b", "branch": "b"} | data]

    check_errors(yaml.safe_dump({"version": 1, "environments": environments}))


def check_errors(text: str) -> None:
    said = found(text)
    lines = text.splitlines()

    assert list(said) == sorted(set(said), key=lambda error: (error.line, error.column, error.path))
    for error in said:
        assert 1 <= error.line <= len(lines) + 1
        assert error.column >= 1
        assert "another kind of value" not in error.message
        assert "nput should" not in error.message
        assert "\n" not in error.message
