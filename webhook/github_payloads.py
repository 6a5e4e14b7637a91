"""What each of GitHub's payloads says, and which of them cannot matter.

Only the fields that are used are asked for, so deliveries of 2018 and of today both pass. What
cannot matter ends here, with its reason, and costs Temporal nothing.
"""

import re
from abc import abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from webhook.events import (
    OUR_BRANCHES,
    BranchDeleted,
    ChecksChanged,
    Comment,
    Delivery,
    Event,
    ForgeId,
    Ignored,
    InstallationChanged,
    Name,
    PullRequestChanged,
    Push,
    RepositoryChanged,
    RepositoryRef,
    ReviewChanged,
    Sha,
    is_work,
    whole_lines,
)

OUR_STATUS = "lockstep"
MAX_REPOSITORIES = 100
"""Most repositories that one installation event is passed on for; the re-observe finds the rest."""

# GitHub names at most this many branches with a status: a full list may have left ours out.
_BRANCHES_LISTED = 10
_COMMAND = re.compile(r"^[ \t]*/\S", re.MULTILINE)
# Conclusions that satisfy a required check.
_GREEN = {"success", "neutral", "skipped"}


class _Part(BaseModel):
    # Strict: a number is no text. Extra fields are skipped, which is what makes this fast.
    model_config = ConfigDict(strict=True, frozen=True)


class _Account(_Part):
    login: Name
    type: str = "User"


class _Repository(_Part):
    id: ForgeId
    full_name: Name
    default_branch: Name | None = None

    def ref(self, full_name: str | None = None) -> RepositoryRef:
        return _ref(self.id, full_name or self.full_name, self.default_branch)


# The same few repositories speak again and again.
@lru_cache(maxsize=1024)
def _ref(number: int, full_name: str, default_branch: str | None) -> RepositoryRef:
    owner, _, name = full_name.rpartition("/")
    return RepositoryRef(
        forge="github", owner=owner, name=name, id=number, default_branch=default_branch
    )


class Payload(_Part):
    """What every delivery may hold."""

    sender: _Account | None = None

    @property
    def by(self) -> str | None:
        """Return the login of who did it, where GitHub says so."""
        return self.sender.login if self.sender else None

    @abstractmethod
    def deliveries(self, delivery: str) -> tuple[Delivery, ...] | Ignored:
        """Return what this says, to each repository that it concerns."""


class _AtRepository(Payload):
    repository: _Repository

    @abstractmethod
    def event(self) -> Event | Ignored:
        """Return what this says about its repository."""

    def deliveries(self, delivery: str) -> tuple[Delivery, ...] | Ignored:
        event = self.event()
        if isinstance(event, Ignored):
            return event
        return (Delivery(id=delivery, repository=self.repository.ref(), event=event),)


class PushHook(_AtRepository):
    """A branch or a tag was moved, made or deleted."""

    ref: Name
    before: Sha
    after: Sha

    def event(self) -> Event | Ignored:
        """Return what this says about its branch."""
        branch = self.ref.removeprefix("refs/heads/")
        if branch == self.ref:
            return Ignored("not a branch: tags promote nothing")
        if is_work(branch):
            return Ignored("a branch of Lockstep's own: its pull request tells the same")
        if not self.after.strip("0"):
            return BranchDeleted(branch=branch, by=self.by)
        before = self.before if self.before.strip("0") else None
        return Push(branch=branch, before=before, after=self.after, by=self.by)


class _Create(_AtRepository):
    def event(self) -> Event | Ignored:
        return Ignored("the push that made it tells the same, with its commit")


class _Delete(_AtRepository):
    ref: Name
    ref_type: str

    def event(self) -> Event | Ignored:
        if self.ref_type != "branch":
            return Ignored("not a branch: tags promote nothing")
        if is_work(self.ref):
            return Ignored("a branch of Lockstep's own: its pull request tells the same")
        return BranchDeleted(branch=self.ref, by=self.by)


class _HeadRepository(_Part):
    id: ForgeId


class _Head(_Part):
    ref: Name
    sha: Sha
    repo: _HeadRepository | None = None


class _Base(_Part):
    ref: Name


class _PullRequest(_Part):
    number: ForgeId
    head: _Head
    base: _Base
    # Absent in a review's delivery, and null where GitHub has not looked yet.
    merged: bool | None = None

    def from_fork(self, repository: _Repository) -> bool:
        return self.head.repo is None or self.head.repo.id != repository.id

    def is_ours(self, repository: _Repository) -> bool:
        return self.head.ref.startswith(OUR_BRANCHES) and not self.from_fork(repository)


