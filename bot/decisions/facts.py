"""What decisions are made on: facts observed on the forge and in git, all frozen.

Times are aware datetimes; logins are as the forge spells them and compare without
regard to case. Whatever a person said is bound to a content digest, so what was
said of other content stays in the facts and counts for nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Permission = Literal["none", "read", "triage", "write", "maintain", "admin"]

# Statuses and the conclusions of check runs alike; `pending` is all that has not ended.
CheckState = Literal[
    "pending",
    "success",
    "neutral",
    "skipped",
    "failure",
    "error",
    "cancelled",
    "timed_out",
    "action_required",
    "stale",
    "startup_failure",
]

ReviewState = Literal["approved", "changes_requested", "commented", "dismissed"]

PullRequestState = Literal["open", "closed", "merged"]


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody who gives a command. `roles` are those of `permissions.roles_held`."""

    login: str
    permission: Permission = "none"
    roles: frozenset[str] = frozenset()
    is_bot: bool = False
    is_self: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """One report, by a commit status or a check run, on the commit `sha`."""

    name: str
    sha: str
    state: CheckState
    at: datetime


@dataclass(frozen=True, slots=True)
class Review:
    """One review on the forge. `digest` is that of the commit it was given on, None if unknown."""

    person: str
    state: ReviewState
    digest: str | None
    at: datetime
    can_write: bool


@dataclass(frozen=True, slots=True)
class SignedOff:
    """A member of `role` said ``/sign-off``."""

    role: str
    person: str
    digest: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Rejected:
    """A member of `role` said ``/reject``."""

    role: str
    person: str
    reason: str
    digest: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Overridden:
    """Somebody who may said ``/override``."""

    gate: str
    person: str
    reason: str
    digest: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Candidate:
    """The commit that a promotion proposes: of which source, on which target, with what content."""

    sha: str
    source: str
    target: str
    digest: str
    pushed_at: datetime


@dataclass(frozen=True, slots=True)
class Evidence:
    """What gates judge, as far as it was observed.

    `authors` wrote or co-wrote the promoted commits. `members` are the people of each
    role, teams resolved; a role whose people could not be read is left out.
    """

    checks: tuple[Check, ...] = ()
    reviews: tuple[Review, ...] = ()
    sign_offs: tuple[SignedOff, ...] = ()
    rejections: tuple[Rejected, ...] = ()
    overrides: tuple[Overridden, ...] = ()
    authors: frozenset[str] = frozenset()
    members: Mapping[str, frozenset[str]] = field(default_factory=dict)
