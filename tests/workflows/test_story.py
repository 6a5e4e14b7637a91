"""The main job from end to end: real Temporal, real git over HTTP, real PyGithub."""

import asyncio
from pathlib import Path

from tests.workflows.town import (
    actions_of,
    connected,
    events_of,
    eventually,
    size_of,
    temporal,
    town,
)
from workflows.worker import worker

PIPELINE = "pipeline/github/acme/config"


async def test_a_change_goes_from_development_to_production(tmp_path: Path) -> None:
    with temporal(tmp_path) as address:
        client = await connected(address)
        async with (
            town(tmp_path, client) as here,
            worker(client, {"github": here.forge}, tmp_path / "state"),
        ):
            source = await here.commit("development", {"app.yaml": "image: shop:1.1\nreplicas: 1\nlog: info\n"})
            request = await here.open_into("staging")
            await here.check(request.head_sha)
            await here.merged(request.number)
            assert await here.file("staging") == "image: shop:1.1\nreplicas: 1\nlog: info\n"
            to_staging = f"promotion/github/acme/config/staging/{source[:12]}"
            print(await here.ended(to_staging))
            history = await here.history(to_staging)
            print(events_of(history), size_of(history), actions_of(history))
            for call in await here.do(lambda c: c.calls()):
                print(call)