class _Changes(_Part):
    base: dict[str, Any] | None = None


_Action = Literal["closed", "reopened", "head_moved", "retargeted", "draft", "ready", "labelled"]
_PULL_REQUEST_ACTIONS: dict[str, _Action] = {
    "closed": "closed",
    "reopened": "reopened",
    "synchronize": "head_moved",
    "edited": "retargeted",
    "converted_to_draft": "draft",
    "ready_for_review": "ready",
    "labeled": "labelled",
    "unlabeled": "labelled",
}


class _PullRequestHook(_AtRepository):
    action: str
    pull_request: _PullRequest
    changes: _Changes = _Changes()

    def event(self) -> Event | Ignored:
        if self.action == "opened":
            return Ignored("Lockstep opened its own by itself, and others matter when merged")
        action = _PULL_REQUEST_ACTIONS.get(self.action)
        if action is None:
            return Ignored("neither its head nor its base nor its state changed")
        if action == "retargeted" and self.changes.base is None:
            return Ignored("only its text was edited")
        found = self.pull_request
        # A pull request of people's matters when it is merged: a /promote may wait for that.
        if action != "closed" and not found.is_ours(self.repository):
            return Ignored("not a pull request of Lockstep's, and not closed")
        return PullRequestChanged(
            number=found.number,
            action=action,
            head_branch=found.head.ref,
            head_sha=found.head.sha,
            base_branch=found.base.ref,
            merged=bool(found.merged),
            from_fork=found.from_fork(self.repository),
            by=self.by,
        )


class _Review(_Part):
    state: str


class _ReviewHook(_AtRepository):
    action: str
    pull_request: _PullRequest
    review: _Review

    def event(self) -> Event | Ignored:
        if self.action not in {"submitted", "dismissed"}:
            return Ignored("only its text was edited")
        if self.review.state.lower() == "commented":
            return Ignored("a review that neither approves nor asks for changes")
        if not self.pull_request.is_ours(self.repository):
            return Ignored("not a pull request of Lockstep's")
        return ReviewChanged(number=self.pull_request.number, by=self.by)


class _CommentBody(_Part):
    id: ForgeId
    user: _Account | None = None
    created_at: AwareDatetime
    body: str | None = None


class _Issue(_Part):
    number: ForgeId
    pull_request: dict[str, Any] | None = None


class _CommentHook(_AtRepository):
    action: str
    issue: _Issue
    comment: _CommentBody

    def event(self) -> Event | Ignored:
        comment = self.comment
        if self.action != "created":
            return Ignored("only a new comment can hold a command")
        if comment.user is None or comment.user.type == "Bot":
            return Ignored("not said by a person")
        text = whole_lines(comment.body or "")
        if not _COMMAND.search(text):
            return Ignored("no line of it starts with a slash")
        return Comment(
            number=self.issue.number,
            id=comment.id,
            author=comment.user.login,
            at=comment.created_at,
            text=text,
            on_pull_request=self.issue.pull_request is not None,
        )


class _Branch(_Part):
    name: Name


class _Status(_AtRepository):
    sha: Sha
    state: str
    context: str
    branches: tuple[_Branch, ...] = ()

    def event(self) -> Event | Ignored:
        if self.context == OUR_STATUS:
            return Ignored("Lockstep's own status")
        if self.state == "pending":
            return Ignored("nothing is decided yet")
        if 0 < len(self.branches) < _BRANCHES_LISTED and not any(
            branch.name.startswith(OUR_BRANCHES) for branch in self.branches
        ):
            return Ignored("no candidate: not on a branch of Lockstep's")
        failed = self.state != "success"
        return ChecksChanged(sha=self.sha, name=self.context, failed=failed, by="status")


class _CheckSuite(_Part):
    head_branch: Name | None = None


class _CheckRun(_Part):
    name: Name
    head_sha: Sha
    conclusion: str | None = None
    check_suite: _CheckSuite | None = None


class _CheckRunHook(_AtRepository):
    action: str
    check_run: _CheckRun

    def event(self) -> Event | Ignored:
        run, suite = self.check_run, self.check_run.check_suite
        branch = suite.head_branch if suite else None
        return _checks(self.action, run.head_sha, branch, run.name, run.conclusion)


class _CheckedSuite(_CheckSuite):
    head_sha: Sha
    conclusion: str | None = None


class _CheckSuiteHook(_AtRepository):
    action: str
    check_suite: _CheckedSuite

    def event(self) -> Event | Ignored:
        suite = self.check_suite
        return _checks(self.action, suite.head_sha, suite.head_branch, None, suite.conclusion)


