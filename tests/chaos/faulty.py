"""A forge that fails at one call of a hop, or at two: one of each thing, and no busy loop."""

import logging
import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from bot.model import ForgeName
from tests.chaos.calls import CALLS, FAILURES, LIMITS, NOTES, REFUSED
from tests.chaos.installation import Installation
from tests.chaos.matrix import retire
from tests.chaos.story import Story

# So many stories of an installation are under way at a time.
AT_ONCE = 8
# What follows a fault is asked for afresh, as nobody knows what came of it.
MOST_TIMES_AS_MANY = 3
# Calls that the bot alone makes, and not the tests.
_WRITES = ("POST", "PUT", "PATCH", "DELETE")
_OURS = (
    *("/pulls", "/merge_requests", "/statuses/", "/reactions", "/award_emoji", "/issues/"),
    "receive-pack",
)
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Ill:
    """One story and the faults that it met, by call; what became of it is empty where all went."""

    faults: Mapping[str, str]
    failure: str = ""
    story: Story | None = None
    written: Mapping[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The faults in words."""
        return " + ".join(f"{fault} at {call}" for call, fault in self.faults.items()) or "none"

    @property
    def writes(self) -> int:
        """How much it had the bot write, in calls."""
        return sum(self.written.values())

    def has(self, call: str, *faults: str) -> bool:
        """Whether one of these faults was laid at a call."""
        return self.faults.get(call) in faults

    def is_refused(self, dialect: ForgeName) -> bool:
        """Whether who asks is told that they may not: on GitHub, where nobody knows them."""
        return dialect == "github" and self.has("permission", "404")


@dataclass(slots=True)
class Outcome:
    """What became of the stories of one dialect: with faults, and without."""

    dialect: ForgeName
    ills: list[Ill] = field(default_factory=list)
    usual: list[Ill] = field(default_factory=list)

    def add(self, other: "Outcome") -> None:
        """Take in what was told elsewhere."""
        self.ills += other.ills
        self.usual += other.usual

    @property
    def undisturbed(self) -> float:
        """The writes of a hop when nothing goes wrong."""
        return sum(one.writes for one in self.usual) / max(1, len(self.usual))

    @property
    def dearest(self) -> Ill:
        """The story with the most writes."""
        return max(self.ills, key=lambda ill: ill.writes)

    def wrote_too_much(self, ill: Ill) -> bool:
        """Whether a story cost more than what follows a fault explains."""
        return bool(self.usual) and ill.writes > self.undisturbed * MOST_TIMES_AS_MANY

    def red(self) -> Iterator[str]:
        """Yield what went wrong, a sentence each."""
        for ill in (*self.usual, *self.ills):
            if ill.failure:
                yield f"{self.dialect}, {ill.name}: {ill.failure}"
        for ill in self.ills:
            if self.wrote_too_much(ill):
                yield (
                    f"{self.dialect}, {ill.name}: {ill.writes} writes, "
                    f"{self.undisturbed:.1f} usually: {dict(ill.written)}"
                )


def each(dialect: ForgeName, faults: Collection[str]) -> list[Ill]:
    """Return a story for each of the faults at every call of the hop."""
    return [Ill({call: fault}) for fault in faults for call in CALLS[dialect]]


def pairs(dialect: ForgeName, seed: int, count: int) -> list[Ill]:
    """Return stories with two faults each, at calls that a seed chooses."""
    dice = random.Random(seed)
    calls, faults = list(CALLS[dialect]), [*FAILURES, *LIMITS[dialect]]
    made = [
        Ill({call: dice.choice(faults) for call in dice.sample(calls, 2)}) for _ in range(2 * count)
    ]
    # Who is not told that they may not cannot know that they must say it again.
    told = (ill for ill in made if not (ill.is_refused(dialect) and ill.has("answer", *REFUSED)))
    return list(told)[:count]


def run(here: Installation, ills: Sequence[Ill], usual: int = 0) -> Outcome:
    """Let stories with faults run side by side, and some that are told undisturbed."""
    outcome = Outcome(here.dialect, list(ills), [Ill({}) for _ in range(usual)])
    told = [*outcome.usual, *outcome.ills]
    here.forge.do("reset_calls")
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="story") as pool:
        list(pool.map(partial(_tell, here), told))
    left = here.forge.do("clear_faults")
    for ill in told:
        if ill.story is not None and not ill.failure:
            calls = here.forge.calls(ill.story.here.name)
            ill.written = {route: count for route, count in calls.items() if _is_write(route)}
            ill.failure = _unmet(ill, ill.story, left)
    return outcome


def _tell(here: Installation, ill: Ill) -> None:
    try:
        story = ill.story = Story.found(here.forge, here.hook, "ill", here.dialect)
        story.may_be_unanswered = ill.has("answer", *REFUSED)
        story.is_refused = ill.is_refused(here.dialect)
        for act, before in (("begin", ""), ("ask", "begin"), ("sign", "ask"), ("check", "sign")):
            story.wait_for(before)
            _lay(here, ill, story, act)
            story.go_on(act)
        story.finish()
        retire(here, story)
    except Exception as error:  # noqa: BLE001 -- whatever it was, this one is red
        ill.failure = f"{type(error).__name__}: {error}"
        _log.warning("%s, %s: %s", here.dialect, ill.name, ill.failure)


def _lay(here: Installation, ill: Ill, story: Story, act: str) -> None:
    known = FAILURES | LIMITS[here.dialect]  # type: ignore[operator]
    for name, fault in ill.faults.items():
        call = CALLS[here.dialect][name]
        if call.act == act:
            path = f"{_where(story)}.*{call.path}"
            here.forge.do("inject", method=call.method, path=path, **known[fault])


def _unmet(ill: Ill, story: Story, left: Sequence[str]) -> str:
    """Return which faults nothing has met, though something should have."""
    count = sum(path.startswith(_where(story)) for path in left)
    right = ill.has("acknowledge", "three in a row")
    return "" if count == right else f"{count} of its faults not met"


def _where(story: Story) -> str:
    return rf"(?:{story.here.name}|/projects/{story.here.id})(?=[./]).*"


def _is_write(route: str) -> bool:
    method, _, path = route.partition(" ")
    return method in _WRITES and any(part in path for part in _OURS)


def table(outcome: Outcome) -> Iterator[str]:
    """Yield the lines of a Markdown table: faults down, calls across; and what its marks mean."""
    calls = list(CALLS[outcome.dialect])
    rows: dict[str, dict[str, str]] = {}
    notes: dict[str, str] = {}
    for ill in outcome.ills:
        for call, fault in ill.faults.items():
            mark, reason = NOTES[outcome.dialect].get((call, fault), ("", ""))
            if mark:
                notes[mark] = reason
            is_red = ill.failure or outcome.wrote_too_much(ill)
            rows.setdefault(fault, {})[call] = "**red**" if is_red else f"✓{mark}"
    yield f"| fault | {' | '.join(calls)} |"
    yield f"|---|{'---|' * len(calls)}"
    for fault in sorted(rows, key=[*FAILURES, *LIMITS[outcome.dialect]].index):
        yield f"| {fault} | {' | '.join(rows[fault].get(call, '-') for call in calls)} |"
    if notes:
        yield ""
        yield "; ".join(f"{mark} {notes[mark]}" for mark in sorted(notes, key="¹²³".index)) + "."
