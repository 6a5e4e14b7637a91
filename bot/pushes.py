"""What the hook of a plain git server says of one push; signed by that server, it is believed.

The document is what the hook posts to the receiver, and what it keeps in the repository under
`HEARD` or `UNHEARD` with its signature, so that git alone tells it again. A person's own words
travel in it: they are pushed as a small file to a ref below `SAID`.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    field_validator,
)

from bot.decisions.facts import CheckState

BRANCHES = "refs/heads/"
SAID = "refs/lockstep/said/"
HEARD = "refs/lockstep/heard/"
UNHEARD = "refs/lockstep/unheard/"
REQUESTS = "lockstep/requests"
"""The branch that the bot keeps its pull requests in, where there is no forge to keep them."""
CONVERSATION = 1
"""The number under which people speak of the repository itself."""
MOST_SAID = 8192
"""Most bytes of what is said by one push; the hook leaves out what is longer."""
BELIEVED_FOR = timedelta(days=1)
"""How old a document may be: one that somebody kept, to say it again, is older in the end."""

_SEGMENT = r"\.*[A-Za-z0-9_-][A-Za-z0-9_.-]*"
_FULL_NAME = rf"^{_SEGMENT}(/{_SEGMENT})+$"
_OID = r"^([0-9a-f]{40}|[0-9a-f]{64})$"
_NAME = r"^[^\x00-\x1f\x7f]+$"

FullName = Annotated[str, StringConstraints(pattern=_FULL_NAME, max_length=700)]
Oid = Annotated[str, StringConstraints(pattern=_OID)]
Person = Annotated[str, StringConstraints(pattern=_NAME, max_length=200)]
Number = Annotated[int, Field(ge=1, lt=2**31)]
DeliveryId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{8,64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)


class Words(_Part):
    """What somebody says, as a comment, on a pull request or of the repository."""

    on: Number = CONVERSATION
    say: Annotated[str, StringConstraints(min_length=1)]


class Judgement(_Part):
    """A review of what a pull request proposes."""

    on: Number
    review: Literal["approved", "changes_requested", "commented"]
    sha: Oid


class Report(_Part):
    """What a check has found in a commit."""

    check: Annotated[str, StringConstraints(pattern=_NAME, max_length=200)]
    state: CheckState
    sha: Oid


Said = Words | Judgement | Report
_SAID: TypeAdapter[Said] = TypeAdapter(Said)


class Update(_Part):
    """One ref that was moved; zeroes stand for none. `said` is what was pushed to say it."""

    ref: Annotated[str, StringConstraints(min_length=1, max_length=1000)]
    old: Oid
    new: Oid
    said: str | None = None

    @property
    def branch(self) -> str | None:
        """The branch that was moved, None for what is none."""
        return self.ref.removeprefix(BRANCHES) if self.ref.startswith(BRANCHES) else None

    @property
    def is_gone(self) -> bool:
        """Whether the ref was deleted."""
        return not self.new.strip("0")

    @property
    def is_new(self) -> bool:
        """Whether the ref was made."""
        return not self.old.strip("0")

    def words(self) -> Said | None:
        """Return what was said by this; None where it is nothing that we can read."""
        if self.said is None or self.is_gone or not self.ref.startswith(SAID):
            return None
        try:
            return _SAID.validate_json(base64.b64decode(self.said, validate=True))
        except (ValidationError, binascii.Error):
            return None


class Pushed(_Part):
    """A push, as the server saw it: `pusher` is whom the server has let in, not who is claimed.

    It is empty where the server does not say. `nanoseconds` are those since 1970. `head` is the
    default branch; `more` that there were more refs than are listed.
    """

    version: Literal[1]
    delivery: DeliveryId
    repository: FullName
    pusher: str
    nanoseconds: Annotated[int, Field(ge=0, lt=2**62)]
    head: str = ""
    more: bool = False
    updates: tuple[Update, ...]

    @classmethod
    def read(cls, body: bytes) -> Self:
        """Read a document. Raises `ValidationError`.

        A ref may be of any bytes; one that is no text is of nobody's interest, and harms no other.
        """
        return cls.model_validate_json(body.decode("utf-8", "replace"))

    @field_validator("pusher")
    @classmethod
    def _is_a_name(cls, pusher: str) -> str:
        if pusher:
            TypeAdapter(Person).validate_python(pusher)
        return pusher

    @property
    def at(self) -> int:
        """When it was pushed, in seconds since 1970."""
        return self.nanoseconds // 1_000_000_000

    @property
    def moment(self) -> datetime:
        """When it was pushed."""
        return datetime.fromtimestamp(self.at, UTC)

    def is_believed(self, now: float) -> bool:
        """Whether this is of a time near enough to act on; `now` in seconds since 1970."""
        return abs(now - self.at) <= BELIEVED_FOR.total_seconds()

    def named(self) -> Iterator[tuple[str, Update]]:
        """Yield each update with an id that it has wherever it is told again."""
        for at, update in enumerate(self.updates):
            yield f"{self.delivery}/{at}", update


def number_of(text: str) -> int:
    """Return the number that stands for a text where forges have numbers; stable for ever."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 2 | 1
