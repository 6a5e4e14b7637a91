"""Read what a plain git server's hook posts: its signature, and who pushed what."""

import time
from collections.abc import Callable, Iterator, Sequence

from pydantic import ValidationError

from bot.model import ForgeName
from bot.pushes import (
    CONVERSATION,
    REQUESTS,
    SAID,
    Judgement,
    Pushed,
    Report,
    Update,
    Words,
    number_of,
)
from webhook.events import (
    BranchDeleted,
    ChecksChanged,
    Comment,
    Delivery,
    Event,
    Ignored,
    NotUnderstoodError,
    Push,
    RepositoryRef,
    ReviewChanged,
    is_work,
    whole_lines,
)
from webhook.github import SIGNATURE, Signatures, places
from webhook.reading import Headers

_EVENT = "post-receive"
_GREEN = {"success", "neutral", "skipped"}


class GitReader:
    """See `Reader`; `bot` is our own login on the server. Raises ValueError without a secret."""

    forge: ForgeName = "git"
    title = "Lockstep's post-receive hook"
    events = frozenset({_EVENT})
    takes_forms = False
    unproven = (
        f"{SIGNATURE} is missing or does not sign this body",
        "Give the hook a file with the same secret as LOCKSTEP_GIT_WEBHOOK_SECRET",
    )
    unnamed = ("There is no delivery", "Install the hook of `lockstep hook post-receive`")

    def __init__(
        self, secrets: Sequence[str], bot: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._signatures, self._bot, self._clock = Signatures(secrets), bot, clock

    def claims(self, headers: Headers) -> bool:
        """See `Reader.claims`."""
        return SIGNATURE in headers

    def is_genuine(self, headers: Headers, body: bytes) -> bool:
        """See `Reader.is_genuine`."""
        return self._signatures.hold(body, headers.get(SIGNATURE, ""))

    def names(self, headers: Headers) -> tuple[str, str]:
        """See `Reader.names`: what it is called stands in the signed body, where nobody adds it."""
        del headers
        return _EVENT, "a push"

    def unwrapped(self, form: bytes) -> bytes:
        """See `Reader.unwrapped`: there are no forms."""
        return form

    def translate(self, event: str, delivery: str, body: bytes) -> tuple[Delivery, ...] | Ignored:
        """See `Reader.translate`."""
        del event, delivery
        try:
            pushed = Pushed.read(body)
        except ValidationError as error:
            raise NotUnderstoodError(places(error)) from None
        if not pushed.is_believed(self._clock()):
            return Ignored("told too long ago, or of a time to come: check the server's clock")
        found = tuple(_deliveries(pushed, self._bot))
        return found or Ignored("nothing that can matter was pushed")


def _deliveries(pushed: Pushed, bot: str) -> Iterator[Delivery]:
    owner, _, name = pushed.repository.rpartition("/")
    repository = RepositoryRef(
        forge="git",
        owner=owner,
        name=name,
        id=number_of(pushed.repository),
        default_branch=pushed.head or None,
    )
    for id_, update in pushed.named():
        event = _event(id_, update, pushed, bot)
        if event is not None:
            yield Delivery(id=id_, repository=repository, event=event)


def _event(id_: str, update: Update, pushed: Pushed, bot: str) -> Event | None:
    if update.ref.startswith(SAID):
        return _said(id_, update, pushed) if pushed.pusher else None
    branch, by = update.branch, pushed.pusher or None
    if not branch or branch == REQUESTS:
        return None
    if is_work(branch) and by == bot:
        return None
    if update.is_gone:
        return BranchDeleted(branch=branch, by=by)
    return Push(
        branch=branch, before=None if update.is_new else update.old, after=update.new, by=by
    )


def _said(id_: str, update: Update, pushed: Pushed) -> Event | None:
    """Return what somebody said, by whom the server has let in."""
    match update.words():
        case Words(on=number, say=text):
            return Comment(
                number=number,
                id=number_of(id_),
                author=pushed.pusher,
                at=pushed.moment,
                text=whole_lines(text),
                on_pull_request=number != CONVERSATION,
            )
        case Judgement(on=number):
            return ReviewChanged(number=number, by=pushed.pusher)
        case Report(check=name, state=state, sha=sha):
            if state == "pending":
                return None
            return ChecksChanged(sha=sha, name=name, failed=state not in _GREEN)
        case _:
            return None
