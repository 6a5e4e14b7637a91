"""Save histories of the present code, to be replayed by every later one.

`python -m tests.workflows.save RELEASE` adds files; those of earlier releases stay.
"""

import asyncio
import re
import sys
import tempfile
from pathlib import Path

from temporalio.client import WorkflowHistory

from tests.workflows.village import APP, KEY, Village, village

HISTORIES = Path(__file__).parent / "histories"
# Of the machine that ran the story: process, host and the queues named after them.
_MACHINE = re.compile(r"\d+@[\w.-]+")


async def story(here: Village) -> dict[str, WorkflowHistory]:
    """Live through what workflows can meet; return the histories by name."""
    first = await here.push("development", {"app.yaml": APP.replace("v1", "v2")})
    pull = await here.open_into("staging")
    await here.say(pull.number, "ada", "/hold the fair is on\n/drift\n/promote production")
    await here.body_says(pull.number, "held by ada")
    await here.push("development", {"app.yaml": APP.replace("v1", "v3")})
    await here.say(pull.number, "ada", "/resume")
    await here.until(lambda: here.pull(pull.number).head_sha != pull.head_sha)
    await here.check(here.pull(pull.number), "failure")
    await here.body_says(pull.number, "ci/test failed")
    await here.check(here.pull(pull.number))
    await here.ended("staging", first)
    await here.pushed("staging", by="lockstep")
    await here.changed(pull.number, "lockstep")
    await here.until_idle()

    source = here.world.sha("staging")
    await here.say(pull.number, "ada", "/promote production")
    second = await here.open_into("production")
    await here.until_idle()
    await here.push("production", {"app.yaml": APP.replace("info", "debug")})
    home = await here.open_into("development")
    await here.say(second.number, "bob", "/cancel")
    await here.ended("production", source)
    here.forge.close_as("ada", "acme/config", home.number)
    await here.changed(home.number, "ada")
    await here.until_idle()
    await here.env.sleep(60 * 75)
    await here.until_idle()
    return {
        "pipeline": await here.client.get_workflow_handle(KEY.pipeline_id).fetch_history(),
        "drift-watch": await here.client.get_workflow_handle(KEY.drift_watch_id).fetch_history(),
        "promotion-merged": await here.history("staging", first),
        "promotion-cancelled": await here.history("production", source),
    }


async def save(release: str) -> None:
    """Write the histories of one release."""
    with tempfile.TemporaryDirectory() as directory:
        async with village(Path(directory)) as here:
            histories = await story(here)
    HISTORIES.mkdir(exist_ok=True)
    for name, history in histories.items():
        text = _MACHINE.sub("worker", history.to_json())
        (HISTORIES / f"{release}-{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    asyncio.run(save(sys.argv[1]))
