"""What a plain git server's hook posts: who is believed, what becomes events, what never does."""

import base64
import contextlib
import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st

from bot.pushes import CONVERSATION, SAID, number_of
from tests.webhook.builders import NEW, OLD, OUTAGE, SECRET, ZERO, FakeTemporal, sign
from webhook import app as receiver
from webhook.app import MAX_BODY
from webhook.dispatch import Dispatcher
from webhook.events import (
    BranchDeleted,
    ChecksChanged,
    Comment,
    Event,
    Ignored,
    NotUnderstoodError,
    Push,
    ReviewChanged,
)
from webhook.git import GitReader

NOW = 1_800_000_000
DELIVERY = f"{NOW}000000000-0123456789abcdef"
Client = TestClient[web.Request, web.Application]


def update(ref: str, new: str = NEW, old: str = OLD, said: object = None) -> dict[str, Any]:
    told = {"ref": ref, "old": old, "new": new}
    if said is None:
        return told
    content = said if isinstance(said, bytes) else json.dumps(said).encode()
    return told | {"said": base64.b64encode(content).decode()}


def document(*updates: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "delivery": DELIVERY,
        "repository": "acme/shop",
        "pusher": "alice",
        "nanoseconds": NOW * 10**9,
        "head": "main",
        "more": False,
        "updates": list(updates),
        **more,
    }


def reader() -> GitReader:
    return GitReader([SECRET], "lockstep-bot", lambda: float(NOW))


def events(*updates: dict[str, Any], **more: Any) -> list[Event]:
    body = json.dumps(document(*updates, **more)).encode()
    found = reader().translate("post-receive", "a push", body)
    return [] if isinstance(found, Ignored) else [one.event for one in found]


def said(words: object, **more: Any) -> list[Event]:
    return events(update(f"{SAID}x", said=words, old=ZERO), **more)


def test_branches_that_moved_came_and_went_are_told_with_who_did_it() -> None:
    assert events(
        update("refs/heads/development"),
        update("refs/heads/new", old=ZERO),
        update("refs/heads/old", new=ZERO),
        update("refs/heads/lockstep/promote/staging/0123456789ab"),
    ) == [
        Push(branch="development", before=OLD, after=NEW, by="alice"),
        Push(branch="new", before=None, after=NEW, by="alice"),
        BranchDeleted(branch="old", by="alice"),
        Push(branch="lockstep/promote/staging/0123456789ab", before=OLD, after=NEW, by="alice"),
    ]


@pytest.mark.parametrize(
    ("ref", "pusher"),
    [
        ("refs/tags/v1", "alice"),
        ("refs/heads/", "alice"),
        ("refs/heads/lockstep/requests", "alice"),
        ("refs/heads/lockstep/promote/staging/0123456789ab", "lockstep-bot"),
        ("refs/lockstep/heard/x", "alice"),
        ("refs/lockstep/saidx", "alice"),
        ("HEAD", "alice"),
        ("--upload-pack=x", "alice"),
    ],
)
def test_other_refs_and_what_the_bot_does_to_its_own_are_nothing(ref: str, pusher: str) -> None:
    assert events(update(ref), pusher=pusher) == []


def test_what_the_bot_merges_is_told() -> None:
    assert len(events(update("refs/heads/staging"), pusher="lockstep-bot")) == 1


def test_words_are_a_comment_by_whoever_pushed_them() -> None:
    (found,) = said({"on": 7, "say": "/sign-off qa"}, pusher="carol")

    assert found == Comment(
        number=7,
        id=number_of(f"{DELIVERY}/0"),
        author="carol",
        at=datetime.fromtimestamp(NOW, UTC),
        text="/sign-off qa",
        on_pull_request=True,
    )


def test_words_without_a_number_are_of_the_repository() -> None:
    (found,) = said({"say": "/promote production"})

    assert isinstance(found, Comment)
    assert (found.number, found.on_pull_request) == (CONVERSATION, False)


def test_reviews_and_reports_are_told_to_be_looked_at() -> None:
    assert said({"on": 7, "review": "approved", "sha": NEW}) == [
        ReviewChanged(number=7, by="alice")
    ]
    assert said({"check": "ci/test", "state": "failure", "sha": NEW}) == [
        ChecksChanged(sha=NEW, name="ci/test", failed=True)
    ]
    assert said({"check": "ci/test", "state": "success", "sha": NEW}) == [
        ChecksChanged(sha=NEW, name="ci/test", failed=False)
    ]
    assert said({"check": "ci/test", "state": "pending", "sha": NEW}) == []


def test_nobody_says_nothing() -> None:
    assert said({"on": 7, "say": "/hold"}, pusher="") == []


@pytest.mark.parametrize(
    "words",
    [
        b"",
        b"\xff",
        b"[]",
        {"on": 0, "say": "/hold"},
        {"on": 7, "say": ""},
        {"on": "7", "say": "/hold"},
        {"on": 7, "review": "approved"},
        {"check": "a\nb", "state": "success", "sha": NEW},
        {"check": "a", "state": "splendid", "sha": NEW},
        {"check": "a", "state": "success", "sha": "HEAD"},
    ],
)
def test_words_that_cannot_be_read_are_none(words: object) -> None:
    assert said(words) == []


