"""One repository's pipeline: takes every event, keeps order, starts promotions and tells them.

It decides nothing: where an event goes is `routing`'s, what there is to promote the
survey's. Events are hints; a scheduled look finds what was missed.
"""

import asyncio
import contextlib
from collections import deque
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from webhook.events import Comment, Delivery, RepositoryRef
    from workflows.putting_off import hold_back, left_for_later, wakes_at
    from workflows.remembering import (
        ended,
        has_rival,
        heard_once,
        opened,
        received,
        surveyed,
        without,
    )
    from workflows.routing import GATHER, Routed, add, route
    from workflows.steps import SHORTEST_WAIT, STEP
    from workflows.values.drift import DriftState
    from workflows.values.looks import Glance, GlanceRequest, Survey, SurveyRequest
    from workflows.values.pipeline import (
        OpenPromotion,
        PipelineState,
        Planned,
        Report,
        Told,
        Wanted,
    )
    from workflows.values.promotion import News

# Checks are gathered where an alarm ends that, which a run of the first release has none for.
_ONE_ALARM = "one-alarm"
# A look at the branches costs git alone; to ask after a promotion costs the forge's limits too.
_ASK_EVERY = timedelta(hours=1)
_NOT_MANAGED = "the repository is not managed: it has no `.lockstep.yaml`, or is not ours"


