"""Cheap looks at a repository on GitHub: what is open, what was said, what we said of a commit.

Plain JSON throughout, since PyGithub's objects would ask again for what an answer lacks.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, get_args

from github.Repository import Repository

from bot.forges.forge import (
    STATUS_CONTEXT,
    CommentInfo,
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
        OpenItem(one["number"], _moment(one["updated_at"]), is_pull_request="pull_request" in one)
        for one in _all(found, "issues", asked)
    ]


def comments(found: Repository, number: int, since: datetime | None) -> Sequence[CommentInfo]:
    """Return what was said under a pull request or issue, oldest first; 1 call per 100."""
    asked = {} if since is None else {"since": f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"}
    return [
        CommentInfo(
            id=one["id"],
            author=(one["user"] or {"login": "ghost"})["login"],
            at=_moment(one["created_at"]),
            text=one["body"] or "",
            edited=one["updated_at"] != one["created_at"],
        )
        for one in _all(found, f"issues/{number}/comments", asked)
    ]


def own_status(found: Repository, sha: str, is_me: Callable[[str], bool]) -> OwnStatus | None:
    """Return our status on a commit; 1 call per 100 statuses that it ever had."""
    mine = [
        one
        for one in _all(found, f"commits/{sha}/statuses", {})
        if one["context"] == STATUS_CONTEXT and is_me((one["creator"] or {"login": ""})["login"])
    ]
    if not mine:
        return None
    newest = mine[0]
    since = min(_moment(one["created_at"]) for one in mine)
    state = _STATES.get(newest["state"], "failure")
    return OwnStatus(state, newest["description"] or "", since)


def _all(found: Repository, place: str, asked: dict[str, str]) -> Iterator[dict[str, Any]]:
    page = 1
    while True:
        more = {} if page == 1 else {"page": page}
        parameters = {**asked, "per_page": _PAGE, **more}
        _, listed = found.requester.requestJsonAndCheck(
            "GET", f"{found.url}/{place}", parameters=parameters
        )
        yield from listed
        if len(listed) < _PAGE:
            return
        page += 1


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
