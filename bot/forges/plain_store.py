"""The branch `lockstep/requests` of a repository: read, verified, changed by compare-and-swap.

Whoever may push could push there too, so each commit of ours is sealed with a key that the
server's people do not have; what is not sealed is not believed, and the next commit says so.
"""

import logging
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from bot import signatures
from bot.engine.trees import NewObjects, TreeReader, rewrite
from bot.forges.forge import Unavailable
from bot.forges.plain_ledger import Ledger
from bot.model import Entry
from bot.pushes import BRANCHES, HEARD, REQUESTS, UNHEARD
from bot.remote import Remote, begin, locked
from bot.repository import Repository, RepositoryError

REF = f"{BRANCHES}{REQUESTS}"
_SEEN = "refs/lockstep/seen"
_SEAL = "Lockstep-Seal: "
# Others who write are other workers of ours, and few.
_ATTEMPTS = 10
# How many commits that are not ours are walked past, to the newest that is.
_MOST_FOREIGN = 1000
# What git says where a lease did not hold, or the server declined; of several refs and of one.
_REFUSED = ("failed to push", "atomic push failed")
_TREE = b"40000"
_PARENT = re.compile(rb"^parent ([0-9a-f]+)$", re.MULTILINE)

T = TypeVar("T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Look:
    """The refs of the remote at one moment, and its default branch."""

    refs: Mapping[str, str]
    default_branch: str

    def branch(self, name: str) -> str | None:
        """Return where a branch is."""
        return self.refs.get(f"{BRANCHES}{name}")

    def heard(self) -> dict[str, str]:
        """Return what the hook has left to be read, by ref."""
        return {ref: oid for ref, oid in self.refs.items() if ref.startswith((HEARD, UNHEARD))}


@dataclass(frozen=True, slots=True)
class _State:
    """The branch's head, and the newest tree on it that is ours; empty where there is none."""

    head: str = ""
    tree: str = ""


@dataclass(slots=True)
class TreeFiles:
    """The files of one tree; see `plain_ledger.Files`."""

    repository: Repository
    root: str
    reader: TreeReader = field(init=False)

    def __post_init__(self) -> None:
        self.reader = TreeReader(self.repository)

    def read(self, path: str) -> bytes | None:
        """See `Files.read`."""
        entry = self.reader.entry(self.root, path) if self.root else None
        return None if entry is None else self.repository.read([entry.oid])[0]

    def names(self, directory: str) -> Sequence[str]:
        """See `Files.names`."""
        mode, raw = self._root().get(directory.encode(), (b"", b""))
        return [name.decode() for name in self.reader.tree(raw.hex())] if mode == _TREE else []

    def _root(self) -> Mapping[bytes, tuple[bytes, bytes]]:
        return self.reader.tree(self.root) if self.root else {}


class Store:
    """What is kept of `name`, in the repository itself; threads and processes may share it.

    Methods raise `RepositoryError`, and `Unavailable` where others are always faster.
    """

    def __init__(self, name: str, remote: Remote, directory: Path, key: bytes, me: str) -> None:
        self._name, self._remote, self._directory, self._me = name, remote, directory, me
        self._key = bytes.fromhex(signatures.signature(b"lockstep requests", key).split("=")[1])
        self._lock = threading.RLock()
        self._state: _State | None = None
        self._repository: Repository | None = None

    def close(self) -> None:
        """End the processes behind it."""
        with self._lock:
            if self._repository is not None:
                self._repository.close()

    def look(self) -> Look:
        """Ask the remote where everything is, and bring the branch here."""
        with self._lock, locked(self._directory):
            found = self._refs()
            state = self._synced(found.refs.get(REF, ""))
            refs = {**found.refs, REF: state.head} if state.head else found.refs
            return Look(refs, found.default_branch)

    def read(self, use: Callable[[Ledger], T]) -> T:
        """Use the ledger as it was at the last look."""
        with self._lock:
            return use(self._ledger())

    def change(
        self, edit: Callable[[Ledger], T], at: datetime, delete: Mapping[str, str] | None = None
    ) -> T:
        """Change the ledger, and delete some refs with it; `edit` may be called again.

        What is not changed by it is not committed.
        """
        with self._lock:
            for attempt in range(_ATTEMPTS):
                if attempt or self._state is None:
                    self.look()
                ledger = self._ledger()
                done = edit(ledger)
                if not ledger.edits and not delete:
                    return done
                if ledger.edits:
                    ledger.overview()
                if self._landed(ledger, at, delete or {}):
                    return done
                delete = {ref: oid for ref, oid in (delete or {}).items() if self._still(ref, oid)}
            raise Unavailable(
                f"{REQUESTS} of {self._name} cannot be pushed: others move it all the time, or the "
                "server declines it; let its hooks and rules allow the bot to push there"
            )

    def blobs(self, tips: Mapping[str, str]) -> dict[str, dict[str, bytes]]:
        """Return the files of the trees that some refs of the remote point to.

        What the hook or another worker has taken away meanwhile is left out.
        """
        with self._lock, locked(self._directory):
            store = self._opened()
            there = self._brought(store, tips)
            found = {}
            for ref, oid in there.items():
                tree = TreeReader(store).tree(oid)
                names = [name.decode(errors="replace") for name in tree]
                contents = store.read([raw.hex() for _, raw in tree.values()])
                found[ref] = dict(zip(names, contents, strict=True))
            return found

    def _brought(self, store: Repository, tips: Mapping[str, str]) -> Mapping[str, str]:
        """Fetch what lacks of some refs; return those that were still there."""
        for _ in range(_ATTEMPTS):
            lacking = set(store.missing(list(tips.values())))
            try:
                if lacking:
                    self._fetch(*(ref for ref, oid in tips.items() if oid in lacking))
            except RepositoryError:
                now = self._refs().refs
                still = {ref: oid for ref, oid in tips.items() if now.get(ref) == oid}
                if len(still) == len(tips):
                    raise
                tips = still
            else:
                return tips
        return {}

    def _opened(self) -> Repository:
        if not (self._directory / "HEAD").exists():
            begin(self._directory, self._remote.url)
        if self._repository is None:
            self._repository = Repository(self._directory)
        return self._repository

    def _git(self, *arguments: str, stdin: bytes = b"") -> bytes:
        return self._remote.git(self._directory, *arguments, stdin=stdin)

    def _fetch(self, *specs: str) -> None:
        self._git(
            *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head"),
            *("--recurse-submodules=no", "--stdin", "origin"),
            stdin="".join(f"{spec}\n" for spec in specs).encode(),
        )

    def _refs(self) -> Look:
        self._opened()
        refs, default = {}, "main"
        listed = self._git("ls-remote", "--symref", "origin").decode("utf-8", "surrogateescape")
        for line in listed.splitlines():
            what, _, name = line.partition("\t")
            if what.startswith(f"ref: {BRANCHES}") and name == "HEAD":
                default = what.removeprefix(f"ref: {BRANCHES}")
            elif name.startswith((BRANCHES, HEARD, UNHEARD)):
                refs[name] = what
        return Look(refs, default)

    def _still(self, ref: str, oid: str) -> bool:
        return self._refs().refs.get(ref) == oid

    # What is believed

    def _synced(self, head: str) -> _State:
        if self._state is not None and self._state.head == head:
            return self._state
        store = self._opened()
        if head and store.missing([head]):
            self._fetch(f"+{REF}:{REF}")
        seen = store.commit(_SEEN) or ""
        if seen and self._was_put_back(head, seen):
            _log.warning("%s: somebody put %s back; it is restored", self._name, REQUESTS)
            self._push(seen, head, {})
            head = seen
        self._state = self._verified(head) if head else _State()
        if head:
            store.update_ref(_SEEN, head, "seen")
        return self._state

    def _was_put_back(self, head: str, seen: str) -> bool:
        """Whether the remote has lost commits of ours that were there."""
        store = self._opened()
        return not head or (head != seen and store.contains(seen, head))

    def _verified(self, head: str) -> _State:
        store, at = self._opened(), head
        for _ in range(_MOST_FOREIGN):
            (content,) = store.read([at])
            if self._is_ours(content):
                if at != head:
                    _log.warning("%s: %s has commits that are not ours", self._name, REQUESTS)
                return _State(head, content[5 : 5 + len(at)].decode())
            parent = _PARENT.search(content.partition(b"\n\n")[0])
            if parent is None:
                break
            at = parent[1].decode()
        _log.warning("%s: nothing on %s is ours", self._name, REQUESTS)
        return _State(head)

    def _is_ours(self, content: bytes) -> bool:
        text, _, seal = content.rstrip(b"\n").rpartition(b"\n")
        said = seal.decode(errors="replace").removeprefix(_SEAL)
        return signatures.holds(self._sealed(text), said, [self._key])

    def _sealed(self, text: bytes) -> bytes:
        return self._name.encode() + b"\0" + text.rstrip(b"\n")

    # Changing it

    def _ledger(self) -> Ledger:
        if self._state is None:
            self.look()
        tree = self._state.tree if self._state else ""
        return Ledger(TreeFiles(self._opened(), tree), self._me)

    def _landed(self, ledger: Ledger, at: datetime, delete: Mapping[str, str]) -> bool:
        """Push a commit of what was edited, and return whether it was in time."""
        before = self._state or _State()
        after = self._committed(ledger, before, at) if ledger.edits else before
        with locked(self._directory):
            try:
                self._push(after.head, before.head, delete)
            except RepositoryError as error:
                if not _lost(error):
                    raise
                return False
            self._opened().update_ref(_SEEN, after.head, "written")
        self._state = after
        return True

    def _committed(self, ledger: Ledger, before: _State, at: datetime) -> _State:
        store = self._opened()
        new = NewObjects(len(before.head) or 40)
        root = before.tree or new.add("tree", b"")
        store.write(new)
        entries: dict[str, Entry | None] = {
            path: None if content is None else Entry("100644", new.add("blob", content))
            for path, content in ledger.edits.items()
        }
        tree = rewrite(TreeReader(store), root, entries, new)
        subject, *more = ledger.lines or ["Bring it up to date"]
        lines = [
            f"tree {tree}",
            *([f"parent {before.head}"] if before.head else []),
            f"author {_person(ledger.by, at)}",
            f"committer {_person(self._me, at)}",
            "",
            subject,
            "",
            *([*more, ""] if more else []),
        ]
        text = "\n".join(lines).encode("utf-8", "replace")
        seal = signatures.signature(self._sealed(text), self._key)
        head = new.add("commit", text.rstrip(b"\n") + f"\n\n{_SEAL}{seal}\n".encode())
        store.write(new)
        return _State(head, tree)

    def _push(self, head: str, expected: str, delete: Mapping[str, str]) -> None:
        leases = {ref: (oid, "") for ref, oid in delete.items()}
        if head != expected:
            leases[REF] = (expected, head)
        self._git(
            *("push", "--quiet", "--porcelain", *(["--atomic"] if len(leases) > 1 else [])),
            *(f"--force-with-lease={ref}:{old}" for ref, (old, _) in leases.items()),
            *("origin", *(f"{new}:{ref}" for ref, (_, new) in leases.items())),
        )


def _lost(error: RepositoryError) -> bool:
    """Whether somebody was faster, as git's complaint tells."""
    return any(words in str(error) for words in _REFUSED)


def _person(name: str, at: datetime) -> str:
    plain = "".join(c for c in name if c.isprintable() and c not in "<>") or "somebody"
    return f"{plain} <{plain.replace(' ', '.')}@git> {int(at.astimezone(UTC).timestamp())} +0000"
