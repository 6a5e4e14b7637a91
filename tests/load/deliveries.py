"""Deliveries in the shape and size of GitHub's, signed, each with an id of its own."""

import hmac
import random
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.ingest import compact, push_body
from tests.faults.processes import HOOK_SECRET


@dataclass(frozen=True, slots=True)
class Opened:
    """A promotion that waits, in a repository."""

    repository: str
    number: int
    branch: str
    candidate: str


@dataclass(frozen=True, slots=True)
class Sent:
    """One delivery; `matters` says whether Temporal has to have it."""

    id: str
    event: str
    body: bytes
    matters: bool

    @property
    def headers(self) -> dict[str, str]:
        """The headers that GitHub would send."""
        signature = hmac.digest(HOOK_SECRET.encode(), self.body, "sha256").hex()
        return {
            "Content-Type": "application/json",
            "X-GitHub-Event": self.event,
            "X-GitHub-Delivery": self.id,
            "X-Hub-Signature-256": f"sha256={signature}",
        }


def traffic(repositories: Sequence[str], opened: Sequence[Opened], seed: int) -> Iterator[Sent]:
    """Yield what a busy organisation's repositories send, for ever.

    Half is CI on people's own branches; a quarter pushes to such branches, as large as GitHub's;
    the rest is CI on the candidates of promotions that are open, by checks that no gate asks
    for, and talk. Each that matters says something of its own, so that none stands for another.
    """
    chance = random.Random(seed)
    number = 0
    while True:
        number += 1
        name, mine = chance.choice(repositories), chance.choice(opened)
        kind = chance.random()
        if kind < 0.5:
            yield _status(name, f"{number:040x}", "ci/unit", "feature/cart", matters=False)
        elif kind < 0.75:
            yield _push(name, number)
        elif kind < 0.95:
            yield _status(
                mine.repository, mine.candidate, f"lint/{number}", mine.branch, matters=True
            )
        else:
            yield _talk(mine.repository, mine.number, number)


def success(of: Opened, context: str = "ci/test") -> Sent:
    """Return the success that a promotion waits for."""
    return _status(of.repository, of.candidate, context, of.branch, matters=True)


def pushed(name: str, sha: str) -> Sent:
    """Return the push that begins a promotion."""
    body = {
        "ref": "refs/heads/development",
        "before": "0" * 40,
        "after": sha,
        "repository": _repository(name),
        "sender": {"login": "ada", "type": "User"},
        "commits": [],
    }
    return Sent(_id(), "push", compact(body), matters=True)


def _push(name: str, number: int) -> Sent:
    body = push_body(number, name.rpartition("/")[2])
    body = body.replace(b"refs/heads/development", b"refs/heads/feature/%d" % number, 1)
    return Sent(_id(), "push", body, matters=True)


def _status(name: str, sha: str, context: str, branch: str, *, matters: bool) -> Sent:
    body = {
        "id": 1,
        "sha": sha,
        "name": name,
        "context": context,
        "state": "success",
        "branches": [{"name": branch, "commit": {"sha": sha}}],
        "repository": _repository(name),
        "sender": {"login": "ci", "type": "User"},
    }
    return Sent(_id(), "status", compact(body), matters=matters)


def _talk(name: str, number: int, comment: int) -> Sent:
    body = {
        "action": "created",
        "issue": {"number": number, "pull_request": {}},
        "comment": {
            "id": comment,
            "body": "Looks good to me, but let us wait for Monday.",
            "created_at": "2026-01-05T09:00:00Z",
            "user": {"login": "bob", "type": "User"},
        },
        "repository": _repository(name),
        "sender": {"login": "bob", "type": "User"},
    }
    return Sent(_id(), "issue_comment", compact(body), matters=False)


def _repository(name: str) -> dict[str, object]:
    return {"id": 7, "full_name": name, "default_branch": "main"}


def _id() -> str:
    return str(uuid.uuid4())
