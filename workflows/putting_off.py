"""What a forge's limit leaves undone is done when the limit ends: by a timer, in order, once."""

import logging
import random
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TypeVar

from bot.forges.forge import RateLimited
from workflows.routing import Routed
from workflows.values.pipeline import PipelineState, PutOff

_AT_LEAST = timedelta(seconds=1)
T = TypeVar("T")

_log = logging.getLogger(__name__)


def pause_after(limited: RateLimited, now: datetime) -> timedelta:
    """Return how long to wait: up to a quarter longer than was told.

    Who waits for the same moment would all ask again in it, and most of them in vain.
    """
    spread = 1 + random.random() / 4  # noqa: S311 -- no secret
    return max(limited.until - now, _AT_LEAST) * spread


class Allowance:
    """How far one look may go: `limited` is what ended it, if anything did.

    Where limits are `enforced` it raises them: somebody else tries again.
    """

    def __init__(self, name: str, *, is_enforced: bool) -> None:
        self._name, self._is_enforced = name, is_enforced
        self.limited: RateLimited | None = None

    def each(self, things: Iterable[T], do: Callable[[T], object]) -> tuple[T, ...]:
        """Do something with one after the other; return those that are left for later."""
        left = list(things)
        try:
            while left:
                do(left[0])
                del left[0]
        except RateLimited as limited:
            if self._is_enforced:
                raise
            _log.info("%s: the rest is put off: %s", self._name, limited)
            if self.limited is None or limited.until > self.limited.until:
                self.limited = limited
        return tuple(left)


def hold_back(routed: Routed, now: datetime) -> None:
    """Take up again what was put off, once its time has come; before, let more wait behind it.

    What people said is done in the order in which they said it.
    """
    put_off = routed.state.put_off
    if put_off is None:
        return
    left: PutOff | None = None
    if put_off.until <= now:
        routed.look = True
        routed.unsaid = put_off.unsaid
        routed.comments[:0] = put_off.comments
        routed.merged[:0] = put_off.merged
        routed.ended[:0] = put_off.ended
        routed.changed |= put_off.changed
        routed.drift |= put_off.drift
    else:
        left = _behind(put_off, routed)
    routed.state = routed.state.model_copy(update={"put_off": left})


def _behind(put_off: PutOff, routed: Routed) -> PutOff:
    """Return what waits now; nothing else is asked of a forge that shows nothing at all."""
    if not (put_off.blind or put_off.comments):
        return put_off
    later: dict[str, object] = {"comments": (*put_off.comments, *routed.comments)}
    routed.comments = []
    if put_off.blind:
        later |= {
            "merged": (*put_off.merged, *routed.merged),
            "ended": (*put_off.ended, *routed.ended),
            "changed": put_off.changed or routed.changed,
            "drift": put_off.drift or routed.drift,
        }
        routed.merged, routed.ended = [], []
        routed.look = routed.changed = routed.drift = False
    return put_off.model_copy(update=later)


def left_for_later(state: PipelineState, routed: Routed, put_off: PutOff | None) -> PipelineState:
    """Return the state with what a look has left; one that saw nothing leaves the drift as well."""
    if put_off is not None and put_off.blind:
        # Whether the repository is ours at all nobody knows yet.
        put_off = put_off.model_copy(update={"drift": routed.drift})
        routed.drift = False
    return state.model_copy(update={"put_off": joined(state.put_off, put_off)})


def joined(before: PutOff | None, after: PutOff | None) -> PutOff | None:
    """Return all that waits after a look, made while something waited `before`."""
    if before is None or after is None:
        # Whoever could look has seen: nothing but what people said has to wait.
        return after or (before and before.model_copy(update={"blind": False}))
    return PutOff(
        until=max(before.until, after.until),
        blind=after.blind,
        comments=(*before.comments, *after.comments),
        unsaid=(*before.unsaid, *after.unsaid),
        merged=(*before.merged, *after.merged),
        ended=(*before.ended, *after.ended),
        changed=before.changed or after.changed,
        drift=before.drift or after.drift,
    )


def wakes_at(until: datetime, put_off: PutOff | None) -> datetime:
    """Return when a pipeline goes on that hears nothing: to look, or to do what was put off."""
    if put_off is None:
        return until
    # A look at what shows nothing would be put off as well, and then comes anyhow.
    return put_off.until if put_off.blind else min(until, put_off.until)
