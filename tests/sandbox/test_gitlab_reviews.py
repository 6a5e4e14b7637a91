"""Approvals, pipelines, emoji, issues and labels in GitLab's dialect."""

import pytest
from gitlab.exceptions import (
    GitlabAuthenticationError,
    GitlabCreateError,
    GitlabGetError,
    GitlabMRApprovalError,
    GitlabMRClosedError,
)

from tests.sandbox.conftest import LAB, Forge
from tests.sandbox.gitlab_steps import open_one, seen_by, topic


def test_an_approval_is_for_the_head_it_was_given_to(lab: Forge) -> None:
    topic(lab)
    made = seen_by(lab, "mona", open_one(lab))

    with pytest.raises(GitlabMRApprovalError) as other:
        made.approve(sha="0" * 40)
    made.approve(sha=made.sha)

    given = made.approvals.get()
    assert other.value.response_code == 409
    assert [one["user"]["username"] for one in given.approved_by] == ["mona"]
    assert (given.user_has_approved, given.approvals_left) == (True, 0)


@pytest.mark.parametrize("login", ["bob", "rita"])
def test_neither_the_author_nor_a_reporter_approves(lab: Forge, login: str) -> None:
    topic(lab)
    made = seen_by(lab, login, open_one(lab))

    with pytest.raises(GitlabAuthenticationError):
        made.approve()


def test_an_author_approves_where_the_project_lets_them(lab: Forge) -> None:
    topic(lab)
    lab.do.set_up(LAB, merge_requests_author_approval=True)

    open_one(lab).approve()


def test_a_wanted_approval_holds_the_merge(lab: Forge) -> None:
    topic(lab)
    lab.do.set_up(LAB, approvals_before_merge=1)
    made = open_one(lab)

    with pytest.raises(GitlabMRClosedError) as held:
        seen_by(lab, "mona", made).merge()
    waiting = seen_by(lab, "bob", made).detailed_merge_status
    seen_by(lab, "mona", made).approve()

    assert (held.value.response_code, waiting) == (405, "not_approved")
    assert seen_by(lab, "bob", made).detailed_merge_status == "mergeable"
    state = made.approval_state.get()
    assert (state.rules[0]["approvals_required"], state.rules[0]["approved"]) == (1, True)


def test_an_approval_can_be_taken_back(lab: Forge) -> None:
    topic(lab)
    made = seen_by(lab, "mona", open_one(lab))
    made.approve()

    made.unapprove()

    assert made.approvals.get().approved_by == []


def test_a_push_takes_approvals_away_unless_the_project_keeps_them(lab: Forge) -> None:
    topic(lab)
    made = seen_by(lab, "mona", open_one(lab))
    made.approve()
    lab.do.commit(LAB, "topic", {"x": "1"}, "bob", "More")
    gone = made.approvals.get().approved_by
    lab.do.set_up(LAB, reset_approvals_on_push=False)
    made.approve()
    lab.do.commit(LAB, "topic", {"x": "2"}, "bob", "More")

    assert gone == []
    assert len(made.approvals.get().approved_by) == 1


def test_a_request_for_changes_stands_among_the_reviewers_and_holds_the_merge(lab: Forge) -> None:
    topic(lab)
    made = open_one(lab)

    lab.do.review(LAB, made.iid, "mona", "REQUEST_CHANGES", "No.")

    reviewers = lab.gitlab("bob").http_list(
        f"/projects/{made.project_id}/merge_requests/1/reviewers", get_all=True
    )
    assert isinstance(reviewers, list)
    assert [(one["user"]["username"], one["state"]) for one in reviewers] == [
        ("mona", "requested_changes")
    ]
    assert seen_by(lab, "bob", made).detailed_merge_status == "requested_changes"


def test_changes_are_requested_by_a_quick_action_too(lab: Forge) -> None:
    topic(lab)
    made = open_one(lab)

    seen_by(lab, "mona", made).notes.create({"body": "Not yet.\n/request_changes"})

    assert seen_by(lab, "bob", made).detailed_merge_status == "requested_changes"


@pytest.mark.parametrize(
    ("status", "held"),
    [
        ("success", "mergeable"),
        ("running", "ci_still_running"),
        ("failed", "ci_must_pass"),
        ("canceled", "ci_must_pass"),
        ("skipped", "ci_must_pass"),
        ("manual", "ci_must_pass"),
    ],
)
def test_a_pipeline_that_must_succeed_holds_the_merge(lab: Forge, status: str, held: str) -> None:
    topic(lab)
    lab.do.set_up(LAB, only_allow_merge_if_pipeline_succeeds=True)
    made = open_one(lab)
    none_yet = made.detailed_merge_status

    lab.do.run_pipeline(LAB, "topic", status)

    assert (none_yet, seen_by(lab, "bob", made).detailed_merge_status) == ("ci_must_pass", held)


def test_of_two_pipelines_for_a_commit_the_newer_is_the_heads(lab: Forge) -> None:
    topic(lab)
    made = open_one(lab)
    lab.do.run_pipeline(LAB, "topic", "failed", {"unit": "failed"})
    newer = lab.do.run_pipeline(LAB, "topic", "success", {"unit": "success"}, source="web")

    project = lab.project("bob", LAB)

    assert seen_by(lab, "bob", made).head_pipeline["id"] == newer
    listed = project.pipelines.list(sha=made.sha, get_all=True)
    assert [one.status for one in listed] == ["success", "failed"]
    assert len(made.pipelines.list(get_all=True)) == 2
    statuses = project.commits.get(made.sha).statuses.list(get_all=True)
    assert [(one.name, one.status) for one in statuses] == [
        ("unit", "failed"),
        ("unit", "success"),
    ]


