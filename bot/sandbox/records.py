"""What the sandbox remembers: frozen records that hold nothing but plain data.

Forge-neutral: ids, names, states. What a forge calls them and how it shows them is its
dialect's business. Times are ISO 8601 in UTC, to the second.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ROLES = ("none", "guest", "planner", "read", "triage", "write", "maintain", "admin")
"""What a person may do in a repository, weakest first; the second and third are GitLab's alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Something with an id; `repo_id` is 0 for what belongs to no repository."""

    id: int
    repo_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Account(Record):
    """A person, an organisation or an App's own user.

    A group inside another has its whole path (`acme/team`) as its login. Members map login to
    `member`, `admin` or another role.
    """

    login: str
    name: str
    email: str
    type: str = "User"
    members: Mapping[str, str] = field(default_factory=dict)
    parent_id: int | None = None
    private: bool = False
    instance_admin: bool = False
    created_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token(Record):
    """A secret that speaks for an account.

    `permissions` (GitHub's) and `scopes` (GitLab's) None mean all that the account may.
    """

    secret: str
    account_id: int
    permissions: Mapping[str, str] | None = None
    scopes: tuple[str, ...] | None = None
    name: str = ""
    revoked: bool = False
    installation_id: int | None = None
    repository_ids: tuple[int, ...] | None = None
    expires: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Team(Record):
    """A team of an organisation; members map login to (role, state)."""

    org_id: int
    slug: str
    name: str
    members: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    created_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class App(Record):
    """An App: who it is, the public key that its JWTs are checked with."""

    slug: str
    name: str
    owner_id: int
    bot_id: int
    public_key: str
    permissions: Mapping[str, str]
    events: tuple[str, ...]
    created_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation(Record):
    """An App on an account; `repository_ids` None means all of its repositories."""

    app_id: int
    account_id: int
    repository_ids: tuple[int, ...] | None
    permissions: Mapping[str, str]
    created_at: str = ""
    suspended_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository(Record):
    """A repository; `refs` are those last announced, so a restart notices what it missed.

    `former_paths` are whole ones, left by a move to another owner; `shares` map a group to the
    role its members have here; `settings` are GitLab's, in its own words.
    """

    owner_id: int
    name: str
    private: bool = False
    description: str | None = None
    default_branch: str = "main"
    archived: bool = False
    fork_of: int | None = None
    former_names: tuple[str, ...] = ()
    former_paths: tuple[str, ...] = ()
    merge_methods: tuple[str, ...] = ("merge", "squash", "rebase")
    delete_branch_on_merge: bool = False
    collaborators: Mapping[str, str] = field(default_factory=dict)
    teams: Mapping[str, str] = field(default_factory=dict)
    shares: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    next_iids: Mapping[str, int] = field(default_factory=dict)
    refs: Mapping[str, str] = field(default_factory=dict)
    next_number: int = 1
    created_at: str = ""
    updated_at: str = ""
    pushed_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection(Record):
    """What a branch asks for; `checks` or `approvals` None means not asked."""

    branch: str
    checks: tuple[str, ...] | None = None
    strict: bool = False
    approvals: int | None = None
    dismiss_stale: bool = False
    code_owners: bool = False
    enforce_admins: bool = False
    linear: bool = False
    allow_force_pushes: bool = False
    allow_deletions: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Label(Record):
    """A label of a repository."""

    name: str
    color: str = "ededed"
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue(Record):
    """An issue, or the conversation of a pull request of the same number.

    `number` is one series for both, as GitHub counts; `iid` one for each, as GitLab does.
    """

    number: int
    title: str
    body: str | None
    author_id: int
    state: str = "open"
    state_reason: str | None = None
    labels: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    is_pull: bool = False
    closed_at: str | None = None
    closed_by: int | None = None
    app_id: int | None = None
    iid: int = 0
    confidential: bool = False
    created_at: str = ""
    updated_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull(Record):
    """The git half of a pull request.

    `intent` is the merge under way, (merge commit, account id, method), written before the base
    moves so that a kill between the two is finished at the next start. `merge_how` is the way it
    was merged; `auto_merge` what to merge with, and for whom, once everything allows it;
    `shown_status` is said in place of the true one, as by a forge that has yet to look.
    """

    number: int
    base_ref: str
    base_sha: str
    head_repo_id: int
    head_ref: str
    head_sha: str
    draft: bool = False
    reviewers: tuple[str, ...] = ()
    team_reviewers: tuple[str, ...] = ()
    maintainer_can_modify: bool = False
    merged_at: str | None = None
    merged_by: int | None = None
    merge_sha: str | None = None
    intent: tuple[str, int, str] | None = None
    squash: bool = False
    squash_sha: str | None = None
    merge_how: str = ""
    remove_head: bool = False
    auto_merge: Mapping[str, Any] | None = None
    merge_error: str | None = None
    shown_status: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment(Record):
    """A comment on an issue or a pull request, or with number 0 on a commit.

    `thread` is the id of the discussion it is part of, where it is part of one.
    """

    number: int
    author_id: int
    body: str
    app_id: int | None = None
    system: bool = False
    internal: bool = False
    commit_sha: str = ""
    thread: str = ""
    resolved: bool = False
    created_at: str = ""
    updated_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review(Record):
    """A review; `state` is PENDING, COMMENTED, APPROVED, CHANGES_REQUESTED or DISMISSED."""

    number: int
    author_id: int
    state: str
    body: str
    commit_sha: str
    submitted_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction(Record):
    """An emoji on a comment or an issue: `subject` is `comment/ID` or `issue/NUMBER`."""

    subject: str
    author_id: int
    content: str
    created_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status(Record):
    """A commit status; the newest of a context counts."""

    sha: str
    context: str
    state: str
    description: str | None
    target_url: str | None
    author_id: int
    pipeline_id: int = 0
    created_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSuite(Record):
    """The check runs of one App on one commit."""

    sha: str
    branch: str | None
    app_id: int
    status: str = "queued"
    conclusion: str | None = None
    created_at: str = ""
    updated_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRun(Record):
    """One check of an App on one commit."""

    sha: str
    suite_id: int
    app_id: int
    name: str
    status: str = "queued"
    conclusion: str | None = None
    external_id: str = ""
    details_url: str | None = None
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    started_at: str | None = None
    completed_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowRun(Record):
    """A run of a workflow that was started by hand, on the commit that its branch was at."""

    workflow: str
    branch: str
    sha: str
    actor_id: int
    status: str = "queued"
    conclusion: str | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    created_at: str = ""
    updated_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook(Record):
    """Where to deliver: a repository's hook, an App's when `app_id` is set, else the server's.

    `signing` is the key of GitLab's signed deliveries, as it is given: `whsec_…`.
    """

    url: str
    secret: str | None
    events: tuple[str, ...]
    dialect: str = "github"
    content_type: str = "json"
    active: bool = True
    app_id: int | None = None
    signing: str | None = None
    name: str = ""
    description: str = ""
    branch_filter: str = ""
    last_code: int | None = None
    last_message: str | None = None
    created_at: str = ""
    updated_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery(Record):
    """One attempt to deliver; `status_code` is 0 until it was answered."""

    hook_id: int
    guid: str
    event: str
    action: str | None
    request_headers: Mapping[str, str]
    body: str
    installation_id: int | None = None
    redelivery: bool = False
    state: str = "queued"
    status: str = ""
    status_code: int = 0
    duration: float = 0.0
    response_headers: Mapping[str, str] = field(default_factory=dict)
    response_body: str = ""
    delivered_at: str = ""


def at_least(role: str, needed: str) -> bool:
    """Say whether a role is as strong as another; an unknown one is none."""
    rank = {name: place for place, name in enumerate(ROLES)}
    return rank.get(role, 0) >= rank[needed]


def plain(value: Any) -> Any:
    """Turn lists from JSON back into the tuples that records hold."""
    if isinstance(value, list):
        return tuple(plain(item) for item in value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value
