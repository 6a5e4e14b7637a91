"""Step by step, victim by victim: who is killed where, and whether the story ends the same."""

import logging
import re
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from tests.chaos.installation import Installation, corrupt, remove
from tests.chaos.story import PATIENCE, Story
from tests.faults.processes import eventually

ACTS = ("ask", "sign", "check")
# How long the disk stays as it is: the worker has met it by then, and tries again.
OUTAGE_SECONDS = 4.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a promotion: the act that leads to it, and the call by which it is known.

    The call is held `before` or `after` the forge has done it, while the victim dies.
    """

    name: str
    act: str
    method: str
    path: str
    when: str


STEPS = (
    Step("event taken", "ask", "POST", r"/comments/\d+/reactions$", "before"),
    Step("candidate built", "ask", "POST", r"\.git/git-receive-pack$", "before"),
    Step("branch pushed", "ask", "POST", r"\.git/git-receive-pack$", "after"),
    Step("pull request opened", "ask", "POST", "/pulls$", "after"),
    Step("comment written", "ask", "POST", r"/issues/\d+/comments$", "after"),
    Step("status set", "ask", "POST", "/statuses/", "after"),
    Step("sign-off taken", "sign", "PATCH", r"/(issues|pulls)/\d+$", "after"),
    Step("merge called", "check", "PUT", "/merge$", "before"),
    Step("merge answered", "check", "PUT", "/merge$", "after"),
    Step("after-steps", "check", "POST", r"\.git/git-receive-pack$", "after"),
    Step("record", "check", "PATCH", r"/(issues|pulls)/\d+$", "after"),
)
# What a receiver holds in its hands; all others are steps of the worker's.
EVENTS = ("event taken", "sign-off taken")


@dataclass(slots=True)
class Cell:
    """One step with one victim, and what became of it: empty where it ended as it should."""

    step: Step
    victim: str
    story: Story | None = None
    failure: str = ""

    def do(self, act: Callable[[Story], object]) -> None:
        """Go on with the story; what goes wrong ends this cell and no other."""
        if self.story is None or self.failure:
            return
        try:
            act(self.story)
        except Exception as error:  # noqa: BLE001 -- whatever it was, the cell is red
            self.failure = f"{type(error).__name__}: {error}"
            _log.warning("%s, %s: %s", self.step.name, self.victim, self.failure)


class Victims:
    """What may be killed: how each goes down, and comes up again."""

    def __init__(self, here: Installation) -> None:
        self._here = here
        self.all: Mapping[str, Callable[[list[Cell]], None]] = {
            "worker": self._worker,
            "receiver": self._receiver,
            "Temporal": self._temporal,
            "forge": self._forge,
            "disk full": self._disk_full,
            "mirror corrupted": self._corrupted,
            "mirror removed": self._removed,
        }

    def _worker(self, _: list[Cell]) -> None:
        self._here.worker.kill()
        # What was asked for and not done yet never is; of what was done nobody hears.
        self._here.forge.do("release", drop=True)
        self._here.worker.start()

    def _receiver(self, cells: list[Cell]) -> None:
        here = self._here
        in_hand = [cell for cell in cells if cell.step.name in EVENTS]
        if in_hand:
            here.temporal.kill_with(signal.SIGSTOP)
            for cell in in_hand:
                cell.do(lambda story, cell=cell: story.go_on(cell.step.act))  # type: ignore[misc]
            eventually(lambda: here.waiting() >= len(in_hand), "events in the receiver's hands")
        here.receiver.kill()
        if in_hand:
            here.temporal.kill_with(signal.SIGCONT)
        here.forge.do("release")
        # What people do meanwhile nobody hears.
        for cell in cells:
            if cell.step.act == "ask" and cell not in in_hand:
                cell.do(lambda story: story.go_on("sign"))
        here.start_receiver()
        for cell in in_hand:
            if cell.step.name == "event taken":
                # Under others' issues, comments are learnt from their event alone: whoever keeps
                # the receiver has what failed delivered again, as docs/operating.md says.
                cell.do(lambda story: story.here.deliver_again("issue_comment"))

    def _temporal(self, _: list[Cell]) -> None:
        self._here.temporal.kill()
        # The step goes on, and can tell nobody.
        self._here.forge.do("release")
        self._here.start_temporal()

    def _forge(self, _: list[Cell]) -> None:
        self._here.forge.restart()

    def _disk_full(self, _: list[Cell]) -> None:
        self._here.limit_files(0)
        try:
            self._here.forge.do("release")
            time.sleep(OUTAGE_SECONDS)
        finally:
            self._here.limit_files(-1)

    def _corrupted(self, cells: list[Cell]) -> None:
        self._damaged(cells, corrupt)

    def _removed(self, cells: list[Cell]) -> None:
        self._damaged(cells, remove)

    def _damaged(self, cells: list[Cell], damage: Callable[..., None]) -> None:
        for cell in cells:
            cell.do(lambda story: damage(self._here.mirror(story.here.id)))
        self._here.forge.do("release")


def run(here: Installation, victim: str, steps: Iterable[Step] = STEPS) -> list[Cell]:
    """Bring a story to each step, kill the victim once, and let all stories end.

    All stories are under way at the same time, each in a repository of its own: the victim
    dies in the middle of every step at once.
    """
    family = re.sub(r"\W", "-", victim.lower())
    cells = [Cell(step, victim) for step in steps]
    for cell in cells:
        cell.story = Story.begin(here.forge, here.hook, family)
    for cell in cells:
        cell.do(lambda story, cell=cell: _lead_to(here, cell, story))  # type: ignore[misc]
    for cell in cells:
        cell.do(lambda story, cell=cell: _reached(here, cell, story))  # type: ignore[misc]
    Victims(here).all[victim](cells)
    for cell in cells:
        cell.do(Story.finish)
    here.forge.do("clear_faults")
    here.forge.do("release")
    for cell in cells:
        cell.do(lambda story: retire(here, story))
    return cells


def _waits_in_the_receiver(cell: Cell) -> bool:
    return cell.victim == "receiver" and cell.step.name in EVENTS


def _lead_to(here: Installation, cell: Cell, story: Story) -> None:
    """Tell the story up to the act that leads to the step, and do it."""
    for act in ACTS[: ACTS.index(cell.step.act)]:
        story.go_on(act)
        story.wait_for(act)
    if _waits_in_the_receiver(cell):
        return
    here.forge.do(
        "inject",
        method=cell.step.method,
        path=f"/{story.here.name}(?=[./]).*{cell.step.path}",
        hold=cell.step.when,
    )
    story.go_on(cell.step.act)


def _reached(here: Installation, cell: Cell, story: Story) -> None:
    if _waits_in_the_receiver(cell):
        return

    def is_held() -> bool:
        name = story.here.name
        return any(re.search(rf"/{name}[./]", one) for one in here.forge.do("held"))

    eventually(is_held, f"the step {cell.step.name!r} of {story.here.name}", PATIENCE)


def retire(here: Installation, story: Story) -> None:
    """Wait until a promotion has nothing left to do, and archive its repository.

    Looks at it would only keep the machine busy, and writes to it be refused for ever.
    """
    name = story.here.name
    eventually(lambda: here.has_ended(name, story.source), f"the end in {name}", PATIENCE)
    here.forge.do("edit_repository", repo=name, login="mia", archived=True)
    here.leave(name)


def table(cells: Iterable[Cell]) -> Iterator[str]:
    """Yield the lines of a Markdown table: steps down, victims across."""
    known = list(cells)
    victims = list(dict.fromkeys(cell.victim for cell in known))
    found = {(cell.step.name, cell.victim): cell for cell in known}
    yield f"| killed at | {' | '.join(victims)} |"
    yield f"|---|{'---|' * len(victims)}"
    for step in dict.fromkeys(cell.step.name for cell in known):
        marks = [_mark(found.get((step, victim))) for victim in victims]
        yield f"| {step} | {' | '.join(marks)} |"


def _mark(cell: Cell | None) -> str:
    if cell is None:
        return "-"
    return "**red**" if cell.failure else "✓"
