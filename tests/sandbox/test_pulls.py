"""Pull requests: opened, followed, merged, refused."""

from pathlib import Path

import pytest
from github import GithubException
from github.PullRequest import PullRequest

from tests.sandbox.conftest import CONFIG, Forge


def _change(forge: Forge, branch: str, text: str = "a: 2\nb: 1\nc: 1\n", login: str = "bob") -> str:
    repo = forge.repo("alice")
    if not any(ref.ref == f"refs/heads/{branch}" for ref in repo.get_git_refs()):
        repo.create_git_ref(f"refs/heads/{branch}", repo.get_branch("main").commit.sha)
    return forge.do.commit(CONFIG, branch, {"app.yaml": text}, login, f"Change {branch}")


def _open(forge: Forge, branch: str = "topic", login: str = "bob") -> PullRequest:
    _change(forge, branch)
    return forge.repo(login).create_pull(title="Raise a", body="Why", head=branch, base="main")


def _refusal(error: pytest.ExceptionInfo[GithubException]) -> tuple[int, str]:
    return error.value.status, error.value.data["message"]


def _text(forge: Forge, branch: str) -> str:
    content = forge.repo().get_contents("app.yaml", ref=branch)
    assert not isinstance(content, list)
    return content.decoded_content.decode()


def test_a_pull_request_shows_what_it_would_bring(forge: Forge) -> None:
    pull = _open(forge)

    assert (pull.number, pull.state, pull.mergeable, pull.mergeable_state) == (
        1,
        "open",
        True,
        "clean",
    )
    assert (pull.additions, pull.deletions, pull.changed_files, pull.commits) == (1, 1, 1, 1)
    assert [(f.filename, f.status) for f in pull.get_files()] == [("app.yaml", "modified")]
    assert [c.commit.message for c in pull.get_commits()] == ["Change topic"]
    assert [p.number for p in forge.repo().get_pulls(head="acme:topic")] == [1]


def test_a_second_pull_request_for_the_same_branches_is_refused(forge: Forge) -> None:
    _open(forge)

    with pytest.raises(GithubException) as error:
        forge.repo("bob").create_pull(title="Again", body="", head="topic", base="main")

    assert error.value.status == 422
    said = error.value.data["errors"][0]["message"]
    assert said == "A pull request already exists for acme:topic."


def test_a_pull_request_without_commits_is_refused(forge: Forge) -> None:
    with pytest.raises(GithubException) as error:
        forge.repo("bob").create_pull(title="Nothing", body="", head="development", base="main")

    assert error.value.status == 422
    said = error.value.data["errors"][0]["message"]
    assert said == "No commits between main and development"


@pytest.mark.parametrize(
    ("method", "parents", "subject"),
    [
        ("merge", 2, "Merge pull request #1 from acme/topic"),
        ("squash", 1, "Change topic (#1)"),
        ("rebase", 1, "Change topic"),
    ],
)
def test_each_way_to_merge_makes_the_commit_that_github_makes(
    forge: Forge, method: str, parents: int, subject: str
) -> None:
    pull = _open(forge)

    done = pull.merge(merge_method=method, sha=pull.head.sha)

    commit = forge.repo().get_branch("main").commit
    assert (commit.sha, len(commit.parents)) == (done.sha, parents)
    assert commit.commit.message.splitlines()[0] == subject
    assert commit.commit.committer.email == "noreply@github.com"
    after = forge.repo().get_pull(1)
    assert (after.merged, after.state, after.merge_commit_sha) == (True, "closed", done.sha)
    assert _text(forge, "main") == "a: 2\nb: 1\nc: 1\n"


def test_a_merge_takes_the_title_and_message_that_it_is_given(forge: Forge) -> None:
    pull = _open(forge)

    pull.merge(
        commit_title="Promote", commit_message="Lockstep-Promotion: 7", merge_method="squash"
    )

    message = forge.repo().get_branch("main").commit.commit.message
    assert message == "Promote\n\nLockstep-Promotion: 7"


def test_a_merge_pinned_to_a_head_that_moved_conflicts(forge: Forge) -> None:
    pull = _open(forge)
    old = pull.head.sha
    _change(forge, "topic", "a: 3\nb: 1\nc: 1\n")

    with pytest.raises(GithubException) as error:
        pull.merge(sha=old)

    said = "Head branch was modified. Review and try the merge again."
    assert _refusal(error) == (409, said)


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_a_conflict_is_not_mergeable(forge: Forge, method: str) -> None:
    pull = _open(forge)
    forge.do.commit(CONFIG, "main", {"app.yaml": "a: 9\n"}, "alice", "Otherwise")

    fresh = forge.repo("bob").get_pull(1)
    with pytest.raises(GithubException) as error:
        pull.merge(merge_method=method)

    assert (fresh.mergeable, fresh.mergeable_state) == (False, "dirty")
    assert _refusal(error) == (405, "Pull Request is not mergeable")


