"""Merge requests in GitLab's dialect: open, list, change, follow, merge."""

from pathlib import Path
from typing import Any

import pytest
from gitlab.exceptions import GitlabCreateError
from gitlab.v4.objects import ProjectMergeRequest

from tests.sandbox.conftest import LAB, Forge
from tests.sandbox.gitlab_steps import open_one, seen_by, topic


def _status(lab: Forge, asked: ProjectMergeRequest) -> str:
    return str(seen_by(lab, "bob", asked).detailed_merge_status)


def test_a_merge_request_is_opened_with_all_that_it_was_given(lab: Forge) -> None:
    topic(lab)

    made = open_one(lab, description="Because.", labels="promotion,to staging", squash=True)

    assert (made.iid, made.state, made.draft) == (1, "opened", False)
    assert (made.description, made.labels) == ("Because.", ["promotion", "to staging"])
    assert (made.squash, made.detailed_merge_status) == (True, "mergeable")
    assert made.references["full"] == f"{LAB}!1"


def test_merge_requests_and_issues_are_counted_apart(lab: Forge) -> None:
    topic(lab)
    lab.project("bob", LAB).issues.create({"title": "First"})

    made = open_one(lab)

    assert made.iid == 1


def test_a_second_one_of_the_same_branches_is_refused_by_the_number_of_the_first(
    lab: Forge,
) -> None:
    topic(lab)
    open_one(lab)

    with pytest.raises(GitlabCreateError) as twin:
        open_one(lab, "mona")

    assert twin.value.response_code == 409
    said = "Another open merge request already exists for this source branch: !1"
    assert said in twin.value.error_message


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"head": "missing"}, 422, "does not exist"),
        ({"target_branch": "missing"}, 422, "does not exist"),
        ({"head": "main"}, 422, "same project/branch"),
        ({"title": ""}, 400, "title is empty"),
    ],
)
def test_branches_that_are_not_there_are_refused(
    lab: Forge, fields: dict[str, str], status: int, said: str
) -> None:
    topic(lab)

    with pytest.raises(GitlabCreateError) as refused:
        open_one(lab, **fields)

    assert refused.value.response_code == status
    assert said in str(refused.value.error_message)


def test_lists_are_narrowed_by_branch_and_state_and_ordered(lab: Forge) -> None:
    for name in ("one", "two", "three"):
        topic(lab, name, f"a: {name}\nb: 1\nc: 1\n")
        open_one(lab, head=name, title=name)
    first = lab.project("bob", LAB).mergerequests.get(1)
    first.state_event = "close"
    first.save()
    requests = lab.project("rita", LAB).mergerequests

    def titles(**query: Any) -> list[str]:
        return [found.title for found in requests.list(get_all=True, **query)]

    assert titles(state="opened") == ["three", "two"]
    assert titles(source_branch="two") == ["two"]
    assert titles(state="closed") == ["one"]
    assert titles(order_by="created_at", sort="asc") == ["one", "two", "three"]


def test_a_list_of_more_than_a_hundred_comes_in_pages_that_say_so(lab: Forge) -> None:
    labels = lab.project("bob", LAB).labels
    for at in range(101):
        labels.create({"name": f"label-{at:03}", "color": "#112233"})

    first = lab.gitlab("bob").http_request(
        "get", f"/projects/{LAB.replace('/', '%2F')}/labels", query_data={"per_page": 100}
    )

    assert len(labels.list(get_all=True)) == 101
    assert {name: first.headers[name] for name in ("X-Total", "X-Total-Pages", "X-Next-Page")} == {
        "X-Total": "101",
        "X-Total-Pages": "2",
        "X-Next-Page": "2",
    }
    assert 'rel="next"' in first.headers["Link"]


def test_projects_come_by_keyset_without_a_count(lab: Forge) -> None:
    for name in ("one", "two", "three"):
        lab.do.add_repository(f"acme/{name}", {"x": "1"})
    client = lab.gitlab("alice")

    found = client.projects.list(pagination="keyset", order_by="id", per_page=2, get_all=True)
    first = client.http_request(
        "get", "/projects", query_data={"pagination": "keyset", "order_by": "id", "per_page": 2}
    )

    assert [project.path for project in found] == ["three", "two", "one", "config"]
    assert "X-Total" not in first.headers


