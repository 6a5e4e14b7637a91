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
    assert "does not parse in the source" in plan.held_back[0].note
    assert plan.candidate is None


def test_a_file_broken_in_the_source_is_promoted_where_the_target_keeps_nothing_in_it() -> None:
    line = timeline("image: v1\n", REPLICAS)
    write(line, 0, "image: [v2\n")

    plan = line.plan(0)

    assert [(c.key, c.state) for c in plan.promoted] == [(None, State.PENDING)]
