"""The hooks that are printed work on a real server, harm no push, and give no secret away."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.cli.hook import post_receive_script, update_script
from bot.cli.main import Failure
from bot.pushes import SAID, UNHEARD, Pushed
from tests.cli.command import lockstep
from tests.forges.plain_world import SECRET, PlainWorld, encoded, plain_world
from tests.forges.world import CONFIG

HOOKS = Path(__file__).parents[2] / "bot" / "cli" / "hooks"
NEEDED = (
    "git",
    "awk",
    "od",
    "cat",
    "cut",
    "tr",
    "sed",
    "date",
    "mktemp",
    "rm",
    "tail",
    "ls",
    "grep",
)
MORE = ("sha256sum", "base64", "curl", "head", "uname", "sh", "dirname", "basename")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[PlainWorld]:
    with plain_world(tmp_path) as made:
        made.receiver.heard.clear()
        yield made


def told(world: PlainWorld) -> list[tuple[str, str]]:
    """Return who pushed which ref, of all that the receiver has taken."""
    return [
        (one["pusher"], update["ref"]) for one in world.receiver.heard for update in one["updates"]
    ]


def pushed(world: PlainWorld, *refs: str, user: str | None = "alice") -> str:
    """Push main to some refs; return what the server says to it."""
    done = world.run("push", "origin", *(f"main:{ref}" for ref in refs), user=user)
    assert done.returncode == 0, done.stderr
    return done.stderr.decode(errors="replace")


# What is told


def test_a_push_is_told_with_whoever_the_server_has_let_in(world: PlainWorld) -> None:
    said = pushed(world, "refs/heads/topic")

    assert "lockstep" not in said
    (document,) = world.receiver.heard
    found = Pushed.model_validate(document | {"updates": tuple(document["updates"])}, strict=False)
    assert (found.pusher, found.repository, found.head) == ("alice", CONFIG, "main")
    assert [(one.branch, one.is_new, one.new) for one in found.updates] == [
        ("topic", True, world.head("topic"))
    ]


def test_tags_and_what_is_the_bots_own_are_not_told(world: PlainWorld) -> None:
    pushed(world, "refs/tags/v1", "refs/notes/x", "refs/heads/lockstep/requests")
    pushed(world, "refs/heads/lockstep/promote/staging/123456789012", user="lockstep")

    assert world.receiver.heard == []


@pytest.mark.parametrize(
    "name",
    [
        "-d",
        "--force",
        "$(touch${IFS}owned)",
        "`touch${IFS}owned`",
        'quo"ted',
        "it's",
        "a;b&&c|d",
        "%s%n",
        "a,b}{",
        "ü/é",
    ],
)
def test_a_branch_of_any_name_is_only_a_name(world: PlainWorld, name: str) -> None:
    pushed(world, f"refs/heads/x/{name}")

    assert told(world) == [("alice", f"refs/heads/x/{name}")]
    assert not (world.bare / "owned").exists()


def test_a_branch_whose_name_is_no_text_keeps_the_others_from_nothing(world: PlainWorld) -> None:
    ref = b"refs/heads/\xff\xfe".decode("utf-8", "surrogateescape")
    pushed(world, ref, "refs/heads/topic")

    assert told(world)[-1] == ("alice", "refs/heads/topic")
    assert world.forge.permission(CONFIG, "alice") == "write"


@pytest.mark.parametrize("pusher", ['a"b', "a\\b", "$(id)", "alice smith", "ü"])
def test_a_pusher_of_any_name_is_only_a_name(world: PlainWorld, pusher: str) -> None:
    pushed(world, "refs/heads/topic", user=pusher)

    assert told(world) == [(pusher, "refs/heads/topic")]


def test_a_pusher_cannot_break_out_of_the_line(world: PlainWorld) -> None:
    pushed(world, "refs/heads/topic", user='x\n","pusher":"carol')

    assert told(world) == [('x","pusher":"carol', "refs/heads/topic")]


def test_many_branches_at_once_are_told_up_to_a_number_and_that_there_are_more(
    world: PlainWorld,
) -> None:
    pushed(world, *(f"refs/heads/many/{at}" for at in range(510)))

    (document,) = world.receiver.heard
    assert (len(document["updates"]), document["more"]) == (500, True)


def test_what_is_said_is_told_and_taken_off_the_server(world: PlainWorld) -> None:
    said = {"on": 2, "say": '/hold it\'s "late"\n/status ü'}
    world.word("bob", said)

    ((update,),) = (one["updates"] for one in world.receiver.heard)
    assert update["said"] == encoded(said)
    assert [ref for ref in world.heard() if ref.startswith(SAID)] == []


def test_what_is_said_at_too_great_length_is_left_out(world: PlainWorld) -> None:
    world.word("bob", {"on": 2, "say": "x" * 9000})

    ((update,),) = (one["updates"] for one in world.receiver.heard)
    assert "said" not in update
    assert not [ref for ref in world.heard() if ref.startswith(SAID)]


def test_the_pusher_may_stand_in_another_variable_and_no_other_counts(world: PlainWorld) -> None:
    world.install(pusher="GL_USER")

    world.git("push", "origin", "main:a", environment={"GL_USER": "carol", "REMOTE_USER": "eve"})
    said = pushed(world, "refs/heads/b", user="eve")

    assert told(world) == [("carol", "refs/heads/a"), ("", "refs/heads/b")]
    assert "does not say who has pushed" in said


# What may go wrong


def test_without_a_receiver_the_push_stands_and_is_told_with_the_next(world: PlainWorld) -> None:
    world.receiver.status = 503
    said = pushed(world, "refs/heads/one")
    assert "the bot answers 503; it hears of this with the next push" in said
    assert world.head("one") == world.head("main")

    world.receiver.status = 202
    pushed(world, "refs/heads/two")

    assert [ref for _, ref in told(world)] == ["refs/heads/two", "refs/heads/one"]
    assert not [ref for ref in world.heard() if ref.startswith(UNHEARD)]


def test_without_a_network_the_push_stands(world: PlainWorld) -> None:
    world.install(url="http://127.0.0.1:1")

    assert "the bot cannot be reached" in pushed(world, "refs/heads/one")
    assert world.head("one") == world.head("main")


def test_another_secret_is_said(world: PlainWorld) -> None:
    (world.root / "secret").write_text("another\n")

    assert "does not take this server's signature" in pushed(world, "refs/heads/one")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_secret_that_others_may_read_is_not_used(world: PlainWorld, mode: int) -> None:
    (world.root / "secret").chmod(mode)

    said = pushed(world, "refs/heads/one")

    assert "others may read it: set its mode to 600" in said
    assert world.receiver.heard == []


def test_a_secret_that_is_not_there_is_said(world: PlainWorld) -> None:
    (world.root / "secret").unlink()

    assert "cannot be read" in pushed(world, "refs/heads/one")


@pytest.mark.parametrize("secret", ["x", "k" * 64, "k" * 65, "  in spaces\n\n", "ü\\%d'\"$(id)"])
def test_any_secret_signs(tmp_path: Path, secret: str) -> None:
    with plain_world(tmp_path / "other", secret.strip()) as other:
        (other.root / "secret").write_text(secret)
        other.receiver.heard.clear()
        pushed(other, "refs/heads/one")
        assert told(other) == [("alice", "refs/heads/one")]


def path_with(root: Path, names: tuple[str, ...]) -> str:
    """Return a PATH that has these programs alone."""
    place = root / "bin"
    place.mkdir()
    for name in names:
        real = shutil.which(name)
        assert real is not None, name
        (place / name).symlink_to(sys.executable if name == "python3" else real)
    return str(place)


def test_no_command_line_holds_the_secret(world: PlainWorld, tmp_path: Path) -> None:
    path = path_with(tmp_path, (*NEEDED, *MORE))
    spied = Path(path)
    for name in (*NEEDED, *MORE):
        real = (spied / name).resolve()
        (spied / name).unlink()
        (spied / name).write_text(
            f'#!/bin/sh\nprintf "%s\\n" "$0 $*" >>{tmp_path}/seen\nexec {real} "$@"\n'
        )
        (spied / name).chmod(0o755)

    world.environment["PATH"] = path
    pushed(world, "refs/heads/one")

    seen = (tmp_path / "seen").read_text()
    assert told(world) == [("alice", "refs/heads/one")]
    assert "/curl " in seen
    assert SECRET not in seen
    assert SECRET.encode().hex() not in seen


@pytest.mark.parametrize(
    "instead",
    [("sha256sum", "base64", "python3"), ("openssl", "curl"), ("shasum", "openssl", "curl")],
)
def test_what_a_server_lacks_something_else_does(
    world: PlainWorld, tmp_path: Path, instead: tuple[str, ...]
) -> None:
    if any(shutil.which(name) is None for name in instead):
        pytest.skip(f"one of {instead} is not installed")
    world.environment["PATH"] = path_with(tmp_path, (*NEEDED, *instead))

    pushed(world, "refs/heads/one")

    assert told(world) == [("alice", "refs/heads/one")]


# What is printed


def test_settings_stand_in_the_script_as_they_are(capfd: pytest.CaptureFixture[str]) -> None:
    answer = lockstep(
        capfd,
        *("hook", "post-receive", "--url", "https://bot.example.com/", "--seconds", "3"),
        *("--repository", "acme/it", "--secret-file", "/etc/it's $(here)", "--bot", "robot"),
    )

    assert answer.code == 0
    assert "url=https://bot.example.com/webhooks/git\n" in answer.out
    assert "secret_file='/etc/it'\"'\"'s $(here)'\n" in answer.out
    assert "\nbot=robot\n" in answer.out
    assert "\nseconds=3\n" in answer.out


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"url": "bot.example.com"}, "is not the URL"),
        ({"url": "file:///etc/passwd"}, "is not the URL"),
        ({"repository": "shop"}, "is not OWNER/NAME"),
        ({"repository": "acme/../x"}, "is not OWNER/NAME"),
        ({"repository": "acme/$(id)"}, "is not OWNER/NAME"),
        ({"secret_file": "secret"}, "full path"),
        ({"pusher": "A B"}, "neither"),
        ({"pusher": "1;id"}, "neither"),
    ],
)
def test_a_hook_that_could_not_work_is_not_printed(wrong: dict[str, Any], said: str) -> None:
    right = {"url": "https://bot", "repository": "acme/shop", "secret_file": "/etc/secret"}

    with pytest.raises(Failure, match=said):
        post_receive_script(**{**right, **wrong})


def test_an_update_hook_without_a_bot_is_not_printed() -> None:
    with pytest.raises(Failure, match="needs a name"):
        update_script(bot="")


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
@pytest.mark.parametrize("script", [path.name for path in HOOKS.iterdir()])
def test_shellcheck_finds_nothing_in_the_scripts(script: str) -> None:
    done = subprocess.run(
        ["shellcheck", str(HOOKS / script)], capture_output=True, text=True, check=False
    )

    assert done.stdout == ""
