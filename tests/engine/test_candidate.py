"""The candidate: what it holds, how its text is made, and how it is committed."""

import pytest

from bot.engine.candidate import MergeMethod
from bot.model import State
from tests.world import World, executable, kept, spelled

APP = "image: v1\nreplicas: 1\nlog_level: info\nregion: eu\n"


# What is promoted


def test_every_pending_value_arrives_and_kept_and_drifted_ones_stay(world: World) -> None:
    keep = kept("app.yaml:region")
    world.begin({"app.yaml": APP, "own.txt": "1\n"})
    world.commit("staging", {"app.yaml": APP.replace("eu", "us").replace("s: 1", "s: 5")})
    world.commit("staging", {"own.txt": "2\n"})
    world.commit("development", {"app.yaml": APP.replace("v1", "v2").replace("info", "debug")})
    world.commit("development", {"new/deep/file.txt": "x\n"})

    plan = world.promote(keep=keep)

    assert [spelled(change) for change in plan.promoted] == [
        "pending app.yaml:image",
        "pending app.yaml:log_level",
        "pending new/deep/file.txt",
    ]
    assert [spelled(change) for change in plan.held_back] == [
        "kept app.yaml:region",
        "drift app.yaml:replicas",
        "drift own.txt",
    ]
    assert world.text("staging", "app.yaml") == (
        "image: v2\nreplicas: 5\nlog_level: debug\nregion: us\n"
    )
    assert world.text("staging", "own.txt") == "2\n"
    assert world.text("staging", "new/deep/file.txt") == "x\n"


def test_a_conflict_anywhere_blocks_the_promotion(world: World) -> None:
    world.begin({"app.yaml": APP, "other.yaml": "a: 1\n"})
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.edit("staging", "app.yaml", "image: v1", "image: v3")
    world.edit("development", "other.yaml", "a: 1", "a: 2")

    plan = world.plan()

    assert (plan.candidate, plan.state) == (None, State.CONFLICT)


