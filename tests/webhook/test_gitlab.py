"""GitLab's deliveries: whose they are, and what they say in no forge's words."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.forges.sandboxed_gitlab import sandboxed_gitlab
from tests.forges.world import CONFIG
from webhook.events import (
    BranchDeleted,
    ChecksChanged,
    Comment,
    Delivery,
    Event,
    Ignored,
    NotUnderstoodError,
    PullRequestChanged,
    Push,
    RepositoryChanged,
    RepositoryRef,
    ReviewChanged,
)
from webhook.gitlab import GitLabReader, translate

SHA, OLD, NONE = "a" * 40, "b" * 40, "0" * 40
OURS = "lockstep/promote/staging/aaaaaaaaaaaa"
PATH = "acme/platform/config"
PROJECT = {"id": 7, "path_with_namespace": PATH, "default_branch": "main"}
REF = RepositoryRef(
    forge="gitlab", owner="acme/platform", name="config", id=7, default_branch="main"
)
ALICE = {"username": "alice", "name": "Alice"}
KEY = b"0123456789abcdef0123456789abcdef"
SIGNING = f"whsec_{base64.b64encode(KEY).decode()}"
NOW = 1_800_000_000


def read(event: str, payload: dict[str, Any]) -> Event | str:
    """Return the one event that a payload says, or why it cannot matter."""
    found = translate(event, "delivery-1", json.dumps(payload).encode())
    if isinstance(found, Ignored):
        return found.reason
    (delivery,) = found
    assert (delivery.id, delivery.repository) == ("delivery-1", REF)
    return delivery.event


def push(**different: Any) -> dict[str, Any]:
    return {
        "object_kind": "push",
        "ref": "refs/heads/main",
        "before": OLD,
        "after": SHA,
        "user_username": "alice",
        "project": PROJECT,
        **different,
    }


def merge_request(action: str, *, head: str = OURS, changes: Any = None, **more: Any) -> Any:
    attributes = {
        "iid": 4,
        "action": action,
        "source_branch": head,
        "target_branch": "staging",
        "source_project_id": 7,
        "target_project_id": 7,
        "state": "opened",
        "last_commit": {"id": SHA},
        **more,
    }
    return {
        "object_kind": "merge_request",
        "user": ALICE,
        "project": PROJECT,
        "object_attributes": attributes,
        "changes": changes or {},
    }


def note(text: str, *, on: str = "MergeRequest", user: Any = ALICE, **more: Any) -> Any:
    attributes = {
        "id": 99,
        "note": text,
        "noteable_type": on,
        "created_at": "2026-11-26 12:00:00 UTC",
        "system": False,
        "action": "create",
        **more,
    }
    kind = {"MergeRequest": "merge_request", "Issue": "issue"}.get(on, on.lower())
    return {
        "object_kind": "note",
        "event_type": "note",
        "user": user,
        "project": PROJECT,
        "object_attributes": attributes,
        kind: {"iid": 4},
    }


def pipeline(status: str, *, ref: str = OURS, **more: Any) -> Any:
    attributes = {"ref": ref, "sha": SHA, "status": status, "source": "push"}
    made = {"object_kind": "pipeline", "project": PROJECT, "user": ALICE}
    return {**made, "object_attributes": attributes, **more}


def job(status: str, **more: Any) -> Any:
    return {
        "object_kind": "build",
        "ref": OURS,
        "sha": SHA,
        "build_name": "test",
        "build_status": status,
        "project_id": 7,
        "project": PROJECT,
        **more,
    }


# What is said


def test_a_push_moves_makes_or_deletes_a_branch() -> None:
    assert read("Push Hook", push()) == Push(branch="main", before=OLD, after=SHA, by="alice")
    assert read("Push Hook", push(before=NONE)) == Push(
        branch="main", before=None, after=SHA, by="alice"
    )
    assert read("Push Hook", push(after=NONE)) == BranchDeleted(branch="main", by="alice")


def test_a_freeze_that_comes_or_goes_is_told_though_its_branch_is_ours() -> None:
    ref, branch = "refs/heads/lockstep/freeze", "lockstep/freeze"

    assert read("Push Hook", push(ref=ref)) == Push(
        branch=branch, before=OLD, after=SHA, by="alice"
    )
    assert read("Push Hook", push(ref=ref, after=NONE)) == BranchDeleted(branch=branch, by="alice")


def test_a_push_of_an_older_gitlab_names_nobody_and_its_project_beside() -> None:
    old = push(project={"path_with_namespace": PATH, "default_branch": "main"}, project_id=7)
    del old["user_username"]

    assert read("Push Hook", old) == Push(branch="main", before=OLD, after=SHA, by=None)


@pytest.mark.parametrize(
    ("event", "payload", "reason"),
    [
        ("Push Hook", push(ref="refs/tags/v1"), "not a branch"),
        ("Push Hook", push(ref=f"refs/heads/{OURS}"), "its merge request tells the same"),
        ("Tag Push Hook", push(), "not a branch"),
        ("Emoji Hook", {"object_kind": "emoji"}, "an emoji is no command"),
        ("Issue Hook", {"object_kind": "issue"}, "does not use"),
        ("Confidential Issue Hook", {"object_kind": "issue"}, "does not use"),
        ("Deployment Hook", {"object_kind": "deployment"}, "does not use"),
        ("Whatever Hook", {"object_kind": "push"}, "does not use"),
        ("System Hook", {"event_name": "user_create"}, "does not use"),
        ("System Hook", {}, "does not use"),
        ("Merge Request Hook", merge_request("open"), "opened its own by itself"),
        ("Merge Request Hook", merge_request("update"), "neither its head nor its base"),
        ("Merge Request Hook", merge_request("reopen", head="topic"), "not a merge request of"),
        ("Merge Request Hook", merge_request("approved", head="topic"), "opened its own"),
        ("Merge Request Hook", merge_request("close", last_commit=None), "without a commit"),
        ("Pipeline Hook", pipeline("running"), "nothing is decided yet"),
        ("Pipeline Hook", pipeline("success", ref="main"), "no candidate"),
        ("Pipeline Hook", pipeline("success", builds=[{"name": "test"}]), "jobs have told it"),
        ("Job Hook", job("pending"), "nothing is decided yet"),
        ("Job Hook", job("success", ref="main"), "no candidate"),
        ("Note Hook", note("Nice"), "starts with a slash"),
        ("Note Hook", note("/hold it", on="Commit"), "neither on a merge request"),
        ("Note Hook", note("/hold it", on="Snippet"), "neither on a merge request"),
        ("Note Hook", note("/hold it", system=True), "GitLab's own note"),
        ("Note Hook", note("/hold it", action="update"), "only a new comment"),
        ("Note Hook", note("/hold it", internal=True), "confidential"),
        ("Note Hook", note("/hold it", user={"username": "project_7_bot_0af"}), "not said by"),
        ("Note Hook", note("/hold it", user={"username": "group_3_bot"}), "not said by"),
        ("Note Hook", note("/hold it", user={"name": "Somebody"}), "not said by"),
    ],
)
def test_what_cannot_matter_ends_here_with_its_reason(
    event: str, payload: dict[str, Any], reason: str
) -> None:
    assert reason in str(read(event, payload))


def test_a_confidential_note_is_left_alone_whichever_way_it_is_said() -> None:
    event = note("/hold it", on="Issue") | {"event_type": "confidential_note"}
    issue = note("/hold it", on="Issue") | {"issue": {"iid": 4, "confidential": True}}

    assert "confidential" in str(read("Confidential Note Hook", event))
    assert "confidential" in str(read("Note Hook", issue))


@pytest.mark.parametrize(
    ("payload", "action", "merged"),
    [
        (merge_request("close", state="closed"), "closed", False),
        (merge_request("merge", state="merged"), "closed", True),
        (merge_request("reopen"), "reopened", False),
        (merge_request("update", oldrev=OLD), "head_moved", False),
        (merge_request("update", changes={"target_branch": {}}), "retargeted", False),
        (merge_request("update", changes={"draft": {"current": True}}), "draft", False),
        (merge_request("update", changes={"draft": {"current": False}}), "ready", False),
        (merge_request("update", changes={"labels": {"current": []}}), "labelled", False),
        (merge_request("update", changes={"work_in_progress": {"current": True}}), "draft", False),
    ],
)
def test_a_merge_request_of_ours_is_followed(payload: Any, action: Any, merged: Any) -> None:
    assert read("Merge Request Hook", payload) == PullRequestChanged(
        number=4,
        action=action,
        head_branch=OURS,
        head_sha=SHA,
        base_branch="staging",
        merged=merged,
        from_fork=False,
        by="alice",
    )


def test_one_of_peoples_matters_when_it_is_merged_and_a_fork_says_so() -> None:
    told = read("Merge Request Hook", merge_request("merge", head="topic", source_project_id=8))

    assert isinstance(told, PullRequestChanged)
    assert (told.merged, told.from_fork, told.head_branch) == (True, True, "topic")


@pytest.mark.parametrize(
    "payload",
    [
        *(merge_request(action) for action in ("approved", "unapproved", "approval")),
        merge_request("update", changes={"reviewers": {"current": []}}),
    ],
)
def test_an_approval_and_its_end_are_reviews(payload: Any) -> None:
    assert read("Merge Request Hook", payload) == ReviewChanged(number=4, by="alice")


@pytest.mark.parametrize("on", ["MergeRequest", "Issue"])
@pytest.mark.parametrize(
    "at",
    [
        "2026-11-26 12:00:00 UTC",
        "2026-11-26T12:00:00Z",
        "2026-11-26T13:00:00+01:00",
        "2026-11-26 13:00:00 +0100",
        "2026-11-26T12:00:00.000Z",
    ],
)
def test_a_note_with_a_command_is_what_a_person_said(on: str, at: str) -> None:
    told = read("Note Hook", note("Please\n/lockstep promote staging", on=on, created_at=at))

    assert told == Comment(
        number=4,
        id=99,
        author="alice",
        at=datetime(2026, 11, 26, 12, tzinfo=UTC),
        text="Please\n/lockstep promote staging",
        on_pull_request=on == "MergeRequest",
    )


def test_a_note_of_an_older_gitlab_says_no_action() -> None:
    old = note("/hold it")
    del old["object_attributes"]["action"]

    assert isinstance(read("Note Hook", old), Comment)


@pytest.mark.parametrize(
    ("status", "failed"),
    [("success", False), ("skipped", False), ("manual", False), ("failed", True)],
)
def test_a_pipeline_that_is_decided_is_news_of_the_checks(status: str, *, failed: bool) -> None:
    asked = {"merge_request": {"source_branch": OURS}}
    told = ChecksChanged(sha=SHA, failed=failed)

    assert read("Pipeline Hook", pipeline(status)) == told
    assert read("Pipeline Hook", pipeline(status, ref="refs/merge-requests/4/head")) == told
    assert read("Pipeline Hook", pipeline(status, ref="main", **asked)) == told


def test_a_pipeline_of_statuses_alone_is_news_while_our_own_still_waits_in_it() -> None:
    outside = pipeline("running")
    outside["object_attributes"]["source"] = "external"

    assert read("Pipeline Hook", outside) == ChecksChanged(sha=SHA)


def test_a_job_is_told_by_name_and_one_that_may_fail_has_not_failed() -> None:
    assert read("Job Hook", job("success")) == ChecksChanged(sha=SHA, name="test")
    assert read("Job Hook", job("failed")) == ChecksChanged(sha=SHA, name="test", failed=True)
    allowed = job("failed", build_allow_failure=True)
    assert read("Job Hook", allowed) == ChecksChanged(sha=SHA, name="test", failed=False)


def test_a_job_of_an_older_gitlab_has_its_project_by_its_address() -> None:
    old = job("success", repository={"homepage": f"https://gitlab.example.com/{PATH}"})
    del old["project"]

    found = translate("Build Hook", "delivery-1", json.dumps(old).encode())

    assert isinstance(found, tuple)
    assert found[0].repository == REF.model_copy(update={"default_branch": None})


# The whole server's hooks


def system(event: str, **more: Any) -> Any:
    return {"event_name": event, "project_id": 7, "path_with_namespace": PATH, **more}


def told(payload: Any) -> list[tuple[str, Event]]:
    found = translate("System Hook", "delivery-1", json.dumps(payload).encode())
    assert isinstance(found, tuple)
    return [(f"{d.repository.owner}/{d.repository.name}", d.event) for d in found]


@pytest.mark.parametrize("event", ["project_rename", "project_transfer"])
def test_a_project_that_moved_is_told_under_both_names(event: str) -> None:
    moved = RepositoryChanged(change="moved", before="acme/old", after=PATH, by=None)

    found = told(system(event, old_path_with_namespace="acme/old"))

    assert found == [("acme/old", moved), (PATH, moved)]


def test_a_project_that_is_gone_or_changed_is_looked_at() -> None:
    gone = RepositoryChanged(change="deleted", by=None)
    changed = RepositoryChanged(change="default_branch", by=None)

    assert told(system("project_destroy")) == [(PATH, gone)]
    assert told(system("project_update")) == [(PATH, changed)]
    assert "first push" in str(
        translate("System Hook", "d", json.dumps(system("project_create")).encode())
    )


def test_a_push_of_many_branches_is_told_by_the_server_alone_and_each_is_passed_on() -> None:
    changes = [
        {"before": OLD, "after": SHA, "ref": f"refs/heads/{name}"} for name in ("a", "b", OURS)
    ]
    payload = {
        "event_name": "repository_update",
        "project_id": 7,
        "project": {"path_with_namespace": PATH, "default_branch": "main"},
        "changes": changes,
    }

    found = translate("System Hook", "delivery-1", json.dumps(payload).encode())

    events = [Push(branch=name, before=OLD, after=SHA, by=None) for name in ("a", "b")]
    assert found == tuple(
        Delivery(id=f"delivery-1/{at}", repository=REF, event=event)
        for at, event in enumerate(events)
    )


def test_the_server_tells_merge_requests_and_pushes_as_a_project_does() -> None:
    assert read("System Hook", merge_request("merge")) == read(
        "Merge Request Hook", merge_request("merge")
    )
    by_name = push() | {"event_name": "push"}
    del by_name["object_kind"]
    assert read("System Hook", by_name) == read("Push Hook", push())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        json.dumps(push(after="x")).encode(),
        json.dumps(push(project=None)).encode(),
        json.dumps(push(project={"id": 7, "path_with_namespace": "alone"})).encode(),
        json.dumps(note("/hold", created_at="yesterday")).encode(),
    ],
)
def test_what_gitlab_does_not_send_is_not_understood(body: bytes) -> None:
    event = "Note Hook" if b"noteable" in body else "Push Hook"

    with pytest.raises(NotUnderstoodError):
        translate(event, "delivery-1", body)


# Whose it is


def signed(body: bytes, key: bytes = KEY, at: int = NOW, delivery: str = "d-1") -> dict[str, str]:
    code = hmac.new(key, f"{delivery}.{at}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": delivery,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{base64.b64encode(code).decode()}",
    }


def genuine(reader: GitLabReader, headers: dict[str, str], body: bytes = b"{}") -> bool:
    return reader.claims(headers) and reader.is_genuine(headers, body)


def test_a_delivery_is_known_by_any_of_the_secret_tokens() -> None:
    reader = GitLabReader(["new", "old"], clock=lambda: NOW)

    assert genuine(reader, {"X-Gitlab-Token": "new"})
    assert genuine(reader, {"X-Gitlab-Token": "old"})
    for wrong in ("", "older", "NEW", "new ", "\udcff"):
        assert not genuine(reader, {"X-Gitlab-Token": wrong})
    assert not reader.claims({})
    assert not genuine(reader, signed(b"{}"))


def test_a_delivery_is_known_by_its_signature_over_the_bytes_and_the_moment() -> None:
    reader = GitLabReader(signing_tokens=[SIGNING], clock=lambda: NOW)

    assert genuine(reader, signed(b"{}"))
    assert not genuine(reader, signed(b"{} "))
    assert not genuine(reader, signed(b"{}", key=b"another key of thirty-two bytes!"))
    assert not genuine(reader, signed(b"{}") | {"webhook-id": "d-2"})
    assert not genuine(reader, {"X-Gitlab-Token": "new"})


@pytest.mark.parametrize("late", [-301, 301])
def test_a_delivery_that_is_sent_again_much_later_is_nobodys(late: int) -> None:
    reader = GitLabReader(signing_tokens=[SIGNING], clock=lambda: NOW)

    assert not genuine(reader, signed(b"{}", at=NOW + late))
    assert genuine(reader, signed(b"{}", at=NOW + late + (-2 if late > 0 else 2)))


@pytest.mark.parametrize("at", ["", "x", "-1", "9" * 5000, "1_800_000_000", "\u0661\u0662"])
def test_a_moment_that_is_none_is_refused(at: str) -> None:
    reader = GitLabReader(signing_tokens=[SIGNING], clock=lambda: NOW)

    assert not genuine(reader, signed(b"{}") | {"webhook-timestamp": at})


def test_while_a_key_is_changed_either_signature_does() -> None:
    reader = GitLabReader(signing_tokens=[SIGNING], clock=lambda: NOW)
    right = signed(b"{}")["webhook-signature"]

    assert genuine(reader, signed(b"{}") | {"webhook-signature": f"v1,AAAA {right}"})
    assert not genuine(reader, signed(b"{}") | {"webhook-signature": right.replace("v1", "v2")})


def test_where_both_are_set_a_signature_has_to_hold_whatever_the_token() -> None:
    reader = GitLabReader(["secret"], [SIGNING], clock=lambda: NOW)
    token = {"X-Gitlab-Token": "secret"}

    assert genuine(reader, token)
    assert genuine(reader, token | signed(b"{}"))
    assert not genuine(reader, token | signed(b"other"))


@pytest.mark.parametrize(
    ("secrets", "tokens"),
    [([], []), ([""], []), (["a", ""], []), ([], ["secret"]), ([], ["whsec_!!"]), ([], ["whsec_"])],
)
def test_what_protects_nothing_is_refused_at_once(secrets: list[str], tokens: list[str]) -> None:
    with pytest.raises(ValueError, match=r"secret|whsec_"):
        GitLabReader(secrets, tokens)


@pytest.mark.parametrize(
    ("headers", "delivery"),
    [
        ({"Idempotency-Key": "k", "X-Gitlab-Webhook-UUID": "w"}, "k"),
        ({"X-Gitlab-Webhook-UUID": "w", "X-Gitlab-Event-UUID": "e"}, "w"),
        ({"X-Gitlab-Event-UUID": "e"}, "e"),
    ],
)
def test_a_delivery_has_the_id_that_is_the_same_when_it_comes_again(
    headers: dict[str, str], delivery: str
) -> None:
    reader = GitLabReader(["secret"])

    assert reader.names({"X-Gitlab-Event": "Push Hook", **headers}) == ("Push Hook", delivery)


def test_a_delivery_without_an_id_is_known_by_its_content() -> None:
    reader = GitLabReader(["secret"])
    event, delivery = reader.names({"X-Gitlab-Event": "Push Hook"})

    def ids(payload: Any) -> list[str]:
        found = reader.translate(event, delivery, json.dumps(payload).encode())
        assert isinstance(found, tuple)
        return [one.id for one in found]

    assert ids(push()) == ids(push())
    assert ids(push()) != ids(push(after="c" * 40))


# As the sandbox sends it, which was written apart from this


@pytest.mark.parametrize("proof", [{"secret": "a secret"}, {"signing": SIGNING}])
def test_what_the_sandbox_sends_is_known_and_understood(
    tmp_path: Path, proof: dict[str, str]
) -> None:
    reader = GitLabReader(
        [proof["secret"]] if "secret" in proof else [],
        [proof["signing"]] if "signing" in proof else [],
    )
    with sandboxed_gitlab(tmp_path / "sandbox") as sandbox:
        sandbox.do.add_hook(CONFIG, sandbox.listen(), **proof)
        sandbox.do.commit(CONFIG, "development", {"a.yaml": "a: 1\n"}, "bob", "Change")
        (received,) = sandbox.delivered()

    assert genuine(reader, received.headers, received.body)
    assert not genuine(reader, received.headers, received.body + b" ") or "secret" in proof
    found = reader.translate(*reader.names(received.headers), received.body)
    assert isinstance(found, tuple)
    assert [(one.event.kind, one.repository.name) for one in found] == [("push", "config")]
