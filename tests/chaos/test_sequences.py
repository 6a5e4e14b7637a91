"""Events that come twice, late, out of order or never: random sequences of them hold the rules.

Each sequence runs the workflows' own code, routing, glance, decisions and gates, on a forge and
a Temporal in memory; 10,000 of them with LOCKSTEP_THOROUGH. A few whole ones run on the
time-skipping server, with real git.
"""

import os
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.chaos.world import BRANCH, HOPS, ME, RECONCILE, Pull, World

THOROUGH = bool(os.environ.get("LOCKSTEP_THOROUGH"))
SEQUENCES = 10_000 if THOROUGH else 150
MOST_ROUNDS = 400


class Events(RuleBasedStateMachine):
    """People, CI, the network and the workflows take turns as hypothesis chooses."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.lost_look = False
        self.world.deliver()

    # People and CI

    @rule(environment=st.sampled_from(["development", "development", "staging"]))
    def push(self, environment: str) -> None:
        self.world.push(environment)

    @precondition(lambda self: self.open())
    @rule(data=st.data(), good=st.sampled_from([True, True, False]))
    def check(self, data: st.DataObject, *, good: bool) -> None:
        self.world.check(self.chosen(data).number, good=good)

    @precondition(lambda self: self.open())
    @rule(
        data=st.data(),
        text=st.sampled_from(
            ["/hold a moment", "/resume", "/retry", "/promote production", "/sign-off qa"]
        ),
    )
    def say(self, data: st.DataObject, text: str) -> None:
        self.world.say(self.chosen(data).number, "quinn", text)

    @precondition(lambda self: self.open())
    @rule(data=st.data(), merged=st.booleans())
    def end(self, data: st.DataObject, *, merged: bool) -> None:
        self.world.end(self.chosen(data).number, "bob", merged=merged)

    def open(self) -> list[Pull]:
        return [pull for name in HOPS for pull in self.world.open_into(name)]

    def chosen(self, data: st.DataObject) -> Pull:
        return data.draw(st.sampled_from(self.open()))

    # The network

    @precondition(lambda self: self.world.network)
    @rule(data=st.data(), fate=st.sampled_from(["deliver", "deliver", "twice", "drop"]))
    def network(self, data: st.DataObject, fate: str) -> None:
        """Deliver any event that is under way, and keep it for a second time, or lose it."""
        world = self.world
        at = data.draw(st.integers(0, len(world.network) - 1))
        event = world.network[at] if fate == "twice" else world.network.pop(at)
        if fate != "drop":
            world.deliver(event)

    @precondition(lambda self: len(self.world.network) > 1)
    @rule()
    def burst(self) -> None:
        """Deliver all that is under way at once, the newest first."""
        self.world.deliver(*reversed(self.world.network))
        self.world.network.clear()

    # The workflows

    @precondition(lambda self: self.world.server.ready())
    @rule(data=st.data(), crash=st.sampled_from([False, False, False, True]))
    def step(self, data: st.DataObject, *, crash: bool) -> None:
        chosen = data.draw(st.sampled_from(self.world.server.ready()))
        self.lost_look |= crash and chosen.startswith("pipeline/")
        self.world.server.step(chosen, crash=crash)

    @rule(seconds=st.sampled_from([1, 30, 700]))
    def wait(self, seconds: int) -> None:
        self.world.wait(timedelta(seconds=seconds))

    # What holds at any time

    @invariant()
    def there_is_one_open_promotion_in_a_hop(self) -> None:
        if self.lost_look:
            # The second, which the lost one cannot be seen to have started, gives way: see the end.
            return
        for name in HOPS:
            found = self.world.open_into(name)
            assert len(found) <= 1, found

    @invariant()
    def what_was_merged_by_us_is_what_was_built(self) -> None:
        for _, candidate, held in self.world.merges:
            assert self.world.content[candidate] <= held
        ours = [p for p in self.world.pulls.values() if (p.state, p.by) == ("merged", ME)]
        for pull in ours:
            (held,) = [held for _, sha, held in self.world.merges if sha == pull.head]
            assert held == self.world.content[pull.head]

    # And at the end, when what was lost has been looked for

    def teardown(self) -> None:
        world = self.world
        world.network.clear()
        before = {number: len(said) for number, said in world.said.items()}
        for _ in range(3):
            self._settle()
        assert before == {number: len(said) for number, said in world.said.items()}
        self._is_whole()

    def _settle(self) -> None:
        """Let all looks find what nobody told of, and all steps be taken."""
        self.world.wait(RECONCILE * 7)
        for _ in range(MOST_ROUNDS):
            ready = self.world.server.ready()
            if not ready:
                return
            for one in ready:
                if one in self.world.server.ready():
                    self.world.server.step(one)
        raise AssertionError(f"no rest is found: {self.world.server.ready()}")

    def _is_whole(self) -> None:
        world = self.world
        # A person's word under what is open now was heard, and by one alone.
        for pull in self.open():
            for comment in world.said.get(pull.number, []):
                heard = world.heard.get(comment.id, set())
                assert len(heard) == 1, f"{comment} was heard by {heard}, under {pull}"
        for heard in world.heard.values():
            assert len(heard) <= 1
        for name in HOPS:
            assert len(world.open_into(name)) <= 1
        # What is in the source is in the target, or is open, or a person did not want it.
        source = world.branches[BRANCH["development"]]
        missing = world.content[source] - world.content[world.branches[BRANCH["staging"]]]
        pipeline = world.server.running["pipeline/github/acme/config"].workflow.state()
        unwanted = f"staging/{source}" in pipeline.cancelled
        assert not missing or world.open_into("staging") or unwanted, pipeline
        # What the pipeline believes to be open is open, and runs.
        known = {one.number for one in pipeline.open}
        assert known == {pull.number for pull in self.open()}, pipeline
        for one in pipeline.open:
            assert one.workflow_id in world.server.running


Events.TestCase.settings = settings(
    max_examples=SEQUENCES,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestEvents = pytest.mark.timeout(1800 if THOROUGH else 120)(Events.TestCase)


# What such sequences have found


def settled(world: World) -> None:
    """Take every step that can be taken, without letting time pass."""
    while ready := world.server.ready():
        world.server.step(ready[0])


def test_a_look_that_was_lost_after_it_had_started_a_promotion_leaves_one_in_the_hop() -> None:
    world = World()
    world.push("development")
    world.deliver(*world.network)
    world.server.step("pipeline/github/acme/config", crash=True)
    world.push("development")
    world.server.step("pipeline/github/acme/config")

    settled(world)

    (pull,) = world.open_into("staging")
    assert [one.number for one in world.pulls.values() if one.state == "closed"] != [pull.number]
    world.check(pull.number, good=True)
    world.deliver(*world.network)
    settled(world)
    assert world.branches[BRANCH["development"]] is not None
    assert (
        world.content[world.branches["develop"]] <= world.content[world.branches[pull.base]]
    ) or world.open_into("staging")


def test_a_comment_whose_event_was_lost_is_found_though_pushes_came_after_it() -> None:
    world = World()
    world.push("development")
    world.deliver(*world.network)
    settled(world)
    (pull,) = world.open_into("staging")
    world.network.clear()
    world.say(pull.number, "quinn", "/hold a moment")
    world.network.clear()
    # Every five minutes, for an hour: the repository is never quiet.
    for _ in range(12):
        world.wait(timedelta(minutes=5))
        world.push("staging")
        world.deliver(*world.network)
        world.network.clear()
        settled(world)

    assert list(world.heard.values()) == [
        {f"promotion/github/acme/config/staging/{pull.branch[-12:]}"}
    ]
