"""How often the histories alone tell what somebody saw who watched every change."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from bot.engine.drift import compare
from bot.engine.keep import Keep
from bot.model import Head, State
from tests.engine.memory_git import MemoryGit

KEYS = [f"key{number:02}" for number in range(100)]
WORLDS = 1_000 if os.environ.get("LOCKSTEP_THOROUGH") else 150
PATH = "app.yaml"
# The share of edits that bring back an old value: only these can mislead a history.
OLD_VALUES = 0.4


@dataclass(slots=True)
class Place:
    """One key's values in either environment, and the last that the observer saw agreed."""

    source: list[int] = field(default_factory=lambda: [0])
    target: list[int] = field(default_factory=lambda: [0])
    agreed: int = 0

    def edit(self, side: list[int], value: int) -> None:
        """Let one side change; what both have then is agreed, whoever brought it."""
        side.append(value)
        if self.source[-1] == self.target[-1]:
            self.agreed = value

    def promote(self, value: int) -> None:
        """Bring a value of the source's into the target, the newest or an older one."""
        self.target.append(value)
        self.agreed = value

    @property
    def state(self) -> State:
        """What the observer would say."""
        source, target = self.source[-1], self.target[-1]
        if source == target:
            return State.IN_SYNC
        if self.agreed == target:
            return State.PENDING
        return State.DRIFT if self.agreed == source else State.CONFLICT


@dataclass(slots=True)
class Watched:
    """Two branches of one file, and the observer of each of its places."""

    random: Random
    recorded: bool
    git: MemoryGit = field(default_factory=MemoryGit)
    places: dict[str, Place] = field(default_factory=lambda: {key: Place() for key in KEYS})
    fresh: int = 0
    time: int = 0
    source: str = ""
    target: str = ""

    def __post_init__(self) -> None:
        self.source = self.target = self.commit("source", "Begin")

    def commit(self, side: str, message: str, *parents: str) -> str:
        """Commit what the places hold on one side."""
        self.time += 60
        lines = (f"{key}: {getattr(place, side)[-1]}\n" for key, place in self.places.items())
        files = {PATH: self.git.blob("".join(lines).encode())}
        return self.git.commit(files, parents, message, self.time)

    def some(self, share: float) -> Iterator[Place]:
        """Yield a random part of the places."""
        yield from (p for p in self.places.values() if self.random.random() < share)

    def new(self, known: list[int]) -> int:
        """Return a value nobody has had, or now and then one that this side had before."""
        self.fresh += 1
        return self.random.choice(known) if self.random.random() < OLD_VALUES else self.fresh

    def step(self) -> None:
        """Let something happen."""
        happening = self.random.choices(
            [
                self.edit,
                self.promote_all,
                self.promote_some,
                self.late,
                self.hotfix,
                self.back_merge,
                self.roll_back,
            ],
            [14, 1, 2, 1, 2, 1, 1],
        )[0]
        happening()

    def edit(self) -> None:
        for place in self.some(0.1):
            place.edit(place.source, self.new(place.source))
        self.source = self.commit("source", "Edit", self.source)

    def hotfix(self) -> None:
        for place in self.some(0.1):
            place.edit(place.target, self.new(place.target))
        self.target = self.commit("target", "Fix", self.target)

    def roll_back(self) -> None:
        for place in self.some(0.1):
            place.edit(place.target, self.random.choice(place.target[-3:]))
        self.target = self.commit("target", "Roll back", self.target)

    def back_merge(self) -> None:
        for place in self.places.values():
            if place.state is State.DRIFT:
                place.edit(place.source, place.target[-1])
        self.source = self.commit("source", "Bring the fix home", self.source)

    def promote_all(self) -> None:
        """Promote everything; in a conflict somebody decides for the source."""
        for place in self.places.values():
            if place.state in (State.PENDING, State.CONFLICT):
                place.promote(place.source[-1])
        trailers = f"Lockstep-Source: {self.source}\nLockstep-Environment: target\n"
        merged = [self.source] if self.random.random() < 0.3 and self.recorded else []
        message = f"Promote\n\n{trailers}" if self.recorded else "Squash"
        self.target = self.commit("target", message, self.target, *merged)

    def promote_some(self) -> None:
        for place in self.some(0.3):
            if place.state is State.PENDING:
                place.promote(place.source[-1])
        self.target = self.commit("target", "Promote some by hand", self.target)

    def late(self) -> None:
        """Promote what the source had some changes ago."""
        for place in self.some(0.1):
            if place.state is State.PENDING:
                place.promote(place.source[-2])
        self.target = self.commit("target", "Promote what was tested", self.target)


def agreement(*, recorded: bool) -> tuple[int, int]:
    """Return how many places differ, and for how many the engine says what was seen."""
    differ = same = 0
    for seed in range(WORLDS):
        world = Watched(Random(seed), recorded)
        for _ in range(world.random.randrange(5, 50)):
            world.step()
        found = compare(
            world.git,
            Head("source", "source", world.source),
            Head("target", "target", world.target),
            Keep(),
        )
        states = {change.key: change.state for change in found.changes}
        for key, place in world.places.items():
            differ += place.state is not State.IN_SYNC
            same += place.state is not State.IN_SYNC and states[key] is place.state
    return differ, same


def test_without_records_the_histories_tell_nearly_always_what_an_observer_saw() -> None:
    differ, same = agreement(recorded=False)

    assert differ >= 5_000
    assert same / differ >= 0.99


def test_with_records_they_tell_it_but_for_a_few_in_a_thousand() -> None:
    differ, same = agreement(recorded=True)

    assert differ >= 5_000
    assert same / differ >= 0.998
