"""`lockstep plan`: the candidate, what is held back and why, the gates, and writing the commit."""

from pathlib import Path

import pytest

from tests.cli.command import CONFIGURATION, lockstep
from tests.world import World


def test_nothing_to_promote_exits_with_0_and_has_no_candidate(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    world.edit("staging", "app.yaml", "level: info", "level: debug")

    answer = lockstep(capfd, "plan", "staging", world.directory, "--json")

    document = answer.document
    assert (answer.code, document["candidate"], document["promoted"]) == (0, None, [])
    assert [change["state"] for change in document["held_back"]] == ["drift"]


def test_something_to_promote_exits_with_2_and_says_what_and_what_not(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    commit = world.edit("development", "app.yaml", "image: v1", "image: v2", "Image v2 (#7)")
    world.edit("staging", "app.yaml", "limit: 10", "limit: 15")

    answer = lockstep(capfd, "plan", "staging", world.directory)

    assert answer.code == 2
    lines = [line.rstrip() for line in answer.out.splitlines()]
    assert lines[0] == "development → staging  drift"
    assert lines[2].startswith("The candidate is ")
    assert "  image pending v2          v1      Ada 2026-01-05 " + commit[:7] in lines
    assert "drift: the target's own since both last agreed; the promotion leaves it alone" in lines
    assert f"  {commit[:10]} 2026-01-05 Ada: Image v2 (#7)" in lines
    assert "  checks closed needs ci/test to succeed on the candidate" in lines


def test_a_conflict_exits_with_3_and_has_no_candidate(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.edit("staging", "app.yaml", "image: v1", "image: v3")
    world.edit("development", "app.yaml", "level: info", "level: warn")

    answer = lockstep(capfd, "plan", "staging", world.directory, "--json")

    document = answer.document
    assert (answer.code, document["state"], document["candidate"]) == (3, "conflict", None)
    assert [change["key"] for change in document["held_back"]] == ["image"]


def test_the_candidate_that_json_shows_is_the_commit_that_is_written(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    world.edit("development", "app.yaml", "image: v1", "image: v2")

    answer = lockstep(
        capfd, "plan", "staging", world.directory, "--json", "--commit-to", "refs/lockstep/try"
    )

    candidate = answer.document["candidate"]
    assert world.git("rev-parse", "refs/lockstep/try").decode().strip() == candidate["sha"]
    assert candidate["parents"] == [world.sha("staging"), world.sha("development")]
    assert world.git("log", "-1", "--format=%T%n%B", candidate["sha"]).decode().strip() == (
        f"{candidate['tree']}\n{candidate['message'].strip()}"
    )
    assert f"refs/lockstep/try is now at the candidate {candidate['sha']}" in answer.err
    world.git("fsck", "--strict")


def test_a_plan_that_is_only_looked_at_writes_nothing(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.edit("staging", "app.yaml", "level: info", "level: debug")
    before = world.object_count()

    lockstep(capfd, "plan", "staging", world.directory)

    assert world.object_count() == before


def test_a_branch_name_is_enough_of_a_ref(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    world.edit("development", "app.yaml", "image: v1", "image: v2")

    lockstep(capfd, "plan", "staging", world.directory, "--commit-to", "candidate")

    assert world.text("candidate", "app.yaml") == world.text("development", "app.yaml")


@pytest.mark.parametrize(
    ("ref", "said"),
    [
        ("main", "main is the branch of `production`, and this candidate is for `staging`"),
        ("no..ref", "no..ref"),
        ("--help", "refs/heads/--help is now at"),
    ],
)
def test_refs_are_data(
    ref: str, said: str, world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    world.edit("development", "app.yaml", "image: v1", "image: v2")

    answer = lockstep(capfd, "plan", "staging", world.directory, f"--commit-to={ref}")

    assert said in answer.err


def test_a_branch_that_another_work_tree_has_checked_out_is_not_moved(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    before = world.sha("staging")
    world.git("worktree", "add", "--quiet", str(tmp_path / "beside"), "staging")

    answer = lockstep(capfd, "plan", "staging", world.directory, "--commit-to", "staging")

    assert (answer.code, world.sha("staging")) == (1, before)
    assert answer.err.startswith("lockstep: staging is checked out")


def test_the_first_environment_has_nothing_promoted_into_it(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = lockstep(capfd, "plan", "development", world.directory)

    assert (answer.code, answer.err) == (
        1,
        "lockstep: `development` is where changes begin: nothing is promoted into it\n",
    )


def test_a_rule_that_matches_the_content_adds_its_gates(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    rules = 'rules:\n  - {when: {paths: ["payments/**"]}, gates: {approvals: 2}}\n'
    world.commit("production", {".lockstep.yaml": CONFIGURATION + rules})
    world.commit("development", {"payments/limits.yaml": "daily: 5\n"})

    answer = lockstep(capfd, "plan", "staging", world.directory, "--json")

    assert answer.document["gates"] == [
        {
            "gate": "checks",
            "state": "closed",
            "reason": "needs ci/test to succeed on the candidate",
        },
        {
            "gate": "approvals",
            "state": "closed",
            "reason": "needs the approval of 2 people who did not write the change",
            "because": ["payments/limits.yaml changed"],
        },
    ]


def test_a_squash_promotion_has_the_target_as_its_only_parent(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    squash = CONFIGURATION.replace("branch: staging", "branch: staging\n    merge: squash")
    world.commit("production", {".lockstep.yaml": squash})
    world.edit("development", "app.yaml", "image: v1", "image: v2")

    answer = lockstep(capfd, "plan", "staging", world.directory, "--json")

    assert answer.document["candidate"]["parents"] == [world.sha("staging")]


def test_a_freeze_that_the_clone_has_is_said(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.branch("lockstep/freeze", "production")
    world.commit("lockstep/freeze", {}, "Audit week", author="Olga <olga@example.com>")

    gates = lockstep(capfd, "plan", "staging", world.directory, "--json").document["gates"]

    (frozen,) = [gate for gate in gates if gate["gate"] == "freezes"]
    assert frozen["state"] == "closed"
    assert "by Olga: Audit week, until the branch `lockstep/freeze` is deleted" in frozen["reason"]


def test_what_was_rolled_back_is_held_back_and_says_by_whom(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    before, promoted = world.sha("staging"), world.promote().candidate
    assert promoted is not None
    message = (
        f"Roll back\n\nLockstep-Rollback: x\nLockstep-Rollback-Of: {promoted.sha}\n"
        "Lockstep-Rollback-By: ada\nLockstep-Environment: staging"
    )
    world.move("staging", world.store_commit(world.files(before), (promoted.sha,), message))

    answer = lockstep(capfd, "plan", "staging", world.directory)

    assert answer.code == 0
    assert "app.yaml: rolled back by ada" in answer.out
    assert "held: rolled back; held until it changes in the source" in answer.out
