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

MergeMethod = Literal["merge", "squash", "rebase", "fast-forward"]

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
class Event:
    """One event of a calendar, from `begins`, included, to `ends`, not included."""

    begins: datetime
    ends: datetime
    summary: str


@dataclass(frozen=True, slots=True)
class Calendar:
    """A calendar as it was read, or the `problem` with it; at `again` it is read once more."""

    events: tuple[Event, ...] = ()
    problem: str = ""
    again: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rested:
    """Since when the promoted content rests in its source, and which commit brought it there.

    `since` is None where the source holds something else now, by that commit.
    """

    since: datetime | None
    commit: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many changes wait further down, on the way from one environment into another."""

    source: str
    target: str
    changes: int


@dataclass(frozen=True, slots=True)
class Owned:
    """An entry of CODEOWNERS that promoted paths fall under.

    `written` are the owners as they stand there, `people` all who are meant, by login;
    `hidden` those of the written ones whose people could not be told.
    """

    pattern: str
    written: tuple[str, ...]
    people: frozenset[str]
    hidden: tuple[str, ...] = ()
    needed: int = 1


@dataclass(frozen=True, slots=True)
class CodeOwners:
    """The entries that the promoted paths fall under, or the `problem` in finding them."""

    owned: tuple[Owned, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered to a gate's question: whether it `holds`, and how that is said.

    `since` is how long it has been so, where the gate asks for that.
    """

    at: datetime
    holds: bool
    said: str
    since: datetime | None = None


RunState = Literal["queued", "running", "success", "failure", "cancelled"]


@dataclass(frozen=True, slots=True)
class Run:
    """A run of CI that a gate started, as it was last seen."""

    state: RunState
    started: datetime
    seen: datetime
    id: int = 0
    url: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Stop:
    """A freeze of everything, until somebody ends it.

    `where` is the repository of the policy that it is inherited from, empty for one of its own.
    """

    by: str
    reason: str
    since: datetime
    where: str = ""


@dataclass(frozen=True, slots=True)
class GateFacts:
    """What gates judge; whatever was not observed is left out, and opens nothing.

    `authors` wrote or co-wrote the promoted commits. `members` are the people of each
    role, teams resolved; a role whose people could not be read is left out. `more_green` checks
    that nothing asks for by name have succeeded besides `checks`. `missing` are
    the required files that the candidate lacks, `invalid` what is wrong by its schemas.
    `answers` and `runs` are by the key of their gate, see `bot.decisions.gates.outside`.
    `stops` are in force; `thawed` is one that was, as it was said, and is over.
    """

    candidate: Candidate
    checks: tuple[Check, ...] = ()
    more_green: int = 0
    reviews: tuple[Review, ...] = ()
    sign_offs: tuple[SignedOff, ...] = ()
    rejections: tuple[Rejected, ...] = ()
    overrides: tuple[Overridden, ...] = ()
    authors: frozenset[str] = frozenset()
    members: Mapping[str, frozenset[str]] = field(default_factory=dict)
    rested: Rested | None = None
    below: tuple[Waiting, ...] | None = None
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    code_owners: CodeOwners | None = None
    missing: tuple[str, ...] | None = None
    invalid: tuple[str, ...] | None = None
    answers: Mapping[str, Answer] = field(default_factory=dict)
    runs: Mapping[str, Run] = field(default_factory=dict)
    stops: tuple[Stop, ...] = ()
    thawed: str = ""


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A promotion's pull request (GitLab: merge request) as it was last seen.

    `head` is the commit that its branch is at, or was last; `base` a branch. `by`
    closed or merged it, empty while it is open; `by_self` where that was the bot.
    """

    head: str
    base: str
    state: PullRequestState = "open"
    by: str = ""
    by_self: bool = False
    branch_deleted: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """Something a person said with a command, and why; the reason is empty where none is asked."""

    person: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PromotionFacts:
    """What was observed of one promotion.

    Of the branches the heads, None where a branch is gone, and whether the source
    still has the promoted commit; of the plan for it and the target's head, whether
    anything is pending and which places conflict; the candidate with its evidence and
    the pull request, None until there are such; what people said and is in force.
    `rolling` is who rolls the environment back at the moment.
    `refusal` is the forge's, to merge this candidate, until something that could
    matter has changed, somebody said ``/retry``, or it is `refused_until`.
    """

    source_head: str | None
    target_head: str | None
    source_kept: bool = True
    pending: bool = True
    conflicts: tuple[tuple[str, str | None], ...] = ()
    evidence: GateFacts | None = None
    pull_request: PullRequest | None = None
    hold: Said | None = None
    cancel: Said | None = None
    retry: Said | None = None
    refusal: str = ""
    refused_until: datetime | None = None
    rolling: str = ""
