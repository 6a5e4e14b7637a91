"""Bare repositories by git's plumbing: refs, objects, histories, differences.

Every call is a list, never a shell; whatever a person wrote comes after `--` or
`--end-of-options`, as a full ref name or as an object id.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

ZERO = "0" * 40
SHA = re.compile(r"[0-9a-f]{40}")
_BAD_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(/|$)|^[/.]|[/.]$|^@$")

_BAD_PARTS = {"", ".", "..", ".git"}


class GitError(Exception):
    """Git said no; the message is git's own."""


@dataclass(frozen=True, slots=True)
class Person:
    """An author or committer; `when` is seconds since 1970."""

    name: str
    email: str
    when: int


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit, read once: commits do not change."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Person
    committer: Person
    message: str


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file of a difference; `patch` is None for binary files."""

    path: str
    old_path: str | None
    status: str
    sha: str
    additions: int
    deletions: int
    patch: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a tree; `size` is None for what is no blob."""

    mode: str
    type: str
    sha: str
    size: int | None
    path: str


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return git's environment: nothing of the machine's configuration, no prompts."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.devnull,
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        **(extra or {}),
    }


def valid_branch(name: str) -> bool:
    """Say whether git would take this for a branch's name; an option's look is no reason."""
    return bool(name) and not _BAD_REF.search(name) and not name.startswith("-")


def identity(role: str, person: Person) -> dict[str, str]:
    """Return the variables by which git is told an author or a committer."""
    return {
        f"GIT_{role}_NAME": person.name,
        f"GIT_{role}_EMAIL": person.email,
        f"GIT_{role}_DATE": f"@{person.when} +0000",
    }