@workflow.defn(name="pipeline")
class PipelineWorkflow:
    """Drains what has come in one go, so that a burst costs one look."""

    @workflow.init
    def __init__(self, state: PipelineState) -> None:
        self._state = state
        self._deliveries: deque[Delivery] = deque()
        self._reports: deque[Report] = deque()
        self._asked: list[Comment] = []
        self._rolling: dict[str, str] = {}
        self._look = self._stir = not state.carried
        self._recheck = False
        self._overdue = self._ask = False
        self._until = self._asked_at = workflow.now()
        self._alarm: asyncio.Task[None] | None = None
        self._alarm_at = self._until
        self._rang = False
        # What a glance found.
        self._found: dict[str, News] = {}
        self._merged: tuple[int, ...] = ()
        self._ended: tuple[str, ...] = ()
        # What the command line asks for, and the answers, by the question's id.
        self._wanted: list[Wanted] = []
        self._told: dict[str, Told] = {}
        self._wanted_later: list[Wanted] = []
        self._overheard: tuple[Comment, ...] = ()
        # Promotions for whose hop there is another already.
        self._giving_way: list[str] = []

    @workflow.run
    async def run(self, state: PipelineState) -> str:
        """Run until continued as new, or until the repository is none of ours.

        It is started with a `RepositoryRef`, which is a state of which nothing is known.
        """
        del state
        managed = True
        while managed or self._waiting():
            if self._overdue and self._may_glance():
                await self._glance()
            routed = self._routed()
            for slot, news in routed.news.items():
                await self._tell(slot, news)
            while self._giving_way:
                await self._have_give_way(self._giving_way.pop())
            if routed.moved:
                return "the repository has another name now"
            if self._has_to_survey(routed):
                managed = await self._survey(routed)
            if routed.drift and managed:
                await self._stir_drift()
            if not managed:
                continue
            if workflow.info().is_continue_as_new_suggested() and self._is_lull():
                # In a lull, of which the busiest repository has many before a history is full.
                workflow.continue_as_new(self._state.model_copy(update={"carried": True}))
            await self._wait()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return _NOT_MANAGED

    def _has_to_survey(self, routed: Routed) -> bool:
        if routed.look or routed.comments or routed.merged or self._wanted:
            return True
        # Before, their branches were left there.
        return bool(routed.ended) and workflow.patched("merged-proposals")

    def _is_lull(self) -> bool:
        return not self._waiting() and workflow.all_handlers_finished()

    def _waiting(self) -> bool:
        waiting = self._deliveries or self._reports or self._asked or self._look
        found = self._overheard or self._giving_way
        due = self._overdue or self._rang
        return bool(waiting or found or self._rolling or due or self._wanted)

    def _may_glance(self) -> bool:
        """Whether a cheap look can tell what there is: it needs something to compare with."""
        due = self._state.due
        return bool(self._state.heads) and not self._look and (due is None or due > workflow.now())

    async def _glance(self) -> None:
        """Look cheaply; what differs is looked at properly, as if an event had told of it."""
        state = self._state
        found: Glance = await workflow.execute_activity(
            "glance",
            GlanceRequest.of(state),
            result_type=Glance,
            **STEP,
        )
        self._overdue = False
        self._until = found.until if state.due is None else min(found.until, state.due)
        self._state = self._state.model_copy(update={"touched": found.touched})
        self._look |= found.look
        self._stir |= found.drift
        self._recheck |= found.drift
        self._ask |= workflow.now() - self._asked_at >= _ASK_EVERY
        self._found, self._merged, self._ended = found.news, found.merged, found.ended
        if found.comments and workflow.patched("what-is-overheard-is-routed"):
            self._overheard += found.comments
        else:
            self._asked += found.comments

    def _routed(self) -> Routed:
        """Return what is to be done about all that has come, each delivery once."""
        while self._reports:
            self._take_report(self._reports.popleft())
        self._state, fresh = received(self._state, self._deliveries)
        self._deliveries.clear()
        # What a glance heard under a pull request may be for a promotion that has told of it
        # since, or is about to: it goes where the event would have gone.
        heard = [self._delivered(comment) for comment in self._overheard]
        self._overheard = ()
        routed = route(self._state, [*fresh, *heard], self._gathers())
        routed.look |= self._look or self._overdue
        routed.drift |= self._stir or self._overdue
        if self._ask or (self._overdue and workflow.now() - self._asked_at >= _ASK_EVERY):
            self._asked_at = workflow.now()
            for promotion in routed.state.open:
                # What one that rests would ask for is asked for when its time has come.
                if not promotion.rests(workflow.now()):
                    add(routed, promotion, News(ask=True))
        for promotion in routed.state.open:
            if not promotion.rolls_back and promotion.environment in self._rolling:
                add(routed, promotion, News(rolling=self._rolling[promotion.environment]))
            if promotion.slot in self._found:
                add(routed, promotion, self._found[promotion.slot])
        self._rolling = {}
        routed.merged += self._merged
        routed.ended += self._ended
        self._found, self._merged, self._ended = {}, (), ()
        routed.comments += self._asked
        self._asked, self._look, self._stir = [], False, False
        self._overdue = self._ask = False
        routed.state, routed.comments = heard_once(routed.state, routed.comments)
        hold_back(routed, workflow.now())
        self._state = routed.state
        if self._state.put_off is None:
            self._wanted, self._wanted_later = [*self._wanted_later, *self._wanted], []
        return routed

    def _gathers(self) -> datetime | None:
        """Return the time by which checks are gathered; None where histories know of none."""
        is_asked = any(promotion.awaits is None or promotion.owed for promotion in self._state.open)
        return workflow.now() if is_asked and workflow.patched(_ONE_ALARM) else None

    def _delivered(self, comment: Comment) -> Delivery:
        """Return a comment as if its event had come."""
        state = self._state
        repository = RepositoryRef(
            forge=state.forge, owner=state.owner, name=state.name, id=state.id
        )
        return Delivery(id=f"heard-{comment.id}", repository=repository, event=comment)

    async def _survey(self, routed: Routed) -> bool:
        """Look at the repository; return whether it is still ours to manage."""
        state = self._state
        wanted, self._wanted = self._wanted, []
        request = SurveyRequest(
            repository=state.repository,
            open=state.open,
            cancelled=state.cancelled,
            remembered=state.remembered,
            planned=state.planned,
            looked=state.looked,
            comments=tuple(routed.comments),
            merged=tuple(routed.merged),
            changed=routed.changed,
            wanted=tuple(wanted),
            ended=tuple(routed.ended),
            seen=state.seen,
            unsaid=routed.unsaid,
            may_be_put_off=True,
        )
        survey: Survey = await workflow.execute_activity(
            "survey",
            request,
            result_type=Survey,
            **STEP,
        )
        answers = {told.id: told for told in survey.told}
        for one in wanted:
            if survey.put_off is not None and one.id not in answers:
                self._wanted_later.append(one)
            else:
                self._told[one.id] = answers.get(one.id) or Told(id=one.id, text=_NOT_MANAGED)
        self._state = left_for_later(self._state, routed, survey.put_off)
        if survey.put_off is not None and survey.put_off.blind:
            return True
        self._remember(survey, state)
        return survey.managed

    def _remember(self, survey: Survey, asked: PipelineState) -> None:
        """Keep what a look has found; `asked` is what was known when it began."""
        # A survey asks after branches alone: the next glance is not put off by it.
        is_due_before = workflow.now() < self._until < survey.until
        self._until = self._until if is_due_before else survey.until
        self._state = surveyed(self._state, asked, survey)
        known = {promotion.workflow_id for promotion in self._state.open}
        for started in survey.started:
            # It may have told us of itself already, and then knows better.
            if started.workflow_id not in known:
                self._opened(started)
            if started.rolls_back:
                # Nothing merges there meanwhile: it would not be what is being taken back.
                self._rolling[started.environment] = started.rolls_back

    def _opened(self, promotion: OpenPromotion) -> None:
        if has_rival(self._state, promotion) and workflow.patched("one-gives-way"):
            # A look was lost after it had started one, and the next try found a newer commit.
            self._giving_way.append(promotion.workflow_id)
            return
        self._state = opened(self._state, promotion)

    def _take_report(self, report: Report) -> None:
        told = report.promotion
        self._asked += report.comments
        if not report.ended:
            self._opened(told)
            return
        self._state = ended(self._state, report)
        if told.rolls_back:
            self._rolling[told.environment] = ""
        self._look = self._stir = True

    async def _tell(self, slot: str, news: News) -> None:
        promotion = next((p for p in self._state.open if p.slot == slot), None)
        if promotion is None:
            return
        handle = workflow.get_external_workflow_handle(promotion.workflow_id)
        try:
            await handle.signal("take", [news])
        except ApplicationError:
            # It has ended and its report is on the way, or was lost with it.
            self._state = without(self._state, promotion.workflow_id)
            self._asked += news.comments
            self._look = True

    async def _have_give_way(self, workflow_id: str) -> None:
        """End a promotion because there is another in its hop; one that has ended is no matter."""
        handle = workflow.get_external_workflow_handle(workflow_id)
        with contextlib.suppress(ApplicationError):
            await handle.signal("take", [News(gives_way=True)])

    async def _stir_drift(self) -> None:
        """Have the drift watch look; one that is not there is started."""
        watch = self._state.repository.drift_watch_id
        look, self._recheck = "recheck" if self._recheck else "look", False
        try:
            await workflow.get_external_workflow_handle(watch).signal(look)
        except ApplicationError:
            try:
                await workflow.start_child_workflow(
                    "drift-watch",
                    DriftState(repository=self._state.repository),
                    id=watch,
                    parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                )
            except WorkflowAlreadyStartedError:
                return

    async def _wait(self) -> None:
        gathered = [p.woken + GATHER for p in self._state.open if p.owed and p.woken is not None]
        if not workflow.patched(_ONE_ALARM):
            await self._wait_anew()
            return
        at = min([wakes_at(self._until, self._state.put_off), *gathered])
        if self._alarm is None or self._alarm_at != at:
            # One for each event that wakes us would be most of what a busy repository costs.
            if self._alarm is not None:
                self._alarm.cancel()
            self._alarm_at, self._alarm = at, asyncio.create_task(self._ring(at))
        await workflow.wait_condition(self._waiting)
        self._rang = False
        # What came in the same moment does not stand in for the look that was due.
        self._overdue |= workflow.now() >= self._until

    async def _ring(self, at: datetime) -> None:
        await workflow.sleep(max(at - workflow.now(), SHORTEST_WAIT))
        self._alarm, self._rang = None, True

    async def _wait_anew(self) -> None:
        """Wait as the first release did, whose histories have a timer for each time."""
        put_off = self._state.put_off
        timeout = max(wakes_at(self._until, put_off) - workflow.now(), SHORTEST_WAIT)
        try:
            await workflow.wait_condition(self._waiting, timeout=timeout)
        except TimeoutError:
            self._overdue = put_off is None or workflow.now() >= self._until
            return
        if workflow.now() >= self._until and workflow.patched("late-is-overdue"):
            self._overdue = True

    @workflow.signal
    def take(self, deliveries: list[Delivery]) -> None:
        """Take events from the receiver."""
        self._deliveries.extend(deliveries)

    @workflow.signal
    def report(self, report: Report) -> None:
        """Take a promotion's word: where its news has to go now, or that it has ended."""
        self._reports.append(report)

    @workflow.signal
    def plan(self, planned: Planned) -> None:
        """Promote at a time; what was planned there before is not done."""
        others = [p for p in self._state.planned if p.environment != planned.environment]
        self._state = self._state.model_copy(update={"planned": (*others, planned)})
        self._look = True

    @workflow.signal
    def unplan(self, environment: str) -> None:
        """Do not promote there at the time that was planned."""
        others = tuple(p for p in self._state.planned if p.environment != environment)
        self._state = self._state.model_copy(update={"planned": others})

    @workflow.signal
    def look(self) -> None:
        """Look at the repository; what events would have told is asked for, as at a start."""
        self._look = self._stir = self._ask = True

    @workflow.signal
    def glance(self) -> None:
        """Look whether anything happened that no event told of."""
        self._overdue = True

    @workflow.update
    async def promote(self, wanted: Wanted) -> Told:
        """Promote at once, unless a promotion there is open: whoever comes second is told."""
        self._wanted.append(wanted)
        await workflow.wait_condition(lambda: wanted.id in self._told)
        return self._told.pop(wanted.id)

    @workflow.query
    def state(self) -> PipelineState:
        """Return what the pipeline knows."""
        return self._state
