"""What people, CI and git do on the forge in memory, and all that it holds.

A commit is a sha and no more: who wants real ones gives `land`.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Literal

from bot.decisions.facts import Check, CheckState, MergeMethod, Permission, ReviewState, RunState
from bot.forges.forge import (
    CommentInfo,
    ForgeError,
    IssueInfo,
    NotFound,
    OwnStatus,
    PullRequestInfo,
    Refused,
    RepositoryInfo,
    ReviewInfo,
    RunInfo,
)


@dataclass(frozen=True, slots=True)
class Merged:
    """A merge as the forge was asked to make it."""

    number: int
    sha: str
    method: MergeMethod
    title: str
    message: str


Land = Callable[[str, PullRequestInfo, Merged], str]
"""Makes the commit of a merge in a repository and returns its sha."""


@dataclass(slots=True)
class _Fault:
    method: str
    error: ForgeError
    after: bool


@dataclass(slots=True)
class OwnedIssue:
    """An issue and who opened it."""

    info: IssueInfo
    author: str


@dataclass(slots=True)
class Place:
    """All that a repository holds."""

    info: RepositoryInfo
    branches: dict[str, str]
    public: bool = True
    permissions: dict[str, Permission] = field(default_factory=dict)
    methods: set[MergeMethod] = field(default_factory=lambda: {"merge", "squash", "rebase"})
    pulls: dict[int, PullRequestInfo] = field(default_factory=dict)
    blocked: dict[int, str] = field(default_factory=dict)
    issues: dict[int, OwnedIssue] = field(default_factory=dict)
    comments: dict[int, list[tuple[str, str]]] = field(default_factory=dict)
    spoken: dict[int, list[CommentInfo]] = field(default_factory=dict)
    changed: dict[int, datetime] = field(default_factory=dict)
    statuses: dict[str, OwnStatus] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)
    acknowledged: set[int] = field(default_factory=set)
    checks: dict[tuple[str, str], Check] = field(default_factory=dict)
    reviews: dict[int, list[ReviewInfo]] = field(default_factory=dict)
    authors: dict[str, frozenset[str]] = field(default_factory=dict)
    merges: list[Merged] = field(default_factory=list)
    workflows: dict[str, list[tuple[str, RunInfo, dict[str, str]]]] = field(default_factory=dict)

    def number(self) -> int:
        """Return the next number, which pull requests and issues share."""
        return 1 + max([0, *self.pulls, *self.issues])


class MemoryWorld:
    """Repositories, teams and what is to go wrong; `me` is the bot's login."""

    def __init__(
        self,
        login: str = "lockstep",
        *,
        now: Callable[[], datetime] | None = None,
        land: Land | None = None,
    ) -> None:
        self.places: dict[str, Place] = {}
        self.me = login
        self._land = land or _made_up
        self._teams: dict[str, dict[str, str]] = {}
        self._former: dict[str, str] = {}
        self._faults: list[_Fault] = []
        # Runs that the forge has started and does not list yet.
        self.unseen: set[int] = set()
        ticks = count()
        # Every moment is later than the one before, so that "newest" has one meaning.
        self._now = now or (
            lambda: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=next(ticks))
        )

    def add_repository(
        self, full_name: str, branches: Mapping[str, str], *, public: bool = True
    ) -> RepositoryInfo:
        owner, _, name = full_name.partition("/")
        info = RepositoryInfo(
            owner=owner,
            name=name,
            id=1000 + len(self.places),
            clone_url=f"https://forge.example/{full_name}.git",
            default_branch=next(iter(branches)),
            archived=False,
            can_write=True,
        )
        self.places[full_name] = Place(info, dict(branches), public)
        self.places[full_name].permissions[self.me] = "write"
        return info

    def add_workflow(self, full_name: str, workflow: str) -> None:
        """Add a workflow that can be started by hand."""
        self._place(full_name).workflows[workflow] = []

    def set_run(self, full_name: str, number: int, state: RunState) -> None:
        """Bring a run into a state."""
        for runs in self._place(full_name).workflows.values():
            for index, (sha, run, inputs) in enumerate(runs):
                if run.id == number:
                    runs[index] = (sha, replace(run, state=state), inputs)

    def _workflow(self, full_name: str, workflow: str) -> list[tuple[str, RunInfo, dict[str, str]]]:
        found = self._place(full_name).workflows
        if workflow not in found:
            raise NotFound(f"there is no workflow {workflow} in {full_name}")
        return found[workflow]

    def rename(self, full_name: str, name: str) -> None:
        place = self.places.pop(full_name)
        place.info = replace(place.info, name=name)
        self._former[full_name] = place.info.full_name
        self.places[place.info.full_name] = place

    def move(self, repository: str, branch: str, sha: str | None) -> None:
        """Let a branch be at a commit, as after a push; None deletes it."""
        place = self._place(repository)
        if sha is None:
            del place.branches[branch]
        else:
            place.branches[branch] = sha
        for number, pull in place.pulls.items():
            if pull.state != "open" or pull.from_fork or pull.head_branch != branch:
                continue
            followed = replace(pull, state="closed") if sha is None else replace(pull, head_sha=sha)
            place.pulls[number] = followed

    def set_permission(self, repository: str, login: str, permission: Permission) -> None:
        self._place(repository).permissions[login.lower()] = permission

    def set_team(self, team: str, members: Mapping[str, Literal["active", "pending"]]) -> None:
        self._teams[team.lower()] = dict(members)

    def allow(self, repository: str, *methods: MergeMethod) -> None:
        self._place(repository).methods = set(methods)

    def block(self, repository: str, number: int, words: str | None) -> None:
        """Refuse to merge a pull request, in these words; None allows it again."""
        blocked = self._place(repository).blocked
        blocked.pop(number, None)
        if words is not None:
            blocked[number] = words

    def report(self, repository: str, sha: str, name: str, state: CheckState) -> None:
        """Report a status or a check run."""
        self._place(repository).checks[sha, name] = Check(name, sha, state, self._now())

    def review(self, repository: str, number: int, person: str, state: ReviewState) -> None:
        place = self._place(repository)
        given = ReviewInfo(person, state, place.pulls[number].head_sha, self._now())
        place.reviews.setdefault(number, []).append(given)
        place.changed[number] = given.at

    def say(self, repository: str, number: int, person: str, body: str, said: int = 0) -> int:
        """Comment as a person; `said` is the comment's id, a new one where it is 0."""
        place = self._place(repository)
        place.comments.setdefault(number, []).append((person, body))
        known = sum(len(under) for under in place.spoken.values())
        comment = CommentInfo(said or 100_000 + known, person, self._now(), body, edited=False)
        place.spoken.setdefault(number, []).append(comment)
        place.changed[number] = comment.at
        return comment.id

    def wrote(self, repository: str, sha: str, *people: str) -> None:
        self._place(repository).authors[sha] = frozenset(people)

    def open_as(
        self, person: str, repository: str, head: str, base: str, *, fork: bool = False
    ) -> int:
        """Open somebody else's pull request; one from a fork has a head of its own."""
        sha = _sha("fork", person, head) if fork else None
        made = self._open(repository, head, base, f"{person}'s", "", author=person, fork_sha=sha)
        return made.number

    def open_issue_as(
        self, person: str, repository: str, body: str, title: str = "An issue"
    ) -> int:
        place = self._place(repository)
        number = place.number()
        url = f"https://forge.example/{place.info.full_name}/issues/{number}"
        place.issues[number] = OwnedIssue(
            IssueInfo(number, url, open=True, title=title, body=body), person
        )
        place.changed[number] = self._now()
        return number

    def close_as(self, person: str, repository: str, number: int) -> None:
        self._end(repository, number, closed=True, by=person)

    def reopen(self, repository: str, number: int) -> None:
        self._end(repository, number, closed=False, by="")

    def merge_as(self, person: str, repository: str, number: int) -> str:
        pull = self._pull(repository, number)
        asked = Merged(number, pull.head_sha, "merge", f"Merge pull request #{number}", pull.title)
        return self._merge(repository, asked, person)

    def fail(self, method: str, error: ForgeError, *, after: bool = False) -> None:
        """Let the next call of a method fail, with `after` once it has been done."""
        self._faults.append(_Fault(method, error, after))

    def _take(self, method: str) -> _Fault | None:
        for at, fault in enumerate(self._faults):
            if fault.method == method:
                return self._faults.pop(at)
        return None

    def _place(self, full_name: str) -> Place:
        place = self.places.get(self._former.get(full_name, full_name))
        if place is None:
            raise NotFound(f"there is no repository {full_name}")
        return place

    def _pull(self, repository: str, number: int) -> PullRequestInfo:
        pull = self._place(repository).pulls.get(number)
        if pull is None:
            raise NotFound(f"there is no pull request {number} in {repository}")
        return pull

    def _open(
        self,
        repository: str,
        head: str,
        base: str,
        title: str,
        body: str,
        *,
        author: str,
        fork_sha: str | None = None,
    ) -> PullRequestInfo:
        place = self._place(repository)
        sha = fork_sha or place.branches.get(head)
        if sha is None or base not in place.branches:
            raise Refused(f"there is no branch {head if sha is None else base} in {repository}")
        for twin in place.pulls.values():
            same = (twin.head_branch, twin.base_branch, twin.from_fork, twin.state)
            if same == (head, base, fork_sha is not None, "open"):
                if author == self.me == twin.author:
                    return twin
                raise Refused(f"A pull request already exists for {head}.")
        if sha == place.branches[base]:
            raise Refused(f"No commits between {base} and {head}")
        number = place.number()
        made = PullRequestInfo(
            number=number,
            url=f"https://forge.example/{place.info.full_name}/pull/{number}",
            state="open",
            title=title,
            body=body,
            head_branch=head,
            head_sha=sha,
            base_branch=base,
            from_fork=fork_sha is not None,
            author=author,
        )
        place.pulls[number] = made
        place.changed[number] = self._now()
        return made

    def _end(self, repository: str, number: int, *, closed: bool, by: str) -> None:
        place, pull = self._place(repository), self._pull(repository, number)
        place.changed[number] = self._now()
        if pull.state == ("closed" if closed else "open"):
            return
        if pull.state == "merged":
            if not closed:
                raise Refused(f"pull request {number} cannot be reopened: it is merged")
            return
        if closed:
            place.pulls[number] = replace(pull, state="closed", by=by)
            return
        head = pull.head_sha if pull.from_fork else place.branches.get(pull.head_branch)
        if head is None:
            raise Refused(f"pull request {number} cannot be reopened: its branch is gone")
        place.pulls[number] = replace(pull, state="open", by="", head_sha=head)

    def _merge(self, repository: str, asked: Merged, by: str) -> str:
        place, pull = self._place(repository), self._pull(repository, asked.number)
        commit = self._land(place.info.full_name, pull, asked)
        place.merges.append(asked)
        place.pulls[asked.number] = replace(pull, state="merged", by=by, merged_sha=commit)
        self.move(repository, pull.base_branch, commit)
        return commit


def _made_up(repository: str, pull: PullRequestInfo, asked: Merged) -> str:
    return _sha("merge", repository, str(pull.number), asked.sha)


def _sha(*parts: str) -> str:
    """Return what looks like a commit's id, the same for the same parts."""
    return hashlib.sha1("\0".join(parts).encode(), usedforsecurity=False).hexdigest()
