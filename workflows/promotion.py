"""One promotion, from its candidate to its record: waits durably, and decides nothing.

Each step is one activity that observes, decides and applies. So a changed decision never
breaks a promotion that is open, and days of waiting cost a timer.
"""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from workflows.values import Advanced, News, OpenPromotion, PromotionState, Report

# A forge that is away, a full disk, a token that expired: a normal day, so it never gives up.
_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2,
    maximum_interval=timedelta(minutes=5),
)
_STEP_LIMIT = timedelta(minutes=10)
# A moment that has passed already is no reason to spin.
_SHORTEST = timedelta(seconds=1)


@workflow.defn(name="promotion")
class PromotionWorkflow:
    """Steps when there is news, or when a wait is over."""

    @workflow.init
    def __init__(self, state: PromotionState, news: list[News]) -> None:
        self._state = state
        self._news = list(news)
        self._waits_for = "building the candidate"
        self._told: OpenPromotion | None = None

    @workflow.run
    async def run(self, state: PromotionState, news: list[News]) -> str:
        """Return what became of the promotion; both arguments are taken when it is made."""
        del state, news
        while True:
            # Taken before the step, so that what arrives meanwhile is not lost.
            taken, self._news = self._news, []
            step: Advanced = await workflow.execute_activity(
                "advance",
                args=[self._state, taken],
                result_type=Advanced,
                start_to_close_timeout=_STEP_LIMIT,
                retry_policy=_RETRY,
            )
            self._state, self._waits_for = step.state, step.outcome or step.reason
            await self._tell_pipeline(step)
            if step.outcome:
                return step.outcome
            await self._wait(step)
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(args=[self._state, self._news])

    async def _wait(self, step: Advanced) -> None:
        timeout = None if step.until is None else max(step.until - workflow.now(), _SHORTEST)
        try:
            await workflow.wait_condition(lambda: bool(self._news), timeout=timeout)
        except TimeoutError:
            # A wait is over: the next step finds out what has come of it.
            return

    async def _tell_pipeline(self, step: Advanced) -> None:
        """Tell the pipeline where news has to go, whenever that has changed."""
        state = step.state
        told = OpenPromotion(
            environment=state.environment,
            source=state.source,
            workflow_id=state.workflow_id,
            branch=state.branch,
            source_branch=step.source_branch,
            target_branch=step.target_branch,
            number=state.number,
            candidate=state.candidate.sha if state.candidate else "",
            awaits=step.awaits,
        )
        if told == self._told and not step.outcome and not step.pass_on:
            return
        self._told = told
        report = Report(
            promotion=told,
            ended=bool(step.outcome),
            cancelled=step.cancelled,
            comments=step.pass_on,
        )
        pipeline = workflow.get_external_workflow_handle(state.repository.pipeline_id)
        try:
            await pipeline.signal("report", report)
        except ApplicationError:
            # Not there: the repository was renamed, or is ours no more. A look finds us again.
            workflow.logger.warning("%s is not there to be told", state.repository.pipeline_id)

    @workflow.signal
    def take(self, news: list[News]) -> None:
        """Take news from the pipeline."""
        self._news += news

    @workflow.query
    def state(self) -> PromotionState:
        """Return the state after the last step."""
        return self._state

    @workflow.query
    def waits_for(self) -> str:
        """Return the sentence that says what the promotion waits for."""
        return self._waits_for
