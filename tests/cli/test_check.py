"""`lockstep check`: every error at once, of the file that is about to be committed."""

from pathlib import Path

import pytest

from tests.cli.command import CONFIGURATION, Answer, lockstep
from tests.world import World


def test_a_valid_file_on_the_default_branch_is_said_to_be(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    assert lockstep(capfd, "check", world.directory) == Answer(
        0, "HEAD:.lockstep.yaml is valid\n", ""
    )


def test_every_error_is_printed_with_line_and_column(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(
        "version: 1\nenvironments:\n  - {name: a, branch: a}\n"
        "  - {name: b, branch: b, form: a, gates: {soak: 2 days}}\n"
    )

    answer = lockstep(capfd, "check", world.directory, "--config", file)

    places = [line.split(": ")[0] for line in answer.out.splitlines()]
    assert answer.code == 1
    assert places == [f"{file}:4:26", f"{file}:4:49"]
    assert "did you mean `from`?" in answer.out
    assert "did you mean `2d`?" in answer.out
    assert answer.err == f"lockstep: {file} has 2 errors\n"


def test_a_role_that_nobody_holds_is_remarked_on_and_no_error(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "sample.yaml"
    rule = 'rules:\n  - when: {paths: ["payments/**"]}\n    gates: {sign_offs: [qa, compliance]}\n'
    file.write_text(CONFIGURATION + rule)

    answer = lockstep(capfd, "check", world.directory, "--config", file)

    assert (answer.code, answer.out) == (0, f"{file} is valid\n")
    assert "nobody can sign off for `compliance`" in answer.err


def test_the_work_tree_is_checked_and_what_is_in_force_is_named(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    clone = tmp_path / "clone"
    world.git("clone", "--quiet", str(world.directory), str(clone))
    edited = clone / ".lockstep.yaml"
    edited.write_text(CONFIGURATION + "back_merge: report\n")

    answer = lockstep(capfd, "check", clone)

    assert (answer.code, answer.out) == (0, f"{edited} is valid\n")
    assert "origin/HEAD:.lockstep.yaml differs" in answer.err


def test_an_environment_whose_branch_is_not_in_the_clone_is_said_and_no_error(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    world.git("update-ref", "-d", "refs/heads/develop")

    answer = lockstep(capfd, "check", world.directory)

    assert answer.code == 0
    assert "`development` is at branch `develop`, which is not in this clone" in answer.err


def test_no_file_at_all_is_an_error_that_names_init(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with World.new(tmp_path / "bare.git") as bare:
        bare.begin({"a.txt": "a"})
        answer = lockstep(capfd, "check", bare.directory)

    assert (answer.code, answer.out) == (1, "")
    assert "`lockstep init` proposes one" in answer.err


def test_a_file_that_is_not_utf8_is_said_with_its_line(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "latin.yaml"
    file.write_bytes(b"version: 1\n# caf\xe9\n")

    answer = lockstep(capfd, "check", world.directory, "--config", file)

    assert (answer.code, answer.err) == (1, f"lockstep: {file}:2: not UTF-8\n")


def test_a_clone_of_one_commit_such_as_ci_has_can_be_checked(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    world.edit("production", "app.yaml", "image: v1", "image: v2")
    clone = tmp_path / "clone"
    world.git("clone", "--quiet", "--depth=1", f"file://{world.directory}", str(clone))

    answer = lockstep(capfd, "check", clone)

    assert (answer.code, answer.out) == (0, f"{clone}/.lockstep.yaml is valid\n")
