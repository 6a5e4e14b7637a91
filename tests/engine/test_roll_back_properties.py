"""What is rolled back never comes back by itself, over histories of every kind."""

from contextlib import suppress
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from bot.engine.candidate import Plan, plan_promotion
from bot.engine.drift import Comparison, compare
from bot.engine.rollback import RollBack, find_promotion, roll_back
from bot.model import Entry, State, Value
from config.patterns import covers
from tests.engine.histories import (
    KINDS,
    LANDINGS,
    NAMES,
    Step,
    Timeline,
    histories,
    keeps,
    play,
    steps_of,
)
from tests.engine.invariants import Leaves, leaves
from tests.engine.memory_git import MemoryGit
from tests.engine.test_properties import examples

HOP = 0
LANDED = LANDINGS[:3]
Place = tuple[str, str]

before = st.one_of(histories, st.lists(steps_of(*KINDS, *("engine",) * 12), max_size=12))
# What happens afterwards that is no hand in the target.
after = st.lists(steps_of("edit", "edit", "files", "engine", "revert"), max_size=6)
landings = st.sampled_from(LANDED)


@dataclass(slots=True)
class Story:
    """A hop in which promotions are rolled back, and what people know to be out."""

    line: Timeline
    out: dict[Place, set[Value]] = field(default_factory=dict)

    def undo(self, landing: str) -> RollBack | None:
        """Roll the newest promotion back."""
        line, head = self.line, self.line.head(HOP + 1)
        promotion = find_promotion(line.git, head.sha, NAMES[HOP + 1])
        found = promotion and roll_back(line.git, head, promotion, line.keep, "ada")
        if found and found.carried.commit is not None:
            commit = found.carried.commit
            line.git.write(commit.objects)
            files = line.git.files(commit.sha)
            merged = [commit.sha] if landing == "merge" else []
            line.commit(HOP + 1, files, commit.message, *merged)
            for change in found.carried.changes:
                self.out.setdefault(change.place, set()).add(change.target)
        return found or None

    def compare(self, lifted: tuple[str, ...] = ()) -> Comparison:
        line = self.line
        return compare(line.git, line.head(HOP), line.head(HOP + 1), line.keep, lifted)

    def plan(self, lifted: tuple[str, ...] = ()) -> Plan:
        return plan_promotion(self.line.git, self.compare(lifted), self.line.keep)

    def go_on(self, step: Step) -> Plan | None:
        """Do one more thing; a promotion is made by itself, and returned."""
        if step.kind != "engine":
            self.line = play([step._replace(hop=HOP)], start=self.line)
            return None
        plan = self.plan()
        self.line.land(HOP, plan, LANDED[step.a % len(LANDED)])
        if plan.candidate is not None:
            for change in plan.promoted:
                self.out.pop(change.place, None)
        return plan


@examples(120)
@given(before, keeps, landings, after)
def test_a_rolled_back_value_never_comes_back_by_itself(
    steps: list[Step], keep: int, landing: str, later: list[Step]
) -> None:
    story = Story(play(steps, keep))
    story.undo(landing)

    for step in later:
        # Once it has changed in the source, what comes is the source's will.
        there = {change.place: change.source for change in story.compare().changes}
        out = {place: vs for place, vs in story.out.items() if there.get(place) in vs}
        story.out = dict(out)
        plan = story.go_on(step)
        if plan is not None and plan.candidate is not None:
            back = [c for c in plan.promoted if c.source in out.get(c.place, ())]
            assert back == []


@examples(120)
@given(before, keeps, landings, after)
def test_what_the_source_changed_since_is_pending_again(
    steps: list[Step], keep: int, landing: str, later: list[Step]
) -> None:
    story = Story(play(steps, keep))
    story.undo(landing)
    for step in later:
        story.go_on(step)

    found = story.compare().changes
    for change in found:
        if change.place not in story.out or change.key is None:
            continue
        meets = [c for c in found if c.path == change.path and c is not change]
        alone = not any(
            covers(c.key or "", change.key) or covers(change.key, c.key or "") for c in meets
        )
        if change.source not in story.out[change.place] and alone:
            assert change.state is State.PENDING


@examples(120)
@given(before, keeps, landings)
def test_a_roll_back_restores_what_one_promotion_did_and_nothing_else(
    steps: list[Step], keep: int, landing: str
) -> None:
    story = Story(play(steps, keep))
    was = story.line.files(HOP + 1)
    found = story.undo(landing)
    if found is None or found.carried.commit is None:
        return

    git, now = story.line.git, story.line.files(HOP + 1)
    then = git.files(found.comparison.source.sha)
    restored: dict[str, set[str | None]] = {}
    for change in found.carried.changes:
        restored.setdefault(change.path, set()).add(change.key)
    assert {path for path in was.keys() | now.keys() if was.get(path) != now.get(path)} <= set(
        restored
    )
    for path, keys in restored.items():
        texts = [_said(git, files.get(path), path) for files in (was, now, then)]
        if None in keys or None in texts:
            continue
        before_, after_, wanted = (text or {} for text in texts)
        for key in before_.keys() | after_.keys():
            if before_.get(key) != after_.get(key) and "[" not in key:
                assert any(covers(one or "", key) for one in keys)
                assert after_.get(key) == wanted.get(key)


def _said(git: MemoryGit, entry: Entry | None, path: str) -> Leaves | None:
    """Return what a file says by key, None where it has no keys."""
    if entry is None or not entry.is_file or not path.endswith((".yaml", ".json", ".toml")):
        return None
    with suppress(Exception):  # of three parsers; what does not parse has no keys
        return leaves(path, git.read([entry.oid])[0].decode())
    return None


@examples(120)
@given(before, keeps, landings)
def test_by_hand_all_that_is_held_comes_back(steps: list[Step], keep: int, landing: str) -> None:
    story = Story(play(steps, keep))
    story.undo(landing)
    held_by = story.compare().held_by
    held = {c.place for c in story.compare().changes if c.state is State.HELD}

    lifted = story.compare(held_by)

    # What would lose values that the target keeps is a conflict however it came about.
    open_ = (State.PENDING, State.CONFLICT)
    assert {c.place for c in lifted.changes if c.state in open_} >= held
    assert not any(change.state is State.HELD for change in lifted.changes)
