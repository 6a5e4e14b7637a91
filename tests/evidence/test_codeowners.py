"""Who owns a path: the rules of either forge, from their documentation."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.evidence.codeowners import CodeOwnersFile, _body
from bot.model import ForgeName

GITHUB = r"""
# From the documentation of GitHub, with other names.
*       @everybody
*.js    @js-owner #This is an inline comment.
*.go docs@example.com
*.txt @octo-org/octocats
/build/logs/ @doctocat
docs/* docs@example.org
apps/ @octocat
/docs/ @doctocat
/scripts/ @doctocat @octocat
**/logs @octocat
/apps/ @octocat
/apps/github
with\ space.md @space
"""


def owners(text: str, path: str, forge: ForgeName = "github") -> list[tuple[str, ...]]:
    return [entry.owners for entry in CodeOwnersFile(text, forge).owners_of([path])]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("README.md", [("@everybody",)]),
        ("src/deep/index.js", [("@js-owner",)]),
        ("main.go", [("docs@example.com",)]),
        ("a/b.txt", [("@octo-org/octocats",)]),
        ("build/logs/1/x.log", [("@octocat",)]),  # `**/logs` stands later
        ("x/build/logs.md", [("@everybody",)]),
        ("docs/start.md", [("@doctocat",)]),
        ("x/docs/start.md", [("@everybody",)]),
        ("x/apps/a/b", [("@octocat",)]),
        ("scripts/run.sh", [("@doctocat", "@octocat")]),
        ("deeply/nested/logs/a", [("@octocat",)]),
        ("apps/github/a", []),  # named without an owner: nobody's
        ("apps/githubs", [("@octocat",)]),
        ("with space.md", [("@space",)]),
    ],
)
def test_on_github_the_last_pattern_that_matches_counts(
    path: str, expected: list[tuple[str, ...]]
) -> None:
    assert owners(GITHUB, path) == expected


def test_a_pattern_of_what_lies_directly_in_a_directory_is_not_of_what_is_deeper() -> None:
    text = "docs/* @docs\n"

    assert owners(text, "docs/a.md") == [("@docs",)]
    assert owners(text, "docs/build/a.md") == []


GITLAB = """
* @default
[Database][2] @dba
db/
*.sql @sql
!generated.sql

[Documentation]
docs/ @writers
README.md @writers

^[Optional] @anybody
*

[database]
/schema.yaml @architects
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("db/a.yaml", [("*", ("@default",), 1), ("db/", ("@dba",), 2)]),
        ("x/db/a.yaml", [("*", ("@default",), 1), ("db/", ("@dba",), 2)]),
        ("db/a.sql", [("*", ("@default",), 1), ("*.sql", ("@sql",), 2)]),
        ("db/generated.sql", [("*", ("@default",), 1)]),
        ("x/README.md", [("*", ("@default",), 1), ("README.md", ("@writers",), 1)]),
        ("schema.yaml", [("*", ("@default",), 1), ("/schema.yaml", ("@architects",), 1)]),
        ("x/schema.yaml", [("*", ("@default",), 1)]),
        ("docs", [("*", ("@default",), 1)]),
    ],
)
def test_on_gitlab_every_section_that_must_agree_has_its_say(
    path: str, expected: list[tuple[str, tuple[str, ...], int]]
) -> None:
    found = CodeOwnersFile(GITLAB, "gitlab").owners_of([path])

    assert [(entry.pattern, entry.owners, entry.needed) for entry in found] == expected


def test_an_entry_that_many_paths_fall_under_is_told_once() -> None:
    found = CodeOwnersFile("a/ @one\nb/ @two\n", "github").owners_of(["a/1", "a/2", "b/1"])

    assert [entry.pattern for entry in found] == ["a/", "b/"]


@given(st.text(alphabet="ab/*?[]!#\\^ @\n1", max_size=40), st.sampled_from(("github", "gitlab")))
def test_any_text_is_read_without_an_error(text: str, forge: ForgeName) -> None:
    CodeOwnersFile(text, forge).owners_of(["a/b/ab", "b"])


@given(
    pattern=st.text("ab/*?", min_size=1, max_size=9).filter(lambda text: text.strip("/")),
    path=st.text("ab/", min_size=1, max_size=9),
)
def test_a_pattern_selects_what_trying_every_way_would(pattern: str, path: str) -> None:
    plain = re.sub(
        r"(?:^|(?<=/))\*\*/|/\*\*$|\*\*|\*|\?",
        lambda found: {"**/": "(?:.*/)?", "/**": "/.*", "**": ".*", "*": "[^/]*", "?": "[^/]"}[
            found[0]
        ],
        pattern,
    )

    found = re.fullmatch(_body(pattern, anchored=True), path)

    assert bool(found) == bool(re.fullmatch(plain, path))
