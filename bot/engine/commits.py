"""Commit objects as people know them: who, when, what about."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone

from bot.engine.objects import Objects
from bot.model import Commit

_PERSON = re.compile(r"(.*?) ?<([^>]*)> (-?\d+) ([-+])(\d\d)(\d\d)")


def read_commits(objects: Objects, shas: Iterable[str]) -> dict[str, Commit]:
    """Return commits by their id, read in one batch."""
    wanted = list(dict.fromkeys(shas))
    contents = objects.read(wanted) if wanted else []
    return {sha: parse_commit(sha, content) for sha, content in zip(wanted, contents, strict=True)}


def parse_commit(sha: str, content: bytes) -> Commit:
    """Return what a commit object says; what cannot be decoded is replaced, never an error."""
    head, _, message = content.partition(b"\n\n")
    headers: dict[bytes, bytes] = {}
    for line in head.split(b"\n"):
        name, _, value = line.partition(b" ")
        headers.setdefault(name, value)
    encoding = headers.get(b"encoding", b"utf-8").decode("ascii", "replace")
    author = _decode(headers.get(b"author", b""), encoding)
    subject, _, body = _decode(message, encoding).lstrip("\n").partition("\n")
    person = _PERSON.fullmatch(author)
    if person is None:
        return Commit(sha, author, "", "", subject.strip(), body.strip())
    who, email, seconds, sign, hours, minutes = person.groups()
    date = _date(int(seconds), sign, int(hours), int(minutes))
    return Commit(sha, who, email, date, subject.strip(), body.strip())


def _decode(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding, "replace")
    except LookupError:
        return data.decode("utf-8", "replace")


def _date(seconds: int, sign: str, hours: int, minutes: int) -> str:
    offset = timedelta(hours=hours, minutes=minutes) * (-1 if sign == "-" else 1)
    try:
        return datetime.fromtimestamp(seconds, timezone(offset)).isoformat()
    except (ValueError, OverflowError):
        # A clock gone wild, or an offset no zone has: the day still tells something.
        bounded = min(max(seconds, 0), 253402300799)
        return datetime.fromtimestamp(bounded, UTC).isoformat()


def parents_of(content: bytes) -> tuple[str, ...]:
    """Return the parents of a commit object, in order."""
    head = content.partition(b"\n\n")[0]
    return tuple(oid.decode() for oid in re.findall(rb"^parent ([0-9a-f]+)$", head, re.MULTILINE))


def committed_at(content: bytes) -> int:
    """Return the committer's time of a commit object, in seconds since 1970."""
    match = re.search(rb"^committer .*?> (-?\d+) ", content, re.MULTILINE)
    return max(0, int(match[1])) if match else 0
