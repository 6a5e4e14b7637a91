"""Who may look, and what they are given: over HTTP, with nothing behind it but what a test says."""

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from tests.webhook.builders import FakeTemporal
from tests.webhook.dashboard.builders import NOON, Told, busy, status
from webhook import app as receiver
from webhook.dashboard.access import Access, ByToken, OnThisMachine
from webhook.dashboard.cache import FRESH_SECONDS, Cached
from webhook.dashboard.document import Question, Status
from webhook.dashboard.routes import Dashboard
from webhook.dispatch import Dispatcher

TOKEN = "only-for-the-people-of-the-platform"
ROUTES = ("/", "/api/v1/status")


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def _ready() -> list[str]:
    return []


@asynccontextmanager
async def client(
    source: Told, access: Access | None
) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    dashboard = None if access is None else Dashboard(source, access, lambda: NOON)
    made = receiver.app(
        Dispatcher(FakeTemporal()), github_secrets=["s"], ready=_ready, dashboard=dashboard
    )
    async with TestClient(TestServer(made)) as running:
        yield running


async def test_without_a_token_there_is_no_dashboard_and_webhooks_go_on() -> None:
    async with client(Told(busy()), None) as running:
        page = await running.get("/")
        answer = (page.status, (await page.json())["help"])
        others = [(await running.get(path)).status for path in ("/api/v1/status", "/healthz")]

    assert answer == (404, "Set LOCKSTEP_DASHBOARD_TOKEN to have one, for whoever knows the token")
    assert others == [404, 200]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer(""),
        bearer("wrong"),
        bearer(TOKEN[:-1]),
        bearer(TOKEN + "x"),
        basic(TOKEN, ""),
        basic("anybody", "wrong"),
        {"Authorization": TOKEN},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic " + base64.b64encode(b"\xff\xfe").decode()},
        {"Authorization": f"Digest {TOKEN}"},
        {"Cookie": f"token={TOKEN}"},
    ],
)
@pytest.mark.parametrize("path", [*ROUTES, f"/?token={TOKEN}"])
async def test_whoever_has_not_the_token_sees_nothing_and_costs_nothing(
    headers: Mapping[str, str], path: str
) -> None:
    source = Told(busy())
    async with client(source, ByToken(TOKEN)) as running:
        answer = await running.get(path, headers=headers)
        text = await answer.text()

    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert source.asked == []
    assert "acme" not in text
    assert TOKEN not in text


@pytest.mark.parametrize("headers", [bearer(TOKEN), basic("anybody", TOKEN), basic("", TOKEN)])
@pytest.mark.parametrize("path", ROUTES)
async def test_whoever_has_the_token_sees_everything(headers: Mapping[str, str], path: str) -> None:
    async with client(Told(busy()), ByToken(TOKEN)) as running:
        answer = await running.get(path, headers=headers)

        assert (answer.status, "acme/payments" in await answer.text()) == (200, True)


@pytest.mark.parametrize(
    ("host", "more", "wanted"),
    [
        ("127.0.0.1:8080", {}, 200),
        ("localhost", {}, 200),
        ("[::1]:8080", {}, 200),
        ("lockstep.example.com", {}, 403),
        # A page of a stranger whose name resolves to this machine.
        ("127.0.0.1.evil.example:8080", {}, 403),
        ("user@evil.example", {}, 403),
        ("", {}, 403),
        ("127.0.0.1:8080", {"X-Forwarded-For": "203.0.113.7"}, 403),
        ("127.0.0.1:8080", {"Forwarded": "for=203.0.113.7"}, 403),
        ("127.0.0.1:8080", {"Via": "1.1 proxy"}, 403),
    ],
)
async def test_an_open_dashboard_is_for_this_machine_by_its_own_name_and_through_no_proxy(
    host: str, more: Mapping[str, str], wanted: int
) -> None:
    async with client(Told(busy()), OnThisMachine()) as running:
        answer = await running.get("/", headers={"Host": host, **more})

    assert answer.status == wanted


def test_an_open_dashboard_is_not_for_other_machines() -> None:
    refused = OnThisMachine().refused({"Host": "127.0.0.1"}, "203.0.113.7")

    assert refused is not None
    assert refused.status == 403


