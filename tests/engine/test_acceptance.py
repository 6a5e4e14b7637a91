"""Situations in which a peer that compares commits was seen to go wrong, and its own scenarios.

The first five are mistakes found by reading and emulating it; the others are scenarios that
its authors test, told again in values.
"""

from pathlib import Path

import pytest

from bot.engine.candidate import MergeMethod
from bot.model import State
from tests.world import World, kept, record, spelled

APP = "image: v1\nreplicas: 1\nlog_level: info\nregion: eu\n"


# What commit-based tools get wrong


def test_the_squash_commit_of_two_commits_is_not_reported_as_drift(world: World) -> None:
    world.begin({"app.yaml": APP, "b.yaml": "b: 1\n"})
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.edit("development", "b.yaml", "b: 1", "b: 2")
    world.squash("development", "staging")

    forward, back = world.compare(), world.compare("staging", "development")

    assert (forward.state, back.state) == (State.IN_SYNC, State.IN_SYNC)


def test_an_identical_change_next_to_an_environments_own_line_is_not_proposed_again(
    world: World,
) -> None:
    keep = kept("app.yaml:region")
    world.begin({"app.yaml": APP})
    world.edit("staging", "app.yaml", "region: eu", "region: us")
    ours = world.edit("development", "app.yaml", "log_level: info", "log_level: debug")
    theirs = world.edit("staging", "app.yaml", "log_level: info", "log_level: debug")

    assert patch_id(world, ours) != patch_id(world, theirs)
    assert world.plan(keep=keep).candidate is None
    assert world.compare(keep=keep).state is State.IN_SYNC


def test_the_promotion_after_a_squash_does_not_conflict_on_the_same_line(world: World) -> None:
    keep = kept("app.yaml:region")
    world.begin({"app.yaml": APP})
    world.edit("staging", "app.yaml", "region: eu", "region: us")
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.promote_by_forge(trailers=False, keep=keep)
    world.edit("development", "app.yaml", "image: v2", "image: v3")
    with pytest.raises(AssertionError, match="unresolved"):
        world.merge("development", "staging")  # git alone starts from the old base

    world.promote(keep=keep)

    after = APP.replace("v1", "v3").replace("eu", "us")
    assert world.text("staging", "app.yaml") == after


def test_a_change_reverted_and_made_again_is_not_lost_under_rebase(world: World) -> None:
    world.begin({"app.yaml": APP})
    first = world.edit("development", "app.yaml", "image: v1", "image: v2")
    undone = world.revert(first, "development")
    world.rebase("development", "staging")
    again = world.revert(undone, "development")

    assert patch_id(world, first) == patch_id(world, again)
    assert world.states() == ["pending app.yaml:image"]


@pytest.mark.parametrize("trailers", [True, False])
def test_a_push_that_lands_before_the_forge_squashes_is_all_that_is_proposed(
    world: World, *, trailers: bool
) -> None:
    keep = kept("app.yaml:region")
    world.begin({"app.yaml": APP})
    world.edit("staging", "app.yaml", "region: eu", "region: us")
    covered = world.edit("development", "app.yaml", "image: v1", "image: v2")
    late = world.edit("development", "app.yaml", "replicas: 1", "replicas: 2")
    squashed = APP.replace("v1", "v2").replace("eu", "us")
    trailer = "\n\n" + record(covered, "staging") if trailers else ""
    world.commit("staging", {"app.yaml": squashed}, "Promote (#7)" + trailer)

    plan = world.plan(keep=keep)

    assert [spelled(change) for change in plan.promoted] == ["pending app.yaml:replicas"]
    assert [commit.sha for commit in plan.commits] == [late]


# The peer's own scenarios


def test_the_same_patch_on_both_sides_leaves_nothing_to_promote(world: World) -> None:
    world.begin({"app.yaml": APP})
    change = world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.commit("staging", {"notes.txt": "x\n"})
    world.cherry_pick(change, "staging")

    assert world.plan().candidate is None
    assert world.states() == ["drift notes.txt"]


def test_what_an_older_promotion_covered_is_not_proposed_and_what_came_after_is(
    world: World,
) -> None:
    world.begin({"app.yaml": APP})
    covered = world.edit("development", "app.yaml", "image: v1", "image: v2")
    # A reviewer squashed less than was proposed: what the record covers is settled.
    world.commit("staging", {}, "Promote (#7)\n\n" + record(covered, "staging"))
    world.edit("development", "app.yaml", "replicas: 1", "replicas: 2")

    plan = world.plan()

    assert [spelled(change) for change in plan.promoted] == ["pending app.yaml:replicas"]
    assert [spelled(change) for change in plan.held_back] == ["drift app.yaml:image"]


