"""A forge in memory that keeps every promise of `Forge`, for tests that need no HTTP.

The methods of `Forge` are what the bot sees; those of `MemoryWorld` what everybody else does.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import wraps
from threading import RLock
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar

from bot.decisions.facts import Check, MergeMethod, Permission
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
)
from bot.forges.markers import carries, marked, unmarked
from bot.model import ForgeName, ReportedBy
from tests.forges.memory_world import Land, MemoryWorld, Merged, OwnedIssue

P = ParamSpec("P")
T = TypeVar("T")


def _call(
    method: Callable[Concatenate["MemoryForge", P], T],
) -> Callable[Concatenate["MemoryForge", P], T]:
    """Count a call, one thread at a time, and let it suffer its fault."""

    @wraps(method)
    def called(self: "MemoryForge", /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self._lock:
            self.calls[method.__name__] += 1
            fault = self._take(method.__name__)
            if fault is not None and not fault.after:
                raise fault.error
            result = method(self, *args, **kwargs)
            if fault is not None:
                raise fault.error
            return result

    return called


class MemoryForge(MemoryWorld):
    """A forge as the account `login` sees it; see `Forge`. `calls` counts by method."""

    name: ForgeName = "github"
    tells_statuses = True

    def __init__(
        self,
        login: str = "lockstep",
        *,
        now: Callable[[], datetime] | None = None,
        land: Land | None = None,
    ) -> None:
        super().__init__(login, now=now, land=land)
        self.calls: Counter[str] = Counter()
        self._lock = RLock()

    def budgets(self) -> Sequence[Left]:
        return [Left("memory")]

    # Who we are, and where

    @_call
    def login(self) -> str:
        return self.me

    @_call
    def git_token(self, owner: str, name: str) -> str:
        return f"token for {self._place(f'{owner}/{name}').info.owner}"

    @_call
    def repositories(self) -> Iterable[RepositoryInfo]:
        return [place.info for place in self.places.values() if place.info.can_write]

    @_call
    def repository(self, owner: str, name: str) -> RepositoryInfo:
        return self._place(f"{owner}/{name}").info

    @_call
    def has_file(self, repository: str, path: str) -> bool:
        try:
            return path in self._place(repository).files
        except NotFound:
            return False

    @_call
    def open_items(self, repository: str) -> Sequence[OpenItem]:
        place = self._place(repository)
        pulls = [p.number for p in place.pulls.values() if (p.author, p.state) == (self.me, "open")]
        issues = [n for n, i in place.issues.items() if i.author == self.me and i.info.open]
        found = [
            OpenItem(number, place.changed[number], is_pull_request=number in place.pulls)
            for number in [*pulls, *issues]
        ]
        return sorted(found, key=lambda item: item.changed, reverse=True)

    # Pull requests

    @_call
    def open_pull_request(
        self, repository: str, head: str, base: str, title: str, body: str
    ) -> PullRequestInfo:
        return self._open(repository, head, base, title, body, author=self.me)

    @_call
    def pull_request(self, repository: str, number: int) -> PullRequestInfo:
        return self._pull(repository, number)

    @_call
    def pull_requests(
        self, repository: str, *, head: str | None = None, state: Literal["open", "all"] = "open"
    ) -> Sequence[PullRequestInfo]:
        found = sorted(self._place(repository).pulls.values(), key=lambda pull: -pull.number)
        return [
            replace(pull, by="")
            for pull in found
            if (state == "all" or pull.state == "open")
            and (head is None or (pull.head_branch == head and not pull.from_fork))
        ]

    @_call
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
        given = {"title": title, "body": body}
        changes: dict[str, Any] = {name: text for name, text in given.items() if text is not None}
        if labels is not None:
            changes["labels"] = frozenset(labels)
        pull = self._pull(repository, number)
        self._place(repository).pulls[number] = replace(pull, **changes)
        self._place(repository).changed[number] = self._now()
        if closed is not None:
            self._end(repository, number, closed=closed, by=self.me)

    @_call
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
        if method == "fast-forward":
            raise Refused("no pull request is merged by fast-forward: push the commit instead")
        place, pull = self._place(repository), self._pull(repository, number)
        if pull.merged_sha is not None and pull.head_sha == sha:
            return pull.merged_sha
        if pull.head_sha != sha:
            raise Conflict(f"the head of {number} is {pull.head_sha}, not {sha}")
        if pull.state != "open":
            raise Refused("Pull Request is not mergeable")
        if method not in place.methods:
            raise Refused(f"{method.capitalize()} merges are not allowed on this repository.")
        if number in place.blocked:
            raise Refused(place.blocked[number])
        return self._merge(repository, Merged(number, sha, method, title, message), self.me)

    # Evidence

    @_call
    def set_status(self, repository: str, sha: str, state: StatusState, line: str) -> None:
        if len(line) > 140:
            raise Refused("description is too long (maximum is 140 characters)")
        self.report(repository, sha, STATUS_CONTEXT, state)
        statuses = self._place(repository).statuses
        since = statuses[sha].since if sha in statuses else self._now()
        statuses[sha] = OwnStatus(state, line, since)

    @_call
    def own_status(self, repository: str, sha: str) -> OwnStatus | None:
        return self._place(repository).statuses.get(sha)

    @_call
    def checks(self, repository: str, sha: str, by: ReportedBy | None = None) -> Sequence[Check]:
        del by  # all are of one way here
        found = self._place(repository).checks.values()
        return sorted((check for check in found if check.sha == sha), key=lambda check: check.name)

    @_call
    def reviews(self, repository: str, number: int) -> Sequence[ReviewInfo]:
        return list(self._place(repository).reviews.get(self._pull(repository, number).number, []))

    @_call
    def workflow_runs(self, repository: str, workflow: str, sha: str) -> Sequence[RunInfo]:
        runs = self._workflow(repository, workflow)
        return [run for at, run, _ in reversed(runs) if at == sha and run.id not in self.unseen]

    @_call
    def start_workflow(
        self, repository: str, workflow: str, branch: str, inputs: Mapping[str, str]
    ) -> None:
        runs, place = self._workflow(repository, workflow), self._place(repository)
        if branch not in place.branches:
            raise Refused(f"No ref found for: {branch}")
        number = 1 + sum(map(len, place.workflows.values()))
        url = f"https://forge.example/{repository}/runs/{number}"
        run = RunInfo(number, "queued", url, self._now())
        runs.append((place.branches[branch], run, dict(inputs)))

    # People

    @_call
    def permission(self, repository: str, login: str) -> Permission:
        place = self._place(repository)
        return place.permissions.get(login.lower(), "read" if place.public else "none")

    @_call
    def members(self, team: str) -> frozenset[str] | None:
        members = self._teams.get(team.lower())
        if members is None:
            return None
        return frozenset(login for login, state in members.items() if state == "active")

    @_call
    def authors(self, repository: str, shas: Sequence[str]) -> Mapping[str, frozenset[str]]:
        known = self._place(repository).authors
        for sha in shas:
            if sha not in known:
                raise NotFound(f"no commit found for {sha} in {repository}")
        return {sha: known[sha] for sha in shas}

    # Conversation

    @_call
    def comments(
        self,
        repository: str,
        number: int,
        since: datetime | None = None,
        *,
        on_pull_request: bool,
    ) -> Sequence[CommentInfo]:
        place = self._place(repository)
        known = number in (place.pulls if on_pull_request else place.issues)
        spoken = place.spoken.get(number, []) if known else []
        return [one for one in spoken if since is None or one.at >= since]

    @_call
    def comment(
        self,
        repository: str,
        number: int,
        marker: str,
        body: str,
        *,
        on_pull_request: bool,
    ) -> None:
        place = self._place(repository)
        if number not in (place.pulls if on_pull_request else place.issues):
            raise NotFound(f"there is no {number} in {repository}")
        said = place.comments.get(number, [])
        if not any(person == self.me and carries(text, marker) for person, text in said):
            self.say(repository, number, self.me, marked(body, marker))

    @_call
    def acknowledge(
        self,
        repository: str,
        number: int,
        comment: int,
        *,
        on_pull_request: bool,
    ) -> None:
        place = self._place(repository)
        if number not in (place.pulls if on_pull_request else place.issues):
            raise NotFound(f"there is no {number} in {repository}")
        place.acknowledged.add(comment)

    @_call
    def issue(self, repository: str, marker: str) -> IssueInfo | None:
        found = self._own_issue(repository, marker)
        return None if found is None else _shown(found.info, marker)

    @_call
    def write_issue(
        self, repository: str, marker: str, *, title: str, body: str, open_: bool
    ) -> IssueInfo | None:
        found = self._own_issue(repository, marker)
        if found is None and not open_:
            return None
        if found is None:
            # All at once: tests look from other threads.
            number = self.open_issue_as(self.me, repository, marked(body, marker), title)
            return _shown(self._place(repository).issues[number].info, marker)
        found.info = replace(found.info, title=title, body=marked(body, marker), open=open_)
        self._place(repository).changed[found.info.number] = self._now()
        return _shown(found.info, marker)

    def _own_issue(self, repository: str, marker: str) -> OwnedIssue | None:
        for issue in self._place(repository).issues.values():
            if issue.author == self.me and carries(issue.info.body, marker):
                return issue
        return None


def _shown(info: IssueInfo, marker: str) -> IssueInfo:
    return replace(info, body=unmarked(info.body, marker))
