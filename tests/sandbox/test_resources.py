"""Branches, files, git's objects, issues, labels, reactions, checks and Apps, by PyGithub."""

import time

import pytest
from github import Auth, GithubException, GithubIntegration, InputGitTreeElement

from tests.sandbox.conftest import CONFIG, Forge


def test_files_are_made_changed_and_deleted_by_commits(forge: Forge) -> None:
    repo = forge.repo("bob")
    made = repo.create_file("dir/new.yaml", "Make", "x: 1\n", branch="development")
    changed = repo.update_file(
        "dir/new.yaml", "Change", "x: 2\n", made["content"].sha, branch="development"
    )
    with pytest.raises(GithubException) as error:
        repo.update_file("dir/new.yaml", "Late", "x: 3\n", made["content"].sha, "development")
    listing = repo.get_contents("dir", ref="development")
    repo.delete_file("dir/new.yaml", "Delete", changed["content"].sha, branch="development")

    assert isinstance(listing, list)
    assert [entry.path for entry in listing] == ["dir/new.yaml"]
    assert error.value.status == 409
    messages = [commit.commit.message for commit in repo.get_commits("development")]
    assert messages == ["Delete", "Change", "Make", "Begin"]
    assert repo.get_commits("development")[0].author.login == "bob"


def test_git_objects_make_a_commit_on_a_new_branch(forge: Forge) -> None:
    repo = forge.repo("bob")
    head = repo.get_git_commit(repo.get_branch("main").commit.sha)
    blob = repo.create_git_blob("x: 1\n", "utf-8")
    element = InputGitTreeElement("deep/x.yaml", "100644", "blob", sha=blob.sha)
    tree = repo.create_git_tree([element], head.tree)
    commit = repo.create_git_commit("By hand", tree, [head])
    ref = repo.create_git_ref("refs/heads/by-hand", commit.sha)
    with pytest.raises(GithubException) as error:
        repo.create_git_ref("refs/heads/by-hand", commit.sha)
    main = repo.get_git_ref("heads/main")
    main.edit(commit.sha)
    with pytest.raises(GithubException) as backwards:
        main.edit(head.sha)

    assert ref.object.sha == commit.sha
    assert error.value.data["message"] == "Reference already exists"
    assert backwards.value.data["message"] == "Update is not a fast forward"
    assert [r.ref for r in repo.get_git_matching_refs("heads/by")] == ["refs/heads/by-hand"]
    paths = {entry.path for entry in repo.get_git_tree(tree.sha, recursive=True).tree}
    assert paths == {"README.md", "app.yaml", "deep", "deep/x.yaml"}
    assert repo.get_git_blob(blob.sha).content == "eDogMQo=\n"


def test_compare_counts_both_sides_and_lists_what_is_ahead(forge: Forge) -> None:
    forge.do.commit(CONFIG, "development", {"app.yaml": "a: 2\n"}, "bob", "Ahead")
    forge.do.commit(CONFIG, "main", {"other.yaml": "x: 1\n"}, "bob", "Behind")

    found = forge.repo().compare("main", "development")

    assert (found.status, found.ahead_by, found.behind_by) == ("diverged", 1, 1)
    assert [c.commit.message for c in found.commits] == ["Ahead"]
    assert [f.filename for f in found.files] == ["app.yaml"]


def test_protection_is_set_shown_and_taken_away(forge: Forge) -> None:
    branch = forge.repo().get_branch("main")
    branch.edit_protection(
        strict=True, contexts=["ci/test"], required_approving_review_count=2, enforce_admins=True
    )
    shown = branch.get_protection()
    protected = forge.repo().get_branch("main").protected
    branch.remove_protection()

    assert shown.required_status_checks.contexts == ["ci/test"]
    assert shown.required_status_checks.strict
    assert shown.required_pull_request_reviews.required_approving_review_count == 2
    assert shown.enforce_admins
    assert (protected, forge.repo().get_branch("main").protected) == (True, False)
    with pytest.raises(GithubException) as error:
        branch.get_protection()
    assert (error.value.status, error.value.data["message"]) == (404, "Branch not protected")


