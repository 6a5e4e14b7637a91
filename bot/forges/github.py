"""The forge that GitHub is, through PyGithub; each method says how many API calls it costs.

Nothing is fetched that is not needed: PyGithub's objects are made lazy, and only what
an answer brought is read of them. Retries are the caller's; errors are of `forge.py`.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from github.CheckRun import CheckRun
from github.Commit import Commit
from github.CommitStatus import CommitStatus
from github.GithubObject import NotSet
from github.NamedUser import NamedUser
from github.PaginatedList import PaginatedList
from github.Repository import Repository

from bot.decisions.facts import Check, MergeMethod, Permission
from bot.forges import github_conversation, github_looks, github_runs
from bot.forges.budget import Limits
from bot.forges.forge import (
    STATUS_CONTEXT,
    CommentInfo,
    Conflict,
    IssueInfo,
    Left,
    NotFound,
    OpenItem,
    OwnStatus,
    PullRequestInfo,
    Refused,
    RepositoryInfo,
    ReviewInfo,
    RunInfo,
    StatusState,
    Unauthorized,
)
from bot.forges.github_app import Account, AppAccount, TokenAccount
from bot.forges.github_authors import authors_of, noreply_pattern
from bot.forges.github_client import PUBLIC_API, Client
from bot.forges.github_errors import status_of
from bot.forges.github_shapes import (
    of_run,
    of_status,
    permission_of,
    pull_request_info,
    repository_info,
    review_info,
)
from bot.forges.own_issue import OwnIssues
from bot.forges.reports import newest
from bot.model import ForgeName, ReportedBy
from bot.together import together


class GitHub:
    """GitHub as one account or App of it; threads may share it. See `Forge`."""

    name: ForgeName = "github"
    tells_statuses = True

    def __init__(
        self, account: Account, api_url: str, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._account = account
        self._noreply = noreply_pattern(api_url)
        self._clock = clock
        self._own = OwnIssues()

    @classmethod
    def with_token(
        cls,
        token: str,
        *,
        api_url: str = PUBLIC_API,
        limits: Limits | None = None,
        timeout: float = 30.0,
        clock: Callable[[], float] = time.time,
    ) -> "GitHub":
        """Return GitHub by a personal access token; `timeout` in seconds, of each silence."""
        account = TokenAccount(api_url, token, limits=limits, timeout=timeout, clock=clock)
        return cls(account, api_url, clock=clock)

    @classmethod
    def as_app(
        cls,
        app_id: str,
        private_key_file: Path,
        *,
        api_url: str = PUBLIC_API,
        limits: Limits | None = None,
        timeout: float = 30.0,
        clock: Callable[[], float] = time.time,
    ) -> "GitHub":
        """Return GitHub by an App; raises `Unauthorized` where the file holds no private key."""
        account = AppAccount(
            api_url, app_id, private_key_file, limits=limits, timeout=timeout, clock=clock
        )
        return cls(account, api_url, clock=clock)

    def close(self) -> None:
        """Close all connections."""
        self._account.close()

    def budgets(self) -> Sequence[Left]:
        """See `Forge.budgets`."""
        return self._account.budgets()

    # Who we are, and where

    def login(self) -> str:
        """See `Forge.login`; 1 call, once."""
        return self._account.login()

    def git_token(self, owner: str, name: str) -> str:  # noqa: ARG002 - of the owner alone
        """See `Forge.git_token`; no call, of an App 1 or 2 an hour."""
        return self._account.token(owner)

    def repositories(self) -> Iterable[RepositoryInfo]:
        """See `Forge.repositories`; 1 call per 100, of an App also 1 for each installation."""
        for repository, can_write in self._account.repositories():
            info = repository_info(repository, can_write=can_write)
            if info.can_write:
                yield info

    def repository(self, owner: str, name: str) -> RepositoryInfo:
        """See `Forge.repository`; 1 call."""
        with self._asking(f"{owner}/{name}", f"show {owner}/{name}") as repository:
            found = repository.complete()
        return repository_info(found, can_write=self._account.may_write(found))

    def has_file(self, repository: str, path: str) -> bool:
        """See `Forge.has_file`; 1 call."""
        with self._asking(repository, f"look for {path} in {repository}") as found:
            return github_looks.has_file(found, path)

    def open_items(self, repository: str) -> Sequence[OpenItem]:
        """See `Forge.open_items`; 1 call per 100, issues among them."""
        with self._asking(repository, f"list what we have open in {repository}") as found:
            return github_looks.open_items(found, self.login())

    # Pull requests

    def open_pull_request(
        self, repository: str, head: str, base: str, title: str, body: str
    ) -> PullRequestInfo:
        """See `Forge.open_pull_request`; 1 call, 2 more where one is there already."""
        try:
            with self._asking(
                repository, f"open a pull request from {head} in {repository}"
            ) as found:
                made = found.create_pull(title=title, body=body, head=head, base=base)
                return pull_request_info(made)
        except Refused as refused:
            # 422 also where it is ours, of a call whose answer was lost.
            if status_of(refused) != 422:
                raise
            for twin in self.pull_requests(repository, head=head):
                if twin.base_branch == base and self._is_me(twin.author):
                    return twin
            raise

    def pull_request(self, repository: str, number: int) -> PullRequestInfo:
        """See `Forge.pull_request`; 1 call, 2 for one that was closed without a merge."""
        with self._asking(repository, f"show pull request {number} of {repository}") as found:
            pull = found.get_pull(number).complete()
            if pull.merged:
                return pull_request_info(pull, by=_who(pull.merged_by))
            if pull.state == "open":
                return pull_request_info(pull)
            closer = found.get_issue(number).complete().closed_by
            return pull_request_info(pull, by=_who(closer))

    def pull_requests(
        self, repository: str, *, head: str | None = None, state: Literal["open", "all"] = "open"
    ) -> Sequence[PullRequestInfo]:
        """See `Forge.pull_requests`; 1 call per 100."""
        owner = repository.partition("/")[0]
        label = NotSet if head is None else f"{owner}:{head}"
        with self._asking(repository, f"list the pull requests of {repository}") as found:
            listed = found.get_pulls(state=state, head=label, sort="created", direction="desc")
            infos = [pull_request_info(pull) for pull in listed]
        # By owner and branch, GitHub also finds those of an owner's other repositories.
        return [
            info
            for info in infos
            if head is None or (info.head_branch == head and not info.from_fork)
        ]

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
        """See `Forge.update_pull_request`; 1 call. As an issue, for the labels' sake."""
        with self._asking(repository, f"edit pull request {number} of {repository}") as found:
            found.get_issue(number).edit(
                title=NotSet if title is None else title,
                body=NotSet if body is None else body,
                state=NotSet if closed is None else github_conversation.state(open_=not closed),
                labels=NotSet if labels is None else sorted(labels),
            )

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
        """See `Forge.merge`; 1 call; 1 or 2 more where GitHub refuses, for it may be merged."""
        if method == "fast-forward":
            raise Refused("GitHub merges no pull request by fast-forward: push the commit instead")
        try:
            with self._asking(repository, f"merge pull request {number} of {repository}") as found:
                return (
                    found.get_pull(number)
                    .merge(commit_title=title, commit_message=message, merge_method=method, sha=sha)
                    .sha
                )
        except Refused as refused:
            if status_of(refused) != 405:
                raise
            current = self.pull_request(repository, number)
            if current.merged_sha is None:
                raise
            if current.head_sha != sha:
                raise Conflict(
                    f"pull request {number} of {repository} is merged already, but at"
                    f" {current.head_sha[:12]}, which is not {sha[:12]}"
                ) from refused
            return current.merged_sha

    # Evidence

    def set_status(self, repository: str, sha: str, state: StatusState, line: str) -> None:
        """See `Forge.set_status`; 1 call."""
        with self._asking(repository, f"set a status on {sha[:12]} in {repository}") as found:
            Commit(
                found.requester, {}, {"url": f"{found.url}/commits/{sha}", "sha": sha}
            ).create_status(state, description=line, context=STATUS_CONTEXT)

    def checks(self, repository: str, sha: str, by: ReportedBy | None = None) -> Sequence[Check]:
        """See `Forge.checks`; 2 calls at once, 1 of one way, 1 more per 100 after the first."""
        place = f"/commits/{sha}"

        def statuses() -> list[Check]:
            # PyGithub's own combined status stops at the first page.
            with self._asking(
                repository, f"list the statuses of {sha[:12]} in {repository}"
            ) as found:
                url = f"{found.url}{place}/status"
                listed = PaginatedList(CommitStatus, found.requester, url, {}, list_item="statuses")
                return [of_status(status, sha) for status in listed]

        def runs() -> list[Check]:
            with self._asking(
                repository, f"list the check runs of {sha[:12]} in {repository}"
            ) as found:
                url = f"{found.url}{place}/check-runs"
                listed = PaginatedList(CheckRun, found.requester, url, {}, list_item="check_runs")
                return [of_run(run, sha, self._clock()) for run in listed]

        ways = {"status": [statuses], "run": [runs], None: [statuses, runs]}[by]
        return newest([check for found in together(*ways) for check in found])

    def own_status(self, repository: str, sha: str) -> OwnStatus | None:
        """See `Forge.own_status`; 1 call per 100 statuses that the commit ever had."""
        with self._asking(repository, f"list the statuses of {sha[:12]} in {repository}") as found:
            return github_looks.own_status(found, sha, self._is_me)

    def reviews(self, repository: str, number: int) -> Sequence[ReviewInfo]:
        """See `Forge.reviews`; 1 call per 100."""
        with self._asking(
            repository, f"list the reviews of pull request {number} of {repository}"
        ) as found:
            infos = [review_info(review) for review in found.get_pull(number).get_reviews()]
        return [info for info in infos if info is not None]

    def workflow_runs(self, repository: str, workflow: str, sha: str) -> Sequence[RunInfo]:
        """See `Forge.workflow_runs`; 1 call."""
        with self._asking(repository, f"list the runs of {workflow} in {repository}") as found:
            return github_runs.runs(found, workflow, sha)

    def start_workflow(
        self, repository: str, workflow: str, branch: str, inputs: Mapping[str, str]
    ) -> None:
        """See `Forge.start_workflow`; 1 call."""
        with self._asking(repository, f"start {workflow} in {repository}") as found:
            github_runs.start(found, workflow, branch, inputs)

    # People

    def permission(self, repository: str, login: str) -> Permission:
        """See `Forge.permission`; 1 call."""
        try:
            with self._asking(repository, f"say what {login} may do in {repository}") as found:
                place = f"{found.url}/collaborators/{quote(login, safe='')}/permission"
                # PyGithub reads the role or the permission, each with a call of its own.
                _, data = found.requester.requestJsonAndCheck("GET", place)
        except NotFound:
            return "none"
        return permission_of(data)

    def members(self, team: str) -> frozenset[str] | None:
        """See `Forge.members`; 1 call per 100. GitHub lists none whose membership is pending."""
        organization, _, slug = team.partition("/")
        try:
            with self._lent(organization, f"list the members of {team}") as client:
                place = f"/orgs/{quote(organization, safe='')}/teams/{quote(slug, safe='')}/members"
                return frozenset(user.login for user in PaginatedList(NamedUser, client, place, {}))
        except NotFound:
            return None
        except Refused as refused:
            if status_of(refused) == 403:
                return None
            raise

    def authors(self, repository: str, shas: Sequence[str]) -> Mapping[str, frozenset[str]]:
        """See `Forge.authors`; 1 call for the first and what it follows, 1 for each other."""
        if not shas:
            return {}
        with self._asking(repository, f"list commits of {repository}") as found:
            place, client = f"{found.url}/commits", found.requester
            # Plain JSON: of an author whom GitHub does not map, PyGithub would ask for more.
            page = {"sha": shas[0], "per_page": 100}
            _, listed = client.requestJsonAndCheck("GET", place, parameters=page)
            known = {commit["sha"]: commit for commit in listed}
            for sha in shas:
                if sha not in known:
                    _, known[sha] = client.requestJsonAndCheck("GET", f"{place}/{sha}")
        return {sha: authors_of(known[sha], self._noreply) for sha in shas}

    # Conversation

    def comments(
        self,
        repository: str,
        number: int,
        since: datetime | None = None,
        *,
        on_pull_request: bool,  # noqa: ARG002 - here both are numbered together
    ) -> Sequence[CommentInfo]:
        """See `Forge.comments`; 1 call per 100."""
        with self._asking(repository, f"list the comments on {number} of {repository}") as found:
            return github_conversation.comments(found, number, since)

    def comment(
        self,
        repository: str,
        number: int,
        marker: str,
        body: str,
        *,
        on_pull_request: bool,  # noqa: ARG002 - here both are numbered together
    ) -> None:
        """See `Forge.comment`; 1 call per 100 comments that are there, and 1 to write."""
        with self._asking(repository, f"comment on {number} of {repository}") as found:
            github_conversation.comment(found, number, marker, body, self._is_me)

    def acknowledge(
        self,
        repository: str,
        number: int,
        comment: int,
        *,
        on_pull_request: bool,  # noqa: ARG002 - here comments of both are numbered together
    ) -> None:
        """See `Forge.acknowledge`; 1 call. GitHub answers a second one with the first."""
        with self._asking(repository, f"react under {number} of {repository}") as found:
            github_conversation.acknowledge(found, comment)

    def issue(self, repository: str, marker: str) -> IssueInfo | None:
        """See `Forge.issue`; 1 call, the first time 1 per 100 that we ever opened there."""
        with self._asking(repository, f"find our issue in {repository}") as found:
            issues = github_conversation.Issues(found, self.login())
            return self._own.read(issues, repository, marker)

    def write_issue(
        self, repository: str, marker: str, *, title: str, body: str, open_: bool
    ) -> IssueInfo | None:
        """See `Forge.write_issue`; the calls of `issue`, and 1 where something is to change."""
        with self._asking(repository, f"write our issue in {repository}") as found:
            issues = github_conversation.Issues(found, self.login())
            return self._own.write(issues, repository, marker, (title, body, open_))

    # How it is asked

    def _is_me(self, login: str) -> bool:
        return login.lower() == self.login().lower()

    @contextmanager
    def _asking(self, repository: str, doing: str) -> Iterator[Repository]:
        """Lend a lazy repository; `doing` completes "GitHub would not …"."""
        owner, _, name = repository.partition("/")
        with self._lent(owner, doing) as client:
            yield Repository(client, url=f"/repos/{quote(owner, safe='')}/{quote(name, safe='')}")

    @contextmanager
    def _lent(self, owner: str, doing: str) -> Iterator[Client]:
        try:
            with self._account.clients(owner).lend(doing) as client:
                yield client
        except Unauthorized as unauthorized:
            if status_of(unauthorized) == 401:
                self._account.rejected(owner)
            raise


def _who(user: NamedUser | None) -> str:
    """Return who did it, empty where GitHub does not say."""
    return "" if user is None else user.login
