"""The steps of the workflows, one activity each: observe, decide, apply, in that order."""

import contextvars
import hashlib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from temporalio import activity
from temporalio.exceptions import ApplicationError

from bot.decisions import promotion as moves
from bot.decisions.gates import not_before
from bot.decisions.gates.checks import GREEN, OWN_STATUS
from bot.decisions.promotion import decide_promotion
from bot.decisions.requirements import EVERY_CHECK
from bot.engine.objects import MissingObject
from bot.forges.budget import unhurried
from bot.forges.forge import ForgeError, NotFound, RateLimited, Unauthorized
from bot.messages import replies
from bot.repository import RepositoryError
from bot.together import together
from bot.words import Words, words_for
from webhook.events import Comment
from workflows import applying, running, taking
from workflows.glancing import glance
from workflows.observing import Asking, Early, Observed, checks_of, observe
from workflows.putting_off import pause_after
from workflows.sites import Site, Sites
from workflows.steps import HEARTBEAT_LIMIT
from workflows.surveying import survey
from workflows.unheard import look_again
from workflows.values.drift import DriftState, Watched
from workflows.values.looks import Glance, GlanceRequest, Survey, SurveyRequest
from workflows.values.pipeline import OpenPromotion, Report
from workflows.values.promotion import Advanced, News, PromotionState, one_way
from workflows.watching import watch

# A step that changes its mind this often has met something new: it starts over, from fresh facts.
_MOST_MOVES = 12
_MOST_SUPERSEDED = 5
_HEARTBEAT_SECONDS = HEARTBEAT_LIMIT.total_seconds() / 3
_ASK_AGAIN = timedelta(minutes=5)
# Git's own words, which name no permission.
_FORBIDDEN = "returned error: 403"

_log = logging.getLogger(__name__)


class Workflows(Protocol):
    """The other workflows, as a step reaches them: that costs a history less than commands do."""

    def start(self, promotion: PromotionState, news: Sequence[News]) -> None:
        """Start a promotion with its first news; one that runs already is success."""

    def report(self, pipeline_id: str, report: Report) -> None:
        """Tell a pipeline; one that is not there finds out by itself."""


