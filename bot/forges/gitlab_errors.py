"""Turn what GitLab answers, or fails to, into the few kinds of `ForgeError`.

The line says what we wanted, what GitLab said to it and what a person can do.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import requests

from bot.forges.budget import retry_after
from bot.forges.forge import (
    Conflict,
    ForgeError,
    NotFound,
    Refused,
    Unauthorized,
    Unavailable,
)
from bot.forges.line import used_up

_LONGEST_WORDS = 500


class Answered(Exception):
    """GitLab's own answer, the cause of an error; `words` are GitLab's."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(f"status {status}")
        self.status, self.words = status, words


def answered(
    answer: requests.Response, doing: str, secret: str, now: float, rest_seconds: float
) -> ForgeError:
    """Return the error that an answer is; `secret` may have been sent back, and is not shown.

    A limit of which is not said until when is one for `rest_seconds` after `now`, which is in
    seconds since 1970.
    """
    data = _read(answer)
    # A proxy may answer with what it was sent; errors are shown to people.
    words = _words(data).replace(secret, "(token)")[:_LONGEST_WORDS]
    said = f"GitLab would not {doing}: {words or f'status {answer.status_code}'}"
    error = _kind(answer, data, said, now, rest_seconds)
    error.__cause__ = Answered(answer.status_code, words)
    return error


def status_of(error: ForgeError) -> int | None:
    """Return the HTTP status that an error was made of, None where there was no answer."""
    cause = error.__cause__
    return cause.status if isinstance(cause, Answered) else None


def words_of(error: ForgeError) -> str:
    """Return what GitLab said, empty where it said nothing."""
    cause = error.__cause__
    return cause.words if isinstance(cause, Answered) else ""


def _kind(  # noqa: PLR0911 - one line for each kind
    answer: requests.Response, data: Any, said: str, now: float, rest_seconds: float
) -> ForgeError:
    match answer.status_code:
        case 401:
            return Unauthorized(
                f"{said}. The token is wrong, revoked or expired: set another LOCKSTEP_GITLAB_TOKEN"
            )
        case 403:
            return Unauthorized(said + _lacking(data))
        case 404:
            return NotFound(f"{said} (or the token may not see it)")
        case 409:
            return Conflict(said)
        case 429:
            return used_up("GitLab", _until(answer, now, rest_seconds))
        case status if status >= 500:
            return Unavailable(f"{said} (status {status})")
        case _:
            return Refused(said)


def _lacking(data: Any) -> str:
    """Return what a token lacks, as far as GitLab says."""
    scopes = str(data.get("scope") or "").split() if isinstance(data, Mapping) else []
    if "api" in scopes:
        return ". The token needs the scope `api`"
    if scopes:
        return f". The token needs one of the scopes {', '.join(f'`{one}`' for one in scopes)}"
    return ". The token's account needs a higher role there, as a rule Developer or Maintainer"


def _until(answer: requests.Response, now: float, rest_seconds: float) -> datetime:
    headers = answer.headers
    moment = now + rest_seconds
    if "Retry-After" in headers:
        moment = retry_after(headers["Retry-After"], now, rest_seconds)
    elif headers.get("RateLimit-Reset", "").isdigit():
        moment = float(headers["RateLimit-Reset"])
    return datetime.fromtimestamp(moment, UTC)


def _read(answer: requests.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return {}


def _words(data: Any) -> str:
    """Return what GitLab says: a text, a list of them, or texts for each field."""
    if not isinstance(data, Mapping):
        return ""
    told = (data.get(name) for name in ("message", "error", "error_description"))
    return "; ".join(dict.fromkeys(text for one in told for text in _texts(one)))


def _texts(told: Any, field: str = "") -> Iterator[str]:
    if isinstance(told, Mapping):
        for name, below in told.items():
            yield from _texts(below, "" if name == "base" else str(name))
    elif isinstance(told, list | tuple):
        for one in told:
            yield from _texts(one, field)
    elif told:
        yield f"{field} {told}".strip()
