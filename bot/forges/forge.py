"""What the bot asks of a forge, in no forge's words; one adapter per SDK answers it.

Every effect is idempotent: asked twice, also after an answer was lost, it leaves one pull
request, one comment, one merge. Methods are synchronous; whoever calls them from a
workflow does so in an activity's thread. Pull request means GitLab's merge request too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from bot.decisions.facts import (
    Check,
    MergeMethod,
    Permission,
    PullRequestState,
    ReviewState,
    RunState,
)
from bot.git_http import USER
from bot.model import ForgeName, ReportedBy

StatusState = Literal["pending", "success", "failure"]

# The context of the bot's own commit status.
STATUS_CONTEXT = "lockstep"


class ForgeError(Exception):
    """What a forge would not or could not do: a line for people, never with a secret in it."""


class NotFound(ForgeError):
    """It is not there, or we may not know that it is."""


class Refused(ForgeError):
    """The forge understood and said no: a rule, a permission, a merge that cannot be."""


class Unauthorized(Refused):
    """The token is not valid, has expired, or lacks a permission, which the message names."""


class Conflict(ForgeError):
    """It is not what we thought it was: the head has moved."""


class RateLimited(ForgeError):
    """Nothing may be asked before `until`."""

    def __init__(self, message: str, until: datetime) -> None:
        super().__init__(message)
        self.until = until


class Unavailable(ForgeError):
    """The forge did not answer, or failed; asking again later may help."""


@dataclass(frozen=True, slots=True)
class RepositoryInfo:
    """A repository as the forge has it; `id` survives a rename.

    `git_user` is whom the token of `Forge.git_token` belongs to, for git over HTTP.
    `pushed` is when it was pushed to last, to the second; None where the forge does not tell.
    """

    owner: str
    name: str
    id: int
    clone_url: str
    default_branch: str
    archived: bool
    can_write: bool
    git_user: str = USER
    pushed: datetime | None = None

    @property
    def full_name(self) -> str:
        """OWNER/NAME, as people write it."""
        return f"{self.owner}/{self.name}"


@dataclass(frozen=True, slots=True)
class PullRequestInfo:
    """A pull request as it is now.

    `by` merged or closed it, empty while it is open or where the forge does not say.
    `merged_sha` is the commit that the merge made on the base.
    """

    number: int
    url: str
    state: PullRequestState
    title: str
    body: str
    head_branch: str
    head_sha: str
    base_branch: str
    from_fork: bool
    author: str
    labels: frozenset[str] = frozenset()
    by: str = ""
    merged_sha: str | None = None


@dataclass(frozen=True, slots=True)
class ReviewInfo:
    """A review: who, what, on which commit, when."""

    person: str
    state: ReviewState
    sha: str
    at: datetime


@dataclass(frozen=True, slots=True)
class OpenItem:
    """A pull request or an issue of the bot's that is open, and when it was last touched.

    Whatever a person does to it, or says under it, counts; what checks report need not.
    """

    number: int
    changed: datetime
    is_pull_request: bool


@dataclass(frozen=True, slots=True)
class CommentInfo:
    """What somebody said; `edited` where it may not be what was said at first."""

    id: int
    author: str
    at: datetime
    text: str
    edited: bool


@dataclass(frozen=True, slots=True)
class OwnStatus:
    """The bot's status on a commit as it is now, and since when there has been one."""

    state: StatusState
    line: str
    since: datetime


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run of CI that was started by the API or by hand, not by a push."""

    id: int
    state: RunState
    url: str
    started: datetime


@dataclass(frozen=True, slots=True)
class IssueInfo:
    """An issue."""

    number: int
    url: str
    open: bool
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Left:
    """What a token has left, None where there is no limit, or the forge has not told one."""

    name: str
    calls: int | None = None
    calls_limit: int | None = None
    resets_at: datetime | None = None
    writes_this_minute: int | None = None
    content_this_hour: int | None = None
    resting_until: datetime | None = None


class Forge(Protocol):
    """One forge, as one account of it. Every method may raise any `ForgeError`."""

    name: ForgeName
    tells_statuses: bool
    """Whether a webhook tells of each status that is reported from outside."""

    def budgets(self) -> Sequence[Left]:
        """Return what each token has left, without a call."""

    def login(self) -> str:
        """Return the login under which the bot writes."""

    def git_token(self, owner: str, name: str) -> str:
        """Return a token for git over HTTP, valid for some minutes at least."""

    def repositories(self) -> Iterable[RepositoryInfo]:
        """Yield the repositories that the account may write to."""

    def repository(self, owner: str, name: str) -> RepositoryInfo:
        """Return a repository, also by a name that it had before."""

    def has_file(self, repository: str, path: str) -> bool:
        """Say whether a file is on the default branch; no where there is no such repository."""

    def open_items(self, repository: str) -> Sequence[OpenItem]:
        """Return the pull requests that the account has open, in one request that costs little.

        Issues are among them where the same request shows them.
        """

    def comments(
        self,
        repository: str,
        number: int,
        since: datetime | None = None,
        *,
        on_pull_request: bool,
    ) -> Sequence[CommentInfo]:
        """Return what was said under a pull request, or else an issue, oldest first; ours too.

        With `since` at least what was said from that moment on.
        """

    def own_status(self, repository: str, sha: str) -> OwnStatus | None:
        """Return the bot's own status on a commit, None where it has none."""

    def open_pull_request(
        self, repository: str, head: str, base: str, title: str, body: str
    ) -> PullRequestInfo:
        """Open a pull request between two branches; our own open one between them is adopted.

        Raises `Refused` where a branch is not there, where somebody else's is open already,
        and, but for GitLab, where there is nothing to merge.
        """

    def pull_request(self, repository: str, number: int) -> PullRequestInfo:
        """Return a pull request."""

    def pull_requests(
        self, repository: str, *, head: str | None = None, state: Literal["open", "all"] = "open"
    ) -> Sequence[PullRequestInfo]:
        """Return the pull requests of a head branch of this repository, or of all, newest first.

        In lists `by` is empty: who merged or closed one, `pull_request` says.
        """

    def update_pull_request(
        self,
        repository: str,
        number: int,
        *,
        title: str | None = None,
        body: str | None = None,
        closed: bool | None = None,
        labels: Iterable[str] | None = None,
    ) -> None:
        """Change what is given of a pull request; `labels` are then all that it has."""

    def set_status(self, repository: str, sha: str, state: StatusState, line: str) -> None:
        """Set the bot's own status on a commit; `line` has at most 140 characters."""

    def checks(self, repository: str, sha: str, by: ReportedBy | None = None) -> Sequence[Check]:
        """Return the newest report of each name on a commit, statuses and check runs alike.

        `by` asks for one of the two alone; a forge that has but one way may answer with all.
        Of two at the same moment the worse one counts. Sorted by name.
        """

    def reviews(self, repository: str, number: int) -> Sequence[ReviewInfo]:
        """Return all reviews of a pull request, oldest first."""

    def workflow_runs(self, repository: str, workflow: str, sha: str) -> Sequence[RunInfo]:
        """Return the runs of a workflow that were started on a commit by hand or API, newest first.

        `workflow` is a file of GitHub Actions; on GitLab, where a project has one pipeline,
        it is empty. Raises `NotFound` where there is no such workflow, `Refused` where
        there are none at all. One that has just been started may not be there yet.
        """

    def start_workflow(
        self, repository: str, workflow: str, branch: str, inputs: Mapping[str, str]
    ) -> None:
        """Start a workflow on the head of a branch: asked twice, it is started twice.

        Raises `Refused` where it cannot be started so: what it lacks is in the message.
        """

    def merge(
        self,
        repository: str,
        number: int,
        *,
        sha: str,
        method: MergeMethod,
        title: str,
        message: str,
    ) -> str:
        """Merge a pull request whose head is `sha`, and return the commit on the base.

        One that is merged already, with this head, is success. Raises `Conflict` where
        the head or the base has moved, `Refused` where the forge's rules are in the way.
        `fast-forward` is a push, no call: it is `Refused`.
        """

    def comment(
        self, repository: str, number: int, marker: str, body: str, *, on_pull_request: bool
    ) -> None:
        """Write a comment under a pull request, or else an issue, once for each marker.

        See `bot.forges.markers` for how it is carried; only our own comments count.
        """

    def acknowledge(
        self, repository: str, number: int, comment: int, *, on_pull_request: bool
    ) -> None:
        """Put a sign on somebody's comment that it was read; a second time changes nothing.

        One call, so that it can come before everything else. Raises `NotFound` where the
        comment is gone; a forge that has no such signs does nothing.
        """

    def permission(self, repository: str, login: str) -> Permission:
        """Return what a person may do in a repository, by whatever way; strangers `none`."""

    def members(self, team: str) -> frozenset[str] | None:
        """Return the active members of a team, `ORG/TEAM`; None where we may not see them."""

    def authors(self, repository: str, shas: Sequence[str]) -> Mapping[str, frozenset[str]]:
        """Return the authors and co-authors of each commit by login, as the forge maps them.

        Somebody whom it does not map stands there by e-mail address: unknown is not nobody.
        """

    def issue(self, repository: str, marker: str) -> IssueInfo | None:
        """Return the bot's own issue that carries `marker`, None where there is none.

        Its body comes without the marker.
        """

    def write_issue(
        self, repository: str, marker: str, *, title: str, body: str, open_: bool
    ) -> IssueInfo | None:
        """Bring the bot's own issue to this; none is made where it would be closed."""
