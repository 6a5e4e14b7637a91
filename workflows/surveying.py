"""Look at a repository: answer what people asked for, and start what there is to promote."""

import logging
from contextlib import ExitStack
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from croniter import croniter

from bot.decisions.gates.times import stopped
from bot.forges.forge import NotFound, RateLimited
from bot.messages import replies
from bot.words import words_for
from config.schema import Config, Environment, Schedule
from workflows.answering import Answers, asked_to_promote, not_configured
from workflows.beginning import BY_SCHEDULE, Beginnings, Outcome, Start
from workflows.glancing import anywhere, digest_of_heads, spread
from workflows.knowing import may_write
from workflows.planning import Calendar
from workflows.proposing import sweep
from workflows.putting_off import Allowance, pause_after
from workflows.sites import Site, Sites
from workflows.values.looks import Survey, SurveyRequest
from workflows.values.pipeline import Planned, PutOff, Remembered, Told, Wanted

_log = logging.getLogger(__name__)


def survey(
    sites: Sites,
    request: SurveyRequest,
    start: Start,
    reconcile: timedelta,
) -> Survey:
    """Look once; what the forge's limit does not allow is put off, where that may be.

    Raises `ForgeError` and `RepositoryError`.
    """
    now = sites.clock()
    # Many that were found at once are looked at all through the next interval, not at its end.
    until = anywhere(now, reconcile) if request.looked is None else spread(now, reconcile)
    if request.changed:
        sites.forget(request.repository)
    nothing = Survey(managed=False, until=until, looked=now)
    try:
        with ExitStack() as opened:
            try:
                if not (sites.may_be_configured(request.repository) or _asks_to_promote(request)):
                    return nothing
                site = opened.enter_context(sites.open(request.repository))
            except NotFound:
                return nothing
            # What is not found in here is not the repository: what people said is not forgotten.
            return _surveyed(site, request, start, now, until)
    except RateLimited as limited:
        if not request.may_be_put_off:
            raise
        _log.info("%s is looked at later: %s", request.repository.full_name, limited)
        later = PutOff(
            until=now + pause_after(limited, now),
            blind=True,
            comments=request.comments,
            unsaid=request.unsaid,
            merged=request.merged,
            ended=request.ended,
            changed=request.changed,
        )
        return Survey(managed=True, until=until, looked=request.looked, put_off=later)


def _asks_to_promote(request: SurveyRequest) -> bool:
    """Whether somebody is owed an answer, though there be nothing to promote by."""
    words = words_for(request.repository.forge)
    return any(asked_to_promote(comment, words) for comment in request.comments)


def _surveyed(
    site: Site, request: SurveyRequest, start: Start, now: datetime, until: datetime
) -> Survey:
    """Look at a repository that is there; one that is not managed keeps what it had."""
    config, is_ours = site.in_force.config, site.info.can_write and not site.info.archived
    if config is None or not is_ours:
        for comment in request.comments if is_ours else ():
            not_configured(site, comment)
        found = Survey(
            managed=is_ours and bool(site.in_force.problem),
            until=until,
            looked=now,
            remembered=request.remembered,
            seen=request.seen,
            planned=request.planned,
        )
    else:
        found = _Survey(site, config, request, start, now).done(until)
    # As it is now: what was asked for may have frozen it, or fetched more.
    return found.model_copy(
        update={
            "bot": site.forge.login(),
            "branches": tuple(sorted(site.branches)),
            "heads": digest_of_heads(site.git.heads, site.branches),
            "frozen": stopped(site.stops),
        }
    )


