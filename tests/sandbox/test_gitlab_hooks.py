"""GitLab's webhooks: what fires, what it says, how it is signed and sent again."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from gitlab.exceptions import GitlabCreateError, GitlabListError
from gitlab.v4.objects import ProjectHook

from tests.sandbox.conftest import LAB, SECRET, Forge, Received
from tests.sandbox.gitlab_steps import open_one, seen_by, topic

EVERYTHING = {
    f"{name}_events": True
    for name in (
        "push",
        "tag_push",
        "merge_requests",
        "note",
        "confidential_note",
        "issues",
        "confidential_issues",
        "pipeline",
        "job",
        "emoji",
    )
}
KEY = base64.b64encode(bytes(range(32))).decode()


def _hook(lab: Forge, **fields: Any) -> ProjectHook:
    given = {"url": lab.listen(), "token": SECRET, **EVERYTHING, **fields}
    made = lab.project("mona", LAB).hooks.create(given)
    assert isinstance(made, ProjectHook)
    return made


def _told(received: list[Received]) -> list[tuple[str, Any]]:
    return [(one.event, one.payload.get("object_attributes", {}).get("action")) for one in received]


def test_a_push_is_told_with_its_commits_and_the_token(lab: Forge) -> None:
    _hook(lab)
    sha = lab.do.commit(LAB, "development", {"app.yaml": "a: 2\n"}, "bob", "Change a")

    [one] = lab.delivered()

    assert one.event == "Push Hook"
    assert one.headers["X-Gitlab-Token"] == SECRET
    assert one.headers["X-Gitlab-Instance"] == lab.sandbox.url
    assert {"X-Gitlab-Event-UUID", "X-Gitlab-Webhook-UUID", "Idempotency-Key"} <= set(one.headers)
    said = one.payload
    assert (said["ref"], said["after"], said["user_username"]) == (
        "refs/heads/development",
        sha,
        "bob",
    )
    assert [(c["id"], c["modified"]) for c in said["commits"]] == [(sha, ["app.yaml"])]
    assert said["project"]["path_with_namespace"] == LAB


def test_a_tag_is_told_by_a_hook_of_its_own(lab: Forge) -> None:
    _hook(lab)
    lab.project("bob", LAB).tags.create({"tag_name": "v1", "ref": "main"})

    assert [(one.event, one.payload["ref"]) for one in lab.delivered()] == [
        ("Tag Push Hook", "refs/tags/v1")
    ]


@pytest.mark.parametrize(("count", "hooks"), [(3, 3), (4, 0)])
def test_a_push_of_more_than_three_branches_is_not_told(
    lab: Forge, tmp_path: Path, count: int, hooks: int
) -> None:
    _hook(lab)
    clone = lab.clone(tmp_path / "clone", "bob", LAB)

    clone.git("push", "-q", "origin", *(f"HEAD:refs/heads/b{at}" for at in range(count)))

    assert len(lab.delivered()) == hooks
    assert len(lab.project("bob", LAB).branches.list(get_all=True)) == 2 + count


def test_the_life_of_a_merge_request_is_told(lab: Forge) -> None:
    topic(lab)
    _hook(lab)
    made = open_one(lab)
    before = made.sha
    lab.do.commit(LAB, "topic", {"app.yaml": "a: 3\nb: 1\nc: 1\n"}, "bob", "More")
    made.labels = ["urgent"]
    made.save()
    seen_by(lab, "mona", made).approve()
    seen_by(lab, "mona", made).unapprove()
    seen_by(lab, "mona", made).merge()

    received = lab.delivered()

    assert _told(received) == [
        ("Merge Request Hook", "open"),
        ("Push Hook", None),
        ("Merge Request Hook", "update"),
        ("Merge Request Hook", "update"),
        ("Merge Request Hook", "approved"),
        ("Merge Request Hook", "unapproved"),
        ("Merge Request Hook", "merge"),
        ("Push Hook", None),
    ]
    assert received[2].payload["object_attributes"]["oldrev"] == before
    assert [label["title"] for label in received[3].payload["changes"]["labels"]["current"]] == [
        "urgent"
    ]
    merged = received[6].payload["object_attributes"]
    assert (merged["state"], merged["iid"]) == ("merged", 1)
    assert merged["merge_commit_sha"] == received[7].payload["after"]


def test_notes_are_told_and_quick_actions_by_themselves_are_not(lab: Forge) -> None:
    topic(lab)
    made = open_one(lab)
    _hook(lab)
    made.notes.create({"body": "/lockstep promote production"})
    with pytest.raises(GitlabCreateError):
        made.notes.create({"body": "/promote production"})

    [one] = lab.delivered()

    said = one.payload
    assert (one.event, said["object_attributes"]["note"]) == (
        "Note Hook",
        "/lockstep promote production",
    )
    assert (said["object_attributes"]["noteable_type"], said["merge_request"]["iid"]) == (
        "MergeRequest",
        1,
    )
    assert (said["user"]["username"], said["user"]["email"]) == ("bob", "[REDACTED]")


def test_what_is_confidential_goes_to_hooks_that_ask_for_it_alone(lab: Forge) -> None:
    _hook(lab, confidential_note_events=False, confidential_issues_events=False)
    issue = lab.project("bob", LAB).issues.create({"title": "Leak", "confidential": True})
    issue.notes.create({"body": "Quiet."})

    assert lab.delivered() == []


def test_a_status_from_outside_moves_a_pipeline_that_is_told_when_it_changes(lab: Forge) -> None:
    topic(lab)
    made = open_one(lab)
    _hook(lab)
    commit = lab.project("bob", LAB).commits.get(made.sha)
    commit.statuses.create({"state": "pending", "name": "unit"})
    commit.statuses.create({"state": "success", "name": "unit"})
    commit.statuses.create({"state": "success", "name": "again"})

    received = lab.delivered()

    states = [one.payload["object_attributes"]["status"] for one in received]
    assert ([one.event for one in received], states) == (
        ["Pipeline Hook", "Pipeline Hook"],
        ["pending", "success"],
    )
    assert received[0].payload["object_attributes"]["source"] == "external"
    assert received[0].payload["merge_request"]["iid"] == 1


def test_jobs_and_their_pipeline_are_told(lab: Forge) -> None:
    _hook(lab)
    lab.do.run_pipeline(LAB, "main", "failed", {"unit": "failed"})

    job, pipeline = lab.delivered()

    assert (job.event, job.payload["build_name"], job.payload["build_status"]) == (
        "Job Hook",
        "unit",
        "failed",
    )
    assert (pipeline.event, pipeline.payload["object_attributes"]["status"]) == (
        "Pipeline Hook",
        "failed",
    )
    assert [build["name"] for build in pipeline.payload["builds"]] == ["unit"]


def test_an_emoji_is_told_with_what_it_was_awarded_to(lab: Forge) -> None:
    topic(lab)
    made = open_one(lab)
    note = made.notes.create({"body": "Well?"})
    _hook(lab)
    award = note.awardemojis.create({"name": "thumbsup"})
    note.awardemojis.delete(award.id)

    given, taken = lab.delivered()

    assert (given.event, given.payload["event_type"]) == ("Emoji Hook", "award")
    assert given.payload["object_attributes"]["name"] == "thumbsup"
    assert (given.payload["note"]["id"], given.payload["merge_request"]["iid"]) == (note.id, 1)
    assert taken.payload["event_type"] == "revoke"


def test_a_signed_delivery_is_verified_by_its_three_headers(lab: Forge) -> None:
    made = _hook(lab, token=None, signing_token=f"whsec_{KEY}")
    lab.do.commit(LAB, "development", {"x": "1"}, "bob", "Change")

    [one] = lab.delivered()

    content = f"{one.headers['webhook-id']}.{one.headers['webhook-timestamp']}.".encode() + one.body
    code = hmac.new(base64.b64decode(KEY), content, hashlib.sha256).digest()
    assert one.headers["webhook-signature"] == f"v1,{base64.b64encode(code).decode()}"
    assert one.headers["webhook-id"] == one.headers["Idempotency-Key"]
    assert "X-Gitlab-Token" not in one.headers
    assert (made.signing_token_present, made.token_present) == (True, False)
    assert "signing_token" not in made.attributes


def test_a_signing_token_that_is_no_key_is_refused(lab: Forge) -> None:
    with pytest.raises(GitlabCreateError) as refused:
        _hook(lab, signing_token="whsec_short")

    assert refused.value.response_code == 422


def test_a_delivery_is_sent_again_under_the_same_key(lab: Forge) -> None:
    hook = _hook(lab)
    lab.answer_with = 500
    lab.do.commit(LAB, "development", {"x": "1"}, "bob", "Change")
    [failed] = lab.delivered()
    lab.answer_with = 200
    client = lab.gitlab("mona")
    where = f"/projects/{hook.project_id}/hooks/{hook.id}/events"
    events = client.http_list(where, get_all=True)
    assert isinstance(events, list)

    client.http_post(f"{where}/{events[0]['id']}/resend")

    [again] = lab.delivered()
    assert events[0]["response_status"] == "500"
    assert again.headers["Idempotency-Key"] == failed.headers["Idempotency-Key"]
    assert (again.body, events[0]["request_headers"]["X-Gitlab-Token"]) == (
        failed.body,
        "[REDACTED]",
    )


def test_a_branch_filter_keeps_other_pushes_back(lab: Forge) -> None:
    _hook(lab, push_events_branch_filter="rel*")
    lab.do.commit(LAB, "development", {"x": "1"}, "bob", "Change")
    lab.project("bob", LAB).branches.create({"branch": "release", "ref": "main"})

    assert [one.payload["ref"] for one in lab.delivered()] == ["refs/heads/release"]


def test_hooks_are_for_maintainers(lab: Forge) -> None:
    with pytest.raises(GitlabListError) as refused:
        lab.project("bob", LAB).hooks.list(get_all=True)

    assert refused.value.response_code == 403


def test_system_hooks_hear_of_every_project(lab: Forge) -> None:
    lab.do.add_system_hook(lab.listen(), SECRET)
    lab.do.add_group("other", {"alice": "admin"})
    lab.do.add_repository("other/one", {"x": "1"})
    lab.do.edit_repository("other/one", "alice", name="two")
    lab.do.transfer("other/two", "acme")
    lab.do.set_role("acme/two", "bob", "write")

    received = lab.delivered()

    assert {one.event for one in received} == {"System Hook"}
    names = [one.payload["event_name"] for one in received]
    assert names == [
        "project_create",
        "push",
        "repository_update",
        "project_rename",
        "project_transfer",
        "user_add_to_team",
    ]
    moved = received[4].payload
    assert (moved["old_path_with_namespace"], moved["path_with_namespace"]) == (
        "other/two",
        "acme/two",
    )


def test_only_an_administrator_manages_system_hooks(lab: Forge) -> None:
    where = {"url": "http://127.0.0.1:1/hook"}
    with pytest.raises(GitlabCreateError) as refused:
        lab.gitlab("alice").hooks.create(where)
    lab.do.set_instance_admin("alice")

    lab.gitlab("alice").hooks.create(where)

    assert refused.value.response_code == 403


def test_a_hook_of_each_forge_gets_its_own_dialect(lab: Forge) -> None:
    url = lab.listen()
    lab.do.add_hook(LAB, url, SECRET)
    lab.do.add_hook(LAB, url, SECRET, forge="github")
    lab.do.commit(LAB, "development", {"x": "1"}, "bob", "Change")

    assert {one.event for one in lab.delivered()} == {"Push Hook", "push"}


def test_a_test_delivery_shows_what_would_come(lab: Forge) -> None:
    hook = _hook(lab)
    lab.gitlab("mona").http_post(f"/projects/{hook.project_id}/hooks/{hook.id}/test/push_events")

    [one] = lab.delivered()

    assert (one.event, json.loads(one.body)["ref"]) == ("Push Hook", "refs/heads/main")


def test_a_note_on_a_commit_says_that_it_is_one(lab: Forge) -> None:
    project = lab.project("bob", LAB)
    commit = project.commits.get(project.branches.get("main").commit["id"])
    _hook(lab)
    commit.comments.create({"note": "/lockstep promote production"})

    [one] = lab.delivered()

    said = one.payload["object_attributes"]
    assert (one.event, said["noteable_type"], said["commit_id"]) == (
        "Note Hook",
        "Commit",
        commit.id,
    )
    assert "merge_request" not in one.payload
