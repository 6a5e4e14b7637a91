"""What people and programs send that they should not, from the webhook to what they are told."""

import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.faults.place import BOT, Place, staged, to_production
from tests.faults.processes import HOOK_SECRET, Forge, Server, eventually
from tests.shop import APP, CONFIGURATION, V2, V3

# Through the receiver


def post(server: Server, body: bytes, event: str = "push", **headers: str) -> int:
    """Deliver something that is signed as it should be, unless a header says otherwise."""
    signature = "sha256=" + hmac.new(HOOK_SECRET.encode(), body, hashlib.sha256).hexdigest()
    sent = {
        "Content-Type": "application/json",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": "11111111-2222-3333-4444-555555555555",
        "X-Hub-Signature-256": signature,
    }
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.post(server.hook, data=body, headers=sent, timeout=30).status_code


def test_what_is_no_event_of_the_forges_is_refused_and_the_next_event_is_taken(
    here: Place, server: Server
) -> None:
    repository = {"id": 1, "full_name": here.name}
    push = {"ref": "refs/heads/x", "before": "0" * 40, "after": "1" * 40, "repository": repository}
    whole = json.dumps(push).encode()
    refused = {
        "wrongly signed": post(server, whole, X_Hub_Signature_256="sha256=" + "0" * 64),
        "unsigned": post(server, whole, X_Hub_Signature_256=""),
        "truncated": post(server, whole[: len(whole) // 2]),
        "not JSON": post(server, b"\xff\x00"),
        "gigantic": post(server, b" " * ((25 << 20) + 1)),
        "unknown": post(server, b"{}", event="meteor_shower"),
    }

    here.commit("development", {"app.yaml": V2})

    assert refused == {
        "wrongly signed": 401,
        "unsigned": 401,
        "truncated": 400,
        "not JSON": 400,
        "gigantic": 413,
        "unknown": 202,
    }
    here.open_into("staging")


def test_events_that_come_three_times_and_late_promote_and_answer_once(here: Place) -> None:
    here.forge.do("inject_hook", event="push", times=2, delay=0.5)
    here.forge.do("inject_hook", copies=3, times=100)
    try:
        staged(here)
        pull = to_production(here)
        here.say(pull["number"], "bob", "/sign-off qa")
        here.answered(pull["number"], "needs a member of the role")
        here.check(pull["head"]["sha"])
        here.say(pull["number"], "quinn", "/sign-off qa")
        here.body_says(pull["number"], "is in production")
    finally:
        here.forge.do("clear_faults")

    assert [len(here.promotions(branch)) for branch in ("main", "staging")] == [1, 1]
    assert [len(here.said(p["number"])) for p in here.pulls()] == [1, 1]


# The configuration


def test_without_a_configuration_promote_is_answered_once_and_strangers_not_at_all(
    forge: Forge, server: Server
) -> None:
    here = Place(forge, server.hook, configuration=None)
    issue = here.issue("How do I release?")
    forge.do("reset_calls")
    here.say(issue, "eve", "/promote staging")
    here.say(issue, "ada", "/status\n/hold on\n/nonsense")
    for person in ("ada", "ada", "bob"):
        here.say(issue, person, "/promote staging")
    eventually(lambda: asked_who_may(forge) == 4, "all four to be looked at")
    here.answered(issue, "no `.lockstep.yaml`")

    here.commit("main", {".lockstep.yaml": CONFIGURATION})
    here.commit("development", {"app.yaml": V2})

    here.open_into("staging")
    assert len(here.said(issue)) == 1


def test_a_broken_configuration_is_said_with_its_place_and_the_last_good_one_stays_in_force(
    here: Place,
) -> None:
    here.commit("development", {"app.yaml": V2})
    pull = here.open_into("staging")

    here.commit("main", {".lockstep.yaml": CONFIGURATION.replace("checks:", "chekcs:", 1)})
    here.issue_is("open", ".lockstep.yaml:9:7")
    here.check(pull["head"]["sha"])
    here.merged(pull["number"])
    here.commit("development", {"app.yaml": V3})
    second = here.open_into("staging", after=pull["number"])
    here.commit("main", {".lockstep.yaml": CONFIGURATION})

    here.issue_is("closed")
    here.check(second["head"]["sha"])
    here.merged(second["number"])
    assert here.file("staging") == V3


@pytest.mark.parametrize("text", ["", "\0\0", "version: 2\n", "- just\n- a list\n", "a: [\n"])
def test_a_configuration_that_never_was_one_is_said_and_nothing_is_promoted(
    forge: Forge, server: Server, text: str
) -> None:
    here = Place(forge, server.hook, configuration=text)

    here.commit("development", {"app.yaml": V2})

    here.issue_is("open", ".lockstep.yaml:")
    assert here.pulls() == []


# Comments


def test_only_what_a_person_who_may_says_anew_in_their_own_words_counts(here: Place) -> None:
    here.commit("development", {"app.yaml": V2})
    pull = here.open_into("staging")
    number = pull["number"]
    here.check(pull["head"]["sha"], "pending")
    for login in ("sandbox-ci", BOT):
        here.say(number, login, "/cancel")
    here.say(number, "bob", "> /cancel\n\n```\n/cancel\n```\n\n    /cancel\n\nI said `/cancel`.")
    plain = here.say(number, "bob", "Nothing to see.")
    here.ask("PATCH", f"/issues/comments/{plain}", "bob", body="/cancel")
    here.say(number, "eve", "/cancel")
    here.answered(number, "@eve `/cancel` needs write permission")
    assert here.pull(number)["state"] == "open"
    refused = here.said(number)[1:]

    here.say(number, "bob", "/cancel")

    here.closed(number)
    assert [text for text in here.said(number) if text != "/cancel"] == refused


def test_a_sign_off_by_who_may_not_is_refused_and_the_authors_own_is_not_enough(
    forge: Forge, server: Server
) -> None:
    here = Place(forge, server.hook, CONFIGURATION.replace("[quinn]", "[quinn, ada]"))
    staged(here)
    pull = to_production(here)
    here.check(pull["head"]["sha"])
    here.say(pull["number"], "eve", "/sign-off qa")
    here.answered(pull["number"], "@eve")
    here.say(pull["number"], "ada", "/sign-off qa")
    here.body_says(pull["number"], "wrote")
    assert here.pull(pull["number"])["state"] == "open"

    here.say(pull["number"], "quinn", "/sign-off qa")

    here.merged(pull["number"])


# Forks and copies


def test_a_fork_with_our_branch_name_and_our_words_is_left_alone(here: Place) -> None:
    here.commit("staging", {"other.txt": "1\n"})
    drift = here.issue_is("open")
    here.ask("POST", "/forks", "eve")
    branch = f"lockstep/promote/staging/{'0' * 12}"
    fork = here.name.replace("acme", "eve")
    here.forge.do(
        "commit",
        repo=fork,
        branch="development",
        files={"app.yaml": "image: evil\n"},
        login="eve",
        message="Evil",
    )
    evil = here.forge.ask("GET", f"/repos/{fork}/git/ref/heads/development", "eve")["object"]["sha"]
    here.forge.ask("POST", f"/repos/{fork}/git/refs", "eve", ref=f"refs/heads/{branch}", sha=evil)
    copied = here.ask(
        "POST",
        "/pulls",
        "eve",
        title="Promote development to staging: 1 change",
        body=drift["body"],
        head=f"eve:{branch}",
        base="staging",
    )["number"]
    twin = here.issue(drift["title"], drift["body"], login="eve")
    here.check(evil)
    here.say(copied, "eve", "/sign-off qa\n/retry")
    here.answered(copied, "@eve")

    first = here.commit("development", {"app.yaml": V2})
    here.check(here.open_into("staging")["head"]["sha"])
    eventually(lambda: here.file("staging") == V2, "the promotion")

    assert here.pull(copied)["state"] == "open"
    assert here.ask("GET", f"/issues/{twin}")["state"] == "open"
    assert [one["Lockstep-Source"] for one in here.promotions("staging")] == [first]


def test_a_fork_may_not_close_a_back_merge_or_stand_in_for_it(here: Place) -> None:
    here.commit("main", {"app.yaml": V2})
    home = here.open_into("development")
    here.ask("POST", "/forks", "eve")
    copied = here.ask(
        "POST", "/pulls", "eve", title="Mine", head=f"eve:{home['head']['ref']}", base="development"
    )["number"]
    here.ask("PATCH", f"/pulls/{copied}", "eve", state="closed")

    here.merge(home["number"], "ada")

    eventually(lambda: here.file("development") == V2, "the hotfix at home")
    pull = here.open_into("staging")
    here.check(pull["head"]["sha"])
    here.issue_is("closed")


# Names


def test_branches_named_like_options_and_paths_harm_nothing(here: Place) -> None:
    head = here.at("development")
    for name in ("--upload-pack=touch${IFS}x", "-f", "lockstep/promote/staging/--x"):
        here.push(f"{head}:refs/heads/{name}")
    here.commit("development", {"app.yaml": V2, "--help": "x\n", "-rf": "y\n"})

    pull = here.open_into("staging")
    here.check(pull["head"]["sha"])

    here.merged(pull["number"])
    assert here.file("staging", "-rf") == "y\n"


def test_an_environment_whose_branch_is_named_like_an_option_is_refused_with_its_place(
    forge: Forge, server: Server
) -> None:
    option = CONFIGURATION.replace("branch: staging", "branch: --upload-pack=touch")
    here = Place(forge, server.hook, option)

    here.commit("development", {"app.yaml": V2})

    here.issue_is("open", ".lockstep.yaml:6:")


def asked_who_may(forge: Forge) -> int:
    """Return how often the bot has asked what a person may do."""
    place = "GET /repos/{owner}/{repo}/collaborators/{username}/permission"
    return forge.calls().get(place, 0)


# What the token may

_PERMISSIONS = {
    "checks": "read",
    "contents": "write",
    "issues": "write",
    "pull_requests": "write",
    "statuses": "write",
}
# A server for each takes its time.
LACKED = ["checks", "contents", "pull_requests", "statuses"]
if not os.environ.get("LOCKSTEP_THOROUGH"):
    LACKED = ["contents", "pull_requests"]


def test_without_the_permission_for_issues_its_name_is_said_and_the_rest_works(
    forge: Forge, tmp_path: Path
) -> None:
    with served(forge, tmp_path, without="issues") as (server, here):
        here.commit("main", {"app.yaml": APP.replace("info", "debug")})
        home = here.open_into("development")
        logged(server, "needs the permission issues: write")

        here.merge(home["number"], "ada")
        pull = here.open_into("staging")
        here.check(pull["head"]["sha"])

        here.merged(pull["number"])
        assert here.issues() == []


@pytest.mark.parametrize("permission", LACKED)
def test_without_a_permission_that_a_promotion_needs_its_name_is_said(
    forge: Forge, tmp_path: Path, permission: str
) -> None:
    with served(forge, tmp_path, without=permission) as (server, here):
        here.commit("development", {"app.yaml": V2})
        if permission == "checks":
            here.check(here.open_into("staging")["head"]["sha"])

        # Whatever is asked first names it, be it to read or to write.
        logged(server, f"needs the permission {permission}: ")

        assert here.promotions("staging") == []


@contextmanager
def served(forge: Forge, directory: Path, without: str) -> Iterator[tuple[Server, Place]]:
    """Serve a repository with a token that lacks a permission."""
    secret = f"without-{without}"
    server = Server(directory, forge, secret)
    here = Place(forge, server.hook)
    server.process.settings["LOCKSTEP_REPOSITORIES"] = here.name
    permissions = {name: level for name, level in _PERMISSIONS.items() if name != without}
    forge.do(
        "add_token", login=BOT, permissions=permissions, repositories=[here.name], secret=secret
    )
    try:
        server.start()
        yield server, here
    finally:
        server.close()


def logged(server: Server, words: str) -> None:
    """Wait for the server's log to say something."""
    log = server.process.log
    eventually(lambda: words in log.read_text(), f"the log to say {words!r}")
