"""Histories of three environments, from lists of steps: any list of steps makes one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from hypothesis import strategies as st

from bot.engine.candidate import MergeMethod, Plan, plan_promotion
from bot.engine.drift import Comparison, compare
from bot.engine.keep import Keep
from bot.model import Entry, Head
from config.schema import KeepRule
from tests.engine.edits import START, change_files, edit_file
from tests.engine.memory_git import Files, MemoryGit
from tests.engine.merge3 import merge3

NAMES = ("development", "staging", "production")

KEEPS = (
    Keep(),
    Keep([KeepRule(path="**/*.yaml", keys=("**.replicas", "database.host"))]),
    Keep([KeepRule(path="overlays/**"), KeepRule(path="**", keys=("replicas", "**.port"))]),
)


class Step(NamedTuple):
    """Something that happens. `hop` is 0 or 1; what `a`, `b` and `c` select depends on the kind."""

    kind: str
    hop: int = 0
    a: int = 0
    b: int = 0
    c: int = 0


@dataclass(slots=True)
class Timeline:
    """Three branches and the commits on them, made step by step."""

    keep: Keep = field(default_factory=Keep)
    git: MemoryGit = field(default_factory=MemoryGit)
    heads: list[str] = field(default_factory=list)
    time: int = 1_700_000_000

    def __post_init__(self) -> None:
        if not self.heads:
            files = {path: self.git.blob(text.encode()) for path, text in START.items()}
            self.heads = [self._committed(files, [], "Begin")] * len(NAMES)

    def copy(self) -> "Timeline":
        """Return a timeline that goes its own way from here; objects never change."""
        return Timeline(self.keep, self.git, list(self.heads), self.time)

    def _committed(self, files: Files, parents: Sequence[str], message: str) -> str:
        self.time += 60
        return self.git.commit(files, parents, message, self.time)

    def commit(self, at: int, files: Files, message: str, *merged: str) -> None:
        """Put a commit on a branch."""
        self.heads[at] = self._committed(files, [self.heads[at], *merged], message)

    def files(self, at: int) -> dict[str, Entry]:
        """Return what an environment holds."""
        return self.git.files(self.heads[at])

    # The engine

    def head(self, at: int) -> Head:
        """Return an environment as the engine takes it."""
        return Head(NAMES[at], f"env/{NAMES[at]}", self.heads[at])

    def compare(self, hop: int) -> Comparison:
        """Compare the two environments of a hop."""
        return compare(self.git, self.head(hop), self.head(hop + 1), self.keep)

    def plan(self, hop: int, method: MergeMethod = MergeMethod.MERGE) -> Plan:
        """Plan the promotion of a hop."""
        return plan_promotion(self.git, self.compare(hop), self.keep, method)

    def land(self, hop: int, plan: Plan, landing: str) -> None:
        """Merge a plan's candidate into its target, as forges and people do it."""
        made = plan.candidate
        if made is None:
            return
        self.git.write(made.objects)
        at, files = hop + 1, self.git.files(made.sha)
        match landing:
            case "fast-forward":
                self.heads[at] = made.sha
            case "merge":
                self.commit(at, files, made.message, made.sha)
            case "squash":
                self.commit(at, files, made.message)
            case "bare merge":
                self.commit(at, files, "Merge branch", made.sha)
            case "bare ancestry":
                self.commit(at, files, "Merge branch", self.heads[hop])
            case _:
                self.commit(at, files, "Squashed by somebody")

    # Merging as git does

    def merged(self, base: Files, ours: Files, theirs: Files) -> dict[str, Entry]:
        """Return the three-way merge of trees; where git would stop, theirs."""
        found = {}
        for path in {*ours, *theirs}:
            was, mine, yours = base.get(path), ours.get(path), theirs.get(path)
            kept = mine if yours == was else yours
            if was and mine and yours and mine.is_file and was not in (mine, yours):
                text = merge3(*self.git.read([was.oid, mine.oid, yours.oid]))
                kept = yours if text is None else self.git.blob(text, mine.mode)
            if kept is not None:
                found[path] = kept
        return found

    def merge(self, source: int, target: int) -> dict[str, Entry]:
        """Return the tree of a merge of one branch into another."""
        bases = self.git.merge_bases(self.heads[source], self.heads[target])
        base = self.git.files(bases[0]) if bases else {}
        return self.merged(base, self.files(target), self.files(source))

    def pick(self, at: int, commit: str, *, revert: bool = False) -> None:
        """Bring over what one commit did, or undo it."""
        parents = self.git.parents(commit)
        before = self.git.files(parents[0]) if parents else {}
        after = self.git.files(commit)
        base, theirs = (after, before) if revert else (before, after)
        self.commit(at, self.merged(base, self.files(at), theirs), f"Pick {commit[:7]}")

    def nth(self, at: int, n: int) -> str:
        """Return a commit of a branch's first-parent line, counted from its head."""
        line = self.git.first_parents(self.heads[at])
        return line[n % len(line)]

    def promotion(self, hop: int) -> str:
        """Return the message of a squash that says what it is."""
        return (
            f"Promote\n\nLockstep-Promotion: x\nLockstep-Source: {self.heads[hop]}\n"
            f"Lockstep-Environment: {NAMES[hop + 1]}\n"
        )


Play = Callable[[Timeline, Step], None]


def _engine(line: Timeline, step: Step) -> None:
    landing = LANDINGS[step.a % len(LANDINGS)]
    method = MergeMethod.SQUASH if step.b % 2 else MergeMethod.MERGE
    line.land(step.hop, line.plan(step.hop, method), landing)


