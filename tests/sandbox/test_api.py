"""The dialect's manners: who may, pages, conditional requests, limits, errors, faults, counts."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from github import UnknownObjectException

from tests.sandbox.conftest import CONFIG, Forge

REPO = f"/repos/{CONFIG}"


def ask(
    forge: Forge, method: str, path: str, login: str | None = "alice", **options: Any
) -> requests.Response:
    headers = dict(options.pop("headers", {}))
    if login is not None:
        headers.setdefault("Authorization", f"token {forge.token(login)}")
    return requests.request(
        method, forge.sandbox.api_url + path, headers=headers, timeout=10, **options
    )


def _message(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["message"]


# Who may


def test_a_public_repository_is_read_by_anybody_and_written_by_nobody_unknown(
    forge: Forge,
) -> None:
    read = ask(forge, "GET", REPO, None)
    write = ask(forge, "POST", f"{REPO}/issues", None, json={"title": "x"})

    assert read.json()["full_name"] == CONFIG
    assert _message(write) == (401, "Requires authentication")


def test_a_private_repository_is_not_there_for_those_without_access(forge: Forge) -> None:
    forge.do.add_repository("acme/secret", {"x": "1"}, private=True)
    forge.do.set_role("acme/secret", "bob", "read")

    assert ask(forge, "GET", "/repos/acme/secret", "eve").status_code == 404
    assert ask(forge, "GET", "/repos/acme/secret", "bob").status_code == 200


def test_a_wrong_token_is_refused(forge: Forge) -> None:
    headers = {"Authorization": "token nonsense"}

    assert _message(ask(forge, "GET", REPO, None, headers=headers)) == (401, "Bad credentials")


def test_a_revoked_and_an_expired_token_open_nothing(forge: Forge) -> None:
    revoked = forge.do.add_token("alice")
    expired = forge.do.add_token("alice", expires_in=-1)
    forge.do.revoke_token(revoked)

    codes = [
        ask(forge, "GET", "/user", None, headers={"Authorization": f"Bearer {t}"}).status_code
        for t in (revoked, expired)
    ]

    assert codes == [401, 401]


def test_a_token_without_a_permission_is_told_which(forge: Forge) -> None:
    secret = forge.do.add_token("alice", permissions={"contents": "read"})
    headers = {"Authorization": f"token {secret}"}

    answer = ask(forge, "POST", f"{REPO}/issues", None, headers=headers, json={"title": "x"})

    assert _message(answer) == (403, "Resource not accessible by personal access token")
    assert answer.headers["X-Accepted-GitHub-Permissions"] == "issues=write"


@pytest.mark.parametrize(
    ("role", "permission", "status"),
    [
        ("read", "read", 403),
        ("triage", "read", 403),
        ("write", "write", 201),
        ("maintain", "write", 201),
        ("admin", "admin", 201),
    ],
)
def test_a_role_says_what_one_may_and_how_github_calls_it(
    forge: Forge, role: str, permission: str, status: int
) -> None:
    token = forge.token("eve")
    forge.do.set_role(CONFIG, "eve", role)
    sha = forge.repo().get_branch("main").commit.sha

    shown = ask(forge, "GET", f"{REPO}/collaborators/eve/permission").json()
    body = {"state": "success"}
    headers = {"Authorization": f"token {token}"}
    wrote = ask(forge, "POST", f"{REPO}/statuses/{sha}", None, headers=headers, json=body)

    assert (shown["permission"], shown["role_name"]) == (permission, role)
    assert wrote.status_code == status


def test_a_team_gives_its_role_to_active_members_and_none_to_pending_ones(forge: Forge) -> None:
    for login in ("carol", "dave"):
        forge.token(login)
    forge.do.set_team("acme", "qa", {"carol": "active", "dave": "pending"})
    forge.do.set_team_role(CONFIG, "qa", "maintain")
    team = forge.github("alice").get_organization("acme").get_team_by_slug("qa")
    repo = forge.repo()

    assert {user.login for user in team.get_members()} == {"carol"}
    assert team.get_team_membership("dave").state == "pending"
    assert team.has_in_members(forge.github("alice").get_user("carol"))
    assert repo.get_collaborator_permission("carol") == "write"
    assert repo.get_collaborator_permission("dave") == "read"
    with pytest.raises(UnknownObjectException):
        team.get_team_membership("eve")


def test_an_archived_repository_is_read_only(forge: Forge) -> None:
    forge.repo().edit(archived=True)

    answer = ask(forge, "POST", f"{REPO}/issues", json={"title": "x"})

    assert _message(answer) == (403, "Repository was archived so is read-only.")


def test_a_renamed_repository_answers_its_old_name_by_its_new_place(forge: Forge) -> None:
    forge.repo().edit(name="settings")

    moved = ask(forge, "GET", REPO, allow_redirects=False)

    assert moved.status_code == 301
    assert forge.repo().full_name == "acme/settings"


# Manners


def test_lists_come_in_pages_with_links(forge: Forge) -> None:
    repo = forge.repo("bob")
    for number in range(1, 8):
        repo.create_issue(f"Issue {number}")

    page = ask(forge, "GET", f"{REPO}/issues?per_page=3&page=2")

    assert [issue["number"] for issue in page.json()] == [4, 3, 2]
    assert set(page.links) == {"prev", "next", "first", "last"}
    assert page.links["last"]["url"].endswith("page=3")
    small = forge.github("alice", per_page=2).get_repo(CONFIG)
    assert [issue.number for issue in small.get_issues()] == [7, 6, 5, 4, 3, 2, 1]


def test_a_repeated_question_is_answered_by_304_and_costs_nothing(forge: Forge) -> None:
    first = ask(forge, "GET", REPO)

    again = ask(forge, "GET", REPO, headers={"If-None-Match": first.headers["ETag"]})
    forge.repo().edit(description="Changed")
    changed = ask(forge, "GET", REPO, headers={"If-None-Match": first.headers["ETag"]})

    assert (again.status_code, again.content) == (304, b"")
    used = [answer.headers["X-RateLimit-Used"] for answer in (first, again)]
    assert used[0] == used[1]
    assert changed.status_code == 200


def test_the_limit_of_an_hour_ends_in_403_and_says_when_it_is_over(forge: Forge) -> None:
    forge.token("alice")
    forge.do.set_limits(limit=2, window=1000)

    answers = [ask(forge, "GET", REPO) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 403]
    assert _message(answers[2]) == (403, "API rate limit exceeded for alice.")
    assert answers[2].headers["X-RateLimit-Remaining"] == "0"
    assert int(answers[2].headers["X-RateLimit-Reset"]) > 0
    rate = ask(forge, "GET", "/rate_limit").json()["rate"]
    assert (rate["limit"], rate["used"], rate["remaining"]) == (2, 2, 0)


@pytest.mark.parametrize("status", [403, 429])
def test_too_many_writes_end_in_the_secondary_limit(forge: Forge, status: int) -> None:
    forge.do.set_limits(writes_a_minute=1, status=status, retry_after=7)

    answers = [ask(forge, "POST", f"{REPO}/issues", json={"title": "x"}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, status]
    assert answers[1].headers["Retry-After"] == "7"
    assert "secondary rate limit" in answers[1].json()["message"]


@pytest.mark.parametrize(
    "body", ["{", "[", '{"title": "\\ud800"}', '{"title": "a\\u0000b"}', "\xff"]
)
def test_a_body_that_is_no_json_is_refused(forge: Forge, body: str) -> None:
    answer = ask(forge, "POST", f"{REPO}/issues", data=body.encode("latin-1"))

    assert answer.status_code == 400
    assert answer.json()["message"].startswith("Problems parsing JSON")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/issues", []),
        ("/issues", {}),
        ("/issues", {"title": 1}),
        ("/issues", {"title": " "}),
        ("/pulls", {"title": "x", "head": "nowhere", "base": "main"}),
        ("/pulls", {"title": "x", "head": "main", "base": "--upload-pack=x"}),
        ("/git/refs", {"ref": "refs/heads/--output=x", "sha": "0" * 40}),
        ("/git/refs", {"ref": "refs/heads/a..b", "sha": "0" * 40}),
        ("/statuses/" + "0" * 40, {"state": "success"}),
        ("/labels", {"name": "x", "color": "no"}),
        ("/hooks", {"config": {"url": "file:///etc/passwd"}}),
        ("/git/trees", {"tree": [{"path": "../x", "mode": "100644", "content": "x"}]}),
    ],
)
def test_nonsense_is_answered_by_422_with_a_reason(forge: Forge, path: str, body: Any) -> None:
    answer = ask(forge, "POST", REPO + path, json=body)

    assert answer.status_code == 422
    assert answer.json()["message"]


@pytest.mark.parametrize(
    "path", ["/nothing", REPO + "/pulls/x", REPO + "/pulls/9", REPO + "/contents/a%00b"]
)
def test_what_is_not_there_is_404(forge: Forge, path: str) -> None:
    assert ask(forge, "GET", path).status_code == 404


def test_the_sandbox_says_that_it_is_one(forge: Forge) -> None:
    answer = ask(forge, "GET", REPO)

    assert answer.headers["X-Lockstep-Sandbox"] == "a development tool, not GitHub"
    assert answer.headers["X-GitHub-Request-Id"]


# Faults and counts


def test_a_fault_answers_instead_and_is_used_up(forge: Forge) -> None:
    forge.do.inject(method="GET", path=f"^{REPO}$", status=502, times=2)

    codes = [ask(forge, "GET", path).status_code for path in (REPO, f"{REPO}/branches", REPO, REPO)]

    assert codes == [502, 200, 502, 200]


def test_a_fault_may_skip_the_first_calls_and_carry_headers(forge: Forge) -> None:
    forge.do.inject(path="/branches", status=429, headers={"Retry-After": "3"}, skip=1)

    answers = [ask(forge, "GET", f"{REPO}/branches") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 429, 200]
    assert answers[1].headers["Retry-After"] == "3"


def test_a_lost_answer_did_what_it_was_asked(forge: Forge) -> None:
    forge.do.inject(method="POST", path="/issues", lose=True)

    with pytest.raises(requests.ConnectionError):
        ask(forge, "POST", f"{REPO}/issues", json={"title": "Done all the same"})

    assert [issue.title for issue in forge.repo().get_issues()] == ["Done all the same"]


def test_a_cut_connection_did_nothing(forge: Forge) -> None:
    forge.do.inject(method="POST", path="/issues", cut=True)

    with pytest.raises(requests.ConnectionError):
        ask(forge, "POST", f"{REPO}/issues", json={"title": "Never"})

    assert list(forge.repo().get_issues()) == []


def test_a_truncated_answer_ends_in_the_middle(forge: Forge) -> None:
    forge.do.inject(path=f"^{REPO}$", truncate=True)

    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        ask(forge, "GET", REPO)


def test_a_stall_delays_the_answer(forge: Forge) -> None:
    forge.do.inject(path=f"^{REPO}$", stall=0.3)

    assert ask(forge, "GET", REPO).elapsed.total_seconds() > 0.3


def test_a_call_takes_as_long_as_it_is_told_with_its_work(forge: Forge) -> None:
    forge.do.inject(method="POST", path="/issues$", takes=0.3)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask, forge, "POST", f"{REPO}/issues", json={"title": "Soon"})
        while not [issue.title for issue in forge.repo().get_issues()]:
            assert not asked.done()

        assert asked.result(10).elapsed.total_seconds() > 0.3


@pytest.mark.parametrize(("when", "titles"), [("before", []), ("after", ["Held"])])
def test_a_held_call_waits_until_it_is_released_and_may_be_dropped(
    forge: Forge, when: str, titles: list[str]
) -> None:
    forge.do.inject(method="POST", path="/issues$", hold=when)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask, forge, "POST", f"{REPO}/issues", json={"title": "Held"})
        while not forge.do.held():
            assert not asked.done()
        assert [issue.title for issue in forge.repo().get_issues()] == titles

        forge.do.release(drop=True)

        assert isinstance(asked.exception(10), requests.ConnectionError)
    assert [issue.title for issue in forge.repo().get_issues()] == titles


def test_calls_are_counted_by_method_and_route(forge: Forge) -> None:
    forge.token("alice")
    forge.do.reset_calls()
    for number in (1, 2):
        ask(forge, "GET", f"{REPO}/issues/{number}")

    assert forge.do.calls() == [
        {"method": "GET", "route": "/repos/{owner}/{repo}/issues/{issue_number}", "count": 2}
    ]


def test_calls_are_counted_for_each_repository(forge: Forge) -> None:
    forge.token("alice")
    forge.do.add_repository("acme/other", {"x": "1"})
    forge.do.reset_calls()
    ask(forge, "GET", f"{REPO}/branches")
    ask(forge, "GET", "/repos/acme/other/branches")
    requests.get(f"{forge.sandbox.url}/acme/other.git/info/refs?service=git-upload-pack", timeout=5)

    found = {row["route"]: row["count"] for row in forge.do.calls("acme/other")}
    assert found == {"/repos/{owner}/{repo}/branches": 1, "/{owner}/{repo}.git/info/refs": 1}
    assert sum(row["count"] for row in forge.do.calls()) == 3


def test_a_fault_may_say_a_moment_so_many_seconds_from_now(forge: Forge) -> None:
    forge.do.inject(path="/branches", status=403, headers={"X-RateLimit-Reset": "now+30"})
    before = time.time()

    answer = ask(forge, "GET", f"{REPO}/branches")

    assert 0 <= int(answer.headers["X-RateLimit-Reset"]) - before - 30 <= time.time() - before + 1


# The sandbox's own API and its door


def test_the_control_api_wants_its_own_token(forge: Forge) -> None:
    url = f"{forge.sandbox.url}/_sandbox/add_user"
    bare = requests.post(url, json={"login": "zoe"}, timeout=5)
    headers = {"Authorization": f"Bearer {forge.sandbox.control_token}"}
    made = requests.post(url, json={"login": "zoe"}, headers=headers, timeout=5)
    wrong = requests.post(url, json={"who": "zoe"}, headers=headers, timeout=5)
    unknown = requests.post(url.replace("add_user", "__class__"), headers=headers, timeout=5)

    assert [a.status_code for a in (bare, made, wrong, unknown)] == [401, 200, 400, 404]
    assert made.json()["result"]["login"] == "zoe"


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}])
def test_another_name_and_another_site_are_turned_away(
    forge: Forge, headers: dict[str, str]
) -> None:
    assert requests.get(forge.sandbox.url, headers=headers, timeout=5).status_code == 403


def test_it_listens_on_loopback_only(forge: Forge) -> None:
    port = urlsplit(forge.sandbox.url).port
    # All of 127/8 is this machine's own, but only its first address is bound.
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.2", port), 1):
        pass
