"""A mirror of one remote repository: bare, without blobs until they are needed.

Commits and trees are fetched for the environment branches only; the blobs of a hop come
in one round trip when the engine asks for them, the small ones of what is new with it. A
mirror that is damaged is cloned anew: it holds nothing that the remote does not.
"""

import logging
import os
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bot.engine.objects import MissingObject
from bot.engine.trees import NewObjects, TreeReader
from bot.git_formats import packed
from bot.git_http import USER, Lines
from bot.git_process import run_git
from bot.remote import authorization, begin, locked
from bot.repository import Repository, RepositoryError

# What a push adds is soon compared, so its files come along, up to this size: a round trip less.
_SMALL_FILES = "blob:limit=16k"
_NO_FILES = "blob:none"
# Bytes that a request of our own carries, and files that it asks for; what is more is git's.
_MOST_PUSHED = 1 << 20
_MOST_ASKED = 500
# Packs that may gather: to put them together takes a tenth of a second and more.
_MOST_PACKS = 64

_log = logging.getLogger(__name__)


class Mirror:
    """The mirror of `url` in `directory`. Safe for several processes and threads at once.

    `token` authenticates `user` over HTTP; it goes to git by the environment, so it stands in
    no command line, URL or file. `lines` are connections that stay open between two looks.
    """

    def __init__(
        self,
        url: str,
        directory: Path,
        token: str | None = None,
        lines: Lines | None = None,
        user: str = USER,
    ) -> None:
        self.url, self.directory, self._token, self._lines = url, directory, token, lines
        self._user = user

    def fetch(self, branches: Sequence[str]) -> "MirroredRepository":
        """Bring the branches up to date and return the repository to read them from.

        A branch that is gone from the remote is gone here too. Raises `RepositoryError`
        where the remote cannot be reached or a mirror cannot be made.
        """
        if not self.is_made:
            with self._locked():
                self._make()
        repository = MirroredRepository(self, self._view, self._store / "objects")
        try:
            # Its process starts while the remote is asked.
            repository.warm()
            repository.look(branches)
        except BaseException:
            repository.close()
            raise
        return repository

    def bring(self, repository: "MirroredRepository", branches: Sequence[str]) -> dict[str, str]:
        """Fetch what is missing of the branches, and return where they are. See `fetch`."""
        try:
            self._address()
            heads = self._remote_heads(branches)
            if repository.missing(list(heads.values())):
                with self._locked():
                    self._fetch_missing(repository, heads)
            _read_trees(repository, heads.values())
            if self._lines is not None:
                self._lines.had[self.url] = heads
        except (RepositoryError, MissingObject, OSError):
            repository.close()
            with self._locked():
                if not self._is_damaged():
                    raise  # the network, the remote or the disk: a new clone would not help
                self._remove()
                self._make()
                heads = self._remote_heads(branches)
                self._fetch_missing(repository, heads)
                _read_trees(repository, heads.values())
        return heads

    def push(
        self,
        branch: str,
        commit: str | None,
        expected: str | None,
        new: NewObjects | None = None,
    ) -> None:
        """Move a branch of the remote, with a lease: only from `expected`, None for a new one.

        A `commit` of None deletes the branch. `new` is all that the remote lacks of a commit,
        where that is known. Done already is success. Raises `RepositoryError` where the branch
        is elsewhere, or the remote refuses.
        """
        if self._moved(branch, commit, expected, new):
            return
        ref = f"refs/heads/{branch}"
        try:
            self._git(
                *("push", "--quiet", "--porcelain", f"--force-with-lease={ref}:{expected or ''}"),
                *("origin", f"{commit or ''}:{ref}"),
            )
        except RepositoryError:
            # Its answer may have been lost, now or in an earlier try.
            if self.head(branch) != commit:
                raise

    def _moved(
        self, branch: str, commit: str | None, expected: str | None, new: NewObjects | None
    ) -> bool:
        """Move a branch where little goes along; False where it was not, and git shall say why."""
        objects = {} if new is None or commit is None else new.objects
        size = sum(len(content) for _, content in objects.values())
        is_known = expected is not None if commit is None else commit in objects
        if self._lines is None or not is_known or size > _MOST_PUSHED:
            return False
        pack = packed(objects, new) if new is not None and objects else b""
        moved = (expected, commit)
        return self._lines.move(self.url, branch, moved, pack, self._token, self._user)

    def head(self, branch: str) -> str | None:
        """Return where a branch of the remote is now. Raises `RepositoryError`."""
        return self._remote_heads([branch]).get(branch)

    def look(self, branches: Sequence[str]) -> Mapping[str, str]:
        """Return where branches of the remote are now; nothing is fetched.

        Raises `RepositoryError`.
        """
        if not self.is_made:
            with self._locked():
                self._make()
        return self._remote_heads(branches)

    def renew(self, branches: Sequence[str]) -> None:
        """Clone a damaged mirror anew. Raises `RepositoryError`."""
        with self._locked():
            self._remove()
            self._make()
            with MirroredRepository(self, self._view, self._store / "objects") as repository:
                self._fetch_missing(repository, self._remote_heads(branches))

    def fetch_blobs(self, oids: Sequence[str]) -> None:
        """Fetch blobs in one round trip. Raises `RepositoryError`."""
        with self._locked():
            if len(oids) <= _MOST_ASKED and self._taken(oids, (), _NO_FILES):
                return
            self._git(
                *("-c", "fetch.negotiationAlgorithm=noop", "fetch", "--quiet", "origin"),
                *("--no-tags", "--no-write-fetch-head", "--recurse-submodules=no"),
                *("--filter=blob:none", "--stdin"),
                stdin="".join(f"{oid}\n" for oid in oids).encode(),
            )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the mirror's lock, which ends with its process, however that ends."""
        with locked(self.directory):
            yield

    def _git(self, *arguments: str, stdin: bytes = b"") -> bytes:
        return run_git(
            f"--git-dir={self._store}",
            *arguments,
            directory=self.directory,
            stdin=stdin,
            environment=self._authorization(),
        )

    def _authorization(self) -> Mapping[str, str]:
        return authorization(self._token, self._user)

    @property
    def _store(self) -> Path:
        """The partial clone: it knows its remote, and git would fetch from it one by one."""
        return self.directory / "store"

    @property
    def _view(self) -> Path:
        """A repository over the same objects that knows no remote: what is missing is said."""
        return self.directory / "view"

    @property
    def is_made(self) -> bool:
        """Whether there is anything here yet."""
        return (self._view / "HEAD").exists()

    def _address(self) -> None:
        """Have git turn to `url`: an old address may become another's repository."""
        if f"\turl = {self.url}\n" not in (self._store / "config").read_text(errors="replace"):
            self._git("config", "remote.origin.url", self.url)

    def _fetch_missing(self, repository: "MirroredRepository", heads: Mapping[str, str]) -> None:
        """Fetch the heads that are not here, by their ids: so the remote is not asked again."""
        absent = set(repository.missing(list(heads.values())))
        changed = {name: oid for name, oid in heads.items() if oid in absent}
        if not changed:
            return
        if not self._fetched(repository, changed):
            self._fetch_by_git(changed)
        self._tidy()

    def _fetch_by_git(self, changed: Mapping[str, str]) -> None:
        refs = os.fsdecode(self._git("for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads"))
        is_known = changed.keys() <= set(refs.splitlines())
        self._git(
            *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head"),
            *("--recurse-submodules=no", f"--filter={_SMALL_FILES if is_known else _NO_FILES}"),
            *("--stdin", "origin"),
            stdin="".join(f"+{oid}:refs/heads/{n}\n" for n, oid in changed.items()).encode(),
        )

    def _tidy(self) -> None:
        """Put many packs into one: each fetch leaves one, and whoever reads opens them all."""
        packs = sum(1 for _ in (self._store / "objects/pack").glob("*.pack"))
        if packs <= _MOST_PACKS:
            return
        try:
            self._git("repack", "-a", "-d", "--quiet")
        except RepositoryError as error:
            # What was fetched is here all the same.
            _log.warning("%s could not be tidied: %s", self.directory, error)

    def _fetched(self, repository: "MirroredRepository", changed: Mapping[str, str]) -> bool:
        """Fetch what is new where it is little; False where it was not, and git shall do it."""
        had = {} if self._lines is None else self._lines.had.get(self.url, {})
        is_known = changed.keys() <= had.keys() and not repository.missing(list(had.values()))
        if not is_known or not self._taken(set(changed.values()), set(had.values()), _SMALL_FILES):
            return False
        moves = [f"update refs/heads/{n}\0{oid}\0\0".encode() for n, oid in changed.items()]
        self._git("update-ref", "-z", "--stdin", stdin=b"".join(moves))
        return True

    def _taken(self, wanted: Collection[str], here: Collection[str], blobs: str) -> bool:
        """Have objects sent by a request of our own; False where git shall have them sent."""
        if self._lines is None:
            return False
        pack = self._lines.fetch(self.url, wanted, here, blobs, self._token, self._user)
        if pack is None:
            return False
        try:
            self._git("index-pack", "--stdin", "--promisor", stdin=pack)
        except RepositoryError:
            return False
        return True

    def _remote_heads(self, branches: Sequence[str]) -> dict[str, str]:
        """Ask the remote, which costs it little, so that nothing is fetched where nothing moved."""
        if self._lines is not None:
            heads = self._lines.heads(self.url, branches, self._token, self._user)
            if heads is not None:
                return dict(heads)
        wanted = [f"refs/heads/{name}" for name in branches]
        lines = os.fsdecode(self._git("ls-remote", "origin", *wanted)).splitlines()
        found = {ref: oid for oid, ref in (line.split("\t") for line in lines)}
        return {
            name: found[ref] for name, ref in zip(branches, wanted, strict=True) if ref in found
        }

    def _is_damaged(self) -> bool:
        """Whether the newest commits and trees that were fetched cannot be read."""
        try:
            heads = self._git("for-each-ref", "--format=%(objectname)").decode().split()
            with Repository(self._view, self._store / "objects") as repository:
                _read_trees(repository, heads)
        except (RepositoryError, MissingObject, OSError):
            return True
        return False

    def _make(self) -> None:
        """Make an empty mirror where there is none, or half of one."""
        if self.is_made:
            return
        self._remove()
        half = self._view.with_name("half")
        begin(self._store, self.url, _NO_FILES)
        begin(half)
        # Last: whoever sees the view may use all of it.
        half.rename(self._view)

    def _remove(self) -> None:
        """Take the mirror away at once; who still reads from it has its files open."""
        if self.directory.exists():
            doomed = self.directory.with_name(f"{self.directory.name}.{os.getpid()}.gone")
            shutil.rmtree(doomed, ignore_errors=True)
            self.directory.rename(doomed)
            shutil.rmtree(doomed, ignore_errors=True)


