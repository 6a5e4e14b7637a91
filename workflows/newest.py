"""The newest version of a configuration file that loads: git keeps what was in force."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from bot.engine.trees import TreeReader
from bot.mirror import MirroredRepository
from config.load import ConfigErrors

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Newest(Generic[M]):
    """The version that holds, and what is wrong with a newer one that does not load.

    Both are empty where there is no such file.
    """

    model: M | None = None
    problem: str = ""


def newest_that_loads(
    git: MirroredRepository, branch: str, path: str, load: Callable[[str], M]
) -> Newest[M]:
    """Return the newest version of a file on a branch that loads.

    The state is git's: where the newest does not load, an older version on the branch's
    first-parent line stays in force, and the problem is said with its place.
    """

    def loaded(oid: str) -> M:
        git.prefetch([oid])
        (text,) = git.read([oid])
        return load(text.decode("utf-8-sig", "replace"))

    head = git.branch(branch)
    if head is None:
        return Newest()
    reader = TreeReader(git)
    entry = reader.entry(reader.root(head), path)
    if entry is None:
        return Newest()
    try:
        return Newest(loaded(entry.oid))
    except ConfigErrors as errors:
        first, more = errors.errors[0], len(errors.errors) - 1
        problem = f"{path}:{first}" + (f" (and {more} more)" if more else "")
    for commit in git.log(head, [], [path], first_parent=True).values():
        before = commit.touched.get(path, (None, None))[0]
        if before is None:
            continue
        try:
            return Newest(loaded(before.oid), problem)
        except ConfigErrors:
            continue
    return Newest(None, problem)
