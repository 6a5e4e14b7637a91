"""The smallest histories on which generated ones found the engine wrong."""

from bot.engine.keep import Keep
from bot.model import State
from config.schema import KeepRule
from tests.engine.histories import Timeline

REPLICAS = Keep([KeepRule(path="**/*.yaml", keys=("replicas",))])


def timeline(text: str, keep: Keep) -> Timeline:
    """Return three environments that hold one file."""
    line = Timeline(keep)
    start = line.git.commit({"app.yaml": line.git.blob(text.encode())}, [], "Begin", line.time)
    line.heads = [start] * 3
    return line


def write(line: Timeline, at: int, text: str) -> None:
    line.commit(at, {"app.yaml": line.git.blob(text.encode())}, "Edit")


def test_a_file_broken_in_the_source_does_not_overwrite_what_the_target_keeps() -> None:
    line = timeline("image: v1\nreplicas: 1\n", REPLICAS)
    write(line, 1, "image: v1\nreplicas: 3\n")
    write(line, 0, "image: v2\nreplicas: [1\n")

    plan = line.plan(0)

    assert [(c.key, c.state) for c in plan.held_back] == [(None, State.CONFLICT)]
    assert "one side does not parse" in plan.held_back[0].note
    assert plan.candidate is None


def test_a_file_broken_in_the_source_is_promoted_where_the_target_keeps_nothing_in_it() -> None:
    line = timeline("image: v1\n", REPLICAS)
    write(line, 0, "image: [v2\n")

    plan = line.plan(0)

    assert [(c.key, c.state) for c in plan.promoted] == [(None, State.PENDING)]


def test_a_comment_that_came_went_and_came_again_arrives_next_to_a_kept_value() -> None:
    line = timeline("image: v1\nreplicas: 1\n", REPLICAS)
    write(line, 1, "image: v1\nreplicas: 3\n")
    write(line, 0, "image: v1 # tested\nreplicas: 1\n")
    line.commit(1, line.files(1), "Merge, keeping ours", line.heads[0])
    write(line, 0, "image: v1\nreplicas: 1\n")
    write(line, 0, "image: v1 # tested\nreplicas: 1\n")

    line.land(0, line.plan(0), "fast-forward")

    (entry,) = line.files(1).values()
    assert line.git.read([entry.oid]) == [b"image: v1 # tested\nreplicas: 3\n"]


def test_a_mode_arrives_and_leaves_the_comments_of_a_hotfix_alone() -> None:
    line = timeline("image: v1\nreplicas: 1\n", Keep())
    write(line, 1, "# fixed\nimage: v9\nreplicas: 1\n")
    write(line, 0, "# tried\nimage: v1\nreplicas: 1\n")
    line.commit(0, {"app.yaml": line.files(0)["app.yaml"]._replace(mode="100755")}, "Mode")

    line.land(0, line.plan(0), "fast-forward")

    (entry,) = line.files(1).values()
    assert entry.mode == "100755"
    assert line.git.read([entry.oid]) == [b"# fixed\nimage: v9\nreplicas: 1\n"]


def test_a_file_broken_in_the_target_does_not_get_the_sources_kept_values() -> None:
    line = timeline("image: v1\nreplicas: 1\n", REPLICAS)
    write(line, 1, "image: v1\nreplicas: [3\n")
    write(line, 0, "image: v2\nreplicas: 1\n")

    plan = line.plan(0)

    assert (plan.candidate, [c.state for c in plan.held_back]) == (None, [State.CONFLICT])


def test_a_file_does_not_arrive_below_a_file_that_the_target_made() -> None:
    line = timeline("image: v1\n", Keep())
    line.commit(1, line.files(1) | {"db": line.git.blob(b"hotfix\n")}, "A file")
    line.commit(0, line.files(0) | {"db/host": line.git.blob(b"new\n")}, "A directory")

    plan = line.plan(0)

    assert (plan.candidate, plan.state, plan.promoted) == (None, State.CONFLICT, ())
    assert [(c.path, c.state, c.note) for c in plan.held_back] == [
        ("db", State.DRIFT, ""),
        ("db/host", State.CONFLICT, "the target has db, and cannot have both"),
    ]


def test_a_file_does_not_replace_a_directory_in_which_the_target_made_one() -> None:
    line = timeline("image: v1\n", Keep())
    line.commit(1, line.files(1) | {"db/host": line.git.blob(b"hotfix\n")}, "A directory")
    line.commit(0, line.files(0) | {"db": line.git.blob(b"new\n")}, "A file")

    plan = line.plan(0)

    assert [(c.path, c.state) for c in plan.held_back] == [
        ("db", State.CONFLICT),
        ("db/host", State.DRIFT),
    ]
    assert plan.candidate is None


def test_a_directory_that_becomes_a_file_is_promoted() -> None:
    line = timeline("image: v1\n", Keep())
    for at in (0, 1):
        line.commit(at, line.files(at) | {"db/host": line.git.blob(b"old\n")}, "A directory")
    files = {"app.yaml": line.files(0)["app.yaml"], "db": line.git.blob(b"new\n")}
    line.commit(0, files, "A file")

    line.land(0, line.plan(0), "fast-forward")

    assert line.files(1) == files


def test_a_comment_behind_a_kept_value_is_kept_with_it() -> None:
    line = timeline("replicas: 1 # small\nimage: v1\n", REPLICAS)
    write(line, 1, "replicas: 9 # see the load test\nimage: v1\n")
    write(line, 0, "replicas: 2 # small\nimage: v2\n")

    line.land(0, line.plan(0), "fast-forward")

    (entry,) = line.files(1).values()
    assert line.git.read([entry.oid]) == [b"replicas: 9 # see the load test\nimage: v2\n"]


def test_a_comment_behind_a_kept_value_stays_where_layout_alone_arrives() -> None:
    line = timeline("replicas: 1\n# old\nimage: v1\n", REPLICAS)
    write(line, 1, "replicas: 9 # see the load test\n# old\nimage: v1\n")
    write(line, 0, "replicas: 1\n# new\nimage: v1\n")

    line.land(0, line.plan(0), "fast-forward")

    (entry,) = line.files(1).values()
    assert line.git.read([entry.oid]) == [b"replicas: 9 # see the load test\n# new\nimage: v1\n"]
