"""GitLab's deliveries of 2017 to 2025 as others recorded them; where the material is at hand."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from webhook.events import Ignored
from webhook.gitlab import translate

MATERIAL = os.environ.get("LOCKSTEP_MATERIAL")

pytestmark = pytest.mark.skipif(
    MATERIAL is None, reason="LOCKSTEP_MATERIAL names no directory of recorded deliveries"
)

# Its keys end in spaces, as no GitLab ever wrote them.
NOT_RECORDED = {"group_merge_request.json"}
HEADERS = {
    "push": "Push Hook",
    "tag_push": "Tag Push Hook",
    "merge_request": "Merge Request Hook",
    "note": "Note Hook",
    "pipeline": "Pipeline Hook",
    "build": "Job Hook",
    "job": "Job Hook",
    "issue": "Issue Hook",
}
# What becomes of those that say something; all others are ignored, each with its reason.
TOLD = {
    "push": {"push", "branch_deleted"},
    "merge_request": {"pull_request_changed", "review_changed"},
    "repository_update": {"push"},
    "project_rename": {"repository_changed"},
    "project_transfer": {"repository_changed"},
    "project_update": {"repository_changed"},
    "project_destroy": {"repository_changed"},
}


def recorded() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield where a delivery was found, what it says that it is, and the payload."""
    root = Path(MATERIAL or ".") / "gitlab"
    for path in sorted([*root.glob("hooks/*/*.json"), *root.glob("gitlab4j/*event*.json")]):
        payload = json.loads(path.read_text())
        if not isinstance(payload, dict) or path.name in NOT_RECORDED:
            continue
        kind = payload.get("object_kind") or payload.get("event_name")
        # Some that were taken for deliveries are answers of the API.
        if kind and (payload.get("project") or payload.get("project_id")):
            yield path.name, kind, payload


def read(kind: str, payload: dict[str, Any]) -> Any:
    header = "System Hook" if "object_kind" not in payload else HEADERS.get(kind, "Other Hook")
    return translate(header, "delivery-1", json.dumps(payload).encode())


def test_every_recorded_delivery_is_understood() -> None:
    told: Counter[str] = Counter()
    for name, kind, payload in recorded():
        found = read(kind, payload)
        if isinstance(found, Ignored):
            told["ignored"] += 1
            continue
        events = {one.event.kind for one in found}
        assert events <= TOLD.get(kind, set()), (name, events)
        assert all(one.repository.forge == "gitlab" for one in found)
        told.update(events)
    assert told["ignored"] > 60
    assert told["push"] >= 10
    assert told["branch_deleted"] >= 3
    assert told["pull_request_changed"] >= 4
    assert told["repository_changed"] >= 4


def test_a_recorded_comment_with_a_command_is_heard_from_every_version() -> None:
    heard = 0
    for name, kind, payload in recorded():
        attributes = payload.get("object_attributes", {})
        if kind != "note" or attributes.get("noteable_type") not in {"MergeRequest", "Issue"}:
            continue
        if payload.get("event_type") == "confidential_note":
            continue
        attributes["note"] = "/lockstep status"
        found = read(kind, payload)
        assert not isinstance(found, Ignored), (name, found)
        assert found[0].event.kind == "comment"
        heard += 1
    assert heard >= 8


def test_a_recorded_pipeline_or_job_of_ours_is_heard_from_every_version() -> None:
    heard = 0
    for _, kind, payload in recorded():
        if kind not in {"pipeline", "build"}:
            continue
        ours = "lockstep/promote/staging/0123456789ab"
        (payload if kind == "build" else payload["object_attributes"])["ref"] = ours
        # Of one with jobs, these tell.
        payload.pop("builds", None)
        found = read(kind, payload)
        if not isinstance(found, Ignored):
            assert found[0].event.kind == "checks_changed"
            heard += 1
    assert heard >= 6
