"""GitHub's REST dialect over HTTP: limits, conditional requests, faults, counts."""

import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from bot.sandbox.access import Actor, BadCredentials, identify
from bot.sandbox.ask import Answer, Route
from bot.sandbox.faults import Faults, suffer
from bot.sandbox.github import GitHub, problem
from bot.sandbox.limits import Budget, Exceeded, Limits
from bot.sandbox.thread import StoreThread
from bot.sandbox.world import World

PREFIX = "/api/v3"
Observe = Callable[[str, str, int, bytes], None]
"""Told of every answer: method, route, status, body. Tests validate by it."""


class Api:
    """Answers what comes in under `/api/v3`."""

    def __init__(
        self,
        world: World,
        github: GitHub,
        faults: Faults,
        limits: Limits,
        thread: StoreThread,
        web_url: str,
        observe: Observe | None = None,
    ) -> None:
        self._world = world
        self._github = github
        self._faults = faults
        self._limits = limits
        self._thread = thread
        self._web = web_url
        self._observe = observe

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one call, or let it suffer its fault."""
        path = request.rel_url.raw_path.removeprefix(PREFIX)
        found = None if "%00" in path else self._github.match(request.method, path)
        template = found[0].path if found else path
        self._faults.calls[request.method, template] += 1
        fault = self._faults.take(request.method, request.path.removeprefix(PREFIX))

        async def answer(_: web.Request) -> web.StreamResponse:
            return await self._answer(request, path, found)

        return await suffer(fault, request, answer) if fault else await answer(request)

    async def _answer(
        self, request: web.Request, path: str, found: tuple[Route, Mapping[str, str]] | None
    ) -> web.Response:
        content = await request.read()
        header = request.headers.get("Authorization")
        try:
            actor = await self._thread.call(lambda: identify(self._world, header))
        except BadCredentials as error:
            return self._respond(request, Actor(), problem(401, str(error)), path)
        if (request.method, path) == ("GET", "/rate_limit"):
            return self._respond(request, actor, Answer(self._rates(actor)), path)
        exceeded = self._limits.spend(actor.key, request.method)
        if exceeded is not None:
            return self._respond(request, actor, _too_many(actor, exceeded), path)
        if found is None:
            return self._respond(request, actor, problem(404, "Not Found"), path)
        route, params = found
        answered = await self._thread.call(
            lambda: self._github.answer(
                route,
                params,
                actor=actor,
                url=f"{self._web}{request.rel_url.raw_path}",
                query=dict(request.query),
                content=content,
                accept=request.headers.get("Accept", ""),
            )
        )
        return self._respond(request, actor, answered, route.path)

    def _respond(
        self, request: web.Request, actor: Actor, answer: Answer, template: str
    ) -> web.Response:
        body = answer.body
        kind = "application/json; charset=utf-8"
        if isinstance(body, bytes):
            kind = "application/vnd.github.raw; charset=utf-8"
        elif body is not None:
            # Paths that are no text become question marks, as nothing else could stand in JSON.
            body = json.dumps(body, ensure_ascii=False).encode(errors="replace")
        content: bytes = body or b""
        status, headers = answer.status, dict(answer.headers)
        if request.method == "GET" and status == 200:
            headers["ETag"] = f'W/"{hashlib.sha256(content).hexdigest()}"'
            headers["Cache-Control"] = "private, max-age=60, s-maxage=60"
            if headers["ETag"] in request.headers.get("If-None-Match", ""):
                status, content = 304, b""
                self._faults.not_modified += 1
                self._limits.refund(actor.key)
        if self._observe is not None:
            self._observe(request.method, template, status, content)
        headers |= _standing_headers(self._limits.budget(actor.key))
        if content:
            headers["Content-Type"] = kind
        return web.Response(status=status, body=content, headers=headers)

    def _rates(self, actor: Actor) -> Any:
        budget = self._limits.budget(actor.key)
        core = {
            "limit": budget.limit,
            "used": budget.used,
            "remaining": budget.remaining,
            "reset": budget.reset,
        }
        search = core | {"limit": 30, "used": 0, "remaining": 30}
        return {"resources": {"core": core, "search": search}, "rate": core}


def _standing_headers(budget: Budget) -> dict[str, str]:
    return {
        "X-GitHub-Request-Id": uuid.uuid4().hex.upper(),
        "X-GitHub-Media-Type": "github.v3; format=json",
        "X-RateLimit-Limit": str(budget.limit),
        "X-RateLimit-Remaining": str(budget.remaining),
        "X-RateLimit-Used": str(budget.used),
        "X-RateLimit-Reset": str(budget.reset),
        "X-RateLimit-Resource": "core",
        "X-Lockstep-Sandbox": "a development tool, not GitHub",
    }


def _too_many(actor: Actor, exceeded: Exceeded) -> Answer:
    if exceeded.secondary:
        said = (
            "You have exceeded a secondary rate limit."
            " Please wait a few minutes before you try again."
        )
    else:
        said = f"API rate limit exceeded for {actor.account.login if actor.account else actor.key}."
    answer = problem(exceeded.status, said)
    # A used-up hour says when by its reset header; the secondary limit by Retry-After.
    late = exceeded.secondary or exceeded.status == 429
    return Answer(
        answer.body, answer.status, {"Retry-After": str(exceeded.retry_after)} if late else {}
    )
