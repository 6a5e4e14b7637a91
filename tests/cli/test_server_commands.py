"""The commands that run servers: what they say, what they do, and how they end."""

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.cli.servers import REPOSITORY, SECRET, eventually, forge, settings_for, started
from tests.forges.world import ME
from tests.sandbox.conftest import Forge as Sandbox
from tests.temporal_server import free_port

# As the guide for installing lists them.
PERMISSIONS = {
    "checks": "read",
    "contents": "write",
    "issues": "write",
    "metadata": "read",
    "pull_requests": "write",
    "statuses": "write",
}


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with forge(tmp_path / "forge") as running:
        yield running


def test_serve_says_where_it_is_and_what_it_found_and_ends_in_order(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    settings = settings_for(sandbox, tmp_path / "state", LOCKSTEP_LOG_FORMAT="json")

    with started("serve", settings=settings) as server:
        hook = server.says(r"received at (\S+)/webhooks/github")[1]
        server.says(f"keeping in lockstep: {REPOSITORY}")
        answers = [
            requests.get(f"{hook}{path}", timeout=5).status_code
            for path in ("/healthz", "/readyz", "/metrics")
        ]
        unsigned = requests.post(f"{hook}/webhooks/github", json={}, timeout=5).status_code
        code = server.end()

    lines = [json.loads(line) for line in server.lines]
    assert (code, answers, unsigned) == (0, [200, 200, 200], 401)
    assert {tuple(line) for line in lines} == {("time", "level", "logger", "message")}
    assert lines[-1]["message"] == "ended in order"
    assert f"{ME} may write to" in server.output
    assert not [secret for secret in (SECRET, sandbox.token(ME)) if secret in server.output]


def test_a_server_that_was_killed_goes_on_where_it_was(sandbox: Sandbox, tmp_path: Path) -> None:
    settings = settings_for(sandbox, tmp_path / "state")
    with started("serve", settings=settings) as first:
        first.says("ci/test has not reported yet")
        first.end(signal.SIGKILL)
    repository = sandbox.repo("alice", REPOSITORY)
    sandbox.do.set_status(REPOSITORY, repository.get_pull(1).head.sha, "ci/test", "success")

    with started("serve", settings=settings) as second:
        # It was down when the check reported, and is told of the next report.
        url = second.says(r"received at (\S+)")[1]
        sandbox.do.add_hook(REPOSITORY, url, SECRET)
        sandbox.do.set_status(REPOSITORY, repository.get_pull(1).head.sha, "ci/test", "success")
        eventually(lambda: repository.get_pull(1).merged or None, lambda: second.output)
        second.end()

    assert [(p.number, p.user.login) for p in repository.get_pulls(state="all")] == [(1, ME)]


def test_status_and_promote_speak_with_the_server_that_runs(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    settings = settings_for(sandbox, tmp_path / "state")
    with started("serve", settings=settings) as server:
        server.says("ci/test has not reported yet")
        with started("status", "--repo", REPOSITORY, settings=settings) as status:
            status.says(r"acme/config\n  promotion to staging  #1  \w{10}  ci/test has not")
        with started("status", "--json", settings=settings) as as_json:
            as_json.says(r"(?s)\n}$")
        with started("status", "--watch", settings=settings) as watch:
            watch.says("promotion to staging")
            assert watch.end(signal.SIGINT) == 0
        with started("promote", "staging", "--repo", REPOSITORY, settings=settings) as twice:
            twice.says("a promotion to staging is open already, pull request #1")
        with started("promote", "stagng", "--repo", REPOSITORY, settings=settings) as wrong:
            wrong.says("no environment `stagng` to promote into; did you mean `staging`?")
        server.end()

    (shown,) = json.loads(as_json.output)["repositories"]
    assert [(one["environment"], one["pull_request"]) for one in shown["promotions"]] == [
        ("staging", 1)
    ]


def test_the_dashboard_is_for_whoever_has_its_token_and_says_what_status_says(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    token = "the-token-of-the-dashboard"
    settings = settings_for(sandbox, tmp_path / "state", LOCKSTEP_DASHBOARD_TOKEN=token)
    bearer = {"Authorization": f"Bearer {token}"}
    with started("serve", settings=settings) as server:
        url = server.says(r"the dashboard is at (\S+)/, for whoever")[1]
        server.says("ci/test has not reported yet")
        strangers = requests.get(url, timeout=20)

        def shown() -> requests.Response | None:
            # The log is written before the step has ended, and what was shown is kept a moment.
            found = requests.get(url, headers=bearer, timeout=20)
            return found if "ci/test has not reported yet" in found.text else None

        page = eventually(shown, lambda: server.output)

        def told() -> dict[str, Any] | None:
            found = requests.get(f"{url}/api/v1/status", headers=bearer, timeout=20).json()
            # The drift watch looks beside the promotion.
            return found if found["repositories"][0]["hops"] else None

        api = eventually(told, lambda: server.output)
        with started("status", "--json", settings=settings) as as_json:
            as_json.says(r"(?s)\n}$")
        assert server.end() == 0
        assert token not in server.output

    assert (strangers.status_code, page.status_code) == (401, 200)
    status = json.loads(as_json.output)
    assert (api["repositories"], len(api["workers"])) == (status["repositories"], 1)
    (promotion,) = api["repositories"][0]["promotions"]
    assert promotion["url"] == f"{sandbox.sandbox.url}/{REPOSITORY}/pull/1"
    assert api["repositories"][0]["hops"] == [
        {
            "source": "development",
            "target": "staging",
            "pending": 1,
            "drift": 0,
            "conflict": 0,
            "held": 0,
        }
    ]


def test_promote_starts_what_waits_to_be_asked_for(sandbox: Sandbox, tmp_path: Path) -> None:
    manual = "version: 1\nenvironments:\n  - {name: development, branch: development}\n"
    manual += "  - {name: production, branch: main, promote: manual}\n"
    sandbox.do.commit(REPOSITORY, "main", {".lockstep.yaml": manual}, "alice", "By hand")
    settings = settings_for(sandbox, tmp_path / "state")
    repository = sandbox.repo("alice", REPOSITORY)

    with started("serve", settings=settings) as server:
        server.says("keeping in lockstep")
        before = repository.get_pulls(state="all", base="main").totalCount
        with started("promote", "production", "--repo", REPOSITORY, settings=settings) as promote:
            promote.says("promoting [0-9a-f]{10} to production")
        # The back-merge of the configuration may be open too, into development.
        eventually(
            lambda: repository.get_pulls(state="all", base="main").totalCount or None,
            lambda: server.output,
        )
        server.end()

    assert before == 0


def test_a_server_works_as_an_app_too(sandbox: Sandbox, tmp_path: Path) -> None:
    app = sandbox.do.add_app("lockstep-app", PERMISSIONS)
    sandbox.do.install_app("lockstep-app", "acme")
    key = tmp_path / "app.pem"
    key.write_text(app["private_key"])
    settings = settings_for(
        sandbox,
        tmp_path / "state",
        LOCKSTEP_GITHUB_TOKEN="",
        LOCKSTEP_GITHUB_APP_ID=str(app["id"]),
        LOCKSTEP_GITHUB_PRIVATE_KEY_FILE=str(key),
    )

    with started("serve", settings=settings) as server:
        server.says("looking at 1 repository that lockstep-app")
        server.says("ci/test has not reported yet")
        assert server.end() == 0

    assert sandbox.repo("alice", REPOSITORY).get_pull(1).user.login == "lockstep-app[bot]"


def test_repositories_that_are_not_asked_for_are_left_alone(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    settings = settings_for(sandbox, tmp_path / "state", LOCKSTEP_REPOSITORIES="other/*")
    repository = sandbox.repo("alice", REPOSITORY)

    with started("serve", settings=settings) as server:
        server.says("LOCKSTEP_REPOSITORIES names none of the 1 repository")
        sandbox.do.add_hook(REPOSITORY, server.says(r"received at (\S+)")[1], SECRET)
        sandbox.do.commit(REPOSITORY, "development", {"app.yaml": "a: 3\n"}, "alice", "Change")
        sandbox.delivered()
        with started("status", settings=settings) as status:
            status.says("No repository is kept in lockstep yet")
        server.end()

    delivered = repository.get_hook_deliveries(repository.get_hooks()[0].id)
    assert [one.status_code for one in delivered] == [202]
    assert repository.get_pulls(state="all").totalCount == 0


def test_a_receiver_without_temporal_says_so_and_takes_nothing(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        settings = {
            "LOCKSTEP_PORT": "0",
            "LOCKSTEP_STATE_DIR": str(tmp_path),
            "LOCKSTEP_GITHUB_WEBHOOK_SECRET": SECRET,
            "LOCKSTEP_TEMPORAL_ADDRESS": f"127.0.0.1:{nobody.getsockname()[1]}",
        }
        with started("webhook", settings=settings) as receiver:
            hook = receiver.says(r"received at (\S+)/webhooks/github")[1]
            answer = requests.get(f"{hook}/readyz", timeout=10)
            assert receiver.end() == 0

    assert (answer.status_code, answer.json()["error"]) == (
        503,
        "Not ready: Temporal cannot be reached",
    )


def test_the_halves_of_a_server_work_together(sandbox: Sandbox, tmp_path: Path) -> None:
    whole = settings_for(sandbox, tmp_path / "state")
    alone = whole | {"LOCKSTEP_METRICS_PORT": str(free_port())}
    with started("worker", settings=alone) as worker:
        address = worker.says(r"Temporal is at (\S+)")[1]
        shared = {
            **settings_for(sandbox, tmp_path / "other"),
            "LOCKSTEP_TEMPORAL_ADDRESS": address,
        }
        with started("webhook", settings=shared) as receiver:
            sandbox.do.add_hook(REPOSITORY, receiver.says(r"received at (\S+)")[1], SECRET)
            worker.says("ci/test has not reported yet")
            head = sandbox.repo("alice", REPOSITORY).get_pull(1).head.sha
            sandbox.do.set_status(REPOSITORY, head, "ci/test", "success")
            worker.says("every gate is open")
            with started("status", settings=alone) as status:
                status.says(
                    r"GitHub  \d+ of 5000 calls left until .*; \d+ more writes this minute;"
                    " 479 more posts this hour"
                )
            assert (receiver.end(), worker.end()) == (0, 0)


def test_settings_that_lack_something_are_refused_with_all_that_is_wrong(tmp_path: Path) -> None:
    settings = {
        "LOCKSTEP_STATE_DIR": str(tmp_path),
        "LOCKSTEP_GITHUB_TOKEN": "t",
        "LOCKSTEP_PORT": "http",
    }
    with started("serve", settings=settings) as server:
        server.says("(?s)`http` is not a port.*LOCKSTEP_GITHUB_WEBHOOK_SECRET")
        assert server.ended() == 1
    assert server.lines[0] == "lockstep: the settings are not complete, or not valid:"


def test_a_port_that_is_taken_is_said_with_the_setting_for_it(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        settings = settings_for(sandbox, tmp_path / "state", LOCKSTEP_PORT=port)
        with started("serve", settings=settings) as server:
            server.says(f"cannot listen on 127.0.0.1, port {port}: .*; set LOCKSTEP_HOST and")
            assert server.ended() == 1


def test_status_without_a_server_says_how_to_start_one(tmp_path: Path) -> None:
    settings = {"LOCKSTEP_STATE_DIR": str(tmp_path / "state"), "LOCKSTEP_GITHUB_TOKEN": "t"}
    with started("status", settings=settings) as status:
        status.says(f"no server runs on {tmp_path}/state; start `lockstep serve`")
        assert status.ended() == 1


def test_a_second_server_on_one_directory_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    settings = settings_for(sandbox, tmp_path / "state")
    with started("serve", settings=settings) as first:
        first.says("keeping in lockstep")
        with started("serve", settings=settings) as second:
            second.says("another Lockstep runs its Temporal server on")
            assert second.ended() == 1
        assert first.end() == 0


def test_the_sandbox_alone_says_where_it_is_and_ends(tmp_path: Path) -> None:
    with started("sandbox", "--root", str(tmp_path / "root"), settings={}) as sandbox:
        pages = sandbox.says(r"pages\s+(\S+)")[1]
        assert requests.get(pages, timeout=5).status_code == 200
        with started("sandbox", "--root", str(tmp_path / "root"), settings={}) as second:
            second.says("another sandbox runs on")
            assert second.ended() == 1
        assert sandbox.end(signal.SIGINT) == 0