def test_issues_are_listed_by_label_and_closed(forge: Forge) -> None:
    repo = forge.repo("bob")
    issue = repo.create_issue("Drift", body="x", labels=["lockstep"], assignees=["bob"])
    repo.create_issue("Else")
    found = [i.number for i in repo.get_issues(labels=["lockstep"])]
    issue.edit(state="closed", body="done")

    assert found == [1]
    assert (issue.state, repo.get_issue(1).raw_data["closed_by"]["login"]) == ("closed", "bob")
    assert [i.number for i in repo.get_issues(state="closed")] == [1]


def test_somebody_with_triage_missing_sets_no_labels(forge: Forge) -> None:
    issue = forge.repo("eve").create_issue("Mine", labels=["urgent"])

    with pytest.raises(GithubException) as error:
        issue.add_to_labels("urgent")

    assert (issue.labels, error.value.status) == ([], 403)


def test_labels_are_made_renamed_and_deleted_wherever_they_stand(forge: Forge) -> None:
    repo = forge.repo("bob")
    label = repo.create_label("old", "ff0000", "text")
    issue = repo.create_issue("x", labels=["old"])
    with pytest.raises(GithubException) as error:
        repo.create_label("OLD", "00ff00")
    label.edit("new", "00ff00")
    renamed = [one.name for one in issue.get_labels()]
    issue.set_labels("a", "b")
    issue.remove_from_labels("a")
    repo.get_label("b").delete()

    assert error.value.data["errors"][0]["code"] == "already_exists"
    assert (renamed, list(issue.get_labels())) == (["new"], [])


def test_reactions_are_given_once_and_counted(forge: Forge) -> None:
    issue = forge.repo("bob").create_issue("x")
    comment = issue.create_comment("/promote staging")
    first, second = comment.create_reaction("eyes"), comment.create_reaction("eyes")

    assert first.id == second.id
    assert [(r.user.login, r.content) for r in comment.get_reactions()] == [("bob", "eyes")]
    assert comment.delete_reaction(first.id)
    assert list(comment.get_reactions()) == []


def test_comments_are_edited_by_their_writer_or_by_those_who_may_write(forge: Forge) -> None:
    comment = forge.repo("bob").create_issue("x").create_comment("mine")

    with pytest.raises(GithubException) as error:
        forge.repo("eve").get_issue(1).get_comment(comment.id).edit("hers")
    forge.repo("alice").get_issue(1).get_comment(comment.id).edit("ours")

    assert error.value.status == 403
    assert [c.body for c in forge.repo().get_issue(1).get_comments()] == ["ours"]


def test_the_newest_status_of_each_context_counts(forge: Forge) -> None:
    commit = forge.repo("bob").get_branch("main").commit
    commit.create_status("failure", context="ci/test", description="No")
    commit.create_status("success", context="ci/test", description="Yes")
    commit.create_status("pending", context="ci/lint")

    combined = commit.get_combined_status()

    assert (combined.state, combined.total_count) == ("pending", 2)
    assert {s.context: s.state for s in combined.statuses} == {
        "ci/test": "success",
        "ci/lint": "pending",
    }
    assert len(list(commit.get_statuses())) == 3


def test_a_description_longer_than_140_is_refused(forge: Forge) -> None:
    with pytest.raises(GithubException) as error:
        forge.repo("bob").get_branch("main").commit.create_status("success", description="x" * 141)

    assert error.value.status == 422


PERMISSIONS = {
    "checks": "write",
    "contents": "write",
    "issues": "write",
    "pull_requests": "write",
    "statuses": "write",
    "metadata": "read",
}


