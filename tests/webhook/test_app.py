import asyncio
import gzip
import io
import json
import logging
from collections.abc import AsyncIterator, Mapping
from urllib.parse import urlencode

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from tests.webhook.builders import (
    HOOKS,
    OUTAGE,
    SECRET,
    FakeTemporal,
    comment_hook,
    encode,
    headers,
    push_hook,
    sign,
    status_hook,
)
from webhook import app as receiver
from webhook.app import MAX_BODY
from webhook.dispatch import Dispatcher
from webhook.gitlab import GitLabReader

BODY = encode(push_hook())
Client = TestClient[web.Request, web.Application]


class World:
    """A receiver on loopback, and the Temporal behind it."""

    def __init__(self) -> None:
        self.temporal = FakeTemporal()
        self.missing: list[str] = []
        self.app = receiver.app(
            Dispatcher(self.temporal), github_secrets=[SECRET, "retired"], ready=self.ready
        )
        self.client: Client = TestClient(TestServer(self.app))

    async def ready(self) -> list[str]:
        return self.missing

    async def post(
        self, body: bytes = BODY, given: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, str]]:
        response = await self.client.post(
            "/webhooks/github", data=body, headers=headers(body) if given is None else given
        )
        text = await response.text()
        assert text.count("\n") == len(text.splitlines()) <= 1
        return response.status, json.loads(text or "{}")

    async def metrics(self) -> str:
        return await (await self.client.get("/metrics")).text()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    async with made.client:
        yield made


async def test_a_signed_delivery_is_answered_202_once_temporal_has_it(world: World) -> None:
    status, said = await world.post()

    assert (status, said) == (202, {})
    assert world.temporal.sent == [("pipeline/github/acme/shop", ["d-1"])]


async def test_a_delivery_that_comes_twice_is_taken_twice_and_the_pipeline_tells_by_its_id(
    world: World,
) -> None:
    assert [(await world.post())[0] for _ in range(2)] == [202, 202]

    assert [d.id for d in world.temporal.deliveries] == ["d-1", "d-1"]


@pytest.mark.parametrize("event", sorted(HOOKS))
async def test_every_event_that_github_sends_is_answered_202(world: World, event: str) -> None:
    body = encode(HOOKS[event])

    status, _ = await world.post(body, headers(body, event))

    assert status == 202


async def test_what_cannot_matter_is_answered_202_with_the_reason(world: World) -> None:
    body = encode(status_hook("pending"))

    status, said = await world.post(body, headers(body, "status"))

    assert (status, said) == (202, {"status": "ignored", "reason": "nothing is decided yet"})
    assert world.temporal.sent == []


async def test_an_unknown_event_is_ignored_whatever_its_body(world: World) -> None:
    body = b"not even JSON"

    status, said = await world.post(body, headers(body, "sponsorship"))

    assert (status, said["status"]) == (202, "ignored")


async def test_a_form_is_taken_as_github_sends_it(world: World) -> None:
    body = urlencode({"payload": BODY.decode()}).encode()
    form = headers(body) | {"Content-Type": "application/x-www-form-urlencoded"}

    status, _ = await world.post(body, form)

    assert status == 202
    assert [d.id for d in world.temporal.deliveries] == ["d-1"]


async def test_a_secret_on_its_way_out_still_signs(world: World) -> None:
    status, _ = await world.post(
        BODY, headers(BODY) | {"X-Hub-Signature-256": sign(BODY, "retired")}
    )

    assert status == 202


@pytest.mark.parametrize(
    "signature",
    [None, "", "sha256=zz", sign(BODY, "wrong"), sign(BODY + b" "), "sha256=" + "é" * 64],
)
async def test_an_unsigned_or_wrongly_signed_delivery_is_401_before_it_is_parsed(
    world: World, signature: str | None
) -> None:
    given = headers(BODY, event="push")
    del given["X-Hub-Signature-256"]
    if signature is not None:
        given["X-Hub-Signature-256"] = signature

    for body in (BODY, b"{"):
        status, said = await world.post(body, given)

        assert status == 401
        assert "LOCKSTEP_GITHUB_WEBHOOK_SECRET" in said["help"]
    assert world.temporal.sent == []


