"""A repository made up for a test: real git objects, no work tree, the same ids every time.

Objects are written directly, so a history of ten commits costs a millisecond; only what
git itself decides, a merge, is asked of git.
"""

import hashlib
import os
import subprocess
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from bot.engine.candidate import MergeMethod, Plan, plan_promotion
from bot.engine.drift import Comparison, compare
from bot.engine.keep import Keep
from bot.model import Change, Head
from bot.repository import Repository
from config.schema import KeepRule

# Environment and branch differ in name, so that a test notices where one is taken for the other.
BRANCHES = {"development": "develop", "staging": "staging", "production": "main"}
FIRST_MINUTE = int(datetime(2026, 1, 5, 9, 0, tzinfo=UTC).timestamp())
PERSON = "Ada <ada@example.com>"
NOTHING_KEPT = Keep()
SHA256 = "[core]\n\trepositoryformatversion = 1\n[extensions]\n\tobjectFormat = sha256\n"

# Nothing that a person has configured on this machine may reach a test.
GIT_ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C.UTF-8",
}


@dataclass(frozen=True, slots=True)
class File:
    """A file that is not just text: another mode, a link, a submodule, a blob by its id."""

    content: str | bytes = b""
    mode: str = "100644"
    oid: str = ""


Content = str | bytes | File | None
Files = Mapping[str, Content]
_Tree = dict[str, tuple[str, str]]  # mode and object id, by path


def executable(content: str) -> File:
    """Return a file that may be run."""
    return File(content, "100755")


def link(to: str) -> File:
    """Return a symbolic link."""
    return File(to, "120000")


def submodule(commit: str) -> File:
    """Return a submodule at a commit that this repository does not have."""
    return File(mode="160000", oid=commit)


def kept(*places: str) -> Keep:
    """Return the keep rules for places spelled `path` or `path:key`."""
    rules = []
    for place in places:
        path, _, key = place.partition(":")
        rules.append(KeepRule(path=path, keys=(key,)) if key else KeepRule(path=path))
    return Keep(rules)


def spelled(change: Change) -> str:
    """Return a change as tests compare it: `pending app.yaml:image`."""
    return f"{change.state} {change.path}" + ("" if change.key is None else f":{change.key}")


