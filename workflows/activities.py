"""The steps of the workflows, one activity each: observe, decide, apply, in that order."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError

from bot.decisions import promotion as moves
from bot.decisions.promotion import decide_promotion
from bot.engine.objects import MissingObject
from bot.forges.forge import ForgeError, NotFound, RateLimited, Unauthorized
from bot.repository import RepositoryError
from workflows import applying, taking
from workflows.observing import Observed, observe
from workflows.sites import Site, Sites, now
from workflows.values import Advanced, News, PromotionState

# A step that changes its mind this often has met something new: it starts over, from fresh facts.
_MOST_MOVES = 12
_ASK_AGAIN = timedelta(minutes=5)


class Activities:
    """What the workers do; safe to use from several threads."""

    def __init__(self, sites: Sites) -> None:
        self._sites = sites

    @property
    def all(self) -> Sequence[Callable[..., object]]:
        """Return every activity, for a worker."""
        return [self.advance]

    @activity.defn(name="advance")
    def advance(self, state: PromotionState, news: list[News]) -> Advanced:
        """Take one promotion as far as it can go now.

        Every move begins with a fresh look: what the move before it did is observed, not
        remembered.
        """
        ask = any(item.pull_request for item in news)
        if any(item.checks for item in news):
            state = state.model_copy(update={"checks": None})
        comments = [comment for item in news for comment in item.comments]
        for _ in range(_MOST_MOVES):
            with _translating(), self._sites.open(state.repository, state.branch) as site:
                moved, ask = self._move(site, taking.take(site, state, comments), ask=ask)
            if isinstance(moved, Advanced):
                return moved
            state = moved
        raise ApplicationError("the promotion keeps changing; looking again")

    def _move(
        self, site: Site, state: PromotionState, *, ask: bool
    ) -> tuple[Advanced | PromotionState, bool]:
        """Observe, decide, apply; return what follows, and whether to ask the forge again."""
        try:
            observed = observe(site, state, ask=ask)
        except KeyError:
            reason = f"{state.environment} is no longer promoted into, by `.lockstep.yaml`"
            applying.close(site, state, reason)
            return Advanced(state=state, outcome=reason), False
        now = self._sites.clock()
        decision = decide_promotion(observed.promotion, observed.facts, now)
        return self._apply(site, observed, decision), isinstance(decision, moves.Merge)

    def _apply(
        self, site: Site, observed: Observed, decision: moves.Decision
    ) -> Advanced | PromotionState:
        """Carry a decision out; return where the promotion waits or ended, or goes on from."""
        state, now = observed.state, self._sites.clock()
        match decision:
            case moves.Build() | moves.Rebuild():
                return applying.build(site, observed, now)
            case moves.Supersede(source):
                return state.model_copy(update={"source": source, "retry": None, "refusal": ""})
            case moves.Merge():
                return applying.merge(site, observed, decision)
            case moves.Finish() | moves.MergedByHand():
                outcome = applying.finish(site, observed, decision.reason, now)
                return Advanced(state=state, outcome=outcome)
            case moves.UpToDate() | moves.Cancelled():
                applying.close(site, state, decision.reason)
                cancelled = isinstance(decision, moves.Cancelled)
                return Advanced(state=state, outcome=decision.reason, cancelled=cancelled)
            case moves.Wait() | moves.Blocked() | moves.Hold():
                state = applying.say(site, observed, decision, now)
                until = None if isinstance(decision, moves.Hold) else decision.until
                required = observed.promotion.gates.checks.required
                return Advanced(
                    state=state, until=until, reason=decision.reason, awaits=required or None
                )


@contextmanager
def _translating() -> Iterator[None]:
    """Raise what Temporal is to make of an error that a forge or git gave."""
    try:
        yield
    except (ForgeError, RepositoryError, MissingObject) as error:
        raise _translated(error) from error


def _translated(error: Exception) -> ApplicationError:
    """Return the error for Temporal, which alone owns retries: when, and whether at all."""
    kind = type(error).__name__
    if isinstance(error, RateLimited):
        delay = max(error.until - now(), timedelta(seconds=1))
        return ApplicationError(str(error), type=kind, next_retry_delay=delay)
    if isinstance(error, Unauthorized | NotFound):
        return ApplicationError(str(error), type=kind, next_retry_delay=_ASK_AGAIN)
    return ApplicationError(str(error), type=kind)
