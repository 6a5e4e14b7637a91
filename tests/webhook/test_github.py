import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.webhook.builders import (
    CANDIDATE,
    HOOKS,
    NEW,
    OLD,
    SECRET,
    SHOP,
    ZERO,
    check_run_hook,
    check_suite_hook,
    comment_hook,
    encode,
    hook,
    installation_hook,
    pull_request,
    pull_request_hook,
    push_hook,
    review_hook,
    sign,
    status_hook,
)
from webhook.events import (
    MAX_TEXT,
    BranchDeleted,
    ChecksChanged,
    Comment,
    Delivery,
    Event,
    Ignored,
    InstallationChanged,
    NotUnderstoodError,
    PullRequestChanged,
    Push,
    RepositoryChanged,
    ReviewChanged,
)
from webhook.github import (
    EVENTS,
    Signatures,
    form_payload,
    translate,
)
from webhook.github_repositories import MAX_REPOSITORIES

CLOSED = PullRequestChanged(
    number=12,
    action="closed",
    head_branch=CANDIDATE,
    head_sha=NEW,
    base_branch="staging",
    merged=False,
    from_fork=False,
    by="alice",
)
STATUS = ChecksChanged(sha=NEW, name="ci/test", by="status")
CHECK = ChecksChanged(sha=NEW, name="build", by="run")
SAID = Comment(
    number=12,
    id=99,
    author="alice",
    at=datetime(2026, 1, 5, 10, tzinfo=UTC),
    text="/promote staging",
    on_pull_request=True,
)


def changed(**fields: Any) -> PullRequestChanged:
    return CLOSED.model_copy(update=fields)


@pytest.mark.parametrize(
    ("name", "payload", "event"),
    [
        (
            "push",
            push_hook("development"),
            Push(branch="development", before=OLD, after=NEW, by="alice"),
        ),
        (
            "push",
            push_hook("teams/a", before=ZERO),
            Push(branch="teams/a", before=None, after=NEW, by="alice"),
        ),
        ("push", push_hook("main", after=ZERO), BranchDeleted(branch="main", by="alice")),
        (
            "push",
            {**push_hook(), "sender": None},
            Push(branch="development", before=OLD, after=NEW, by=None),
        ),
        ("delete", hook(ref="main", ref_type="branch"), BranchDeleted(branch="main", by="alice")),
        ("pull_request", pull_request_hook("closed"), CLOSED),
        (
            "pull_request",
            pull_request_hook("closed", pull_request=pull_request(merged=True)),
            changed(merged=True),
        ),
        (
            "pull_request",
            pull_request_hook("closed", "topic", pull_request=pull_request("topic", merged=True)),
            changed(head_branch="topic", merged=True),
        ),
        (
            "pull_request",
            pull_request_hook("closed", pull_request=pull_request(repository=8)),
            changed(from_fork=True),
        ),
        (
            "pull_request",
            pull_request_hook("closed", pull_request=pull_request(repository=None)),
            changed(from_fork=True),
        ),
        (
            "pull_request",
            pull_request_hook("closed", pull_request=pull_request() | {"merged": None}),
            CLOSED,
        ),
        ("pull_request", pull_request_hook("reopened"), changed(action="reopened")),
        ("pull_request", pull_request_hook("synchronize"), changed(action="head_moved")),
        ("pull_request", pull_request_hook("converted_to_draft"), changed(action="draft")),
        ("pull_request", pull_request_hook("ready_for_review"), changed(action="ready")),
        ("pull_request", pull_request_hook("labeled"), changed(action="labelled")),
        ("pull_request", pull_request_hook("unlabeled"), changed(action="labelled")),
        (
            "pull_request",
            pull_request_hook("edited", changes={"base": {"ref": {"from": "main"}}}),
            changed(action="retargeted"),
        ),
        ("pull_request_review", review_hook(), ReviewChanged(number=12, by="alice")),
        (
            "pull_request_review",
            review_hook(state="changes_requested"),
            ReviewChanged(number=12, by="alice"),
        ),
        (
            "pull_request_review",
            review_hook("dismissed", "dismissed"),
            ReviewChanged(number=12, by="alice"),
        ),
        ("issue_comment", comment_hook(), SAID),
        (
            "issue_comment",
            comment_hook("Tested.\r\n\r\n  /sign-off qa\r\n"),
            SAID.model_copy(update={"text": "Tested.\r\n\r\n  /sign-off qa\r\n"}),
        ),
        ("status", status_hook(), STATUS),
        ("status", status_hook("failure"), STATUS.model_copy(update={"failed": True})),
        ("status", status_hook(branches=["main", CANDIDATE]), STATUS),
        ("status", status_hook(branches=[]), STATUS),
        ("status", status_hook(branches=[f"b{n}" for n in range(10)]), STATUS),
        ("check_run", check_run_hook(), CHECK),
        ("check_run", check_run_hook(branch=None), CHECK),
        (
            "check_run",
            check_run_hook(conclusion="timed_out"),
            CHECK.model_copy(update={"failed": True}),
        ),
        ("check_run", check_run_hook(conclusion="skipped"), CHECK),
        (
            "check_run",
            hook(
                action="completed",
                check_run={"name": "build", "head_sha": NEW, "conclusion": "success"},
            ),
            CHECK,
        ),
        ("check_suite", check_suite_hook(), ChecksChanged(sha=NEW, by="run")),
        ("repository", hook(action="archived"), RepositoryChanged(change="archived", by="alice")),
        (
            "repository",
            hook(action="edited", changes={"default_branch": {"from": "master"}}),
            RepositoryChanged(change="default_branch", by="alice"),
        ),
        (
            "installation",
            installation_hook("deleted", "acme/shop"),
            InstallationChanged(access="withdrawn", by="alice"),
        ),
    ],
)
def test_a_delivery_that_can_matter_becomes_one_event(
    name: str, payload: dict[str, Any], event: Event
) -> None:
    found = translate(name, "d-1", encode(payload))

    assert isinstance(found, tuple)
    assert [(d.id, d.repository.name, d.event) for d in found] == [("d-1", "shop", event)]


