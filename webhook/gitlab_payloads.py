"""What each of GitLab's payloads says, and which of them cannot matter.

Deliveries of 2017 and of today both pass, those of a project and those of the whole server. What
cannot matter ends here, with its reason.
"""

import re
from abc import abstractmethod
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AwareDatetime, BeforeValidator, Field

from webhook.events import (
    OUR_BRANCHES,
    ChecksChanged,
    Comment,
    Delivery,
    Event,
    ForgeId,
    Ignored,
    Name,
    PullRequestAction,
    PullRequestChanged,
    RepositoryChanged,
    RepositoryRef,
    ReviewChanged,
    Sha,
)
from webhook.payloads import (
    NO_CANDIDATE,
    UNDECIDED,
    Part,
    Payload,
    command_text,
    moved,
    repository_ref,
)

MOST_BRANCHES = 50
"""Most branches of one push of which each is passed on; the re-observe finds the rest."""

_BOT = re.compile(r"(?:project|group)_[0-9]+_bot(?:_?[0-9a-f]+)?|(?:alert|support|security)-bot")
# What a pipeline or a job comes to; a manual one waits for a person, which is news.
_DECIDED = {"success", "failed", "canceled", "skipped", "manual"}
_RED = {"failed", "canceled"}
_TOLD_BY = "its merge request"
_ref = partial(repository_ref, "gitlab")


def _moment(value: object) -> object:
    """Read a time as GitLab writes it: `2017-12-10 17:05:14 UTC`, or with an offset, or ISO."""
    if not isinstance(value, str):
        return value
    text = re.sub(r" ([+-]\d{4})$", r"\1", value.replace(" UTC", "+00:00"))
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return value


Moment = Annotated[AwareDatetime, BeforeValidator(_moment)]


class _User(Part):
    username: Name | None = None


class _Project(Part):
    # Older deliveries and those of the server have the id beside the project alone.
    id: ForgeId | None = None
    path_with_namespace: Name
    default_branch: Name | None = None


class _AtProject(Payload):
    project: _Project
    project_id: ForgeId | None = None
    user: _User | None = None

    @property
    def by(self) -> str | None:
        """Return the login of who did it, where GitLab says so."""
        return self.user.username if self.user else None

    @property
    def ref_(self) -> RepositoryRef | None:
        """Return the project, None where its number is not told."""
        number = self.project.id or self.project_id
        if number is None:
            return None
        return repository_ref(
            "gitlab", number, self.project.path_with_namespace, self.project.default_branch
        )

    @abstractmethod
    def event(self) -> Event | Ignored:
        """Return what this says about its project."""

    def deliveries(self, delivery: str) -> tuple[Delivery, ...] | Ignored:
        event, repository = self.event(), self.ref_
        if isinstance(event, Ignored):
            return event
        if repository is None:
            return Ignored("it does not say of which project")
        return (Delivery(id=delivery, repository=repository, event=event),)


class _PushHook(_AtProject):
    ref: Name
    before: Sha
    after: Sha
    # Older deliveries have a display name alone, which names nobody.
    user_username: Name | None = None

    def event(self) -> Event | Ignored:
        return moved(self.ref, self.before, self.after, self.user_username, _TOLD_BY)


class _RefChange(Part):
    before: Sha
    after: Sha
    ref: Name


class _RepositoryUpdate(_AtProject):
    """A push as the server tells it: all of its refs at once, however many."""

    changes: tuple[_RefChange, ...]

    def event(self) -> Ignored:
        return Ignored("none of its branches matters")

    def deliveries(self, delivery: str) -> tuple[Delivery, ...] | Ignored:
        repository = self.ref_
        events = [moved(one.ref, one.before, one.after, None, _TOLD_BY) for one in self.changes]
        telling = [event for event in events if not isinstance(event, Ignored)]
        if repository is None or not telling:
            return self.event()
        return tuple(
            Delivery(id=f"{delivery}/{number}", repository=repository, event=event)
            for number, event in enumerate(telling[:MOST_BRANCHES])
        )


