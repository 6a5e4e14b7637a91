"""What files can be and do: each item of the design's tenth case, on real git."""

import pytest

from bot.model import State
from tests.world import File, World, executable, kept, link, spelled, submodule

APP = "image: v1\nreplicas: 1\nlog_level: info\nregion: eu\nport: 80\n"
BYTES = b"\x89PNG\r\n\x1a\n\x00\xff"
ONE, TWO = "1" * 40, "2" * 40


# Renames, deletions


def test_a_file_renamed_in_the_source_and_edited_in_the_target_is_a_conflict_at_its_old_path(
    world: World,
) -> None:
    world.begin({"old.yaml": APP})
    world.commit("development", {"old.yaml": None, "new.yaml": APP})
    world.edit("staging", "old.yaml", "replicas: 1", "replicas: 9")

    assert world.states() == ["pending new.yaml", "conflict old.yaml"]
    assert world.plan().candidate is None


def test_a_renamed_file_carries_the_targets_kept_values_along(world: World) -> None:
    keep = kept("**/*.yaml:region")
    world.begin({"old.yaml": APP})
    world.edit("staging", "old.yaml", "region: eu", "region: us")
    renamed = APP.replace("v1", "v2")
    world.commit("development", {"old.yaml": None, "new.yaml": renamed})

    plan = world.promote(keep=keep)

    assert world.text("staging", "new.yaml") == renamed.replace("eu", "us")
    assert "old.yaml" not in world.files(world.sha("staging"))
    notes = {change.path: change.note for change in plan.promoted}
    assert notes == {
        "new.yaml": "renamed from old.yaml: carries the target's region",
        "old.yaml": "",
    }
    assert world.states(keep=keep) == ["kept new.yaml:region"]