class Activities:
    """What the workers do; safe to use from several threads."""

    def __init__(self, sites: Sites, workflows: Workflows, reconcile: timedelta) -> None:
        self._sites, self._workflows, self._reconcile = sites, workflows, reconcile

    @property
    def all(self) -> Sequence[Callable[..., object]]:
        """Return every activity, for a worker."""
        return [self.advance, self.glance, self.survey, self.watch_drift]

    @activity.defn(name="glance")
    def glance(self, request: GlanceRequest) -> Glance:
        """Look cheaply whether there is anything that no event told of."""
        with _step(self._sites.clock, words_for(request.repository.forge)), unhurried():
            try:
                return glance(self._sites, request, self._reconcile)
            except RateLimited as limited:
                _log.info("%s is looked at later: %s", request.repository.full_name, limited)
                later = self._sites.clock() + pause_after(limited, self._sites.clock())
                return Glance(until=later, touched=request.touched)

    @activity.defn(name="survey")
    def survey(self, request: SurveyRequest) -> Survey:
        """Look at a repository, answer what people asked for, and start what there is to start."""
        hurry = unhurried() if request.is_first else nullcontext()
        with _step(self._sites.clock, words_for(request.repository.forge)), hurry:
            return survey(self._sites, request, self._workflows.start, self._reconcile)

    @activity.defn(name="watch_drift")
    def watch_drift(self, state: DriftState) -> Watched:
        """Bring the drift issue and the back-merges up to date."""
        with _step(self._sites.clock, words_for(state.repository.forge)), unhurried():
            return watch(self._sites, state)

    @activity.defn(name="advance")
    def advance(self, state: PromotionState, news: list[News]) -> Advanced:
        """Take one promotion as far as it can go now.

        A step begins with a fresh look, and looks again where a move was refused: what
        others do meanwhile is news, and makes another step.
        """
        with _step(self._sites.clock, words_for(state.repository.forge)):
            return self._advance(state, news)

    def _advance(self, state: PromotionState, news: Sequence[News]) -> Advanced:
        # After a crash nobody knows how far the step before came.
        again = activity.info().attempt > 1
        # Nor, while it rested, did anybody ask for what no event told of.
        rests_until = state.rests_until
        rested = again or (rests_until is not None and self._sites.clock() >= rests_until)
        asking = Asking(
            pull_request=rested or any(item.pull_request or item.ask for item in news),
            checks=rested or any(item.checks or item.ask for item in news),
            checks_by=None if rested else one_way(news),
            again=again,
        )
        if any(item.checks or item.pull_request for item in news):
            # Something has changed that the forge may have refused to merge for.
            state = state.model_copy(update={"refusal": ""})
        if any(item.guessed for item in news):
            state = state.model_copy(update={"told": with_nothing_awaited(state.told)})
        for item in news:
            if item.rolling is not None:
                state = state.model_copy(update={"rolling": item.rolling})
        comments = [comment for item in news for comment in item.comments]
        early = Early(state, asking)
        with self._sites.open(state.repository, state.branch, meanwhile=early.ask) as site:
            asking = early.asking
            fresh = [comment for comment in comments if comment.id not in state.taken]
            if any(item.gives_way for item in news) and applying.may_give_way(site, state):
                return self._give_way(site, state, fresh)
            # A sign to who spoke is given while we do what they said.
            rest, _ = together(
                lambda: self._walk(site, state, asking, fresh),
                lambda: taking.acknowledge(site, fresh),
            )
        return rest

    def _give_way(self, site: Site, state: PromotionState, comments: list[Comment]) -> Advanced:
        """End because there is another promotion in this hop; what people said is passed on."""
        reason = f"another promotion into {state.environment} is under way, and goes on"
        applying.abandon(site, state, reason)
        return self._told(_Rest(Advanced(state=state, outcome=reason)), tuple(comments))

    def _walk(
        self, site: Site, state: PromotionState, asking: Asking, comments: Sequence[Comment]
    ) -> Advanced:
        """Move until the promotion waits or has ended."""
        taken = taking.take(site, state, comments)
        state = taken.state
        for _ in range(_MOST_MOVES):
            try:
                moved, following = self._move(site, state, asking)
            except (Unauthorized, RepositoryError) as error:
                moved, following = self._lacking(site, state, error), Asking()
            except RateLimited as limited:
                # What the moves before have done is kept: to do it over would cost calls again.
                _log.warning("%s: %s", state.workflow_id, limited)
                until = self._sites.clock() + pause_after(limited, self._sites.clock())
                moved, following = _put_off(site, state, str(limited), until), Asking()
            asking = replace(following, again=asking.again)
            if isinstance(moved, _Rest):
                moved = _healed(site, moved)
                where = [replies.stands(moved.step.outcome or moved.step.reason)]
                for comment in taken.asked:
                    taking.say(site, comment, where, "status")
                step, seen = self._told(moved, taken.pass_on), site.git.heads
                if state.told or step.outcome:
                    return step
                # Until now the pipeline could not tell this promotion that a branch moved.
                site.git.look()
                if site.git.heads == seen:
                    return step
                moved = step.state
            state = moved
        raise ApplicationError("the promotion keeps changing; looking again")

    def _lacking(self, site: Site, state: PromotionState, error: Exception) -> "_Rest":
        """Say where the promotion stands what we may not do, and look again later.

        Raises the error where it is of another kind, or may not even be said.
        """
        if isinstance(error, RepositoryError) and _FORBIDDEN not in str(error):
            raise error
        why = _with_needs(error, site.words)
        _log.warning("%s: %s", state.workflow_id, why)
        try:
            state = applying.say_lacking(site, state, why)
        except (ForgeError, RepositoryError):
            raise error from None
        rest = _put_off(site, state, why, self._sites.clock() + _ASK_AGAIN)
        return replace(rest, is_lacking=True)

    def _told(self, rest: "_Rest", pass_on: tuple[Comment, ...]) -> Advanced:
        """Tell the pipeline where news has to go, whenever that has changed."""
        state, step = rest.step.state, rest.step
        told = OpenPromotion(
            environment=state.environment,
            source=state.source,
            workflow_id=state.workflow_id,
            branch=state.branch,
            source_branch=rest.source_branch,
            target_branch=rest.target_branch,
            number=state.number,
            candidate=state.candidate.sha if state.candidate else "",
            awaits=rest.awaits,
            unknown=rest.awaits is None and not rest.step.state.runs,
            watches=rest.watches,
            rests_until=rest.rests_until,
            rolls_back=state.asked_by if state.undoes else "",
        )
        digest = digest_of(told)
        if digest == state.told and not step.outcome and not pass_on:
            return step
        report = Report(
            promotion=told,
            ended=bool(step.outcome),
            cancelled=rest.cancelled,
            comments=pass_on,
            taken=state.taken if step.outcome else (),
        )
        self._workflows.report(state.repository.pipeline_id, report)
        return step.model_copy(update={"state": state.model_copy(update={"told": digest})})

    def _move(
        self, site: Site, state: PromotionState, asking: Asking
    ) -> "tuple[_Rest | PromotionState, Asking]":
        """Observe, decide, apply; return what follows, and what the next move has to ask for."""
        try:
            observed = observe(site, state, asking)
        except KeyError:
            reason = f"{state.environment} is no longer promoted into, by `.lockstep.yaml`"
            applying.abandon(site, state, reason)
            return _Rest(Advanced(state=state, outcome=reason)), Asking()
        decision = decide_promotion(
            observed.promotion, observed.facts, self._sites.clock(), site.words
        )
        rests_on_the_request = isinstance(decision, moves.UpToDate | moves.Rebuild)
        if rests_on_the_request and state.number is not None and not asking.pull_request:
            # What moved the target may have been this very pull request, merged by somebody.
            return observed.state, Asking(pull_request=True)
        _log.info("%s: %s", state.workflow_id, decision.reason)
        if isinstance(decision, moves.Wait | moves.Blocked) and _is_current(observed):
            started = running.start(site, observed.state, observed.promotion.gates)
            if started is not observed.state:
                return started, Asking()
        return self._apply(site, observed, decision), Asking()

    def _apply(
        self, site: Site, observed: Observed, decision: moves.Decision
    ) -> "_Rest | PromotionState":
        """Carry a decision out; return where the promotion waits or ended, or goes on from."""
        state, now = observed.state, self._sites.clock()
        match decision:
            case moves.Build() | moves.Rebuild():
                return applying.build(site, observed, now)
            case moves.Supersede(source):
                before = (*state.superseded, state.source)[-_MOST_SUPERSEDED:]
                again = {"source": source, "superseded": before, "retry": None, "refusal": ""}
                return state.model_copy(update=again)
            case moves.Merge():
                state = applying.merge(site, observed, decision)
                if not state.merged:
                    site.git.look()  # somebody was faster, or a rule is in the way
                return state
            case moves.Finish() | moves.MergedByHand():
                outcome = applying.finish(site, observed, decision, now)
                return _Rest(Advanced(state=state, outcome=outcome))
            case moves.UpToDate() | moves.Cancelled():
                applying.close(site, observed, decision, now)
                step = Advanced(state=state, outcome=decision.reason)
                return _Rest(step, cancelled=isinstance(decision, moves.Cancelled))
            case moves.Wait() | moves.Blocked() | moves.Hold():
                # Asked for once; one that waits for the hold to end is still to be heard.
                heard = {} if isinstance(decision, moves.Hold) else {"retry": None}
                state = applying.say(site, observed, decision, now).model_copy(update=heard)
                rests_until = not_before(applying.gates_of(observed, now))
                state = state.model_copy(update={"rests_until": rests_until})
                until = None if isinstance(decision, moves.Hold) else decision.until
                state, until = self._asked_again(site, observed, state, until)
                return _Rest(
                    Advanced(state=state, until=until, reason=decision.reason),
                    source_branch=observed.promotion.source_branch,
                    target_branch=observed.promotion.branch,
                    awaits=_awaited(observed),
                    watches=_watched(site, observed),
                    rests_until=rests_until,
                )

    def _asked_again(
        self, site: Site, observed: Observed, state: PromotionState, until: datetime | None
    ) -> tuple[PromotionState, datetime | None]:
        """See to it that checks are asked for again where no webhook tells of them all."""
        if site.forge.tells_statuses:
            return state, until
        now = self._sites.clock()
        again = look_again(state.candidate, applying.gates_of(observed, now), now)
        if again is None:
            return state, until
        # Forgotten, so that the next step asks for them.
        return state.model_copy(update={"checks": None}), min(again, until or again)


