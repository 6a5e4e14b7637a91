"""Every command ends with a line for people and an exit code for scripts, never a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import Answer, lockstep
from tests.world import World


def test_help_lists_every_command_without_importing_one(capfd: pytest.CaptureFixture[str]) -> None:
    answer = lockstep(capfd, "--help")

    assert answer.code == 0
    assert all(name in answer.out for name in ("check", "drift", "init", "plan"))


def test_an_unknown_command_is_an_error_with_the_nearest_one(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert lockstep(capfd, "dirft") == Answer(
        1, "", "lockstep: there is no command `dirft`; did you mean `drift`?\n"
    )


def test_wrong_usage_exits_with_1_and_says_where_help_is(
    capfd: pytest.CaptureFixture[str],
) -> None:
    answer = lockstep(capfd, "drift", "--jsn")

    assert answer.code == 1
    assert "--jsn" in answer.err
    assert "`lockstep drift --help` shows how" in answer.err


@pytest.mark.parametrize("command", [["drift"], ["plan", "staging"], ["check"]])
def test_a_path_that_is_no_repository_is_said_in_one_line(
    command: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = lockstep(capfd, *command, tmp_path)

    assert (answer.code, answer.out) == (1, "")
    assert answer.err == (
        f"lockstep: {tmp_path} is not a git repository; give the path of a clone\n"
    )


def test_a_path_that_is_not_there_is_said_in_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = lockstep(capfd, "drift", tmp_path / "nowhere")

    assert (answer.code, answer.err) == (1, f"lockstep: {tmp_path}/nowhere is not a directory\n")


def test_a_shallow_clone_is_refused_with_the_command_that_deepens_it(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    world.edit("development", "app.yaml", "v1", "v2")
    shallow = tmp_path / "shallow"
    world.git(
        "clone",
        "--quiet",
        "--depth=1",
        "--no-single-branch",
        f"file://{world.directory}",
        str(shallow),
    )

    answer = lockstep(capfd, "drift", shallow)

    assert (answer.code, answer.out) == (1, "")
    assert "run `git fetch --unshallow` in it" in answer.err
    assert answer.err.count("\n") == 1


def test_a_damaged_repository_is_said_in_one_line(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    world.edit("development", "app.yaml", "v1", "v2")
    blob = world.files(world.sha("development"))["app.yaml"][1]
    world.object_path(blob).unlink()

    answer = lockstep(capfd, "drift", world.directory)

    assert (answer.code, answer.out) == (1, "")
    assert answer.err == f"lockstep: the object {blob} is missing; `git fsck` tells more\n"


def test_a_hooks_own_repository_does_not_take_the_place_of_the_one_that_was_named(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    world.edit("development", "app.yaml", "v1", "v2")
    with World.new(tmp_path / "other.git"):
        monkeypatch.setenv("GIT_DIR", str(tmp_path / "other.git"))

        answer = lockstep(capfd, "drift", world.directory, "--json")

    assert (answer.code, answer.document["repository"]) == (2, str(world.directory))


def test_a_repository_without_a_commit_is_said_in_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with World.new(tmp_path / "empty.git") as empty:
        answer = lockstep(capfd, "drift", empty.directory)

    assert (answer.code, answer.err) == (1, "lockstep: the repository has no commit yet\n")


def test_a_reader_that_leaves_early_leaves_no_traceback(world: World) -> None:
    for number in range(200):
        world.commit("development", {f"f{number}.txt": "x"})
    script = "import sys; from bot.cli.main import main; sys.exit(main(['drift', sys.argv[1]]))"

    with subprocess.Popen(
        [sys.executable, "-c", script, str(world.directory)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        complaint = process.stderr.read()
        process.wait(timeout=60)

    assert (process.returncode, complaint) == (1, b"")


def _run(world: World, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run `lockstep drift` as a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", "from bot.cli.main import run; run()", "drift", world.directory],
        env=os.environ | environment,
        capture_output=True,
        check=False,
    )


def test_where_git_is_missing_that_is_what_is_said(world: World, tmp_path: Path) -> None:
    answer = _run(world, PATH=str(tmp_path))

    assert (answer.returncode, answer.stderr) == (
        1,
        b"lockstep: git is not installed, or not on the PATH\n",
    )


def test_a_terminal_that_is_not_utf8_still_gets_its_report(world: World) -> None:
    world.commit("development", {"app.yaml": "name: J\u00fcrgen\n"})

    answer = _run(world, PYTHONIOENCODING="ascii", PYTHONUTF8="0")

    assert (answer.returncode, answer.stderr) == (2, b"")
    assert b"in-sync" in answer.stdout


def test_a_branch_whose_commit_is_gone_is_said_to_be_damaged(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.object_path(world.sha("development")).unlink()

    answer = lockstep(capfd, "drift", world.directory)

    assert answer == Answer(
        1,
        "",
        "lockstep: refs/heads/develop leads to an object that cannot be read; "
        "`git fsck` tells more\n",
    )
