"""Read GitLab's JSON as the forge's values."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from bot.decisions.facts import Permission, PullRequestState
from bot.forges.forge import (
    CommentInfo,
    IssueInfo,
    OpenItem,
    OwnStatus,
    PullRequestInfo,
    RepositoryInfo,
    StatusState,
)
from bot.forges.markers import unmarked

Json = Mapping[str, Any]

DEVELOPER = 30
# GitLab's levels, from the highest; whatever lies between counts as the lower one.
_LEVELS: tuple[tuple[int, Permission], ...] = (
    (50, "admin"),
    (40, "maintain"),
    (DEVELOPER, "write"),
    (20, "triage"),
    (10, "read"),
)
_STATES: Mapping[str, PullRequestState] = {
    "opened": "open",
    # For the moment of a merge.
    "locked": "open",
    "merged": "merged",
    "closed": "closed",
}
_STATUSES: Mapping[str, StatusState] = {
    "created": "pending",
    "pending": "pending",
    "running": "pending",
    "success": "success",
}


class Project(NamedTuple):
    """What we remember of a project: how it merges, and who may see it."""

    id: int
    merge_method: str
    squash_option: str
    is_public: bool


def moment(text: str) -> datetime:
    """Return a time of GitLab's, which ends in `Z` or an offset."""
    return datetime.fromisoformat(text)


def username(user: Json | None) -> str:
    """Return a login; an account that is gone is GitLab's `ghost`."""
    return str((user or {}).get("username") or "ghost")


def permission_of(level: int) -> Permission:
    """Return the permission that an access level comes to."""
    return next((permission for least, permission in _LEVELS if level >= least), "none")


def project_of(data: Json) -> Project:
    """Return what is to be remembered of a project."""
    return Project(
        id=int(data["id"]),
        merge_method=str(data.get("merge_method") or "merge"),
        squash_option=str(data.get("squash_option") or "default_off"),
        is_public=data.get("visibility") in {"public", "internal"},
    )


def access_level(data: Json) -> int:
    """Return our own level in a project, as far as the project itself tells."""
    given = data.get("permissions") or {}
    levels = (given.get(name) or {} for name in ("project_access", "group_access"))
    return max((int(one.get("access_level") or 0) for one in levels), default=0)


def repository_info(data: Json, *, can_write: bool) -> RepositoryInfo:
    """Return a project as a repository; one that is about to be deleted is as good as archived."""
    owner, _, name = str(data["path_with_namespace"]).rpartition("/")
    archived = bool(data.get("archived") or data.get("marked_for_deletion_at"))
    return RepositoryInfo(
        owner=owner,
        name=name,
        id=int(data["id"]),
        clone_url=data["http_url_to_repo"],
        # A project without a commit has none yet.
        default_branch=data.get("default_branch") or "main",
        archived=archived,
        can_write=can_write and not archived,
    )


def pull_request_info(data: Json, *, with_by: bool = True) -> PullRequestInfo:
    """Return a merge request; lists leave out who ended it."""
    state = _STATES.get(data["state"], "closed")
    ended_by = {
        "merged": data.get("merge_user") or data.get("merged_by"),
        "closed": data.get("closed_by"),
    }.get(state)
    return PullRequestInfo(
        number=int(data["iid"]),
        url=data["web_url"],
        state=state,
        title=data["title"],
        body=data.get("description") or "",
        head_branch=data["source_branch"],
        head_sha=data.get("sha") or "",
        base_branch=data["target_branch"],
        from_fork=data["source_project_id"] != data["target_project_id"],
        author=username(data["author"]),
        labels=frozenset(data.get("labels") or ()),
        by=str(ended_by["username"]) if with_by and ended_by else "",
        merged_sha=merged_sha(data) if state == "merged" else None,
    )


def merged_sha(data: Json) -> str | None:
    """Return the commit on the base: a merge's, a squash's, or what was fast-forwarded to."""
    found = data.get("merge_commit_sha") or data.get("squash_commit_sha") or data.get("sha")
    return str(found) if found else None


def issue_info(data: Json, marker: str) -> IssueInfo:
    """Return an issue, its marker taken off."""
    body = unmarked(data.get("description") or "", marker)
    return IssueInfo(data["iid"], data["web_url"], data["state"] == "opened", data["title"], body)


def comment_info(data: Json) -> CommentInfo:
    """Return what a person said."""
    return CommentInfo(
        id=data["id"],
        author=username(data["author"]),
        at=moment(data["created_at"]),
        text=data["body"] or "",
        edited=data["updated_at"] != data["created_at"],
    )


def open_item(data: Json) -> OpenItem:
    """Return one that is open, and when it was touched."""
    return OpenItem(int(data["iid"]), moment(data["updated_at"]), is_pull_request=True)


def own_status(newest: Json, since: datetime) -> OwnStatus:
    """Return our status on a commit."""
    state = _STATUSES.get(newest["status"], "failure")
    return OwnStatus(state, newest.get("description") or "", since)