@pytest.mark.parametrize(
    ("name", "payload", "reason"),
    [
        ("push", hook(ref="refs/tags/v1", before=OLD, after=NEW), "tags promote nothing"),
        ("push", push_hook(CANDIDATE), "its pull request tells the same"),
        ("create", hook(ref="topic", ref_type="branch"), "the push that made it"),
        ("delete", hook(ref="v1", ref_type="tag"), "tags promote nothing"),
        ("delete", hook(ref=CANDIDATE, ref_type="branch"), "its pull request tells the same"),
        ("pull_request", pull_request_hook("opened"), "opened its own by itself"),
        ("pull_request", pull_request_hook("assigned"), "neither its head nor its base"),
        ("pull_request", pull_request_hook("edited", changes={"body": {}}), "only its text"),
        ("pull_request", pull_request_hook("synchronize", "topic"), "not a pull request of Lockst"),
        (
            "pull_request",
            pull_request_hook("synchronize", pull_request=pull_request(repository=8)),
            "not a pull request of Lockstep's",
        ),
        ("pull_request_review", review_hook("edited"), "only its text"),
        ("pull_request_review", review_hook(state="COMMENTED"), "neither approves nor asks"),
        ("pull_request_review", review_hook(head="topic"), "not a pull request of Lockstep's"),
        ("issue_comment", comment_hook(action="edited"), "only a new comment"),
        ("issue_comment", comment_hook(action="deleted"), "only a new comment"),
        ("issue_comment", comment_hook(by="Bot"), "not said by a person"),
        ("issue_comment", comment_hook("> /promote staging"), "starts with a slash"),
        ("issue_comment", comment_hook("either/or"), "starts with a slash"),
        ("issue_comment", comment_hook(None), "starts with a slash"),
        ("status", status_hook("pending"), "nothing is decided yet"),
        ("status", status_hook(context="lockstep"), "Lockstep's own status"),
        ("status", status_hook(branches=["development"]), "no candidate"),
        ("check_run", check_run_hook("created"), "nothing is decided yet"),
        ("check_run", check_run_hook("rerequested"), "nothing is decided yet"),
        ("check_run", check_run_hook(branch="topic"), "no candidate"),
        ("check_suite", check_suite_hook("requested"), "nothing is decided yet"),
        ("repository", hook(action="publicized"), "neither its name nor"),
        ("repository", hook(action="edited", changes={"description": {}}), "neither its name nor"),
        ("installation", installation_hook("suspend"), "names no repository"),
        (
            "installation",
            installation_hook("created", *(f"acme/r{n}" for n in range(MAX_REPOSITORIES + 1))),
            "too many repositories",
        ),
        ("ping", {}, "the webhook works"),
        ("star", {}, "does not use"),
    ],
)
def test_a_delivery_that_cannot_matter_is_ignored_with_its_reason(
    name: str, payload: dict[str, Any], reason: str
) -> None:
    found = translate(name, "d-1", encode(payload))

    assert isinstance(found, Ignored)
    assert reason in found.reason


