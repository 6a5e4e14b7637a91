"""Which lines of a comment count: those that its author says, as the forges show them."""

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.decisions.commands import Hold, Resume, Status, Unclear, parse_comment
from bot.decisions.comments import LONGEST_COMMENT
from bot.words import GITHUB


@pytest.mark.parametrize(
    "text",
    [
        "```\n{}\n```",
        "~~~ sh\n{}\n~~~",
        "````\n```\n{}\n```\n````",
        "```\n~~~\n{}\n```",
        "```\n{}",
        "   ```\n{}\n   ```",
        "```\n```not the end\n{}\n```",
        "- ```\n  {}\n  ```",
        "1. first\n\n   ```\n   {}\n\n   {}\n   ```",
        "10. ```\n    {}\n    ```",
        "    {}",
        "\t{}",
        "  \t{}",
        "> {}",
        ">{}",
        "  > > {}",
        ">>>\n{}\n>>>",
        "<!-- {} -->",
        "<!--\n{}\n-->",
        "<!--\n\n{}",
        "text <!-- hidden\n{}\n-->",
        "<!-- a --> <!--\n{}\n-->",
        "<!--\n--> <!--\n{}\n-->",
        "<pre>\n{}\n</pre>",
        "<PRE class=x>\n\n{}",
        "<blockquote>\n\n{}\n\n</blockquote>",
    ],
)
def test_code_quotations_and_hidden_text_command_nothing(text: str) -> None:
    assert parse_comment(text.replace("{}", "/hold on"), GITHUB) == ()


@pytest.mark.parametrize(
    "before",
    [
        "```\ncode\n```\n",
        "~~~\n```\n~~~\n",
        "````\n```\n````  \n",
        "``` not a fence ```\n",
        "- ```\n  code\n  ```\n",
        "- ```\n  code left open\n",
        "> quoted\n\n",
        "> \n",
        "> quoted\n```\ncode\n```\n",
        ">>>\nquoted\n>>>\n",
        "<!-- hidden -->\n",
        "<!--\nhidden\n-->\n",
        "text <!-- never closed\n\n",
        "<pre>code</pre>\n",
        "<preface>\n",
        "    code\n",
        "a paragraph\n",
    ],
)
def test_what_follows_code_quotations_and_hidden_text_counts(before: str) -> None:
    assert parse_comment(before + "/hold on", GITHUB) == (Hold("on"),)


def test_a_command_right_below_a_quotation_is_not_done_but_answered() -> None:
    assert parse_comment("> please do\n/promote staging", GITHUB) == (
        Unclear(
            "/promote staging",
            "`/promote staging` belongs to the quotation above it, so I left it alone. "
            "Put an empty line between the two.",
        ),
    )


def test_a_line_that_the_limit_of_a_comment_cuts_is_left_out() -> None:
    padding = "x" * (LONGEST_COMMENT - len("/status\n/reject qa no\n")) + "\n"

    assert parse_comment("/status\n" + padding + "/reject qa nobody has looked", GITHUB) == (
        Status(),
    )


# Pieces that a scanner could stumble over, so that random comments are nasty ones.
NASTY = "\n|\r\n|/hold on|/promote|/lockstep |```|~~~|>|>>>|<!--|-->|<pre>|</pre>|- |1. |    |\t"
COMMENTS = st.lists(
    st.sampled_from([*NASTY.split("|"), *"\"'`\\/: "]) | st.text(max_size=8),
    max_size=40,
).map("".join)


@given(COMMENTS)
def test_no_comment_raises_and_every_answer_is_one_short_line(text: str) -> None:
    for each in parse_comment(text, GITHUB):
        if isinstance(each, Unclear):
            assert each.answer.isprintable()
            assert len(each.answer) < 400


@given(COMMENTS)
def test_nothing_in_a_fence_is_a_command(text: str) -> None:
    fence = "`" * (text.count("`") + 3)

    assert parse_comment(f"{fence}\n{text}\n{fence}\n/resume", GITHUB) == (Resume(),)


@given(COMMENTS)
def test_nothing_quoted_is_a_command(text: str) -> None:
    quoted = "".join("> " + line + "\n" for line in text.replace("\r", "\n").split("\n"))

    assert parse_comment(f"{quoted}\n/resume", GITHUB) == (Resume(),)


@pytest.mark.parametrize(
    "piece",
    [
        "/statusx\n",
        "> a\n/hold\n",
        "- ",
        "`",
        "~~~\n",
        "<!--",
        "<!-- -->\n",
        "1. ",
        '/keep "\\',
        " >",
    ],
)
def test_the_largest_comment_takes_no_time(piece: str) -> None:
    text = (piece * LONGEST_COMMENT)[: LONGEST_COMMENT * 2]
    before = process_time()

    parse_comment("/hold " + text, GITHUB)
    parse_comment(text, GITHUB)

    assert process_time() - before < 2