class _LastCommit(Part):
    id: Sha


_REVIEWS = {"approved", "approval", "unapproved", "unapproval"}


class _MergeRequest(Part):
    iid: ForgeId
    source_branch: Name
    target_branch: Name
    source_project_id: ForgeId | None = None
    target_project_id: ForgeId | None = None
    state: str = ""
    action: str | None = None
    oldrev: str | None = None
    last_commit: _LastCommit | None = None

    @property
    def from_fork(self) -> bool:
        return self.source_project_id is None or self.source_project_id != self.target_project_id

    @property
    def is_ours(self) -> bool:
        return self.source_branch.startswith(OUR_BRANCHES) and not self.from_fork


class _MergeRequestHook(_AtProject):
    object_attributes: _MergeRequest
    changes: dict[str, Any] = Field(default_factory=dict)

    def event(self) -> Event | Ignored:
        found = self.object_attributes
        if found.is_ours and (found.action in _REVIEWS or "reviewers" in self.changes):
            return ReviewChanged(number=found.iid, by=self.by)
        action = self._action()
        if isinstance(action, Ignored):
            return action
        if action != "closed" and not found.is_ours:
            return Ignored("not a merge request of Lockstep's, and not closed")
        if found.last_commit is None:
            return Ignored("a merge request without a commit")
        return PullRequestChanged(
            number=found.iid,
            action=action,
            head_branch=found.source_branch,
            head_sha=found.last_commit.id,
            base_branch=found.target_branch,
            merged=found.action == "merge" or found.state == "merged",
            from_fork=found.from_fork,
            by=self.by,
        )

    def _action(self) -> PullRequestAction | Ignored:  # noqa: PLR0911 - one line for each
        found = self.object_attributes
        if found.action in {"close", "merge"}:
            return "closed"
        if found.action == "reopen":
            return "reopened"
        if found.action in {"open", *_REVIEWS}:
            return Ignored("Lockstep opened its own by itself, and others matter when merged")
        if found.oldrev:
            return "head_moved"
        if "target_branch" in self.changes:
            return "retargeted"
        for name in ("draft", "work_in_progress"):
            if isinstance(change := self.changes.get(name), dict):
                return "draft" if change.get("current") else "ready"
        if "labels" in self.changes:
            return "labelled"
        return Ignored("neither its head nor its base nor its state changed")


class _Note(Part):
    id: ForgeId
    note: str | None = None
    noteable_type: str
    created_at: Moment
    system: bool = False
    internal: bool = False
    # Told since 16.1; before, GitLab sent none of those that were edited.
    action: str | None = None


class _Numbered(Part):
    iid: ForgeId
    confidential: bool = False


class _NoteHook(_AtProject):
    object_attributes: _Note
    event_type: str = "note"
    merge_request: _Numbered | None = None
    issue: _Numbered | None = None

    def event(self) -> Event | Ignored:  # noqa: PLR0911 - one line for each reason
        note = self.object_attributes
        on = {"MergeRequest": self.merge_request, "Issue": self.issue}.get(note.noteable_type)
        if on is None:
            return Ignored("neither on a merge request nor on an issue")
        if on.confidential or note.internal or self.event_type == "confidential_note":
            return Ignored("confidential: an answer could tell of it")
        if note.system:
            return Ignored("GitLab's own note")
        if note.action not in {None, "create"}:
            return Ignored("only a new comment can hold a command")
        if self.by is None or _BOT.fullmatch(self.by):
            return Ignored("not said by a person")
        text = command_text(note.note)
        if isinstance(text, Ignored):
            return text
        return Comment(
            number=on.iid,
            id=note.id,
            author=self.by,
            at=note.created_at,
            text=text,
            on_pull_request=self.merge_request is not None,
        )


def _checked(
    sha: str, branches: tuple[str | None, ...], name: str | None, *, failed: bool
) -> Event | Ignored:
    known = [branch for branch in branches if branch and not branch.startswith("refs/")]
    if known and not any(branch.startswith(OUR_BRANCHES) for branch in known):
        return NO_CANDIDATE
    return ChecksChanged(sha=sha, name=name, failed=failed)


