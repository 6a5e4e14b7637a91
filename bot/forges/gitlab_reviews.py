"""Who approves a merge request or asks for changes, and which commit they saw.

GitLab keeps people's present opinion without a commit. When it was given is told by the
approval itself, or else by GitLab's own note of it; which commit stood there then, by the
versions of the merge request. What cannot be told counts as the oldest commit for an
approval, and as the newest for an objection: neither lets through what nobody saw.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from bot.decisions.facts import ReviewState
from bot.forges.forge import ReviewInfo
from bot.forges.gitlab_shapes import Json, moment, username

_OBJECTS = "requested_changes"
# What GitLab's own notes say.
_NOTED: Mapping[ReviewState, str] = {
    "approved": "approved this merge request",
    "changes_requested": "requested changes",
}


class Opinion(NamedTuple):
    """What somebody thinks at present, and since when, as far as it is known."""

    person: str
    state: ReviewState
    at: datetime | None


def opinions(approvals: Json, reviewers: Iterable[Json]) -> Sequence[Opinion]:
    """Return everybody's present opinion, if they have one."""
    objecting = [
        Opinion(username(one["user"]), "changes_requested", None)
        for one in reviewers
        if one.get("state") == _OBJECTS
    ]
    approving = [
        Opinion(username(one["user"]), "approved", _moment(one.get("approved_at")))
        for one in approvals.get("approved_by") or ()
    ]
    return [*objecting, *approving]


def dated(found: Sequence[Opinion], notes: Iterable[Json]) -> Sequence[Opinion]:
    """Return opinions with the times that GitLab's own notes have of them."""
    times: dict[tuple[str, ReviewState], datetime] = {}
    for note in notes:
        for state, says in _NOTED.items():
            # What a person writes is no note of GitLab's, whatever it says.
            if note.get("system") and note["body"].startswith(says):
                key = (username(note["author"]), state)
                at = moment(note["created_at"])
                times[key] = max(at, times.get(key, at))
    return [one._replace(at=one.at or times.get((one.person, one.state))) for one in found]


def reviews_of(found: Iterable[Opinion], versions: Iterable[Json]) -> Sequence[ReviewInfo]:
    """Return opinions as reviews of the commits that people saw, oldest first."""
    heads = sorted((moment(one["created_at"]), one["head_commit_sha"]) for one in versions)
    if not heads:
        return []
    told = []
    for one in found:
        fallback = heads[0] if one.state == "approved" else heads[-1]
        at, sha = fallback if one.at is None else (one.at, _stood(heads, one.at))
        told.append(ReviewInfo(one.person, one.state, sha, at))
    return sorted(told, key=lambda review: review.at)


def _stood(heads: Sequence[tuple[datetime, str]], at: datetime) -> str:
    return next((sha for since, sha in reversed(heads) if since <= at), heads[0][1])


def _moment(text: str | None) -> datetime | None:
    return moment(text) if text else None
