"""Ask a remote where its branches are, fetch what is new of them, and move one: a request each.

Each goes out on a line that stays open: `git ls-remote`, `git fetch` and `git push` start three
processes or more and a new TLS connection each, and ask twice. This speaks so much of git's
protocol (gitprotocol-http, -pack; gitprotocol-v2: `ls-refs`, `fetch`) as these need. Whatever is
no plain answer is left to git, whose errors are the ones that people read.
"""

from collections.abc import Iterable, Mapping, Sequence

import requests
from requests.auth import HTTPBasicAuth

from bot.pool import Pool

# The name that goes with a token over HTTP, as forges want it.
USER = "x-access-token"
_SECONDS = 30.0
# Bytes of an answer; what is more is git's to receive.
_MOST_ANSWERED = 4 << 20
_FLUSH, _DELIMITER = b"0000", b"0001"
# The side bands of a pack: its data, and how it gets on; the third says what is wrong.
_PACK_DATA, _BANDS = b"\1", b"\1\2"
# What git calls the ways to name an object, by the length of a name.
_FORMATS = {40: "sha1", 64: "sha256"}


class Lines:
    """Open connections to remotes, for all threads; close it when no more is asked."""

    def __init__(self) -> None:
        self._sessions = Pool(requests.Session, requests.Session.close)
        self.had: dict[str, Mapping[str, str]] = {}
        """Where the branches of a remote, by its URL, were when its mirror last had them all."""

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

    def fetch(
        self,
        url: str,
        commits: Iterable[str],
        here: Iterable[str],
        blobs: str,
        token: str | None = None,
        user: str = USER,
    ) -> bytes | None:
        """Return a pack of what `commits` need beside those that are here; None: let git do it.

        `blobs` are those that come along, as git says it: `blob:none`.
        """
        if not url.startswith(("http://", "https://")):
            return None
        question = _wish(sorted(commits), sorted(here), blobs)
        answer = self._answer(url, "git-upload-pack", question, (user, token))
        return None if answer is None else _pack(answer)

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
            with (
                self._sessions.lend() as session,
                session.post(
                    f"{url}/{service}",
                    data=question,
                    headers=headers,
                    auth=HTTPBasicAuth(user, token) if token else None,
                    timeout=_SECONDS,
                    # A token goes where it was given for, and git follows a rename.
                    allow_redirects=False,
                    stream=True,
                ) as answer,
            ):
                # Servers set cookies to tell one caller from another: here are many.
                session.cookies.clear()
                content = _content(answer)
        except (requests.RequestException, UnicodeError):
            return None
        is_plain = answer.headers.get("Content-Type") == headers["Accept"]
        return content if answer.status_code == 200 and is_plain else None

    def close(self) -> None:
        """Close the connections: at once those that nobody uses."""
        self._sessions.close()


def _content(answer: requests.Response) -> bytes | None:
    """Return the body of an answer, None for one that is larger than is worth our while."""
    content = bytearray()
    for part in answer.iter_content(1 << 16):
        content += part
        if len(content) > _MOST_ANSWERED:
            return None
    return bytes(content)


def _question(branches: Sequence[str]) -> bytes:
    return _asked("ls-refs", [f"ref-prefix refs/heads/{name}" for name in branches])


def _wish(commits: Sequence[str], here: Sequence[str], blobs: str) -> bytes:
    """Return the wish for a pack that holds whole objects: a base of one may not be here."""
    wanted = [f"want {oid}" for oid in commits] + [f"have {oid}" for oid in here]
    return _asked("fetch", ["no-progress", "ofs-delta", f"filter {blobs}", *wanted, "done"])


def _asked(command: str, arguments: Sequence[str]) -> bytes:
    lines = [_packet(f"{argument}\n".encode()) for argument in arguments]
    return b"".join([_packet(f"command={command}\n".encode()), _DELIMITER, *lines, _FLUSH])


def _packet(content: bytes) -> bytes:
    return f"{len(content) + 4:04x}".encode() + content


def _packets(answer: bytes) -> list[bytes] | None:
    """Return the parts of an answer, None where it is not whole, or is none of git's."""
    found: list[bytes] = []
    at = 0
    while answer[at : at + 4] != _FLUSH:
        try:
            size = int(answer[at : at + 4], 16)
        except ValueError:
            return None
        if size <= 4:
            return None
        found.append(answer[at + 4 : at + size])
        at += size
    return found if at + len(_FLUSH) == len(answer) else None


def _lines(answer: bytes) -> list[str] | None:
    packets = _packets(answer)
    try:
        return None if packets is None else [packet.decode().rstrip("\n") for packet in packets]
    except ValueError:
        return None


def _pack(answer: bytes) -> bytes | None:
    """Return the pack of an answer, None where it has none, or says what is wrong instead."""
    packets = _packets(answer) or [b""]
    parts = [packet[1:] for packet in packets[1:] if packet[:1] == _PACK_DATA]
    is_whole = packets[0] == b"packfile\n" and all(p[0] in _BANDS for p in packets[1:])
    return b"".join(parts) if is_whole else None


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
