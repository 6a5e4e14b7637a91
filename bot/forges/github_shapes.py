"""Read GitHub's objects as the forge's values, of nothing but what their answer brought."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar, get_args

from github.CheckRun import CheckRun
from github.CommitStatus import CommitStatus
from github.Issue import Issue
from github.NamedUser import NamedUser
from github.Organization import Organization
from github.PullRequest import PullRequest
from github.PullRequestReview import PullRequestReview
from github.Repository import Repository

from bot.decisions.facts import Check, CheckState, Permission, PullRequestState, ReviewState
from bot.forges.forge import IssueInfo, PullRequestInfo, RepositoryInfo, ReviewInfo
from bot.forges.markers import unmarked

T = TypeVar("T")
_PERMISSIONS: tuple[Permission, ...] = get_args(Permission)
_STATES: Mapping[str, CheckState] = {state: state for state in get_args(CheckState)}
_REVIEWS: Mapping[str, ReviewState] = {state.upper(): state for state in get_args(ReviewState)}


def given(value: T) -> T | None:
    """Return a value as it is: PyGithub's types know of no null, GitHub's answers do."""
    return value


def login_of(user: NamedUser | Organization | None) -> str:
    """Return a login; an account that is gone is GitHub's `ghost`."""
    return "ghost" if user is None else user.login


def repository_info(found: Repository, *, can_write: bool) -> RepositoryInfo:
    """Return a repository."""
    return RepositoryInfo(
        owner=found.owner.login,
        name=found.name,
        id=found.id,
        clone_url=found.clone_url,
        default_branch=found.default_branch,
        archived=found.archived,
        can_write=can_write and not found.archived,
        pushed=given(found.pushed_at),
    )


def pull_request_info(pull: PullRequest, *, by: str = "") -> PullRequestInfo:
    """Return a pull request; who ended it is not in every answer."""
    merged = pull.merged_at is not None
    state: PullRequestState = "open" if pull.state == "open" else "merged" if merged else "closed"
    head, base = pull.head, pull.base
    return PullRequestInfo(
        number=pull.number,
        url=pull.html_url,
        state=state,
        title=pull.title,
        body=pull.body or "",
        head_branch=head.ref,
        head_sha=head.sha,
        base_branch=base.ref,
        # A fork that was deleted has no repository left.
        from_fork=given(head.repo) is None or head.repo.id != base.repo.id,
        author=login_of(pull.user),
        labels=frozenset(label.name for label in pull.labels),
        by=by,
        merged_sha=pull.merge_commit_sha if merged else None,
    )


def review_info(review: PullRequestReview) -> ReviewInfo | None:
    """Return a review, None for one that is not submitted yet."""
    state = _REVIEWS.get(review.state)
    if state is None:
        return None
    return ReviewInfo(login_of(review.user), state, review.commit_id or "", review.submitted_at)


def issue_info(issue: Issue, marker: str) -> IssueInfo:
    """Return an issue, its marker taken off."""
    body = unmarked(issue.body or "", marker)
    return IssueInfo(issue.number, issue.html_url, issue.state == "open", issue.title, body)


def of_status(status: CommitStatus, sha: str) -> Check:
    """Return a commit status as a check."""
    return Check(status.context, sha, _STATES.get(status.state, "pending"), status.updated_at)


def of_run(run: CheckRun, sha: str, now: float) -> Check:
    """Return a check run as a check; one that has not begun has no time but now."""
    at = given(run.completed_at) or given(run.started_at) or datetime.fromtimestamp(now, UTC)
    ended = run.status == "completed"
    return Check(
        run.name, sha, _STATES.get(run.conclusion or "", "error") if ended else "pending", at
    )


def permission_of(data: Mapping[str, Any]) -> Permission:
    """Return a role; one that an organisation made itself counts as what it was made from."""
    for name in (data.get("role_name"), data.get("permission")):
        for known in _PERMISSIONS:
            if name == known:
                return known
    return "none"