def test_a_head_follows_its_branch_and_a_push_to_the_target_merges(
    lab: Forge, tmp_path: Path
) -> None:
    topic(lab)
    made = open_one(lab)
    clone = lab.clone(tmp_path / "clone", "mona", LAB)
    clone.git("checkout", "-q", "topic")
    sha = clone.commit({"app.yaml": "a: 7\nb: 1\nc: 1\n"})

    clone.git("push", "-q", "origin", "topic")
    followed = seen_by(lab, "bob", made)
    fetched = clone.git("ls-remote", "origin", "refs/merge-requests/1/head").split()[0]
    clone.git("push", "-q", "origin", "topic:main")

    assert (followed.sha, followed.state, fetched) == (sha, "opened", sha)
    assert seen_by(lab, "bob", made).state == "merged"


def test_a_merge_request_outlives_its_target_and_not_its_source(lab: Forge) -> None:
    topic(lab)
    lab.project("bob", LAB).branches.create({"branch": "release", "ref": "main"})
    lasting = open_one(lab, target_branch="release")
    closing = open_one(lab)
    project = lab.project("bob", LAB)

    project.branches.delete("release")
    still = seen_by(lab, "bob", lasting).state
    project.branches.delete("topic")

    assert (still, seen_by(lab, "bob", closing).state) == ("opened", "closed")


def test_one_without_commits_of_its_own_is_opened_but_not_merged(lab: Forge) -> None:
    lab.project("bob", LAB).branches.create({"branch": "empty", "ref": "main"})

    made = open_one(lab, head="empty")

    assert (made.state, made.detailed_merge_status) == ("opened", "commits_status")


def test_title_labels_target_and_state_are_changed(lab: Forge) -> None:
    topic(lab)
    made = open_one(lab, labels="old")
    made.title, made.add_labels, made.target_branch = "Other", ["new"], "development"
    made.remove_labels, made.state_event = ["old"], "close"

    made.save()

    now = seen_by(lab, "bob", made)
    assert (now.title, now.labels, now.target_branch, now.state) == (
        "Other",
        ["new"],
        "development",
        "closed",
    )


def test_a_fork_offers_its_branch_to_the_project_it_came_from(lab: Forge) -> None:
    lab.do.edit_repository(LAB, "alice", private=False)
    fork = lab.project("stranger", LAB).forks.create({})
    lab.do.commit("stranger/config", "topic", {"x.txt": "x\n"}, "stranger", "Offer")

    made = (
        lab.gitlab("stranger")
        .projects.get(fork.id)
        .mergerequests.create(
            {
                "source_branch": "topic",
                "target_branch": "main",
                "title": "Offer",
                "target_project_id": lab.project("bob", LAB).id,
            }
        )
    )

    assert (made.source_project_id, made.target_project_id) == (
        fork.id,
        lab.project("bob", LAB).id,
    )
    assert made.references["full"] == f"{LAB}!1"


def test_a_note_loses_the_lines_that_gitlab_takes_for_itself(lab: Forge) -> None:
    topic(lab)
    made = open_one(lab)

    mixed = made.notes.create({"body": "Please.\n/promote production\n/lockstep status"})
    with pytest.raises(GitlabCreateError) as nothing:
        made.notes.create({"body": "/promote production"})

    assert mixed.body == "Please.\n/lockstep status"
    assert nothing.value.response_code == 400
    assert [note.body for note in made.notes.list(get_all=True)] == [mixed.body]


def test_a_note_that_is_a_quick_action_does_it_and_is_not_kept(lab: Forge) -> None:
    topic(lab)
    made = open_one(lab)

    answer = lab.gitlab("bob").http_request(
        "post",
        f"/projects/{made.project_id}/merge_requests/1/notes",
        post_data={"body": "/close"},
    )

    assert (answer.status_code, answer.json()["summary"]) == (202, ["Closed this merge request."])
    assert seen_by(lab, "bob", made).state == "closed"
    assert made.notes.list(get_all=True) == []


def test_commands_in_code_and_quotes_are_text(lab: Forge) -> None:
    topic(lab)
    body = "```\n/close\n```\n>>>\n/close\n>>>\n> /close"

    made = open_one(lab)

    assert made.notes.create({"body": body}).body == body
    assert seen_by(lab, "bob", made).state == "opened"


def test_a_status_is_set_listed_and_moves_only_forward(lab: Forge) -> None:
    project = lab.project("bob", LAB)
    sha = project.branches.get("main").commit["id"]
    commit = project.commits.get(sha)
    commit.statuses.create({"state": "pending", "name": "unit"})

    with pytest.raises(GitlabCreateError) as stuck:
        commit.statuses.create({"state": "pending", "name": "unit"})
    commit.statuses.create({"state": "failed", "name": "unit", "description": "No."})

    assert stuck.value.response_code == 400
    assert "Cannot transition status via :enqueue from :pending" in str(stuck.value.error_message)
    assert [(s.name, s.status, s.description) for s in commit.statuses.list(get_all=True)] == [
        ("unit", "failed", "No.")
    ]
