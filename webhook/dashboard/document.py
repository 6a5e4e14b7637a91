"""What `lockstep status` and the dashboard tell: the open work, what it waits for, who works on it.

As JSON this is an interface: fields are added, and none is renamed. Times are UTC.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from bot.model import ForgeName

VERSION = 1


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Said(_Value):
    """What a person said that counts: the role signed off for, the gate overridden, or why."""

    person: str
    what: str


class Waiting(_Value):
    """An open promotion, and the sentence that says what it waits for.

    It waits for exactly that `since`, and its workflow has run since `opened`; both are None where
    a worker of an older release has answered. Of the sign-offs those that count for its content.
    """

    environment: str
    source: str
    pull_request: int | None
    waits_for: str
    rolls_back: bool = False
    url: str | None = None
    since: datetime | None = None
    opened: datetime | None = None
    sign_offs: tuple[Said, ...] = ()
    overrides: tuple[Said, ...] = ()
    hold: Said | None = None


class BroughtHome(_Value):
    """An open back-merge: what drifted in an environment, on its way home."""

    environment: str
    pull_request: int
    url: str | None = None


class ForLater(_Value):
    """A promotion that is planned, in UTC and as people say it."""

    environment: str
    at: datetime
    wall: str
    by: str


class Hop(_Value):
    """How many places differ between two environments, as the drift watch last saw them."""

    source: str
    target: str
    pending: int = 0
    drift: int = 0
    conflict: int = 0
    held: int = 0


class OpenWork(_Value):
    """One repository's open work.

    `hops` are in promotion order, empty until its drift was looked at. `problem` is what is wrong
    with its configuration, `unanswered` why nothing more is known; `left_out` promotions are open
    besides those that are shown.
    """

    forge: ForgeName
    repository: str
    promotions: tuple[Waiting, ...] = ()
    back_merges: tuple[BroughtHome, ...] = ()
    planned: tuple[ForLater, ...] = ()
    frozen: str = ""
    url: str | None = None
    hops: tuple[Hop, ...] = ()
    problem: str = ""
    unanswered: str = ""
    left_out: int = 0


class Budget(_Value):
    """What one token has left; see `bot.forges.forge.Left`."""

    forge: str
    token: str
    calls: int | None = None
    calls_limit: int | None = None
    resets_at: datetime | None = None
    writes_this_minute: int | None = None
    content_this_hour: int | None = None
    resting_until: datetime | None = None

    @property
    def in_words(self) -> str:
        """What is left, as people read it."""
        parts = []
        if self.resting_until is not None:
            parts.append(f"asked to rest until {self.resting_until:%H:%M:%S} UTC")
        if self.calls is not None and self.resets_at is not None:
            until = f"{self.resets_at:%H:%M} UTC"
            parts.append(f"{self.calls} of {self.calls_limit} calls left until {until}")
        if self.writes_this_minute is not None:
            parts.append(f"{self.writes_this_minute} more writes this minute")
        if self.content_this_hour is not None:
            parts.append(f"{self.content_this_hour} more posts this hour")
        return "; ".join(parts) or "no call was made yet"


class Working(_Value):
    """A worker that Temporal knows of, and when it last asked for work."""

    identity: str
    seen: datetime


class Status(_Value):
    """The whole document; `budgets` are those that the process which was asked can know.

    `repositories` are those of one page of `pages`, of `total` that were asked for; `open` is how
    many promotions there are in all repositories.
    """

    version: int = VERSION
    at: datetime
    repositories: tuple[OpenWork, ...] = ()
    budgets: tuple[Budget, ...] = ()
    workers: tuple[Working, ...] = ()
    total: int = 0
    open: int = 0
    page: int = 1
    pages: int = 1


@dataclass(frozen=True, slots=True)
class Question:
    """Which repositories to tell of: those with `text` in their name, or the one that is named."""

    page: int = 1
    text: str = ""
    repository: str = ""


class Unavailable(Exception):
    """Nothing can be told now; says why in a sentence for people."""


class Source(Protocol):
    """Where the dashboard has it from."""

    async def status(self, question: Question) -> Status:
        """Return what was asked for. Raises `Unavailable`."""
