"""The rules of the sync point: bases, histories, kept places, overlaps, text and layout."""

import pytest

from bot.engine.drift import Comparison
from bot.model import ABSENT, State
from tests.world import World, kept, spelled

APP = "image: v1\nreplicas: 1\n"


# Bases


def crossed(world: World, ours: str, theirs: str) -> None:
    """Change the image on both sides, then merge each into the other: two merge bases."""
    world.begin({"app.yaml": APP})
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.edit("staging", "app.yaml", "image: v1", "image: v3")
    world.branch("before", at="development")
    world.merge("staging", "development", resolved={"app.yaml": APP.replace("v1", ours)})
    world.merge("before", "staging", resolved={"app.yaml": APP.replace("v1", theirs)})


def test_several_merge_bases_that_tell_different_stories_make_a_conflict(world: World) -> None:
    crossed(world, "v2", "v3")

    assert len(world.repository.merge_bases(world.sha("development"), world.sha("staging"))) == 2
    assert world.states() == ["conflict app.yaml:image"]


def test_several_merge_bases_that_agree_are_as_good_as_one(world: World) -> None:
    crossed(world, "v4", "v4")
    world.edit("development", "app.yaml", "replicas: 1", "replicas: 2")

    assert world.states() == ["pending app.yaml:replicas"]


def test_histories_without_a_common_commit_begin_with_absent(world: World) -> None:
    world.begin({"app.yaml": APP, "mine.txt": "1\n"}, "development")
    world.commit("staging", {"app.yaml": APP, "yours.txt": "1\n"})
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.edit("staging", "app.yaml", "replicas: 1", "replicas: 2")

    assert world.states() == [
        "pending app.yaml:image",
        "drift app.yaml:replicas",
        "pending mine.txt",
        "drift yours.txt",
    ]


def test_without_a_common_commit_values_that_never_were_equal_are_a_conflict(
    world: World,
) -> None:
    world.begin({"app.yaml": "image: v1\n"}, "development")
    world.commit("staging", {"app.yaml": "image: v2\n"})

    change = world.change()

    assert (spelled(change), change.agreed) == ("conflict app.yaml:image", ABSENT)


