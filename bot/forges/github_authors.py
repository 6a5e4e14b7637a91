"""Say who wrote a commit: as GitHub maps its author, and as its trailers name co-authors."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from bot.forges.trailers import NOBODY_KNOWN, co_authors


def noreply_pattern(api_url: str) -> re.Pattern[str]:
    """Return what GitHub's noreply addresses look like there; group 1 is the login."""
    host = urlsplit(api_url).hostname or ""
    host = "github.com" if host == "api.github.com" else host
    return re.compile(rf"(?:[0-9]+\+)?([^@+\s]+)@users\.noreply\.{re.escape(host)}", re.IGNORECASE)


def authors_of(commit: Mapping[str, Any], noreply: re.Pattern[str]) -> frozenset[str]:
    """Return logins, or e-mail addresses where GitHub maps none, of a commit in GitHub's JSON."""
    # An author whom GitHub does not map is null there, or an empty object.
    login = (commit.get("author") or {}).get("login")
    inner = commit["commit"]
    address = (inner.get("author") or {}).get("email") or NOBODY_KNOWN
    found = {login or _person(address, noreply)}
    found |= {_person(address, noreply) for address in co_authors(inner["message"])}
    return frozenset(found)


def _person(address: str, noreply: re.Pattern[str]) -> str:
    known = noreply.fullmatch(address.strip())
    return known[1] if known else address.strip()