def test_words_in_a_branch_are_not_words() -> None:
    found = events(update("refs/heads/x", said={"on": 7, "say": "/hold"}))

    assert [type(one) for one in found] == [Push]


def test_told_again_it_has_the_same_ids() -> None:
    body = json.dumps(document(update("refs/heads/a"), update("refs/heads/b"))).encode()

    first, second = (reader().translate("post-receive", "a push", body) for _ in range(2))

    assert first == second
    assert not isinstance(first, Ignored)
    assert [one.id for one in first] == [f"{DELIVERY}/0", f"{DELIVERY}/1"]


@pytest.mark.parametrize("off", [-2 * 86_400, 2 * 86_400])
def test_what_was_kept_to_be_told_another_day_is_not_believed(off: int) -> None:
    assert said({"on": 7, "say": "/hold"}, nanoseconds=(NOW + off) * 10**9) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": 2},
        {"repository": "shop"},
        {"repository": "acme/../shop"},
        {"repository": "/acme/shop"},
        {"pusher": "a\nb"},
        {"pusher": "x" * 300},
        {"delivery": "../../x"},
        {"nanoseconds": -1},
        {"updates": [{"ref": "refs/heads/a", "old": "HEAD", "new": NEW}]},
    ],
)
def test_a_document_that_no_hook_sends_is_not_understood(wrong: dict[str, Any]) -> None:
    with pytest.raises(NotUnderstoodError):
        events(update("refs/heads/a"), **wrong)


@given(st.binary(max_size=300))
def test_whatever_bytes_come_nothing_else_is_raised(body: bytes) -> None:
    with contextlib.suppress(NotUnderstoodError):
        reader().translate("post-receive", "a push", body)


@given(st.binary(max_size=300))
def test_whatever_was_said_nothing_is_raised(content: bytes) -> None:
    assert len(said(content)) <= 1


# Over HTTP


class World:
    """A receiver for git alone, and the Temporal behind it."""

    def __init__(self) -> None:
        self.temporal = FakeTemporal()
        self.app = receiver.app(
            Dispatcher(self.temporal), readers=[reader()], ready=self._nothing_is_missing
        )
        self.client: Client = TestClient(TestServer(self.app))

    async def _nothing_is_missing(self) -> list[str]:
        return []

    async def post(self, body: bytes, **headers: str) -> int:
        signed = {"X-Hub-Signature-256": sign(body), "Content-Type": "application/json"}
        changed = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = io.BytesIO(body)
        return (await self.client.post("/webhooks/git", data=sent, headers=signed | changed)).status


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    async with made.client:
        yield made


BODY = json.dumps(document(update("refs/heads/development"))).encode()


async def test_a_signed_push_is_answered_202_once_temporal_has_it(world: World) -> None:
    assert await world.post(BODY) == 202
    assert world.temporal.sent == [("pipeline/git/acme/shop", [f"{DELIVERY}/0"])]


async def test_what_is_not_signed_rightly_is_nobodys(world: World) -> None:
    other = json.dumps(document(update("refs/heads/main"), pusher="carol")).encode()

    assert await world.post(other, X_Hub_Signature_256=sign(BODY)) == 401
    assert await world.post(BODY, X_Hub_Signature_256="sha256=") == 401
    assert await world.post(BODY, X_Hub_Signature_256="ü") == 401
    bare = await world.client.post("/webhooks/git", data=BODY)
    assert bare.status == 415
    plain = {"Content-Type": "application/json"}
    assert (await world.client.post("/webhooks/git", data=BODY, headers=plain)).status == 401
    assert world.temporal.sent == []


async def test_other_answers_are_those_of_the_other_routes(world: World) -> None:
    assert await world.post(b"{}") == 400
    assert await world.post(b"x" * (MAX_BODY + 1)) == 413
    assert await world.post(BODY, Content_Type="application/x-www-form-urlencoded") == 415
    world.temporal.down = OUTAGE
    assert await world.post(BODY) == 503


async def test_what_cannot_matter_is_answered_202(world: World) -> None:
    assert await world.post(json.dumps(document(update("refs/tags/v1"))).encode()) == 202
    assert world.temporal.sent == []


async def test_a_forge_that_is_not_served_has_no_route(world: World) -> None:
    assert (await world.client.post("/webhooks/github", data=BODY)).status == 404


async def test_its_deliveries_are_counted_apart(world: World) -> None:
    await world.post(BODY)

    shown = await (await world.client.get("/metrics")).text()
    assert (
        'lockstep_webhook_deliveries_total{event="post-receive",forge="git",outcome="accepted"} 1.0'
        in shown
    )


def test_a_reader_without_a_secret_is_none() -> None:
    for secrets in ([], [""]):
        with pytest.raises(ValueError, match="need a secret"):
            GitReader(secrets, "lockstep-bot")
