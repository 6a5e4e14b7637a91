"""One promotion, from its candidate to its record: waits durably, and decides nothing.

Each step is one activity that observes, decides and applies. So a changed decision never
breaks a promotion that is open, and days of waiting cost a timer.
"""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows.steps import SHORTEST_WAIT, STEP
    from workflows.values.promotion import Advanced, News, Outline, PromotionState


@workflow.defn(name="promotion")
class PromotionWorkflow:
    """Steps when there is news, or when a wait is over."""

    @workflow.init
    def __init__(self, state: PromotionState, news: list[News]) -> None:
        self._state = state
        self._news = list(news)
        self._opened = self._since = workflow.now()
        self._waits_for = "building the candidate"

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
                **STEP,
            )
            self._state = step.state
            self._say(step.outcome or step.reason)
            if step.outcome and not any(news.comments for news in self._news):
                return step.outcome
            # What somebody said while it ended is answered, or passed on, all the same.
            if not step.outcome:
                await self._wait(step)
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(args=[self._state, self._news])

    def _say(self, reason: str) -> None:
        if reason != self._waits_for:
            self._waits_for, self._since = reason, workflow.now()

    async def _wait(self, step: Advanced) -> None:
        timeout = None if step.until is None else max(step.until - workflow.now(), SHORTEST_WAIT)
        try:
            await workflow.wait_condition(lambda: bool(self._news), timeout=timeout)
        except TimeoutError:
            # A wait is over: the next step finds out what has come of it.
            return

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

    @workflow.query
    def outline(self) -> Outline:
        """Return what it waits for, since when, and what people said that counts."""
        return Outline.of(self._state, self._waits_for, self._since, self._opened)
