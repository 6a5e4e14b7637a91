"""A worker may be killed between any two lines: nothing is doubled, lost or left half-done."""

import asyncio
import sys
from pathlib import Path

from tests.shop import APP
from tests.temporal_server import connected, temporal
from tests.workflows.town import Town, town

ROOT = Path(__file__).parents[2]
V2 = APP.replace("1.0", "1.1")
POINTS = (
    "after push",
    "after open_pull_request",
    "before merge",
    "after merge",
    "after update_pull_request",
)


async def test_killed_at_its_effects_there_is_one_branch_one_pull_request_and_one_merge(
    tmp_path: Path,
) -> None:
    with temporal(tmp_path) as address:
        client = await connected(address)
        async with town(tmp_path, client) as here:
            await here.commit("development", {"app.yaml": V2})
            tester = asyncio.create_task(succeed(here))
            deaths = [await life(address, here, tmp_path, point) for point in POINTS]
            last = asyncio.create_task(life(address, here, tmp_path, ""))

            await tester
            await here.become(1, "merged")
            await here.gone("lockstep/promote/staging")
            last.cancel()
            await asyncio.wait([last])

            assert deaths == [-9] * len(POINTS)
            assert [pull.state for pull in await here.pulls()] == ["merged"]
            assert await here.file("staging") == V2
            assert len(await here.first_parents("staging")) == 2
            assert await here.said(1) == []


async def succeed(here: Town) -> None:
    """Be the CI: report a success on the candidate."""
    await here.check((await here.open_into("staging", limit=60)).head_sha)


async def life(address: str, here: Town, directory: Path, point: str) -> int | None:
    """Let a worker live until it dies at a point."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.workflows.worker_process"),
        *(address, here.sandbox.api_url, here.token, str(directory / "state"), point),
        cwd=ROOT,
    )
    try:
        return await asyncio.wait_for(process.wait(), 40)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
