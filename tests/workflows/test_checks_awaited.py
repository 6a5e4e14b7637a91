"""Between a pipeline and a promotion for which every check counts no success goes missing."""

from collections import deque
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.workflows.test_routing import ANY, CANDIDATE, REPOSITORY, state
from webhook.events import ChecksChanged, Delivery
from workflows.routing import GATHER, route, told_anew
from workflows.telling import digest_of, with_nothing_awaited
from workflows.values.pipeline import OpenPromotion, PipelineState
from workflows.values.promotion import News

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
CHECKS = 4
# What may happen next; what cannot is passed over.
STEPS = st.lists(
    st.sampled_from(["begin", "succeed", "deliver", "step", "tell", "pass"])
    | st.tuples(st.sampled_from(["begin", "succeed"]), st.integers(0, CHECKS - 1)),
    max_size=60,
)


class Played:
    """Checks at a forge, a pipeline that hears of them late, a promotion that looks when told."""

    def __init__(self) -> None:
        self.pending: set[int] = set()
        self.green: set[int] = set()
        self.events: deque[int] = deque()
        self.news = list[News]()
        self.reports: deque[OpenPromotion] = deque()
        self.state: PipelineState = state(ANY.model_copy(update={"unknown": True}))
        self.now = NOON
        # What was green, and what pending, at the last look.
        self.seen, self.left = frozenset[int](), frozenset[int]()
        self.told = digest_of(self._open())

    def _open(self, awaits: tuple[str, ...] | None = None) -> OpenPromotion:
        return ANY.model_copy(update={"awaits": awaits, "unknown": awaits is None})

    def begin(self, check: int) -> None:
        if check not in self.green:
            self.pending.add(check)

    def succeed(self, check: int) -> None:
        if check not in self.green:
            self.pending.discard(check)
            self.green.add(check)
            self.events.append(check)

    def deliver(self) -> None:
        events = [self.events.popleft()] if self.events else []
        routed = route(
            self.state,
            [
                Delivery(
                    id=f"d-{one}",
                    repository=REPOSITORY,
                    event=ChecksChanged(sha=CANDIDATE, name=f"ci/{one}"),
                )
                for one in events
            ],
            self.now,
        )
        self.state = routed.state
        self.news += routed.news.values()

    def step(self) -> None:
        if not self.news:
            return
        if any(one.guessed for one in self.news):
            self.told = with_nothing_awaited(self.told)
        self.news, self.seen, self.left = [], frozenset(self.green), frozenset(self.pending)
        known = self.pending or self.green
        awaits = tuple(f"ci/{one}" for one in sorted(self.pending)) if known else None
        digest = digest_of(self._open(awaits))
        if digest != self.told:
            self.told = digest
            self.reports.append(self._open(awaits))

    def tell(self) -> None:
        if self.reports:
            told = told_anew(self.state.open[0], self.reports.popleft())
            self.state = self.state.model_copy(update={"open": (told,)})
            self.deliver()

    def wait(self) -> None:
        self.now += GATHER + timedelta(seconds=1)
        self.deliver()

    def play(self, move: str, check: int) -> None:
        match move:
            case "begin":
                self.begin(check)
            case "succeed":
                self.succeed(check)
            case "deliver":
                self.deliver()
            case "step":
                self.step()
            case "tell":
                self.tell()
            case _:
                self.wait()


@given(STEPS)
def test_what_was_pending_at_its_last_look_is_looked_at_again_when_it_has_succeeded(
    moves: list[str | tuple[str, int]],
) -> None:
    played = Played()
    for move in moves:
        played.play(*(move if isinstance(move, tuple) else (move, 0)))
    for check in sorted(played.pending):
        played.succeed(check)
    for _ in range(4 * CHECKS + 4):
        played.deliver()
        played.step()
        played.tell()
        played.wait()

    # What is green and was not seen was unknown at the last look, and changes nothing.
    assert bool(played.seen) == bool(played.green)
    assert not played.left
    assert not played.state.open[0].awaits
    assert (len(played.events), len(played.news), len(played.reports)) == (0, 0, 0)
