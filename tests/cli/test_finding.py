"""One pipeline that cannot answer keeps nobody from the other repositories."""

from dataclasses import dataclass
from typing import Any, cast

import pytest
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from bot.cli.finding import _managed
from workflows.values import PipelineState


@dataclass(frozen=True)
class Description:
    status: WorkflowExecutionStatus = WorkflowExecutionStatus.RUNNING


class StuckPipeline:
    """A workflow whose task fails whenever it is tried."""

    id = "pipeline/github/acme/shop"

    async def describe(self) -> Description:
        return Description()

    async def query(self, _name: str, *, result_type: type[PipelineState]) -> PipelineState:
        raise RPCError(f"cannot query for {result_type.__name__}", RPCStatusCode.INTERNAL, b"")


async def test_a_pipeline_that_cannot_be_asked_is_named_and_passed_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    managed = await _managed(cast("Any", StuckPipeline()))

    assert not managed
    why = "cannot query for PipelineState"
    assert caplog.messages == [f"{StuckPipeline.id} has not looked at its repository yet: {why}"]
