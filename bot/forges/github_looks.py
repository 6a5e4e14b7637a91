"""Cheap looks at a repository on GitHub: what is there, what is open, what we said of a commit.

Plain JSON throughout, since PyGithub's objects would ask again for what an answer lacks.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, get_args

from github.Repository import Repository

from bot.forges.forge import (
    STATUS_CONTEXT,
    NotFound,
    OpenItem,
    OwnStatus,
    StatusState,
)

_PAGE = 100
_STATES: dict[str, StatusState] = {state: state for state in get_args(StatusState)}


def has_file(found: Repository, path: str) -> bool:
    """Say whether the default branch has a file; 1 call."""
    try:
        found.requester.requestJsonAndCheck("GET", f"{found.url}/contents/{path}")
    except NotFound:
        return False
    return True


def open_items(found: Repository, login: str) -> Sequence[OpenItem]:
    """Return what an account has open, newest change first; 1 call per 100."""
    asked = {"state": "open", "creator": login, "sort": "updated", "direction": "desc"}
    return [
        OpenItem(one["number"], moment(one["updated_at"]), is_pull_request="pull_request" in one)
        for one in listed(found, "issues", asked)
    ]


def own_status(found: Repository, sha: str, is_me: Callable[[str], bool]) -> OwnStatus | None:
    """Return our status on a commit; 1 call per 100 statuses that it ever had."""
    mine = [
        one
        for one in listed(found, f"commits/{sha}/statuses", {})
        if one["context"] == STATUS_CONTEXT and is_me((one["creator"] or {"login": ""})["login"])
    ]
    if not mine:
        return None
    newest = mine[0]
    since = min(moment(one["created_at"]) for one in mine)
    state = _STATES.get(newest["state"], "failure")
    return OwnStatus(state, newest["description"] or "", since)


def listed(found: Repository, place: str, asked: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Yield all that a list of a repository has, as JSON; 1 call per 100."""
    page = 1
    while True:
        more = {} if page == 1 else {"page": page}
        parameters = {**asked, "per_page": _PAGE, **more}
        _, rows = found.requester.requestJsonAndCheck(
            "GET", f"{found.url}/{place}", parameters=parameters
        )
        yield from rows
        if len(rows) < _PAGE:
            return
        page += 1


def moment(text: str) -> datetime:
    """Return a time of GitHub's."""
    return datetime.fromisoformat(text)
