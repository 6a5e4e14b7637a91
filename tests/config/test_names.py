"""Names are what git, a forge and a comment can all carry."""

import subprocess
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from config.names import branch, member, name
from config.suggest import named

BELONGS_TO_THE_BOT = (
    "is kept for the bot's own branches, all of them below `lockstep/`; name another branch"
)


def refusal(check: Callable[[str], str], text: str) -> str | None:
    try:
        assert check(text) == text
    except ValueError as error:
        return str(error)
    return None


def git_accepts(text: str) -> bool:
    command = ["git", "check-ref-format", f"refs/heads/{text}"]
    return subprocess.run(command, check=False).returncode == 0


# What git-branch(1) refuses besides, or means something else by, and what is the bot's.
OURS = ("-", "refs/", "lockstep/")


@settings(max_examples=60)
@given(
    st.one_of(
        st.text(alphabet=st.sampled_from("ab./-@{~^:?*[\\ \t\x7f\x01é"), min_size=1, max_size=8),
        st.lists(
            st.sampled_from(["a", ".lock", "..", "@{", "/", ".", "@", "-", "release"]), max_size=5
        ).map("".join),
    ).filter(lambda text: "\x00" not in text)
)
@example("a.lock/b")
@example("a.lockb")
@example("@")
@example("a/@")
@example("")
@example("feature/ünïcode")
def test_a_branch_is_taken_where_git_takes_it(text: str) -> None:
    expected = git_accepts(text) and not text.startswith(OURS) and text not in {"@", "HEAD"}

    assert (refusal(branch, text) is None) == expected


@pytest.mark.parametrize(
    ("text", "has"),
    [
        ("a b", "a space or a control character in it"),
        ("a\x00b", "a space or a control character in it"),
        ("a:b", "one of `~ ^ : ? * [ \\` in it"),
        ("a..b", "`..` in it"),
        ("a@{1}", "`@{` in it"),
        ("/a", "a `/` at an end, or two together"),
        (".a", "a part that begins with `.`"),
        ("a.lock", "a part that ends with `.` or `.lock`"),
        ("HEAD", "a meaning of its own"),
        ("a\udcffb", "bytes that are not UTF-8 in it"),
    ],
)
def test_a_branch_that_git_refuses_is_refused_with_gits_reason(text: str, has: str) -> None:
    assert refusal(branch, text) == (
        f"{named(text)} cannot be a branch: git refuses it, since it has {has}"
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("-f", "looks like an option; a branch cannot begin with `-`"),
        ("--upload-pack=x", "looks like an option; a branch cannot begin with `-`"),
        ("refs/heads/main", "is a full ref; write the branch alone, such as `main`"),
        ("lockstep/promote/x", BELONGS_TO_THE_BOT),
        ("lockstep", BELONGS_TO_THE_BOT),
    ],
)
def test_a_branch_that_would_be_misread_is_refused_with_the_reason(text: str, reason: str) -> None:
    assert refusal(branch, text) == f"{named(text)} {reason}"


@pytest.mark.parametrize("text", ["staging", "eu-1", "a.b", "A_b", "7", "prod-"])
def test_a_name_is_letters_digits_dashes_underscores_and_dots(text: str) -> None:
    assert name(text) == text


@pytest.mark.parametrize(
    "text", ["", "-x", ".x", "x.", "a..b", "a.lock", "a b", "a/b", "a:b", "é", "@x", "x\n"]
)
def test_a_name_that_git_or_a_command_would_misread_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot be a name here: it becomes part of branches"):
        name(text)


@given(st.text(alphabet=st.sampled_from("aZ0.-_"), min_size=1, max_size=12))
def test_whatever_is_a_name_makes_a_branch_for_the_bot(text: str) -> None:
    assert refusal(name, text) or refusal(branch, f"x/promote/{text}/0123456789ab") is None


@pytest.mark.parametrize("text", ["alice", "al-ice_1", "dependabot[bot]", "@acme/qa", "@acme/a/b"])
def test_a_member_is_a_user_or_with_an_at_sign_a_team(text: str) -> None:
    assert member(text) == text


@pytest.mark.parametrize("text", ["", "a b", "@", "@acme/", "acme/qa", "@/qa", "-x", "a@b.example"])
def test_what_is_neither_a_user_nor_a_team_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is neither a user nor a team; write a user as `alice`"):
        member(text)
