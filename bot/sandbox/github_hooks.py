"""GitHub's routes for a repository's webhooks, their deliveries and redelivery."""

import json
import uuid
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from bot.sandbox.ask import Ask
from bot.sandbox.errors import Invalid, Missing
from bot.sandbox.hooks import again, encode, github_headers
from bot.sandbox.records import Delivery, Hook
from bot.sandbox.routing import Answer, Route

_ZEN = "Keep it logically awesome."


def _hook(ask: Ask) -> Hook:
    found = ask.world.store.get(Hook, ask.number("hook_id"), ask.repo.id)
    if found is None:
        raise Missing("Not Found")
    return found


def _list(ask: Ask) -> Answer:
    found = ask.world.store.all(Hook, ask.repo.id)
    return ask.page(found, lambda hook: ask.shapes.hook(ask.repo, hook))


def _get(ask: Ask) -> Answer:
    return Answer(ask.shapes.hook(ask.repo, _hook(ask)))


def _config(ask: Ask, old: Hook | None) -> dict[str, Any]:
    given = ask.fields().get("config") or {}
    if not isinstance(given, dict):
        raise Invalid("Invalid request.\n\nFor 'config', an object is wanted.")
    url = str(given.get("url") or (old.url if old else ""))
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).netloc:
        raise Invalid(
            "Validation Failed", {"resource": "Hook", "code": "custom", "message": "url is invalid"}
        )
    kind = str(given.get("content_type") or (old.content_type if old else "form"))
    if kind not in {"json", "form"}:
        raise Invalid("content_type is json or form")
    secret = given.get("secret") or (old.secret if old else None)
    return {"url": url, "content_type": kind, "secret": str(secret) if secret else None}


def _create(ask: Ask) -> Answer:
    config = _config(ask, None)
    for other in ask.world.store.all(Hook, ask.repo.id):
        if other.url == config["url"]:
            raise Invalid(
                "Validation Failed",
                {
                    "resource": "Hook",
                    "code": "custom",
                    "message": "Hook already exists on this repository",
                },
            )
    now = ask.world.store.now()
    made = ask.world.store.put(
        Hook(
            id=ask.world.store.new_id(),
            repo_id=ask.repo.id,
            events=ask.texts("events") or ("push",),
            active=ask.flag("active", default=True),
            created_at=now,
            updated_at=now,
            **config,
        )
    )
    _ping(ask, made)
    return Answer(ask.shapes.hook(ask.repo, made), 201)


def _edit(ask: Ask) -> Answer:
    old = _hook(ask)
    events = ask.texts("events") or old.events
    events = (*events, *ask.texts("add_events"))
    kept = tuple(dict.fromkeys(e for e in events if e not in ask.texts("remove_events")))
    made = replace(
        old,
        events=kept,
        active=ask.flag("active", default=old.active),
        updated_at=ask.world.store.now(),
        **_config(ask, old),
    )
    return Answer(ask.shapes.hook(ask.repo, ask.world.store.put(made)))


def _delete(ask: Ask) -> Answer:
    ask.world.store.drop(_hook(ask))
    return Answer(status=204)


def _ping_hook(ask: Ask) -> Answer:
    _ping(ask, _hook(ask))
    return Answer(status=204)


def _ping(ask: Ask, hook: Hook) -> None:
    payload = {
        "zen": _ZEN,
        "hook_id": hook.id,
        "hook": ask.shapes.hook(ask.repo, hook),
        "repository": ask.shapes.repository(ask.repo),
        "sender": ask.shapes.user(ask.who),
    }
    body = encode(hook, json.dumps(payload))
    guid = str(uuid.uuid4())
    ask.world.store.put_delivery(
        Delivery(
            id=ask.world.store.new_id(),
            hook_id=hook.id,
            guid=guid,
            event="ping",
            action=None,
            request_headers=github_headers(hook, "ping", guid, body.encode()),
            body=body,
            delivered_at=ask.world.store.now(),
        )
    )


def _deliveries(ask: Ask) -> Answer:
    hook = _hook(ask)
    found = ask.world.store.deliveries(hook.id)
    return ask.page(found, lambda delivery: ask.shapes.delivery(hook, delivery))


def _delivery(ask: Ask) -> Delivery:
    found = ask.world.store.delivery(ask.number("delivery_id"))
    if found is None or found.hook_id != _hook(ask).id:
        raise Missing("Not Found")
    return found


def _get_delivery(ask: Ask) -> Answer:
    return Answer(ask.shapes.delivery(_hook(ask), _delivery(ask), full=True))


def _redeliver(ask: Ask) -> Answer:
    again(ask.world.store, _delivery(ask), _hook(ask))
    return Answer({}, 202)


_H = "/repos/{owner}/{repo}/hooks"
_D = f"{_H}/{{hook_id}}/deliveries"
_READ, _WRITE = "repository_hooks=read", "repository_hooks=write"
ROUTES = (
    Route("GET", _H, _list, _READ, "admin"),
    Route("POST", _H, _create, _WRITE, "admin"),
    Route("GET", f"{_H}/{{hook_id}}", _get, _READ, "admin"),
    Route("PATCH", f"{_H}/{{hook_id}}", _edit, _WRITE, "admin"),
    Route("DELETE", f"{_H}/{{hook_id}}", _delete, _WRITE, "admin"),
    Route("POST", f"{_H}/{{hook_id}}/pings", _ping_hook, _READ, "admin"),
    Route("GET", _D, _deliveries, _READ, "admin"),
    Route("GET", f"{_D}/{{delivery_id}}", _get_delivery, _READ, "admin"),
    Route("POST", f"{_D}/{{delivery_id}}/attempts", _redeliver, _WRITE, "admin"),
)
