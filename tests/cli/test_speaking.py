"""People speak from their clones: what is pushed is theirs, and what nobody hears is said."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.decisions.facts import Check
from tests.cli.command import Answer, lockstep
from tests.forges.plain_world import PlainWorld, plain_world
from tests.forges.world import CONFIG, ME

Speak = Callable[..., Answer]
PROMOTION = "lockstep/promote/production/0123456789ab"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[PlainWorld]:
    with plain_world(tmp_path) as made:
        yield made


@pytest.fixture
def speak(
    world: PlainWorld, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Speak:
    """Run a command in the clone, as somebody."""

    def run(person: str, *arguments: str) -> Answer:
        with monkeypatch.context() as patched:
            for name, value in world.environment.items():
                patched.setenv(name, value)
            patched.setenv("REMOTE_USER", person)
            patched.chdir(world.clone)
            return lockstep(capfd, *arguments)

    return run


def promotion(world: PlainWorld, branch: str = PROMOTION) -> int:
    """Open a promotion of the bot's."""
    world.push(branch, "new\n", user=ME)
    return world.forge.open_pull_request(CONFIG, branch, "main", "Promote it", "Why").number


def test_a_sign_off_goes_to_the_one_promotion_that_is_open(world: PlainWorld, speak: Speak) -> None:
    number = promotion(world)

    answer = speak("carol", "sign-off", "qa")

    assert (answer.code, answer.err) == (0, "")
    assert f"The bot has heard you about #{number}, Promote it" in answer.out
    assert world.comments(number) == [("carol", "/sign-off qa")]


@pytest.mark.parametrize("which", ["2", "#2", "production"])
def test_of_several_promotions_one_is_chosen_by_number_or_environment(
    world: PlainWorld, speak: Speak, which: str
) -> None:
    number = promotion(world)
    other = promotion(world, "lockstep/promote/staging/0123456789ab")

    refused = speak("carol", "sign-off", "qa")
    answer = speak("carol", "sign-off", "qa", "--on", which)

    assert refused.code == 1
    assert "several promotions are open; say which with `--on NUMBER`" in refused.err
    assert (answer.code, world.comments(number)) == (0, [("carol", "/sign-off qa")])
    assert world.comments(other) == []


def test_where_nothing_is_open_or_meant_that_is_said(world: PlainWorld, speak: Speak) -> None:
    assert "no promotion is open" in speak("carol", "sign-off", "qa").err
    promotion(world)
    said = speak("carol", "sign-off", "qa", "--on", "staging").err
    assert said == "lockstep: nothing that is open is `staging`; open are: #2 Promote it\n"


def test_an_approval_is_of_what_is_proposed_now(world: PlainWorld, speak: Speak) -> None:
    number = promotion(world)
    newer = world.push(PROMOTION, "newer\n", user=ME)

    assert speak("alice", "approve").code == 0
    assert speak("bob", "approve", "--changes").code == 0

    found = world.forge.reviews(CONFIG, number)
    assert [(one.person, one.state, one.sha) for one in found] == [
        ("alice", "approved", newer),
        ("bob", "changes_requested", newer),
    ]


def test_a_check_is_reported_for_what_is_checked_out_or_for_a_commit(
    world: PlainWorld, speak: Speak
) -> None:
    here = world.git("rev-parse", "HEAD")

    assert speak("ci", "report-check", "ci/test", "failure").code == 0
    assert speak("ci", "report-check", "ci/lint", "success", "--sha", "1" * 40).code == 0

    (found,) = world.forge.checks(CONFIG, here)
    assert found == Check("ci/test", here, "failure", found.at)
    assert [one.name for one in world.forge.checks(CONFIG, "1" * 40)] == ["ci/lint"]
    assert (
        "is no commit of this clone"
        in speak("ci", "report-check", "x", "success", "--sha", "--all").err
    )
    assert "is not one of" in speak("ci", "report-check", "x", "splendid").err


def test_a_command_is_said_of_the_repository_unless_a_number_is_given(
    world: PlainWorld, speak: Speak
) -> None:
    number = promotion(world)

    assert speak("dan", "say", "/promote production").code == 0
    assert speak("dan", "say", "/hold it is late", "--on", str(number)).code == 0

    assert world.comments(1) == [("dan", "/promote production")]
    assert world.comments(number) == [("dan", "/hold it is late")]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("hello", "there is no command in that"),
        ("/promot production", "Did you mean"),
        ("/status\n" + "x" * 9000, "too long"),
    ],
)
def test_what_is_no_command_is_not_even_pushed(
    world: PlainWorld, speak: Speak, text: str, why: str
) -> None:
    world.receiver.heard.clear()

    answer = speak("dan", "say", text)

    assert answer.code == 1
    assert why in answer.err
    assert world.receiver.heard == []


def test_what_no_hook_takes_is_taken_back_and_said(world: PlainWorld, speak: Speak) -> None:
    (world.bare / "hooks" / "post-receive").unlink()

    answer = speak("dan", "say", "/promote production")

    assert answer.code == 1
    assert "nobody has heard it: the server has no hook of Lockstep's" in answer.err
    assert world.heard() == []


def test_what_the_hook_says_is_shown(world: PlainWorld, speak: Speak) -> None:
    world.receiver.status = 503

    answer = speak("dan", "say", "/promote production")

    assert (answer.code, answer.out) == (0, "")
    assert answer.err.startswith("lockstep: the bot answers 503; it hears of this with the next")


def test_what_is_open_is_shown_without_what_a_terminal_would_obey(
    world: PlainWorld, speak: Speak
) -> None:
    assert speak("dan", "requests").out == "Nothing is open.\n"
    number = promotion(world)
    world.say(number, "eve", "/hold \x1b[2J now")
    world.comments(number)

    listed, shown = speak("dan", "requests").out, speak("dan", "requests", str(number)).out

    assert f"#{number}" in listed
    assert "Promote it" in listed
    assert "eve: /hold " in shown
    assert "\x1b" not in shown
    assert "there is no open #9" in speak("dan", "requests", "9").err


def test_a_place_that_is_no_clone_and_a_remote_that_is_none_are_said(
    speak: Speak, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()

    assert "is not a clone" in speak("dan", "requests", "--clone", str(empty)).err
    said = speak("dan", "requests", "--remote", "--upload-pack=touch").err
    assert "there is no remote `--upload-pack=touch` (there are `origin`)" in said
