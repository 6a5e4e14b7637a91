"""`lockstep check`: every error at once, of the file that is about to be committed."""

from pathlib import Path

import pytest

from tests.cli.command import CONFIGURATION, Answer, lockstep
from tests.world import World


def test_a_valid_file_on_the_default_branch_is_said_to_be(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    alone = "`qa` is carol alone: what carol writes, nobody can sign off"
    assert lockstep(capfd, "check", world.directory) == Answer(
        0, "HEAD:.lockstep.yaml is valid\n", f"lockstep: HEAD:.lockstep.yaml:8:13: {alone}\n"
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


def test_a_role_that_nobody_holds_is_an_error_at_its_place(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "sample.yaml"
    rule = 'rules:\n  - when: {paths: ["payments/**"]}\n    gates: {sign_offs: [qa, compliance]}\n'
    file.write_text(CONFIGURATION + rule)

    answer = lockstep(capfd, "check", world.directory, "--config", file)

    nobody = "nobody can sign off for `compliance`, since `roles` does not say who it is"
    assert (answer.code, answer.out) == (1, f"{file}:13:29: {nobody}\n")
    assert answer.err.startswith(f"lockstep: {file}:8:13: `qa` is carol alone")
    assert answer.err.endswith(f"lockstep: {file} has 1 error\n")


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


TESTED = """\
rules:
  - {name: money, when: {paths: ["payments/**"]}, gates: {approvals: 2}}
tests:
  - name: money needs three
    environment: production
    change: [{path: payments/card.yaml, key: limit, old: 1, new: 2}]
    expect:
      gates: {approvals: 3}
  - name: and nothing else does
    environment: production
    change: [{path: app.yaml, key: image, old: v1, new: v2}]
    expect: {rules: []}
"""


def test_a_test_that_fails_is_shown_with_what_was_expected_and_what_was_found(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "tested.yaml"
    file.write_text(CONFIGURATION + TESTED)

    answer = lockstep(capfd, "check", world.directory, "--config", file)

    assert (answer.code, answer.out) == (
        1,
        (
            f"{file}:14:5: the test `money needs three` fails\n"
            "    approvals (line 18)\n"
            "      - expected  3\n"
            "      + found     2\n"
            "        because payments/card.yaml:limit changed\n"
            "    rules that apply: money\n"
        ),
    )
    assert answer.err.endswith(f"lockstep: {file}: 1 of its 2 tests fails\n")


def test_tests_that_pass_are_counted(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "tested.yaml"
    file.write_text(CONFIGURATION + TESTED.replace("approvals: 3", "approvals: 2"))

    answer = lockstep(capfd, "check", world.directory, "--config", file)

    assert (answer.code, answer.out) == (0, f"{file} is valid; 2 tests pass\n")


def test_json_has_every_error_remark_and_test_with_its_place(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "tested.yaml"
    file.write_text(CONFIGURATION + TESTED)

    answer = lockstep(capfd, "check", world.directory, "--config", file, "--json")

    (checked,) = answer.document["files"]
    assert (answer.code, answer.document["valid"], checked["errors"]) == (1, False, [])
    assert [(one["line"], one["path"]) for one in checked["remarks"]] == [(8, "roles.qa")]
    assert [(one["name"], one["passed"]) for one in checked["tests"]] == [
        ("money needs three", False),
        ("and nothing else does", True),
    ]
    assert checked["tests"][0]["differences"] == [
        {"what": "approvals", "line": 18, "column": 26, "expected": "3", "actual": "2"}
    ]


ACME = """\
version: 1
environments:
  - {names: [production], gates: {approvals: 2}}
roles: {security: [sam, sue]}
tests:
  - name: production needs two everywhere
    environment: production
    change: [{path: any.yaml}]
    expect: {gates: {approvals: 2}}
"""


def test_what_asks_for_less_than_the_organisation_is_an_error(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file, policy = tmp_path / "own.yaml", tmp_path / "acme.yaml"
    policy.write_text(ACME)
    file.write_text(
        CONFIGURATION.replace("gates: {sign_offs: [qa]}", "gates: {approvals: 1}").replace(
            "roles: {", "inherit: acme/policy\nroles: {security: [mallory, max], "
        )
    )

    answer = lockstep(capfd, "check", world.directory, "--config", file, "--policy", policy)

    assert answer.code == 1
    assert answer.out == (
        f"{file}:7:57: the organisation's policy asks for 2, and 1 is less strict; a repository "
        "may only ask for more, so leave it out\n"
        f"{file}:9:9: the organisation's policy says who holds it; `security` cannot be said anew "
        "here, so leave it out or take another name\n"
    )


def test_an_organisations_own_file_is_checked_and_its_tests_are_run(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    clone = tmp_path / "clone"
    world.git("clone", "--quiet", str(world.directory), str(clone))
    (clone / "lockstep-policy.yaml").write_text(
        ACME.replace("approvals: 2}}\nroles", "soak: 1}}\nroles")
    )
    broken = lockstep(capfd, "check", clone)
    (clone / "lockstep-policy.yaml").write_text(ACME)
    sound = lockstep(capfd, "check", clone)

    assert (broken.code, sound.code) == (1, 0)
    assert f"{clone}/lockstep-policy.yaml:3:41: `1` needs a unit" in broken.out
    assert f"{clone}/lockstep-policy.yaml is valid; 1 test passes\n" in sound.out


def test_what_is_inherited_and_not_looked_at_is_said(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "own.yaml"
    rule = "rules: [{when: {paths: [a]}, bundles: [sox], gates: {sign_offs: [security]}}]\n"
    file.write_text(CONFIGURATION + "inherit: acme/policy\n" + rule)

    answer = lockstep(capfd, "check", world.directory, "--config", file)

    assert (answer.code, answer.out) == (0, f"{file} is valid\n")
    assert "nobody can sign off for `security`" in answer.err
    assert answer.err.endswith(
        f"lockstep: {file} inherits from acme/policy, which is not looked at; `--policy FILE` "
        "reads its policy\n"
    )


def test_a_policy_that_inherits_from_itself_is_a_circle(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    clone, other = tmp_path / "clone", tmp_path / "other.yaml"
    world.git("clone", "--quiet", str(world.directory), str(clone))
    config = clone / ".git" / "config"
    address = "git@forge.example:acme/policy.git"
    config.write_text(config.read_text().replace(str(world.directory), address))
    file = clone / "lockstep-policy.yaml"
    circle = "policies inherit in a circle: this is acme/policy"

    file.write_text("version: 1\ninherit: acme/policy\n")
    itself = lockstep(capfd, "check", clone)
    file.write_text("version: 1\ninherit: acme/other\n")
    other.write_text("version: 1\ninherit: acme/policy\n")
    through = lockstep(capfd, "check", clone, "--policy", other)
    other.write_text("version: 1\n")
    none = lockstep(capfd, "check", clone, "--policy", other)

    assert f"{file}:2:10: {circle}" in itself.out
    assert f"{file}:2:10: {circle}" in through.out
    assert (itself.code, through.code, none.code) == (1, 1, 0)
