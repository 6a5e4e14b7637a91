"""A person's clone of a repository on a plain git server: read the bot's branch, and speak."""

import json
import os
import re
import uuid
from collections.abc import Mapping
from pathlib import Path

from bot.cli.main import Failure
from bot.engine.trees import TreeReader
from bot.forges.plain_ledger import Ledger, Request
from bot.forges.plain_store import TreeFiles
from bot.git_process import run_git_aloud
from bot.pushes import BRANCHES, MOST_SAID, REQUESTS, SAID
from bot.repository import Repository, RepositoryError

_WHOLE_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_PROMOTIONS = "lockstep/promote/"
_OURS = "remote: lockstep: "


class Clone:
    """The clone in `directory`, and the remote that people push to from it."""

    def __init__(self, directory: Path, remote: str) -> None:
        self._directory, self._remote = directory, remote
        try:
            names = self._git("remote").split()
        except RepositoryError as error:
            raise Failure(f"{directory} is not a clone: {error}") from error
        if remote not in names:
            known = ", ".join(f"`{name}`" for name in names) or "none"
            raise Failure(f"there is no remote `{remote}` (there are {known}); give `--remote`")

    def requests(self) -> list[Request]:
        """Return what the bot has open there, newest first. Raises `Failure`."""
        here = f"refs/remotes/{self._remote}/{REQUESTS}"
        try:
            self._git("fetch", "--quiet", self._remote, f"+{BRANCHES}{REQUESTS}:{here}")
        except RepositoryError as error:
            if "couldn't find remote ref" in str(error):
                return []
            raise Failure(f"`{self._remote}` cannot be read: {error}") from error
        with Repository.find(self._directory, even_shallow=True) as repository:
            head = repository.commit(here)
            if head is None:
                return []
            tree = TreeReader(repository).root(head)
            return Ledger(TreeFiles(repository, tree), "").requests()

    def promotion(self, which: str | None) -> Request:
        """Return the open pull request that is meant: by number, by environment, or the only one.

        Raises `Failure` with those that there are.
        """
        there = [one for one in self.requests() if one.kind == "pull-request"]
        if which is None:
            chosen = [one for one in there if one.head.startswith(_PROMOTIONS)]
        else:
            number = which.lstrip("#")
            begin = f"{_PROMOTIONS}{which}/"
            chosen = [one for one in there if str(one.number) == number] or [
                one for one in there if one.head.startswith(begin)
            ]
        if len(chosen) == 1:
            return chosen[0]
        open_ = "; ".join(f"#{one.number} {one.title}" for one in there) or "none"
        if which is not None and not chosen:
            raise Failure(f"nothing that is open is `{which}`; open are: {open_}")
        what = "no promotion is open" if not chosen else "several promotions are open"
        raise Failure(f"{what}; say which with `--on NUMBER`; open are: {open_}")

    def head(self, branch: str) -> str:
        """Return where a branch of the remote is. Raises `Failure`."""
        listed = self._git("ls-remote", self._remote, f"{BRANCHES}{branch}").split()
        if not listed:
            raise Failure(f"the branch {branch} is gone")
        return listed[0]

    def commit(self, revision: str) -> str:
        """Return the commit that a revision of the clone means. Raises `Failure`.

        A whole id is one, also where the clone has not fetched it.
        """
        if _WHOLE_ID.fullmatch(revision):
            return revision
        try:
            return self._git(
                "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}"
            ).strip()
        except RepositoryError as error:
            raise Failure(f"`{revision}` is no commit of this clone") from error

    def say(self, said: Mapping[str, object]) -> list[str]:
        """Push what somebody says; return what the server's hook has to say to it.

        Raises `Failure` where it cannot be pushed, or no hook takes it.
        """
        content = json.dumps(said, ensure_ascii=False).encode(errors="replace")
        if len(content) > MOST_SAID:
            raise Failure(f"that is too long: more than {MOST_SAID} bytes cannot be said at once")
        ref = f"{SAID}{uuid.uuid4()}"
        try:
            oid = self._git("hash-object", "-w", "--stdin", stdin=content).strip()
            _, words = self._aloud("push", "--quiet", self._remote, f"{oid}:{ref}")
            left = self._git("ls-remote", self._remote, ref)
        except RepositoryError as error:
            raise Failure(f"it cannot be pushed to `{self._remote}`: {error}") from error
        if left:
            self._git("push", "--quiet", self._remote, f":{ref}")
            raise Failure(
                "nobody has heard it: the server has no hook of Lockstep's "
                "(`lockstep hook post-receive --help`)"
            )
        lines = [line.rstrip() for line in words.splitlines()]
        return [line.removeprefix(_OURS) for line in lines if line.startswith(_OURS)]

    def _git(self, *arguments: str, stdin: bytes = b"") -> str:
        return self._aloud(*arguments, stdin=stdin)[0]

    def _aloud(self, *arguments: str, stdin: bytes = b"") -> tuple[str, str]:
        # Whoever types this may be asked for a password.
        asked = {"GIT_TERMINAL_PROMPT": os.environ.get("GIT_TERMINAL_PROMPT", "1")}
        output, words = run_git_aloud(
            *arguments, directory=self._directory, stdin=stdin, environment=asked
        )
        return output.decode(errors="replace"), words
