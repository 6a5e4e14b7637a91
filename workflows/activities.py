"""The steps of the workflows as Temporal has them, one activity each."""

import logging
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import timedelta
from typing import Protocol

from temporalio import activity

from bot.forges.budget import unhurried
from bot.forges.forge import ForgeError, NotFound, RateLimited
from bot.repository import RepositoryError
from bot.words import words_for
from workflows.advancing import advance
from workflows.attempt import ASK_AGAIN, attempt, is_forbidden
from workflows.glancing import glance, spread
from workflows.putting_off import pause_after
from workflows.sites import Sites
from workflows.surveying import survey
from workflows.values.drift import DriftState, Watched
from workflows.values.looks import Glance, GlanceRequest, Survey, SurveyRequest
from workflows.values.pipeline import Report
from workflows.values.promotion import Advanced, News, PromotionState
from workflows.watching import watch

# A glance that fails so often in a row is left for later.
_GLANCES = 4

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
        with attempt(self._sites.clock, words_for(request.repository.forge)), unhurried():
            try:
                return glance(self._sites, request, self._reconcile)
            except RateLimited as limited:
                _log.info("%s is looked at later: %s", request.repository.full_name, limited)
                later = self._sites.clock() + pause_after(limited, self._sites.clock())
                return Glance(until=later, touched=request.touched)
            except (ForgeError, RepositoryError) as error:
                return self._given_up(request, error)

    def _given_up(self, request: GlanceRequest, error: ForgeError | RepositoryError) -> Glance:
        """Leave for later what nobody waits for: meanwhile the pipeline would hear of nothing.

        Raises the error while it may be a passing one.
        """
        if activity.info().attempt < _GLANCES and not is_forbidden(error):
            raise error
        _log.warning("%s is looked at later: %s", request.repository.full_name, error)
        is_gone = isinstance(error, NotFound)
        if is_gone:
            self._sites.forget(request.repository)
        until = spread(self._sites.clock(), min(self._reconcile, ASK_AGAIN))
        return Glance(until=until, look=is_gone, touched=request.touched)

    @activity.defn(name="survey")
    def survey(self, request: SurveyRequest) -> Survey:
        """Look at a repository, answer what people asked for, and start what there is to start."""
        hurry = unhurried() if request.is_first else nullcontext()
        with attempt(self._sites.clock, words_for(request.repository.forge)), hurry:
            return survey(self._sites, request, self._workflows.start, self._reconcile)

    @activity.defn(name="watch_drift")
    def watch_drift(self, state: DriftState) -> Watched:
        """Bring the drift issue and the back-merges up to date."""
        with attempt(self._sites.clock, words_for(state.repository.forge)), unhurried():
            return watch(self._sites, state)

    @activity.defn(name="advance")
    def advance(self, state: PromotionState, news: list[News]) -> Advanced:
        """Take one promotion as far as it can go now."""
        again = activity.info().attempt > 1
        with attempt(self._sites.clock, words_for(state.repository.forge)):
            return advance(self._sites, self._workflows.report, state, news, again=again)
