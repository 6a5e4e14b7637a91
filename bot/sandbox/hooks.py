"""Deliver webhooks: signed, logged, sent again on request, kept over a kill until they are sent.

A delivery is queued in the transaction of what it tells, and sent once that is safe. As a forge
does it: one attempt, ten seconds, nothing is sent again by itself.
"""

import asyncio
import base64
import hashlib
import hmac
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import urlencode

import aiohttp

from bot.sandbox.faults import Faults, HookFault
from bot.sandbox.records import Delivery, Hook
from bot.sandbox.store import Store

T = TypeVar("T")
_TIMEOUT = aiohttp.ClientTimeout(total=10)
_AT_ONCE = 32
# A hook's deliveries arrive in order while its receiver is quick, and side by side when it is
# not. A forge promises no order; but a story told twice should be told the same way.
_PATIENCE = 0.25
_KEPT_OF_ANSWER = 4096


def sign(secret: str, body: bytes) -> dict[str, str]:
    """Return both of GitHub's signature headers for a body."""
    key = secret.encode()
    return {
        "X-Hub-Signature": "sha1=" + hmac.new(key, body, hashlib.sha1).hexdigest(),
        "X-Hub-Signature-256": "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest(),
    }


def github_headers(hook: Hook, event: str, guid: str, body: bytes) -> dict[str, str]:
    """Return the headers of a delivery in GitHub's dialect."""
    form = hook.content_type == "form"
    kind, target = ("integration", hook.app_id) if hook.app_id else ("repository", hook.repo_id)
    return {
        "Accept": "*/*",
        "Content-Type": "application/x-www-form-urlencoded" if form else "application/json",
        "User-Agent": "GitHub-Hookshot/sandbox",
        "X-GitHub-Delivery": guid,
        "X-GitHub-Event": event,
        "X-GitHub-Hook-ID": str(hook.id),
        "X-GitHub-Hook-Installation-Target-ID": str(target),
        "X-GitHub-Hook-Installation-Target-Type": kind,
        **(sign(hook.secret, body) if hook.secret else {}),
    }


def gitlab_headers(
    hook: Hook, event: str, guid: str, body: bytes, when: int, instance: str, told: str
) -> dict[str, str]:
    """Return the headers of a delivery in GitLab's dialect; `told` is the same for all of an event.

    With a signing key the three headers of the Standard Webhooks, whose id is the idempotency key.
    """
    signed: dict[str, str] = {}
    if hook.signing:
        content = f"{guid}.{when}.".encode() + body
        key = base64.b64decode(hook.signing.removeprefix("whsec_"))
        code = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        signed = {
            "webhook-id": guid,
            "webhook-timestamp": str(when),
            "webhook-signature": f"v1,{code}",
        }
    return {
        "Content-Type": "application/json",
        "User-Agent": "GitLab/18.5.0-ee sandbox",
        "Idempotency-Key": guid,
        "X-Gitlab-Event": event,
        "X-Gitlab-Webhook-UUID": str(uuid.uuid4()),
        "X-Gitlab-Instance": instance,
        "X-Gitlab-Event-UUID": told,
        **({"X-Gitlab-Token": hook.secret} if hook.secret else {}),
        **signed,
    }


def encode(hook: Hook, payload: str) -> str:
    """Return a payload as the hook's content type wants it."""
    return urlencode({"payload": payload}) if hook.content_type == "form" else payload


def again(store: Store, old: Delivery, hook: Hook) -> Delivery:
    """Queue a delivery once more: the same body and guid, marked as a redelivery."""
    body = old.body.encode()
    if hook.dialect == "gitlab":
        instance, when = old.request_headers["X-Gitlab-Instance"], int(store.clock())
        told = str(uuid.uuid4())
        headers = gitlab_headers(hook, old.event, old.guid, body, when, instance, told)
    else:
        headers = github_headers(hook, old.event, old.guid, body)
    fresh = replace(
        old,
        id=store.new_id(),
        redelivery=True,
        state="queued",
        status="",
        status_code=0,
        duration=0.0,
        request_headers=headers,
        response_headers={},
        response_body="",
        delivered_at=store.now(),
    )
    return store.put_delivery(fresh)


