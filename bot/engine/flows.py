"""What moved from one branch to another, and when, told from their first-parent lines alone.

A promotion shows in the content: a commit of one branch brings what another branch had
before. So it does not matter how it was merged, or by whom.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bot.engine.commits import committed_at, read_commits
from bot.engine.objects import Objects
from bot.engine.trees import TreeReader, text_path
from bot.model import Commit, Entry

_TREE = b"40000"
# Fewer promotions than this tell no habit.
_FEWEST = 3
# The share of promotions that makes a habit.
_HABIT = 0.75


class Step(NamedTuple):
    """A path's entry after a commit. `time` is in seconds since 1970, never going back."""

    time: int
    sha: str
    before: Entry | None
    after: Entry | None


@dataclass(frozen=True, slots=True)
class Past:
    """The first-parent line of a branch, oldest first: its commits, and each path's entries.

    `times` are those of the commits, by id, in order; `merged` maps a merge to its other
    parents.
    """

    branch: str
    head: str
    files: dict[str, Entry]
    times: dict[str, int]
    merged: dict[str, tuple[str, ...]]
    steps: dict[str, list[Step]]


def read_pasts(objects: Objects, heads: dict[str, str]) -> dict[str, Past]:
    """Read the first-parent lines of branches, given with their heads."""
    reader = TreeReader(objects)
    files = {branch: list_files(reader, reader.root(sha)) for branch, sha in heads.items()}
    paths = sorted({path for found in files.values() for path in found})
    return {
        branch: _read_past(objects, branch, sha, files[branch], paths)
        for branch, sha in heads.items()
    }


def _read_past(
    objects: Objects, branch: str, head: str, files: dict[str, Entry], paths: Sequence[str]
) -> Past:
    log = list(reversed(objects.log(head, [], paths, first_parent=True).values()))
    contents = objects.read([commit.sha for commit in log])
    past = Past(branch, head, files, {}, {}, {})
    newest = 0
    for commit, content in zip(log, contents, strict=True):
        newest = max(newest, committed_at(content))
        past.times[commit.sha] = newest
        if len(commit.parents) > 1:
            past.merged[commit.sha] = commit.parents[1:]
        for path, (before, after) in commit.touched.items():
            past.steps.setdefault(path, []).append(Step(newest, commit.sha, before, after))
    return past


def list_files(reader: TreeReader, root: str) -> dict[str, Entry]:
    """Return everything that a tree holds, by path."""
    found: dict[str, Entry] = {}
    waiting = [(b"", root)]
    while waiting:
        prefix, oid = waiting.pop()
        for name, (mode, raw) in reader.tree(oid).items():
            if mode == _TREE:
                waiting.append((prefix + name + b"/", raw.hex()))
            else:
                found[text_path(prefix + name)] = Entry(mode.decode(), raw.hex())
    return found


@dataclass(frozen=True, slots=True)
class Flow:
    """What `target` took from `source`: the commits that brought it, with their times."""

    source: Past
    target: Past
    promotions: dict[str, int] = field(default_factory=dict)

    def since(self, time: int) -> int:
        """Return how many promotions there were after `time`."""
        return sum(at > time for at in self.promotions.values())


def find_flow(source: Past, target: Past) -> Flow:
    """Find the commits of `target` that merged `source`, or brought files as it had them."""
    flow = Flow(source, target)
    for sha, parents in target.merged.items():
        if sha not in source.times and any(parent in source.times for parent in parents):
            flow.promotions[sha] = target.times[sha]
    for path, steps in target.steps.items():
        offered = _first_seen(source.steps.get(path, ()))
        had = {steps[0].before}
        for step in steps:
            new = step.after is not None and step.after not in had
            offered_before = offered.get(step.after, step.time + 1) <= step.time
            if new and offered_before and step.sha not in source.times:
                flow.promotions[step.sha] = step.time
            had.add(step.after)
    return flow


def _first_seen(steps: Collection[Step]) -> dict[Entry | None, int]:
    seen: dict[Entry | None, int] = {}
    for step in steps:
        seen.setdefault(step.before, 0)
        seen.setdefault(step.after, step.time)
    return seen


@dataclass(frozen=True, slots=True)
class Habit:
    """How promotions were merged; `method` is None where nothing tells, `why` says it."""

    method: str | None
    why: str


def merge_habit(objects: Objects, flow: Flow) -> Habit:
    """Tell merge commits from squashes and from copies of single commits."""
    count = len(flow.promotions)
    if not count and flow.target.head in flow.source.times:
        return Habit(None, "it has no commit of its own, as with `merge: fast-forward`")
    if count < _FEWEST:
        return Habit(None, f"{count or 'no'} promotion{'s' * (count != 1)} seen")
    merges = sum(sha in flow.target.merged for sha in flow.promotions)
    if merges >= _HABIT * count:
        return Habit("merge", f"{merges} of {count} promotions were merge commits")
    if count - merges < _HABIT * count:
        return Habit(None, f"{merges} of {count} promotions were merge commits")
    known = {_written(c) for c in read_commits(objects, flow.source.times).values()}
    single = [sha for sha in flow.promotions if sha not in flow.target.merged]
    copies = sum(_written(c) in known for c in read_commits(objects, single).values())
    if copies >= _HABIT * count:
        return Habit(
            "rebase", f"{copies} of {count} promotions were copies of single commits of the source"
        )
    return Habit("squash", f"{count - merges} of {count} promotions were single commits")


def _written(commit: Commit) -> tuple[str, str, str]:
    """Return what a copy of a commit keeps."""
    return commit.email, commit.date, commit.subject