def test_a_file_deleted_in_the_source_and_edited_in_the_target_is_a_conflict(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.commit("development", {"app.yaml": None})
    world.edit("staging", "app.yaml", "replicas: 1", "replicas: 9")

    assert world.states() == ["conflict app.yaml"]


def test_a_file_edited_in_the_source_and_deleted_in_the_target_is_a_conflict(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.edit("development", "app.yaml", "replicas: 1", "replicas: 9")
    world.commit("staging", {"app.yaml": None})

    assert world.states() == ["conflict app.yaml"]


def test_a_deletion_is_promoted_and_takes_the_empty_directory_with_it(world: World) -> None:
    world.begin({"deep/down/app.yaml": APP, "other.txt": "x\n"})
    world.commit("development", {"deep/down/app.yaml": None})

    world.promote()

    assert list(world.files(world.sha("staging"))) == ["other.txt"]


def test_a_file_deleted_in_the_target_alone_is_drift(world: World) -> None:
    world.begin({"app.yaml": APP, "other.txt": "x\n"})
    world.commit("staging", {"app.yaml": None})

    assert world.states() == ["drift app.yaml"]


def test_a_deletion_in_the_target_that_changed_only_the_layout_before_is_no_conflict(
    world: World,
) -> None:
    world.begin({"app.yaml": APP, "other.txt": "x\n"})
    world.commit("staging", {"app.yaml": "# owned by ops\n" + APP})
    world.commit("development", {"app.yaml": None})

    assert world.states() == ["pending app.yaml"]


def test_a_directory_that_takes_a_files_place_is_promoted(world: World) -> None:
    world.begin({"conf": "x\n", "other.txt": "x\n"})
    world.commit("development", {"conf": None, "conf/app.yaml": APP})

    world.promote()

    assert sorted(world.files(world.sha("staging"))) == ["conf/app.yaml", "other.txt"]


def test_a_file_that_takes_a_directorys_place_is_promoted(world: World) -> None:
    world.begin({"conf/app.yaml": APP, "conf/b/c.txt": "c\n", "other.txt": "x\n"})
    world.commit("development", {"conf/app.yaml": None, "conf/b/c.txt": None, "conf": "x\n"})

    world.promote()

    assert sorted(world.files(world.sha("staging"))) == ["conf", "other.txt"]
    assert world.states() == []


# Modes, links, submodules


def test_a_change_of_mode_is_pending_and_promoted_beside_the_targets_own_value(
    world: World,
) -> None:
    world.begin({"run.yaml": APP})
    world.commit("development", {"run.yaml": executable(APP)})
    world.edit("staging", "run.yaml", "replicas: 1", "replicas: 9")

    assert world.states() == ["pending run.yaml", "drift run.yaml:replicas"]

    world.promote()

    assert world.files(world.sha("staging"))["run.yaml"][0] == "100755"
    assert world.states() == ["drift run.yaml:replicas"]


def test_a_change_of_mode_in_the_target_stays_when_a_value_is_promoted(world: World) -> None:
    world.begin({"run.yaml": APP})
    world.edit("development", "run.yaml", "replicas: 1", "replicas: 2")
    world.commit("staging", {"run.yaml": executable(APP)})

    assert world.states() == ["drift run.yaml", "pending run.yaml:replicas"]

    world.promote()

    assert world.files(world.sha("staging"))["run.yaml"][0] == "100755"
    assert world.states() == ["drift run.yaml"]


def test_a_change_of_mode_of_plain_text_is_promoted(world: World) -> None:
    world.begin({"run.sh": "echo\n"})
    world.commit("development", {"run.sh": executable("echo\n")})

    world.promote()

    assert world.files(world.sha("staging"))["run.sh"][0] == "100755"


def test_a_file_that_became_a_link_is_pending_as_a_whole(world: World) -> None:
    world.begin({"app.yaml": APP, "base.yaml": APP})
    world.commit("development", {"app.yaml": link("base.yaml")})

    assert world.states() == ["pending app.yaml"]

    world.promote()

    assert world.files(world.sha("staging"))["app.yaml"][0] == "120000"


def test_a_link_changed_on_both_sides_is_a_conflict_and_never_merged_as_text(world: World) -> None:
    world.begin({"current": link("releases/1")})
    world.commit("development", {"current": link("releases/2")})
    world.commit("staging", {"current": link("releases/3")})

    assert world.states() == ["conflict current"]


def test_a_submodule_is_compared_by_its_commit_and_promoted(world: World) -> None:
    world.begin({"charts": submodule(ONE), "app.yaml": APP})
    world.commit("development", {"charts": submodule(TWO)})

    change = world.change()

    assert (change.state, change.key) == (State.PENDING, None)
    assert (change.source.data, change.target.data) == (
        {"blob": TWO, "mode": "160000"},
        {"blob": ONE, "mode": "160000"},
    )

    world.promote()

    assert world.files(world.sha("staging"))["charts"] == ("160000", TWO)


def test_a_submodule_moved_on_both_sides_is_a_conflict(world: World) -> None:
    world.begin({"charts": submodule(ONE)})
    world.commit("development", {"charts": submodule(TWO)})
    world.commit("staging", {"charts": submodule("3" * 40)})

    assert world.states() == ["conflict charts"]


# Bytes


def test_a_binary_file_is_one_value_and_promoted_byte_for_byte(world: World) -> None:
    world.begin({"logo.png": BYTES})
    world.commit("development", {"logo.png": BYTES + b"\x01"})

    world.promote()

    assert world.read("staging", "logo.png") == BYTES + b"\x01"


def test_a_binary_file_changed_on_both_sides_is_a_conflict(world: World) -> None:
    world.begin({"logo.png": BYTES})
    world.commit("development", {"logo.png": b"\x01" + BYTES})
    world.commit("staging", {"logo.png": BYTES + b"\x01"})

    assert world.states() == ["conflict logo.png"]


def test_an_empty_file_is_not_an_absent_one(world: World) -> None:
    world.begin({"other.txt": "x\n"})
    world.commit("development", {"empty.yaml": "", "empty.txt": ""})

    assert world.states() == ["pending empty.txt", "pending empty.yaml"]

    world.promote()

    assert world.read("staging", "empty.yaml") == b""
    assert world.states() == []


def test_values_that_come_into_an_empty_file_are_pending_by_key(world: World) -> None:
    world.begin({"app.yaml": ""})
    world.commit("development", {"app.yaml": "image: v1\n"})

    assert world.states() == ["pending app.yaml:image"]

    world.promote()

    assert world.text("staging", "app.yaml") == "image: v1\n"


def test_a_file_that_was_emptied_is_promoted(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.commit("development", {"app.yaml": ""})

    world.promote()

    assert world.read("staging", "app.yaml") == b""
    assert world.states() == []


@pytest.mark.parametrize("name", ["caf\udce9.yaml", "a b/ö ä.yaml", "tab\tin.yaml", 'quo"te.yaml'])
def test_a_path_of_any_bytes_is_compared_and_promoted(world: World, name: str) -> None:
    world.begin({name: APP, "other.txt": "x\n"})
    world.edit("development", name, "image: v1", "image: v2")
    world.edit("staging", name, "port: 80", "port: 81")

    assert world.states() == [f"pending {name}:image", f"drift {name}:port"]

    world.promote()

    assert world.text("staging", name) == APP.replace("v1", "v2").replace("80", "81")


def test_a_line_break_in_a_path_is_part_of_the_path(world: World) -> None:
    world.begin({"line\nbreak.yaml": APP})
    world.edit("development", "line\nbreak.yaml", "image: v1", "image: v2")

    world.promote()

    assert world.states() == []


# Text that parses in its own way


def test_invalid_yaml_falls_back_to_text_and_the_note_says_where_it_breaks(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.commit("development", {"app.yaml": "image: v1\nreplicas: [1\n"})

    comparison = world.compare()

    assert [spelled(change) for change in comparison.changes] == ["pending app.yaml"]
    (note,) = comparison.notes
    assert note.startswith("app.yaml:3:1: ")
    assert note.endswith("(in development); compared as text, as one value")


def test_a_version_that_does_not_parse_is_skipped_in_a_history(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.edit("development", "app.yaml", "image: v1", "image: [")
    fixed = world.edit("development", "app.yaml", "image: [", "image: v2")

    change = world.change()

    assert (spelled(change), change.agreed.data) == ("pending app.yaml:image", "v1")
    assert [commit.sha for commit in change.commits] == [fixed]


def test_a_key_that_stands_twice_makes_the_file_one_value(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.commit("development", {"app.yaml": APP + "image: v2\n"})

    comparison = world.compare()

    assert [spelled(change) for change in comparison.changes] == ["pending app.yaml"]
    (note,) = comparison.notes
    assert note == (
        "app.yaml:6:1: the key `image` stands twice (in development); "
        "compared as text, as one value"
    )


def test_a_tab_that_indents_makes_the_file_one_value(world: World) -> None:
    world.begin({"app.yaml": "a:\n  b: 1\n"})
    world.commit("development", {"app.yaml": "a:\n\tb: 1\n"})

    comparison = world.compare()

    assert [spelled(change) for change in comparison.changes] == ["pending app.yaml"]
    assert comparison.notes[0].startswith("app.yaml:2:1: ")


def test_tabs_that_separate_are_layout(world: World) -> None:
    world.begin({"app.yaml": "a:\t1\t# one\nb: 2\n"})
    world.edit("development", "app.yaml", "a:\t1", "a:\t5")
    world.edit("staging", "app.yaml", "b: 2", "b: 3")

    world.promote()

    assert world.text("staging", "app.yaml") == "a:\t5\t# one\nb: 3\n"


def test_windows_line_ends_in_one_environment_survive_a_promotion(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.commit("staging", {"app.yaml": APP.replace("\n", "\r\n")})
    world.commit("development", {"app.yaml": APP.replace("v1", "v2") + "new: 1\n"})

    assert world.states() == ["pending app.yaml:image", "pending app.yaml:new"]

    world.promote()

    after = (APP.replace("v1", "v2") + "new: 1\n").replace("\n", "\r\n")
    assert world.read("staging", "app.yaml") == after.encode()


@pytest.mark.parametrize("name", ["app.yaml", "app.json"])
def test_a_byte_order_mark_in_one_environment_survives_a_promotion(world: World, name: str) -> None:
    text = '{"image": "v1", "port": 80}\n'
    world.begin({name: text})
    world.commit("staging", {name: b"\xef\xbb\xbf" + text.encode()})
    world.edit("development", name, "v1", "v2")

    assert world.states() == [f"pending {name}:image"]

    world.promote()

    assert world.read("staging", name) == b"\xef\xbb\xbf" + text.replace("v1", "v2").encode()


def test_a_value_behind_an_anchor_moves_every_place_that_refers_to_it(world: World) -> None:
    text = "base: &base\n  image: v1\n  port: 80\nweb:\n  <<: *base\n  port: 81\njob: *base\n"
    world.begin({"app.yaml": text})
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.commit("staging", {"app.yaml": text + "extra: 1\n"})

    assert world.states() == [
        "pending app.yaml:base.image",
        "drift app.yaml:extra",
        "pending app.yaml:job.image",
        "pending app.yaml:web.image",
    ]

    world.promote()

    assert world.text("staging", "app.yaml") == text.replace("v1", "v2") + "extra: 1\n"


def test_one_environments_merge_key_and_anothers_spelled_out_values_are_in_sync(
    world: World,
) -> None:
    world.begin({"app.yaml": "base: &b\n  a: 1\nweb:\n  a: 1\n  p: 2\nend: 0\n"})
    world.commit("staging", {"app.yaml": "base: &b\n  a: 1\nweb:\n  <<: *b\n  p: 2\nend: 0\n"})
    world.edit("development", "app.yaml", "end: 0", "end: 1")

    assert world.states() == ["pending app.yaml:end"]


def test_documents_are_addressed_by_kind_and_name_so_their_order_does_not_matter(
    world: World,
) -> None:
    web = "kind: Deployment\nmetadata:\n  name: web\nspec:\n  replicas: 1\n"
    db = "kind: Service\nmetadata:\n  name: db\nspec:\n  port: 5432\n"
    world.begin({"all.yaml": f"{web}---\n{db}"})
    world.commit("staging", {"all.yaml": f"{db}---\n{web}"})
    world.edit("development", "all.yaml", "port: 5432", "port: 5433")

    assert world.states() == ["pending all.yaml:Service/db.spec.port"]

    world.promote()

    assert world.text("staging", "all.yaml") == f"{db.replace('5432', '5433')}---\n{web}"


def test_a_whole_new_file_of_another_mode_is_promoted_as_it_is(world: World) -> None:
    world.begin({"other.txt": "x\n"})
    world.commit("development", {"tool": File("#!/bin/sh\n", "100755")})

    world.promote()

    assert world.files(world.sha("staging"))["tool"][0] == "100755"
