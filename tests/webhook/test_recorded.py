"""GitHub's own recorded deliveries of 2018 to 2021; they run where the material is at hand."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.webhook.builders import CANDIDATE, encode
from webhook.events import Event, Ignored
from webhook.github import EVENTS, translate

MATERIAL = os.environ.get("LOCKSTEP_MATERIAL")

pytestmark = pytest.mark.skipif(
    MATERIAL is None, reason="LOCKSTEP_MATERIAL names no directory of recorded deliveries"
)

NOT_CHANGED = "neither its head nor its base nor its state changed"
EXPECTED = {
    ("check_run", "created"): "nothing is decided yet",
    ("check_run", "requested_action"): "nothing is decided yet",
    ("check_run", "rerequested"): "nothing is decided yet",
    ("check_run", "completed"): "checks_changed",
    ("check_suite", "requested"): "nothing is decided yet",
    ("check_suite", "rerequested"): "nothing is decided yet",
    ("check_suite", "completed"): "checks_changed",
    ("create", None): "the push that made it tells the same, with its commit",
    ("delete", None): "not a branch: tags promote nothing",
    ("installation", "created"): "installation_changed",
    ("installation", "deleted"): "installation_changed",
    ("installation", "new_permissions_accepted"): "installation_changed",
    ("installation", "suspend"): "names no repository: the next re-observe finds what changed",
    ("installation", "unsuspend"): "names no repository: the next re-observe finds what changed",
    ("installation_repositories", "added"): "installation_changed",
    ("installation_repositories", "removed"): "installation_changed",
    ("issue_comment", "created"): "comment",
    ("issue_comment", "deleted"): "only a new comment can hold a command",
    ("issue_comment", "edited"): "only a new comment can hold a command",
    ("ping", None): "the webhook works",
    ("pull_request", "opened"): "Lockstep opened its own by itself, and others matter when merged",
    ("pull_request", "closed"): "pull_request_changed",
    ("pull_request", "reopened"): "pull_request_changed",
    ("pull_request", "synchronize"): "pull_request_changed",
    ("pull_request", "converted_to_draft"): "pull_request_changed",
    ("pull_request", "ready_for_review"): "pull_request_changed",
    ("pull_request", "labeled"): "pull_request_changed",
    ("pull_request", "unlabeled"): "pull_request_changed",
    ("pull_request_review", "submitted"): "review_changed",
    ("pull_request_review", "dismissed"): "review_changed",
    ("push", "refs/heads/master"): "push",
    ("push", "refs/tags/simple-tag"): "not a branch: tags promote nothing",
    ("repository", "edited description"): "neither its name nor its default branch nor its state"
    " changed",
    ("repository", "edited default_branch"): "repository_changed",
    ("repository", "renamed"): "repository_changed",
    ("repository", "transferred"): "repository_changed",
    ("status", None): "checks_changed",
}
"""What becomes of each; all else is of no use to us, or changes nothing that matters."""


def recorded() -> Iterator[tuple[str, Any]]:
    path = Path(MATERIAL or "", "github", "webhooks_examples_subset.json")
    for event in json.loads(path.read_text()):
        for payload in event["examples"]:
            yield event["name"], payload


def key(name: str, payload: dict[str, Any]) -> tuple[str, str | None]:
    if name == "push":
        return name, payload["ref"]
    if name == "repository" and payload["action"] == "edited":
        return name, f"edited {next(iter(payload['changes']))}"
    return name, payload.get("action")


def as_if_ours(name: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Return the delivery as it would be about a candidate: nothing but names is changed."""
    if name.startswith("pull_request"):
        payload["pull_request"]["head"]["ref"] = CANDIDATE
    if name == "pull_request_review" and payload["review"]["state"] == "commented":
        payload["review"]["state"] = "approved"
    if name == "check_run":
        payload["check_run"]["check_suite"]["head_branch"] = CANDIDATE
    if name == "check_suite":
        payload["check_suite"]["head_branch"] = CANDIDATE
    if name == "status":
        payload["branches"][0]["name"] = CANDIDATE
    if name == "issue_comment":
        payload["comment"]["body"] = "/drift\n" + payload["comment"]["body"]
    return payload


def became(name: str, payload: dict[str, Any]) -> str:
    found = translate(name, "d-1", encode(payload))
    if isinstance(found, Ignored):
        return found.reason
    events: list[Event] = [delivery.event for delivery in found]
    return events[0].kind


def test_every_recorded_delivery_is_understood_as_it_is() -> None:
    said = [became(name, payload) for name, payload in recorded()]

    assert len(said) == 138


def test_every_recorded_delivery_becomes_the_expected_event_or_is_ignored_for_its_reason() -> None:
    wrong = []
    for name, payload in recorded():
        unused = {
            "pull_request": NOT_CHANGED,
            "repository": "neither its name nor its default branch nor its state changed",
        }.get(name, "an event that Lockstep does not use")
        expected = EXPECTED.get(key(name, payload), unused)
        said = became(name, as_if_ours(name, payload))
        if said != expected:
            wrong.append((key(name, payload), said, expected))

    assert wrong == []


def test_every_event_that_is_known_was_recorded() -> None:
    assert {name for name, _ in recorded()} >= EVENTS
