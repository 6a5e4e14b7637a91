"""What a comment asks for, and what it only talks about."""

from functools import reduce
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from bot.decisions.arguments import LONGEST_COMMAND
from bot.decisions.commands import (
    MOST_COMMANDS,
    USAGES,
    Cancel,
    Command,
    Discard,
    Drift,
    Freeze,
    Help,
    Hold,
    Keep,
    Override,
    Promote,
    Reject,
    Resolve,
    Resume,
    Retry,
    Rollback,
    SignOff,
    Status,
    Thaw,
    Unclear,
    parse_comment,
    write,
)
from bot.words import GITHUB, GITLAB, Words
from config.patterns import child

EVERY_COMMAND: list[tuple[str, Command]] = [
    ("/promote staging", Promote("staging")),
    ("/sign-off qa", SignOff("qa")),
    ("/reject qa login is broken", Reject("qa", "login is broken")),
    ("/hold waiting for the bank", Hold("waiting for the bank")),
    ("/resume", Resume()),
    ("/promote staging at 2026-12-01 09:00 UTC", Promote("staging", "2026-12-01 09:00 UTC")),
    ("/cancel", Cancel()),
    ("/cancel production", Cancel("production")),
    ("/retry", Retry()),
    ("/rollback production", Rollback("production")),
    ("/freeze the data centre burns", Freeze("the data centre burns")),
    ("/thaw", Thaw()),
    ("/override checks CI is down", Override("checks", "CI is down")),
    ("/keep configs/app.yaml", Keep("configs/app.yaml")),
    ("/keep configs/app.yaml database.host", Keep("configs/app.yaml", "database.host")),
    ("/discard a.yaml", Discard("a.yaml")),
    ("/discard a.yaml a.b", Discard("a.yaml", "a.b")),
    ("/resolve a.yaml source", Resolve("a.yaml", None, "source")),
    ("/resolve a.yaml:a.b target", Resolve("a.yaml", "a.b", "target")),
    ("/drift", Drift()),
    ("/status", Status()),
    ("/help", Help()),
]

NO_PATH = "needs a path from the repository's root, without `/` in front or `..`"

NO_GATE = (
    "names none of the gates `checks`, `soak`, `approvals`, `sign_offs`, `windows`, `drained`, "
    "`required_files`, `schemas`, `http`, `metrics`, `workflow`, `freezes`, `facts`"
)


def answers(text: str) -> list[str]:
    """Return the answers to `text`, which holds no command."""
    parsed = parse_comment(text, GITHUB)
    assert all(isinstance(each, Unclear) for each in parsed)
    return [each.answer for each in parsed if isinstance(each, Unclear)]


@pytest.mark.parametrize(("line", "command"), EVERY_COMMAND)
def test_every_command_is_read_and_written_in_both_forms(line: str, command: Command) -> None:
    prefixed = "/lockstep " + line.removeprefix("/")

    assert parse_comment(line, GITHUB) == (command,)
    assert parse_comment(prefixed, GITHUB) == (command,)
    assert write(command, GITHUB) == line
    assert write(command, GITLAB) == prefixed


def test_the_table_above_knows_every_command() -> None:
    assert {type(command) for _, command in EVERY_COMMAND} == set(get_args(Command))
    assert {usage.split()[0] for usage in USAGES} == {line.split()[0] for line, _ in EVERY_COMMAND}