def _checks(
    action: str, sha: str, branch: str | None, name: str | None, conclusion: str | None
) -> Event | Ignored:
    if action != "completed":
        return Ignored("nothing is decided yet")
    if branch is not None and not branch.startswith(OUR_BRANCHES):
        return Ignored("no candidate: not on a branch of Lockstep's")
    return ChecksChanged(sha=sha, name=name, failed=conclusion not in _GREEN, by="run")


class _Was(_Part):
    from_: Name = Field(alias="from")


class _FormerName(_Part):
    name: _Was


class _FormerAccounts(_Part):
    user: _Account | None = None
    organization: _Account | None = None


class _FormerOwner(_Part):
    from_: _FormerAccounts = Field(alias="from")


class _RepositoryChanges(_Part):
    repository: _FormerName | None = None
    owner: _FormerOwner | None = None
    default_branch: dict[str, Any] | None = None


class _RepositoryHook(_AtRepository):
    action: str
    changes: _RepositoryChanges = _RepositoryChanges()

    def event(self) -> Event | Ignored:
        before = self._former_name()
        if before:
            return RepositoryChanged(
                change="moved", before=before, after=self.repository.full_name, by=self.by
            )
        match self.action:
            case "archived" | "unarchived" | "deleted":
                return RepositoryChanged(change=self.action, by=self.by)
            case "edited" if self.changes.default_branch is not None:
                return RepositoryChanged(change="default_branch", by=self.by)
            case _:
                return Ignored("neither its name nor its default branch nor its state changed")

    def deliveries(self, delivery: str) -> tuple[Delivery, ...] | Ignored:
        found = super().deliveries(delivery)
        before = self._former_name()
        if isinstance(found, Ignored) or not before:
            return found
        # The pipeline under the former name has to hear that it ends.
        former = found[0].model_copy(update={"repository": self.repository.ref(before)})
        return (former, *found)

    def _former_name(self) -> str | None:
        owner, _, name = self.repository.full_name.rpartition("/")
        if self.action == "renamed" and self.changes.repository:
            return f"{owner}/{self.changes.repository.name.from_}"
        if self.action == "transferred" and self.changes.owner:
            accounts = self.changes.owner.from_
            account = accounts.user or accounts.organization
            return f"{account.login}/{name}" if account else None
        return None


class _Installation(Payload):
    action: str
    repositories: tuple[_Repository, ...] | None = None

    def deliveries(self, delivery: str) -> tuple[Delivery, ...] | Ignored:
        repositories = self.repositories or ()
        match self.action:
            case "created" | "unsuspend" | "new_permissions_accepted":
                return _access(delivery, granted=repositories, by=self.by)
            case "deleted" | "suspend":
                return _access(delivery, withdrawn=repositories, by=self.by)
            case _:
                return Ignored("our access stays as it is")


class _InstallationRepositories(Payload):
    repositories_added: tuple[_Repository, ...] = ()
    repositories_removed: tuple[_Repository, ...] = ()

    def deliveries(self, delivery: str) -> tuple[Delivery, ...] | Ignored:
        return _access(
            delivery,
            granted=self.repositories_added,
            withdrawn=self.repositories_removed,
            by=self.by,
        )


def _access(
    delivery: str,
    *,
    granted: Sequence[_Repository] = (),
    withdrawn: Sequence[_Repository] = (),
    by: str | None,
) -> tuple[Delivery, ...] | Ignored:
    named = len(granted) + len(withdrawn)
    if not named:
        return Ignored("names no repository: the next re-observe finds what changed")
    if named > MAX_REPOSITORIES:
        return Ignored("names too many repositories at once: the next re-observe finds them")
    return tuple(
        Delivery(
            id=delivery,
            repository=repository.ref(),
            event=InstallationChanged(access=access, by=by),
        )
        for access, repositories in (("granted", granted), ("withdrawn", withdrawn))
        for repository in repositories
    )


PAYLOADS: dict[str, type[Payload]] = {
    "check_run": _CheckRunHook,
    "check_suite": _CheckSuiteHook,
    "create": _Create,
    "delete": _Delete,
    "installation": _Installation,
    "installation_repositories": _InstallationRepositories,
    "issue_comment": _CommentHook,
    "pull_request": _PullRequestHook,
    "pull_request_review": _ReviewHook,
    "push": PushHook,
    "repository": _RepositoryHook,
    "status": _Status,
}
"""By the name of the event."""
