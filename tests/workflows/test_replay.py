"""Workflows that wait for days are gone on with by newer code: every saved history replays."""

from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from tests.workflows.save import HISTORIES, story
from tests.workflows.town import events_of
from tests.workflows.village import village
from workflows.payloads import data_converter
from workflows.worker import WORKFLOWS, sandbox

SAVED = sorted(HISTORIES.glob("*.json"))
MERGED = (HISTORIES / "0.1-promotion-merged.json").read_text()


def replayer() -> Replayer:
    return Replayer(
        workflows=WORKFLOWS,
        data_converter=data_converter(),
        workflow_runner=sandbox(),
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [(path.stem, path.read_text()) for path in SAVED],
    ids=[path.stem for path in SAVED],
)
async def test_a_saved_history_replays(name: str, text: str) -> None:
    await replayer().replay_workflow(WorkflowHistory.from_json(name, text))


def test_there_are_histories_of_every_workflow() -> None:
    names = " ".join(path.stem for path in SAVED)

    for kind in ("pipeline", "drift-watch", "promotion-merged", "promotion-cancelled"):
        assert f"-{kind}" in names


async def test_what_was_just_lived_through_replays(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        histories = await story(here)

    for history in histories.values():
        assert len(events_of(history)) > 10
        await replayer().replay_workflow(history)


async def test_a_history_that_the_code_would_not_have_made_does_not_replay() -> None:
    other = MERGED.replace('"advance"', '"survey"')

    with pytest.raises(Exception, match="Nondeterminism"):
        await replayer().replay_workflow(WorkflowHistory.from_json("other", other))
