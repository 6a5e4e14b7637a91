"""GitLab's routes for webhooks of projects and of the server, their deliveries and resending."""

import base64
import binascii
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from bot.sandbox.errors import Denied, Missing
from bot.sandbox.gitlab_ask import Ask, Problem, route
from bot.sandbox.gitlab_payloads import NAMES, GitLabWebhooks
from bot.sandbox.gitlab_shapes import Json, moment
from bot.sandbox.hooks import again
from bot.sandbox.records import Delivery, Hook
from bot.sandbox.routing import Answer

_FLAGS = (*NAMES, "wiki_page", "deployment", "releases", "feature_flag", "milestone")
_SYSTEM_FLAGS = ("push", "tag_push", "merge_requests", "repository_update")


def _hooks(ask: Ask) -> list[Hook]:
    return [h for h in ask.world.store.all(Hook, ask.repo.id) if h.dialect == "gitlab"]


def _hook(ask: Ask) -> Hook:
    for hook in _hooks(ask):
        if hook.id == ask.number("hook_id"):
            return hook
    raise Missing("404 Not found")


def _shape(hook: Hook, flags: tuple[str, ...]) -> Json:
    chosen = {f"{flag}_events": flag in hook.events or "*" in hook.events for flag in flags}
    return {
        "id": hook.id,
        "url": hook.url,
        "name": hook.name,
        "description": hook.description,
        "created_at": moment(hook.created_at),
        **chosen,
        "enable_ssl_verification": True,
        "alert_status": "executable",
        "disabled_until": None,
        "url_variables": [],
        "custom_headers": [],
        "custom_webhook_template": None,
        "branch_filter_strategy": "wildcard",
        "push_events_branch_filter": hook.branch_filter or None,
        "token_present": hook.secret is not None,
        "signing_token_present": hook.signing is not None,
    }


def _of_project(ask: Ask, hook: Hook) -> Json:
    return {**_shape(hook, _FLAGS), "project_id": ask.repo.id}


def _list(ask: Ask) -> Answer:
    return ask.page(_hooks(ask), lambda hook: _of_project(ask, hook))


def _get(ask: Ask) -> Answer:
    return Answer(_of_project(ask, _hook(ask)))


def _given(ask: Ask, old: Hook | None, flags: tuple[str, ...]) -> dict[str, Any]:
    url = ask.optional("url") or (old.url if old else ask.text("url"))
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).netloc:
        raise Problem(422, "Invalid url given")
    held = set(old.events) if old else {"push"}
    for flag in flags:
        if ask.flag(f"{flag}_events", default=flag in held or "*" in held):
            held.add(flag)
        else:
            held -= {flag, "*"}
    texts = {
        "name": ask.optional("name") or (old.name if old else ""),
        "description": ask.optional("description") or (old.description if old else ""),
        "branch_filter": ask.optional("push_events_branch_filter")
        or (old.branch_filter if old else ""),
    }
    secret = ask.optional("token") if "token" in ask.fields else (old.secret if old else None)
    return {
        "url": url,
        "events": tuple(sorted(held)),
        "secret": secret or None,
        "signing": _signing(ask, old),
        **texts,
    }


def _signing(ask: Ask, old: Hook | None) -> str | None:
    if "signing_token" not in ask.fields:
        return old.signing if old else None
    given = ask.optional("signing_token")
    if not given:
        return None
    try:
        key = base64.b64decode(given.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        key = b""
    if not given.startswith("whsec_") or len(key) != 32:
        said = "must be in the format whsec_<base64> encoding a 32-byte key"
        raise Problem(422, {"signing_token": [said]})
    return given


def _made(ask: Ask, repo_id: int, flags: tuple[str, ...]) -> Hook:
    now = ask.world.store.now()
    return ask.world.store.put(
        Hook(
            id=ask.world.store.new_id(),
            repo_id=repo_id,
            dialect="gitlab",
            created_at=now,
            updated_at=now,
            **_given(ask, None, flags),
        )
    )


def _create(ask: Ask) -> Answer:
    return Answer(_of_project(ask, _made(ask, ask.repo.id, _FLAGS)), 201)


def _edit(ask: Ask) -> Answer:
    old = _hook(ask)
    made = replace(old, updated_at=ask.world.store.now(), **_given(ask, old, _FLAGS))
    return Answer(_of_project(ask, ask.world.store.put(made)))


def _delete(ask: Ask) -> Answer:
    ask.world.store.drop(_hook(ask))
    return Answer(status=204)


def _test(ask: Ask) -> Answer:
    webhooks = GitLabWebhooks(ask.world, ask.shapes)
    if not webhooks.test(_hook(ask), ask.repo, ask.params["trigger"]):
        raise Problem(422, "Ensure the project has what this trigger is about.")
    return Answer({"message": "201 Created"}, 201)


def _events(ask: Ask) -> Answer:
    return ask.page(ask.world.store.deliveries(_hook(ask).id), lambda one: _event(ask, one))


def _event(ask: Ask, one: Delivery) -> Json:
    # A token is shown to nobody again.
    shown = {
        name: "[REDACTED]" if name == "X-Gitlab-Token" else value
        for name, value in one.request_headers.items()
    }
    return {
        "id": one.id,
        "url": _hook(ask).url,
        "trigger": one.event.removesuffix(" Hook").lower().replace(" ", "_") + "_hooks",
        "request_headers": shown,
        "request_data": one.body,
        "response_headers": dict(one.response_headers),
        "response_body": one.response_body,
        "execution_duration": one.duration,
        "response_status": str(one.status_code or one.status),
    }


def _resend(ask: Ask) -> Answer:
    hook, old = _hook(ask), ask.world.store.delivery(ask.number("event_id"))
    if old is None or old.hook_id != hook.id:
        raise Missing("404 Not found")
    again(ask.world.store, old, hook)
    return Answer({"response_status": 200}, 201)


# The server's own


def _admin(ask: Ask) -> None:
    if not ask.who.instance_admin:
        raise Denied("403 Forbidden")


def _system_hooks(ask: Ask) -> list[Hook]:
    _admin(ask)
    return [h for h in ask.world.store.all(Hook) if h.dialect == "gitlab"]


def _list_system(ask: Ask) -> Answer:
    return ask.page(_system_hooks(ask), lambda hook: _shape(hook, _SYSTEM_FLAGS))


def _create_system(ask: Ask) -> Answer:
    _admin(ask)
    return Answer(_shape(_made(ask, 0, _SYSTEM_FLAGS), _SYSTEM_FLAGS), 201)


def _delete_system(ask: Ask) -> Answer:
    for hook in _system_hooks(ask):
        if hook.id == ask.number("hook_id"):
            ask.world.store.drop(hook)
            return Answer(status=204)
    raise Missing("404 Not found")


_H = "/projects/{id}/hooks"
_ONE = f"{_H}/{{hook_id}}"
ROUTES = (
    route("GET", _H, _list, "maintain"),
    route("POST", _H, _create, "maintain"),
    route("GET", _ONE, _get, "maintain"),
    route("PUT", _ONE, _edit, "maintain"),
    route("DELETE", _ONE, _delete, "maintain"),
    route("POST", f"{_ONE}/test/{{trigger}}", _test, "maintain"),
    route("GET", f"{_ONE}/events", _events, "maintain"),
    route("POST", f"{_ONE}/events/{{event_id}}/resend", _resend, "maintain"),
    route("GET", "/hooks", _list_system),
    route("POST", "/hooks", _create_system),
    route("DELETE", "/hooks/{hook_id}", _delete_system),
)
