"""Nothing that is said on GitLab speaks of GitHub's pull requests, numbers or commands."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from typing import get_args

import pytest

from bot import messages
from bot.decisions.appointments import Appointment
from bot.decisions.facts import Stop
from bot.decisions.gates import Closed, GateResult
from bot.messages import description, drift, proposals, replies, rollback, tables, usage
from bot.model import Commit, ForgeName, State
from bot.words import GITHUB, GITLAB, Words, words_for
from tests.decisions.build import NOON
from tests.test_messages import change, comparison, plan

GATES = [GateResult("sign_offs", Closed("waiting for sign-off by qa"))]
DRIFTED = change(state=State.DRIFT)
CONFLICT = change(key="log", state=State.CONFLICT)


def everything(words: Words) -> Iterator[str]:
    """Yield every text that names a pull request, its number or a command."""
    held_back = (CONFLICT, DRIFTED)
    yield description.body(plan(change(), held_back=held_back), GATES, "waiting", words)
    yield description.cancelled("eve closed it", "promote", "staging", words)
    yield drift.drift_body([comparison(DRIFTED, CONFLICT)], {"staging": 9}, words)
    yield drift.overview([comparison(change())], {"staging": 9}, words)
    yield proposals.keep_body("eve", "app.yaml", "log", words)
    yield proposals.carry_body("eve", "discard", [DRIFTED], "staging", "development", words)
    yield proposals.back_merge_body("staging", "development", [DRIFTED], [CONFLICT], words)
    yield replies.not_into_its_source("main", "staging", "development", words)
    yield replies.started("staging", "c" * 40, words)
    yield replies.conflicting(plan(held_back=(CONFLICT,)), words)
    yield replies.already_open("staging", 9, words)
    yield replies.hidden_teams(["acme/qa"], words)
    yield replies.not_here("hold", words)
    yield replies.no_difference("app.yaml", "log", words)
    yield replies.proposed("The rule is", 9, words)
    yield replies.failed("keep", words)
    yield replies.refused("keep", "no", words)
    yield usage.help_text(words)
    yield usage.usages(["hold"], words)
    yield drift.differences([comparison(DRIFTED, CONFLICT)], words)
    yield replies.frozen(Stop("eve", "audit", NOON), words, already=True)
    yield replies.frozen(Stop("eve", "audit", NOON), words, already=False)
    yield replies.nothing_planned("staging", 9, words)
    yield replies.planned("staging", Appointment(NOON, "noon"), "9:00", words)
    yield rollback.body(plan(change()), GATES, "waits", words, undone="c" * 40, by="eve")
    yield replies.held_out("staging", words)
    yield rollback.started(plan(change()), "c" * 40, words)
    yield rollback.under_way("staging", 9, words)
    yield tables.held_until("staging", "production", words)


def test_every_text_that_takes_a_forge_s_words_is_among_these() -> None:
    here = inspect.getsource(everything)
    for found in pkgutil.iter_modules(messages.__path__):
        module = importlib.import_module(f"{messages.__name__}.{found.name}")
        for name, function in inspect.getmembers(module, inspect.isfunction):
            takes = "words" in inspect.signature(function).parameters
            if takes and function.__module__ == module.__name__ and not name.startswith("_"):
                assert f"{found.name}.{name}(" in here


def test_on_gitlab_every_text_says_merge_request_and_shows_commands_that_gitlab_keeps() -> None:
    for text in everything(GITLAB):
        assert "pull request" not in text
        assert not re.search(r"(?<![&\w])#\d", text)
        assert not re.search(r"`/(?!lockstep )", text)


def test_on_github_every_text_says_pull_request_and_shows_the_short_form() -> None:
    for text in everything(GITHUB):
        assert "merge request" not in text
        assert "/lockstep " not in text


def test_texts_name_a_merge_request_by_its_own_mark() -> None:
    assert GITLAB.reference(9) == "!9"
    assert replies.proposed("The rule is", 9, GITLAB).startswith("The rule is in !9;")
    assert "a merge request follows" in replies.started("staging", "c" * 40, GITLAB)
    assert "!9 brings them home" in drift.drift_body([comparison(DRIFTED)], {"staging": 9}, GITLAB)


@pytest.mark.parametrize(
    ("subject", "body", "named"),
    [
        ("Ship it (#41)", "", ("#41",)),
        ("Ship it (!41)", "", ("!41",)),
        ("Merge pull request #7 from acme/topic", "Ship it", ("#7",)),
        ("Merge branch 'topic' into 'main'", "Ship it\n\nSee merge request acme/a/b!7", ("!7",)),
        ("Mend #7 and !8", "", ()),
    ],
)
def test_a_commit_names_pull_requests_as_its_forge_writes_them(
    subject: str, body: str, named: tuple[str, ...]
) -> None:
    assert Commit("c" * 40, "Ada", "ada@acme.example", "", subject, body).pull_requests == named


def test_what_a_promotion_includes_leaves_out_the_issues_of_gitlab() -> None:
    said = description.body(plan(change(), subject="Ship it (!41) (#12)"), [], "waiting", GITLAB)

    assert "Included merge requests: !41\n" in said


@pytest.mark.parametrize("forge", get_args(ForgeName))
def test_every_kind_of_forge_has_words(forge: ForgeName) -> None:
    words = words_for(forge)

    assert words.command("help").startswith("/")
    assert "write" in words.needs("write") or words.ranks
