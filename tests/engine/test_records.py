"""Which commit counts as the record of a promotion, and what a record changes.

In each test the source has a value that the target never took. Where a record says that it
was promoted all the same, the target must have put it back: drift. Else it is pending.
"""

import pytest

from bot.engine.candidate import MergeMethod
from tests.world import World, record

APP = "image: v1\nreplicas: 1\n"
HONOURED, IGNORED = ["drift app.yaml:image"], ["pending app.yaml:image"]


def with_news(world: World) -> str:
    """Begin, and change the image in the source; return that commit."""
    world.begin({"app.yaml": APP, "other.txt": "1\n"})
    return world.edit("development", "app.yaml", "image: v1", "image: v2")


def say(world: World, message: str, branch: str = "staging") -> str:
    """Make a commit that changes nothing, with a message."""
    return world.commit(branch, {}, message)


def test_without_a_record_a_value_that_the_target_never_took_is_pending(world: World) -> None:
    with_news(world)

    assert world.states() == IGNORED


def test_the_trailers_of_a_commit_on_the_targets_line_are_a_record(world: World) -> None:
    news = with_news(world)
    say(world, "Promote\n\n" + record(news, "staging"))

    assert world.states() == HONOURED


def test_a_record_may_stand_among_other_trailers(world: World) -> None:
    news = with_news(world)
    trailers = f"Reviewed-by: Bo <b@x>\n{record(news, 'staging')}\nCo-authored-by: Cy <c@x>"
    say(world, f"Promote (#7)\n\n* a\n\n* b\n\n{trailers}")

    assert world.states() == HONOURED


def test_a_record_of_a_merge_commit_counts_too(world: World) -> None:
    news = with_news(world)
    kept = world.files(world.sha("staging"))
    commit = world.store_commit(
        kept, (world.sha("staging"), news), "M\n\n" + record(news, "staging")
    )
    world.move("staging", commit)

    assert world.states() == HONOURED


def test_of_a_squash_of_several_promotions_the_last_source_counts(world: World) -> None:
    news = with_news(world)
    older = world.parents(news)[0]
    say(world, f"Squash\n\n{record(older, 'staging')}\n{record(news, 'staging')}")

    assert world.states() == HONOURED


@pytest.mark.parametrize(
    "message",
    [
        "Explain\n\n{record}\n\nand this is prose, so the above is too",
        "Lockstep-Source: {sha}",
        "Explain\n\nOne line says Lockstep-Source: {sha} for staging.",
        "Quote\n\n> Lockstep-Source: {sha}\n> Lockstep-Environment: staging",
        "Half\n\nLockstep-Source: {sha}",
        "Half\n\nLockstep-Environment: staging",
        "Short\n\nLockstep-Source: {short}\nLockstep-Environment: staging",
        "Shout\n\nLockstep-Source: {upper}\nLockstep-Environment: staging",
        "Branch\n\nLockstep-Source: develop\nLockstep-Environment: staging",
        "Option\n\nLockstep-Source: --output=pwned\nLockstep-Environment: staging",
    ],
    ids=lambda message: message.partition("\n")[0].partition(":")[0],
)
def test_what_is_no_real_and_whole_trailer_is_prose(world: World, message: str) -> None:
    news = with_news(world)
    parts = {"sha": news, "short": news[:12], "upper": news.upper()}
    say(world, message.format(record=record(news, "staging"), **parts))

    assert world.states() == IGNORED


def test_a_record_of_another_environment_is_ignored(world: World) -> None:
    news = with_news(world)
    say(world, "Promote\n\n" + record(news, "production"))

    assert world.states() == IGNORED


def test_the_branchs_name_is_not_the_environments_in_a_record(world: World) -> None:
    news = with_news(world)
    say(world, "Promote\n\n" + record(news, "main"), "production")

    assert world.states("development", "production") == IGNORED


def test_a_record_off_the_first_parent_line_is_ignored(world: World) -> None:
    news = with_news(world)
    world.branch("topic", at="staging")
    say(world, "Promote\n\n" + record(news, "staging"), "topic")
    world.commit("staging", {"other.txt": "2\n"})
    world.merge("topic", "staging")

    assert world.states() == [*IGNORED, "drift other.txt"]