@pytest.mark.parametrize("body", [b"", b"{", BODY[:-1], b"[]", b"null", b"\xff\xfe"])
async def test_a_signed_body_that_cannot_be_read_is_400(world: World, body: bytes) -> None:
    status, said = await world.post(body, headers(body))

    assert status == 400
    assert said["error"].startswith("Not what GitHub sends: ")


@pytest.mark.parametrize("missing", ["X-GitHub-Event", "X-GitHub-Delivery"])
async def test_a_delivery_without_its_names_is_400(world: World, missing: str) -> None:
    given = headers(BODY)
    del given[missing]

    status, said = await world.post(BODY, given)

    assert (status, said["error"]) == (400, "X-GitHub-Event or X-GitHub-Delivery is missing")


async def test_a_form_without_a_payload_is_400(world: World) -> None:
    form = headers(b"a=b") | {"Content-Type": "application/x-www-form-urlencoded"}

    status, said = await world.post(b"a=b", form)

    assert (status, "`payload`" in said["error"]) == (400, True)


@pytest.mark.parametrize("media", ["text/plain", "multipart/form-data", ""])
async def test_another_content_type_is_415(world: World, media: str) -> None:
    status, _ = await world.post(BODY, headers(BODY) | {"Content-Type": media})

    assert status == 415


async def test_a_compressed_body_is_415_because_the_signature_is_over_the_raw_bytes(
    world: World,
) -> None:
    body = gzip.compress(BODY)

    status, _ = await world.post(body, headers(BODY) | {"Content-Encoding": "gzip"})

    assert status == 415


async def test_a_body_at_the_limit_is_read(world: World) -> None:
    body = b'{"ref":' + b" " * (MAX_BODY - 7)

    response = await world.client.post(
        "/webhooks/github", data=io.BytesIO(body), headers=headers(body)
    )

    assert response.status == 400


async def test_a_body_over_25_mib_is_413_by_its_length_alone(world: World) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", world.client.port)
    writer.write(
        b"POST /webhooks/github HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"X-Hub-Signature-256: sha256=0\r\nContent-Length: 26214401\r\n\r\n"
    )

    line = await asyncio.wait_for(reader.readline(), 5)
    writer.close()

    assert line.startswith(b"HTTP/1.1 413 ")


async def test_who_does_not_sign_at_all_is_401_before_the_body_is_read(world: World) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", world.client.port)
    writer.write(
        b"POST /webhooks/github HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: 100\r\n\r\n"
    )

    line = await asyncio.wait_for(reader.readline(), 5)
    writer.close()

    assert line == b"HTTP/1.1 401 Unauthorized\r\n"


async def test_a_body_over_25_mib_that_does_not_say_its_length_is_413(world: World) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(26):
            yield b" " * 1024 * 1024

    response = await world.client.post(
        "/webhooks/github", data=endless(), headers=headers(b"signed otherwise")
    )

    assert response.status == 413


