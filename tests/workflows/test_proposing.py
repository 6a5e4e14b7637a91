"""A keep rule written into a configuration: that one rule, and every other byte as it was."""

import pytest

from config.load import load
from config.schema import KeepRule
from workflows.proposing import CannotWriteRule, with_rule

BEGIN = """\
# Ours.
version: 1
environments:
  - {name: a, branch: a}   # the first
  - {name: b, branch: b}
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", 'keep:\n  - {path: "x.yaml", keys: ["a.b"]}\n'),
        (
            "keep:\n  - path: y.yaml # why\n    keys: [c]   # because\n\n# end\nrules: []\n",
            (
                "keep:\n  - path: y.yaml # why\n    keys: [c]   # because\n"
                '  - {path: "x.yaml", keys: ["a.b"]}\n\n# end\nrules: []\n'
            ),
        ),
        (
            "keep:\n- path: y.yaml\nback_merge: report\n",
            'keep:\n- path: y.yaml\n- {path: "x.yaml", keys: ["a.b"]}\nback_merge: report\n',
        ),
        (
            "keep: [{path: y.yaml}]  # short\n",
            'keep: [{path: y.yaml}, {path: "x.yaml", keys: ["a.b"]}]  # short\n',
        ),
        (
            "keep:\n  - path: y.yaml",
            'keep:\n  - path: y.yaml\n  - {path: "x.yaml", keys: ["a.b"]}\n',
        ),
    ],
)
def test_the_rule_is_added_and_all_else_stays(before: str, after: str) -> None:
    written = with_rule(BEGIN + before, "x.yaml", "a.b")

    assert written == BEGIN + after
    assert KeepRule(path="x.yaml", keys=("a.b",)) in load(written).keep


def test_a_file_without_a_last_line_end_gets_one() -> None:
    assert with_rule(BEGIN.rstrip(), "x", None) == BEGIN + 'keep:\n  - {path: "x"}\n'


@pytest.mark.parametrize("path", ['a "b"\\c', "tab\t.yaml", "next\x85line", "line\u2028", "ünï"])
def test_a_path_is_written_so_that_it_is_read_again(path: str) -> None:
    assert KeepRule(path=path) in load(with_rule(BEGIN, path, None)).keep


def test_a_rule_that_is_there_changes_nothing() -> None:
    text = with_rule(BEGIN, "x.yaml", None)

    assert with_rule(text, "x.yaml", None) == text


@pytest.mark.parametrize(
    "key", ['metadata.annotations["example.com/owner"]', "containers[name=web].image"]
)
def test_a_key_is_written_so_that_it_is_read_again(key: str) -> None:
    assert KeepRule(path="x", keys=(key,)) in load(with_rule(BEGIN, "x", key)).keep


def test_what_cannot_be_a_rule_is_refused_with_what_to_do() -> None:
    with pytest.raises(CannotWriteRule, match="wildcard"):
        with_rule(BEGIN, "a*.yaml", None)
    with pytest.raises(CannotWriteRule, match="is not a key path"):
        with_rule(BEGIN, "x.yaml", "not[a key")
    with pytest.raises(CannotWriteRule, match="does not load"):
        with_rule("version: 2\n", "x.yaml", None)
