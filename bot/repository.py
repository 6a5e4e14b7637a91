"""One repository's objects, read and written by git's plumbing; nothing is ever checked out."""

import os
import re
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from bot.engine.objects import (
    RECORD_TRAILERS,
    LoggedCommit,
    Merge,
    MissingObject,
    Record,
    branches_of,
    record_of,
)
from bot.engine.trees import NewObjects
from bot.git_formats import commit_of_blobs, packed, parse_log, write_loose
from bot.git_process import CatFile, RepositoryError, execute, reason_of, run_git, streamed

__all__ = ["Repository", "RepositoryError"]

# What git allows in no branch's name, and would read as an expression that leads elsewhere.
_NO_BRANCH = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{")
# Git compares each tree entry with each path: past this many, every change is read and
# those of other paths are dropped here.
_FEW_PATHS = 64
# Past this many, new objects go into one pack, as git does with what it fetches: a file for
# each costs the disk more than all the rest.
_MANY_OBJECTS = 100


class Repository:
    """A git repository on this disk, as `bot.engine.objects.Objects` and a little more.

    Safe to use from several threads. Close it, or use it as a context manager.
    """

    def __init__(self, directory: Path, objects: Path | None = None) -> None:
        self.directory = directory
        self.object_directory = objects or directory / "objects"
        self._environment = {"GIT_OBJECT_DIRECTORY": str(self.object_directory)}
        self._lock = threading.RLock()
        self._cat_file: CatFile | None = None

    @classmethod
    def find(cls, path: Path | str, *, even_shallow: bool = False) -> Self:
        """Return the repository that `path` is in.

        Raises `RepositoryError` where there is none, and for a shallow clone, whose
        histories would tell half the story, unless they are not to be read.
        """
        if not Path(path).is_dir():
            raise RepositoryError(f"{path} is not a directory")
        try:
            answer = run_git(
                "rev-parse",
                "--is-shallow-repository",
                "--absolute-git-dir",
                "--git-path",
                "objects",
                directory=path,
            )
        except RepositoryError as error:
            if "not a git repository" in str(error):
                raise RepositoryError(
                    f"{path} is not a git repository; give the path of a clone"
                ) from error
            raise
        shallow, directory, objects = os.fsdecode(answer).rstrip("\n").split("\n")
        if shallow == "true" and not even_shallow:
            raise RepositoryError(
                f"{path} is a shallow clone, whose histories are cut off; "
                "run `git fetch --unshallow` in it and try again"
            )
        return cls(Path(directory), (Path(path) / objects).absolute())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the processes behind this repository."""
        with self._lock:
            if self._cat_file is not None:
                self._cat_file.close()
                self._cat_file = None

    def git(
        self,
        *arguments: str,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
    ) -> bytes:
        """Run one git command on this repository. Raises `RepositoryError`."""
        return run_git(
            f"--git-dir={self.directory}",
            *arguments,
            directory=self.directory,
            stdin=stdin,
            environment={**self._environment, **(environment or {})},
        )

    def _answer(
        self, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Run a git command that says no by status 1. Raises `RepositoryError` for others."""
        status, output, complaint = execute(
            [f"--git-dir={self.directory}", *arguments],
            directory=self.directory,
            environment={**self._environment, **(environment or {})},
        )
        if status not in (0, 1):
            raise RepositoryError(reason_of(complaint))
        return status, output

    # Reading

    def _ask(self, command: str, names: Sequence[str]) -> list[tuple[bytes, bytes | None]]:
        with self._lock:
            reader = self._reader()
            try:
                return list(reader.ask(command, names))
            except MissingObject:
                self.close()
                raise

    def warm(self) -> None:
        """Start the process that reads, so that it is up when it is asked."""
        self._reader()

    def _reader(self) -> CatFile:
        with self._lock:
            if self._cat_file is None:
                self._cat_file = CatFile(self.directory, self._environment)
            return self._cat_file

    def read(self, oids: Sequence[str]) -> list[bytes]:
        """Return the contents of objects, in order. Raises `MissingObject`."""
        found = []
        for oid, (_, body) in zip(oids, self._ask("contents", oids), strict=True):
            if body is None:
                raise MissingObject(f"the object {oid} is missing; `git fsck` tells more")
            found.append(body)
        return found

    def sizes(self, oids: Sequence[str]) -> list[int]:
        """Return the sizes of objects in bytes, in order. Raises `MissingObject`."""
        found = []
        for oid, (header, body) in zip(oids, self._ask("info", oids), strict=True):
            if body is None:
                raise MissingObject(f"the object {oid} is missing; `git fsck` tells more")
            found.append(int(header.rsplit(b" ", 1)[1]))
        return found

    def missing(self, oids: Sequence[str]) -> list[str]:
        """Return those of the objects that are not here."""
        answers = zip(oids, self._ask("info", oids), strict=True)
        return [oid for oid, (_, body) in answers if body is None]

    def prefetch(self, oids: Sequence[str]) -> None:
        """Do nothing: a clone has all its objects. A mirror fetches here."""

    def commit(self, ref: str) -> str | None:
        """Return the commit that a full ref (`refs/heads/main`, `HEAD`) is at, None for none."""
        ((header, body),) = self._ask("info", [ref])
        oid, kind, *_ = header.split(b" ")
        return oid.decode() if body is not None and kind == b"commit" else None

    def is_damaged(self, ref: str) -> bool:
        """Whether a full ref is there, and yet leads to no commit and tree that can be read."""
        status, _ = self._answer("rev-parse", "--verify", "--quiet", ref)
        return status == 0 and bool(self.missing([f"{ref}^{{commit}}", f"{ref}^{{tree}}"]))

    def branch(self, name: str) -> str | None:
        """Return the commit of a branch: the local one, else the one of `origin`."""
        if _NO_BRANCH.search(name):
            return None
        return self.commit(f"refs/heads/{name}") or self.commit(f"refs/remotes/origin/{name}")

    def branches(self) -> dict[str, str]:
        """Return all branches by name, without their remote, and their commits."""
        lines = self.git(
            "for-each-ref",
            "--format=%(refname)%00%(objectname)",
            *("refs/remotes/origin", "refs/heads"),
        )
        found = {}
        for line in os.fsdecode(lines).splitlines():
            ref, oid = line.split("\0")
            name = ref.removeprefix("refs/remotes/origin/").removeprefix("refs/heads/")
            if ref != "refs/remotes/origin/HEAD":
                found[name] = oid
        return found

    @staticmethod
    def work_tree(path: Path | str) -> Path | None:
        """Return the top of the work tree that `path` is in, None for a bare repository."""
        try:
            top = run_git("rev-parse", "--show-toplevel", directory=path)
        except RepositoryError:
            return None
        return Path(os.fsdecode(top).rstrip("\n"))

    def remote_url(self) -> str:
        """Return the address of the remote `origin`, empty where there is none."""
        _, output = self._answer("config", "--get", "remote.origin.url")
        return os.fsdecode(output).strip()

    def is_bare(self) -> bool:
        """Whether nobody works in this clone: it has no work tree of its own."""
        return self.git("rev-parse", "--is-bare-repository").strip() == b"true"

    def checked_out(self) -> frozenset[str]:
        """Return the full refs of the branches that this clone's work trees have checked out."""
        lines = os.fsdecode(self.git("worktree", "list", "--porcelain", "-z")).split("\0")
        found = (line.removeprefix("branch ") for line in lines if line.startswith("branch "))
        return frozenset(found)

    def default_ref(self) -> str:
        """Return the ref of the default branch: that of `origin`, else the current one."""
        origin = "refs/remotes/origin/HEAD"
        return origin if self.commit(origin) else "HEAD"

    def file(self, ref: str, path: str) -> bytes | None:
        """Return a file's contents at a ref, None where there is none."""
        ((header, body),) = self._ask("contents", [f"{ref}:{path}"])
        return body if body is not None and header.split(b" ")[1] == b"blob" else None

    def log(
        self, head: str, since: Sequence[str], paths: Sequence[str], *, first_parent: bool = False
    ) -> dict[str, LoggedCommit]:
        """Return the commits that `head` has and `since` have not, with what they did to `paths`.

        All of them, also those that touched none of the paths: histories walk from
        parent to parent.
        """
        few = 0 < len(paths) <= _FEW_PATHS
        output = self.git(
            "log",
            "-z",
            "--raw",
            "--no-abbrev",
            "--no-renames",
            "--ignore-submodules=none",
            "--diff-merges=first-parent",
            "--full-history",
            "--sparse",
            "--format=%H %P",
            *(["--first-parent"] if first_parent else []),
            head,
            *(f"^{commit}" for commit in since),
            "--",
            *(paths if few else ()),
        )
        return parse_log(output, None if few else frozenset(paths))

    def merge_bases(self, one: str, other: str) -> tuple[str, ...]:
        """Return the best common ancestors of two commits: none, one, or several."""
        _, output = self._answer("merge-base", "--all", one, other)
        return tuple(output.decode().split())

    def contains(self, head: str, commit: str) -> bool:
        """Whether `commit` exists and is `head` or an ancestor of it."""
        if self.commit(commit) is None:
            return False
        if commit == head:
            return True
        status, _ = self._answer("merge-base", "--is-ancestor", commit, head)
        return status == 0

    def records(self, head: str, environment: str) -> Iterator[Record]:
        """Yield the records of promotions into `environment`, newest first.

        Only real trailers count, as git reads them: what stands elsewhere in a message
        is prose.
        """
        searched = ("Lockstep-Source: ", "Lockstep-Rollback-Of: ", *branches_of(environment))
        lines = streamed(
            f"--git-dir={self.directory}",
            "log",
            "-z",
            "--first-parent",
            "--fixed-strings",
            *(f"--grep={text}" for text in searched),
            f"--format={_RECORD}",
            head,
            "--",
            directory=self.directory,
            environment=self._environment,
        )
        with closing(lines):
            for line in lines:
                if found := self._record(line, environment):
                    yield found

    def recorded(self, commits: Sequence[str], environment: str) -> list[Record]:
        """Return the records of these commits of the line; of what is none, nothing."""
        known = [commit for commit in dict.fromkeys(commits) if self.commit(commit)]
        if not known:
            return []
        lines = self._said(known)
        return [found for line in lines if (found := self._record(line, environment))]

    def _said(self, commits: Sequence[str]) -> list[bytes]:
        output = self.git("log", "-z", "--no-walk=unsorted", f"--format={_RECORD}", *commits, "--")
        return [line for line in output.split(b"\0") if line.strip()]

    def _record(self, line: bytes, environment: str, *, by_hand: bool = True) -> Record | None:
        commit, parents, *trailers = line.decode("utf-8", "replace").strip("\n").split("\x01")
        values = [[v.strip() for v in one.split("\x02") if v.strip()] for one in trailers]
        found = record_of(commit, environment, values, len(commit))
        if found is not None or " " not in parents or any(values) or not by_hand:
            return found
        # Merged by a person, with a message of the forge's: ours is on what was merged.
        (merged,) = self._said(parents.split()[1:2])
        mine = self._record(merged, environment, by_hand=False)
        return mine and replace(mine, commit=commit)

    def merge_texts(self, merges: Sequence[Merge]) -> list[bytes | None]:
        """Return each merge's text, None where git's three-way merge is not clean.

        One `git merge-tree` for all of them, in an object directory that goes away
        afterwards: a repository that is only looked at is not written to.
        """
        if not merges:
            return []
        with tempfile.TemporaryDirectory(prefix="lockstep-") as directory:
            environment = {
                "GIT_OBJECT_DIRECTORY": directory,
                "GIT_ALTERNATE_OBJECT_DIRECTORIES": _quoted(self.object_directory),
            }
            new = NewObjects(len(merges[0].base))
            base = commit_of_blobs(new, [merge.base for merge in merges])
            ours = commit_of_blobs(new, [merge.ours for merge in merges], base)
            theirs = commit_of_blobs(new, [merge.theirs for merge in merges], base)
            write_loose(Path(directory), new.objects)
            options = ("--write-tree", "-z", "--name-only", "--no-messages")
            _, answer = self._answer("merge-tree", *options, ours, theirs, environment=environment)
            tree, *conflicted = answer.decode().split("\0")
            cat_file = CatFile(self.directory, environment)
            try:
                wanted = [f"{tree}:{index}" for index in range(len(merges))]
                texts = [body for _, body in cat_file.ask("contents", wanted)]
            finally:
                cat_file.close()
        return [None if str(i) in conflicted else text for i, text in enumerate(texts)]

    # Writing

    def write(self, new: NewObjects) -> None:
        """Write objects that are not there yet. Raises `RepositoryError` on a full disk."""
        absent = {oid: new.objects[oid] for oid in self.missing(list(new.objects))}
        if len(absent) > _MANY_OBJECTS:
            self.git("index-pack", "--stdin", stdin=packed(absent, new))
            return
        try:
            write_loose(self.object_directory, absent)
        except OSError as error:
            raise RepositoryError(
                f"cannot write objects to {self.object_directory}: {error.strerror}"
            ) from error

    def update_ref(self, ref: str, commit: str, reason: str) -> None:
        """Point a ref at a commit. Raises `RepositoryError` where git refuses its name."""
        command = f"update {ref}\0{commit}\0\0".encode("utf-8", "surrogateescape")
        self.git("update-ref", "-m", reason, "--stdin", "-z", stdin=command)


def _trailer(name: str) -> str:
    return f"%(trailers:key=Lockstep-{name},valueonly,separator=%x02)"


_RECORD = "%x01".join(["%H", "%P", *map(_trailer, RECORD_TRAILERS)])


def _quoted(path: Path) -> str:
    """Return a path as one element of a list of object directories."""
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'
