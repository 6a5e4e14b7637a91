"""Calls go where GitHub sends them, with all that they had, and nowhere else."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from github import Auth

from bot.forges.budget import Budget
from bot.forges.forge import Refused, Unavailable
from bot.forges.github import GitHub
from bot.forges.github_client import Clients

OLD, NEW = "/api/v3/repos/acme/config", "/api/v3/repositories/7"


@dataclass
class Moved:
    """A server that answers an old address with a redirect, and the new one with JSON."""

    status: int = 301
    location: str = NEW
    answer: Any = field(default_factory=list)
    kind: str = "application/json"
    seen: list[tuple[str, str, str, str]] = field(default_factory=list)
    url: str = ""


@contextmanager
def serving(moved: Moved) -> Iterator[GitHub]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length).decode()
            token = self.headers.get("Authorization", "")
            moved.seen.append((self.command, self.path, body, token))
            redirected = self.path.startswith(OLD)
            content = json.dumps({"message": "Moved"} if redirected else moved.answer).encode()
            self.send_response(moved.status if redirected else 200)
            if redirected:
                rest = self.path.removeprefix(OLD).partition("?")[0]
                self.send_header("Location", f"{moved.location}{rest}")
            self.send_header("Content-Type", moved.kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_PUT = answer  # noqa: N815 - http.server's names

        def log_message(self, *args: object) -> None:
            """Say nothing: the test looks at `seen`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    moved.url = f"http://127.0.0.1:{server.server_port}"
    github = GitHub.with_token("secret", api_url=f"{moved.url}/api/v3", timeout=5)
    try:
        yield github
    finally:
        github.close()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_list_under_a_former_name_keeps_its_query(status: int) -> None:
    moved = Moved(status)

    with serving(moved) as github:
        assert github.pull_requests("acme/config", head="topic", state="all") == []

    query = "direction=desc&head=acme%3Atopic&per_page=100&sort=created&state=all"
    asked = [path for _, path, _, _ in moved.seen]
    assert asked == [f"{OLD}/pulls?{query}", f"{NEW}/pulls?{query}"]


@pytest.mark.parametrize("status", [301, 307])
def test_a_write_under_a_former_name_is_made_under_the_new_one(status: int) -> None:
    moved = Moved(status, answer={"id": 1, "state": "pending", "context": "lockstep"})

    with serving(moved) as github:
        github.set_status("acme/config", "a" * 40, "pending", "waits")

    body = {"state": "pending", "description": "waits", "context": "lockstep"}
    assert [(verb, path, json.loads(sent)) for verb, path, sent, _ in moved.seen] == [
        ("POST", f"{OLD}/statuses/{'a' * 40}", body),
        ("POST", f"{NEW}/statuses/{'a' * 40}", body),
    ]


def test_no_token_follows_a_redirect_to_another_place() -> None:
    other = Moved()
    with serving(other):
        moved = Moved(location=f"{other.url}{NEW}")
        with serving(moved) as github, pytest.raises(Refused, match="LOCKSTEP_GITHUB_API_URL"):
            github.pull_requests("acme/config")

    assert other.seen == []


def test_redirects_in_a_circle_end() -> None:
    moved = Moved(location=OLD)

    with serving(moved) as github, pytest.raises(Unavailable, match="TooManyRedirects"):
        github.pull_requests("acme/config")

    assert len(moved.seen) == 5


def test_a_login_page_in_place_of_an_answer_is_unavailable() -> None:
    with (
        serving(Moved(answer="<html>", kind="text/html")) as github,
        pytest.raises(Unavailable, match="does a proxy or a login page stand in between"),
    ):
        github.pull_requests("acme/config")


def test_an_address_where_nobody_listens_is_unavailable() -> None:
    moved = Moved()
    with serving(moved):
        pass
    github = GitHub.with_token("secret", api_url=f"{moved.url}/api/v3")

    with pytest.raises(Unavailable, match="the connection to GitHub failed"):
        github.login()
    github.close()


def test_names_that_people_made_up_stay_one_segment_of_the_address() -> None:
    moved = Moved()

    with serving(moved) as github:
        github.pull_requests("acme/../../user?")
        github.members("acme/../x")

    assert [path.partition("?")[0] for _, path, _, _ in moved.seen] == [
        "/api/v3/repos/acme/..%2F..%2Fuser%3F/pulls",
        "/api/v3/orgs/acme/teams/..%2Fx/members",
    ]


class Renewable(Auth.Auth):
    """A token that is another one after a while, as an installation's is."""

    token_type = "token"
    token = "old"


def test_a_client_that_was_lent_before_shows_the_token_that_is_in_force_now() -> None:
    moved, auth = Moved(), Renewable()
    with serving(moved):
        budget = Budget("GitHub", clock=lambda: 0.0)
        clients = Clients(moved.url, auth, budget, timeout=5, clock=lambda: 0.0)
        with clients.lend("ask with the old token") as first:
            first.requestJsonAndCheck("GET", "/user")
        auth.token = "new"
        with clients.lend("ask with the new token") as second:
            second.requestJsonAndCheck("GET", "/user")
        clients.close()

    assert first is second
    assert [token for *_, token in moved.seen] == ["token old", "token new"]
