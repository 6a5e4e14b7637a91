"""The commits of one repository, without their files: who wrote what, and what contains what."""

import threading
from collections.abc import Sequence
from pathlib import Path

from bot.engine.commits import parse_commit
from bot.forges.plain_ledger import Landed
from bot.forges.trailers import co_authors
from bot.remote import Remote, begin, locked
from bot.repository import Repository, RepositoryError

# How far back a merge by hand, or a push that brought a commit, is looked for.
_MOST_COMMITS = 500


class History:
    """A clone that holds commits alone. Methods raise `RepositoryError`."""

    def __init__(self, remote: Remote, directory: Path) -> None:
        self._remote, self._directory = remote, directory
        self._lock = threading.RLock()
        self._repository: Repository | None = None
        # Heads that a base was looked through for, in vain: neither changes.
        self._apart: set[tuple[str, str]] = set()

    def close(self) -> None:
        """End the processes behind it."""
        with self._lock:
            if self._repository is not None:
                self._repository.close()

    def bring(self, shas: Sequence[str]) -> Sequence[str]:
        """Fetch the branches where one of these commits lacks; return those that still do."""
        with self._lock, locked(self._directory):
            if not (self._view / "HEAD").exists():
                begin(self._store, self._remote.url, "tree:0")
                begin(self._view)
            if self._repository is None:
                self._repository = Repository(self._view, self._store / "objects")
            if not self._repository.missing(shas):
                return ()
            self._git(
                *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--prune"),
                *("--recurse-submodules=no", "--filter=tree:0"),
                *("origin", "+refs/heads/*:refs/heads/*"),
            )
            return self._repository.missing(shas)

    def push(self, ref: str, new: str, old: str) -> None:
        """Move a ref of the remote from `old` to a commit that the remote has.

        Raises `RepositoryError` where the ref is elsewhere, or the server declines.
        """
        with self._lock, locked(self._directory):
            self._git(
                *("push", "--quiet", "--porcelain", f"--force-with-lease={ref}:{old}"),
                *("origin", f"{new}:{ref}"),
            )

    def file(self, commit: str, path: str) -> bytes | None:
        """Return a file of a commit that was brought, None where there is none."""
        with self._lock, locked(self._directory):
            try:
                return self._git("cat-file", "blob", f"{commit}:{path}")
            except RepositoryError as error:
                if "does not exist in" in str(error) or "not a valid object name" in str(error):
                    return None
                raise

    def contains(self, head: str, commit: str) -> bool:
        """Say whether `head` has a commit in its history; both were brought."""
        return self._opened.contains(head, commit)

    def parents(self, commit: str) -> Sequence[str]:
        """Return the parents of a commit."""
        return self._list("-1", "--format=%P", commit).split()

    def landed(self, head: str, base: str, since: str) -> str | None:
        """Return the commit by which `base` got what `head` has, None where it has it not.

        A merge or a push of `head` itself, else one commit after `since` whose tree is that of
        `head`: a squash or a cherry-pick by hand.
        """
        if (head, base) in self._apart:
            return None
        found = self._landed(head, base, since)
        if found is None:
            self._apart.add((head, base))
        return found

    def _landed(self, head: str, base: str, since: str) -> str | None:
        if self.contains(base, head):
            way = self._list("--first-parent", "--ancestry-path", "--format=%H", f"{head}..{base}")
            return way.split()[-1] if way.split() else head
        tree = self._list("-1", "--format=%T", head).strip()
        begun = next(iter(self.parents(head)), "")
        # What the base had before the candidate was built on it is no merge of it.
        since = begun if begun and self.contains(base, begun) else since
        newer = [f"^{since}"] if since and not self.bring([since]) else []
        listed = self._list(
            "--first-parent", f"-{_MOST_COMMITS}", "--format=%H %T", base, *newer
        ).splitlines()
        return next((one.split()[0] for one in listed if one.split()[1] == tree), None)

    def addresses(self, shas: Sequence[str]) -> dict[str, frozenset[str]]:
        """Return the addresses of the author and the co-authors of each commit."""
        found = {}
        for sha, content in zip(shas, self._opened.read(list(shas)), strict=True):
            commit = parse_commit(sha, content)
            named = co_authors(f"{commit.subject}\n{commit.body}")
            found[sha] = frozenset(address.strip() for address in (commit.email, *named))
        return found

    def brought_by(self, landed: Landed) -> frozenset[str]:
        """Return the commits that a push has brought to its branch; of a new branch, none."""
        if not landed.old.strip("0") or not landed.new.strip("0"):
            return frozenset()
        if self.bring([landed.new]) or self._opened.missing([landed.old]):
            return frozenset()
        listed = self._list(f"-{_MOST_COMMITS}", "--format=%H", landed.new, f"^{landed.old}")
        return frozenset(listed.split())

    @property
    def _opened(self) -> Repository:
        if self._repository is None:
            self.bring(())
        if self._repository is None:
            raise RepositoryError("the clone is not there")
        return self._repository

    @property
    def _store(self) -> Path:
        """The partial clone: it knows its remote, and git fetches from it what it lacks."""
        return self._directory / "store"

    @property
    def _view(self) -> Path:
        """A repository over the same objects that knows no remote: what is missing is said."""
        return self._directory / "view"

    def _list(self, *arguments: str) -> str:
        return self._opened.git("log", *arguments, "--").decode(errors="replace")

    def _git(self, *arguments: str) -> bytes:
        return self._remote.git(self._store, *arguments)
