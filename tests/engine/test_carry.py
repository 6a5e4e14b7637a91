"""Carry values from one environment to another: drift brought home, and drift undone."""

from bot.engine.candidate import Carried, carry
from bot.engine.keep import Keep
from bot.model import Change
from tests.world import World, kept, spelled

APP = "image: v1\nreplicas: 1\nlog: info\n"


def carried(world: World, places: set[tuple[str, str | None]], keep: Keep | None = None) -> Carried:
    """Carry from staging to development."""
    rules = keep or kept()
    comparison = world.compare("staging", "development", rules)
    found = carry(world.repository, comparison, rules, places, "Bring it home\n")
    if found.commit is not None:
        world.repository.write(found.commit.objects)
        world.move("development", found.commit.sha)
    return found


def names(changes: tuple[Change, ...]) -> list[str]:
    return [spelled(change) for change in changes]


def test_only_the_places_asked_for_are_set_and_the_rest_stays(world: World) -> None:
    world.begin({"app.yaml": APP, "other.txt": "1\n"})
    world.commit("development", {"app.yaml": APP.replace("v1", "v2"), "new.txt": "n\n"})
    head = world.sha("development")
    world.commit("staging", {"app.yaml": APP.replace("info", "debug").replace("s: 1", "s: 9")})

    found = carried(world, {("app.yaml", "log")})

    assert names(found.changes) == ["pending app.yaml:log"]
    assert found.refused == ()
    assert world.text("development", "app.yaml") == "image: v2\nreplicas: 1\nlog: debug\n"
    assert world.text("development", "new.txt") == "n\n"
    assert world.parents(world.sha("development")) == [head]


def test_what_is_kept_is_never_carried(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.commit("staging", {"app.yaml": APP.replace("s: 1", "s: 9")})

    found = carried(world, {("app.yaml", "replicas")}, kept("app.yaml:replicas"))

    assert found == Carried(None)


def test_a_place_that_does_not_differ_is_nothing_to_carry(world: World) -> None:
    world.begin({"app.yaml": APP})

    assert carried(world, {("app.yaml", "log")}) == Carried(None)


def test_files_come_and_go(world: World) -> None:
    world.begin({"app.yaml": APP, "old.txt": "1\n"})
    world.commit("staging", {"new.txt": "2\n", "old.txt": None})

    found = carried(world, {("new.txt", None), ("old.txt", None)})

    assert names(found.changes) == ["pending new.txt", "pending old.txt"]
    assert world.files(world.sha("development")) == world.files(world.sha("staging"))


def test_plain_text_is_merged_so_that_the_targets_own_lines_stay(world: World) -> None:
    world.begin({"notes.txt": "a\nb\nc\nd\ne\n"})
    world.commit("development", {"notes.txt": "A\nb\nc\nd\ne\n"})
    world.commit("staging", {"notes.txt": "a\nb\nc\nd\nE\n"})

    found = carried(world, {("notes.txt", None)})

    assert found.commit is not None
    assert world.text("development", "notes.txt") == "A\nb\nc\nd\nE\n"


def test_texts_that_git_cannot_merge_are_left_to_a_person(world: World) -> None:
    world.begin({"notes.txt": "a\n"})
    world.commit("development", {"notes.txt": "b\n"})
    world.commit("staging", {"notes.txt": "c\n"})

    found = carried(world, {("notes.txt", None)})

    assert found.commit is None
    assert [change.note for change in found.refused] == ["git cannot merge the two texts"]
    assert world.text("development", "notes.txt") == "b\n"


def test_the_same_inputs_give_the_same_commit(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.commit("staging", {"app.yaml": APP.replace("info", "debug")})
    comparison = world.compare("staging", "development")

    made = [
        carry(world.repository, comparison, kept(), {("app.yaml", "log")}, "x\n").commit
        for _ in range(2)
    ]

    assert made[0] is not None
    assert made[1] is not None
    assert made[0].sha == made[1].sha
