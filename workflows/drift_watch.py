"""One repository's drift watch: looks when a branch moved, and now and then; decides nothing."""

from datetime import datetime, timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows.steps import SHORTEST_WAIT, STEP
    from workflows.values.drift import DriftState, Watched

# What a person did to the issue or the back-merge, and neither an event nor the pipeline's
# cheap looks told us of, is seen by then.
_AT_LEAST_EVERY = timedelta(hours=6)


@workflow.defn(name="drift-watch")
class DriftWatchWorkflow:
    """Keeps the drift issue and the back-merges as the branches are."""

    @workflow.init
    def __init__(self, state: DriftState) -> None:
        self._state = state.model_copy(update={"may_be_put_off": True})
        self._stirred = True

    @workflow.run
    async def run(self, state: DriftState) -> str:
        """Run until continued as new, or until the repository is none of ours."""
        del state
        while True:
            # Cleared before the look, so that what moves meanwhile is not lost.
            self._stirred = False
            watched: Watched = await workflow.execute_activity(
                "watch_drift",
                self._state,
                result_type=Watched,
                **STEP,
            )
            self._state = watched.state
            if not watched.managed and not self._stirred:
                return "the repository is not managed"
            await self._wait(watched.put_off)
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(self._state)

    async def _wait(self, put_off: datetime | None) -> None:
        if put_off is not None:
            # What moves meanwhile would be put off as well, and is seen then.
            await workflow.sleep(max(put_off - workflow.now(), SHORTEST_WAIT))
            return
        try:
            await workflow.wait_condition(lambda: self._stirred, timeout=_AT_LEAST_EVERY)
        except TimeoutError:
            # Somebody may have edited or closed the issue, which no event tells.
            self._state = self._state.model_copy(update={"issue": None})

    @workflow.signal
    def look(self) -> None:
        """Look again: a branch has moved, or somebody closed a back-merge."""
        self._stirred = True

    @workflow.signal
    def recheck(self) -> None:
        """Look again, at the issue as well: somebody may have edited or closed it."""
        self._state = self._state.model_copy(update={"issue": None})
        self._stirred = True

    @workflow.query
    def state(self) -> DriftState:
        """Return what was last said."""
        return self._state