class Git:
    """One bare repository."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.commit = lru_cache(maxsize=20_000)(self._commit)
        self.is_ancestor = lru_cache(maxsize=20_000)(self._is_ancestor)
        self.changes = lru_cache(maxsize=256)(self._changes)
        # Between two object ids these never change either, and every pull request shows them.
        self.merge_base = lru_cache(maxsize=20_000)(self._merge_base)
        self.count = lru_cache(maxsize=20_000)(self._count)

    def run(
        self,
        *args: str,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        codes: Sequence[int] = (0,),
    ) -> subprocess.CompletedProcess[bytes]:
        """Run git here; any exit code but those expected raises GitError."""
        done = subprocess.run(
            ["git", "--git-dir", str(self.path), *args],  # noqa: S607 - git is found by name
            input=stdin,
            capture_output=True,
            env=environment(env),
            check=False,
        )
        if done.returncode not in codes:
            raise GitError(f"git {args[0]}: {done.stderr.decode(errors='replace').strip()}")
        return done

    def text(self, *args: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> str:
        """Run git and return what it printed, without the last line end."""
        return self.run(*args, stdin=stdin, env=env).stdout.decode(errors="replace").rstrip("\n")

    def create(self, default_branch: str) -> None:
        """Make the repository; pull request refs are the sandbox's own to write."""
        self.path.mkdir(parents=True)
        self.run("init", "-q", "--bare", "--initial-branch", default_branch)
        self.run("config", "receive.hideRefs", "refs/pull")
        self.run("config", "--add", "receive.hideRefs", "refs/merge-requests")
        self.run("config", "gc.auto", "0")
        self.run("config", "core.hooksPath", os.devnull)
        # A pull request's head outlives its branch, and people fetch commits by id.
        self.run("config", "uploadpack.allowAnySHA1InWant", "true")
        self.run("config", "uploadpack.allowFilter", "true")

    def point_head(self, branch: str) -> None:
        """Make a branch the default one."""
        self.run("symbolic-ref", "HEAD", f"refs/heads/{branch}")

    def refs(self) -> dict[str, str]:
        """Return branches and tags by full name."""
        listed = self.text(
            "for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags"
        )
        pairs = (line.split(" ", 1) for line in listed.splitlines())
        return {name: sha for sha, name in pairs}

    def update_ref(self, ref: str, new: str, old: str | None = None) -> None:
        """Move, create or (to zeroes) delete a ref; with `old` only if it still stands there."""
        command = f"update {ref}\0{new}\0{old or ''}\0"
        if new == ZERO:
            command = f"delete {ref}\0{old or ''}\0"
        self.run("update-ref", "-z", "--stdin", stdin=command.encode())

    def fetch(self, source: Path, ref: str, into: str = "") -> None:
        """Copy a ref's objects from another repository of the sandbox; `into` names them here."""
        spec = f"+{ref}:{into}" if into else ref
        self.run("fetch", "-q", "--no-tags", "--no-write-fetch-head", str(source), spec)

    def type_of(self, sha: str) -> str | None:
        """Return an object's type, or None where there is no such object."""
        done = self.run("cat-file", "-t", sha, codes=(0, 128))
        return done.stdout.decode().strip() or None

    def expand(self, short: str) -> str | None:
        """Return the commit that an abbreviated id names, or None."""
        if not re.fullmatch(r"[0-9a-f]{4,40}", short):
            return None
        args = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{short}^{{commit}}")
        return self.run(*args, codes=(0, 1, 128)).stdout.decode().strip() or None

    def log(
        self, *revisions: str, limit: int | None = None, path: str | None = None
    ) -> list[Commit]:
        """Return commits, newest first."""
        form = "--format=%H%x00%T%x00%P%x00%an%x00%ae%x00%at%x00%cn%x00%ce%x00%ct%x00%B"
        args = ["log", "-z", form, *([f"-{limit}"] if limit else [])]
        args += ["--end-of-options", *revisions, "--", *([path] if path else [])]
        raw = self.run(*args).stdout.decode(errors="replace")
        fields = raw.removesuffix("\0").split("\0") if raw else []
        return [_commit_of(fields[at : at + 10]) for at in range(0, len(fields), 10)]

    def _commit(self, sha: str) -> Commit:
        return self.log(sha, limit=1)[0]

    def _is_ancestor(self, old: str, new: str) -> bool:
        return not self.run("merge-base", "--is-ancestor", old, new, codes=(0, 1, 128)).returncode

    def _merge_base(self, one: str, other: str) -> str | None:
        """Return the merge base that git prefers, or None for unrelated histories."""
        done = self.run("merge-base", one, other, codes=(0, 1))
        return done.stdout.decode().strip() or None

    def _count(self, revisions: str) -> int:
        """Count the commits of a range between two object ids."""
        return int(self.text("rev-list", "--count", "--end-of-options", revisions))

    def _changes(self, old: str, new: str) -> tuple[FileChange, ...]:
        base = ("diff", "--no-color", "--no-ext-diff", "--no-textconv", "-M", "--full-index")
        rows = self.run(*base, "--raw", "--numstat", "--abbrev=40", "-z", old, new, "--").stdout
        patch = self.run(*base, "-p", old, new, "--").stdout.decode(errors="replace")
        return tuple(_file_changes(rows.decode(errors="replace"), patch))

    def touched(self, shas: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
        """Return (status letter, path) of every file that each commit changed; merges: none."""
        wanted = list(dict.fromkeys(shas))
        found: dict[str, list[tuple[str, str]]] = {sha: [] for sha in wanted}
        args = ("diff-tree", "--stdin", "-r", "--root", "--no-renames", "--name-status", "-z")
        raw = self.run(*args, stdin="".join(f"{sha}\n" for sha in wanted).encode()).stdout
        tokens = iter(raw.decode(errors="replace").split("\0"))
        current = ""
        for token in tokens:
            # A commit's id is followed by a line end; a status letter by its path.
            if SHA.fullmatch(token.strip()):
                current = token.strip()
            elif token:
                found[current].append((token.strip(), next(tokens)))
        return found

    def blob(self, sha: str) -> bytes:
        """Return a blob's bytes."""
        return self.run("cat-file", "blob", sha).stdout

    def tree(self, treeish: str, *, recursive: bool = False) -> list[Entry]:
        """Return a tree's entries, with sub-trees where it is recursive."""
        args = ["ls-tree", "-z", "--long", *(["-r", "-t"] if recursive else [])]
        listed = self.run(*args, treeish).stdout.decode(errors="surrogateescape")
        return [_entry_of(row) for row in listed.split("\0") if row]

    def entry(self, commit: str, path: str) -> Entry | None:
        """Return what stands at a path, or None."""
        args = ("ls-tree", "-z", "--long", "--full-tree", commit, "--", f":(literal){path}")
        raw = self.run(*args, codes=(0, 128), env={"GIT_LITERAL_PATHSPECS": "0"}).stdout
        rows = [row for row in raw.decode(errors="surrogateescape").split("\0") if row]
        return _entry_of(rows[0]) if rows else None

    def write_blob(self, content: bytes) -> str:
        """Store a blob."""
        return self.text("hash-object", "-w", "--stdin", stdin=content)

    def write_tree(self, base: str | None, edits: Mapping[str, tuple[str, str] | None]) -> str:
        """Store a tree: the base's with each path set to (mode, object), or removed by None.

        Raises GitError for a path that git would not check out: the index takes any.
        """
        for path in edits:
            if _BAD_PARTS & {part.lower() for part in path.split("/")} or "\0" in path:
                raise GitError(f"path {path!r} is malformed")
        with tempfile.TemporaryDirectory() as scratch:
            index = {"GIT_INDEX_FILE": str(Path(scratch, "index"))}
            self.run("read-tree", *([base] if base else ["--empty"]), env=index)
            lines = [
                f"{mode} {sha}\t{path}\0" if edit else f"0 {ZERO}\t{path}\0"
                for path, edit in edits.items()
                for mode, sha in [edit or ("0", ZERO)]
            ]
            stdin = "".join(lines).encode(errors="surrogateescape")
            self.run("update-index", "-z", "--index-info", stdin=stdin, env=index)
            return self.text("write-tree", env=index)

    def write_commit(
        self, tree: str, parents: Sequence[str], message: str, author: Person, committer: Person
    ) -> str:
        """Store a commit; no ref moves."""
        flags = [flag for parent in parents for flag in ("-p", parent)]
        env = identity("AUTHOR", author) | identity("COMMITTER", committer)
        return self.text("commit-tree", tree, *flags, stdin=message.encode(), env=env)


def _commit_of(fields: Sequence[str]) -> Commit:
    sha, tree, parents, *people, message = fields
    author = Person(people[0], people[1], int(people[2]))
    committer = Person(people[3], people[4], int(people[5]))
    return Commit(sha, tree, tuple(parents.split()), author, committer, message.rstrip("\n"))


def _entry_of(row: str) -> Entry:
    meta, path = row.split("\t", 1)
    mode, kind, sha, size = meta.split()
    return Entry(mode, kind, sha, None if size == "-" else int(size), path)


_WORDS = {
    "A": "added",
    "D": "removed",
    "M": "modified",
    "R": "renamed",
    "C": "copied",
    "T": "changed",
}


def _file_changes(rows: str, patch: str) -> Iterable[FileChange]:
    tokens = iter(rows.split("\0"))
    raw: list[tuple[str, str, str | None, str]] = []
    counts: list[tuple[int, int]] = []
    for token in tokens:
        if token.startswith(":"):
            _, _, old_sha, sha, letter = token.split()
            first = next(tokens)
            moved = letter[0] in "RC"
            path = next(tokens) if moved else first
            raw.append(
                (letter[0], path, first if moved else None, old_sha if letter == "D" else sha)
            )
        elif token:
            plus, minus, name = token.split("\t", 2)
            if not name:
                # A renamed file's two names stand by themselves.
                next(tokens)
                next(tokens)
            counts.append((0 if plus == "-" else int(plus), 0 if minus == "-" else int(minus)))
    # Content lines start with a space, a sign or a backslash, so this splits at headers alone.
    pieces = re.split(r"(?m)^diff --git .*\n", patch)[1:]
    for (letter, path, old_path, sha), (added, cut), piece in zip(raw, counts, pieces, strict=True):
        at = piece.find("@@ ")
        body = piece[at:].rstrip("\n") if at >= 0 and "\nBinary files " not in piece[:at] else None
        yield FileChange(path, old_path, _WORDS[letter], sha, added, cut, body)
