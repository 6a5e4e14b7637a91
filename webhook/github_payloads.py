"""What each of GitHub's payloads says, and which of them cannot matter.

Deliveries of 2018 and of today both pass. What cannot matter ends here, with its reason, and
costs Temporal nothing.
"""

from typing import Any

from pydantic import AwareDatetime

from webhook.events import (
    OUR_BRANCHES,
    BranchDeleted,
    ChecksChanged,
    Comment,
    Event,
    ForgeId,
    Ignored,
    Name,
    PullRequestAction,
    PullRequestChanged,
    ReviewChanged,
    Sha,
    is_work,
)
from webhook.github_parts import Account, AtRepository, Repository
from webhook.github_repositories import Installation, InstallationRepositories, RepositoryHook
from webhook.payloads import NO_BRANCH, NO_CANDIDATE, UNDECIDED, Part, Payload, command_text, moved

OUR_STATUS = "lockstep"
_TOLD_BY = "its pull request"
# GitHub names at most this many branches with a status: a full list may have left ours out.
_BRANCHES_LISTED = 10
# Conclusions that satisfy a required check.
_GREEN = {"success", "neutral", "skipped"}


class PushHook(AtRepository):
    """A branch or a tag was moved, made or deleted."""

    ref: Name
    before: Sha
    after: Sha

    def event(self) -> Event | Ignored:
        """Return what this says about its branch."""
        return moved(self.ref, self.before, self.after, self.by, _TOLD_BY)


class _Create(AtRepository):
    def event(self) -> Event | Ignored:
        return Ignored("the push that made it tells the same, with its commit")


class _Delete(AtRepository):
    ref: Name
    ref_type: str

    def event(self) -> Event | Ignored:
        if self.ref_type != "branch":
            return NO_BRANCH
        if is_work(self.ref):
            return Ignored(f"a branch of Lockstep's own: {_TOLD_BY} tells the same")
        return BranchDeleted(branch=self.ref, by=self.by)


class _HeadRepository(Part):
    id: ForgeId


class _Head(Part):
    ref: Name
    sha: Sha
    repo: _HeadRepository | None = None


class _Base(Part):
    ref: Name


class _PullRequest(Part):
    number: ForgeId
    head: _Head
    base: _Base
    # Absent in a review's delivery, and null where GitHub has not looked yet.
    merged: bool | None = None

    def from_fork(self, repository: Repository) -> bool:
        return self.head.repo is None or self.head.repo.id != repository.id

    def is_ours(self, repository: Repository) -> bool:
        return self.head.ref.startswith(OUR_BRANCHES) and not self.from_fork(repository)


class _Changes(Part):
    base: dict[str, Any] | None = None


_PULL_REQUEST_ACTIONS: dict[str, PullRequestAction] = {
    "closed": "closed",
    "reopened": "reopened",
    "synchronize": "head_moved",
    "edited": "retargeted",
    "converted_to_draft": "draft",
    "ready_for_review": "ready",
    "labeled": "labelled",
    "unlabeled": "labelled",
}


class _PullRequestHook(AtRepository):
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


class _Review(Part):
    state: str


class _ReviewHook(AtRepository):
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


class _CommentBody(Part):
    id: ForgeId
    user: Account | None = None
    created_at: AwareDatetime
    body: str | None = None


class _Issue(Part):
    number: ForgeId
    pull_request: dict[str, Any] | None = None


class _CommentHook(AtRepository):
    action: str
    issue: _Issue
    comment: _CommentBody

    def event(self) -> Event | Ignored:
        comment = self.comment
        if self.action != "created":
            return Ignored("only a new comment can hold a command")
        if comment.user is None or comment.user.type == "Bot":
            return Ignored("not said by a person")
        text = command_text(comment.body)
        if isinstance(text, Ignored):
            return text
        return Comment(
            number=self.issue.number,
            id=comment.id,
            author=comment.user.login,
            at=comment.created_at,
            text=text,
            on_pull_request=self.issue.pull_request is not None,
        )


class _Branch(Part):
    name: Name


class _Status(AtRepository):
    sha: Sha
    state: str
    context: str
    branches: tuple[_Branch, ...] = ()

    def event(self) -> Event | Ignored:
        if self.context == OUR_STATUS:
            return Ignored("Lockstep's own status")
        if self.state == "pending":
            return UNDECIDED
        if 0 < len(self.branches) < _BRANCHES_LISTED and not any(
            branch.name.startswith(OUR_BRANCHES) for branch in self.branches
        ):
            return NO_CANDIDATE
        failed = self.state != "success"
        return ChecksChanged(sha=self.sha, name=self.context, failed=failed, by="status")


class _CheckSuite(Part):
    head_branch: Name | None = None


class _CheckRun(Part):
    name: Name
    head_sha: Sha
    conclusion: str | None = None
    check_suite: _CheckSuite | None = None


class _CheckRunHook(AtRepository):
    action: str
    check_run: _CheckRun

    def event(self) -> Event | Ignored:
        run, suite = self.check_run, self.check_run.check_suite
        branch = suite.head_branch if suite else None
        return _checks(self.action, run.head_sha, branch, run.name, run.conclusion)


class _CheckedSuite(_CheckSuite):
    head_sha: Sha
    conclusion: str | None = None


class _CheckSuiteHook(AtRepository):
    action: str
    check_suite: _CheckedSuite

    def event(self) -> Event | Ignored:
        suite = self.check_suite
        return _checks(self.action, suite.head_sha, suite.head_branch, None, suite.conclusion)


def _checks(
    action: str, sha: str, branch: str | None, name: str | None, conclusion: str | None
) -> Event | Ignored:
    if action != "completed":
        return UNDECIDED
    if branch is not None and not branch.startswith(OUR_BRANCHES):
        return NO_CANDIDATE
    return ChecksChanged(sha=sha, name=name, failed=conclusion not in _GREEN, by="run")


PAYLOADS: dict[str, type[Payload]] = {
    "check_run": _CheckRunHook,
    "check_suite": _CheckSuiteHook,
    "create": _Create,
    "delete": _Delete,
    "installation": Installation,
    "installation_repositories": InstallationRepositories,
    "issue_comment": _CommentHook,
    "pull_request": _PullRequestHook,
    "pull_request_review": _ReviewHook,
    "push": PushHook,
    "repository": RepositoryHook,
    "status": _Status,
}
"""By the name of the event."""
