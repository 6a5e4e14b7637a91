"""One repository's pipeline: takes every event, keeps order, starts promotions and tells them.

It decides nothing: where an event goes is `routing`'s, what there is to promote the
survey's. Events are hints; a scheduled look finds what was missed.
"""

from collections import deque
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from webhook.events import Delivery, RepositoryRef
    from workflows.routing import Routed, route
    from workflows.values import (
        News,
        OpenPromotion,
        PipelineState,
        PromotionState,
        Report,
        RepositoryKey,
        Survey,
        SurveyRequest,
    )

_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2,
    maximum_interval=timedelta(minutes=5),
)
_SURVEY_LIMIT = timedelta(minutes=10)
# Between two looks that no event asked for; up to a tenth more, so that repositories spread.
_RECONCILE = timedelta(minutes=10)
# A forge delivers again within days; what it sent is remembered for this many deliveries.
_REMEMBERED = 512


@workflow.defn(name="pipeline")
class PipelineWorkflow:
    """Drains what has come in one go, so that a burst costs one look."""

    @workflow.init
    def __init__(self, repository: RepositoryRef, state: PipelineState | None = None) -> None:
        key = RepositoryKey(forge=repository.forge, owner=repository.owner, name=repository.name)
        self._repository = repository
        self._state = state or PipelineState(repository=key)
        self._deliveries: deque[Delivery] = deque()
        self._asked: list[PromotionState] = []
        self._look = state is None
        self._problem = ""

    @workflow.run
    async def run(self, repository: RepositoryRef, state: PipelineState | None = None) -> None:
        """Run until continued as new; both arguments are taken when it is made."""
        del repository, state
        while not workflow.info().is_continue_as_new_suggested():
            look, self._look = self._look, False
            routed = route(self._state, self._drained())
            routed.look |= look
            for environment, news in routed.news.items():
                await self._tell(environment, news)
            if routed.look or routed.comments or routed.merged:
                await self._survey(routed)
            await self._wait()
        workflow.continue_as_new(args=[self._repository, self._state])

    def _drained(self) -> list[Delivery]:
        """Return what has come and was not taken before, each delivery once."""
        taken, fresh = dict.fromkeys(self._state.taken), []
        while self._deliveries:
            delivery = self._deliveries.popleft()
            if delivery.id not in taken:
                taken[delivery.id] = None
                fresh.append(delivery)
        remembered = tuple(taken)[-_REMEMBERED:]
        self._state = self._state.model_copy(update={"taken": remembered})
        return fresh

    async def _survey(self, routed: Routed) -> None:
        request = SurveyRequest(
            state=self._state, comments=tuple(routed.comments), merged=tuple(routed.merged)
        )
        survey = await workflow.execute_activity(
            "survey",
            request,
            result_type=Survey,
            start_to_close_timeout=_SURVEY_LIMIT,
            retry_policy=_RETRY,
        )
        self._problem = survey.problem
        self._state = self._state.model_copy(update={"remembered": survey.remembered})
        for start in survey.starts:
            await self._start(start)

    async def _start(self, promotion: PromotionState) -> None:
        opened = OpenPromotion(
            environment=promotion.environment,
            source=promotion.source,
            workflow_id=promotion.workflow_id,
            branch=promotion.branch,
        )
        self._opened(opened)
        try:
            await workflow.start_child_workflow(
                "promotion",
                promotion,
                id=promotion.workflow_id,
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
            )
        except WorkflowAlreadyStartedError:
            # It runs already: a crash came between its start and our taking note.
            await self._tell(promotion.environment, News(pull_request=True))

    def _opened(self, promotion: OpenPromotion) -> None:
        others = [p for p in self._state.open if p.environment != promotion.environment]
        self._state = self._state.model_copy(update={"open": (*others, promotion)})

    async def _tell(self, environment: str, news: News) -> None:
        promotion = next((p for p in self._state.open if p.environment == environment), None)
        if promotion is None:
            return
        handle = workflow.get_external_workflow_handle(promotion.workflow_id)
        try:
            await handle.signal("take", [news])
        except ApplicationError:
            # It has ended and its report is on the way, or was lost with it.
            still = tuple(p for p in self._state.open if p != promotion)
            self._state = self._state.model_copy(update={"open": still})
            self._look = True

    async def _wait(self) -> None:
        jitter = 1 + workflow.random().random() / 10
        try:
            await workflow.wait_condition(
                lambda: bool(self._deliveries) or self._look, timeout=_RECONCILE * jitter
            )
        except TimeoutError:
            self._look = True

    @workflow.signal
    def take(self, deliveries: list[Delivery]) -> None:
        """Take events from the receiver."""
        self._deliveries.extend(deliveries)

    @workflow.signal
    def report(self, report: Report) -> None:
        """Take a promotion's word: where its news has to go now, or that it has ended."""
        told, ended = report.promotion, report.ended
        if ended is None:
            self._opened(told)
            return
        still = tuple(p for p in self._state.open if p.workflow_id != told.workflow_id)
        cancelled = self._state.cancelled
        if ended.cancelled:
            # By a person: this source commit is not tried again by itself.
            cancelled = (*cancelled, f"{ended.environment}/{ended.source}")[-_REMEMBERED:]
        self._state = self._state.model_copy(update={"open": still, "cancelled": cancelled})
        self._look = True

    @workflow.query
    def state(self) -> PipelineState:
        """Return what the pipeline knows."""
        return self._state
