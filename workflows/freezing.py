"""Freeze a repository, and let it go on; what that is, `workflows.stops` says."""

from datetime import datetime

from bot.decisions.facts import Stop
from bot.engine.candidate import Candidate
from bot.engine.trees import NewObjects
from bot.repository import RepositoryError
from workflows.sites import Site
from workflows.stops import BY, FREEZE, read_stop


def stop(site: Site, person: str, reason: str, now: datetime) -> Stop:
    """Freeze a repository, and return the stop; one that is there stays.

    Raises `RepositoryError`.
    """
    before = site.git.branch(FREEZE)
    if before is None:
        made = _commit(site, person, reason, now)
        site.git.write(made.objects)
        try:
            site.git.push(FREEZE, made.sha, None)
        except RepositoryError:
            before = site.mirror.head(FREEZE)
            if before is None:
                raise
        site.git.look()
    at = site.git.branch(FREEZE)
    return read_stop(site.git, at) if at else Stop(person, reason, now)


def go_on(site: Site) -> Stop | None:
    """End the freeze of a repository, and return it; None where there is none.

    Raises `RepositoryError`.
    """
    at = site.git.branch(FREEZE)
    if at is None:
        return None
    ended = read_stop(site.git, at)
    site.git.push(FREEZE, None, at)
    return ended


def _any_head(site: Site) -> str:
    return next(iter(site.git.heads.values()), "0" * 40)


def _commit(site: Site, person: str, reason: str, now: datetime) -> Candidate:
    """Return a commit without a parent; its one file tells whoever comes across the branch."""
    new, thaw = NewObjects(len(_any_head(site))), site.words.command("thaw")
    text = (
        f"# Frozen\n\nNothing is merged by Lockstep while this branch is here.\n\n"
        f"{person}, {now:%Y-%m-%d %H:%M} UTC: {reason}\n\nTo go on say `{thaw}`, run "
        "`lockstep thaw`, or delete this branch.\n"
    )
    blob = new.add("blob", text.encode(errors="replace"))
    tree = new.add("tree", b"100644 README.md\0" + bytes.fromhex(blob))
    time = int(now.timestamp())
    author = f"Lockstep <lockstep@users.noreply.localhost> {time} +0000"
    lines = [f"tree {tree}", f"author {author}", f"committer {author}", "", reason, ""]
    lines += [f"{BY}: {person}", ""]
    sha = new.add("commit", "\n".join(lines).encode(errors="replace"))
    return Candidate(sha, tree, (), reason, new)
