"""Who may ask GitLab's dialect what: tokens and their scopes, levels, what may not be seen."""

from typing import Any

import pytest
import requests
from gitlab.exceptions import (
    GitlabAuthenticationError,
    GitlabCreateError,
    GitlabDeleteError,
    GitlabGetError,
    GitlabListError,
)

from tests.sandbox.conftest import LAB, Forge, GitFailed, run_git

LEVELS = {"alice": 50, "mona": 40, "bob": 30, "rita": 20, "gus": 10}


def _get(forge: Forge, path: str, **headers: str) -> requests.Response:
    return requests.get(
        f"{forge.sandbox.gitlab_api_url}{path}", headers=headers, timeout=10, allow_redirects=False
    )


@pytest.mark.parametrize(
    "show",
    [
        lambda token: {"PRIVATE-TOKEN": token},
        lambda token: {"Authorization": f"Bearer {token}"},
    ],
)
def test_a_token_is_taken_in_either_header(lab: Forge, show: Any) -> None:
    answer = _get(lab, "/user", **show(lab.token("bob")))

    assert (answer.status_code, answer.json()["username"]) == (200, "bob")


def test_an_unknown_token_opens_nothing(lab: Forge) -> None:
    answer = _get(lab, "/user", **{"PRIVATE-TOKEN": "glpat-wrong"})

    assert (answer.status_code, answer.json()) == (401, {"message": "401 Unauthorized"})


def test_an_expired_and_a_revoked_token_say_so(lab: Forge) -> None:
    expired = lab.do.add_scoped_token("bob", ["api"], expires_in=-1)
    revoked = lab.do.add_scoped_token("bob", ["api"])
    lab.do.revoke_token(revoked)

    answers = [_get(lab, "/user", **{"PRIVATE-TOKEN": token}) for token in (expired, revoked)]

    assert [answer.status_code for answer in answers] == [401, 401]
    assert [answer.json()["error"] for answer in answers] == ["invalid_token"] * 2
    assert "expired" in answers[0].json()["error_description"]
    assert "revoked" in answers[1].json()["error_description"]


def test_a_token_that_may_only_read_writes_nothing(lab: Forge) -> None:
    reader = lab.gitlab_client(private_token=lab.do.add_scoped_token("bob", ["read_api"]))
    project = reader.projects.get(LAB)

    with pytest.raises(GitlabCreateError) as refused:
        project.branches.create({"branch": "x", "ref": "main"})

    assert refused.value.response_code == 403
    body = _get(lab, "/user", **{"PRIVATE-TOKEN": lab.do.add_scoped_token("bob", ["write"])}).json()
    assert (body["error"], body["scope"]) == ("insufficient_scope", "api read_api read_user")


def test_a_repository_scope_opens_git_and_not_the_api(lab: Forge, tmp_path: Any) -> None:
    token = lab.do.add_scoped_token("bob", ["read_repository"])
    address = lab.sandbox.url.replace("://", f"://oauth2:{token}@")

    run_git(tmp_path, "clone", "-q", f"{address}/{LAB}.git", "clone")

    with pytest.raises(GitFailed, match="not allowed to push"):
        run_git(tmp_path / "clone", "push", "-q", "origin", "HEAD:refs/heads/new")
    assert _get(lab, f"/projects/{LAB.replace('/', '%2F')}", **{"PRIVATE-TOKEN": token}).json()[
        "error"
    ] == ("insufficient_scope")


def test_a_token_may_push_under_any_user_name(lab: Forge, tmp_path: Any) -> None:
    token = lab.do.add_scoped_token("bob", ["write_repository"])
    address = lab.sandbox.url.replace("://", f"://whoever:{token}@")
    run_git(tmp_path, "clone", "-q", f"{address}/{LAB}.git", "clone")

    run_git(tmp_path / "clone", "push", "-q", "origin", "HEAD:refs/heads/new")

    assert "new" in [branch.name for branch in lab.project("bob", LAB).branches.list(get_all=True)]


def test_a_project_token_is_a_bot_with_the_level_it_was_given(lab: Forge) -> None:
    token = lab.do.add_project_token(LAB, "maintain", ["api"])
    client = lab.gitlab_client(private_token=token)

    client.auth()

    assert client.user is not None
    me = client.projects.get(LAB).members_all.get(client.user.id)
    assert (me.access_level, client.user.username.startswith("project_")) == (40, True)


@pytest.mark.parametrize(("login", "level"), LEVELS.items())
def test_a_level_is_found_by_whatever_way_it_comes(lab: Forge, login: str, level: int) -> None:
    key = lab.gitlab("alice").users.list(username=login, get_all=True)[0].id

    assert lab.project("mona", LAB).members_all.get(key).access_level == level


def test_who_is_no_member_has_no_level(lab: Forge) -> None:
    key = lab.gitlab("alice").users.list(username="stranger", get_all=True)[0].id

    with pytest.raises(GitlabGetError) as missing:
        lab.project("mona", LAB).members_all.get(key)

    assert missing.value.response_code == 404


def test_members_by_themselves_are_those_that_were_added_here(lab: Forge) -> None:
    project = lab.project("mona", LAB)

    direct = {member.username for member in project.members.list(get_all=True)}
    everybody = {member.username for member in project.members_all.list(get_all=True)}

    assert (direct, everybody) == ({"mona", "gus"}, set(LEVELS))


def test_what_may_not_be_seen_is_not_there(lab: Forge) -> None:
    with pytest.raises(GitlabGetError) as missing:
        lab.project("stranger", LAB)

    assert missing.value.response_code == 404
    assert missing.value.error_message == "404 Project Not Found"


