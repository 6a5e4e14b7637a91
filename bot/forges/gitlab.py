"""The forge that GitLab is, through python-gitlab; each method says how many API calls it costs.

A pull request is GitLab's merge request, a repository its project. A project is asked for by
its id once that is known, so a rename or a transfer in between does not matter. Retries are
the caller's; errors are of `forge.py`.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any, Literal
from urllib.parse import quote

from bot.decisions.facts import Check, MergeMethod, Permission
from bot.forges import (
    gitlab_checks,
    gitlab_conversation,
    gitlab_reviews,
    gitlab_runs,
)
from bot.forges.budget import Budget, Limits
from bot.forges.forge import (
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
from bot.forges.gitlab_authors import Writers
from bot.forges.gitlab_client import PUBLIC_URL, Client, Clients
from bot.forges.gitlab_conversation import state_event
from bot.forges.gitlab_errors import status_of
from bot.forges.gitlab_merging import made_already, way_of
from bot.forges.gitlab_projects import Projects, is_active, level_in, show
from bot.forges.gitlab_shapes import (
    DEVELOPER,
    Json,
    access_level,
    merged_sha,
    open_item,
    permission_of,
    pull_request_info,
    repository_info,
    username,
)
from bot.forges.gitlab_statuses import OwnStatuses, shown_status
from bot.forges.own_issue import OwnIssues
from bot.model import ForgeName, ReportedBy


class GitLab:
    """GitLab as one account of it; threads may share it. See `Forge`."""

    name: ForgeName = "gitlab"
    # Only where one changes what the whole pipeline comes to.
    tells_statuses = False

    def __init__(
        self,
        token: str,
        *,
        url: str = PUBLIC_URL,
        limits: Limits | None = None,
        timeout: float = 30.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take a personal, group or project access token; `timeout` in seconds, of each silence."""
        self._token, self._clock = token, clock
        budget = Budget("GitLab", limits, clock=clock)
        self._clients = Clients(url, token, budget, timeout=timeout, clock=clock)
        self._writers = Writers(url)
        self._projects = Projects(self._clients)
        self._asking = self._projects.asking
        self._own = OwnIssues()
        self._me = ""
        self._statuses = OwnStatuses()

    def close(self) -> None:
        """Close all connections."""
        self._clients.close()

    def budgets(self) -> Sequence[Left]:
        """See `Forge.budgets`."""
        return [self._clients.budget.left()]

    # Who we are, and where

    def login(self) -> str:
        """See `Forge.login`; 1 call, once."""
        if not self._me:
            with self._clients.lend("say whose token this is") as client:
                self._me = str(client.get("/user")["username"])
        return self._me

    def git_token(self, owner: str, name: str) -> str:  # noqa: ARG002 - one for all
        """See `Forge.git_token`; no call."""
        return self._token

    def repositories(self) -> Iterable[RepositoryInfo]:
        """See `Forge.repositories`; 1 call per 100."""
        with self._clients.lend("list the projects of the token") as client:
            found = client.each(
                "/projects",
                membership="true",
                min_access_level=DEVELOPER,
                archived="false",
                order_by="id",
                sort="asc",
                pagination="keyset",
            )
            for data in found:
                self._projects.remember(data)
                info = repository_info(data, can_write=True)
                if info.can_write:
                    yield info

    def repository(self, owner: str, name: str) -> RepositoryInfo:
        """See `Forge.repository`; 1 call, 1 more where our role comes through another group."""
        repository = f"{owner}/{name}"
        with self._clients.lend(f"show {repository}") as client:
            data = show(client, repository)
            project = self._projects.remember(data, repository)
            can_write = access_level(data) >= DEVELOPER
            if not can_write:
                can_write = level_in(client, project, self.login()) >= DEVELOPER
        return repository_info(data, can_write=can_write)

    def has_file(self, repository: str, path: str) -> bool:
        """See `Forge.has_file`; 1 call."""
        try:
            with self._asking(repository, f"show {path} of {repository}") as (client, _, place):
                client.get(f"{place}/repository/files/{quote(path, safe='')}", ref="HEAD")
        except NotFound:
            return False
        return True

    # Pull requests

    def open_items(self, repository: str) -> Sequence[OpenItem]:
        """See `Forge.open_items`; 1 call per 100. GitLab lists issues apart."""
        with self._asking(repository, f"list what is open in {repository}") as (client, _, place):
            mine = client.each(
                f"{place}/merge_requests",
                state="opened",
                author_username=self.login(),
                order_by="updated_at",
            )
            return [open_item(data) for data in mine]

    def open_pull_request(
        self, repository: str, head: str, base: str, title: str, body: str
    ) -> PullRequestInfo:
        """See `Forge.open_pull_request`; 1 call, 1 more where one is there already."""
        doing = f"open a merge request from {head} in {repository}"
        given = {
            "source_branch": head,
            "target_branch": base,
            "title": title,
            "description": body,
            # The bot deletes its branches itself, once it has looked at what was merged.
            "remove_source_branch": False,
        }
        try:
            with self._asking(repository, doing) as (client, _, place):
                return pull_request_info(client.post(f"{place}/merge_requests", given))
        except Conflict as conflict:
            # Also where it is ours, of a call whose answer was lost.
            for twin in self.pull_requests(repository, head=head):
                if twin.base_branch == base and self._is_me(twin.author):
                    return twin
            raise Refused(str(conflict)) from conflict

    def pull_request(self, repository: str, number: int) -> PullRequestInfo:
        """See `Forge.pull_request`; 1 call."""
        return pull_request_info(self._merge_request(repository, number))

    def _merge_request(self, repository: str, number: int) -> Json:
        doing = f"show merge request !{number} of {repository}"
        with self._asking(repository, doing) as (client, _, place):
            data: Json = client.get(f"{place}/merge_requests/{number}")
            return data

    def pull_requests(
        self, repository: str, *, head: str | None = None, state: Literal["open", "all"] = "open"
    ) -> Sequence[PullRequestInfo]:
        """See `Forge.pull_requests`; 1 call per 100."""
        asked = {} if head is None else {"source_branch": head}
        doing = f"list the merge requests of {repository}"
        with self._asking(repository, doing) as (client, _, place):
            found = client.each(
                f"{place}/merge_requests",
                state="opened" if state == "open" else "all",
                order_by="created_at",
                sort="desc",
                **asked,
            )
            infos = [pull_request_info(data, with_by=False) for data in found]
        # A fork may have a branch of that name too.
        return [info for info in infos if head is None or not info.from_fork]

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
        """See `Forge.update_pull_request`; 1 call."""
        given: dict[str, Any] = {
            "title": title,
            "description": body,
            "state_event": None if closed is None else state_event(open_=not closed),
            "labels": None if labels is None else ",".join(sorted(labels)),
        }
        doing = f"{'reopen' if closed is False else 'edit'} merge request !{number} of {repository}"
        with self._asking(repository, doing) as (client, _, place):
            wanted = {name: value for name, value in given.items() if value is not None}
            now = client.put(f"{place}/merge_requests/{number}", wanted)
        # GitLab answers as if it had, where the branch is gone.
        if closed is False and now["state"] == "closed":
            raise Refused(f"GitLab would not {doing}; is its branch gone?")

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
        """See `Forge.merge`; 1 call; 1 more where GitLab refuses, for it may be merged."""
        what = f"merge request !{number} of {repository}"
        text = f"{title}\n\n{message}"
        try:
            with self._asking(repository, f"merge {what}") as (client, project, place):
                way = way_of(method, project)
                given = {
                    "sha": sha,
                    "squash": way.squash,
                    "merge_commit_message": text,
                    "squash_commit_message": text,
                    "should_remove_source_branch": False,
                }
                done = client.put(f"{place}/merge_requests/{number}/merge", given)
                return merged_sha(done) or sha
        except (Conflict, Refused) as error:
            if status_of(error) not in {401, 405, 406, 409, 422}:
                raise
            # With a token that is not valid any more, this raises the same once more.
            data = self._merge_request(repository, number)
            return made_already(data, sha, what, self.login, error)

    # Evidence

    def set_status(self, repository: str, sha: str, state: StatusState, line: str) -> None:
        """See `Forge.set_status`; 1 call, as a rule, up to 4 where a line changes often."""
        doing = f"set a status on {sha[:12]} in {repository}"
        with self._asking(repository, doing) as asked:
            self._statuses.say(asked, sha, state, line)

    def own_status(self, repository: str, sha: str) -> OwnStatus | None:
        """See `Forge.own_status`; 1 call per 100 statuses that it ever had."""
        doing = f"list the statuses of {sha[:12]} in {repository}"
        with self._asking(repository, doing) as (client, _, place):
            return shown_status(client, place, sha, self.login())

    def checks(
        self,
        repository: str,
        sha: str,
        by: ReportedBy | None = None,  # noqa: ARG002 - GitLab lists jobs and statuses together
    ) -> Sequence[Check]:
        """See `Forge.checks`; 1 call per 100 jobs and statuses, 1 more where there is no job."""
        doing = f"list the checks of {sha[:12]} in {repository}"
        with self._asking(repository, doing) as (client, _, place):
            statuses = list(client.each(f"{place}/repository/commits/{sha}/statuses"))
            pipelines = partial(client.each, f"{place}/pipelines", sha=sha)
            return gitlab_checks.checks_of(statuses, pipelines, sha, self._clock())

    def workflow_runs(
        self,
        repository: str,
        workflow: str,  # noqa: ARG002 - a project has one pipeline
        sha: str,
    ) -> Sequence[RunInfo]:
        """See `Forge.workflow_runs`; 1 call."""
        doing = f"list the pipelines of {sha[:12]} in {repository}"
        with self._asking(repository, doing) as (client, _, place):
            return gitlab_runs.runs(client.each(f"{place}/pipelines", sha=sha))

    def start_workflow(
        self,
        repository: str,
        workflow: str,  # noqa: ARG002 - a project has one pipeline
        branch: str,
        inputs: Mapping[str, str],
    ) -> None:
        """See `Forge.start_workflow`; 1 call."""
        with self._asking(repository, f"start a pipeline in {repository}") as (client, _, place):
            client.post(f"{place}/pipeline", gitlab_runs.body(branch, inputs))

    def reviews(self, repository: str, number: int) -> Sequence[ReviewInfo]:
        """See `Forge.reviews`, of which GitLab keeps the newest of each person alone.

        2 calls; 1 more where anybody has said something, and 1 for when, where that is not told.
        """
        doing = f"list the reviews of merge request !{number} of {repository}"
        with self._asking(repository, doing) as (client, _, project):
            place = f"{project}/merge_requests/{number}"
            approvals = client.get(f"{place}/approvals")
            found = gitlab_reviews.opinions(approvals, list(client.each(f"{place}/reviewers")))
            if not found:
                return []
            if any(one.at is None for one in found):
                noted = client.each(f"{place}/notes", activity_filter="only_activity")
                found = gitlab_reviews.dated(found, noted)
            return gitlab_reviews.reviews_of(found, list(client.each(f"{place}/versions")))

    # People

    def permission(self, repository: str, login: str) -> Permission:
        """See `Forge.permission`; 1 call. Inherited and shared memberships count."""
        with self._asking(repository, f"say what {login} may do in {repository}") as (
            client,
            project,
            _,
        ):
            level = level_in(client, project, login)
        found = permission_of(level)
        return "read" if found == "none" and project.is_public else found

    def members(self, team: str) -> frozenset[str] | None:
        """See `Forge.members`; 1 call per 100.

        A team is a group. Members of the groups above it are none of its own, as where GitLab
        asks a group for its approval.
        """
        try:
            with self._clients.lend(f"list the members of {team}") as client:
                found = client.each(f"/groups/{quote(team, safe='')}/members")
                return frozenset(username(one) for one in found if is_active(one))
        except NotFound:
            return None
        except Unauthorized as refused:
            if status_of(refused) == 403:
                return None
            raise

    def authors(self, repository: str, shas: Sequence[str]) -> Mapping[str, frozenset[str]]:
        """See `Forge.authors`; 1 call per 20 commits, and 1 for each co-author's address."""
        if not shas:
            return {}
        doing = f"say who wrote commits of {repository}"
        with self._asking(repository, doing) as (client, project, _):
            return self._writers.of(client, project, shas, doing)

    # Conversation

    def comments(
        self,
        repository: str,
        number: int,
        since: datetime | None = None,
        *,
        on_pull_request: bool,
    ) -> Sequence[CommentInfo]:
        """See `Forge.comments`; 1 call per 100."""
        with self._talking("list the comments on", repository, number, on_pull_request) as place:
            return gitlab_conversation.comments(*place, since)

    def comment(
        self, repository: str, number: int, marker: str, body: str, *, on_pull_request: bool
    ) -> None:
        """See `Forge.comment`; 1 call per 100 comments that are there, and 1 to write."""
        with self._talking("comment on", repository, number, on_pull_request) as place:
            gitlab_conversation.comment(*place, marker, body, self._is_me)

    def acknowledge(
        self, repository: str, number: int, comment: int, *, on_pull_request: bool
    ) -> None:
        """See `Forge.acknowledge`; 1 call."""
        with self._talking("react under", repository, number, on_pull_request) as place:
            gitlab_conversation.acknowledge(*place, comment)

    @contextmanager
    def _talking(
        self,
        what: str,
        repository: str,
        number: int,
        on_pull_request: bool,  # noqa: FBT001 - a keyword of all that use it
    ) -> Iterator[tuple[Client, str]]:
        mark, kind = ("!", "merge_requests") if on_pull_request else ("#", "issues")
        with self._asking(repository, f"{what} {mark}{number} of {repository}") as asked:
            yield asked.client, f"{asked.place}/{kind}/{number}"

    def issue(self, repository: str, marker: str) -> IssueInfo | None:
        """See `Forge.issue`; 1 call, the first time 1 per 100 that we ever opened there."""
        with self._asking(repository, f"find our issue in {repository}") as asked:
            issues = gitlab_conversation.Issues(asked.client, asked.place, self.login())
            return self._own.read(issues, repository, marker)

    def write_issue(
        self, repository: str, marker: str, *, title: str, body: str, open_: bool
    ) -> IssueInfo | None:
        """See `Forge.write_issue`; the calls of `issue`, and 1 where something is to change."""
        with self._asking(repository, f"write our issue in {repository}") as asked:
            issues = gitlab_conversation.Issues(asked.client, asked.place, self.login())
            return self._own.write(issues, repository, marker, (title, body, open_))

    # How it is asked

    def _is_me(self, login: str) -> bool:
        return login.casefold() == self.login().casefold()
