"""Look at a repository: answer what people asked for, and start what there is to promote."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from croniter import croniter

from bot.decisions import commands as c
from bot.decisions.commands import Command, Unclear, parse_comment
from bot.decisions.gates.times import stopped
from bot.decisions.permissions import Allowed, Refused, may
from bot.engine.candidate import Plan
from bot.forges.forge import NotFound, RateLimited
from bot.markdown import cut, sentence
from bot.messages import drift, replies, rollback, usage
from bot.model import State
from bot.words import words_for
from config.organisation import Organisation
from config.schema import Config, Environment, Schedule
from webhook.events import Comment
from workflows import freezing, rolling_back
from workflows.adopting import adopt, was_closed
from workflows.gathering import noticed
from workflows.glancing import anywhere, digest_of_heads, spread
from workflows.observing import plan_and_lifts, plan_for
from workflows.planning import Calendar
from workflows.proposing import sweep
from workflows.putting_off import Allowance, pause_after
from workflows.settling import keep_place, settle_place
from workflows.sites import Site, Sites
from workflows.taking import acknowledge, defused, say, who, write_below
from workflows.values.looks import Survey, SurveyRequest
from workflows.values.pipeline import (
    OpenPromotion,
    Planned,
    PutOff,
    Remembered,
    Told,
    Unsaid,
    Wanted,
)
from workflows.values.promotion import News, PromotionState
from workflows.watching import comparisons

Start = Callable[[PromotionState, Sequence[News]], None]
"""Starts a promotion with what is news to it; one that runs already is success."""

BY_SCHEDULE = "the schedule"

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
            return _Survey(site, request, start, now).done(until)
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
    said = (one for comment in request.comments for one in parse_comment(comment.text, words))
    return any(isinstance(one, c.Promote) for one in said)


class _Survey:
    def __init__(
        self,
        site: Site,
        request: SurveyRequest,
        start: Start,
        now: datetime,
    ) -> None:
        self.site, self.request, self.now = site, request, now
        self._start = start
        self.open = {promotion.slot: promotion for promotion in request.open}
        self.started: list[OpenPromotion] = []
        self.remembered = list(request.remembered)
        self.seen = request.seen
        self.due: datetime | None = None
        self.calendar = Calendar(request.planned, site.words)
        self.cancelled: list[str] = []
        self.told: list[Told] = []
        self.looked: datetime | None = now
        self.allowed = Allowance(site.name, is_enforced=not request.may_be_put_off)
        # What was left for later.
        self.comments: tuple[Comment, ...] = ()
        self.unsaid: tuple[Unsaid, ...] = ()
        self.ended: tuple[str, ...] = ()

    def done(self, until: datetime) -> Survey:
        info, in_force = self.site.info, self.site.in_force
        managed = info.can_write and not info.archived
        if in_force.config is None or not managed:
            for comment in self.request.comments if managed else ():
                self._not_configured(comment)
            managed = managed and bool(in_force.problem)
        else:
            self._look(in_force.config)
        branches, put_off = self.site.branches, self._put_off()
        if put_off is not None and self.due is not None:
            self.due = max(self.due, put_off.until)
        return Survey(
            managed=managed,
            until=until if self.due is None else min(until, self.due),
            branches=tuple(sorted(branches)),
            heads=digest_of_heads(self.site.git.heads, branches),
            due=self.due,
            cancelled=tuple(self.cancelled),
            told=tuple(self.told),
            looked=self.looked,
            put_off=put_off,
            bot=self.site.forge.login(),
            started=tuple(self.started),
            remembered=tuple(self.remembered),
            seen=self.seen,
            planned=self.calendar.planned,
            frozen=stopped(self.site.stops),
        )

    def _put_off(self) -> PutOff | None:
        """Return what was left for later."""
        if (limited := self.allowed.limited) is None:
            return None
        return PutOff(
            until=self.now + pause_after(limited, self.now),
            comments=self.comments,
            unsaid=self.unsaid,
            merged=self.request.merged,
            ended=self.ended,
        )

    def _not_configured(self, comment: Comment) -> None:
        """Say once, to somebody who may promote, why there is nothing to promote by."""
        asked = [
            one
            for one in parse_comment(comment.text, self.site.words)
            if isinstance(one, c.Promote)
        ]
        if not asked or not isinstance(
            may(asked[0], who(self.site, comment, asked[0]), {}, self.site.words), Allowed
        ):
            return
        problem = self.site.in_force.problem
        text = drift.broken(problem) if problem else replies.not_configured(self.site.name)
        write_below(self.site, comment, "not-configured", [text])

    def _look(self, config: Config) -> None:
        if self.request.looked is None:
            self._go_on(config)
        self._notice(config)
        self._do_what_was_asked(config)
        self.due = self.calendar.next
        free = [e for e in config.environments if e.source and not self._is_busy(e.name)]
        if self.allowed.each(free, lambda environment: self._begin_by_itself(config, environment)):
            # A schedule that was due then is due still.
            self.looked = self.request.looked

    def _begin_by_itself(self, config: Config, environment: Environment) -> None:
        """Start what nobody has to ask for."""
        if environment.promote == "automatic":
            self._begin(config, environment, "")
        elif isinstance(environment.promote, Schedule):
            due = _next(environment.promote, self.now)
            self.due = due if self.due is None else min(self.due, due)
            if self._is_due(environment.promote):
                self._begin(config, environment, BY_SCHEDULE)

    def _do_what_was_asked(self, config: Config) -> None:
        request, each = self.request, self.allowed.each
        self.ended = each(request.ended, lambda branch: sweep(self.site, branch))
        self.unsaid = each(request.unsaid, self._say)
        each(request.wanted, lambda wanted: self._tell(config, wanted))
        self.comments = each(request.comments, lambda comment: self._answer(config, comment))
        each(list(self.remembered), lambda wish: self._grant(config, wish))
        for planned in each(
            self.calendar.due(self.now), lambda planned: self._keep_appointment(config, planned)
        ):
            self.calendar.put_back(planned)

    def _grant(self, config: Config, wish: Remembered) -> None:
        if wish.number in self.request.merged or self._was_merged(wish):
            self._promise(config, wish)
            self.remembered.remove(wish)

    def _go_on(self, config: Config) -> None:
        """Take up what is open on the forge, and not here: Temporal may be a new one."""
        requests = self.site.forge.pull_requests(self.site.name)
        for begun in rolling_back.left_open(self.site, config, requests):
            if self._rolling(begun.environment) is None:
                self._started(begun)
        for known in adopt(self.site, config, requests, self.now):
            if not self._is_busy(known.state.environment):
                self._started(known.state, known.news)

    def _is_busy(self, name: str) -> bool:
        """Whether a promotion into an environment, or its roll-back, is open."""
        return name in self.open or self._rolling(name) is not None

    def _rolling(self, name: str) -> OpenPromotion | None:
        return self.open.get(f"rollback/{name}")

    def _was_merged(self, wish: Remembered) -> bool:
        """Whether what a wish waits for is merged, where no event tells: git knows pushes alone."""
        if self.site.key.forge != "git":
            return False
        try:
            return self.site.forge.pull_request(self.site.name, wish.number).state == "merged"
        except NotFound:
            return False

    def _policies(self, config: Config) -> tuple[Config | Organisation, ...]:
        return config, *self.site.policies.inherited

    def _notice(self, config: Config) -> None:
        """Remember when sources were first seen at their heads, where content has to rest."""
        said = (each.model_dump_json(exclude_defaults=True) for each in self._policies(config))
        if not any('"soak":' in text for text in said):
            self.seen = ()
            return
        for source in sorted({e.source for e in config.environments if e.source is not None}):
            branch = config.environment(source).branch
            self.seen = noticed(self.seen, branch, self.site.git.branch(branch), self.now)

    def _is_due(self, schedule: Schedule) -> bool:
        looked = self.request.looked
        return looked is not None and _next(schedule, looked) <= self.now

    # Promotions

    def _begin(self, config: Config, environment: Environment, asked_by: str) -> Plan | None:
        """Start a promotion where something can be promoted; return the plan."""
        source = config.source_of(environment)
        heads = (self.site.head(source) if source else None, self.site.head(environment))
        if heads[0] is None or heads[1] is None:
            return None
        cancelled = f"{environment.name}/{heads[0].sha}" in self.request.cancelled
        if cancelled and not asked_by:
            return None
        by_hand = asked_by not in {"", BY_SCHEDULE}
        plan, lifts = plan_and_lifts(self.site, heads[0], heads[1], environment, by_hand=by_hand)
        if plan.candidate is not None:
            sha = heads[0].sha
            if not asked_by and self._was_closed(environment.name, sha):
                return None
            self._started(
                PromotionState(
                    repository=self.request.repository,
                    environment=environment.name,
                    source=sha,
                    first=sha,
                    asked_by=asked_by,
                    lifts=lifts,
                    seen=tuple(each for each in self.seen if each.branch == heads[0].branch),
                )
            )
        return plan

    def _was_closed(self, name: str, source: str) -> bool:
        """Whether somebody did not want a commit promoted, before we knew of anything here."""
        if self.request.looked is not None:
            return False
        branch = f"lockstep/promote/{name}/{source[:12]}"
        if closed := was_closed(self.site, branch):
            self.cancelled.append(f"{name}/{source}")
        return closed

    def _started(self, promotion: PromotionState, news: Sequence[News] = ()) -> None:
        self._start(promotion, news)
        opened = OpenPromotion(
            environment=promotion.environment,
            source=promotion.source,
            workflow_id=promotion.workflow_id,
            branch=promotion.branch,
            number=promotion.number,
            rolls_back=promotion.asked_by if promotion.undoes else "",
        )
        self.open[opened.slot] = opened
        self.started.append(opened)

    def _promote(self, config: Config, name: str, person: str) -> str:
        """Promote because somebody said so; return the answer."""
        known = {e.name: e for e in config.environments if e.source is not None}
        if name not in known:
            return replies.no_environment(name, known)
        if answer := self._busy(name):
            return answer + self._left_out(config, known[name])
        plan = self._begin(config, known[name], person)
        if plan is None:
            return replies.gone(name)
        if plan.state is State.CONFLICT:
            return replies.conflicting(plan, self.site.words)
        if plan.candidate is None:
            return replies.nothing_pending(known[name].source or "", name)
        return replies.started(name, plan.comparison.source.sha, self.site.words)

    def _tell(self, config: Config, wanted: Wanted) -> None:
        """Promote for the command line, and say what has come of it."""
        before = len(self.started)
        text = self._promote(config, wanted.environment, wanted.person)
        source = self.started[-1].source if len(self.started) > before else ""
        self.told.append(Told(id=wanted.id, source=source, text=text))

    def _busy(self, name: str) -> str:
        """Return why nothing more can begin in an environment; empty where it can."""
        if (rolling := self._rolling(name)) is not None:
            return rollback.under_way(name, rolling.number, self.site.words)
        if name in self.open:
            return replies.already_open(name, self.open[name].number, self.site.words)
        return ""

    def _left_out(self, config: Config, target: Environment) -> str:
        """Return how what was rolled back comes along, where an open promotion leaves it out."""
        source, opened = config.source_of(target), self.open.get(target.name)
        heads = (self.site.head(source) if source else None, self.site.head(target))
        if opened is None or heads[0] is None or heads[1] is None:
            return ""
        held = plan_for(self.site, heads[0], heads[1], target).comparison.held_by
        return replies.held_out(target.name, self.site.words) if held else ""

    def _promise(self, config: Config, wish: Remembered) -> None:
        """Do what was remembered; whoever was promised it is told where that cannot be."""
        before = len(self.started)
        answer = self._promote(config, wish.environment, wish.person)
        if len(self.started) == before and not self._is_under_way(config, wish.environment):
            body = replies.reply(wish.person, [answer])
            marker = f"promised-{wish.environment}"
            self.site.forge.comment(self.site.name, wish.number, marker, body, on_pull_request=True)

    def _keep_appointment(self, config: Config, planned: Planned) -> None:
        """Promote, as was asked for at this time; where that cannot be, say it there."""
        before, name = len(self.started), planned.environment
        if planned.number and self.site.forge.permission(self.site.name, planned.person) not in (
            "write",
            "maintain",
            "admin",
        ):
            answer = replies.may_no_more(planned.person)
        else:
            answer = self._promote(config, name, planned.person)
        if len(self.started) > before or self._is_under_way(config, name):
            return
        _log.info("%s: planned for %s: %s", self.site.name, planned.wall, answer)
        if planned.number:
            body = replies.reply(planned.person, [replies.appointment(planned.wall, answer)])
            marker = f"planned-{planned.comment}"
            self.site.forge.comment(
                self.site.name,
                planned.number,
                marker,
                body,
                on_pull_request=planned.on_pull_request,
            )

    def _is_under_way(self, config: Config, name: str) -> bool:
        """Whether the newest commit is being promoted already, as an automatic one may be."""
        source = config.source_of(config.environment(name)) if name in self.open else None
        head = self.site.head(source) if source else None
        return head is not None and self.open[name].source == head.sha

    # Comments

    def _answer(self, config: Config, comment: Comment) -> None:
        answers: list[str] = []
        acknowledge(self.site, [comment])
        for command in parse_comment(comment.text, self.site.words):
            if isinstance(command, Unclear):
                answers.append(command.answer)
                continue
            giver = who(self.site, comment, command)
            policies = self.site.policies
            verdict = may(command, giver, policies.roles, self.site.words, policies.override)
            if isinstance(verdict, Refused):
                answers.append(verdict.reason)
            elif isinstance(verdict, Allowed):
                with defused(answers, command.kind, self.site.words):
                    answers.append(self._done(config, comment, command))
        if answers:
            # What was done is not done over, where only the answer has to wait.
            answer = Unsaid(comment=comment, answers=tuple(answers))
            self.unsaid += self.allowed.each([answer], self._say)

    def _say(self, answer: Unsaid) -> None:
        say(self.site, answer.comment, answer.answers, "answer-of-the-repository")

    def _done(self, config: Config, comment: Comment, command: Command) -> str:  # noqa: C901, PLR0911 - one for each command
        """Do what one command asks for; return the answer."""
        match command:
            case c.Promote(environment, at):
                if at is not None:
                    return self.calendar.add(config, comment, environment, at, self.now)
                return self._asked_to_promote(config, comment, environment)
            case c.Cancel(environment):
                return self._cancel(comment, environment)
            case c.Status() | c.Drift():
                return self._overview(config, with_places=isinstance(command, c.Drift))
            case c.Help():
                return usage.help_text(self.site.words)
            case c.Keep(path, key):
                return keep_place(self.site, config, comment, path, key)
            case c.Discard() | c.Resolve():
                return settle_place(self.site, config, comment, command)
            case c.Freeze(reason):
                return self._freeze(comment, reason)
            case c.Thaw():
                return self._thaw()
            case c.Rollback(environment):
                return self._roll_back(config, comment, environment)
            case _:
                return replies.not_here(command.kind, self.site.words)

    def _overview(self, config: Config, *, with_places: bool) -> str:
        found, problem = comparisons(self.site, config), self.site.in_force.problem
        opened = {name: promotion.number for name, promotion in self.open.items()}
        table = drift.overview(found, opened, self.site.words)
        parts = [drift.broken(problem) if problem else "", table, *self._notes()]
        if with_places and (places := drift.differences(found, self.site.words)):
            parts.append(cut(places))
        return "\n\n".join(part for part in parts if part)

    def _notes(self) -> Iterator[str]:
        """Yield what stands in no table."""
        if stops := self.site.stops:
            yield f"**Nothing merges**: {sentence(stopped(stops))}."
        for one in self.open.values():
            if one.rolls_back:
                yield rollback.under_way(one.environment, one.number, self.site.words)
        for planned in self.calendar.planned:
            yield replies.is_planned(planned.environment, planned.wall, planned.person)

    def _asked_to_promote(self, config: Config, comment: Comment, name: str) -> str:
        known = {e.name: config.source_of(e) for e in config.environments}
        source = known.get(name)
        own = name in self.open and self.open[name].number == comment.number
        if comment.on_pull_request and source is not None and not own:
            try:
                request = self.site.forge.pull_request(self.site.name, comment.number)
            except NotFound:
                # On a plain git server a person names the number: it may be of an issue.
                return self._promote(config, name, comment.author)
            if request.state == "open" and request.base_branch != source.branch:
                return replies.not_into_its_source(
                    request.base_branch, name, source.name, self.site.words
                )
            if request.state == "open":
                wish = Remembered(number=comment.number, environment=name, person=comment.author)
                if wish not in self.remembered:
                    self.remembered.append(wish)
                return replies.remembered(name)
        return self._promote(config, name, comment.author)

    def _freeze(self, comment: Comment, reason: str) -> str:
        before = self.site.stops
        stop = freezing.stop(self.site, comment.author, reason, self.now)
        own = any(not one.where for one in before)
        return replies.frozen(stop, self.site.words, already=own)

    def _thaw(self) -> str:
        ended = freezing.go_on(self.site)
        return replies.thawed(ended, self.site.inherited.stops)

    def _cancel(self, comment: Comment, name: str | None) -> str:
        """Take back what is planned; a promotion that is open is cancelled where it stands."""
        answer = self.calendar.cancel(comment.number, name)
        if answer or not name:
            return answer or replies.not_here("cancel", self.site.words)
        number = self.open[name].number if name in self.open else None
        return replies.nothing_planned(name, number, self.site.words)

    def _roll_back(self, config: Config, comment: Comment, name: str) -> str:
        """Begin to take the newest promotion back; return the answer."""
        if (rolling := self._rolling(name)) is not None:
            return rollback.under_way(name, rolling.number, self.site.words)
        begun, answer = rolling_back.prepare(self.site, config, name, comment.author)
        if begun is not None:
            self._started(begun)
        return answer


def _next(schedule: Schedule, after: datetime) -> datetime:
    """Return the first time of a schedule after a moment, by wall time in its own zone."""
    local = after.astimezone(ZoneInfo(schedule.timezone))
    following: datetime = croniter(schedule.schedule, local).get_next(datetime)
    return following
