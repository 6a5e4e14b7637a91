"""A roll-back takes one promotion back, and nothing that it took out returns by itself."""

import pytest

from bot.engine.candidate import MergeMethod
from bot.engine.rollback import CHANGED_SINCE, RollBack, find_promotion, roll_back
from bot.model import Change, State
from tests.world import NOTHING_KEPT, World, spelled

APP = "image: v1  # the shop\nreplicas: 1\nlog: info\n"
TEXT = "".join(f"line {n}\n" for n in range(1, 10))


@pytest.fixture(params=["merge", "squash", "fast-forward", "by hand"])
def landing(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def land(world: World, commit: str, message: str, landing: str, of: str = "promote") -> str:
    """Merge what the bot proposed, as the bot does it or as people do; return the new head."""
    target = world.sha("staging")
    if landing == "fast-forward":
        world.move("staging", commit)
        return commit
    parents = (target,) if landing == "squash" else (target, commit)
    if landing == "by hand":
        message = f"Merge pull request #7 from acme/lockstep/{of}/staging/0123456789ab\n\nIt"
    made = world.store_commit(world.files(commit), parents, message)
    world.move("staging", made)
    return made


def promote(world: World, landing: str = "merge", *, lifted: tuple[str, ...] = ()) -> list[str]:
    """Promote what is pending by itself; return what went."""
    method = MergeMethod.SQUASH if landing == "squash" else MergeMethod.MERGE
    plan = world.plan(method=method, lifted=lifted)
    if plan.candidate is not None:
        world.repository.write(plan.candidate.objects)
        land(world, plan.candidate.sha, plan.candidate.message, landing)
    return [spelled(change) for change in plan.promoted]


def undo(world: World, landing: str = "merge") -> RollBack | None:
    """Roll staging back, if there is anything to; return what was done."""
    head = world.head("staging")
    promotion = find_promotion(world.repository, head.sha, "staging")
    if promotion is None:
        return None
    found = roll_back(world.repository, head, promotion, NOTHING_KEPT, "ada")
    assert found is not None
    if found.carried.commit is not None:
        commit = found.carried.commit
        world.repository.write(commit.objects)
        land(world, commit.sha, commit.message, landing, "rollback")
    return found


def told(changes: tuple[Change, ...]) -> list[str]:
    return [f"{change.path}:{change.key} {change.note}".rstrip() for change in changes]


def text(world: World, environment: str = "staging", path: str = "app.yaml") -> str:
    return world.text(environment, path)


def test_what_was_rolled_back_is_as_it_was_and_held(world: World, landing: str) -> None:
    world.begin({"app.yaml": APP})
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.edit("development", "app.yaml", "# the shop", "# the new shop")
    promote(world, landing)

    undo(world, landing)

    assert text(world) == APP
    assert world.states() == ["held app.yaml:image"]
    assert promote(world, landing) == []


def test_what_changes_in_the_source_is_pending_again(world: World, landing: str) -> None:
    world.begin({"app.yaml": APP})
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    promote(world, landing)
    undo(world, landing)

    world.edit("development", "app.yaml", "image: v2", "image: v3")

    assert promote(world, landing) == ["pending app.yaml:image"]
    assert "image: v3" in text(world)


def test_other_changes_go_on_and_what_is_held_stays_held(world: World, landing: str) -> None:
    world.begin({"app.yaml": APP})
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    promote(world, landing)
    undo(world, landing)

    for level in ("debug", "warn"):
        world.edit("development", "app.yaml", *_level(text(world, "development"), level))
        assert promote(world, landing) == ["pending app.yaml:log"]

    assert text(world) == APP.replace("info", "warn")
    assert world.states() == ["held app.yaml:image"]


def _level(found: str, level: str) -> tuple[str, str]:
    line = next(line for line in found.splitlines() if line.startswith("log"))
    return line, f"log: {level}"


def test_by_hand_it_comes_back_and_says_so(world: World, landing: str) -> None:
    world.begin({"app.yaml": APP})
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    promote(world, landing)
    undo(world, landing)
    held_by = world.compare().held_by

    world.edit("development", "app.yaml", "log: info", "log: warn", "not of it")
    (change, _) = world.plan(lifted=held_by).promoted
    promote(world, landing, lifted=held_by)

    assert [commit.subject for commit in change.commits] == ["image: v1 -> image: v2"]
    assert change.note == "was rolled back by ada, and comes back"
    assert "image: v2" in text(world)
    assert world.states() == []


def test_a_roll_back_later_than_the_lifted_ones_holds_all_the_same(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    promote(world)
    undo(world)
    old = world.compare().held_by
    promote(world, lifted=old)

    undo(world)

    assert promote(world, lifted=old) == []
    assert world.states() == ["held app.yaml:image"]


def test_twice_in_a_row_goes_one_promotion_further_back(world: World, landing: str) -> None:
    world.begin({"app.yaml": APP})
    for old, new in (("v1", "v2"), ("v2", "v3")):
        world.edit("development", "app.yaml", f"image: {old}", f"image: {new}")
        promote(world, landing)

    undo(world, landing)
    assert "image: v2" in text(world)
    undo(world, landing)

    assert text(world) == APP
    assert promote(world, landing) == []
    assert world.states() == ["held app.yaml:image"]
    assert undo(world, landing) is None


def test_a_hotfix_that_came_after_the_promotion_stays_and_is_named(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.edit("development", "app.yaml", "replicas: 1", "replicas: 2")
    promote(world)
    world.edit("staging", "app.yaml", "replicas: 2", "replicas: 9")
    world.edit("staging", "app.yaml", "info", "debug")

    found = undo(world)

    assert found is not None
    assert told(found.left) == [f"app.yaml:replicas {CHANGED_SINCE}"]
    assert text(world) == APP.replace("replicas: 1", "replicas: 9").replace("info", "debug")
    assert world.states() == [
        "held app.yaml:image",
        "drift app.yaml:log",
        "drift app.yaml:replicas",
    ]


def test_a_hotfix_of_what_was_rolled_back_ends_the_hold_and_is_drift(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    promote(world)
    undo(world)

    world.edit("staging", "app.yaml", "image: v1", "image: v1-fixed")

    assert world.states() == ["drift app.yaml:image"]


def test_a_value_put_back_by_hand_long_after_is_drift_as_ever(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    promote(world)
    undo(world)
    world.edit("development", "app.yaml", "image: v2", "image: v3")
    promote(world)

    world.edit("staging", "app.yaml", "image: v3", "image: v1")

    assert world.states() == ["drift app.yaml:image"]


def test_files_that_came_and_went_are_put_back(world: World, landing: str) -> None:
    world.begin({"app.yaml": APP, "old.txt": "old\n", "tool": "#!/bin/sh\n"})
    world.commit("development", {"old.txt": None, "new.yaml": "a: 1\n", "tool": "#!/bin/bash\n"})
    promote(world, landing)

    undo(world, landing)

    assert world.files(world.sha("staging")) == world.files(world.sha("production"))
    assert world.states() == ["held new.yaml", "held old.txt", "held tool"]
    assert promote(world, landing) == []


def test_plain_text_is_taken_back_around_other_lines_of_others(world: World) -> None:
    world.begin({"poem.txt": TEXT})
    world.edit("development", "poem.txt", "line 2", "two")
    promote(world)
    world.edit("staging", "poem.txt", "line 8", "eight")

    undo(world)

    assert text(world, path="poem.txt") == TEXT.replace("line 8", "eight")
    assert promote(world) == []


def test_plain_text_that_cannot_be_taken_back_is_left_and_named(world: World) -> None:
    world.begin({"poem.txt": TEXT, "app.yaml": APP})
    world.edit("development", "poem.txt", "line 2", "two")
    world.edit("development", "app.yaml", "v1", "v2")
    promote(world)
    world.edit("staging", "poem.txt", "two", "2")

    found = undo(world)

    assert found is not None
    assert told(found.left) == ["poem.txt:None git cannot merge the two texts"]
    assert text(world) == APP


def test_a_promotion_of_which_nothing_is_left_has_no_roll_back(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.edit("development", "app.yaml", "v1", "v2")
    promote(world)
    world.edit("staging", "app.yaml", "v2", "v1")

    found = undo(world)

    assert found is not None
    assert (found.carried.commit, found.left) == (None, ())


def test_where_nothing_was_promoted_there_is_nothing_to_roll_back(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.edit("development", "app.yaml", "v1", "v2")

    assert undo(world) is None


def test_what_was_rolled_back_does_not_come_home(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    promote(world)
    undo(world)

    comparison = world.compare()

    assert comparison.state == "in-sync"
    assert comparison.counts[State.HELD] == 1


def test_what_is_rolled_back_in_between_goes_on_downwards(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    promote(world)
    first = world.plan("staging", "production")
    assert first.candidate is not None
    world.repository.write(first.candidate.objects)
    world.move("production", first.candidate.sha)

    undo(world)

    (change,) = world.plan("staging", "production").promoted
    assert (change.target.data, change.source.data) == ("v2", "v1")
