"""What a forge told us, in no forge's words: small frozen values that cross Temporal.

An event is a hint: it says *look*, never *what is true*. It carries references and ids; the one
text is a comment's, because a command is a fact that a person stated. Unknown fields are skipped
when read back, so that a newer receiver may talk to an older worker.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from bot.model import ForgeName, ReportedBy

MAX_TEXT = 8 * 1024
"""Most bytes of a comment's text, as UTF-8."""

OUR_BRANCHES = "lockstep/"
FREEZE_BRANCH = "lockstep/freeze"
"""While it is there nothing merges: of our branches the one that matters by itself."""


def is_work(branch: str) -> bool:
    """Whether a branch is one that a pull request of ours is made of, and so tells the same."""
    return branch.startswith(OUR_BRANCHES) and branch != FREEZE_BRANCH


# A path segment that is neither empty nor "." nor "..": it becomes part of ids and of paths.
_SEGMENT = r"\.*[A-Za-z0-9_-][A-Za-z0-9_.-]*"

Name = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
Owner = Annotated[str, StringConstraints(pattern=rf"^{_SEGMENT}(/{_SEGMENT})*$", max_length=500)]
RepositoryName = Annotated[str, StringConstraints(pattern=rf"^{_SEGMENT}$", max_length=200)]
Sha = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})$")]
ForgeId = Annotated[int, Field(ge=1, lt=2**63)]
DeliveryId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:/-]{1,200}$")]
PullRequestAction = Literal[
    "closed", "reopened", "head_moved", "retargeted", "draft", "ready", "labelled"
]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class RepositoryRef(_Value):
    """Which repository; `id` is the forge's own number and survives a rename."""

    forge: ForgeName
    owner: Owner
    name: RepositoryName
    id: ForgeId
    default_branch: Name | None = None


class Push(_Value):
    """A branch moved to `after`; `before` is null where the branch is new."""

    kind: Literal["push"] = "push"
    branch: Name
    before: Sha | None
    after: Sha
    by: Name | None


class BranchDeleted(_Value):
    """A branch is gone."""

    kind: Literal["branch_deleted"] = "branch_deleted"
    branch: Name
    by: Name | None


class PullRequestChanged(_Value):
    """A pull request (GitLab: merge request) changed in a way that can matter.

    `from_fork` is true where the head is not known to be in this repository: a branch name there
    proves nothing.
    """

    kind: Literal["pull_request_changed"] = "pull_request_changed"
    number: ForgeId
    action: PullRequestAction
    head_branch: Name
    head_sha: Sha
    base_branch: Name
    merged: bool
    from_fork: bool
    by: Name | None


class ReviewChanged(_Value):
    """A review was given or dismissed."""

    kind: Literal["review_changed"] = "review_changed"
    number: ForgeId
    by: Name | None


class Comment(_Value):
    """What a person said, once, in a new comment; `id` tells whether it was taken already.

    `text` holds whole lines only, `MAX_TEXT` bytes at most: half a command is another command.
    """

    kind: Literal["comment"] = "comment"
    number: ForgeId
    id: ForgeId
    author: Name
    at: AwareDatetime
    text: str
    on_pull_request: bool


class ChecksChanged(_Value):
    """A status or a check of this commit was decided.

    `name` is null where a whole suite reports, or what reports is not said. `by` says of
    which of a forge's two ways to report it came, null where it is not known or has but one.
    """

    kind: Literal["checks_changed"] = "checks_changed"
    sha: Sha
    name: Name | None = None
    failed: bool = False
    by: ReportedBy | None = None


class RepositoryChanged(_Value):
    """The repository itself changed; `before` and `after` are OWNER/NAME where it moved."""

    kind: Literal["repository_changed"] = "repository_changed"
    change: Literal["moved", "archived", "unarchived", "deleted", "default_branch"]
    before: Name | None = None
    after: Name | None = None
    by: Name | None


class InstallationChanged(_Value):
    """Our access to the repository was granted or withdrawn."""

    kind: Literal["installation_changed"] = "installation_changed"
    access: Literal["granted", "withdrawn"]
    by: Name | None


Event = Annotated[
    Push
    | BranchDeleted
    | PullRequestChanged
    | ReviewChanged
    | Comment
    | ChecksChanged
    | RepositoryChanged
    | InstallationChanged,
    Field(discriminator="kind"),
]


class Delivery(_Value):
    """One event of one repository; `id` is the forge's, the same when it delivers again."""

    id: DeliveryId
    repository: RepositoryRef
    event: Event


@dataclass(frozen=True, slots=True)
class Ignored:
    """A delivery that cannot matter, and the sentence that says why."""

    reason: str


class NotUnderstoodError(ValueError):
    """A signed delivery that is not what its forge sends; the message names the place."""


def whole_lines(text: str) -> str:
    """Return as many whole lines as a comment may hold: half a command is another command."""
    raw = text.encode()
    return text if len(raw) <= MAX_TEXT else raw[:MAX_TEXT].rpartition(b"\n")[0].decode()