class _Survey:
    def __init__(
        self,
        site: Site,
        config: Config,
        request: SurveyRequest,
        start: Start,
        now: datetime,
    ) -> None:
        self.site, self.config, self.request, self.now = site, config, request, now
        self.allowed = Allowance(site.name, is_enforced=not request.may_be_put_off)
        self.beginnings = Beginnings(site, config, request, start)
        self.calendar = Calendar(request.planned, site.words)
        self.answers = Answers(
            site, config, self.beginnings, self.calendar, self.allowed, request.remembered, now
        )
        self.due: datetime | None = None
        self.told: list[Told] = []

    def done(self, until: datetime) -> Survey:
        """Do all there is to do; return what came of it."""
        begun, request, each = self.beginnings, self.request, self.allowed.each
        if request.looked is None:
            begun.go_on(self.now)
        begun.notice(self.now)
        ended = each(request.ended, lambda branch: sweep(self.site, branch))
        self.answers.say(request.unsaid)
        each(request.wanted, self._tell)
        comments = each(request.comments, self.answers.answer)
        each(tuple(self.answers.remembered), self._grant)
        for planned in each(self.calendar.due(self.now), self._keep_appointment):
            self.calendar.put_back(planned)
        self.due = self.calendar.next
        free = [e for e in self.config.environments if e.source and not begun.is_busy(e.name)]
        left = each(free, self._begin_by_itself)
        put_off = None
        if (limited := self.allowed.limited) is not None:
            put_off = PutOff(
                until=self.now + pause_after(limited, self.now),
                comments=comments,
                unsaid=self.answers.unsaid,
                merged=request.merged,
                ended=ended,
            )
            self.due = self.due and max(self.due, put_off.until)
        return Survey(
            managed=True,
            until=min(until, self.due or until),
            due=self.due,
            cancelled=tuple(begun.cancelled),
            told=tuple(self.told),
            # A schedule that was due then is due still.
            looked=request.looked if left else self.now,
            put_off=put_off,
            started=tuple(begun.started),
            remembered=tuple(self.answers.remembered),
            seen=begun.seen,
            planned=self.calendar.planned,
        )

    def _begin_by_itself(self, environment: Environment) -> None:
        """Start what nobody has to ask for."""
        if environment.promote == "automatic":
            self.beginnings.begin(environment)
        elif isinstance(environment.promote, Schedule):
            due = _next(environment.promote, self.now)
            self.due = due if self.due is None else min(self.due, due)
            looked = self.request.looked
            if looked is not None and _next(environment.promote, looked) <= self.now:
                self.beginnings.begin(environment, BY_SCHEDULE)

    def _tell(self, wanted: Wanted) -> None:
        """Promote for the command line, and say what has come of it."""
        outcome = self.beginnings.promote(wanted.environment, wanted.person)
        self.told.append(Told(id=wanted.id, source=outcome.source, text=outcome.answer))

    def _grant(self, wish: Remembered) -> None:
        """Promote where the merge that a wish waits for was made; or say there why not."""
        if wish.number not in self.request.merged and not self._was_merged(wish):
            return
        outcome = self.beginnings.promote(wish.environment, wish.person)
        if not self._is_done(wish.environment, outcome):
            body = replies.reply(wish.person, [outcome.answer])
            marker = f"promised-{wish.environment}"
            self.site.forge.comment(self.site.name, wish.number, marker, body, on_pull_request=True)
        self.answers.remembered.remove(wish)

    def _was_merged(self, wish: Remembered) -> bool:
        """Whether what a wish waits for is merged, where no event tells: git knows pushes alone."""
        if self.site.key.forge != "git":
            return False
        try:
            return self.site.forge.pull_request(self.site.name, wish.number).state == "merged"
        except NotFound:
            return False

    def _keep_appointment(self, planned: Planned) -> None:
        """Promote, as was asked for at this time; where that cannot be, say it there."""
        name, forge = planned.environment, self.site.forge
        if planned.number and not may_write(self.site, planned.person):
            outcome = Outcome(replies.may_no_more(planned.person))
        else:
            outcome = self.beginnings.promote(name, planned.person)
        if self._is_done(name, outcome):
            return
        _log.info("%s: planned for %s: %s", self.site.name, planned.wall, outcome.answer)
        if planned.number:
            body = replies.reply(
                planned.person, [replies.appointment(planned.wall, outcome.answer)]
            )
            marker = f"planned-{planned.comment}"
            forge.comment(
                self.site.name,
                planned.number,
                marker,
                body,
                on_pull_request=planned.on_pull_request,
            )

    def _is_done(self, name: str, outcome: Outcome) -> bool:
        """Whether a promotion into an environment goes on as was wished; else why not is said."""
        return bool(outcome.source) or self.beginnings.is_under_way(name)


def _next(schedule: Schedule, after: datetime) -> datetime:
    """Return the first time of a schedule after a moment, by wall time in its own zone."""
    local = after.astimezone(ZoneInfo(schedule.timezone))
    following: datetime = croniter(schedule.schedule, local).get_next(datetime)
    return following
