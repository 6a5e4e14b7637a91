"""Small builders of GitHub's deliveries, and a Temporal that remembers what it was told."""

import asyncio
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from webhook.dispatch import UnavailableError
from webhook.events import Delivery, Event, Push, RepositoryRef

SECRET = "correct horse battery staple"
OLD, NEW, ZERO = "a" * 40, "b" * 40, "0" * 40
CANDIDATE = "lockstep/promote/staging/0123456789ab"
SHOP = RepositoryRef(forge="github", owner="acme", name="shop", id=7, default_branch="main")


def hook(**fields: Any) -> dict[str, Any]:
    """Return a payload of acme/shop sent by alice, with these fields."""
    return {
        "repository": {"id": 7, "full_name": "acme/shop", "default_branch": "main"},
        "sender": {"login": "alice", "type": "User"},
        **fields,
    }


def push_hook(
    branch: str = "development", *, before: str = OLD, after: str = NEW
) -> dict[str, Any]:
    return hook(ref=f"refs/heads/{branch}", before=before, after=after)


def pull_request(
    head: str = CANDIDATE, *, repository: int | None = 7, merged: bool = False
) -> dict[str, Any]:
    return {
        "number": 12,
        "head": {"ref": head, "sha": NEW, "repo": repository and {"id": repository}},
        "base": {"ref": "staging"},
        "merged": merged,
    }


def pull_request_hook(action: str, head: str = CANDIDATE, **fields: Any) -> dict[str, Any]:
    return hook(**{"action": action, "pull_request": pull_request(head), **fields})


def review_hook(
    action: str = "submitted", state: str = "approved", head: str = CANDIDATE
) -> dict[str, Any]:
    return hook(action=action, review={"state": state}, pull_request=pull_request(head))


def comment_hook(
    body: str | None = "/promote staging", *, action: str = "created", by: str = "User"
) -> dict[str, Any]:
    return hook(
        action=action,
        issue={"number": 12, "pull_request": {"url": "https://example.com"}},
        comment={
            "id": 99,
            "user": {"login": "alice", "type": by},
            "created_at": "2026-01-05T10:00:00Z",
            "body": body,
        },
    )


def status_hook(
    state: str = "success", context: str = "ci/test", branches: Sequence[str] = (CANDIDATE,)
) -> dict[str, Any]:
    return hook(sha=NEW, state=state, context=context, branches=[{"name": b} for b in branches])


def check_run_hook(
    action: str = "completed", branch: str | None = CANDIDATE, conclusion: str = "success"
) -> dict[str, Any]:
    run = {"name": "build", "head_sha": NEW, "conclusion": conclusion}
    return hook(action=action, check_run={**run, "check_suite": {"head_branch": branch}})


def check_suite_hook(action: str = "completed", branch: str | None = CANDIDATE) -> dict[str, Any]:
    suite = {"head_sha": NEW, "head_branch": branch, "conclusion": "success"}
    return hook(action=action, check_suite=suite)


def installation_hook(action: str, *full_names: str) -> dict[str, Any]:
    return {
        "action": action,
        "installation": {"id": 1},
        "repositories": [{"id": 7 + n, "full_name": name} for n, name in enumerate(full_names)],
        "sender": {"login": "alice"},
    }


HOOKS: dict[str, dict[str, Any]] = {
    "push": push_hook(),
    "pull_request": pull_request_hook("closed"),
    "pull_request_review": review_hook(),
    "issue_comment": comment_hook(),
    "status": status_hook(),
    "check_run": check_run_hook(),
    "check_suite": check_suite_hook(),
    "create": hook(ref="topic", ref_type="branch"),
    "delete": hook(ref="topic", ref_type="branch"),
    "repository": hook(action="archived"),
    "installation": installation_hook("created", "acme/shop"),
    "installation_repositories": {"action": "added", "repositories_added": [], "sender": None},
    "ping": {"zen": "Keep it logically awesome."},
}
"""One delivery of each kind."""


def encode(payload: Any) -> bytes:
    return json.dumps(payload).encode()


def sign(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.digest(secret.encode(), body, "sha256").hex()


def headers(body: bytes, event: str = "push", delivery: str = "d-1") -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery,
        "X-Hub-Signature-256": sign(body),
    }


def push(after: str = NEW, branch: str = "development") -> Push:
    return Push(branch=branch, before=OLD, after=after, by="alice")


def delivery(id: str, event: Event | None = None, repository: RepositoryRef = SHOP) -> Delivery:  # noqa: A002 -- the field's own name
    return Delivery(id=id, repository=repository, event=event or numbered_push(id))


def numbered_push(id: str) -> Push:  # noqa: A002 -- a delivery's id
    return push(after=id.encode().hex().zfill(40)[-40:])


def repository(name: str) -> RepositoryRef:
    return SHOP.model_copy(update={"name": name})


@dataclass
class FakeTemporal:
    """Keeps what it was sent; a closed `door` holds signals back, `down` fails them."""

    sent: list[tuple[str, list[str]]] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    down: Exception | None = None
    in_flight: list[str] = field(default_factory=list)
    most_in_flight: int = 0
    door: asyncio.Event = field(default_factory=asyncio.Event)
    busy: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.door.set()

    async def send(
        self, workflow_id: str, repository: RepositoryRef, deliveries: Sequence[Delivery]
    ) -> None:
        assert workflow_id.endswith(repository.name)
        assert workflow_id not in self.in_flight
        self.in_flight.append(workflow_id)
        self.busy.set()
        self.most_in_flight = max(self.most_in_flight, len(self.in_flight))
        try:
            await asyncio.sleep(0)
            await self.door.wait()
            if self.down is not None:
                raise self.down
            self.sent.append((workflow_id, [d.id for d in deliveries]))
            self.deliveries += deliveries
        finally:
            self.in_flight.remove(workflow_id)

    def branches(self) -> list[str]:
        return [d.event.branch for d in self.deliveries if isinstance(d.event, Push)]


OUTAGE = UnavailableError("Temporal cannot be reached")
