"""Ask a remote where its branches are: one request, on a line that stays open between two looks.

`git ls-remote` starts three processes and a new TLS connection, and asks twice. This speaks so
much of git's protocol (gitprotocol-http, gitprotocol-v2: `ls-refs`) as the one question needs.
Whatever is no plain answer to it is left to git, whose errors are the ones that people read.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock

import requests
from requests.auth import HTTPBasicAuth

# The name that goes with a token over HTTP, as forges want it.
USER = "x-access-token"
_SECONDS = 30.0
_FLUSH, _DELIMITER = b"0000", b"0001"
_ANSWER = "application/x-git-upload-pack-result"
_HEADERS = {
    "Accept": _ANSWER,
    "Content-Type": "application/x-git-upload-pack-request",
    "Git-Protocol": "version=2",
    "User-Agent": "git/lockstep-bot",
}


class Lines:
    """Open connections to remotes, for all threads; close it when no more is asked."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._idle: list[requests.Session] = []

    def heads(
        self, url: str, branches: Sequence[str], token: str | None = None, user: str = USER
    ) -> Mapping[str, str] | None:
        """Return the commits of those of the branches that the remote has; None: ask git."""
        if not url.startswith(("http://", "https://")):
            return None
        if not branches:
            return {}
        try:
            with self._lent() as session:
                answer = session.post(
                    f"{url}/git-upload-pack",
                    data=_question(branches),
                    headers=_HEADERS,
                    auth=HTTPBasicAuth(user, token) if token else None,
                    timeout=_SECONDS,
                    # A token goes where it was given for, and git follows a rename.
                    allow_redirects=False,
                )
        except (requests.RequestException, UnicodeError):
            return None
        if answer.status_code != 200 or answer.headers.get("Content-Type") != _ANSWER:
            return None
        return _read(answer.content, set(branches))

    def close(self) -> None:
        """Close the connections that nobody uses."""
        with self._lock:
            idle, self._idle = self._idle, []
        for session in idle:
            session.close()

    @contextmanager
    def _lent(self) -> Iterator[requests.Session]:
        with self._lock:
            session = self._idle.pop() if self._idle else requests.Session()
        try:
            yield session
        finally:
            # Servers set cookies to tell one caller from another: here are many.
            session.cookies.clear()
            with self._lock:
                self._idle.append(session)


def _question(branches: Sequence[str]) -> bytes:
    prefixes = [_packet(f"ref-prefix refs/heads/{name}\n".encode()) for name in branches]
    return b"".join([_packet(b"command=ls-refs\n"), _DELIMITER, *prefixes, _FLUSH])


def _packet(content: bytes) -> bytes:
    return f"{len(content) + 4:04x}".encode() + content


def _read(answer: bytes, wanted: set[str]) -> Mapping[str, str] | None:
    """Return the branches of an answer, None where it is not whole or says something else."""
    found: dict[str, str] = {}
    at = 0
    while answer[at : at + 4] != _FLUSH:
        try:
            size = int(answer[at : at + 4], 16)
            oid, ref = answer[at + 4 : at + size].decode().rstrip("\n").split(" ")
        except ValueError:
            return None
        if size <= 4 or len(oid) not in {40, 64} or not ref.startswith("refs/heads/"):
            return None
        name = ref.removeprefix("refs/heads/")
        # Prefixes were asked for: `main` also brings `main-old`.
        if name in wanted:
            found[name] = oid
        at += size
    return found if at + len(_FLUSH) == len(answer) else None
