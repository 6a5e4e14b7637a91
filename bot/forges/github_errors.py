"""Turn what GitHub answers, or fails to, into the few kinds of `ForgeError`.

The line says what we wanted, what GitHub said to it and what a person can do.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from github import GithubException

from bot.forges.budget import retry_after
from bot.forges.forge import (
    Conflict,
    ForgeError,
    NotFound,
    Refused,
    Unauthorized,
    Unavailable,
)
from bot.forges.line import unanswered, used_up

_LONGEST_WORDS = 500
# By these words a 403 is about who asks, and not about what is asked.
_NOT_ALLOWED = re.compile(
    r"not accessible by|must have|need (?:at least|admin|write)|not authorized|permission"
    r"|\bscopes?\b|SAML|suspended|IP allow list|requires authentication",
    re.IGNORECASE,
)
_LIMIT = re.compile(r"rate limit|abuse detection", re.IGNORECASE)
# Both come as 405, but asking again after another look may help.
_MOVED = re.compile(r"(?:base|head) branch was modified", re.IGNORECASE)


def translate(error: Exception, doing: str, now: float, rest_seconds: float) -> ForgeError:
    """Return the kind of error that this is; `now` is in seconds since 1970.

    A limit of which is not said until when is one for `rest_seconds`.
    """
    if isinstance(error, GithubException):
        return _answered(error, doing, now, rest_seconds)
    return unanswered("GitHub", error, doing)


def status_of(error: ForgeError) -> int | None:
    """Return the HTTP status that an error was made of, None where there was no answer."""
    cause = error.__cause__
    return cause.status if isinstance(cause, GithubException) else None


def _answered(  # noqa: PLR0911 - one line for each kind
    error: GithubException, doing: str, now: float, rest_seconds: float
) -> ForgeError:
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    said = f"GitHub would not {doing}: {_words(error.data) or f'status {error.status}'}"
    limited = _is_limit(error.status, headers, _words(error.data))
    until = _limited_until(headers, now, rest_seconds) if limited else None
    if until is not None:
        return used_up("GitHub", until)
    match error.status:
        case 401:
            return Unauthorized(f"{said}. The token is wrong, revoked or expired: set another one")
        case 403 if _NOT_ALLOWED.search(said):
            return Unauthorized(said + _lacking(headers))
        case 404:
            return NotFound(said + (_scopes_lacking(headers) or " (or the token may not see it)"))
        case 422 if "no commit found" in said.lower():
            return NotFound(said)
        case 405 if _MOVED.search(said):
            return Conflict(said)
        case 409:
            return Conflict(said)
        case status if status >= 500:
            return Unavailable(f"GitHub failed when asked to {doing} (status {status})")
        case _:
            return Refused(said)


def _words(data: Any) -> str:
    """Return the message and the errors of an answer, in GitHub's own words."""
    if not isinstance(data, Mapping):
        return ""
    said = [str(data.get("message") or "")]
    errors = data.get("errors")
    for one in errors if isinstance(errors, list) else []:
        if isinstance(one, Mapping):
            parts = (one.get("message"), one.get("field"), one.get("code"))
            text = str(parts[0]) if parts[0] else " ".join(str(part) for part in parts if part)
        else:
            text = str(one)
        said.append(text)
    return "; ".join(part for part in said if part)[:_LONGEST_WORDS]


def _is_limit(status: int, headers: Mapping[str, str], words: str) -> bool:
    if status not in {403, 429}:
        return False
    used_up = headers.get("x-ratelimit-remaining") == "0" and "x-ratelimit-reset" in headers
    return status == 429 or used_up or "retry-after" in headers or bool(_LIMIT.search(words))


def _limited_until(headers: Mapping[str, str], now: float, rest_seconds: float) -> datetime:
    if "retry-after" in headers:
        return _moment(retry_after(headers["retry-after"], now, rest_seconds))
    if headers.get("x-ratelimit-remaining") == "0":
        with suppress(KeyError, ValueError):
            return _moment(float(headers["x-ratelimit-reset"]))
    return _moment(now + rest_seconds)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _lacking(headers: Mapping[str, str]) -> str:
    """Return what GitHub says the token needs, ` …` where it does not say."""
    accepted = headers.get("x-accepted-github-permissions")
    if accepted:
        # `contents=write,issues=read; administration=write`: commas join, semicolons part.
        spelt = accepted.replace("=", ": ").replace(",", " and ").replace(";", " or")
        return f". The token needs the permission {spelt}"
    return _scopes_lacking(headers) or ". The token, or its account, lacks a permission"


def _scopes_lacking(headers: Mapping[str, str]) -> str:
    """Return which scopes would do, empty where GitHub names none or the token has one."""
    wanted = _scopes(headers.get("x-accepted-oauth-scopes", ""))
    if "x-oauth-scopes" not in headers or not wanted or wanted & _scopes(headers["x-oauth-scopes"]):
        return ""
    return f". The token needs one of the scopes {', '.join(sorted(wanted))}"


def _scopes(header: str) -> set[str]:
    return {scope.strip() for scope in header.split(",")} - {""}