def test_a_pipeline_may_have_no_jobs(lab: Forge) -> None:
    key = lab.do.run_pipeline(LAB, "main", "skipped")

    pipeline = lab.project("bob", LAB).pipelines.get(key)

    assert (pipeline.status, pipeline.jobs.list(get_all=True)) == ("skipped", [])


def test_a_manual_job_is_played_and_a_running_pipeline_canceled(lab: Forge) -> None:
    key = lab.do.run_pipeline(LAB, "main", "manual", {"unit": "success", "deploy": "manual"})
    project = lab.project("bob", LAB)
    jobs = {job.name: job for job in project.pipelines.get(key).jobs.list(get_all=True)}

    project.jobs.get(jobs["deploy"].id).play()
    running = project.pipelines.get(key)
    running.cancel()

    assert running.status == "running"
    assert project.pipelines.get(key).status == "canceled"
    assert project.jobs.get(jobs["deploy"].id).status == "canceled"


def test_a_merge_when_the_pipeline_succeeds_happens_then(lab: Forge) -> None:
    topic(lab)
    made = open_one(lab)
    key = lab.do.run_pipeline(LAB, "topic", "running")
    seen_by(lab, "mona", made).merge(merge_when_pipeline_succeeds=True, sha=made.sha)
    waiting = seen_by(lab, "mona", made)

    lab.do.set_pipeline(LAB, key, "success")

    assert (waiting.state, waiting.merge_when_pipeline_succeeds) == ("opened", True)
    merged = seen_by(lab, "mona", made)
    assert (merged.state, merged.merge_user["username"]) == ("merged", "mona")


def test_a_merge_when_the_pipeline_succeeds_needs_a_pipeline(lab: Forge) -> None:
    topic(lab)

    with pytest.raises(GitlabMRClosedError) as refused:
        seen_by(lab, "mona", open_one(lab)).merge(merge_when_pipeline_succeeds=True)

    assert refused.value.response_code == 405


def test_an_emoji_is_awarded_once(lab: Forge) -> None:
    topic(lab)
    note = open_one(lab).notes.create({"body": "Well?"})
    note.awardemojis.create({"name": "eyes"})

    with pytest.raises(GitlabCreateError) as twice:
        note.awardemojis.create({"name": "eyes"})

    assert twice.value.response_code == 404
    listed = note.awardemojis.list(get_all=True)
    assert [(one.name, one.awardable_type) for one in listed] == [("eyes", "Note")]


def test_a_confidential_issue_is_for_its_author_and_the_team(lab: Forge) -> None:
    issue = lab.project("gus", LAB).issues.create({"title": "Leak", "confidential": True})

    assert lab.project("rita", LAB).issues.get(issue.iid).confidential
    assert lab.project("gus", LAB).issues.get(issue.iid).confidential
    lab.do.set_role(LAB, "stranger", "guest")
    with pytest.raises(GitlabGetError) as hidden:
        lab.project("stranger", LAB).issues.get(issue.iid)
    assert hidden.value.response_code == 404
    assert lab.project("stranger", LAB).issues.list(get_all=True) == []


def test_an_issue_is_changed_and_closed(lab: Forge) -> None:
    issue = lab.project("bob", LAB).issues.create({"title": "Drift", "labels": "drift"})
    issue.description, issue.state_event = "Now told.", "close"

    issue.save()

    found = lab.project("rita", LAB).issues.list(state="closed", labels=["drift"], get_all=True)
    assert [(one.iid, one.description) for one in found] == [(1, "Now told.")]


def test_a_label_is_made_renamed_and_removed_from_all_that_have_it(lab: Forge) -> None:
    topic(lab)
    made = open_one(lab, labels="old")
    project = lab.project("bob", LAB)
    label = project.labels.get("old")
    label.new_name = "new"
    label.save()
    renamed = seen_by(lab, "bob", made).labels

    with pytest.raises(GitlabCreateError) as twin:
        project.labels.create({"name": "new", "color": "#000000"})
    project.labels.delete("new")

    assert (renamed, seen_by(lab, "bob", made).labels) == (["new"], [])
    assert twin.value.response_code == 409


def test_a_discussion_holds_its_notes_together(lab: Forge) -> None:
    topic(lab)
    made = open_one(lab)
    discussion = made.discussions.create({"body": "Why?"})

    discussion.notes.create({"body": "Because."})

    found = made.discussions.get(discussion.id)
    assert [note["body"] for note in found.attributes["notes"]] == ["Why?", "Because."]
    assert sorted(note.body for note in made.notes.list(get_all=True)) == ["Because.", "Why?"]


def test_a_commit_is_picked_and_taken_back(lab: Forge) -> None:
    topic(lab)
    project = lab.project("bob", LAB)
    commit = project.commits.get(project.branches.get("topic").commit["id"])

    picked = commit.cherry_pick(branch="development")
    assert isinstance(picked, dict)
    project.commits.get(picked["id"]).revert(branch="development")

    file = project.files.get(file_path="app.yaml", ref="development")
    assert picked["message"].startswith("Change on topic\n\n(cherry picked from commit")
    assert file.decode() == b"a: 1\nb: 1\nc: 1\n"