@dataclass(frozen=True, slots=True)
class _Rest:
    """Where a step comes to rest, and what the pipeline has to know of it.

    `cancelled` says that a person did not want the promotion, `is_lacking` that a
    permission is in the way.
    """

    step: Advanced
    cancelled: bool = False
    source_branch: str = ""
    target_branch: str = ""
    awaits: tuple[str, ...] | None = None
    watches: tuple[str, ...] = ()
    rests_until: datetime | None = None
    is_lacking: bool = False


def digest_of(told: OpenPromotion) -> str:
    """Return a digest of what a pipeline was told, and behind a colon one of what is awaited."""
    whole, awaited = (
        hashlib.sha256(text.encode()).hexdigest()
        for text in (
            told.model_dump_json(exclude={"awaits", "unknown"}),
            told.model_dump_json(include={"awaits", "unknown"}),
        )
    )
    return f"{whole[:12]}:{awaited[:12]}"


def with_nothing_awaited(told: str) -> str:
    """Return the digest of what a pipeline takes for told, where it guesses what is awaited."""
    nothing = OpenPromotion(environment="", source="", workflow_id="", branch="", awaits=())
    return f"{told.partition(':')[0]}:{digest_of(nothing).partition(':')[2]}"


def _watched(site: Site, observed: Observed) -> tuple[str, ...]:
    """Return the branches of what is further down, where that has to be empty first."""
    if not observed.promotion.gates.drained:
        return ()
    below = {observed.promotion.environment}
    found = []
    for environment in site.config.environments:
        if environment.source in below:
            below.add(environment.name)
            found.append(environment.branch)
    return tuple(found)


