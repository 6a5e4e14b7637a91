"""A remote repository of git's: where it is, who we are there, and our own repository for it.

A token goes to git by the environment, so it stands in no command line, URL or file.
"""

import base64
import fcntl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bot.git_http import USER
from bot.git_process import run_git


def authorization(token: str | None, user: str = USER) -> Mapping[str, str]:
    """Return the environment by which git shows a token over HTTP; nothing without one."""
    if not token:
        return {}
    basic = base64.b64encode(f"{user}:{token}".encode()).decode()
    return {
        # Whoever answers by sending us elsewhere would have the token sent along.
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": "http.followRedirects",
        "GIT_CONFIG_VALUE_0": "false",
        "GIT_CONFIG_KEY_1": "http.extraHeader",
        "GIT_CONFIG_VALUE_1": f"Authorization: Basic {basic}",
    }


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the lock of a repository of ours, which ends with its process, however that ends."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with directory.with_name(f"{directory.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def begin(directory: Path, url: str | None = None, lacking: str | None = None) -> None:
    """Make a bare repository; its `origin` is `url`, and `lacking` filters what it fetches of it.

    One that was begun and not finished is begun again.
    """
    directory.mkdir(parents=True, exist_ok=True)
    run_git("init", "--quiet", "--bare", directory=directory)
    settings = {} if url is None else {"remote.origin.url": url}
    if lacking is not None:
        settings |= {
            "remote.origin.promisor": "true",
            "remote.origin.partialclonefilter": lacking,
            "core.repositoryFormatVersion": "1",
            "extensions.partialClone": "origin",
        }
    for name, value in settings.items():
        run_git(f"--git-dir={directory}", "config", name, value, directory=directory)


@dataclass(frozen=True, slots=True)
class Remote:
    """A remote, and the login and token that it knows us by."""

    url: str
    user: str = USER
    token: str | None = field(default=None, repr=False)

    def git(self, directory: Path, *arguments: str, stdin: bytes = b"") -> bytes:
        """Run git on a repository that was begun for this remote. Raises `RepositoryError`."""
        return run_git(
            f"--git-dir={directory}",
            *arguments,
            directory=directory,
            stdin=stdin,
            environment=authorization(self.token, self.user),
        )
