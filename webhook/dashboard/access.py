"""Who may look: whoever has the token, or, where that was asked for, whoever is on this machine.

Webhooks come from the Internet, and what is shown here is not for it: so nobody may by default.
"""

import hashlib
import hmac
from base64 import b64decode
from binascii import Error
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from config.addresses import is_loopback

_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")


@dataclass(frozen=True, slots=True)
class Refused:
    """Why somebody may not look, and what helps."""

    status: int
    error: str
    remedy: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Access(Protocol):
    """Decides by a request's headers, and the address that it came from."""

    def refused(self, headers: Mapping[str, str], remote: str | None) -> Refused | None:
        """Return why this request is not answered, None where it is."""


class ByToken:
    """Whoever has the token, as a bearer or as the password that a browser asks for."""

    def __init__(self, token: str) -> None:
        self._expected = _digest(token)

    def refused(self, headers: Mapping[str, str], remote: str | None) -> Refused | None:
        """See `Access.refused`."""
        del remote
        given = _given(headers.get("Authorization", ""))
        # Of digests, so that not even the length is told by the time that it takes.
        if given is not None and hmac.compare_digest(_digest(given), self._expected):
            return None
        return Refused(
            401,
            "The dashboard is for those who have its token",
            "Any user name will do, and LOCKSTEP_DASHBOARD_TOKEN is the password; "
            "programs send it as `Authorization: Bearer …`",
            {"WWW-Authenticate": 'Basic realm="Lockstep", charset="UTF-8"'},
        )


class OnThisMachine:
    """Whoever asks this machine by its own name, from itself and through no proxy.

    The name is compared because a page of somebody else's may have its own name resolve to here.
    """

    def refused(self, headers: Mapping[str, str], remote: str | None) -> Refused | None:
        """See `Access.refused`."""
        host = headers.get("Host", "").rpartition("@")[2]
        host = host.partition("]")[0].lstrip("[") if host.startswith("[") else host.split(":")[0]
        is_direct = not any(name in headers for name in _FORWARDED)
        if is_direct and is_loopback(remote or "") and is_loopback(host):
            return None
        return Refused(
            403,
            "This dashboard is for this machine alone",
            "Ask for it by http://127.0.0.1, or set LOCKSTEP_DASHBOARD_TOKEN instead of "
            "LOCKSTEP_DASHBOARD_OPEN",
        )


def _given(authorization: str) -> str | None:
    scheme, _, value = authorization.partition(" ")
    value = value.strip()
    if scheme.casefold() == "bearer":
        return value
    if scheme.casefold() != "basic":
        return None
    try:
        return b64decode(value, validate=True).decode().partition(":")[2]
    except (Error, UnicodeDecodeError, ValueError):
        return None


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogateescape")).digest()
