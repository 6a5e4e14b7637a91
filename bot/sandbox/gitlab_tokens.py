"""GitLab's routes for access tokens: one's own, and those of projects and groups."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.sandbox.errors import Denied, Missing
from bot.sandbox.gitlab_accounts import group_of
from bot.sandbox.gitlab_ask import Ask, Problem, bad, route
from bot.sandbox.gitlab_shapes import LEVELS, ROLE_OF, Json, moment
from bot.sandbox.records import Account, Token
from bot.sandbox.routing import Answer
from bot.sandbox.store import stamp

SCOPES = ("api", "read_api", "read_user", "read_repository", "write_repository")
_MORE_SCOPES = ("create_runner", "manage_runner", "self_rotate", "read_registry", "ai_features")
_A_WEEK = 7 * 24 * 3600


def _shape(ask: Ask, token: Token, role: str | None = None) -> Json:
    # A token is good until the day it expires begins.
    ends = None if token.expires is None else stamp(token.expires)[:10]
    gone = token.expires is not None and token.expires <= ask.world.store.clock()
    shape: Json = {
        "id": token.id,
        "name": token.name or "sandbox",
        "revoked": token.revoked,
        "created_at": moment(ask.world.account(token.account_id).created_at),
        "description": None,
        "scopes": list(token.scopes or SCOPES),
        "user_id": token.account_id,
        "last_used_at": None,
        "active": not token.revoked and not gone,
        "expires_at": ends,
    }
    return shape if role is None else {**shape, "access_level": LEVELS[role]}


def _expiry(ask: Ask, usual: float) -> float:
    given = ask.optional("expires_at")
    if given is None:
        return ask.world.store.clock() + usual
    try:
        return datetime.strptime(given[:10], "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
    except ValueError as error:
        raise bad("expires_at is invalid") from error


def _own(ask: Ask) -> Token:
    if ask.actor.token is None:
        raise Problem(401, "401 Unauthorized")
    return ask.actor.token


def _self(ask: Ask) -> Answer:
    return Answer(_shape(ask, _own(ask)))


def _revoke_self(ask: Ask) -> Answer:
    ask.world.store.put(replace(_own(ask), revoked=True))
    return Answer(status=204)


def _rotated(ask: Ask, old: Token) -> Token:
    """Revoke a token and make its successor: the same in all but secret and end."""
    ask.world.store.put(replace(old, revoked=True))
    fresh = replace(
        old,
        id=ask.world.store.new_id(),
        secret=f"glpat-{secrets.token_urlsafe(15)}",
        expires=_expiry(ask, _A_WEEK),
    )
    return ask.world.store.put(fresh)


def _rotate_self(ask: Ask) -> Answer:
    old = _own(ask)
    if ask.actor.out_of_scope(("api", "self_rotate")):
        raise Denied("403 Forbidden")
    fresh = _rotated(ask, old)
    return Answer({**_shape(ask, fresh), "token": fresh.secret})


# Bots of projects and groups


def _scopes(ask: Ask) -> Sequence[str]:
    chosen = ask.texts("scopes")
    if not chosen:
        raise bad("scopes is missing")
    if set(chosen) - {*SCOPES, *_MORE_SCOPES}:
        raise bad("scopes does not have a valid value")
    return chosen


def _create(ask: Ask, kind: str, key: int) -> tuple[Account, Token, str]:
    name, scopes = ask.text("name"), _scopes(ask)
    role = ROLE_OF.get(ask.whole("access_level") or 40)
    if role in {None, "none"}:
        raise bad("access_level does not have a valid value")
    login = f"{kind}_{key}_bot_{secrets.token_hex(16)}"
    bot = ask.world.add_account(login, "Bot", name=name)
    year = timedelta(days=365).total_seconds()
    token = ask.world.add_token(
        bot,
        scopes=tuple(scopes),
        name=name,
        secret=f"glpat-{secrets.token_urlsafe(15)}",
        expires=_expiry(ask, year),
    )
    return bot, token, str(role)


def _create_of_project(ask: Ask) -> Answer:
    bot, token, role = _create(ask, "project", ask.repo.id)
    ask.world.set_role(ask.repo, bot.login, role)
    return Answer({**_shape(ask, token, role), "token": token.secret}, 201)


def _of(ask: Ask, kind: str, key: int) -> list[Token]:
    start = f"{kind}_{key}_bot_"
    found = ask.world.store.all(Token)
    return [t for t in found if ask.world.account(t.account_id).login.startswith(start)]


def _project_role(ask: Ask, token: Token) -> str:
    return ask.repo.collaborators.get(ask.world.account(token.account_id).login, "none")


def _of_project(ask: Ask) -> Answer:
    found = [t for t in _of(ask, "project", ask.repo.id) if not t.revoked]
    return ask.page(found, lambda token: _shape(ask, token, _project_role(ask, token)))


def _named(ask: Ask) -> Token:
    for token in _of(ask, "project", ask.repo.id):
        if token.id == ask.number("token_id"):
            return token
    raise Missing("404 Could not find project access token with token_id Not Found")


def _revoke_of_project(ask: Ask) -> Answer:
    ask.world.store.put(replace(_named(ask), revoked=True))
    return Answer(status=204)


def _rotate_of_project(ask: Ask) -> Answer:
    fresh = _rotated(ask, _named(ask))
    return Answer({**_shape(ask, fresh, _project_role(ask, fresh)), "token": fresh.secret})


def _create_of_group(ask: Ask) -> Answer:
    group = group_of(ask, "admin")
    bot, token, role = _create(ask, "group", group.id)
    ask.world.set_org_member(group, bot, role)
    return Answer({**_shape(ask, token, role), "token": token.secret}, 201)


_T = "/projects/{id}/access_tokens"
_MINE = "/personal_access_tokens/self"
ROUTES = (
    route("GET", _MINE, _self, needs="any"),
    route("DELETE", _MINE, _revoke_self, needs="any"),
    route("POST", f"{_MINE}/rotate", _rotate_self, needs="any"),
    route("GET", _T, _of_project, "maintain"),
    route("POST", _T, _create_of_project, "maintain"),
    route("DELETE", f"{_T}/{{token_id}}", _revoke_of_project, "maintain"),
    route("POST", f"{_T}/{{token_id}}/rotate", _rotate_of_project, "maintain"),
    route("POST", "/groups/{id}/access_tokens", _create_of_group),
)
