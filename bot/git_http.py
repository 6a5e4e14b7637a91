"""Ask a remote where its branches are, and move one: a request each, on a line that stays open.

`git ls-remote` and `git push` each start three processes and a new TLS connection, and ask twice.
This speaks so much of git's protocol (gitprotocol-http, -pack; gitprotocol-v2: `ls-refs`) as the
one question and the one wish need. Whatever is no plain answer to them is left to git, whose
errors are the ones that people read.
"""

from collections.abc import Mapping, Sequence

import requests
from requests.auth import HTTPBasicAuth

from bot.pool import Pool

# The name that goes with a token over HTTP, as forges want it.
USER = "x-access-token"
_SECONDS = 30.0
_FLUSH, _DELIMITER = b"0000", b"0001"
# What git calls the ways to name an object, by the length of a name.
_FORMATS = {40: "sha1", 64: "sha256"}


class Lines:
    """Open connections to remotes, for all threads; close it when no more is asked."""

    def __init__(self) -> None:
        self._sessions = Pool(requests.Session, requests.Session.close)

    def heads(
        self, url: str, branches: Sequence[str], token: str | None = None, user: str = USER
    ) -> Mapping[str, str] | None:
        """Return the commits of those of the branches that the remote has; None: ask git."""
        if not url.startswith(("http://", "https://")):
            return None
        if not branches:
            return {}
        answer = self._answer(url, "git-upload-pack", _question(branches), (user, token))
        return None if answer is None else _read(answer, set(branches))

    def move(
        self,
        url: str,
        branch: str,
        moved: tuple[str | None, str | None],
        pack: bytes,
        token: str | None = None,
        user: str = USER,
    ) -> bool:
        """Move a branch from one commit to another, None for none; False: let git do it.

        The remote itself compares where the branch is. `pack` holds what is new, and is empty
        where a branch is deleted.
        """
        if not url.startswith(("http://", "https://")):
            return False
        width = len(moved[0] or moved[1] or "")
        old, new = (oid or "0" * width for oid in moved)
        ref = f"refs/heads/{branch}"
        wish = f"{old} {new} {ref}\0 report-status object-format={_FORMATS[width]}".encode()
        answer = self._answer(url, "git-receive-pack", _packet(wish) + _FLUSH + pack, (user, token))
        return answer is not None and _lines(answer) == ["unpack ok", f"ok {ref}"]

    def _answer(
        self, url: str, service: str, question: bytes, who: tuple[str, str | None]
    ) -> bytes | None:
        """Return the answer of one of git's services, None where it is no plain one."""
        user, token = who
        kind = f"application/x-{service}"
        headers = {
            "Accept": f"{kind}-result",
            "Content-Type": f"{kind}-request",
            "Git-Protocol": "version=2",
            "User-Agent": "git/lockstep-bot",
        }
        try:
            with self._sessions.lend() as session:
                answer = session.post(
                    f"{url}/{service}",
                    data=question,
                    headers=headers,
                    auth=HTTPBasicAuth(user, token) if token else None,
                    timeout=_SECONDS,
                    # A token goes where it was given for, and git follows a rename.
                    allow_redirects=False,
                )
                # Servers set cookies to tell one caller from another: here are many.
                session.cookies.clear()
        except (requests.RequestException, UnicodeError):
            return None
        is_plain = answer.headers.get("Content-Type") == headers["Accept"]
        return answer.content if answer.status_code == 200 and is_plain else None

    def close(self) -> None:
        """Close the connections: at once those that nobody uses."""
        self._sessions.close()


def _question(branches: Sequence[str]) -> bytes:
    prefixes = [_packet(f"ref-prefix refs/heads/{name}\n".encode()) for name in branches]
    return b"".join([_packet(b"command=ls-refs\n"), _DELIMITER, *prefixes, _FLUSH])


def _packet(content: bytes) -> bytes:
    return f"{len(content) + 4:04x}".encode() + content


def _lines(answer: bytes) -> list[str] | None:
    """Return the lines of an answer, None where it is not whole, or is none of git's."""
    found: list[str] = []
    at = 0
    while answer[at : at + 4] != _FLUSH:
        try:
            size = int(answer[at : at + 4], 16)
            found.append(answer[at + 4 : at + size].decode().rstrip("\n"))
        except ValueError:
            return None
        if size <= 4:
            return None
        at += size
    return found if at + len(_FLUSH) == len(answer) else None


def _read(answer: bytes, wanted: set[str]) -> Mapping[str, str] | None:
    """Return the branches of an answer, None where it says something else."""
    lines = _lines(answer)
    if lines is None:
        return None
    found: dict[str, str] = {}
    for line in lines:
        oid, _, ref = line.partition(" ")
        if len(oid) not in _FORMATS or not ref.startswith("refs/heads/") or " " in ref:
            return None
        name = ref.removeprefix("refs/heads/")
        # Prefixes were asked for: `main` also brings `main-old`. A branch that is deleted while
        # git lists it may stand there without a commit.
        if name in wanted and oid.strip("0"):
            found[name] = oid
    return found