def test_a_merge_keeps_what_the_base_got_meanwhile(forge: Forge) -> None:
    pull = _open(forge)
    forge.do.commit(CONFIG, "main", {"other.yaml": "x: 1\n"}, "alice", "Meanwhile")

    pull.merge(merge_method="rebase")

    assert {entry.path for entry in forge.repo().get_git_tree("main").tree} == {
        "README.md",
        "app.yaml",
        "other.yaml",
    }


def test_a_method_that_the_repository_forbids_is_refused_in_github_s_words(forge: Forge) -> None:
    pull = _open(forge)
    forge.repo("alice").edit(allow_merge_commit=False)

    with pytest.raises(GithubException) as error:
        pull.merge()

    assert _refusal(error) == (405, "Merge commits are not allowed on this repository.")


def test_a_protected_branch_waits_for_its_check_and_its_review(forge: Forge) -> None:
    pull = _open(forge)
    protect = {"enforce_admins": True, "approvals": 1, "checks": ["ci/test"]}
    forge.do.protect(CONFIG, "main", **protect)
    said = []
    for state in ("failure", "success"):
        with pytest.raises(GithubException) as error:
            pull.merge()
        said.append(_refusal(error))
        forge.do.set_status(CONFIG, "topic", "ci/test", state)
    with pytest.raises(GithubException) as error:
        pull.merge()
    said.append(_refusal(error))
    forge.repo("alice").get_pull(1).create_review(event="APPROVE")

    pull.merge()

    assert said == [
        (405, 'Required status check "ci/test" is expected.'),
        (405, 'Required status check "ci/test" is failing.'),
        (405, "At least 1 approving review is required by reviewers with write access."),
    ]
    assert forge.repo().get_pull(1).merged


def test_an_approval_by_somebody_without_write_access_does_not_count(forge: Forge) -> None:
    pull = _open(forge)
    forge.do.protect(CONFIG, "main", approvals=1)
    forge.repo("eve").get_pull(1).create_review(event="APPROVE")

    with pytest.raises(GithubException) as error:
        pull.merge()

    assert error.value.status == 405
    assert forge.repo().get_pull(1).mergeable_state == "blocked"


def test_one_s_own_pull_request_cannot_be_approved(forge: Forge) -> None:
    pull = _open(forge)

    with pytest.raises(GithubException) as error:
        pull.create_review(event="APPROVE")

    assert error.value.status == 422


def test_a_head_follows_pushes_to_its_branch(forge: Forge, tmp_path: Path) -> None:
    pull = _open(forge)
    clone = forge.clone(tmp_path / "clone", "bob")
    clone.git("switch", "-q", "topic")
    sha = clone.commit({"app.yaml": "a: 5\nb: 1\nc: 1\n"})
    clone.git("push", "-q", "origin", "topic")

    pull.update()

    assert pull.head.sha == sha
    assert clone.git("ls-remote", "origin", "refs/pull/1/head").split()[0] == sha


def test_a_push_to_the_base_that_contains_the_head_merges_the_pull_request(
    forge: Forge, tmp_path: Path
) -> None:
    pull = _open(forge)
    clone = forge.clone(tmp_path / "clone", "bob")
    clone.git("merge", "-q", "--ff-only", "origin/topic")
    clone.git("push", "-q", "origin", "main")

    pull.update()

    assert (pull.state, pull.merged, pull.merged_by.login) == ("closed", True, "bob")
    assert (pull.merge_commit_sha, pull.commits) == (pull.head.sha, 1)


def test_deleting_the_head_branch_closes_and_its_return_allows_to_reopen(forge: Forge) -> None:
    pull = _open(forge)
    forge.repo().get_git_ref("heads/topic").delete()
    pull.update()
    closed = (pull.state, pull.merged)
    with pytest.raises(GithubException) as error:
        pull.edit(state="open")
    forge.repo().create_git_ref("refs/heads/topic", pull.head.sha)

    pull.edit(state="open")

    assert closed == ("closed", False)
    assert error.value.status == 422
    assert forge.repo().get_pull(1).state == "open"


def test_the_head_branch_goes_with_the_merge_where_the_repository_says_so(forge: Forge) -> None:
    pull = _open(forge)
    forge.repo().edit(delete_branch_on_merge=True)

    pull.merge()

    assert {branch.name for branch in forge.repo().get_branches()} == {"main", "development"}
    assert pull.head.sha in {commit.sha for commit in forge.repo().get_commits("main")}