class Courier:
    """Sends what is queued; `call` runs a function on the thread that owns the store."""

    def __init__(
        self,
        store: Store,
        faults: Faults,
        call: Callable[[Callable[[], Any]], Awaitable[Any]],
    ) -> None:
        self._store = store
        self._faults = faults
        self._call = call
        self._news = asyncio.Event()
        self._held = False
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._newest: dict[int, asyncio.Task[None]] = {}
        self._loop = asyncio.get_running_loop()
        self._session = aiohttp.ClientSession(timeout=_TIMEOUT, auto_decompress=True)
        self._runner = asyncio.create_task(self._run())

    def wake(self) -> None:
        """Say that something may be queued; safe from any thread."""
        self._loop.call_soon_threadsafe(self._news.set)

    def hold(self, *, held: bool) -> None:
        """Keep deliveries back, or let them go again; safe from any thread."""
        self._held = held
        self.wake()

    async def idle(self) -> None:
        """Wait until nothing is queued or under way; what is held does not count."""
        while True:
            queued = [] if self._held else await self._call(self._store.queued)
            if not queued and not self._under_way:
                return
            await asyncio.sleep(0.005)

    async def close(self) -> None:
        """Stop; what is under way stays queued for the next start."""
        self._runner.cancel()
        for task in self._under_way.values():
            task.cancel()
        await asyncio.gather(self._runner, *self._under_way.values(), return_exceptions=True)
        await self._session.close()

    async def _run(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            if self._held:
                continue
            for delivery in await self._call(self._store.queued):
                if delivery.id in self._under_way:
                    continue
                fault = self._faults.take_hook(delivery.event)
                before = self._newest.get(delivery.hook_id)
                task = asyncio.create_task(self._deliver(delivery, fault, before))
                self._under_way[delivery.id] = task
                if not fault.delay:
                    self._newest[delivery.hook_id] = task

    async def _deliver(
        self, delivery: Delivery, fault: HookFault, before: asyncio.Task[None] | None
    ) -> None:
        try:
            await asyncio.sleep(fault.delay)
            if before is not None:
                await asyncio.wait({before}, timeout=_PATIENCE)
            async with self._places:
                done = replace(delivery, state="done", status="not sent: injected by the sandbox")
                for _ in range(fault.copies):
                    done = await self._send(delivery)
            await self._call(lambda: self._record(done))
        finally:
            del self._under_way[delivery.id]

    async def _send(self, delivery: Delivery) -> Delivery:
        hook = await self._call(lambda: self._hook(delivery))
        if hook is None:
            return replace(delivery, state="done", status="the hook was deleted")
        began = time.monotonic()
        code, status, headers, body = await self._post(hook.url, delivery)
        took = round(time.monotonic() - began, 3)
        return replace(
            delivery,
            state="done",
            status=status,
            status_code=code,
            duration=took,
            response_headers=headers,
            response_body=body,
        )

    async def _post(self, url: str, delivery: Delivery) -> tuple[int, str, Mapping[str, str], str]:
        try:
            async with self._session.post(
                url,
                data=delivery.body.encode(),
                headers=dict(delivery.request_headers),
                allow_redirects=False,
            ) as response:
                raw = await response.content.read(_KEPT_OF_ANSWER)
                text = raw.decode(errors="replace")
                status = "OK" if response.status < 400 else response.reason or "failed"
                return response.status, status, dict(response.headers), text
        except TimeoutError:
            return 0, "timed out", {}, ""
        except (aiohttp.ClientError, ValueError, OSError) as error:
            return 0, f"failed to connect: {type(error).__name__}", {}, ""

    def _hook(self, delivery: Delivery) -> Hook | None:
        return find_hook(self._store, delivery.hook_id)

    def _record(self, done: Delivery) -> None:
        with self._store.transaction():
            self._store.put_delivery(done)
            hook = self._hook(done)
            if hook is not None:
                code = done.status_code or None
                self._store.put(replace(hook, last_code=code, last_message=done.status))


def find_hook(store: Store, key: int) -> Hook | None:
    """Return a hook of any repository or App by id."""
    return next((hook for hook in store.every(Hook) if hook.id == key), None)