def test_the_residue_of_merges_and_empty_commits_is_no_drift(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.merge("development", "staging")
    world.commit("staging", {}, "Run the pipeline again")
    world.edit("development", "app.yaml", "replicas: 1", "replicas: 2")

    assert world.states() == ["pending app.yaml:replicas"]


def test_real_drift_among_the_residue_is_counted_alone(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.merge("development", "staging")
    hotfix = world.edit("staging", "app.yaml", "log_level: info", "log_level: warning")
    world.commit("staging", {}, "Run the pipeline again")

    change = world.change()

    assert spelled(change) == "drift app.yaml:log_level"
    assert [commit.sha for commit in change.commits] == [hotfix]


def test_a_hotfix_that_came_by_a_merge_is_the_hotfixs_own_commit(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.branch("hotfix", at="production")
    hotfix = world.edit("hotfix", "app.yaml", "image: v1", "image: v1.1")
    world.commit("production", {"notes.txt": "x\n"})
    world.merge("hotfix", "production")

    changes = world.compare("staging", "production").changes

    assert [spelled(change) for change in changes] == ["drift app.yaml:image", "drift notes.txt"]
    assert [commit.sha for commit in changes[0].commits] == [hotfix]


def test_a_hotfix_brought_home_by_another_patch_leaves_nothing_to_return(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.edit("staging", "app.yaml", "image: v1", "image: v1.1")
    home = APP.replace("v1", "v1.1").replace("info", "debug")
    world.commit("development", {"app.yaml": home})

    assert world.states() == ["pending app.yaml:log_level"]


def test_hotfixes_of_two_environments_are_each_their_own_drift(world: World) -> None:
    world.begin({"app.yaml": APP}, "development", "us", "eu")
    world.edit("us", "app.yaml", "image: v1", "image: us")
    world.edit("eu", "app.yaml", "replicas: 1", "replicas: 5")

    assert world.states("development", "us") == ["drift app.yaml:image"]
    assert world.states("development", "eu") == ["drift app.yaml:replicas"]


def test_when_the_source_takes_its_change_back_there_is_nothing_to_promote(world: World) -> None:
    world.begin({"app.yaml": APP})
    change = world.edit("development", "app.yaml", "image: v1", "image: v2")
    assert world.plan().candidate is not None
    world.revert(change, "development")

    plan = world.plan()

    assert (plan.candidate, plan.state) == (None, State.IN_SYNC)


def test_two_clones_make_the_same_candidate_byte_by_byte(world: World, tmp_path: Path) -> None:
    keep = kept("app.yaml:region")
    world.begin({"app.yaml": APP, "notes.txt": "a\n"})
    world.edit("staging", "app.yaml", "region: eu", "region: us")
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.git("clone", "--bare", "-q", str(world.directory), str(tmp_path / "clone.git"))
    with World(tmp_path / "clone.git") as clone:
        for method in MergeMethod:
            ours = world.plan(keep=keep, method=method).candidate
            theirs = clone.plan(keep=keep, method=method).candidate

            assert ours is not None
            assert theirs is not None
            assert (ours.sha, ours.objects.objects) == (theirs.sha, theirs.objects.objects)


def test_a_whole_pipeline_carries_a_change_to_its_end_and_a_hotfix_home(world: World) -> None:
    keep = kept("app.yaml:region")
    world.begin({"app.yaml": APP})
    for name, region in (("staging", "us"), ("production", "ap")):
        world.edit(name, "app.yaml", "region: eu", f"region: {region}")
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.promote(keep=keep)
    world.promote("staging", "production", method=MergeMethod.SQUASH, keep=keep)
    world.edit("production", "app.yaml", "replicas: 1", "replicas: 5")
    assert world.states("staging", "production", keep) == [
        "kept app.yaml:region",
        "drift app.yaml:replicas",
    ]

    world.edit("development", "app.yaml", "replicas: 1", "replicas: 5")
    world.promote(keep=keep)

    assert [
        world.states(source, target, keep)
        for source, target in (("development", "staging"), ("staging", "production"))
    ] == [["kept app.yaml:region"], ["kept app.yaml:region"]]


def patch_id(world: World, commit: str) -> str:
    """Return what git knows a patch by, whatever commit carries it."""
    patch = world.git("show", commit)
    return world.git("patch-id", "--stable", stdin=patch).decode().split()[0]