class World:
    """A bare repository with environments, and the things that people do to their branches.

    Branches are named by their environment; a name that is none is the branch's own. Every
    step is a minute later than the one before.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._hash = "sha256" if "sha256" in (directory / "config").read_text() else "sha1"
        self._minute = 0
        self._trees: dict[str, _Tree] = {}
        self.repository = Repository.find(directory)

    @classmethod
    def new(cls, directory: Path, config: str = "[core]\n\trepositoryformatversion = 0\n") -> Self:
        """Make an empty bare repository."""
        for name in ("objects", "refs/heads"):
            (directory / name).mkdir(parents=True)
        (directory / "HEAD").write_text("ref: refs/heads/main\n")
        (directory / "config").write_text(config + "[core]\n\tbare = true\n")
        return cls(directory)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.repository.close()

    # Looking

    def git(self, *arguments: str, stdin: bytes = b"", accept: Sequence[int] = (0,)) -> bytes:
        """Run git here and return what it prints; a status not accepted fails the test."""
        done = subprocess.run(
            ["git", f"--git-dir={self.directory}", *arguments],
            input=stdin,
            capture_output=True,
            check=False,
            env={**os.environ, **GIT_ENVIRONMENT},
        )
        assert done.returncode in accept, done.stderr.decode()
        return done.stdout

    def sha(self, name: str) -> str:
        """Return the commit that a branch is at."""
        ref = self._ref(name)
        if ref.exists():
            return ref.read_text().strip()
        # A clone packs its refs.
        return self.git("rev-parse", "--verify", f"refs/heads/{ref.name}").decode().strip()

    def head(self, name: str) -> Head:
        """Return an environment and the commit that its branch is at."""
        return Head(name, BRANCHES.get(name, name), self.sha(name))

    def parents(self, commit: str) -> list[str]:
        """Return the parents of a commit."""
        return self.git("rev-parse", f"{commit}^@").decode().split()

    def read(self, name: str, path: str) -> bytes:
        """Return a file's bytes on a branch."""
        return self.git("cat-file", "blob", self.files(self.sha(name))[path][1])

    def text(self, name: str, path: str) -> str:
        """Return a file's text on a branch."""
        return self.read(name, path).decode()

    def files(self, commit: str) -> _Tree:
        """Return mode and object id of every file of a commit, by path."""
        if commit not in self._trees:
            self._trees[commit] = self._listed(commit)
        return dict(self._trees[commit])

    def object_count(self) -> int:
        """Return how many files the object store has."""
        return sum(1 for path in (self.directory / "objects").rglob("*") if path.is_file())

    # Asking the engine

    def compare(
        self, source: str = "development", target: str = "staging", keep: Keep = NOTHING_KEPT
    ) -> Comparison:
        """Compare two environments."""
        return compare(self.repository, self.head(source), self.head(target), keep)

    def states(
        self, source: str = "development", target: str = "staging", keep: Keep = NOTHING_KEPT
    ) -> list[str]:
        """Return the changes of a hop, one line each."""
        return [spelled(change) for change in self.compare(source, target, keep).changes]

    def change(
        self, source: str = "development", target: str = "staging", keep: Keep = NOTHING_KEPT
    ) -> Change:
        """Return the one change of a hop."""
        (change,) = self.compare(source, target, keep).changes
        return change

    def plan(
        self,
        source: str = "development",
        target: str = "staging",
        *,
        method: MergeMethod = MergeMethod.MERGE,
        keep: Keep = NOTHING_KEPT,
        lifted: Sequence[str] = (),
    ) -> Plan:
        """Plan a promotion."""
        heads = self.head(source), self.head(target)
        comparison = compare(self.repository, *heads, keep, lifted)
        return plan_promotion(self.repository, comparison, keep, method)

    # What people do

    def begin(self, files: Files, *names: str) -> str:
        """Commit the first files and put every environment there, or the ones named."""
        commit = self.store_commit(self._tree_with({}, files), (), "Begin")
        for name in names or BRANCHES:
            self.move(name, commit)
        return commit

    def commit(self, name: str, files: Files, subject: str = "", *, author: str = PERSON) -> str:
        """Commit files to a branch; None removes one. A branch that is new has no parent."""
        there = self._ref(name).exists()
        before = self.files(self.sha(name)) if there else {}
        subject = subject or f"Change {', '.join(files) or 'nothing'}"
        parents = (self.sha(name),) if there else ()
        return self._advance(name, self._tree_with(before, files), parents, subject, author)

    def edit(self, name: str, path: str, old: str, new: str, subject: str = "") -> str:
        """Commit one replacement in a file's text on a branch."""
        text = self.text(name, path)
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {text!r}"
        return self.commit(name, {path: text.replace(old, new)}, subject or f"{old} -> {new}")

    def branch(self, name: str, at: str) -> None:
        """Begin a branch where another is."""
        self.move(name, self.sha(at))

    def merge(
        self, source: str, into: str, *, resolved: Files | None = None, message: str = ""
    ) -> str:
        """Merge by a merge commit, as git merges; what conflicts must be resolved."""
        tree = self._merged(self.sha(into), self.sha(source), resolved or {})
        parents = (self.sha(into), self.sha(source))
        return self._advance(into, tree, parents, message or f"Merge {source} into {into}")

    def squash(
        self, source: str, into: str, *, resolved: Files | None = None, message: str = ""
    ) -> str:
        """Merge by one commit with the target as its only parent."""
        tree = self._merged(self.sha(into), self.sha(source), resolved or {})
        return self._advance(into, tree, (self.sha(into),), message or f"Squash {source}")

    def merge_ours(self, source: str, into: str) -> str:
        """Merge as `git merge -s ours` does: take the ancestry, drop the content."""
        parents = (self.sha(into), self.sha(source))
        return self._advance(into, self.files(parents[0]), parents, f"Merge {source} (ours)")

    def cherry_pick(self, commit: str, onto: str, *, resolved: Files | None = None) -> str:
        """Copy one commit to another branch."""
        (before,) = self.parents(commit)
        return self._apply(before, commit, onto, f"Pick {commit[:7]}", resolved or {})

    def revert(self, commit: str, on: str) -> str:
        """Undo one commit by another."""
        (before,) = self.parents(commit)
        return self._apply(commit, before, on, f"Revert {commit[:7]}", {})

    def rebase(self, source: str, onto: str) -> list[str]:
        """Copy every commit that one branch has and the other has not."""
        commits = self.git("rev-list", "--reverse", f"{self.sha(onto)}..{self.sha(source)}")
        return [self.cherry_pick(commit, onto) for commit in commits.decode().split()]

    def promote(
        self,
        source: str = "development",
        target: str = "staging",
        *,
        method: MergeMethod = MergeMethod.MERGE,
        keep: Keep = NOTHING_KEPT,
    ) -> Plan:
        """Move the target to the engine's own candidate."""
        plan = self.plan(source, target, method=method, keep=keep)
        assert plan.candidate is not None, [spelled(change) for change in plan.held_back]
        self.repository.write(plan.candidate.objects)
        self.move(target, plan.candidate.sha)
        return plan

    def promote_by_forge(
        self,
        source: str = "development",
        target: str = "staging",
        *,
        trailers: bool = True,
        keep: Keep = NOTHING_KEPT,
    ) -> str:
        """Squash the candidate's pull request as a forge does: its own words, another commit."""
        plan = self.plan(source, target, keep=keep)
        assert plan.candidate is not None
        self.repository.write(plan.candidate.objects)
        message = f"Promote to {target} (#7)\n\n* one thing\n\n* another\n"
        if trailers:
            message += "\n" + record(self.sha(source), target)
        tree = self.files(plan.candidate.sha)
        return self._advance(target, tree, (self.sha(target),), message)

    # Plumbing

    def move(self, name: str, commit: str) -> None:
        """Put a branch at a commit, whatever it was at: a force-push."""
        self._ref(name).parent.mkdir(parents=True, exist_ok=True)
        self._ref(name).write_text(commit + "\n")

    def store(self, kind: str, content: bytes) -> str:
        """Write one object as a loose one and return its id."""
        whole = f"{kind} {len(content)}\0".encode() + content
        oid = hashlib.new(self._hash, whole, usedforsecurity=False).hexdigest()
        path = self.object_path(oid)
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(zlib.compress(whole, level=1))
        return oid

    def object_path(self, oid: str) -> Path:
        """Return the file of a loose object."""
        return self.directory / "objects" / oid[:2] / oid[2:]

    def store_commit(
        self, files: _Tree, parents: Sequence[str], message: str, author: str = PERSON
    ) -> str:
        """Write a commit on no branch and return its id."""
        time = f"{FIRST_MINUTE + 60 * self._minute} +0100"
        self._minute += 1
        lines = [f"tree {self._store_tree(files)}", *(f"parent {parent}" for parent in parents)]
        lines += [f"author {author} {time}", f"committer {PERSON} {time}", "", message]
        commit = self.store("commit", os.fsencode("\n".join(lines) + "\n"))
        self._trees[commit] = files
        return commit

    def _ref(self, name: str) -> Path:
        return self.directory / "refs/heads" / BRANCHES.get(name, name)

    def _advance(
        self, name: str, files: _Tree, parents: Sequence[str], message: str, author: str = PERSON
    ) -> str:
        commit = self.store_commit(files, parents, message, author)
        self.move(name, commit)
        return commit

    def _tree_with(self, before: _Tree, files: Files) -> _Tree:
        tree = dict(before)
        for path, content in files.items():
            if content is None:
                del tree[path]
                continue
            file = content if isinstance(content, File) else File(content)
            data = file.content.encode() if isinstance(file.content, str) else file.content
            tree[path] = (file.mode, file.oid or self.store("blob", data))
        return tree

    def _store_tree(self, files: _Tree) -> str:
        entries: list[tuple[bytes, bytes]] = []
        below: dict[str, _Tree] = {}
        for path, (mode, oid) in files.items():
            name, slash, rest = path.partition("/")
            if slash:
                below.setdefault(name, {})[rest] = (mode, oid)
            else:
                entries.append(_tree_entry(mode, name, oid))
        entries += [_tree_entry("40000", name, self._store_tree(f)) for name, f in below.items()]
        return self.store("tree", b"".join(entry for _, entry in sorted(entries)))

    def _listed(self, tree: str) -> _Tree:
        lines = self.git("ls-tree", "-r", "-z", "--full-tree", tree).split(b"\0")
        found = {}
        for line in filter(None, lines):
            meta, _, path = line.partition(b"\t")
            mode, _, oid = meta.decode().split(" ")
            found[os.fsdecode(path)] = (mode, oid)
        return found

    def _merged(self, ours: str, theirs: str, resolved: Files) -> _Tree:
        answer = self.git(
            "merge-tree",
            "--write-tree",
            "-z",
            "--name-only",
            "--no-messages",
            ours,
            theirs,
            accept=(0, 1),
        )
        tree, *conflicted = filter(None, os.fsdecode(answer).split("\0"))
        assert set(conflicted) <= set(resolved), f"unresolved: {conflicted}"
        return self._tree_with(self._listed(tree), resolved)

    def _apply(self, before: str, after: str, onto: str, subject: str, resolved: Files) -> str:
        """Merge what happened between two commits into a branch, as one commit on it."""
        base = self.store_commit(self.files(before), (), "base")
        ours = self.store_commit(self.files(self.sha(onto)), (base,), "ours")
        theirs = self.store_commit(self.files(after), (base,), "theirs")
        tree = self._merged(ours, theirs, resolved)
        return self._advance(onto, tree, (self.sha(onto),), subject)


def record(source: str, environment: str) -> str:
    """Return the trailers that record a promotion."""
    return (
        f"Lockstep-Promotion: {environment}/{source[:12]}\n"
        f"Lockstep-Source: {source}\n"
        f"Lockstep-Environment: {environment}"
    )


def _tree_entry(mode: str, name: str, oid: str) -> tuple[bytes, bytes]:
    """Return an entry with what git sorts it by: directories as if they ended in a slash."""
    raw = os.fsencode(name)
    return raw + b"/" * (mode == "40000"), mode.encode() + b" " + raw + b"\0" + bytes.fromhex(oid)