class _Named(Part):
    name: Name


class _Pipeline(Part):
    ref: Name | None = None
    sha: Sha
    status: str
    source: str | None = None

    @property
    def is_news(self) -> bool:
        # Our own status waits in it, so one of statuses alone goes on and does not end; and
        # GitLab tells of no status that comes from outside in any other way.
        return self.status in _DECIDED or (self.source, self.status) == ("external", "running")


class _OfPipeline(Part):
    source_branch: Name


class _PipelineHook(_AtProject):
    object_attributes: _Pipeline
    merge_request: _OfPipeline | None = None
    builds: tuple[_Named, ...] = ()

    def event(self) -> Event | Ignored:
        found, asked = self.object_attributes, self.merge_request
        if not found.is_news:
            return UNDECIDED
        if self.builds:
            return Ignored("its jobs have told it already, one by one")
        branches = (found.ref, asked.source_branch if asked else None)
        return _checked(found.sha, branches, None, failed=found.status in _RED)


class _Homepage(Part):
    homepage: Name


class _JobHook(Payload):
    """A job; those before GitLab 15 tell their project by its address alone."""

    ref: Name | None = None
    sha: Sha
    project_id: ForgeId
    build_name: Name | None = None
    build_status: str = ""
    build_allow_failure: bool = False
    project: _Project | None = None
    repository: _Homepage | None = None

    def deliveries(self, delivery: str) -> tuple[Delivery, ...] | Ignored:
        if self.build_status not in _DECIDED:
            return UNDECIDED
        failed = self.build_status in _RED and not self.build_allow_failure
        event = _checked(self.sha, (self.ref,), self.build_name, failed=failed)
        if isinstance(event, Ignored):
            return event
        project = self.project or _Project(path_with_namespace=self._path() or "?")
        if "/" not in project.path_with_namespace:
            return Ignored("it does not say of which project")
        place = repository_ref(
            "gitlab", self.project_id, project.path_with_namespace, project.default_branch
        )
        return (Delivery(id=delivery, repository=place, event=event),)

    def _path(self) -> str:
        return urlsplit(self.repository.homepage).path.strip("/") if self.repository else ""


class _ProjectHook(Payload):
    """A project that was renamed, moved, changed or deleted, as the server tells it."""

    event_name: str
    project_id: ForgeId
    path_with_namespace: Name
    old_path_with_namespace: Name | None = None

    def deliveries(self, delivery: str) -> tuple[Delivery, ...] | Ignored:
        now, before = self.path_with_namespace, self.old_path_with_namespace
        if self.event_name in {"project_rename", "project_transfer"} and before:
            moved = RepositoryChanged(change="moved", before=before, after=now, by=None)
            # The pipeline under the former name has to hear that it ends.
            return tuple(
                Delivery(
                    id=delivery,
                    repository=_ref(self.project_id, path, None),
                    event=moved,
                )
                for path in (before, now)
            )
        changes: dict[str, Literal["deleted", "default_branch"]] = {
            "project_destroy": "deleted",
            # What of it changed is not told; that it is looked at again is all that this says.
            "project_update": "default_branch",
        }
        change = changes.get(self.event_name)
        if change is None:
            return Ignored("a new project is known by its first push")
        event = RepositoryChanged(change=change, by=None)
        return (
            Delivery(
                id=delivery,
                repository=_ref(self.project_id, now, None),
                event=event,
            ),
        )


PAYLOADS: dict[str, type[Payload]] = {
    "push": _PushHook,
    "repository_update": _RepositoryUpdate,
    "merge_request": _MergeRequestHook,
    "note": _NoteHook,
    "pipeline": _PipelineHook,
    "build": _JobHook,
    "project_create": _ProjectHook,
    "project_destroy": _ProjectHook,
    "project_rename": _ProjectHook,
    "project_transfer": _ProjectHook,
    "project_update": _ProjectHook,
}
"""By what the body says that it is."""
