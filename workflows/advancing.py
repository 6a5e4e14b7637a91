"""Take one promotion as far as it can go now: observe, decide, apply, in that order."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from temporalio.exceptions import ApplicationError

from bot.decisions import promotion as moves
from bot.decisions.gates import not_before
from bot.decisions.promotion import decide_promotion
from bot.forges.forge import ForgeError, RateLimited, Unauthorized
from bot.messages import replies
from bot.repository import RepositoryError
from bot.together import together
from webhook.events import Comment
from workflows import applying, running, saying, taking
from workflows.attempt import ASK_AGAIN, is_forbidden, with_needs
from workflows.forge_evidence import Asking, Early
from workflows.merging import merge
from workflows.observing import Observed, observe
from workflows.putting_off import pause_after
from workflows.sites import Clock, Site, Sites
from workflows.telling import Rest, Tell, awaited, tell, watched, with_nothing_awaited
from workflows.unheard import look_again
from workflows.values.promotion import Advanced, News, PromotionState, one_way

# A step that changes its mind this often has met something new: it starts over, from fresh facts.
_MOST_MOVES = 12
_MOST_SUPERSEDED = 5

_log = logging.getLogger(__name__)


def advance(
    sites: Sites, report: Tell, state: PromotionState, news: Sequence[News], *, again: bool
) -> Advanced:
    """Step: begin with a fresh look, and look again where a move was refused.

    What others do meanwhile is news, and makes another step. `again` says that a step before
    this one was lost. Raises `ForgeError`, `RepositoryError` and `ApplicationError`.
    """
    state = _after(state, news)
    early = Early(state, _asking(state, news, sites.clock(), again=again))
    comments = [comment for item in news for comment in item.comments]
    with sites.open(state.repository, state.branch, meanwhile=early.ask) as site:
        step = _Step(site, report, sites.clock)
        fresh = [comment for comment in comments if comment.id not in state.taken]
        if any(item.gives_way for item in news) and applying.may_give_way(site, state):
            return step.give_way(state, fresh)
        # A sign to who spoke is given while we do what they said.
        rest, _ = together(
            lambda: step.walk(state, early.asking, fresh),
            lambda: taking.acknowledge(site, fresh),
        )
    return rest


def _asking(state: PromotionState, news: Sequence[News], now: datetime, *, again: bool) -> Asking:
    """Return what a step has to ask for first: what no news will tell, or some told to look."""
    # After a crash nobody knows how far the step before came. Nor, while it rested, did anybody
    # ask for what no event told of.
    rested = again or (state.rests_until is not None and now >= state.rests_until)
    return Asking(
        pull_request=rested or any(item.pull_request or item.ask for item in news),
        checks=rested or any(item.checks or item.ask for item in news),
        checks_by=None if rested else one_way(news),
        again=again,
    )


def _after(state: PromotionState, news: Sequence[News]) -> PromotionState:
    """Return the state after news, as far as it takes no look to know."""
    if any(item.checks or item.pull_request for item in news):
        # Something has changed that the forge may have refused to merge for.
        state = state.model_copy(update={"refusal": ""})
    if any(item.guessed for item in news):
        state = state.model_copy(update={"told": with_nothing_awaited(state.told)})
    for item in news:
        if item.rolling is not None:
            state = state.model_copy(update={"rolling": item.rolling})
    return state


class _Step:
    def __init__(self, site: Site, report: Tell, clock: Clock) -> None:
        self._site, self._report, self._clock = site, report, clock

    def give_way(self, state: PromotionState, comments: list[Comment]) -> Advanced:
        """End because there is another promotion in this hop; what people said is passed on."""
        reason = f"another promotion into {state.environment} is under way, and goes on"
        applying.abandon(self._site, state, reason)
        rest = Rest(Advanced(state=state, outcome=reason))
        return tell(self._report, rest, tuple(comments))

    def walk(self, state: PromotionState, asking: Asking, comments: Sequence[Comment]) -> Advanced:
        """Move until the promotion waits or has ended."""
        site = self._site
        taken = taking.take(site, state, comments)
        state = taken.state
        for _ in range(_MOST_MOVES):
            try:
                moved, following = self._move(state, asking)
            except (Unauthorized, RepositoryError) as error:
                moved, following = self._lacking(state, error), Asking()
            except RateLimited as limited:
                # What the moves before have done is kept: to do it over would cost calls again.
                _log.warning("%s: %s", state.workflow_id, limited)
                until = self._clock() + pause_after(limited, self._clock())
                moved, following = _put_off(site, state, str(limited), until), Asking()
            asking = replace(following, again=asking.again)
            if isinstance(moved, Rest):
                moved = _healed(site, moved)
                where = [replies.stands(moved.step.outcome or moved.step.reason)]
                for comment in taken.asked:
                    taking.say(site, comment, where, "status")
                step, seen = tell(self._report, moved, taken.pass_on), site.git.heads
                if state.told or step.outcome:
                    return step
                # Until now the pipeline could not tell this promotion that a branch moved.
                site.git.look()
                if site.git.heads == seen:
                    return step
                moved = step.state
            state = moved
        raise ApplicationError("the promotion keeps changing; looking again")

    def _lacking(self, state: PromotionState, error: Exception) -> Rest:
        """Say where the promotion stands what we may not do, and look again later.

        Raises the error where it is of another kind, or may not even be said.
        """
        if not is_forbidden(error):
            raise error
        why = with_needs(error, self._site.words)
        _log.warning("%s: %s", state.workflow_id, why)
        try:
            state = saying.say_lacking(self._site, state, why)
        except (ForgeError, RepositoryError):
            raise error from None
        rest = _put_off(self._site, state, why, self._clock() + ASK_AGAIN)
        return replace(rest, is_lacking=True)

    def _move(self, state: PromotionState, asking: Asking) -> tuple[Rest | PromotionState, Asking]:
        """Observe, decide, apply; return what follows, and what the next move has to ask for."""
        site = self._site
        try:
            observed = observe(site, state, asking)
        except KeyError:
            reason = f"{state.environment} is no longer promoted into, by `.lockstep.yaml`"
            applying.abandon(site, state, reason)
            return Rest(Advanced(state=state, outcome=reason)), Asking()
        decision = decide_promotion(observed.promotion, observed.facts, self._clock(), site.words)
        rests_on_the_request = isinstance(decision, moves.UpToDate | moves.Rebuild)
        if rests_on_the_request and state.number is not None and not asking.pull_request:
            # What moved the target may have been this very pull request, merged by somebody.
            return observed.state, Asking(pull_request=True)
        _log.info("%s: %s", state.workflow_id, decision.reason)
        if isinstance(decision, moves.Wait | moves.Blocked) and _is_current(observed):
            started = running.start(site, observed.state, observed.promotion.gates)
            if started is not observed.state:
                return started, Asking()
        return self._apply(observed, decision), Asking()

    def _apply(self, observed: Observed, decision: moves.Decision) -> Rest | PromotionState:
        """Carry a decision out; return where the promotion waits or ended, or goes on from."""
        site, state, now = self._site, observed.state, self._clock()
        match decision:
            case moves.Build() | moves.Rebuild():
                return applying.build(site, observed, now)
            case moves.Supersede(source):
                before = (*state.superseded, state.source)[-_MOST_SUPERSEDED:]
                again = {"source": source, "superseded": before, "retry": None, "refusal": ""}
                return state.model_copy(update=again)
            case moves.Merge():
                state = merge(site, observed, decision)
                if not state.merged:
                    site.git.look()  # somebody was faster, or a rule is in the way
                return state
            case moves.Finish() | moves.MergedByHand():
                outcome = applying.finish(site, observed, decision, now)
                return Rest(Advanced(state=state, outcome=outcome))
            case moves.UpToDate() | moves.Cancelled():
                applying.close(site, observed, decision, now)
                step = Advanced(state=state, outcome=decision.reason)
                return Rest(step, cancelled=isinstance(decision, moves.Cancelled))
            case moves.Wait() | moves.Blocked() | moves.Hold():
                return self._waits(observed, decision, now)

    def _waits(
        self, observed: Observed, decision: moves.Wait | moves.Blocked | moves.Hold, now: datetime
    ) -> Rest:
        """Say what the promotion waits for, and return until when at the longest."""
        site, is_held = self._site, isinstance(decision, moves.Hold)
        state = saying.say(site, observed, decision, now)
        gates = saying.gates_of(observed, now)
        state = state.model_copy(update={"rests_until": not_before(gates)})
        if not is_held:
            # Asked for once; one that waits for the hold to end is still to be heard.
            state = state.model_copy(update={"retry": None})
        until = None if isinstance(decision, moves.Hold) else decision.until
        # Where no webhook tells of all checks, they are asked for again.
        if not site.forge.tells_statuses and (again := look_again(state.candidate, gates, now)):
            # Forgotten, so that the next step asks for them.
            state, until = state.model_copy(update={"checks": None}), min(again, until or again)
        return Rest(
            Advanced(state=state, until=until, reason=decision.reason),
            source_branch=observed.promotion.source_branch,
            target_branch=observed.promotion.branch,
            awaits=awaited(observed),
            watches=watched(site, observed),
            rests_until=state.rests_until,
        )


def _put_off(site: Site, state: PromotionState, why: str, until: datetime) -> Rest:
    """Return where a step rests that could not be made to the end; what it observed is gone."""
    state = state.model_copy(update={"checks": None, "reviews": None})
    target = site.config.environment(state.environment)
    source = site.config.source_of(target)
    return Rest(
        Advanced(state=state, until=until, reason=why),
        source_branch=source.branch if source else "",
        target_branch=target.branch,
    )


def _healed(site: Site, rest: Rest) -> Rest:
    """Take back what was said of a permission, where the step has come to rest without it."""
    state = rest.step.state
    if rest.is_lacking or not state.lacking:
        return rest
    step = rest.step.model_copy(update={"state": saying.heal(site, state)})
    return replace(rest, step=step)


def _is_current(observed: Observed) -> bool:
    """Whether what is open is what would be merged now."""
    facts, evidence = observed.facts, observed.facts.evidence
    return (
        evidence is not None
        and facts.pull_request is not None
        and not facts.conflicts
        and evidence.candidate.sha == facts.pull_request.head
        and evidence.candidate.target == facts.target_head
        and evidence.candidate.source == observed.promotion.source
    )
