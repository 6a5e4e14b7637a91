"""The cases that tools which compare commits get wrong, in the order of the design."""

import pytest

from bot.engine.candidate import MergeMethod
from bot.model import State
from tests.world import World, kept

APP = "image: v1\nreplicas: 1\nlog_level: info\nregion: eu\n"
METHODS = [MergeMethod.MERGE, MergeMethod.SQUASH, MergeMethod.REBASE]


# 1


def test_a_squash_of_several_commits_with_equal_trees_is_in_sync(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.edit("development", "app.yaml", "replicas: 1", "replicas: 2")
    world.squash("development", "staging")

    comparison = world.compare()

    assert (comparison.state, comparison.files) == (State.IN_SYNC, ())


def test_a_squash_of_several_commits_is_in_sync_next_to_a_change_that_came_later(
    world: World,
) -> None:
    world.begin({"app.yaml": APP})
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.edit("development", "app.yaml", "replicas: 1", "replicas: 2")
    world.squash("development", "staging")
    world.edit("development", "app.yaml", "log_level: info", "log_level: debug")

    assert world.states() == ["pending app.yaml:log_level"]


# 2


def test_the_same_change_on_both_branches_next_to_a_kept_line_is_in_sync(world: World) -> None:
    keep = kept("app.yaml:region")
    world.begin({"app.yaml": APP})
    world.edit("staging", "app.yaml", "region: eu", "region: us")
    world.edit("development", "app.yaml", "log_level: info", "log_level: debug")
    world.edit("staging", "app.yaml", "log_level: info", "log_level: debug")

    comparison = world.compare(keep=keep)

    assert comparison.state is State.IN_SYNC
    assert world.states(keep=keep) == ["kept app.yaml:region"]


def test_the_same_change_on_both_branches_next_to_a_drifted_line_leaves_only_the_drift(
    world: World,
) -> None:
    world.begin({"app.yaml": APP})
    world.edit("staging", "app.yaml", "region: eu", "region: us")
    world.edit("development", "app.yaml", "log_level: info", "log_level: debug")
    world.edit("staging", "app.yaml", "log_level: info", "log_level: debug")

    assert world.states() == ["drift app.yaml:region"]


# 3


@pytest.mark.parametrize("trailers", [True, False])
def test_a_second_version_after_a_squashed_first_is_pending_and_promotes_cleanly(
    world: World, *, trailers: bool
) -> None:
    world.begin({"app.yaml": APP})
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.promote_by_forge(trailers=trailers)
    world.edit("development", "app.yaml", "image: v2", "image: v3")

    assert world.states() == ["pending app.yaml:image"]

    world.promote(method=MergeMethod.SQUASH)

    assert world.text("staging", "app.yaml") == APP.replace("v1", "v3")
    assert world.states() == []


# 4


def test_a_change_that_was_reverted_and_made_again_is_pending_once(world: World) -> None:
    world.begin({"app.yaml": APP})
    first = world.edit("development", "app.yaml", "image: v1", "image: v2")
    undone = world.revert(first, "development")
    again = world.revert(undone, "development")
    world.cherry_pick(first, "staging")
    world.cherry_pick(undone, "staging")

    change = world.change()

    assert (change.state, change.key) == (State.PENDING, "image")
    assert (change.source.data, change.target.data, change.agreed.data) == ("v2", "v1", "v1")
    assert [commit.sha for commit in change.commits] == [again]


# 5


@pytest.mark.parametrize("method", METHODS)
def test_a_push_just_before_the_promotion_merges_is_all_that_is_pending_afterwards(
    world: World, method: MergeMethod
) -> None:
    keep = kept("app.yaml:region")
    world.begin({"app.yaml": APP})
    world.edit("staging", "app.yaml", "region: eu", "region: us")
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    plan = world.plan(method=method, keep=keep)
    world.edit("development", "app.yaml", "replicas: 1", "replicas: 2")
    assert plan.candidate is not None
    world.repository.write(plan.candidate.objects)
    world.move("staging", plan.candidate.sha)

    assert world.states(keep=keep) == ["kept app.yaml:region", "pending app.yaml:replicas"]


# 6


def test_a_squash_that_mixes_promoted_content_with_a_hotfix_drifts_by_the_hotfix_alone(
    world: World,
) -> None:
    world.begin({"app.yaml": APP, "other.yaml": "a: 1\n"})
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    mixed = {"app.yaml": APP.replace("v1", "v2").replace("info", "warning")}
    world.squash("development", "staging", resolved=mixed)

    assert world.states() == ["drift app.yaml:log_level"]


# 7


@pytest.mark.parametrize("method", METHODS)
def test_a_value_rolled_back_by_hand_is_drift_and_is_not_promoted_again(
    world: World, method: MergeMethod
) -> None:
    world.begin({"app.yaml": APP})
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.promote(method=method)
    world.edit("staging", "app.yaml", "image: v2", "image: v1")
    world.edit("development", "app.yaml", "replicas: 1", "replicas: 2")

    plan = world.promote(method=method)

    assert [change.key for change in plan.promoted] == ["replicas"]
    assert world.text("staging", "app.yaml") == APP.replace("replicas: 1", "replicas: 2")
    assert world.states() == ["drift app.yaml:image"]


def test_a_promotion_without_record_that_was_rolled_back_by_hand_is_drift(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.squash("development", "staging")
    world.edit("staging", "app.yaml", "image: v2", "image: v1")

    assert world.states() == ["drift app.yaml:image"]
    assert world.plan().candidate is None


# 8


def test_a_hotfix_and_a_promotion_on_adjacent_lines_both_survive(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.edit("staging", "app.yaml", "replicas: 1", "replicas: 9")
    with pytest.raises(AssertionError, match="unresolved"):
        world.squash("development", "staging")  # git alone reports a conflict

    world.promote()

    assert world.text("staging", "app.yaml") == APP.replace("v1", "v2").replace("s: 1", "s: 9")
    assert world.states() == ["drift app.yaml:replicas"]


# 9


def test_an_ours_merge_that_dropped_source_changes_shows_them_as_drift(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    dropped = world.merge_ours("development", "staging")

    change = world.change()

    assert (change.state, change.key) == (State.DRIFT, "image")
    assert [commit.sha for commit in change.commits] == [dropped]


def test_a_hotfix_that_an_ours_merge_dropped_on_the_way_back_is_a_conflict_without_records_too(
    world: World,
) -> None:
    world.begin({"app.yaml": APP})
    hotfix = world.edit("staging", "app.yaml", "image: v1", "image: v1-hotfix")
    dropped = world.merge_ours("staging", "development")

    change = world.change()

    assert (change.state, change.key) == (State.CONFLICT, "image")
    assert [commit.sha for commit in change.commits] == [dropped]
    assert change.agreed.data == "v1-hotfix"
    assert hotfix in world.parents(dropped)


def test_a_conflict_that_a_person_resolved_for_the_source_on_the_way_back_is_pending(
    world: World,
) -> None:
    world.begin({"app.yaml": APP})
    world.edit("staging", "app.yaml", "image: v1", "image: v1-hotfix")
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.merge("staging", "development", resolved={"app.yaml": APP.replace("v1", "v2")})

    assert world.states() == ["pending app.yaml:image"]


def test_an_ours_merge_that_dropped_a_hotfix_on_the_way_back_is_a_conflict(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.edit("development", "app.yaml", "replicas: 1", "replicas: 2")
    world.promote()
    hotfix = world.edit("staging", "app.yaml", "image: v1", "image: v1-hotfix")
    newer = world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.merge_ours("staging", "development")

    change = world.change()

    assert (change.state, change.key) == (State.CONFLICT, "image")
    assert [commit.sha for commit in change.commits] == [newer, hotfix]