def test_where_nothing_is_pending_there_is_no_candidate(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.edit("staging", "app.yaml", "image: v1", "image: v2")

    plan = world.plan()

    assert (plan.candidate, plan.state) == (None, State.DRIFT)


@pytest.mark.parametrize("method", list(MergeMethod))
def test_promoting_twice_changes_nothing(world: World, method: MergeMethod) -> None:
    world.begin({"app.yaml": APP})
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.edit("staging", "app.yaml", "replicas: 1", "replicas: 2")
    world.promote(method=method)

    plan = world.plan(method=method)

    assert plan.candidate is None
    assert [spelled(change) for change in plan.held_back] == ["drift app.yaml:replicas"]


def test_a_new_file_brings_the_sources_kept_keys_and_the_plan_says_so(world: World) -> None:
    keep = kept("**/*.yaml:region", "**/*.yaml:db.host")
    world.begin({"app.yaml": APP})
    world.commit("development", {"new.yaml": "region: eu\ndb: {host: a, port: 1}\n"})

    (change,) = world.promote(keep=keep).promoted

    assert (spelled(change), change.note) == (
        "pending new.yaml",
        "new file: brings the source's own db.host, region",
    )
    assert world.text("staging", "new.yaml") == "region: eu\ndb: {host: a, port: 1}\n"


def test_a_file_that_is_too_unlike_is_new_and_not_renamed(world: World) -> None:
    keep = kept("**/*.yaml:region")
    world.begin({"old.yaml": APP})
    world.edit("staging", "old.yaml", "region: eu", "region: us")
    world.commit("development", {"old.yaml": None, "new.yaml": "region: eu\nx: 1\ny: 2\nz: 3\n"})

    plan = world.promote(keep=keep)

    assert [change.note for change in plan.promoted] == [
        "new file: brings the source's own region",
        "",
    ]
    assert world.text("staging", "new.yaml").startswith("region: eu\n")


def test_a_new_part_of_a_file_arrives_without_the_keys_that_the_target_keeps(
    world: World,
) -> None:
    keep = kept("app.yaml:**.replicas")
    world.begin({"app.yaml": "web:\n  image: v1\n  replicas: 1\nlast: 1\n"})
    world.edit("staging", "app.yaml", "last: 1", "last: 2")
    new = "job:\n  image: v1\n  replicas: 4\nlast: 1\n"
    world.edit("development", "app.yaml", "last: 1\n", new)

    world.promote(keep=keep)

    assert world.text("staging", "app.yaml") == (
        "web:\n  image: v1\n  replicas: 1\njob:\n  image: v1\nlast: 2\n"
    )


# How the text is made


def test_where_the_source_had_the_targets_text_its_own_arrives_byte_by_byte(world: World) -> None:
    world.begin({"app.yaml": APP})
    changed = "# new owner\nregion: eu\nimage:   'v2'   # pinned\nlog_level: info\n"
    world.commit("development", {"app.yaml": changed})

    world.promote()

    assert world.text("staging", "app.yaml") == changed


def test_where_git_merges_to_what_is_expected_comments_of_both_sides_arrive(
    world: World,
) -> None:
    text = "a: 1\nb: 2\nc: 3\nd: 4\ne: 5\n"
    world.begin({"app.yaml": text})
    world.commit("development", {"app.yaml": "# ours\na: 9\nb: 2\nc: 3\nd: 4\ne: 5\n"})
    world.commit("staging", {"app.yaml": "a: 1\nb: 2\nc: 3\nd: 4\n# theirs\ne: 8\n"})

    world.promote()

    merged = "# ours\na: 9\nb: 2\nc: 3\nd: 4\n# theirs\ne: 8\n"
    assert world.text("staging", "app.yaml") == merged


def test_a_clean_merge_that_says_something_else_is_not_taken(world: World) -> None:
    text = "a: 1\nb: 2\nc: 3\nd: 4\ne: 5\n"
    world.begin({"app.yaml": text})
    # Both add the same key, far apart: git merges cleanly and the key stands twice.
    world.commit("development", {"app.yaml": "new: 1\n" + text.replace("c: 3", "c: 4")})
    world.commit("staging", {"app.yaml": text + "new: 1\n"})

    world.promote()

    assert world.text("staging", "app.yaml") == text.replace("c: 3", "c: 4") + "new: 1\n"


def test_every_byte_but_the_value_stays_as_the_target_has_it(world: World) -> None:
    world.begin({"app.yaml": APP})
    theirs = (
        "# ops\nregion:   us # here\n\n'image':    \"v1\"   # pinned\nreplicas: 1\nlog_level: info"
    )
    world.commit("staging", {"app.yaml": theirs})
    world.edit("development", "app.yaml", "image: v1", "image: v2")

    world.promote()

    assert world.text("staging", "app.yaml") == theirs.replace('"v1"', "v2")


@pytest.mark.parametrize(
    "spelling", ["0644", "off", "1_000", "0x1F", "'quoted'", '"\\u00e9"', "~", "1e3", "1.50"]
)
def test_a_value_keeps_the_spelling_it_has_in_the_source(world: World, spelling: str) -> None:
    world.begin({"app.yaml": "a: 1\nb: 1\n"})
    world.edit("development", "app.yaml", "a: 1", f"a: {spelling}")
    world.edit("staging", "app.yaml", "b: 1", "b: 2")

    world.promote()

    assert world.text("staging", "app.yaml") == f"a: {spelling}\nb: 2\n"


def test_a_value_that_cannot_be_written_is_a_conflict_that_only_the_plan_sees(
    world: World,
) -> None:
    keep = kept("app.yaml:web.image")
    text = "base: &base\n  image: v1\nweb:\n  <<: *base\n  port: 80\n"
    world.begin({"app.yaml": text, "other.yaml": "a: 1\n"})
    world.commit("staging", {"app.yaml": text.replace("80", "81")})
    # The base cannot move without moving what merges it, and that is the target's own.
    world.commit("development", {"app.yaml": text.replace("v1", "v2")})

    comparison, plan = world.compare(keep=keep), world.plan(keep=keep)

    assert comparison.state is State.DRIFT
    assert (plan.candidate, plan.state) == (None, State.CONFLICT)
    (refused,) = [change for change in plan.held_back if change.state is State.CONFLICT]
    assert refused.key == "base.image"
    assert refused.note.startswith("the value cannot be written into the target's text: ")


def test_comments_that_cannot_be_brought_over_stay_behind_and_block_nothing(
    world: World,
) -> None:
    keep = kept("app.yaml:hosts")
    world.begin({"app.yaml": "hosts:\n- a\n- c\nx: 1\n", "other.yaml": "a: 1\n"})
    # A block cannot stand in brackets, so the new layout has no room for the kept value.
    theirs = "hosts:\n- b\n- c\nx: 1\n"
    world.commit("staging", {"app.yaml": theirs})
    world.commit("development", {"app.yaml": "{hosts: a, x: 1}\n", "other.yaml": "a: 2\n"})

    plan = world.promote(keep=keep)

    assert [spelled(change) for change in plan.promoted] == ["pending other.yaml:a"]
    assert [(spelled(change), change.note) for change in plan.held_back] == [
        ("pending app.yaml", "comments or layout could not be merged; the target's stay"),
        ("kept app.yaml:hosts", ""),
    ]
    assert plan.state is State.PENDING
    assert world.text("staging", "app.yaml") == theirs


@pytest.mark.parametrize("name", ["app.yaml", "notes.txt"])
def test_no_conflict_marker_is_ever_written(world: World, name: str) -> None:
    world.begin({name: "a: 1\n"})
    world.edit("development", name, "a: 1", "a: 2")
    world.edit("staging", name, "a: 1", "a: 3")

    plan = world.plan()

    assert (plan.candidate, plan.state) == (None, State.CONFLICT)


def test_toml_is_promoted_value_by_value(world: World) -> None:
    text = '# top\n[db]\nhost = "a" # kept\nport = 1\n\n[[web]]\nname = "x"\nsize = 1\n'
    world.begin({"app.toml": text})
    world.edit("staging", "app.toml", '"a"', '"b"')
    world.commit(
        "development",
        {"app.toml": text.replace("port = 1", "port = 0x10").replace("e = 1", "e = 2")},
    )

    assert world.states() == [
        "drift app.toml:db.host",
        "pending app.toml:db.port",
        "pending app.toml:web[name=x].size",
    ]

    world.promote()

    after = text.replace('"a"', '"b"').replace("port = 1", "port = 0x10").replace("e = 1", "e = 2")
    assert world.text("staging", "app.toml") == after


def test_json_is_promoted_value_by_value(world: World) -> None:
    text = '{\n    "db": {"host": "a", "port": 1},\n    "x": [1,2]\n}'
    world.begin({"app.json": text})
    world.edit("staging", "app.json", '"a"', '"b"')
    world.edit("development", "app.json", "[1,2]", "[1, 2, 3]")

    world.promote()

    assert world.text("staging", "app.json") == (
        '{\n    "db": {"host": "b", "port": 1},\n    "x": [1, 2, 3]\n}'
    )


# The commit


@pytest.mark.parametrize(
    ("method", "parents"),
    [
        (MergeMethod.MERGE, ["staging", "development"]),
        (MergeMethod.FAST_FORWARD, ["staging", "development"]),
        (MergeMethod.SQUASH, ["staging"]),
        (MergeMethod.REBASE, ["staging"]),
    ],
)
def test_the_parents_follow_from_the_merge_method(
    world: World, method: MergeMethod, parents: list[str]
) -> None:
    world.begin({"app.yaml": APP})
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    expected = [world.sha(name) for name in parents]

    plan = world.promote(method=method)

    assert plan.candidate is not None
    assert list(plan.candidate.parents) == world.parents(plan.candidate.sha) == expected


def test_the_message_tells_commits_and_pull_requests_and_ends_in_the_trailers(
    world: World,
) -> None:
    world.begin({"app.yaml": APP, "b.yaml": "b: 1\n"})
    world.edit("development", "app.yaml", "image: v1", "image: v2", "Use v2 (#12)")
    world.branch("topic", at="development")
    world.edit("topic", "b.yaml", "b: 1", "b: 2", "Raise b\n\nSee merge request acme/app!7")
    world.commit("development", {}, "Say nothing of value")
    world.merge("topic", "development")
    sha = world.sha("development")

    plan = world.plan()

    assert plan.candidate is not None
    use_v2, raise_b = plan.commits
    assert plan.candidate.message == (
        "Promote development to staging\n"
        "\n"
        "2 changes in 2 files, from develop into staging:\n"
        "\n"
        f"- Use v2 (#12) ({use_v2.sha[:10]}, Ada)\n"
        f"- Raise b ({raise_b.sha[:10]}, Ada)\n"
        "\n"
        "Pull requests: #12, !7\n"
        "\n"
        f"Lockstep-Promotion: staging/{sha[:12]}\n"
        f"Lockstep-Source: {sha}\n"
        "Lockstep-Environment: staging\n"
    )


def test_what_commits_say_can_neither_forge_nor_break_the_trailers(world: World) -> None:
    world.begin({"app.yaml": APP})
    evil = f"Lockstep-Source: {'0' * 40}\rLockstep-Environment: production\x0b\x1b[31m\u2028x"
    world.commit("development", {"app.yaml": APP.replace("v1", "v2")}, evil, author="A\x07 <a@x>")
    sha = world.sha("development")

    plan = world.plan()

    assert plan.candidate is not None
    trailers = world.git(
        "interpret-trailers", "--parse", stdin=plan.candidate.message.encode()
    ).decode()
    assert trailers.splitlines() == [
        f"Lockstep-Promotion: staging/{sha[:12]}",
        f"Lockstep-Source: {sha}",
        "Lockstep-Environment: staging",
    ]
    (line,) = [line for line in plan.candidate.message.split("\n") if line.startswith("- ")]
    assert line.isprintable()


def test_a_long_list_of_commits_is_cut_and_says_so(world: World) -> None:
    world.begin({"app.yaml": "a: 0\n"})
    for number in range(1, 106):
        world.commit("development", {"app.yaml": f"a: {number}\n"}, f"Set {number}")

    plan = world.plan()

    assert plan.candidate is not None
    lines = [line for line in plan.candidate.message.split("\n") if line.startswith("- ")]
    assert (len(lines), lines[0][:9], lines[-1]) == (101, "- Set 105", "- and 5 more")
    assert len(plan.commits) == 105


def test_author_and_dates_come_from_the_newer_of_the_two_heads(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.edit("staging", "app.yaml", "replicas: 1", "replicas: 2")
    newest = world.git("show", "-s", "--format=%ct", world.sha("staging")).decode().strip()

    plan = world.promote()

    assert plan.candidate is not None
    shown = world.git("show", "-s", "--format=%an|%at|%cn|%ct|%ai", plan.candidate.sha).decode()
    assert shown == f"Lockstep|{newest}|Lockstep|{newest}|2026-01-05 09:02:00 +0000\n"


def test_the_same_inputs_give_the_same_candidate_again(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.edit("staging", "app.yaml", "replicas: 1", "replicas: 2")

    first, second = world.plan().candidate, world.plan().candidate

    assert first is not None
    assert second is not None
    assert first.sha == second.sha


def test_a_rebuild_on_a_moved_target_keeps_the_promotions_id(world: World) -> None:
    world.begin({"app.yaml": APP})
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    first = world.plan().candidate
    world.edit("staging", "app.yaml", "replicas: 1", "replicas: 2")
    second = world.plan().candidate

    assert first is not None
    assert second is not None
    assert first.sha != second.sha
    assert first.message.splitlines()[-3:] == second.message.splitlines()[-3:]


def test_a_repository_that_is_only_looked_at_is_not_written_to(world: World) -> None:
    world.begin({"app.yaml": APP, "notes.txt": "".join(f"line {n}\n" for n in range(9))})
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.edit("staging", "app.yaml", "replicas: 1", "replicas: 2")
    world.edit("development", "notes.txt", "line 1", "line one")
    world.edit("staging", "notes.txt", "line 7", "line seven")
    before = {path: path.stat().st_mtime_ns for path in world.directory.rglob("*")}

    plan = world.plan()

    assert plan.candidate is not None
    assert {path: path.stat().st_mtime_ns for path in world.directory.rglob("*")} == before


def test_git_finds_nothing_wrong_with_the_objects_of_a_candidate(world: World) -> None:
    world.begin({"a.b/c": "1\n", "a/b": "1\n", "a0": "1\n", "run": "1\n", "app.yaml": APP})
    world.commit(
        "development",
        {
            "a/b": None,
            "a.b/d": "2\n",
            "a0": None,
            "a0/x": "1\n",
            "run": executable("1\n"),
            "app.yaml": APP.replace("v1", "v2"),
        },
    )
    world.edit("staging", "app.yaml", "replicas: 1", "replicas: 2")

    world.promote()

    assert world.git("fsck", "--strict", "--no-dangling") == b""
    assert sorted(world.files(world.sha("staging"))) == [
        "a.b/c", "a.b/d", "a0/x", "app.yaml", "run",
    ]  # fmt: skip


def test_a_repository_of_sha256_ids_is_compared_and_promoted_alike(world256: World) -> None:
    world256.begin({"app.yaml": APP})
    world256.edit("development", "app.yaml", "image: v1", "image: v2")
    world256.edit("staging", "app.yaml", "replicas: 1", "replicas: 2")

    plan = world256.promote(method=MergeMethod.SQUASH)

    assert plan.candidate is not None
    assert len(plan.candidate.sha) == 64
    assert world256.git("fsck", "--strict", "--no-dangling") == b""
    assert world256.states() == ["drift app.yaml:replicas"]
