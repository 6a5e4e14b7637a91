"""Webhooks: what fires, how it is signed, logged, sent again and spoilt."""

import hashlib
import hmac
import json
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from github import GithubException

from tests.sandbox.conftest import CONFIG, SECRET, Forge


def _topic(forge: Forge, login: str = "bob") -> None:
    repo = forge.repo("alice")
    repo.create_git_ref("refs/heads/topic", repo.get_branch("main").commit.sha)
    forge.do.commit(CONFIG, "topic", {"app.yaml": "a: 2\n"}, login, "Change")


def test_a_delivery_is_signed_over_its_bytes(hooked: Forge) -> None:
    hooked.repo("bob").create_issue("Something")

    [one] = hooked.delivered()

    digest = hmac.new(SECRET.encode(), one.body, hashlib.sha256).hexdigest()
    old = hmac.new(SECRET.encode(), one.body, hashlib.sha1).hexdigest()
    assert one.headers["X-Hub-Signature-256"] == f"sha256={digest}"
    assert one.headers["X-Hub-Signature"] == f"sha1={old}"
    assert one.headers["X-GitHub-Event"] == "issues"
    assert len(one.headers["X-GitHub-Delivery"]) == 36


def test_the_life_of_a_pull_request_fires_github_s_events_in_order(hooked: Forge) -> None:
    _topic(hooked)
    repo = hooked.repo("bob")
    pull = repo.create_pull(title="T", body="B", head="topic", base="main")
    comment = pull.create_issue_comment("hello")
    comment.edit("hello again")
    comment.delete()
    pull.edit(title="New")
    pull.add_to_labels("promotion")
    pull.remove_from_labels("promotion")
    hooked.do.commit(CONFIG, "topic", {"app.yaml": "a: 3\n"}, "bob", "More")
    hooked.repo("alice").get_pull(1).create_review(event="APPROVE").dismiss("no")
    hooked.do.set_status(CONFIG, "topic", "ci/test", "success", "All well")
    hooked.do.set_check(CONFIG, "topic", "unit")
    hooked.do.set_check(CONFIG, "topic", "unit", "success")
    pull.edit(state="closed")
    pull.edit(state="open")
    pull.merge()
    repo.get_git_ref("heads/topic").delete()

    assert hooked.events() == [
        ("create", None),
        ("push", None),
        ("push", None),
        ("pull_request", "opened"),
        ("issue_comment", "created"),
        ("issue_comment", "edited"),
        ("issue_comment", "deleted"),
        ("pull_request", "edited"),
        ("pull_request", "labeled"),
        ("pull_request", "unlabeled"),
        ("push", None),
        ("pull_request", "synchronize"),
        ("pull_request_review", "submitted"),
        ("pull_request_review", "dismissed"),
        ("status", None),
        ("check_run", "created"),
        ("check_run", "completed"),
        ("check_suite", "completed"),
        ("pull_request", "closed"),
        ("pull_request", "reopened"),
        ("pull_request", "closed"),
        ("push", None),
        ("delete", None),
        ("push", None),
    ]


def test_a_push_over_http_says_what_it_brought_and_who_pushed(
    hooked: Forge, tmp_path: Path
) -> None:
    clone = hooked.clone(tmp_path / "clone", "bob")
    before = clone.git("rev-parse", "HEAD")
    after = clone.commit({"app.yaml": "a: 2\n", "new/x.yaml": "x: 1\n"}, "Two files")
    clone.git("push", "-q", "origin", "HEAD:main")

    [push] = hooked.delivered()

    assert (push.payload["before"], push.payload["after"]) == (before, after)
    assert (push.payload["ref"], push.payload["pusher"]["name"]) == ("refs/heads/main", "bob")
    assert not push.payload["forced"]
    [commit] = push.payload["commits"]
    assert (commit["id"], commit["added"], commit["modified"]) == (
        after,
        ["new/x.yaml"],
        ["app.yaml"],
    )


def test_a_forced_push_says_so(hooked: Forge, tmp_path: Path) -> None:
    _topic(hooked)
    clone = hooked.clone(tmp_path / "clone", "bob")
    clone.git("switch", "-q", "topic")
    clone.git("commit", "-q", "--amend", "-m", "Otherwise")
    hooked.delivered()
    clone.git("push", "-q", "--force", "origin", "topic")

    [push] = hooked.delivered()

    assert push.payload["forced"]


def test_tags_issues_and_the_repository_s_own_changes_fire_too(
    hooked: Forge, tmp_path: Path
) -> None:
    clone = hooked.clone(tmp_path / "clone", "bob")
    clone.git("tag", "-a", "v1", "-m", "One")
    clone.git("push", "-q", "origin", "v1")
    clone.git("push", "-q", "origin", ":v1")
    issue = hooked.repo("bob").create_issue("Drift", body="text")
    issue.edit(body="other", state="closed")
    repo = hooked.repo("alice")
    repo.edit(archived=True)
    repo.edit(archived=False)
    repo.edit(name="settings")

    assert hooked.events() == [
        ("create", None),
        ("push", None),
        ("delete", None),
        ("push", None),
        ("issues", "opened"),
        ("issues", "edited"),
        ("issues", "closed"),
        ("repository", "archived"),
        ("repository", "unarchived"),
        ("repository", "renamed"),
    ]