def test_several_lines_are_several_commands_in_their_order() -> None:
    text = "Looks good!\r\n/sign-off qa  \r\n\r\nand\r/hold until noon\n/lgtm\n /resume\t\n"

    assert parse_comment(text, GITHUB) == (SignOff("qa"), Hold("until noon"), Resume())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no command here",
        "say /promote staging",
        "- /promote staging",
        "# /promote staging",
        "`/promote staging`",
        "\\/promote staging",
        "/",
        "/ promote staging",
        "//promote staging",
        "/lgtm",
        "/approve",
        "/rebase",
        "/test all",
        "/close",
        "/label bug",
        "/assign @alice",
        "/usr/bin/env python",
        "/promote/staging",
        "/etc",
        "/home",
        "／promote staging",  # noqa: RUF001 - a full-width solidus
        "∕promote staging",  # noqa: RUF001 - a division slash
    ],
)
def test_what_is_not_for_us_gets_no_answer(text: str) -> None:
    assert parse_comment(text, GITHUB) == ()


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("/promote", "lacks ENVIRONMENT"),
        ("/hold", "lacks REASON"),
        ('/hold ""', "lacks REASON"),
        ("/reject qa", "lacks REASON"),
        ("/reject", "lacks ROLE"),
        ("/resolve a.yaml", "lacks source|target"),
        ("/resolve a.yaml both", "says neither `source` nor `target` but `both`"),
        ("/resolve a.yaml: source", "names an empty key"),
        ("/promote production tonight", "goes on with `tonight`, which I cannot place"),
        ("/keep /etc/passwd", NO_PATH),
        ("/discard a/../b", NO_PATH),
        ("/keep a.yaml a..b", "names no key path; keys are joined by dots"),
        ('/promote ""', "has an empty name"),
        ("/override cheks CI is down", NO_GATE),
        ('/keep "a b', "has a quotation mark without its other half"),
        ("/keep 'a b", "has a quotation mark without its other half"),
    ],
)
def test_a_command_that_lacks_something_is_answered_with_its_usage(line: str, problem: str) -> None:
    usage = next(usage for usage in USAGES if usage.split()[0] == line.split(maxsplit=1)[0])

    assert answers(line) == [f"`{line}` {problem}. Write `{usage}`."]


def test_the_usage_comes_in_the_form_that_was_written() -> None:
    assert answers("/lockstep keep") == [
        "`/lockstep keep` lacks PATH. Write `/lockstep keep PATH [KEY]`."
    ]


def test_a_reason_that_nobody_can_see_is_none() -> None:
    assert answers("/hold \u200b\u202e") == ["`/hold` lacks REASON. Write `/hold REASON`."]


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (
            "/promte staging",
            "I know no `/promte staging`. Did you mean `/promote ENVIRONMENT [at TIME]`?",
        ),
        ("/signoff qa", "I know no `/signoff qa`. Did you mean `/sign-off ROLE`?"),
        ("/hold: no", "I know no `/hold: no`. Did you mean `/hold REASON`?"),
        ("/unhold", "I know no `/unhold`. Did you mean `/resume`?"),
        ("/statsu", "I know no `/statsu`. Did you mean `/status`?"),
        (
            "/lockstep cancle",
            "I know no `/lockstep cancle`. Did you mean `/lockstep cancel [ENVIRONMENT]`?",
        ),
        (
            "/lockstep dance",
            "I know no `/lockstep dance`. `/lockstep help` lists what I know.",
        ),
        # A Cyrillic letter, the Kelvin sign, a zero-width space: alike, and never the command.
        (
            "/\u0440romote staging",
            "I know no `/\u0440romote staging`. Did you mean `/promote ENVIRONMENT [at TIME]`?",
        ),
        ("/\u212aEEP a", "I know no `/\u212aEEP a`. Did you mean `/keep PATH [KEY]`?"),
        ("/retry\u200b", "I know no `/retry`. Did you mean `/retry`?"),
    ],
)
def test_a_near_miss_is_answered_with_the_nearest_command(line: str, answer: str) -> None:
    assert answers(line) == [answer]


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("/HOLD on", Hold("on")),
        ("/LockStep hold on", Hold("on")),
        ("/lockstep", Help()),
        ("/promote\u00a0staging", Promote("staging")),
        ("/promote `staging`", Promote("staging")),
        ('/hold "don\'t"', Hold("don't")),
        ('/hold don\'t say "no"', Hold('don\'t say "no"')),
        ('/hold "one" and "two"', Hold('"one" and "two"')),
        ("/hold a  \t b\u2028c", Hold("a b c")),
        ("/reject qa 'no'", Reject("qa", "no")),
        ("/keep 'a b.yaml' a.b", Keep("a b.yaml", "a.b")),
        (r'/keep "a \"b\".yaml"', Keep('a "b".yaml')),
        ("/keep `a b.yaml` `a.b`", Keep("a b.yaml", "a.b")),
        ('/keep a.yaml labels["my label"].x', Keep("a.yaml", 'labels["my label"].x')),
        ('/resolve a.yaml:labels["x: y"] source', Resolve("a.yaml", 'labels["x: y"]', "source")),
        ('/resolve "a:b.yaml":c target', Resolve("a:b.yaml", "c", "target")),
        ("/resolve 'a:b.yaml' target", Resolve("a:b.yaml", None, "target")),
        ("/resolve `my app.yaml:a.b` source", Resolve("my app.yaml", "a.b", "source")),
        ("/resolve a.yaml:env[name=A:B] source", Resolve("a.yaml", "env[name=A:B]", "source")),
    ],
)
def test_quotes_hold_words_together_and_reasons_are_taken_as_they_are(
    line: str, command: Command
) -> None:
    assert parse_comment(line, GITHUB) == (command,)


