"""A forge's REST API over HTTP: limits, conditional requests, faults, counts, for any dialect."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import web

from bot.sandbox.access import Actor, BadCredentials
from bot.sandbox.faults import Faults, suffer
from bot.sandbox.limits import Budget, Exceeded, Limits
from bot.sandbox.routing import Answer, Route
from bot.sandbox.thread import StoreThread

Found = tuple[Route[Any], Mapping[str, str]] | None
Observe = Callable[[str, str, int, bytes], None]
"""Told of every answer: method, route under its API's root, status, body. Tests validate by it."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it came in; `path` is raw and without the API's root.

    `pairs` are the query's parameters with those that come several times.
    """

    method: str
    path: str
    url: str
    query: Mapping[str, str]
    pairs: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    content: bytes


class Dialect(Protocol):
    """How one forge speaks; pure functions of the store, on the store's thread where they read it.

    `forgiving` says whether an answer of 304 costs no call of the limit.
    """

    prefix: str
    media: str
    raw_media: str
    forgiving: bool

    def match(self, method: str, raw_path: str) -> Found:
        """Return the route of a call and what its path holds, or None."""

    def identify(self, call: Call) -> Actor:
        """Return who asks; raises BadCredentials."""

    def refuse(self, error: BadCredentials) -> Answer:
        """Answer somebody whose credentials open nothing."""

    def uncounted(self, call: Call, budget: Budget) -> Answer | None:
        """Answer a call that no limit counts, or return None."""

    def answer(self, found: Found, call: Call, actor: Actor) -> Answer:
        """Answer a call; what it changed is kept only if it succeeded."""

    def too_many(self, actor: Actor, exceeded: Exceeded) -> Answer:
        """Answer a call that passed a limit."""

    def headers(self, budget: Budget) -> dict[str, str]:
        """Return the headers that every answer has."""

    def fresh(self, content: bytes) -> dict[str, str]:
        """Return the caching headers of an answer, its ETag among them."""


def digest(content: bytes) -> str:
    """Return the ETag of a body."""
    return f'W/"{hashlib.sha256(content).hexdigest()[:32]}"'


class Api:
    """Answers what comes in under a dialect's prefix."""

    def __init__(
        self,
        dialect: Dialect,
        faults: Faults,
        limits: Limits,
        thread: StoreThread,
        web_url: str,
        observe: Observe | None = None,
    ) -> None:
        self._dialect = dialect
        self._faults = faults
        self._limits = limits
        self._thread = thread
        self._web = web_url
        self._observe = observe

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one call, or let it suffer its fault."""
        prefix = self._dialect.prefix
        path = request.rel_url.raw_path.removeprefix(prefix)
        found = None if "%00" in path else self._dialect.match(request.method, path)
        template = found[0].path if found else path
        self._faults.count(request.method, template, path)
        fault = self._faults.take(request.method, request.path.removeprefix(prefix))

        async def answer(_: web.Request) -> web.StreamResponse:
            return await self._answer(request, path, found)

        if fault is None:
            return await answer(request)
        return await suffer(fault, request, answer, self._faults.gate)

    async def _answer(self, request: web.Request, path: str, found: Found) -> web.Response:
        call = Call(
            request.method,
            path,
            f"{self._web}{request.rel_url.raw_path}",
            dict(request.query),
            list(request.query.items()),
            request.headers,
            await request.read(),
        )
        try:
            actor = await self._thread.call(lambda: self._dialect.identify(call))
        except BadCredentials as error:
            return self._respond(request, Actor(), self._dialect.refuse(error), path)
        free = self._dialect.uncounted(call, self._limits.budget(actor.key))
        if free is not None:
            return self._respond(request, actor, free, path)
        exceeded = self._limits.spend(actor.key, request.method)
        if exceeded is not None:
            return self._respond(request, actor, self._dialect.too_many(actor, exceeded), path)
        answered = await self._thread.call(lambda: self._dialect.answer(found, call, actor))
        return self._respond(request, actor, answered, found[0].path if found else path)

    def _respond(
        self, request: web.Request, actor: Actor, answer: Answer, template: str
    ) -> web.Response:
        body = answer.body
        kind = self._dialect.media
        if isinstance(body, bytes):
            kind = self._dialect.raw_media
        elif body is not None:
            # Paths that are no text become question marks, as nothing else could stand in JSON.
            body = json.dumps(body, ensure_ascii=False).encode(errors="replace")
        content: bytes = body or b""
        status, headers = answer.status, dict(answer.headers)
        if request.method == "GET" and status == 200:
            headers |= self._dialect.fresh(content)
            if headers["ETag"] in request.headers.get("If-None-Match", ""):
                status, content = 304, b""
                self._faults.not_modified += 1
                if self._dialect.forgiving:
                    self._limits.refund(actor.key)
        if self._observe is not None:
            self._observe(request.method, self._dialect.prefix + template, status, content)
        headers |= self._dialect.headers(self._limits.budget(actor.key))
        if content:
            headers.setdefault("Content-Type", kind)
        return web.Response(status=status, body=content, headers=headers)
