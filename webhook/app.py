"""The receiver's HTTP side: an answer is given for every request, and it is true.

202 is said only for what Temporal has, or for what cannot matter. Nothing of a delivery but its id
and its kind is logged or counted.
"""

import asyncio
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Protocol

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from webhook import github
from webhook.dispatch import Dispatcher, UnavailableError
from webhook.events import Ignored, NotUnderstoodError
from webhook.reading import Reader

MAX_BODY = 25 * 1024 * 1024
"""Most bytes of a body: the cap of the forges."""

RETRY_AFTER = "10"
"""Seconds until a refused delivery is worth another try."""

# A body that comes slower than this has no sender any more: GitHub gives up after 10 s.
_BODY_SECONDS = 10.0
_CLOSE_SECONDS = 10.0
_JSON = {"Content-Type": "application/json"}
_JSON_TYPE = "application/json"
_FORM_TYPE = "application/x-www-form-urlencoded"
_DELIVERY_IN_LOG = re.compile(r"[A-Za-z0-9-]{1,64}")

_log = logging.getLogger(__name__)

Ready = Callable[[], Awaitable[Sequence[str]]]
"""Returns what is missing, as sentences; nothing when ready."""


class Pages(Protocol):
    """What has pages to show beside the webhooks: the dashboard, where there is one."""

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add its routes."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    outcome: str
    body: bytes | None
    headers: dict[str, str]

    def response(self) -> web.Response:
        return web.Response(status=self.status, body=self.body, headers=self.headers)


def _line(**fields: object) -> bytes:
    return json.dumps(fields).encode() + b"\n"


def _refusal(status: int, outcome: str, error: str, remedy: str, **headers: str) -> _Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return _Answer(status, outcome, _line(error=error, help=remedy), _JSON | named)


# Said a thousand times a second, and the status says it all.
_ACCEPTED = _Answer(202, "accepted", None, {})
_WRONG_TYPE = _refusal(
    415,
    "wrong_type",
    "The body is of a type, or in an encoding, that is not read here",
    f"Set the webhook's content type to application/json (or {_FORM_TYPE}), not compressed",
)
_TOO_LARGE = _refusal(
    413,
    "too_large",
    "The body is larger than 25 MiB",
    "No forge sends that much: check who is calling",
)
_TOO_SLOW = _refusal(
    408,
    "too_slow",
    "The body did not arrive in time",
    "Deliver it again from the webhook's page, and check the network between",
)


class _Metrics:
    """Counts by kind and outcome: labels of a fixed set, whatever a repository may be called."""

    def __init__(self, registry: CollectorRegistry, dispatcher: Dispatcher) -> None:
        self._deliveries = Counter(
            "lockstep_webhook_deliveries",
            "Deliveries by event and what became of them",
            ["forge", "event", "outcome"],
            registry=registry,
        )
        self._seconds = Histogram(
            "lockstep_webhook_seconds",
            "From a delivery's headers to its answer",
            ["forge"],
            registry=registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
        )
        waiting = Gauge(
            "lockstep_webhook_waiting",
            "Deliveries that wait for Temporal's acknowledgement",
            registry=registry,
        )
        waiting.set_function(lambda: dispatcher.waiting)

    def of(self, reader: Reader) -> Callable[[str, str, float], None]:
        """Return what records an event, its outcome and its seconds, for one forge."""
        counter = lru_cache(partial(self._deliveries.labels, reader.forge))
        seconds, known = self._seconds.labels(reader.forge), reader.events

        def record(event: str, outcome: str, took: float) -> None:
            counter(event if event in known else "other", outcome).inc()
            seconds.observe(took)

        return record