def _put_off(site: Site, state: PromotionState, why: str, until: datetime) -> _Rest:
    """Return where a step rests that could not be made to the end; what it observed is gone."""
    state = state.model_copy(update={"checks": None, "reviews": None})
    target = site.config.environment(state.environment)
    source = site.config.source_of(target)
    return _Rest(
        Advanced(state=state, until=until, reason=why),
        source_branch=source.branch if source else "",
        target_branch=target.branch,
    )


def _healed(site: Site, rest: _Rest) -> _Rest:
    """Take back what was said of a permission, where the step has come to rest without it."""
    state = rest.step.state
    if rest.is_lacking or not state.lacking:
        return rest
    step = rest.step.model_copy(update={"state": applying.heal(site, state)})
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


def _awaited(observed: Observed) -> tuple[str, ...] | None:
    """Return the checks whose success can change something, None for whichever reports."""
    if any(ran.state in {"queued", "running"} for ran in observed.state.runs):
        # The jobs of a run report as checks, by names that nobody has told us.
        return None
    required = observed.promotion.gates.checks.required
    if required and EVERY_CHECK not in required:
        return tuple(sorted(set(required) - {OWN_STATUS}))
    checks = checks_of(observed.state)
    if not checks:
        return None
    green = {check.name for check in checks if check.state in GREEN}
    known = {check.name for check in checks} | set(required) - {EVERY_CHECK}
    return tuple(sorted(known - green))


def _with_needs(error: Exception, words: Words) -> str:
    """Return what an error says; git's own words name no permission."""
    if isinstance(error, RepositoryError):
        return f"{error}. The token, or its account, needs {words.push_needs}"
    return str(error)


@contextmanager
def _step(clock: Callable[[], datetime], words: Words) -> Iterator[None]:
    """Say that we live while a step takes long, and raise its errors as Temporal takes them."""
    done = threading.Event()
    context = contextvars.copy_context()

    def beat() -> None:
        # The usual step ends before the first one, since a heartbeat is billed.
        while not done.wait(_HEARTBEAT_SECONDS):
            context.run(activity.heartbeat)

    heart = threading.Thread(target=beat, name="heartbeat", daemon=True)
    heart.start()
    try:
        yield
    except (ForgeError, RepositoryError, MissingObject) as error:
        raise _translated(error, clock(), words) from error
    finally:
        done.set()
        heart.join()


def _translated(error: Exception, now: datetime, words: Words) -> ApplicationError:
    """Return the error for Temporal, which alone owns retries: when, and whether at all."""
    kind = type(error).__name__
    if isinstance(error, RateLimited):
        return ApplicationError(str(error), type=kind, next_retry_delay=pause_after(error, now))
    forbidden = isinstance(error, RepositoryError) and _FORBIDDEN in str(error)
    if forbidden or isinstance(error, Unauthorized | NotFound):
        said = _with_needs(error, words)
        return ApplicationError(said, type=kind, next_retry_delay=_ASK_AGAIN)
    return ApplicationError(str(error), type=kind)
