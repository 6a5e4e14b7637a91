"""Faults on request: what goes wrong, for which calls, and how often; and who called what."""

import asyncio
import math
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import unquote

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
# Whose a call is: GitHub's full name, GitLab's number or full name, git's full name.
_REPOSITORY = re.compile(r"/repos/([^/]+/[^/]+)|/projects/([^/]+)|/(.+)\.git(?=/)")
_IN_SECONDS = "now+"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong with the next `times` calls that match, after the first `skip`.

    `path` is a regular expression searched in the path, without the API's root. One of: `status`
    answers with that and does nothing; `stall` waits that many seconds first; `takes` is how many
    the call takes at least, with its work and both its ways; `cut` closes the connection
    unanswered; `truncate` sends half of the true answer; `lose` does what was asked and then cuts
    the connection, or answers with `status` where that is given; `hold` keeps the call `before` or
    `after` it is done until it is released: see `Controls.release`.

    A header's value `now+SECONDS` is sent as that moment, in seconds since 1970.
    """

    method: str = ".*"
    path: str = ""
    times: int = 1
    skip: int = 0
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str = "Injected by the sandbox"
    stall: float = 0.0
    takes: float = 0.0
    cut: bool = False
    truncate: bool = False
    lose: bool = False
    hold: Literal["before", "after", ""] = ""

    def matches(self, method: str, path: str) -> bool:
        """Say whether a call is meant."""
        return bool(re.fullmatch(self.method, method) and re.search(self.path, path))


@dataclass(frozen=True, slots=True, kw_only=True)
class HookFault:
    """What happens to the next `times` deliveries of an event: dropped, sent twice or late."""

    event: str = ".*"
    times: int = 1
    copies: int = 1
    delay: float = 0.0

    def matches(self, event: str) -> bool:
        """Say whether a delivery is meant."""
        return bool(re.fullmatch(self.event, event))


class Gate:
    """Calls that are held until somebody lets them go; safe to be opened from any thread."""

    def __init__(self) -> None:
        self._held: list[_Held] = []

    @property
    def held(self) -> list[str]:
        """What is held now, as METHOD PATH."""
        return [one.call for one in list(self._held)]

    def release(self, pattern: str, *, drop: bool) -> int:
        """Let go what is held and matches; with `drop` as calls whose connection is lost."""
        chosen = [one for one in list(self._held) if re.search(pattern, one.call)]
        for one in chosen:
            self._held.remove(one)
            one.loop.call_soon_threadsafe(one.drops.set_result, drop)
        return len(chosen)

    async def passed(self, request: web.Request) -> bool:
        """Wait until released; return whether the call is dropped."""
        loop = asyncio.get_running_loop()
        held = _Held(f"{request.method} {request.path}", loop, loop.create_future())
        self._held.append(held)
        return await held.drops


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    call: str
    loop: asyncio.AbstractEventLoop
    drops: asyncio.Future[bool]


class Faults:
    """The faults that are waiting, and the count of calls by (method, route, repository)."""

    def __init__(self) -> None:
        self.calls: Counter[tuple[str, str, str]] = Counter()
        self.gate = Gate()
        self.not_modified = 0
        self._waiting: list[Fault] = []
        self._hooks: list[HookFault] = []

    def add(self, fault: Fault | HookFault) -> None:
        """Let something go wrong; raises re.error for a pattern that is none."""
        if isinstance(fault, Fault):
            re.compile(fault.path)
            re.compile(fault.method)
            self._waiting.append(fault)
        else:
            re.compile(fault.event)
            self._hooks.append(fault)

    def clear(self) -> list[str]:
        """Forget the faults that are still waiting, and return the paths of the calls' ones."""
        left = [fault.path for fault in self._waiting]
        self._waiting.clear()
        self._hooks.clear()
        return left

    def count(self, method: str, route: str, path: str) -> None:
        """Count a call; `path` tells of which repository, a part of it in the API's own form."""
        found = _REPOSITORY.match(path)
        whose = next((part for part in found.groups() if part), "") if found else ""
        self.calls[method, route, unquote(whose)] += 1

    def counted(self, names: Collection[str] | None) -> Counter[tuple[str, str]]:
        """Return the counts by (method, route) of a repository of these names, None for all."""
        found: Counter[tuple[str, str]] = Counter()
        for (method, route, whose), count in self.calls.items():
            if names is None or whose.casefold() in names:
                found[method, route] += count
        return found

    def take(self, method: str, path: str) -> Fault | None:
        """Return the fault for this call, used up by one."""
        for at, fault in enumerate(self._waiting):
            if not fault.matches(method, path):
                continue
            if fault.skip:
                self._waiting[at] = replace(fault, skip=fault.skip - 1)
                continue
            if fault.times > 1:
                self._waiting[at] = replace(fault, times=fault.times - 1)
            else:
                del self._waiting[at]
            return fault
        return None

    def take_hook(self, event: str) -> HookFault:
        """Return what happens to this delivery; usually nothing out of the ordinary."""
        for at, fault in enumerate(self._hooks):
            if fault.matches(event):
                if fault.times > 1:
                    self._hooks[at] = replace(fault, times=fault.times - 1)
                else:
                    del self._hooks[at]
                return fault
        return HookFault()


async def suffer(
    fault: Fault, request: web.Request, handler: Handler, gate: Gate
) -> web.StreamResponse:
    """Answer a call the way its fault says."""
    if fault.stall:
        await asyncio.sleep(fault.stall)
    if fault.hold:
        return await _held(fault, request, handler, gate)
    if fault.lose:
        await handler(request)
        return _failed(fault) if fault.status is not None else _cut(request)
    if fault.cut:
        return _cut(request)
    if fault.status is not None:
        return _failed(fault)
    # As over a network: half of the time the question is on its way.
    answered = asyncio.get_running_loop().time() + fault.takes
    await asyncio.sleep(fault.takes / 2)
    response = await handler(request)
    await asyncio.sleep(answered - asyncio.get_running_loop().time())
    return await _truncated(request, response) if fault.truncate else response


async def _held(
    fault: Fault, request: web.Request, handler: Handler, gate: Gate
) -> web.StreamResponse:
    if fault.hold == "after":
        answer = await handler(request)
        return _cut(request) if await gate.passed(request) else answer
    return _cut(request) if await gate.passed(request) else await handler(request)


def _failed(fault: Fault) -> web.Response:
    body = {"message": fault.message}
    headers = {name: _dated(value) for name, value in fault.headers.items()}
    return web.json_response(body, status=fault.status or 500, headers=headers)


def _dated(value: str) -> str:
    if not value.startswith(_IN_SECONDS):
        return value
    return str(math.ceil(time.time() + float(value.removeprefix(_IN_SECONDS))))


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    # aiohttp wants an answer; with the connection gone nobody reads it.
    return web.Response(status=500)


async def _truncated(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    if not isinstance(response, web.Response) or not isinstance(response.body, bytes):
        return response
    whole = response.body
    headers = dict(response.headers) | {"Content-Length": str(len(whole))}
    half = web.StreamResponse(status=response.status, headers=headers)
    await half.prepare(request)
    await half.write(whole[: len(whole) // 2])
    if request.transport is not None:
        request.transport.close()
    return half
