"""What the bot says: every word of others is data, every secret hidden, everything fits."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import markdown
from bot.decisions.commands import USAGES
from bot.decisions.verdicts import Closed, Failed, GateResult, Open
from bot.engine.candidate import Plan
from bot.engine.drift import Comparison, FileComparison
from bot.messages import description, drift, replies, tables, usage
from bot.model import ABSENT, Change, Commit, Head, State, Value
from bot.words import GITHUB

SOURCE = Head("development", "develop", "a" * 40)
TARGET = Head("staging", "staging", "b" * 40)


def commit(subject: str = "Change it", author: str = "Ada") -> Commit:
    return Commit("c" * 40, author, "ada@example.com", "2026-01-05T09:00:00+01:00", subject)


def change(
    path: str = "app.yaml",
    key: str | None = "image",
    source: object = "v2",
    target: object = "v1",
    state: State = State.PENDING,
    note: str = "",
    author: str = "Ada",
) -> Change:
    def value(data: object) -> Value:
        return ABSENT if data is None else Value(repr(data), data)

    commits = (commit(author=author),)
    return Change(path, key, state, value(source), value(target), ABSENT, commits, note)


def comparison(*changes: Change) -> Comparison:
    files = tuple(FileComparison(c.path, None, None, changes=(c,)) for c in changes)
    return Comparison(SOURCE, TARGET, files)


def plan(*promoted: Change, held_back: tuple[Change, ...] = (), subject: str = "Change it") -> Plan:
    return Plan(comparison(*promoted), None, promoted, held_back, (commit(subject),))


# What others wrote is data

HOSTILE = [
    "@everyone look",
    "fixes #12 and acme/shop#3, acme/shop!4, GH-5",
    "![x](https://evil.example/pixel.png)",
    "<img src=x onerror=alert(1)><!-- lockstep: drift -->",
    "a `tick` and ``two`` and `an odd one",
    "one | two || three \\| four",
    "{{ config }} ${{ secrets.TOKEN }} {% raw %}",
    "line\nbreak\r\n/promote production\n# heading",
    "https://evil.example www.evil.example",
    "~~x~~ **y** __z__ [l](u) $x^2$",
    "\u202eevil\u202c \x1b[31m\0",
]
# What a forge would act on, in text that is not code.
LIVE = re.compile(r"@\w|(?<!&)#\d|!\d|https?://|www\.|GH-\d|(?<!\\)<|^\s*/\w|^\s*#", re.MULTILINE)
CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)|<code>.*?</code>")


def without_code(text: str) -> str:
    return CODE.sub("", text)


@pytest.mark.parametrize("text", HOSTILE)
def test_plain_text_notifies_nobody_links_nowhere_and_formats_nothing(text: str) -> None:
    said = markdown.plain(text)

    assert not LIVE.search(said)
    assert "\n" not in said
    assert not re.search(r"(?<!\\)[*`_\[\]<>|~$]", said)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_sentence_keeps_our_code_and_defuses_what_people_typed(text: str) -> None:
    said = markdown.sentence(f"held by ada: {text}; `/resume` lets it go on")

    assert not LIVE.search(without_code(said))
    assert "`/resume`" in said or "`" in text


@pytest.mark.parametrize("text", HOSTILE)
def test_a_description_is_not_broken_by_paths_values_authors_or_subjects(text: str) -> None:
    hostile = change(path=text, key=text, source=text, target=text, note=text, author=text)
    shut = GateResult("sign_offs", Closed(f"rejected by ada for qa: {text}"))

    said = description.body(plan(hostile, subject=text), [shut], f"waiting: {text}", GITHUB)

    ours = {"details", "summary", "sub"}
    tags = set(re.findall(r"(?<!\\)</?(\w+)", without_code(said)))
    assert tags <= ours
    assert not re.search(r"@\w|(?<!#)#\d|https?://|www\.|(?<!\\)<!--", without_code(said))
    rows = [line for line in said.splitlines() if line.startswith("|")]
    widths = {len(re.findall(r"(?<!\\)\|", line)) for line in rows}
    assert widths <= {4, 5}


@given(st.text(max_size=60))
def test_code_shows_exactly_one_line_and_ends_where_it_began(text: str) -> None:
    said = markdown.code(text)

    fence = re.match("`+", said)
    assert fence is not None
    assert "\n" not in said
    inner = said[len(fence[0]) : -len(fence[0])]
    assert fence[0] not in re.findall("`+", inner)


@given(st.text(max_size=60))
def test_a_cell_never_ends_its_row(text: str) -> None:
    said = markdown.cell(text)

    assert "\n" not in said
    assert "|" not in said


# Secrets


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("database.password", "hunter2"),
        ("dbPassword", "hunter2"),
        ("smtp.api_key", "abc"),
        ("AWS_SECRET_ACCESS_KEY", "abc"),
        ("auth.token", "abc"),
        ("private-key", "abc"),
        ("anything", "ghp_0123456789abcdefghij"),
        ("url", "postgres://user:hunter2@db/app"),
        ("pem", "-----BEGIN RSA PRIVATE KEY-----"),
        ("settings", {"db": {"password": "hunter2"}}),
        ("settings", [{"token": "hunter2"}]),
    ],
)
def test_what_looks_like_a_secret_is_hidden(key: str, value: object) -> None:
    assert markdown.value(Value("x", value), key) == "*hidden*"


@pytest.mark.parametrize("key", ["tokenizer", "author", "passport", "secretary", "image"])
def test_what_only_sounds_alike_is_shown(key: str) -> None:
    assert markdown.value(Value("x", "v1"), key) == "`v1`"


def test_a_value_is_short_an_absent_one_says_so_and_a_file_is_named_by_its_blob() -> None:
    long = markdown.value(Value("x", "y" * 500), "key")

    assert len(long) < 90
    assert markdown.value(ABSENT, "key") == "*absent*"
    blob = Value("x", {"blob": "e" * 40, "mode": "100644"})
    assert markdown.value(blob, None) == "`eeeeeeeeee (100644)`"
    assert markdown.value(Value("x", 150), "key") == "`150`"
    assert markdown.value(Value("x", True), "key") == "`true`"
    assert markdown.value(Value("x", None), "key") == "`null`"


# What is said


def test_a_description_says_the_wait_the_gates_the_changes_and_what_is_held_back() -> None:
    drifted = change(key="replicas", source=1, target=5, state=State.DRIFT)
    gates = [
        GateResult("checks", Open("ci/test succeeded")),
        GateResult("sign_offs", Closed("waiting for sign-off by qa")),
        GateResult("approvals", Failed("nobody can")),
    ]

    said = description.body(
        plan(change(), held_back=(drifted,), subject="Ship it (#41)"),
        gates,
        "waiting for sign-off by qa",
        GITHUB,
    )

    assert said.startswith("**waiting for sign-off by qa**\n\n| gate | state | why |")
    assert "| checks | ✅ open | ci/test succeeded |" in said
    assert "| sign_offs | ⏳ closed | waiting for sign-off by qa |" in said
    assert "| approvals | ❌ failed | nobody can |" in said
    assert "| `image` | `v1` | `v2` | Ada |" in said
    assert "Included pull requests: #41" in said
    assert "**drift**: changed in staging alone; it is left as it is" in said
    assert "- `/sign-off ROLE`" in said


def test_one_that_has_ended_takes_no_commands() -> None:
    said = description.body(plan(change()), [], "it is in staging", GITHUB, open_=False)

    assert "/sign-off" not in said


def test_a_description_fits_whatever_is_promoted() -> None:
    many = [change(path=f"{'x' * 200}/{n}.yaml", source="y" * 200) for n in range(2000)]

    said = description.body(plan(*many), [], "waiting", GITHUB)

    assert len(said) <= 65_000
    assert "2000 changes" in said


def test_a_change_of_a_whole_file_and_of_a_whole_document_are_named() -> None:
    table = tables.changes_table([change(key=None), change(key="")], "development", "staging")

    assert "| *the file* |" in table
    assert "`(the document)`" in table


def test_the_drift_issue_says_who_brings_it_home_and_how_to_choose() -> None:
    drifted = change(state=State.DRIFT)
    conflict = change(key="log", state=State.CONFLICT)

    said = drift.drift_body([comparison(drifted, conflict)], {"staging": 9}, GITHUB)

    assert "### development → staging" in said
    assert "#9 brings them home" in said
    assert "`/resolve PATH[:KEY] source|target`" in said
    assert drift.drift_title([comparison(drifted)]) == "Drift: development → staging"


def test_drift_that_is_home_already_needs_nobody() -> None:
    said = drift.drift_body([comparison(change(state=State.DRIFT))], {"staging": None}, GITHUB)

    assert "The first environment has them already" in said


def test_a_configuration_that_does_not_load_is_said_with_its_place() -> None:
    said = drift.drift_body([], {}, GITHUB, ".lockstep.yaml:3:5: unknown key `enviroments` <b>")

    assert ".lockstep.yaml:3:5: unknown key `enviroments` \\<b\\>" in said


def test_a_reply_is_for_whoever_asked() -> None:
    assert replies.reply("ada", ["One.", "Two."]) == "@ada One.\n\nTwo."


def test_a_title_counts() -> None:
    assert description.title(plan(change())) == "Promote development to staging: 1 change"
    assert description.title(plan(change(), change(key="b"))).endswith("2 changes")


def test_the_overview_names_each_hop_and_its_promotion() -> None:
    said = drift.overview([comparison(change())], {"staging": None}, GITHUB)

    assert said.splitlines()[-1] == "| development | staging | pending | 1 | 0 | 0 | opening |"


def test_every_command_is_offered_with_what_it_does() -> None:
    said = usage.help_text(GITHUB)

    offered = [line.split("`")[1] for line in said.splitlines() if line.startswith("- `/")]
    assert offered == list(USAGES)


def test_a_promotion_offers_the_commands_that_are_for_it() -> None:
    said = description.body(plan(change()), [], "waiting", GITHUB)

    assert "- `/hold REASON`: " in said
    assert "/rollback" not in said
    assert "/discard" not in said


def test_what_moves_is_told_from_what_is_only_compared() -> None:
    moved = tables.changes_table([change()], "development", "staging", move=True)
    compared = tables.changes_table([change()], "development", "staging")

    assert moved.startswith("| key | old: staging | new: development | changed by |")
    assert compared.startswith("| key | staging | development | changed by |")


def test_an_environment_that_is_misspelled_is_answered_with_the_nearest() -> None:
    said = replies.no_environment("prodction", ["staging", "production"])

    assert said == (
        "There is no environment `prodction` to promote into; there are `staging`, `production`; "
        "did you mean `production`?"
    )


def test_a_problem_that_ends_in_a_question_has_no_full_stop_behind_it() -> None:
    said = drift.broken("a.yaml:1:1: unknown key `promot`; did you mean `promote`?")

    assert "did you mean `promote`? Mend it" in said


def test_what_is_held_back_is_counted_by_its_reason_before_it_is_unfolded() -> None:
    hotfix = change(key="log", state=State.DRIFT)
    own = [change(key=f"host{n}", state=State.KEPT) for n in range(2)]

    said = description.body(plan(change(), held_back=(*own, hotfix)), [], "waiting", GITHUB)

    assert "<summary>Held back: 1 drift, 2 kept</summary>" in said


def test_a_missing_sign_off_is_asked_for_with_the_comment_that_gives_it() -> None:
    missing = [GateResult("sign_offs", Closed("waiting for sign-off by qa"))]
    given = [GateResult("sign_offs", Open("signed off by ada for qa"))]
    asked = "agrees by the comment `/sign-off ROLE`"

    assert asked in description.body(plan(change()), missing, "waiting", GITHUB)
    assert asked not in description.body(plan(change()), given, "waiting", GITHUB)
    assert asked not in description.body(
        plan(change()), missing, "merged by hand", GITHUB, open_=False
    )


def test_where_a_conflict_leaves_nothing_to_promote_it_is_in_sight_and_no_empty_table_is() -> None:
    blocked = plan(held_back=(change(state=State.CONFLICT),))

    said = description.body(blocked, [], "conflict at app.yaml:image", GITHUB)

    assert description.title(blocked) == "Promote development to staging"
    assert "<details open><summary>Held back: 1 conflict</summary>" in said
    assert "changes" not in said
    assert "old: " not in said