def test_a_record_that_names_a_commit_of_the_target_alone_is_ignored(world: World) -> None:
    with_news(world)
    own = world.edit("staging", "app.yaml", "replicas: 1", "replicas: 2")
    say(world, "Promote\n\n" + record(own, "staging"))

    assert world.states() == [*IGNORED, "drift app.yaml:replicas"]


def test_a_record_that_names_no_commit_at_all_is_ignored(world: World) -> None:
    news = with_news(world)
    tree = world.git("rev-parse", f"{news}^{{tree}}").decode().strip()
    say(world, "Promote\n\n" + record("0123456789" * 4, "staging"))
    say(world, "Promote\n\n" + record(tree, "staging"))

    assert world.states() == IGNORED


def test_the_newest_of_several_records_counts(world: World) -> None:
    first = with_news(world)
    second = world.edit("development", "app.yaml", "replicas: 1", "replicas: 2")
    say(world, "Promote\n\n" + record(first, "staging"))
    assert world.states() == [*HONOURED, "pending app.yaml:replicas"]

    say(world, "Promote\n\n" + record(second, "staging"))

    assert world.states() == [*HONOURED, "drift app.yaml:replicas"]


def test_where_the_newest_record_is_not_valid_the_newest_valid_one_counts(world: World) -> None:
    news = with_news(world)
    say(world, "Promote\n\n" + record(news, "staging"))
    say(world, "Promote\n\n" + record("0123456789" * 4, "staging"))

    assert world.states() == HONOURED


def test_after_a_force_push_of_the_source_its_records_no_longer_count(world: World) -> None:
    news = with_news(world)
    say(world, "Promote\n\n" + record(news, "staging"))
    world.move("development", world.parents(news)[0])
    world.edit("development", "app.yaml", "image: v1", "image: v3")

    assert world.states() == IGNORED


def test_after_a_force_push_to_other_content_what_was_promoted_is_compared_as_it_is(
    world: World,
) -> None:
    news = with_news(world)
    world.promote(method=MergeMethod.SQUASH)
    world.move("development", world.parents(news)[0])

    assert world.states() == ["drift app.yaml:image"]


# What a record is good for


def test_a_value_skipped_promoted_late_and_rolled_back_by_hand_is_drift(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.edit("development", "app.yaml", "image: v2", "image: v1")
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.promote(method=MergeMethod.SQUASH)
    world.edit("staging", "app.yaml", "image: v2", "image: v1")

    assert world.states() == HONOURED


@pytest.mark.parametrize("trailers", [True, False])
def test_a_squash_by_the_forge_in_its_own_words_is_a_promotion(
    world: World, *, trailers: bool
) -> None:
    with_news(world)
    world.promote_by_forge(trailers=trailers)

    assert world.states() == []


@pytest.mark.parametrize("method", list(MergeMethod))
def test_who_made_a_drift_is_known_also_where_it_is_older_than_the_newest_record(
    world: World, method: MergeMethod
) -> None:
    world.begin({"app.yaml": APP, "other.yaml": "a: 1\n"})
    hotfix = world.edit("staging", "app.yaml", "image: v1", "image: hotfix")
    world.edit("development", "other.yaml", "a: 1", "a: 2")
    world.promote(method=method)

    change = world.change()

    assert change.state == "drift"
    assert [commit.sha for commit in change.commits] == [hotfix]


def test_who_made_a_drift_is_known_across_two_records(world: World) -> None:
    world.begin({"app.yaml": APP, "other.yaml": "a: 1\n"})
    hotfix = world.edit("staging", "app.yaml", "image: v1", "image: hotfix")
    for old, new in (("1", "2"), ("2", "3")):
        world.edit("development", "other.yaml", f"a: {old}", f"a: {new}")
        world.promote(method=MergeMethod.SQUASH)

    assert [commit.sha for commit in world.change().commits] == [hotfix]


def test_a_promotion_that_is_promoted_on_is_no_record_of_the_next_environment(
    world: World,
) -> None:
    world.begin({"app.yaml": APP})
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.promote()
    world.promote("staging", "production")
    world.edit("production", "app.yaml", "image: v2", "image: v1")

    assert world.states("staging", "production") == HONOURED
