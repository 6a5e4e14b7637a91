"""Say who wrote a commit: as GitHub maps its author, and as its trailers name co-authors."""

import re
from urllib.parse import urlsplit

from github.Commit import Commit

from bot.forges.github_shapes import given

# Anywhere in the message: squashing puts trailers in its middle.
_CO_AUTHOR = re.compile(r"^co-authored-by:[^<\n]*<([^>\n]+)>", re.IGNORECASE | re.MULTILINE)


def noreply_pattern(api_url: str) -> re.Pattern[str]:
    """Return what GitHub's noreply addresses look like there; group 1 is the login."""
    host = urlsplit(api_url).hostname or ""
    host = "github.com" if host == "api.github.com" else host
    return re.compile(rf"(?:[0-9]+\+)?([^@+\s]+)@users\.noreply\.{re.escape(host)}", re.IGNORECASE)


def authors_of(commit: Commit, noreply: re.Pattern[str]) -> frozenset[str]:
    """Return logins, or e-mail addresses where GitHub maps none."""
    author = given(commit.author)
    found = {_person(commit.commit.author.email, noreply) if author is None else author.login}
    found |= {_person(address, noreply) for address in _CO_AUTHOR.findall(commit.commit.message)}
    return frozenset(found)


def _person(address: str, noreply: re.Pattern[str]) -> str:
    known = noreply.fullmatch(address.strip())
    return known[1] if known else address.strip()