def test_a_base_that_came_in_by_a_merge_begins_the_line_where_it_arrived(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.edit("staging", "app.yaml", "image: v1", "image: old")
    world.edit("staging", "app.yaml", "image: old", "image: v1")
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.merge("development", "staging")
    world.edit("development", "app.yaml", "image: v2", "image: old")

    assert world.states() == ["pending app.yaml:image"]


# Histories


def test_a_value_put_back_to_where_both_agreed_is_no_change(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.edit("development", "app.yaml", "image: v2", "image: v1")
    world.edit("staging", "app.yaml", "replicas: 1", "replicas: 2")

    assert world.states() == ["drift app.yaml:replicas"]


def test_both_sides_moved_to_different_values_is_a_conflict_with_both_stories(
    world: World,
) -> None:
    world.begin({"app.yaml": APP})
    ours = world.commit("development", {"app.yaml": APP.replace("v1", "v2")}, author="Bo <b@x>")
    theirs = world.commit("staging", {"app.yaml": APP.replace("v1", "v3")}, author="Cy <c@x>")

    change = world.change()

    assert (change.state, change.source.data, change.target.data, change.agreed.data) == (
        State.CONFLICT,
        "v2",
        "v3",
        "v1",
    )
    assert [(commit.sha, commit.author) for commit in change.commits] == [
        (ours, "Bo"),
        (theirs, "Cy"),
    ]


def test_a_key_that_the_source_removed_is_pending_and_absent_is_not_null(world: World) -> None:
    world.begin({"app.yaml": APP + "old: null\n"})
    world.commit("development", {"app.yaml": APP})

    change = world.change()

    assert (change.state, change.source.exists, change.target.exists) == ("pending", False, True)
    assert (change.target.data, change.source == change.target) == (None, False)


def test_a_hops_state_is_its_worst_place(world: World) -> None:
    def now() -> State:
        return world.compare(keep=keep).state

    keep = kept("app.yaml:own")
    world.begin({"app.yaml": "own: 1\na: 1\nb: 1\nc: 1\n"})
    seen = [now()]
    for name, old, new in (
        ("staging", "own: 1", "own: 2"),
        ("development", "a: 1", "a: 2"),
        ("staging", "b: 1", "b: 2"),
        ("development", "c: 1", "c: 2"),
        ("staging", "c: 1", "c: 3"),
    ):
        world.edit(name, "app.yaml", old, new)
        seen.append(now())

    assert seen == ["in-sync", "in-sync", "pending", "drift", "drift", "conflict"]
    found = {state: count for state, count in world.compare(keep=keep).counts.items() if count}
    assert found == {"pending": 1, "drift": 1, "conflict": 1, "kept": 1}


# Commits


def test_the_commits_of_a_change_are_followed_through_merges_to_where_it_appeared(
    world: World,
) -> None:
    world.begin({"app.yaml": APP})
    world.branch("topic", at="development")
    made = world.edit("topic", "app.yaml", "image: v1", "image: v2")
    world.commit("topic", {"notes.txt": "x\n"})
    world.commit("development", {"readme.txt": "x\n"})
    world.branch("train", at="development")
    world.merge("topic", "train")
    world.merge("train", "development")

    (image, *_) = world.compare().changes

    assert spelled(image) == "pending app.yaml:image"
    assert [commit.sha for commit in image.commits] == [made]


def test_a_value_that_a_merge_itself_made_is_the_merges(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.branch("topic", at="development")
    world.edit("topic", "app.yaml", "image: v1", "image: v2")
    before = world.edit("development", "app.yaml", "image: v1", "image: v3")
    merge = world.merge("topic", "development", resolved={"app.yaml": APP.replace("v1", "v4")})

    assert [commit.sha for commit in world.change().commits] == [merge, before]


def test_all_commits_that_moved_a_value_are_named_newest_first(world: World) -> None:
    world.begin({"app.yaml": APP})
    second = world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.edit("development", "app.yaml", "replicas: 1", "replicas: 2")
    third = world.edit("development", "app.yaml", "image: v2", "image: v3")

    image, _ = world.compare().changes

    assert [commit.sha for commit in image.commits] == [third, second]


def test_a_commit_is_told_with_its_author_date_and_subject(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.commit(
        "development",
        {"app.yaml": "image: v2\nreplicas: 1\n"},
        "Use v2\n\nBecause.",
        author="Zoë <z@x>",
    )

    (commit,) = world.change().commits

    assert (commit.author, commit.email, commit.subject, commit.body) == (
        "Zoë",
        "z@x",
        "Use v2",
        "Because.",
    )
    assert commit.date == "2026-01-05T10:01:00+01:00"


# Kept places


def test_kept_keys_and_files_are_shown_and_count_for_nothing(world: World) -> None:
    keep = kept("app.yaml:replicas", "overlays/**")
    world.begin({"app.yaml": APP, "overlays/x/a.yaml": APP})
    world.edit("development", "app.yaml", "replicas: 1", "replicas: 2")
    world.edit("staging", "overlays/x/a.yaml", "image: v1", "image: v9")
    world.commit("development", {"overlays/new.txt": "x\n"})

    comparison = world.compare(keep=keep)

    assert comparison.state is State.IN_SYNC
    assert [spelled(change) for change in comparison.changes] == [
        "kept app.yaml:replicas",
        "kept overlays/new.txt",
        "kept overlays/x/a.yaml",
    ]
    assert world.plan(keep=keep).candidate is None


def test_a_pattern_keeps_what_is_below_it(world: World) -> None:
    world.begin({"app.yaml": "db:\n  host: a\n  pool: {min: 1}\n"})
    world.commit("staging", {"app.yaml": "db:\n  host: b\n  pool: {min: 2}\n"})

    assert world.states(keep=kept("**/app.yaml:db")) == [
        "kept app.yaml:db.host",
        "kept app.yaml:db.pool.min",
    ]


@pytest.mark.parametrize("name", ["development", "staging"])
def test_the_configuration_is_exempt_where_it_is_on_one_branch_only(
    world: World, name: str
) -> None:
    world.begin({"app.yaml": APP})
    world.commit(name, {".lockstep.yaml": "version: 1\n"})

    assert world.states() == []


def test_the_configuration_is_a_file_like_others_where_it_is_on_both_branches(
    world: World,
) -> None:
    world.begin({".lockstep.yaml": "version: 1\n"})
    world.commit("development", {".lockstep.yaml": "version: 1\nback_merge: off\n"})

    assert world.states() == ["pending .lockstep.yaml:back_merge"]


def test_a_file_of_that_name_in_a_directory_is_not_exempt(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.commit("development", {"sub/.lockstep.yaml": "version: 1\n"})

    assert world.states() == ["pending sub/.lockstep.yaml"]


# Overlapping places


def test_a_scalar_that_became_a_mapping_while_it_moved_is_a_conflict_at_the_shorter_key(
    world: World,
) -> None:
    world.begin({"app.yaml": "db: a\nport: 1\n"})
    world.commit("development", {"app.yaml": "db:\n  host: a\n  port: 5\nport: 1\n"})
    world.commit("staging", {"app.yaml": "db: b\nport: 1\n"})

    change = world.change()

    assert spelled(change) == "conflict app.yaml:db"
    assert (change.source.data, change.target.data) == ({"host": "a", "port": 5}, "b")


def test_a_scalar_that_became_a_mapping_on_one_side_is_pending_and_promoted(
    world: World,
) -> None:
    world.begin({"app.yaml": "db: a\nport: 1\n"})
    world.commit("development", {"app.yaml": "db:\n  host: a\n  port: 5\nport: 1\n"})
    world.commit("staging", {"app.yaml": "db: a\nport: 2\n"})

    assert world.states() == [
        "pending app.yaml:db",
        "pending app.yaml:db.host",
        "pending app.yaml:db.port",
        "drift app.yaml:port",
    ]

    world.promote()

    assert world.text("staging", "app.yaml") == "db:\n  host: a\n  port: 5\nport: 2\n"


# The report


def test_changes_are_sorted_by_path_then_key_and_null_comes_first(world: World) -> None:
    world.begin({"b.yaml": APP, "a/z.yaml": APP})
    world.edit("development", "b.yaml", "replicas: 1", "replicas: 2")
    world.edit("development", "b.yaml", "image: v1", "image: v2")
    world.commit("development", {"a/z.yaml": None, "a-z.yaml": APP})

    assert world.states() == [
        "pending a-z.yaml",
        "pending a/z.yaml",
        "pending b.yaml:image",
        "pending b.yaml:replicas",
    ]


def test_equal_heads_are_in_sync_at_once(world: World) -> None:
    world.begin({"app.yaml": APP})

    assert world.compare() == Comparison(world.head("development"), world.head("staging"))


def test_environments_may_fan_out_from_one_source(world: World) -> None:
    world.begin({"app.yaml": APP}, "development", "us", "eu")
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.promote("development", "us")

    assert world.states("development", "us") == []
    assert world.states("development", "eu") == ["pending app.yaml:image"]
