"""What the payloads of every forge have in common, and what theirs come to in the same way.

Only the fields that are used are asked for. What cannot matter ends here, with its reason.
"""

import re
from abc import abstractmethod
from functools import lru_cache

from pydantic import BaseModel, ConfigDict

from bot.model import ForgeName
from webhook.events import (
    BranchDeleted,
    Delivery,
    Event,
    Ignored,
    Push,
    RepositoryRef,
    is_work,
    whole_lines,
)

UNDECIDED = Ignored("nothing is decided yet")
NO_BRANCH = Ignored("not a branch: tags promote nothing")
NO_CANDIDATE = Ignored("no candidate: not on a branch of Lockstep's")
_COMMAND = re.compile(r"^[ \t]*/\S", re.MULTILINE)


class Part(BaseModel):
    """A part of a payload."""

    # Strict: a number is no text. Extra fields are skipped, which is what makes this fast.
    model_config = ConfigDict(strict=True, frozen=True)


class Payload(Part):
    """A whole payload."""

    @abstractmethod
    def deliveries(self, delivery: str) -> tuple[Delivery, ...] | Ignored:
        """Return what this says, to each repository that it concerns."""


# The same few repositories speak again and again.
@lru_cache(maxsize=1024)
def repository_ref(
    forge: ForgeName, number: int, path: str, default_branch: str | None
) -> RepositoryRef:
    """Return a repository by the forge's number, and by OWNER/NAME."""
    owner, _, name = path.rpartition("/")
    return RepositoryRef(
        forge=forge, owner=owner, name=name, id=number, default_branch=default_branch
    )


def moved(ref: str, before: str, after: str, by: str | None, told_by: str) -> Event | Ignored:
    """Return what it means that a ref was moved; what tells of our own branches is `told_by`."""
    branch = ref.removeprefix("refs/heads/")
    if branch == ref:
        return NO_BRANCH
    if is_work(branch):
        return Ignored(f"a branch of Lockstep's own: {told_by} tells the same")
    if not after.strip("0"):
        return BranchDeleted(branch=branch, by=by)
    return Push(branch=branch, before=before if before.strip("0") else None, after=after, by=by)


def command_text(said: str | None) -> str | Ignored:
    """Return of a comment what may hold commands."""
    text = whole_lines(said or "")
    return text if _COMMAND.search(text) else Ignored("no line of it starts with a slash")