def test_a_hook_made_through_the_api_is_pinged_and_gets_only_its_events(forge: Forge) -> None:
    config = {"url": forge.listen(), "content_type": "json", "secret": "s"}
    hook = forge.repo("alice").create_hook("web", config, ["push"])
    forge.repo("bob").create_issue("Not for it")
    forge.do.commit(CONFIG, "main", {"app.yaml": "a: 2\n"}, "bob", "Change")
    hook.ping()

    assert forge.events() == [("ping", None), ("push", None), ("ping", None)]
    assert hook.config["secret"] == "********"


def test_a_form_delivery_carries_its_payload_as_a_field(forge: Forge) -> None:
    forge.do.add_hook(CONFIG, forge.listen(), SECRET, content_type="form")
    forge.repo("bob").create_issue("Something")

    [one] = forge.delivered()

    payload = json.loads(parse_qs(one.body.decode())["payload"][0])
    assert payload["issue"]["title"] == "Something"


def test_a_failed_delivery_is_logged_and_sent_again_on_request(hooked: Forge) -> None:
    hooked.answer_with = 503
    hooked.repo("bob").create_issue("Something")
    [first] = hooked.delivered()
    repo = hooked.repo("alice")
    hook = repo.get_hooks()[0]
    [logged] = repo.get_hook_deliveries(hook.id)
    hooked.answer_with = 202
    status, _, _ = repo.requester.requestJson("POST", f"{hook.url}/deliveries/{logged.id}/attempts")

    [second] = hooked.delivered()

    assert (logged.event, logged.action, logged.status_code) == ("issues", "opened", 503)
    assert status == 202
    assert second.body == first.body
    assert second.headers["X-GitHub-Delivery"] == first.headers["X-GitHub-Delivery"]
    log = [(one.redelivery, one.status_code) for one in repo.get_hook_deliveries(hook.id)]
    assert log == [(True, 202), (False, 503)]
    _, _, full = repo.requester.requestJson("GET", f"{hook.url}/deliveries/{logged.id}")
    assert json.loads(full)["request"]["payload"]["issue"]["title"] == "Something"


def test_deliveries_are_lost_doubled_and_delayed_on_request(hooked: Forge) -> None:
    hooked.do.inject_hook(event="issues", copies=0)
    hooked.do.inject_hook(event="issues", copies=2)
    hooked.do.inject_hook(event="issues", delay=1.0)
    for title in ("lost", "doubled", "late", "normal"):
        hooked.repo("bob").create_issue(title)

    titles = [one.payload["issue"]["title"] for one in hooked.delivered()]

    assert titles == ["doubled", "doubled", "normal", "late"]


def test_deliveries_that_are_held_wait_and_survive_a_restart(hooked: Forge) -> None:
    hooked.do.hold_hooks(held=True)
    hooked.repo("bob").create_issue("Held")
    before = hooked.delivered()
    hooked.restart()

    after = [one.payload["issue"]["title"] for one in hooked.delivered()]

    assert (before, after) == ([], ["Held"])


def test_an_app_is_told_of_its_repositories_as_they_come_and_go(forge: Forge) -> None:
    permissions = {"contents": "read", "metadata": "read"}
    forge.do.add_app("lockstep", permissions, hook_url=forge.listen())
    forge.do.add_repository("acme/other", {"x": "1"})
    some = forge.do.install_app("lockstep", "acme", [CONFIG])
    forge.do.set_installed(some, "acme/other", there=True)
    forge.do.set_installed(some, "acme/other", there=False)
    told = forge.events()
    forge.do.add_organization("umbrella", ["alice"])
    forge.do.install_app("lockstep", "umbrella")
    forge.do.add_repository("umbrella/new", {"x": "1"})
    forge.do.delete_repository("umbrella/new", "alice")

    assert told == [
        ("installation", "created"),
        ("installation_repositories", "added"),
        ("installation_repositories", "removed"),
    ]
    assert forge.events() == [
        ("installation", "created"),
        ("repository", "created"),
        ("create", None),
        ("push", None),
        ("repository", "deleted"),
    ]


def test_requested_reviewers_and_labels_fire(hooked: Forge) -> None:
    _topic(hooked)
    repo = hooked.repo("bob")
    issue = repo.create_issue("x")
    issue.add_to_labels("urgent")
    issue.edit(state="closed")
    issue.edit(state="open")
    pull = repo.create_pull(title="T", body="B", head="topic", base="main")
    hooked.delivered()
    pull.create_review_request(reviewers=["alice"])
    pull.delete_review_request(reviewers=["alice"])
    pull.edit(base="development")

    assert hooked.events() == [
        ("pull_request", "review_requested"),
        ("pull_request", "review_request_removed"),
        ("pull_request", "edited"),
    ]


def test_only_an_admin_sees_the_hooks(hooked: Forge) -> None:
    with pytest.raises(GithubException) as error:
        list(hooked.repo("bob").get_hooks())

    assert error.value.status == 403


def test_a_receiver_that_is_not_there_is_logged_and_nothing_else(forge: Forge) -> None:
    forge.do.add_hook(CONFIG, "http://127.0.0.1:9/nobody")
    forge.repo("bob").create_issue("Something")
    forge.delivered()

    repo = forge.repo("alice")
    [logged] = repo.get_hook_deliveries(repo.get_hooks()[0].id)

    assert (logged.status_code, logged.status) == (0, "failed to connect: ClientConnectorError")