def _read_trees(repository: Repository, commits: Iterable[str]) -> None:
    """Read commits and their trees. Raises `MissingObject` where one cannot be read."""
    reader = TreeReader(repository)
    for commit in commits:
        reader.tree(reader.root(commit))


class MirroredRepository(Repository):
    """A repository to read from: what it lacks is fetched in one round trip, never one by one.

    `heads` are where the branches were at the last look, and where we have moved them since.
    """

    def __init__(self, mirror: Mirror, view: Path, objects: Path) -> None:
        super().__init__(view, objects)
        self.heads: Mapping[str, str] = {}
        self._branches: Sequence[str] = ()
        self._mirror = mirror

    def look(self, branches: Sequence[str] | None = None) -> None:
        """Bring these branches up to date, or those of the last look. See `Mirror.fetch`."""
        if branches is not None:
            self._branches = branches
        self.heads = self._mirror.bring(self, self._branches)

    def push(
        self,
        branch: str,
        commit: str | None,
        expected: str | None,
        new: NewObjects | None = None,
    ) -> None:
        """Push as `Mirror.push` does; what was moved is seen at once."""
        self._mirror.push(branch, commit, expected, new)
        heads = {name: oid for name, oid in self.heads.items() if name != branch}
        self.heads = heads if commit is None else {**heads, branch: commit}

    def branch(self, name: str) -> str | None:
        """Return the commit that a branch was at when it was looked at last."""
        return self.heads.get(name)

    def prefetch(self, oids: Sequence[str]) -> None:
        """Fetch what is missing of these. Raises `RepositoryError`."""
        missing = self.missing(oids)
        if not missing:
            return
        self._mirror.fetch_blobs(missing)
        if self.missing(missing):
            # Git believes to have them, from an index whose pack is damaged.
            self.close()
            self._mirror.renew(list(self.heads))
            self._mirror.fetch_blobs(oids)
