"""Run git: nobody's settings, literal paths, a limit in time; the only home of GitPython.

Branch names, paths and refs are data: they follow ``--`` or go in by standard input, never
where git looks for options.
"""

import os
import tempfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE
from typing import IO, Any, cast

from git import Git
from git.exc import GitCommandNotFound

from bot.engine.objects import MissingObject

# What a user's taste may have set and plumbing must not see. Only literal paths are given.
_ENVIRONMENT = {
    # Never `ext::`, which runs what it is given; an address is a forge's word.
    "GIT_ALLOW_PROTOCOL": "file:http:https:ssh",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES": "",
    "GIT_GLOB_PATHSPECS": "0",
    "GIT_ICASE_PATHSPECS": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NAMESPACE": "",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C.UTF-8",
}
_SETTINGS = (
    "color.ui=false",
    "core.commitGraph=true",
    "diff.renames=false",
    "gc.auto=0",
    "log.follow=false",
    "log.mailmap=false",
    "log.showRoot=true",
    "log.showSignature=false",
    "maintenance.auto=false",
    "merge.renames=false",
    "trailer.separators=:",
)
_GIT = ["git", *(part for setting in _SETTINGS for part in ("-c", setting))]
_TIMEOUT_SECONDS = 600.0
_MOST_REMOTE_WORDS = 400
_HOST_UNKNOWN = "Host key verification failed"
_HOST_KEY = (
    "; the server's key is not, or no longer, among the known hosts: compare what `ssh-keyscan` "
    "shows with the server's own, and put it there"
)
_REPOINTING = (
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_WORK_TREE",
)
# How many objects are asked for before their answers are read: bounds git's queue.
_BATCH = 20_000


class RepositoryError(Exception):
    """What git could not do, in one line that says why and what helps."""


def leave_hook() -> None:
    """Forget the repository that a hook, or `git rebase --exec`, runs this process for.

    Git's commands would turn to it, whatever path they are given.
    """
    for name in _REPOINTING:
        os.environ.pop(name, None)


def run_git(
    *arguments: str,
    directory: Path | str = ".",
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
) -> bytes:
    """Run git in `directory` and return what it prints. Raises `RepositoryError`."""
    return run_git_aloud(*arguments, directory=directory, stdin=stdin, environment=environment)[0]


def run_git_aloud(
    *arguments: str,
    directory: Path | str = ".",
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
) -> tuple[bytes, str]:
    """Return also what git, and a remote's hooks, said beside. Raises `RepositoryError`."""
    status, output, complaint = execute(
        arguments, directory=directory, stdin=stdin, environment=environment or {}
    )
    if status != 0:
        raise RepositoryError(reason_of(complaint))
    return output, complaint


def execute(
    arguments: Sequence[str],
    *,
    directory: Path | str,
    environment: Mapping[str, str],
    stdin: bytes = b"",
) -> tuple[int, bytes, str]:
    """Run git and return its status, output and complaint; for some, a status is an answer."""
    with tempfile.TemporaryFile() as given:
        given.write(stdin)
        given.seek(0)
        try:
            answer: Any = Git(str(directory)).execute(
                [*_GIT, *arguments],
                istream=cast("Any", given),
                kill_after_timeout=_TIMEOUT_SECONDS,
                stdout_as_string=False,
                strip_newline_in_stdout=False,
                with_exceptions=False,
                with_extended_output=True,
                env={**_ENVIRONMENT, **environment},
            )
        except GitCommandNotFound as error:
            raise RepositoryError("git is not installed, or not on the PATH") from error
    return cast("tuple[int, bytes, str]", answer)


def reason_of(stderr: str) -> str:
    """Return the line of git's complaint that says what is wrong."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:"))]
    reason = (telling or lines or ["git failed and did not say why"])[0]
    # Why a server declines a push only its own words tell.
    words = [line.removeprefix("remote:").strip() for line in lines if line.startswith("remote:")]
    said = " ".join(word for word in words if word)[:_MOST_REMOTE_WORDS]
    if "Could not read from remote repository" in reason and lines.index(reason):
        # What ssh said before is the reason; git only knows that nobody answered.
        said = lines[lines.index(reason) - 1].rstrip(".")
        return f"{reason.rstrip('.')}: {said}{_HOST_KEY if _HOST_UNKNOWN in said else ''}"
    return f"{reason} ({said})" if said and "failed to push" in reason else reason


class CatFile:
    """A `git cat-file` that stays open: reads many objects in one go, in order."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        # Buffered, git queues what it is asked until told to flush: no deadlock, few writes.
        self._process: Any = Git(str(directory)).execute(
            [*_GIT, f"--git-dir={directory}", "cat-file", "--batch-command", "--buffer"],
            istream=PIPE,
            as_process=True,
            env={**_ENVIRONMENT, **environment},
        )
        self._given: IO[bytes] = self._process.stdin
        self._answers: IO[bytes] = self._process.stdout

    def ask(self, command: str, names: Sequence[str]) -> Iterator[tuple[bytes, bytes | None]]:
        """Yield git's line and, for `contents`, the body of each; a missing one has no body."""
        for start in range(0, len(names), _BATCH):
            batch = names[start : start + _BATCH]
            asked = "".join([f"{command} {name}\n" for name in batch])
            try:
                self._given.write(asked.encode("utf-8", "surrogateescape") + b"flush\n")
                self._given.flush()
                for _ in batch:
                    yield self._answer(command)
            except (BrokenPipeError, ValueError) as error:
                raise MissingObject(self.complaint()) from error

    def _answer(self, command: str) -> tuple[bytes, bytes | None]:
        line = self._answers.readline()
        if line[-1:] != b"\n":
            raise MissingObject(self.complaint())
        # What is not there is echoed, with `missing` or `ambiguous` behind it.
        header = line.split(b" ")
        if len(header) != 3 or not header[2][:-1].isdigit():
            return line, None
        if command == "info":
            return line, b""
        wanted = int(header[2]) + 1
        body = self._answers.read(wanted)
        if len(body) != wanted:
            raise MissingObject(self.complaint())
        return line, body[:-1]

    def complaint(self) -> str:
        """Return what git said before it went away."""
        with suppress(BrokenPipeError, ValueError):
            self._given.close()
        stderr = self._process.stderr.read().decode("utf-8", "replace")
        return f"{reason_of(stderr)}; `git fsck` tells more"

    def close(self) -> None:
        """End the process."""
        with suppress(BrokenPipeError, ValueError):
            self._given.close()
        with suppress(ValueError):
            self._answers.close()
        self._process.stderr.close()
        self._process.proc.wait()


def streamed(
    *arguments: str, directory: Path, environment: Mapping[str, str]
) -> Generator[bytes, None, None]:
    """Yield what stands between the null bytes of git's output, as it arrives.

    Git ends with whoever reads, however much it would still have to say.
    """
    process: Any = Git(str(directory)).execute(
        [*_GIT, *arguments], as_process=True, env={**_ENVIRONMENT, **environment}
    )
    try:
        yield from _split(process.stdout)
    finally:
        process.proc.kill()
        process.proc.communicate()


def _split(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield what stands between null bytes, as it arrives."""
    rest = b""
    while chunk := stream.read1(65536):  # type: ignore[attr-defined] # a BufferedReader
        *whole, rest = (rest + chunk).split(b"\0")
        yield from (part for part in whole if part)
    if rest:
        yield rest