async def test_a_body_that_never_ends_is_408(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver, "_BODY_SECONDS", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", world.client.port)
    writer.write(
        b"POST /webhooks/github HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"X-Hub-Signature-256: sha256=0\r\nContent-Length: 100\r\n\r\n{"
    )

    line = await asyncio.wait_for(reader.readline(), 5)
    writer.close()

    assert line == b"HTTP/1.1 408 Request Timeout\r\n"


async def test_while_temporal_cannot_be_reached_the_answer_is_503_with_retry_after(
    world: World,
) -> None:
    world.temporal.down = OUTAGE

    response = await world.client.post("/webhooks/github", data=BODY, headers=headers(BODY))

    assert (response.status, response.headers["Retry-After"]) == (503, "10")
    assert (await response.json())["error"] == "Temporal cannot be reached"


async def test_a_process_that_lives_says_so_and_one_that_lacks_something_says_what(
    world: World,
) -> None:
    assert (await world.client.get("/healthz")).status == 200
    assert (await world.client.get("/readyz")).status == 200

    world.missing = ["Temporal cannot be reached", "no room"]
    response = await world.client.get("/readyz")

    assert response.status == 503
    assert (await response.json())["error"] == "Not ready: Temporal cannot be reached; no room"
    assert (await world.client.get("/healthz")).status == 200


async def test_deliveries_are_counted_by_kind_and_outcome(world: World) -> None:
    await world.post()
    await world.post(BODY, headers(BODY, "acme/shop"))
    await world.post(BODY, headers(BODY) | {"X-Hub-Signature-256": ""})

    said = await world.metrics()

    counted = 'lockstep_webhook_deliveries_total{event="%s",forge="github",outcome="%s"} 1.0\n'
    assert counted % ("push", "accepted") in said
    assert counted % ("other", "ignored") in said
    assert counted % ("push", "unsigned") in said
    assert 'lockstep_webhook_seconds_count{forge="github"} 3.0\n' in said
    assert "lockstep_webhook_waiting 0.0\n" in said


async def test_neither_log_nor_metrics_nor_answer_hold_what_people_wrote_or_a_secret(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    comment = encode(comment_hook("/promote hunter2"))
    broken = encode({**push_hook(), "before": "hunter2", "ref": ["hunter2"]})
    answers = [await world.post(comment, headers(comment, "issue_comment"))]
    answers.append(await world.post(broken, headers(broken, delivery="hunter2\x85")))
    world.temporal.down = OUTAGE
    answers.append(await world.post(comment, headers(comment, "issue_comment")))

    said = "".join((caplog.text, await world.metrics(), str(answers)))

    assert [status for status, _ in answers] == [202, 400, 503]
    assert "hunter2" not in said
    assert SECRET not in said
    assert "acme/shop" not in await world.metrics()


async def test_a_shutdown_answers_what_it_took_and_takes_nothing_more(world: World) -> None:
    world.temporal.door.clear()
    port = world.client.port
    waiting = [asyncio.create_task(world.post(encode(push_hook(name)))) for name in "abc"]
    await world.temporal.busy.wait()

    stopping = asyncio.create_task(world.client.server.close())
    await asyncio.sleep(0.05)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    world.temporal.door.set()
    await stopping

    assert [(await task)[0] for task in waiting] == [202, 202, 202]
    assert sorted(world.temporal.branches()) == ["a", "b", "c"]


def test_a_receiver_without_a_secret_is_refused_at_start() -> None:
    async def ready() -> list[str]:
        return []

    with pytest.raises(ValueError, match="need a secret"):
        receiver.app(Dispatcher(FakeTemporal()), github_secrets=[], ready=ready)


async def test_gitlab_is_heard_beside_github_with_the_same_answers() -> None:
    temporal = FakeTemporal()

    async def ready() -> list[str]:
        return []

    made = receiver.app(
        Dispatcher(temporal),
        github_secrets=[SECRET],
        readers=[GitLabReader([SECRET])],
        ready=ready,
    )
    payload = {
        "ref": "refs/heads/main",
        "before": "a" * 40,
        "after": "b" * 40,
        "user_username": "alice",
        "project": {"id": 7, "path_with_namespace": "acme/team/config", "default_branch": "main"},
    }
    good = {
        "Content-Type": "application/json",
        "X-Gitlab-Event": "Push Hook",
        "X-Gitlab-Token": SECRET,
        "Idempotency-Key": "0b3f",
    }

    async with TestClient(TestServer(made)) as client:

        async def post(body: bytes, **different: str) -> int:
            response = await client.post("/webhooks/gitlab", data=body, headers=good | different)
            return response.status

        body = encode(payload)
        assert await post(body) == 202
        assert await post(body, **{"X-Gitlab-Token": "another"}) == 401
        assert await post(b"{") == 400
        assert await post(body, **{"X-Gitlab-Event": ""}) == 400
        assert await post(body, **{"Content-Type": "text/plain"}) == 415
        assert await post(encode({}), **{"X-Gitlab-Event": "Emoji Hook"}) == 202
        shown = await (await client.get("/metrics")).text()

    assert temporal.sent == [("pipeline/gitlab/acme/team/config", ["0b3f"])]
    assert 'forge="gitlab",outcome="accepted"' in shown