def _integration(forge: Forge, repositories: list[str] | None) -> GithubIntegration:
    app = forge.do.add_app("lockstep", PERMISSIONS, hook_url=forge.listen(), hook_secret="s")
    forge.do.install_app("lockstep", "acme", repositories)
    auth = Auth.AppAuth(app["id"], app["private_key"])
    return GithubIntegration(
        auth=auth,
        base_url=forge.sandbox.api_url,
        seconds_between_requests=0,
        seconds_between_writes=0,
    )


def test_an_app_works_through_its_installation(forge: Forge) -> None:
    with _integration(forge, None) as integration:
        [installation] = integration.get_installations()
        found = integration.get_repo_installation("acme", "config")
        token = integration.get_access_token(installation.id)
        name = integration.get_app().slug
    client = forge.client(Auth.Token(token.token))
    repo = client.get_repo(CONFIG)
    sha = repo.get_branch("main").commit.sha
    run = repo.create_check_run("unit", sha, status="in_progress")
    run.edit(conclusion="success", output={"title": "Fine", "summary": "All passed"})
    repo.create_issue("By the App").create_comment("hello")

    assert (name, found.id, installation.target_type) == (
        "lockstep",
        installation.id,
        "Organization",
    )
    assert 3500 < token.expires_at.timestamp() - time.time() <= 3600
    [shown] = repo.get_commit(sha).get_check_runs()
    assert (shown.name, shown.conclusion, shown.app.slug) == ("unit", "success", "lockstep")
    [suite] = repo.get_commit(sha).get_check_suites()
    assert (suite.status, suite.conclusion) == ("completed", "success")
    assert repo.get_issue(1).user.login == "lockstep[bot]"
    assert [r.full_name for r in found.get_repos()] == [CONFIG]
    received = forge.delivered()
    assert [one.event for one in received] == [
        "installation",
        "check_run",
        "check_run",
        "check_suite",
        "issues",
        "issue_comment",
    ]
    assert {one.payload["installation"]["id"] for one in received} == {installation.id}


def test_an_installation_on_some_repositories_does_not_reach_the_others(forge: Forge) -> None:
    forge.do.add_repository("acme/other", {"x": "1"}, private=True)
    with _integration(forge, [CONFIG]) as integration:
        [installation] = integration.get_installations()
        token = integration.get_access_token(installation.id).token
    client = forge.client(Auth.Token(token))

    with pytest.raises(GithubException) as error:
        client.get_repo("acme/other")
    with pytest.raises(GithubException) as as_app:
        client.requester.requestJsonAndCheck("GET", "/app/installations")

    assert (error.value.status, as_app.value.status) == (404, 401)


def test_a_check_run_needs_an_app(forge: Forge) -> None:
    repo = forge.repo("alice")

    with pytest.raises(GithubException) as error:
        repo.create_check_run("unit", repo.get_branch("main").commit.sha)

    assert error.value.data["message"] == "You must authenticate via a GitHub App."


def test_a_jwt_signed_by_another_key_is_refused(forge: Forge) -> None:
    app = forge.do.add_app("one", PERMISSIONS)
    other = forge.do.add_app("two", PERMISSIONS)
    auth = Auth.AppAuth(app["id"], other["private_key"])

    with (
        GithubIntegration(auth=auth, base_url=forge.sandbox.api_url) as integration,
        pytest.raises(GithubException) as error,
    ):
        integration.get_app()

    assert error.value.status == 401


def test_a_repository_is_made_through_the_api_with_a_readme(forge: Forge) -> None:
    org = forge.github("alice").get_organization("acme")
    repo = org.create_repo("fresh", auto_init=True, private=True)

    assert (repo.private, repo.get_readme().decoded_content) == (True, b"# fresh\n")
    with pytest.raises(GithubException) as error:
        org.create_repo("fresh")
    assert error.value.status == 422
    repo.delete()
    assert {r.name for r in org.get_repos()} == {"config"}