def _merge(line: Timeline, step: Step) -> None:
    line.commit(step.hop + 1, line.merge(step.hop, step.hop + 1), "Merge", line.heads[step.hop])


def _squash(line: Timeline, step: Step) -> None:
    message = line.promotion(step.hop) if step.c % 2 else "Squash"
    line.commit(step.hop + 1, line.merge(step.hop, step.hop + 1), message)


def _copy(line: Timeline, step: Step) -> None:
    message = line.promotion(step.hop) if step.c % 2 else "Release"
    line.commit(step.hop + 1, line.files(step.hop), message)


def _partial(line: Timeline, step: Step) -> None:
    whole, files = line.merge(step.hop, step.hop + 1), line.files(step.hop + 1)
    for at, path in enumerate(sorted({*whole, *files})):
        if step.c >> (at % 2) & 1:
            files.pop(path, None)
            files |= {path: whole[path]} if path in whole else {}
    line.commit(step.hop + 1, files, "Some of it")


def _rebase(line: Timeline, step: Step) -> None:
    known = line.git.log(line.heads[step.hop], [line.heads[step.hop + 1]], [])
    commits = [sha for sha in line.git.first_parents(line.heads[step.hop]) if sha in known]
    for commit in reversed(commits[:6]):
        line.pick(step.hop + 1, commit)


def _pick(line: Timeline, step: Step) -> None:
    line.pick(step.hop + 1, line.nth(step.hop, step.c))


def _by_hand(line: Timeline, step: Step) -> None:
    for at in (step.hop, step.hop + 1):
        line.commit(at, edit_file(line.git, line.files(at), *step[2:]), "By hand, twice")


def _evil(line: Timeline, step: Step) -> None:
    at, other = (step.hop, step.hop + 1) if step.c % 2 else (step.hop + 1, step.hop)
    line.commit(at, line.files(at), "Merge, keeping ours", line.heads[other])


def _cross(line: Timeline, step: Step) -> None:
    target = line.heads[step.hop + 1]
    back = line.merge(step.hop + 1, step.hop)
    _merge(line, step)
    line.commit(step.hop, back, "Back-merge what was there before", target)


def _back_merge(line: Timeline, step: Step) -> None:
    merged = [line.heads[step.hop + 1]] if step.c % 2 else []
    line.commit(step.hop, line.merge(step.hop + 1, step.hop), "Back-merge", *merged)


def _roll_back(line: Timeline, step: Step) -> None:
    line.commit(step.hop + 1, line.git.files(line.nth(step.hop + 1, step.c)), "Roll back")


def _reset(line: Timeline, step: Step) -> None:
    line.heads[step.hop] = line.nth(step.hop, step.c)


STEPS: dict[str, Play] = {
    "edit": lambda line, step: line.commit(
        step.hop, edit_file(line.git, line.files(step.hop), *step[2:]), f"Edit {step[2:]}"
    ),
    "hotfix": lambda line, step: line.commit(
        step.hop + 1, edit_file(line.git, line.files(step.hop + 1), *step[2:]), f"Fix {step[2:]}"
    ),
    "files": lambda line, step: line.commit(
        step.hop, change_files(line.git, line.files(step.hop), *step[2:]), f"Files {step[2:]}"
    ),
    "target files": lambda line, step: line.commit(
        step.hop + 1, change_files(line.git, line.files(step.hop + 1), *step[2:]), "Files"
    ),
    "revert": lambda line, step: line.pick(step.hop, line.nth(step.hop, step.c), revert=True),
    "engine": _engine,
    "merge": _merge,
    "squash": _squash,
    "copy": _copy,
    "partial": _partial,
    "rebase": _rebase,
    "pick": _pick,
    "by hand": _by_hand,
    "evil": _evil,
    "back-merge": _back_merge,
    "cross": _cross,
    "roll back": _roll_back,
    "reset": _reset,
}

# Three bear the candidate's trailers, two have its ancestry, one has neither.
LANDINGS = ("fast-forward", "merge", "squash", "bare merge", "bare ancestry", "bare squash")

# Edits are most of what happens, and most often to one file: there they meet.
KINDS = ("edit",) * 8 + ("hotfix",) * 4 + ("files", "target files") * 2 + tuple(STEPS)
WHICH = (0, 1, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8)


def play(steps: Sequence[Step], keep: int = 0, *, start: Timeline | None = None) -> Timeline:
    """Return the timeline that the steps make."""
    line = start.copy() if start else Timeline(KEEPS[keep])
    for step in steps:
        STEPS[step.kind](line, step)
    return line


def steps_of(*kinds: str) -> st.SearchStrategy[Step]:
    """Return the strategy of single steps of some kinds."""
    which = st.sampled_from(WHICH)
    how = st.integers(0, 5) | st.integers(0, 16)
    return st.builds(Step, st.sampled_from(kinds), st.integers(0, 1), which, how, st.integers(0, 3))


def random_steps(random: Random, count: int) -> list[Step]:
    """Return steps without hypothesis, many in little time."""
    return [
        Step(
            random.choice(KINDS),
            random.randrange(2),
            random.choice(WHICH),
            random.randrange(17),
            random.randrange(4),
        )
        for _ in range(count)
    ]


def _long(seed: int) -> list[Step]:
    random = Random(seed)
    return random_steps(random, random.randrange(5, 40))


# Short ones shrink well; long ones, evenly random, find more: what goes wrong late needs a past.
histories = st.lists(steps_of(*KINDS), max_size=12) | st.builds(_long, st.integers(0, 2**32))
keeps = st.integers(0, len(KEEPS) - 1)
