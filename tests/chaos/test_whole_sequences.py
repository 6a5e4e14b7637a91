"""Random events on the time-skipping server, with real git: nothing doubled, nothing lost."""

import os
import random
from datetime import timedelta
from pathlib import Path

import pytest

from tests.workflows.village import APP, REPOSITORY, Village, village
from webhook.events import ChecksChanged, Event, Push

SEQUENCES = range(30 if os.environ.get("LOCKSTEP_THOROUGH") else 3)
ACTS = 14
INTERVAL = timedelta(minutes=12)


class Network:
    """Events under way: each may be lost, come twice, late, or before those that were earlier."""

    def __init__(self, here: Village, dice: random.Random) -> None:
        self.here, self.dice = here, dice
        self.under_way: list[Event] = []

    async def some(self) -> None:
        """Let fate have its way with what is under way."""
        self.dice.shuffle(self.under_way)
        for event in self.under_way[: self.dice.randint(0, 2)]:
            self.under_way.remove(event)
            fate = self.dice.choice(["once", "once", "twice", "lost"])
            if fate == "lost":
                continue
            await self.here.deliver(event)
            if fate == "twice":
                await self.here.again()


def act(here: Village, network: Network, number: int) -> None:
    """Have somebody do something, of which an event tells."""
    dice, world, forge = network.dice, here.world, here.forge
    opened = [pull for pull in here.pulls() if pull.state == "open"]
    if not opened or dice.random() < 0.4:
        sha = world.commit("development", {"app.yaml": APP.replace("v1", f"v{number + 2}")})
        forge.wrote(REPOSITORY, sha, "ada")
        network.under_way.append(Push(branch="develop", before=None, after=sha, by="ada"))
        return
    pull = dice.choice(opened)
    failed = dice.random() < 0.3
    forge.report(REPOSITORY, pull.head_sha, "ci/test", "failure" if failed else "success")
    network.under_way.append(ChecksChanged(sha=pull.head_sha, name="ci/test", failed=failed))


@pytest.mark.parametrize("seed", SEQUENCES)
async def test_whatever_becomes_of_the_events_the_newest_commit_arrives_once(
    tmp_path: Path, seed: int
) -> None:
    dice = random.Random(seed)
    async with village(tmp_path) as here:
        network = Network(here, dice)
        await here.deliver()
        for number in range(ACTS):
            act(here, network, number)
            await network.some()
            if dice.random() < 0.3:
                await here.until_idle()
        # The rest is lost; what CI says from here on, too.
        network.under_way.clear()
        for _ in range(6):
            for pull in (one for one in here.pulls() if one.state == "open"):
                here.forge.report(REPOSITORY, here.pull(pull.number).head_sha, "ci/test", "success")
            await here.env.sleep(INTERVAL)
            await here.until_idle()
            assert len([one for one in here.pulls() if one.state == "open"]) <= 1

        tree = [here.world.git("rev-parse", f"{name}:app.yaml") for name in ("develop", "staging")]
        assert tree[0] == tree[1]
        assert [one for one in here.pulls() if one.state == "open"] == []
        merges = here.forge.places[REPOSITORY].merges
        assert len({merge.sha for merge in merges}) == len(merges)
        assert (await here.pipeline()).open == ()