def test_a_delivery_carries_the_identity_of_its_repository() -> None:
    found = translate("push", "d-1", encode(push_hook()))

    event = Push(branch="development", before=OLD, after=NEW, by="alice")
    assert found == (Delivery(id="d-1", repository=SHOP, event=event),)


@pytest.mark.parametrize(
    ("action", "changes", "before"),
    [
        ("renamed", {"repository": {"name": {"from": "store"}}}, "acme/store"),
        ("transferred", {"owner": {"from": {"user": {"login": "bob"}}}}, "bob/shop"),
        ("transferred", {"owner": {"from": {"organization": {"login": "corp"}}}}, "corp/shop"),
    ],
)
def test_a_repository_that_moved_is_told_to_both_of_its_names(
    action: str, changes: dict[str, Any], before: str
) -> None:
    found = translate("repository", "d-1", encode(hook(action=action, changes=changes)))

    assert isinstance(found, tuple)
    moved = RepositoryChanged(change="moved", before=before, after="acme/shop", by="alice")
    assert [(f"{d.repository.owner}/{d.repository.name}", d.event) for d in found] == [
        (before, moved),
        ("acme/shop", moved),
    ]


def test_an_installation_tells_each_repository_that_it_names() -> None:
    payload = {
        "action": "added",
        "repositories_added": [{"id": 1, "full_name": "acme/a"}],
        "repositories_removed": [{"id": 2, "full_name": "acme/b"}],
    }

    found = translate("installation_repositories", "d-1", encode(payload))

    assert isinstance(found, tuple)
    assert [(d.repository.name, d.event) for d in found] == [
        ("a", InstallationChanged(access="granted", by=None)),
        ("b", InstallationChanged(access="withdrawn", by=None)),
    ]


def test_a_long_comment_keeps_whole_lines_only() -> None:
    # The limit falls inside the last line, which would have become another command.
    text = "/sign-off qa\n" + "é" * 4084 + "\n/promote production"

    found = translate("issue_comment", "d-1", encode(comment_hook(text)))

    assert isinstance(found, tuple)
    event = found[0].event
    assert isinstance(event, Comment)
    assert event.text == "/sign-off qa\n" + "é" * 4084
    assert len(event.text.encode()) <= MAX_TEXT


def test_one_endless_line_is_no_command() -> None:
    found = translate("issue_comment", "d-1", encode(comment_hook("/" + "x" * MAX_TEXT)))

    assert found == Ignored("no line of it starts with a slash")


@pytest.mark.parametrize(
    "payload",
    [
        {**push_hook(), "repository": {"id": 7, "full_name": full_name}}
        for full_name in ("shop", "/shop", "acme/", "acme/..", "../shop", "acme/a b", "a\n/shop")
    ]
    + [push_hook(after="not a sha"), {**push_hook(), "ref": 1}, [], None, "push"],
)
def test_a_payload_that_github_would_not_send_is_refused(payload: Any) -> None:
    with pytest.raises(NotUnderstoodError):
        translate("push", "d-1", encode(payload))


def test_a_refusal_names_the_place_and_never_what_stood_there() -> None:
    payload = {**push_hook(after="hunter2"), "before": 12345}

    with pytest.raises(NotUnderstoodError) as refused:
        translate("push", "d-1", encode(payload))

    assert "before: " in str(refused.value)
    assert "after: " in str(refused.value)
    assert "hunter2" not in str(refused.value)
    assert "12345" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("delivery", ["", "a b", "x" * 201, "d\n1", "é"])