def test_a_guest_of_a_private_project_sees_no_code(lab: Forge, tmp_path: Any) -> None:
    project = lab.project("gus", LAB)

    with pytest.raises(GitlabListError) as refused:
        project.branches.list(get_all=True)

    assert refused.value.response_code == 403
    address = lab.sandbox.url.replace("://", f"://gus:{lab.token('gus')}@")
    with pytest.raises(GitFailed, match="not allowed to download"):
        run_git(tmp_path, "clone", "-q", f"{address}/{LAB}.git", "clone")


def test_a_reporter_pushes_nothing_and_a_developer_nothing_that_is_protected(lab: Forge) -> None:
    with pytest.raises(GitlabCreateError) as reporter:
        lab.project("rita", LAB).branches.create({"branch": "x", "ref": "main"})
    lab.project("bob", LAB).branches.create({"branch": "x", "ref": "main"})
    with pytest.raises(GitlabDeleteError) as developer:
        lab.project("bob", LAB).branches.delete("main")

    assert (reporter.value.response_code, developer.value.response_code) == (403, 405)


def test_a_push_to_a_protected_branch_is_declined_in_gitlabs_words(
    lab: Forge, tmp_path: Any
) -> None:
    clone = lab.clone(tmp_path / "clone", "bob", LAB)
    clone.commit({"app.yaml": "a: 9\n"})

    with pytest.raises(GitFailed, match="not allowed to push code to protected branches"):
        clone.git("push", "-q", "origin", "HEAD:main")


def test_a_renamed_project_is_found_by_its_number_and_its_old_path_leads_there(lab: Forge) -> None:
    project = lab.project("alice", LAB)
    lab.do.edit_repository(LAB, "alice", name="settings")

    old = LAB.replace("/", "%2F")
    moved = _get(lab, f"/projects/{old}/labels", **{"PRIVATE-TOKEN": lab.token("bob")})
    answer = requests.post(
        f"{lab.sandbox.gitlab_api_url}/projects/{old}/labels",
        headers={"PRIVATE-TOKEN": lab.token("bob")},
        timeout=10,
    )

    assert lab.gitlab("bob").projects.get(project.id).path == "settings"
    assert moved.status_code == 302
    assert moved.headers["Location"].endswith(f"/api/v4/projects/{project.id}/labels")
    assert answer.status_code == 405


def test_a_project_moved_to_another_group_keeps_its_number(lab: Forge) -> None:
    key = lab.project("alice", LAB).id
    lab.do.add_group("elsewhere", {"alice": "admin"})

    lab.do.transfer(LAB, "elsewhere")

    moved = lab.gitlab("alice").projects.get(key)
    assert moved.path_with_namespace == "elsewhere/config"
    with pytest.raises(GitlabGetError):
        lab.gitlab("bob").projects.get(key)


def test_a_group_that_moves_takes_what_is_in_it_along(lab: Forge) -> None:
    key = lab.project("bob", LAB).id

    lab.do.move_group("acme/team", "acme/people")

    assert lab.gitlab("bob").projects.get(key).path_with_namespace == "acme/people/config"


def test_a_group_without_permission_to_list_its_members_says_no(lab: Forge) -> None:
    lab.do.add_group("closed", {"alice": "admin"}, private=True)

    with pytest.raises(GitlabGetError) as hidden:
        lab.gitlab("bob").groups.get("closed")

    assert hidden.value.response_code == 404


def test_nobody_in_particular_writes_nothing(lab: Forge) -> None:
    with pytest.raises(GitlabAuthenticationError):
        lab.gitlab_client().http_post("/projects", post_data={"name": "x"})


def test_what_is_public_lets_everybody_read_and_speak_and_nothing_more(lab: Forge) -> None:
    lab.do.edit_repository(LAB, "alice", private=False)
    project = lab.project("stranger", LAB)
    issue = lab.project("bob", LAB).issues.create({"title": "Drift"})

    said = project.issues.get(issue.iid).notes.create({"body": "Same here."})
    with pytest.raises(GitlabCreateError) as refused:
        project.labels.create({"name": "x", "color": "#000000"})

    assert said.author["username"] == "stranger"
    assert [branch.name for branch in project.branches.list(get_all=True)] == [
        "development",
        "main",
    ]
    assert refused.value.response_code == 403


def test_a_token_that_is_rotated_is_worthless_and_has_a_successor(lab: Forge) -> None:
    old = lab.do.add_scoped_token("bob", ["api"])

    fresh = lab.gitlab_client(private_token=old).http_post(
        "/personal_access_tokens/self/rotate", post_data={"expires_at": "2099-01-01"}
    )

    assert isinstance(fresh, dict)
    assert (fresh["scopes"], fresh["expires_at"]) == (["api"], "2099-01-01")
    answers = [_get(lab, "/user", **{"PRIVATE-TOKEN": token}) for token in (old, fresh["token"])]
    assert [answer.status_code for answer in answers] == [401, 200]


def test_a_token_of_a_project_is_made_by_its_maintainers(lab: Forge) -> None:
    given = {"name": "bot", "scopes": ["api"], "access_level": 30, "expires_at": "2099-01-01"}

    made = lab.project("mona", LAB).access_tokens.create(given)

    client = lab.gitlab_client(private_token=made.token)
    assert client.projects.get(LAB).permissions["project_access"]["access_level"] == 30
    with pytest.raises(GitlabCreateError):
        lab.project("bob", LAB).access_tokens.create(given)