def test_an_answer_never_leaves_its_code_span() -> None:
    (answer,) = answers("/promote `a @acme/everybody\u202e " + "x" * 100)

    assert answer.startswith("`/promote 'a @acme/everybody ")
    assert "…` has a quotation mark" in answer


def test_a_command_without_end_is_refused() -> None:
    assert answers("/hold " + "x" * (LONGEST_COMMAND + 1)) == [
        f"`/hold {'x' * 53}…` has more than {LONGEST_COMMAND} characters. Write `/hold REASON`."
    ]


def test_a_comment_with_too_many_commands_is_told_where_they_stop() -> None:
    parsed = parse_comment("/status\n" * MOST_COMMANDS + "/hold on\n" * 1000, GITHUB)

    assert parsed == (
        *[Status()] * MOST_COMMANDS,
        Unclear(
            "/hold on",
            f"I take the first {MOST_COMMANDS} commands of a comment; `/hold on` and what follows "
            "was not done. Write it in another comment.",
        ),
    )


def test_half_a_surrogate_pair_does_not_travel_on() -> None:
    assert parse_comment("/hold \udc80", GITHUB) == (Hold("?"),)


@pytest.mark.parametrize(("_line", "command"), EVERY_COMMAND)
def test_a_command_survives_the_way_through_temporal(_line: str, command: Command) -> None:
    adapter: TypeAdapter[Command | Unclear] = TypeAdapter(Command | Unclear)

    assert adapter.validate_json(adapter.dump_json(command)) == command


# Without what ends a line of a comment.
LINES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), min_size=1)
NAMES = LINES.filter(str.strip)
PATHS = LINES.filter(lambda path: path[0] != "/" and ".." not in path.split("/"))
KEYS = st.lists(LINES, min_size=1, max_size=3).map(lambda names: reduce(child, names, ""))
# What is left of a reason once it stands on one line.
REASONS = (
    st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" "))
    .map(lambda text: " ".join(text.split()))
    .filter(bool)
)
ANY_COMMAND: st.SearchStrategy[Command] = st.one_of(
    st.builds(Promote, NAMES, st.none() | REASONS),
    st.builds(Cancel, st.none() | NAMES),
    st.builds(SignOff, NAMES),
    st.builds(Reject, NAMES, REASONS),
    st.builds(Hold, REASONS),
    st.builds(Freeze, REASONS),
    st.builds(Rollback, NAMES),
    st.builds(Override, st.sampled_from(["checks", "sign_offs", "freezes"]), REASONS),
    st.builds(Keep, PATHS, st.none() | KEYS),
    st.builds(Discard, PATHS, st.none() | KEYS),
    st.builds(Resolve, PATHS, st.none() | KEYS, st.sampled_from(["source", "target"])),
    st.sampled_from([Resume(), Thaw(), Retry(), Drift(), Status(), Help()]),
)


@given(ANY_COMMAND, st.sampled_from([GITHUB, GITLAB]))
def test_what_is_written_is_read_again(command: Command, words: Words) -> None:
    assert parse_comment(write(command, words), words) == (command,)


def test_on_gitlab_whoever_is_not_understood_is_shown_the_form_that_gitlab_keeps() -> None:
    (unclear,) = parse_comment("/hold", GITLAB)
    (near,) = parse_comment("/retri", GITLAB)

    assert unclear == Unclear("/hold", "`/hold` lacks REASON. Write `/lockstep hold REASON`.")
    assert near == Unclear("/retri", "I know no `/retri`. Did you mean `/lockstep retry`?")