def test_a_delivery_id_that_is_none_is_refused(delivery: str) -> None:
    with pytest.raises(NotUnderstoodError):
        translate("push", delivery, encode(push_hook()))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
NAMES = st.sampled_from(sorted(EVENTS))


def understood(name: str, body: bytes) -> bool:
    """Whether it is taken, ignored or refused: any other error passes through."""
    return isinstance(said(name, body), tuple | Ignored | None)


@given(NAMES, st.binary(max_size=64))
def test_no_bytes_raise_anything_but_the_one_error(name: str, body: bytes) -> None:
    assert understood(name, body)


@given(NAMES, JSON)
def test_no_json_raises_anything_but_the_one_error(name: str, payload: Any) -> None:
    assert understood(name, encode(payload))


@given(NAMES, st.data())
def test_no_damage_to_a_true_delivery_raises_anything_but_the_one_error(
    name: str, data: st.DataObject
) -> None:
    assert understood(name, encode(_damaged(HOOKS[name], data)))


@given(st.data())
def test_a_push_says_the_same_whatever_its_spacing_and_the_order_of_its_fields(
    data: st.DataObject,
) -> None:
    # Compact and with its commits last is how GitHub sends it, and is read up to the commits.
    payload = push_hook() | {"commits": [{"sender": 1}], "custom": {"x": 0, "commits": [{}]}}
    fields = data.draw(st.permutations(sorted(payload.items())))
    damaged = _damaged(dict(fields), data)

    assert said("push", compact(damaged)) == said("push", encode(damaged))


def compact(payload: Any) -> bytes:
    return json.dumps(payload, separators=(",", ":")).encode()


def said(name: str, body: bytes) -> tuple[Delivery, ...] | Ignored | None:
    try:
        return translate(name, "d-1", body)
    except NotUnderstoodError:
        return None


def _damaged(value: Any, data: st.DataObject) -> Any:
    """Return the payload with one place, at any depth, replaced or taken out."""
    if not isinstance(value, dict) or not value or data.draw(st.booleans()):
        return data.draw(JSON)
    key = data.draw(st.sampled_from(sorted(value)))
    if data.draw(st.booleans()):
        return {k: v for k, v in value.items() if k != key}
    return {**value, key: _damaged(value[key], data)}


@pytest.mark.parametrize("body", [b"[" * 200_000, b'{"ref":"\\ud800"}', b'{"id":' + b"9" * 9000])
def test_json_made_to_hurt_is_refused(body: bytes) -> None:
    with pytest.raises(NotUnderstoodError):
        translate("push", "d-1", body)


BODY = b'{"zen":"Design for failure."}'


def test_a_body_signed_with_any_of_the_secrets_is_believed() -> None:
    signatures = Signatures(["new", "old"])

    assert signatures.hold(BODY, sign(BODY, "new"))
    assert signatures.hold(BODY, sign(BODY, "old"))
    assert not signatures.hold(BODY, sign(BODY, "older"))


@pytest.mark.parametrize(
    "header",
    [
        "",
        "sha256=",
        "sha1=" + "0" * 40,
        sign(BODY).removeprefix("sha256="),
        sign(BODY)[:-1],
        sign(BODY) + "0",
        sign(BODY + b" "),
        "sha256=é" + "0" * 63,
        "sha256=\udcff",
    ],
)
def test_a_signature_that_is_malformed_or_of_another_body_is_not_believed(header: str) -> None:
    assert not Signatures([SECRET]).hold(BODY, header)


@pytest.mark.parametrize("secrets", [[], [""], ["good", ""]])
def test_a_receiver_without_a_secret_is_refused_at_start(secrets: list[str]) -> None:
    with pytest.raises(ValueError, match="need a secret"):
        Signatures(secrets)


def test_the_payload_of_a_form_is_read() -> None:
    assert form_payload(b"payload=%7B%22a%22%3A+%22%2B%22%7D") == b'{"a": "+"}'


@pytest.mark.parametrize("body", [b"", b"other=1", b"payload=%ff", b"\xff", b"a&" * 20])
def test_a_form_without_a_payload_is_refused(body: bytes) -> None:
    with pytest.raises(NotUnderstoodError, match="a form without a readable field `payload`"):
        form_payload(body)