class _Receiver:
    """Answers the deliveries of one forge."""

    def __init__(self, dispatcher: Dispatcher, reader: Reader, metrics: _Metrics) -> None:
        self._dispatcher, self._reader = dispatcher, reader
        self._record = metrics.of(reader)
        self._unsigned = _refusal(401, "unsigned", *reader.unproven)
        self._no_names = _refusal(400, "not_understood", *reader.unnamed)

    async def take(self, request: web.Request) -> web.Response:
        started = time.perf_counter()
        event, delivery = self._reader.names(request.headers)
        body = await self._body(request)
        answer = body if isinstance(body, _Answer) else await self._answer(event, delivery, body)
        self._record(event, answer.outcome, time.perf_counter() - started)
        return answer.response()

    async def _body(self, request: web.Request) -> bytes | _Answer:
        """Return the JSON that was proven, or why there is none."""
        media = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        in_form = media == _FORM_TYPE and self._reader.takes_forms
        # The signature is over the bytes that were sent, and aiohttp has unpacked them.
        if not (in_form or media == _JSON_TYPE) or "Content-Encoding" in request.headers:
            return _WRONG_TYPE
        if not self._reader.claims(request.headers):
            # Before 25 MiB are read for somebody who does not even claim to be the forge.
            return self._unsigned
        body = await _read(request)
        if isinstance(body, _Answer):
            return body
        if not self._reader.is_genuine(request.headers, body):
            return self._unsigned
        try:
            return self._reader.unwrapped(body) if in_form else body
        except NotUnderstoodError as error:
            return self._not_understood(error)

    async def _answer(self, event: str, delivery: str, body: bytes) -> _Answer:
        if not event or not delivery:
            return self._no_names
        try:
            found = self._reader.translate(event, delivery, body)
            if isinstance(found, Ignored):
                return _Answer(202, "ignored", _line(status="ignored", reason=found.reason), _JSON)
            await self._dispatcher.take(found)
        except NotUnderstoodError as error:
            shown = delivery if _DELIVERY_IN_LOG.fullmatch(delivery) else "of no valid id"
            _log.warning("delivery %s is not understood: %s", shown, error)
            return self._not_understood(error)
        except UnavailableError as error:
            return _refusal(
                503,
                "unavailable",
                str(error),
                "Deliver it again; what it tells is found by the next re-observe in any case",
                Retry_After=RETRY_AFTER,
            )
        return _ACCEPTED

    def _not_understood(self, error: NotUnderstoodError) -> _Answer:
        return _refusal(
            400,
            "not_understood",
            f"Not what {self._reader.title} sends: {error}",
            "Deliver it again; if it is refused again, report it with this message",
        )


async def _read(request: web.Request) -> bytes | _Answer:
    if (request.content_length or 0) > MAX_BODY:
        return _TOO_LARGE
    try:
        # Most bodies come with their headers. A timer would cost a fifth of a whole bare request,
        # and `read` copies the body twice.
        if request.content.is_eof():
            return request.content.read_nowait()
        async with asyncio.timeout(_BODY_SECONDS):
            return await request.read()
    except web.HTTPRequestEntityTooLarge:
        return _TOO_LARGE
    except TimeoutError:
        return _TOO_SLOW


# Webhooks come from the Internet, and what the dashboard shows is not for it.
_NO_DASHBOARD = _refusal(
    404,
    "no_dashboard",
    "There is no dashboard here",
    "Set LOCKSTEP_DASHBOARD_TOKEN to have one, for whoever knows the token",
)


async def _no_dashboard(_request: web.Request) -> web.Response:
    return _NO_DASHBOARD.response()


async def _alive(_request: web.Request) -> web.Response:
    return web.Response(body=_line(status="alive"), headers=_JSON)


def _readiness(ready: Ready) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(_request: web.Request) -> web.Response:
        missing = await ready()
        if not missing:
            return web.Response(body=_line(status="ready"), headers=_JSON)
        return _refusal(
            503,
            "not_ready",
            f"Not ready: {'; '.join(missing)}",
            "Deliveries are refused meanwhile; check LOCKSTEP_TEMPORAL_ADDRESS and its server",
            Retry_After=RETRY_AFTER,
        ).response()

    return handler


def monitoring(*, ready: Ready, registry: CollectorRegistry) -> web.Application:
    """Return health and metrics alone, for a process that receives nothing."""
    made = web.Application()
    made.router.add_get("/healthz", _alive)
    made.router.add_get("/readyz", _readiness(ready))
    made.router.add_get("/metrics", partial(_shown, registry))
    return made


async def _shown(registry: CollectorRegistry, _request: web.Request) -> web.Response:
    return web.Response(
        body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
    )


def app(
    dispatcher: Dispatcher,
    *,
    github_secrets: Sequence[str] | None = None,
    readers: Sequence[Reader] = (),
    ready: Ready,
    registry: CollectorRegistry | None = None,
    dashboard: Pages | None = None,
) -> web.Application:
    """Return the receiver's application; it closes `dispatcher` after its last request.

    `readers` are those of the forges beside GitHub; without `dashboard` there is none. Raises
    ValueError where there is no secret: an unsigned delivery is never accepted.
    """
    registry = registry or CollectorRegistry()
    metrics = _Metrics(registry, dispatcher)
    if github_secrets is not None:
        readers = (github.GitHubReader(github_secrets), *readers)
    receivers = {reader.forge: _Receiver(dispatcher, reader, metrics) for reader in readers}

    async def close(_app: web.Application) -> None:
        await dispatcher.close(_CLOSE_SECONDS)

    made = web.Application(client_max_size=MAX_BODY)
    for forge, receiver in receivers.items():
        made.router.add_post(f"/webhooks/{forge}", receiver.take)
    made.router.add_get("/healthz", _alive)
    made.router.add_get("/readyz", _readiness(ready))
    made.router.add_get("/metrics", partial(_shown, registry))
    if dashboard is not None:
        dashboard.add_to(made.router)
    else:
        made.router.add_get("/", _no_dashboard)
    made.on_cleanup.append(close)
    return made
