"""Say who wrote a commit: as GitLab maps its author, and as its trailers name co-authors.

REST tells names and addresses alone; GraphQL says which account GitLab itself takes for the
author, which is what decides whether somebody signs off a change of their own.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from bot.forges.forge import NotFound, Refused
from bot.forges.gitlab_client import Client
from bot.forges.gitlab_shapes import Json, Project, username
from bot.forges.trailers import NOBODY_KNOWN, co_authors

# So many in a query that its complexity stays well below GitLab's limit.
_AT_ONCE = 20
_MOST_REMEMBERED = 1000


class Writers:
    """Says who wrote commits; remembers whose an address is. `url` is GitLab's own."""

    def __init__(self, url: str) -> None:
        self._noreply = noreply_pattern(url)
        self._logins: OrderedDict[str, str | None] = OrderedDict()

    def of(
        self, client: Client, project: Project, shas: Sequence[str], doing: str
    ) -> Mapping[str, frozenset[str]]:
        """Return the authors of commits; 1 call per 20, and 1 for each co-author's address."""
        commits: dict[str, Json] = {}
        for at in range(0, len(shas), _AT_ONCE):
            some = shas[at : at + _AT_ONCE]
            answer = client.query(*question(project.id, some))
            commits.update(commits_of(answer, some, doing))
        return people(commits, self._noreply, partial(self._login_of, client))

    def _login_of(self, client: Client, address: str) -> str | None:
        """Return the account that an address belongs to, as far as we may know."""
        if address not in self._logins:
            # By a whole address GitLab finds whoever shows it, and nobody by a part of one.
            found = list(client.each("/users", search=address))
            self._logins[address] = username(found[0]) if len(found) == 1 else None
            if len(self._logins) > _MOST_REMEMBERED:
                self._logins.popitem(last=False)
        return self._logins[address]


def noreply_pattern(url: str) -> re.Pattern[str]:
    """Return what GitLab's noreply addresses look like there; group 1 is the login."""
    host = re.escape(urlsplit(url).hostname or "")
    return re.compile(rf"[0-9]+-([^@+\s]+)@users\.noreply\.{host}", re.IGNORECASE)


def question(project: int, shas: Sequence[str]) -> tuple[str, Mapping[str, Any]]:
    """Return the query for some commits, and its variables; names of commits stay variables."""
    names = [f"s{at}" for at in range(len(shas))]
    given = ", ".join(f"${name}: String!" for name in names)
    asked = "\n".join(
        f"{name}: tree(ref: ${name}) "
        "{ lastCommit { sha message authorEmail author { username } } }"
        for name in names
    )
    text = (
        f"query($ids: [ID!]!, {given}) "
        f"{{ projects(ids: $ids) {{ nodes {{ repository {{\n{asked}\n}} }} }} }}"
    )
    ids = [f"gid://gitlab/Project/{project}"]
    return text, {"ids": ids, **dict(zip(names, shas, strict=True))}


def commits_of(answer: Any, shas: Sequence[str], doing: str) -> Iterator[tuple[str, Json]]:
    """Yield each commit that was asked for. Raises `NotFound` where one is not there."""
    data = answer if isinstance(answer, Mapping) else {}
    if data.get("errors"):
        said = "; ".join(str(one.get("message")) for one in data["errors"])
        raise Refused(f"GitLab would not {doing}: {said[:500]}")
    nodes = ((data.get("data") or {}).get("projects") or {}).get("nodes") or [None]
    repository = (nodes[0] or {}).get("repository") or {}
    for at, sha in enumerate(shas):
        commit = (repository.get(f"s{at}") or {}).get("lastCommit")
        if commit is None or commit["sha"] != sha:
            raise NotFound(f"GitLab would not {doing}: there is no commit {sha[:12]}")
        yield sha, commit


def people(
    commits: Mapping[str, Json], noreply: re.Pattern[str], login_of: Callable[[str], str | None]
) -> Mapping[str, frozenset[str]]:
    """Return the logins of each commit's authors, addresses where GitLab knows none.

    `login_of` asks for the account of an address; those of the commits themselves are known.
    """
    known = {
        str(one["authorEmail"]).casefold(): str(one["author"]["username"])
        for one in commits.values()
        if one.get("author") and one.get("authorEmail")
    }

    def person(address: str) -> str:
        hidden = noreply.fullmatch(address)
        if hidden:
            return hidden[1]
        login = known.get(address.casefold()) or login_of(address)
        if login:
            known[address.casefold()] = login
        return login or address

    def authors(commit: Json) -> Iterable[str]:
        if commit.get("author"):
            yield str(commit["author"]["username"])
        else:
            address = str(commit.get("authorEmail") or NOBODY_KNOWN)
            hidden = noreply.fullmatch(address)
            yield hidden[1] if hidden else address
        for address in co_authors(str(commit.get("message") or "")):
            yield person(address)

    return {sha: frozenset(authors(commit)) for sha, commit in commits.items()}