def test_a_pull_request_from_a_fork_merges_and_follows_its_branch(forge: Forge) -> None:
    fork = forge.github("eve").get_user().create_fork(forge.repo("eve"))
    forge.do.commit(fork.full_name, "main", {"app.yaml": "a: 7\n"}, "eve", "From outside")
    pull = forge.repo("eve").create_pull(title="Mine", body="", head="eve:main", base="main")
    forge.do.commit(fork.full_name, "main", {"app.yaml": "a: 8\n"}, "eve", "More")

    forge.repo("bob").get_pull(pull.number).merge()

    assert _text(forge, "main") == "a: 8\n"
    with pytest.raises(GithubException) as error:
        pull.merge()
    assert error.value.status == 403


def test_a_push_dismisses_approvals_where_the_branch_says_so(hooked: Forge) -> None:
    pull = _open(hooked)
    hooked.do.protect(CONFIG, "main", approvals=1, dismiss_stale=True)
    hooked.repo("alice").get_pull(1).create_review(event="APPROVE")
    hooked.delivered()

    _change(hooked, "topic", "a: 3\nb: 1\nc: 1\n")

    assert [review.state for review in pull.get_reviews()] == ["DISMISSED"]
    assert ("pull_request_review", "dismissed") in hooked.events()


def test_a_pending_review_is_nobody_s_business_until_it_is_submitted(hooked: Forge) -> None:
    pull = _open(hooked)
    theirs = hooked.repo("alice").get_pull(1)
    pending = theirs.create_review(body="Not yet")
    before = list(pull.get_reviews())
    url = f"{pull.url}/reviews/{pending.id}/events"
    status, _, _ = theirs.requester.requestJson("POST", url, input={"event": "APPROVE"})

    assert (pending.state, before, status) == ("PENDING", [], 200)
    assert [(r.state, r.body) for r in pull.get_reviews()] == [("APPROVED", "Not yet")]
    submitted = ("pull_request_review", "submitted")
    assert [event for event in hooked.events() if event == submitted] == [submitted]


def test_a_base_that_moved_unseen_is_not_overwritten_by_a_merge(
    forge: Forge, tmp_path: Path
) -> None:
    pull = _open(forge)
    clone = forge.clone(tmp_path / "clone", "bob")
    sha = clone.commit({"other.yaml": "x: 1\n"})
    world = forge.sandbox.controls._world
    repo = world.find_repository("acme", "config")
    assert repo is not None
    clone.git("push", "-q", str(world.git(repo).path), "HEAD:main")

    with pytest.raises(GithubException) as error:
        pull.merge()

    said = "Base branch was modified. Review and try the merge again."
    assert _refusal(error) == (405, said)
    assert world.git(repo).refs()["refs/heads/main"] == sha


def test_reviewers_are_asked_and_leave_the_list_when_they_answer(forge: Forge) -> None:
    pull = _open(forge)
    pull.create_review_request(reviewers=["alice"])
    asked = [user.login for user in pull.get_review_requests()[0]]
    review = forge.repo("alice").get_pull(1).create_review(body="No", event="REQUEST_CHANGES")
    left = [user.login for user in pull.get_review_requests()[0]]

    review.dismiss("Settled")

    assert (asked, left) == (["alice"], [])
    assert [(r.user.login, r.state) for r in pull.get_reviews()] == [("alice", "DISMISSED")]


def test_a_draft_a_new_base_and_an_edit_are_kept(forge: Forge) -> None:
    _change(forge, "topic")
    repo = forge.repo("bob")
    pull = repo.create_pull(title="T", body="B", head="topic", base="main", draft=True)
    with pytest.raises(GithubException) as error:
        pull.merge()

    pull.edit(title="New", body="Text", base="development")

    assert _refusal(error) == (405, "Pull Request is still a draft")
    fresh = repo.get_pull(1)
    assert (fresh.title, fresh.body, fresh.base.ref) == ("New", "Text", "development")


def test_a_branch_that_is_behind_is_brought_up_to_date(forge: Forge) -> None:
    pull = _open(forge)
    forge.do.commit(CONFIG, "main", {"other.yaml": "x: 1\n"}, "alice", "Meanwhile")

    assert pull.update_branch()

    pull.update()
    assert len(forge.repo().get_commit(pull.head.sha).parents) == 2


def test_branches_merge_directly_and_say_when_there_is_nothing_to_do(forge: Forge) -> None:
    repo = forge.repo("bob")
    forge.do.commit(CONFIG, "development", {"new.yaml": "x: 1\n"}, "bob", "New")

    first, second = repo.merge("main", "development"), repo.merge("main", "development")

    assert first is not None
    assert (len(first.parents), second) == (2, None)
