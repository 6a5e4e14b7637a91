"""What only GitLab knows of: protected branches with levels, pipelines and their jobs."""

from dataclasses import dataclass

from bot.sandbox.records import Record

Level = tuple[int, str | None, int | None, int | None]
"""Who may push or merge: (id, role, user id, group id), one of the last three set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectedBranch(Record):
    """A branch, or a pattern of them, with who may push to it and merge into it.

    An empty list lets nobody; the role `none` in it says so too.
    """

    name: str
    push_access: tuple[Level, ...] = ()
    merge_access: tuple[Level, ...] = ()
    allow_force_push: bool = False
    code_owner_approval: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline(Record):
    """A run of CI for a commit; `source` is `external` for one that statuses alone make up.

    `told` is the state that was last announced.
    """

    iid: int
    sha: str
    ref: str
    status: str
    source: str = "push"
    user_id: int
    told: str = ""
    created_at: str = ""
    updated_at: str = ""
    started_at: str | None = None
    finished_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(Record):
    """A job of a pipeline, in GitLab's own states."""

    pipeline_id: int
    name: str
    status: str
    stage: str = "test"
    allow_failure: bool = False
    created_at: str = ""
    started_at: str | None = None
    finished_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Version(Record):
    """What a merge request proposed from a moment on."""

    number: int
    head_sha: str
    base_sha: str
    created_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelEvent(Record):
    """A label that was put on an issue or a merge request (`add`) or taken off (`remove`)."""

    number: int
    label: str
    action: str
    user_id: int
    created_at: str = ""