async def test_a_page_may_load_nothing_run_nothing_and_stand_in_no_frame() -> None:
    async with client(Told(busy()), ByToken(TOKEN)) as running:
        answers = [await running.get(path, headers=bearer(TOKEN)) for path in ROUTES]
        answers += [await running.get(path) for path in ROUTES]
        page = await answers[0].text()

    for answer in answers:
        rules = answer.headers["Content-Security-Policy"].split("; ")
        assert {"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} <= set(rules)
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert not re.search(r"<script|<link|<img|<iframe|\son\w+=|style=|src=|@import|url\(", page)


async def test_the_json_is_the_document_of_lockstep_status() -> None:
    async with client(Told(busy()), ByToken(TOKEN)) as running:
        answer = await running.get("/api/v1/status", headers=bearer(TOKEN))

        assert Status.model_validate(await answer.json()) == busy()


@pytest.mark.parametrize(
    ("query", "question"),
    [
        ("", Question()),
        ("?page=3&q=%20shop%20", Question(page=3, text="shop")),
        ("?repo=acme/shop", Question(repository="acme/shop")),
        ("?page=-1", Question()),
        ("?page=x", Question()),
        ("?page=0", Question()),
        ("?page=99999999", Question(page=100_000)),
        (f"?page={'9' * 5000}", Question()),
        (f"?q={'x' * 500}", Question(text="x" * 200)),
    ],
)
async def test_a_question_is_read_forgivingly(query: str, question: Question) -> None:
    source = Told(status())
    async with client(source, ByToken(TOKEN)) as running:
        await running.get(f"/{query}", headers=bearer(TOKEN))

    assert source.asked == [question]


async def test_the_style_is_the_one_that_the_rules_name_by_its_hash() -> None:
    async with client(Told(busy()), ByToken(TOKEN)) as running:
        answer = await running.get("/", headers=bearer(TOKEN))
        (style,) = re.findall(r"<style>(.*?)</style>", await answer.text(), re.DOTALL)

    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}';" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ROUTES)
async def test_while_temporal_is_away_it_is_said_with_503(path: str) -> None:
    async with client(Told(None), ByToken(TOKEN)) as running:
        answer = await running.get(path, headers=bearer(TOKEN))
        text = await answer.text()

    assert (answer.status, answer.headers["Retry-After"]) == (503, "10")
    assert "Temporal cannot be reached" in text
    if path != "/":
        assert json.loads(text)["help"].startswith("Check LOCKSTEP_TEMPORAL_ADDRESS")


class _Slow(Told):
    """Answers once it is let, and counts who asks at the same time."""

    def __init__(self) -> None:
        super().__init__(busy())
        self.go = asyncio.Event()
        self.at_once = self.most = 0

    async def status(self, question: Question) -> Status:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            await self.go.wait()
            return await super().status(question)
        finally:
            self.at_once -= 1


async def test_however_many_look_at_once_it_is_asked_once() -> None:
    source = _Slow()
    cached = Cached(source, lambda: 0.0)
    looking = [asyncio.create_task(cached.status(Question())) for _ in range(1000)]
    await asyncio.sleep(0)
    source.go.set()
    await asyncio.gather(*looking)

    assert source.asked == [Question()]


async def test_different_questions_are_asked_one_after_another() -> None:
    source = _Slow()
    cached = Cached(source, lambda: 0.0)
    looking = [asyncio.create_task(cached.status(Question(page=n))) for n in range(1, 200)]
    await asyncio.sleep(0)
    source.go.set()
    await asyncio.gather(*looking)

    assert (source.most, len(source.asked)) == (1, 199)
    assert len(cached._kept) <= 64


async def test_an_answer_is_asked_for_again_once_it_is_old() -> None:
    now = 0.0
    source = Told(busy())
    cached = Cached(source, lambda: now)

    await cached.status(Question())
    now = FRESH_SECONDS - 0.01
    await cached.status(Question())
    before = len(source.asked)
    now = FRESH_SECONDS
    await cached.status(Question())

    assert (before, len(source.asked)) == (1, 2)


async def test_a_failure_is_not_kept() -> None:
    source = Told(None)
    cached = Cached(source, lambda: 0.0)
    with pytest.raises(Exception, match="cannot be reached"):
        await cached.status(Question())
    source.answer = busy()

    assert await cached.status(Question()) == busy()
