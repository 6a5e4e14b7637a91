"""On a plain git server a person merges by pushing, and nothing that was said is lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web
from temporalio.client import Client

from bot.forges.plain_ledger import Request
from bot.pushes import CONVERSATION
from tests.forges.plain_world import SECRET, PlainWorld, plain_world
from tests.forges.world import CONFIG, ME
from tests.temporal_server import connected, temporal
from tests.workflows.town import eventually
from webhook import app as receiver
from webhook.dispatch import Dispatcher, TemporalSignals
from webhook.git import GitReader
from workflows.worker import worker

CONFIGURATION = """\
version: 1
environments:
  - {name: development, branch: development}
  - name: staging
    branch: staging
    promote: automatic
    gates: {checks: [ci/test]}
  - {name: production, branch: main, promote: manual, gates: {sign_offs: [qa]}}
roles: {qa: [carol]}
"""


@asynccontextmanager
async def hooked(world: PlainWorld, client: Client) -> AsyncIterator[None]:
    """Receive what the server's hook tells, and work on it."""
    signals = TemporalSignals(client)
    readers = [GitReader([SECRET], ME)]
    made = receiver.app(Dispatcher(signals), readers=readers, ready=signals.missing)
    runner = web.AppRunner(made, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    world.put("main", ".lockstep.yaml", CONFIGURATION)
    for branch in ("staging", "development"):
        world.git("push", "--quiet", "origin", f"+HEAD:refs/heads/{branch}", user=ME)
    world.install(url=f"http://127.0.0.1:{runner.addresses[0][1]}")
    try:
        async with worker(client, {"git": world.forge}, world.root / "worker"):
            yield
    finally:
        await runner.cleanup()


async def opened(world: PlainWorld, base: str) -> Request:
    """Wait for a promotion into a branch."""

    async def look() -> Request | None:
        place = world.forge._place(CONFIG)
        await asyncio.to_thread(place.settled)
        found = place.store.read(lambda ledger: ledger.requests())
        return next((one for one in found if one.base == base), None)

    return await eventually(look, f"a promotion into {base}")


async def test_a_merge_by_hand_is_told_and_what_was_asked_for_then_follows(tmp_path: Path) -> None:
    with temporal(tmp_path) as address, plain_world(tmp_path / "git") as world:
        client = await connected(address)
        async with hooked(world, client):
            await asyncio.to_thread(world.push, "development", "new\n", "alice")
            request = await opened(world, "staging")
            await asyncio.to_thread(world.say, request.number, "alice", "/promote production")

            async def answered() -> bool:
                said = await asyncio.to_thread(world.comments, request.number)
                return any(person == ME for person, _ in said)

            await eventually(answered, "an answer")
            await asyncio.to_thread(world.merge_as, "bob", request.number)

            after = await opened(world, "main")
            found = await asyncio.to_thread(world.forge.pull_request, CONFIG, request.number)
            assert (found.state, found.by) == ("merged", "bob")
            assert after.title == "Promote staging to production: 1 change"

            async def recorded() -> bool:
                pull = await asyncio.to_thread(world.forge.pull_request, CONFIG, request.number)
                return "bob merged by hand, past checks" in pull.body

            await eventually(recorded, "who merged, past what")
            await asyncio.to_thread(world.say, after.number, "carol", "/sign-off qa")

            async def landed() -> bool:
                pull = await asyncio.to_thread(world.forge.pull_request, CONFIG, after.number)
                return (pull.state, pull.by) == ("merged", ME)

            await eventually(landed, "the bot's own push to main")
            assert world.head("main") == after.head_sha


async def test_words_about_a_number_that_is_none_hold_up_nobody(tmp_path: Path) -> None:
    with temporal(tmp_path) as address, plain_world(tmp_path / "git") as world:
        client = await connected(address)
        async with hooked(world, client):
            await asyncio.to_thread(world.say, 99, "alice", "/promote production")
            await asyncio.to_thread(world.say, CONVERSATION, "alice", "/status")

            async def answered() -> bool:
                said = await asyncio.to_thread(world.comments, CONVERSATION)
                return ME in [person for person, _ in said]

            await eventually(answered, "an answer to what was said afterwards")
