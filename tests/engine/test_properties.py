"""The promises of the engine, over histories of every kind of promotion and edit."""

import os
from collections.abc import Callable, Mapping, Sequence

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bot.engine.candidate import MergeMethod, Plan, plan_promotion
from bot.engine.drift import Comparison, compare
from bot.model import Change, State
from tests.engine.histories import (
    LANDINGS,
    Step,
    Timeline,
    histories,
    keeps,
    play,
    steps_of,
)
from tests.engine.invariants import (
    check_afterwards,
    check_held_back,
    check_plan,
    places,
    places_of,
    read_anew,
)
from tests.engine.memory_git import MemoryGit

THOROUGH = bool(os.environ.get("LOCKSTEP_THOROUGH"))
NEW = 1_000_000
RECORDED, INFORMED = LANDINGS[:3], LANDINGS[:-1]

Test = Callable[..., None]


def examples(count: int) -> Callable[[Test], Test]:
    """Return the settings of a property: the same few examples each time, or many new ones."""
    return settings(
        max_examples=count * 40 if THOROUGH else count,
        derandomize=not THOROUGH,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


hops = st.integers(0, 1)
# What people do after a promotion that means the same whatever commit it made.
later = st.lists(
    steps_of("edit", "edit", "edit", "hotfix", "files", "target files", "by hand", "roll back"),
    max_size=5,
)
methods = st.sampled_from(list(MergeMethod))


def landed(line: Timeline, hop: int, landing: str) -> Timeline:
    """Return what becomes of a timeline when the promotion lands like this."""
    other = line.copy()
    other.land(hop, other.plan(hop), landing)
    return other


def written(plan: Plan) -> tuple[str, Mapping[str, tuple[str, bytes]]] | None:
    """Return a plan's commit and the objects that it needs."""
    made = plan.candidate
    return (made.sha, made.objects.objects) if made else None


def leaves_word(line: Timeline, hop: int, landing: str) -> bool:
    """Whether the engine can tell from the history that this promotion was made.

    By its trailers; or by its ancestry, which no older record may outrank.
    """
    at = hop + 1
    outranked = any(line.git.records(line.heads[at], line.head(at).environment))
    return landing in RECORDED or (landing in INFORMED and not outranked)


def is_new(change: Change) -> bool:
    """Whether one side has a value that nobody had before."""
    return any(isinstance(v.data, int) and v.data >= NEW for v in (change.source, change.target))


def states(
    comparison: Comparison, only: Callable[[Change], bool] = lambda _: True
) -> dict[tuple[str, str | None], State]:
    return {(c.path, c.key): c.state for c in comparison.changes if only(c)}


@examples(350)
@given(histories, keeps, methods)
def test_every_pending_value_arrives_and_nothing_else_changes(
    steps: Sequence[Step], keep: int, method: MergeMethod
) -> None:
    line = play(steps, keep)

    for hop in (0, 1):
        check_plan(line.git, line.keep, line.plan(hop, method))


@examples(100)
@given(histories, keeps, hops, methods)
def test_the_same_inputs_give_the_same_commit(
    steps: Sequence[Step], keep: int, hop: int, method: MergeMethod
) -> None:
    line = play(steps, keep)
    repacked = MemoryGit(dict(reversed(line.git.objects.items())))

    plan = line.plan(hop, method)
    comparison = compare(repacked, line.head(hop), line.head(hop + 1), line.keep)
    again = plan_promotion(repacked, comparison, line.keep, method)

    assert comparison == plan.comparison
    assert (again.promoted, again.held_back) == (plan.promoted, plan.held_back)
    assert written(again) == written(plan)


@examples(180)
@given(histories, keeps, hops, st.sampled_from(INFORMED))
def test_promoting_twice_changes_nothing(
    steps: Sequence[Step], keep: int, hop: int, landing: str
) -> None:
    line = play(steps, keep)
    before = line.plan(hop)
    assume(before.candidate and leaves_word(line, hop, landing))

    line.land(hop, before, landing)

    check_afterwards(before, line.plan(hop))


@examples(150)
@given(histories, keeps, hops)
def test_promoting_twice_changes_no_value_even_where_the_squash_says_nothing(
    steps: Sequence[Step], keep: int, hop: int
) -> None:
    line = play(steps, keep)
    before = line.plan(hop)
    assume(before.candidate)

    line.land(hop, before, "bare squash")

    after = line.plan(hop)
    # An item that came counts as a move of the list's order, if the order had drifted.
    conflicts = places(after.comparison, State.CONFLICT)
    new = places_of(after.comparison, read_anew(before))
    assert all(key and key.endswith("[]") for _, key in conflicts - new)
    # Comments, and lines of plain text that both sides changed, may look pending again.
    text = read_anew(before)
    assert all(change.note or change.path in text for change in after.promoted)
    check_held_back(before, after)


@examples(130)
@given(histories, keeps, hops, later, st.tuples(*[st.sampled_from(INFORMED)] * 2))
def test_how_a_promotion_was_merged_changes_no_answer(
    steps: Sequence[Step], keep: int, hop: int, more: Sequence[Step], ways: tuple[str, str]
) -> None:
    line = play(steps, keep)
    assume(line.plan(hop).candidate and all(leaves_word(line, hop, way) for way in ways))

    first, second = (play(more, start=landed(line, hop, way)) for way in ways)

    assert states(first.compare(hop)) == states(second.compare(hop))


@examples(100)
@given(histories, keeps, hops, st.lists(steps_of("edit", "hotfix"), min_size=1, max_size=5))
def test_a_squash_that_says_nothing_misleads_nobody_about_values_that_are_new(
    steps: Sequence[Step], keep: int, hop: int, more: Sequence[Step]
) -> None:
    line = play(steps, keep)
    assume(line.plan(hop).candidate)
    # Even, so that no scalar becomes a mapping.
    new = [step._replace(c=NEW + 2 * at, hop=hop) for at, step in enumerate(more)]

    told = play(new, start=landed(line, hop, "merge")).compare(hop)
    untold = play(new, start=landed(line, hop, "bare squash")).compare(hop)

    assert states(untold, only=is_new) == states(told, only=is_new)


@examples(150)
@given(
    st.lists(
        steps_of("edit", "files", "revert").map(lambda step: step._replace(hop=0))
        | steps_of("engine"),
        max_size=14,
    ),
    keeps,
)
def test_edits_of_the_source_alone_make_no_value_drift(steps: Sequence[Step], keep: int) -> None:
    line = play(steps, keep)

    for hop in (0, 1):
        changes = line.compare(hop).changes
        # Next to a kept value a comment may not come along, and a file that does not
        # parse must not: that is said, and is no value.
        others = [c for c in changes if c.state not in (State.PENDING, State.KEPT)]
        assert all(change.key is None and change.note and keep for change in others)
