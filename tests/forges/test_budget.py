"""No token asks more than it may, nobody uses up what others need, and a merge comes through."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.forges.budget import UNLIMITED, Budget, Kind, Limits, retry_after, unhurried
from bot.forges.forge import RateLimited

START = 1_800_000_000.0
FEW = Limits(writes_per_minute=8, content_per_hour=20, points_per_minute=60, concurrent=4)
KINDS: tuple[Kind, ...] = ("read", "write", "content", "merge")
POINTS = {"read": 1, "write": 5, "content": 5, "merge": 5}


@dataclass
class Desk:
    """A budget, its clock, and the calls that went through."""

    limits: Limits = FEW
    now: float = START
    went: list[tuple[float, Kind, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.budget = Budget("GitHub", self.limits, clock=lambda: self.now, sleep=self.slept)

    def slept(self, seconds: float) -> None:
        self.now += seconds

    def ask(self, kind: Kind, repository: str, **headers: str) -> RateLimited | None:
        try:
            with self.budget.call(kind, repository) as call:
                self.went.append((self.now, kind, repository))
                call.answered({name.replace("_", "-"): text for name, text in headers.items()})
        except RateLimited as limited:
            return limited
        return None

    def count(self, repository: str) -> int:
        return sum(who == repository for _, _, who in self.went)


def account(remaining: int, limit: int = 100, reset: float = START + 3600) -> dict[str, str]:
    return {
        "X_RateLimit_Limit": str(limit),
        "X_RateLimit_Remaining": str(remaining),
        "X_RateLimit_Reset": str(int(reset)),
    }


def most_within(seconds: float, moments: list[float]) -> int:
    return max(
        (sum(at < other + seconds for at in moments if at >= other) for other in moments), default=0
    )


calls = st.lists(
    st.tuples(st.floats(0, 90), st.sampled_from(KINDS), st.sampled_from("abcdef")), max_size=120
)


@given(calls)
def test_no_window_ever_holds_more_than_its_limit(pattern: list[tuple[float, Kind, str]]) -> None:
    desk = Desk()

    for pause, kind, repository in pattern:
        desk.now += pause if pause > 45 else pause / 1000
        desk.ask(kind, repository)

    content = [at for at, kind, _ in desk.went if kind == "content"]
    points = [at for at, kind, _ in desk.went for _ in range(POINTS[kind])]
    assert most_within(60, [at for at, kind, _ in desk.went if kind != "read"]) <= 8
    assert most_within(3600, content) <= 20
    assert most_within(60, points) <= 60


@given(calls)
def test_a_refused_call_may_go_at_the_moment_it_was_told(
    pattern: list[tuple[float, Kind, str]],
) -> None:
    desk = Desk()
    for pause, kind, repository in pattern:
        desk.now += pause
        # Alone, a repository waits for nobody, so that what it is told is exact.
        limited = desk.ask(kind, "alone")
        if limited is not None:
            desk.now = limited.until.timestamp() + 1e-3
            assert desk.ask(kind, "alone") is None, repository


@settings(max_examples=40, deadline=None)
@given(
    greedy=st.integers(1, 12),
    rounds=st.integers(20, 120),
    pause=st.floats(0.2, 3.0),
    kind=st.sampled_from(["content", "write"]),
)
def test_however_many_are_greedy_a_modest_repository_gets_its_turn(
    greedy: int, rounds: int, pause: float, kind: Kind
) -> None:
    desk = Desk(Limits(40, None, 200, None))
    waited = 0.0

    for turn in range(rounds):
        for one in range(greedy):
            for _ in range(5):
                desk.ask(kind, f"greedy-{one}")
        if turn % 20 == 10:
            asked = desk.now
            while (limited := desk.ask(kind, "modest")) is not None:
                desk.now = max(desk.now, limited.until.timestamp())
                # They come back at the same moment, and before it.
                for one in range(greedy):
                    desk.ask(kind, f"greedy-{one}")
            waited = max(waited, desk.now - asked)
        desk.now += pause

    assert waited <= 61


def test_what_nobody_waits_for_leaves_room_for_what_somebody_does() -> None:
    desk = Desk(Limits(None, None, 100, None))
    with unhurried():
        for one in range(200):
            desk.ask("read", f"cold-{one}")
    left_alone = len(desk.went)

    for _ in range(20):
        desk.ask("read", "live")

    # More than it could have, had it used so much before the others came.
    assert (left_alone, desk.count("live")) == (55, 15)


def test_who_is_in_no_hurry_waits_behind_whoever_is_however_much_they_have_used() -> None:
    desk = Desk(Limits(None, None, 100, None))
    for _ in range(40):
        desk.ask("read", "live")
    with unhurried():
        refused = [desk.ask("read", f"cold-{one}") for one in range(200)]
    assert refused.count(None) == 15

    live = [desk.ask("read", "live") for _ in range(20)]

    assert live.count(None) == 15


def test_the_forges_own_account_keeps_room_for_what_somebody_waits_for_as_well() -> None:
    desk = Desk(UNLIMITED)
    desk.ask("read", "a", **account(remaining=30))

    with unhurried():
        assert desk.ask("read", "cold") is not None
    assert desk.ask("read", "live") is None


def test_one_greedy_repository_never_makes_another_wait() -> None:
    desk = Desk(Limits())

    for _ in range(500):
        desk.ask("content", "greedy")

    assert desk.count("greedy") == 54
    assert desk.ask("content", "modest") is None


def test_who_has_used_less_or_has_waited_longer_goes_first() -> None:
    desk = Desk(Limits(4, None, None, None))
    for one in ("busy", "a", "busy", "b"):
        desk.ask("content", one)
        desk.now += 10
    assert desk.ask("content", "late") is not None

    # The first of four has gone from the window: there is one place, and it is kept.
    desk.now = START + 60.5

    assert desk.ask("content", "busy") is not None
    assert desk.ask("content", "later") is not None
    assert desk.ask("content", "late") is None


def test_who_does_not_come_back_keeps_no_place_for_ever() -> None:
    desk = Desk(Limits(2, None, None, None))
    for one in ("a", "b", "lost"):
        desk.ask("content", one)

    desk.now = START + 100

    assert desk.ask("content", "a") is None
    assert desk.ask("content", "b") is None


def test_what_is_kept_for_merges_lets_them_through_when_nothing_else_goes() -> None:
    desk = Desk(UNLIMITED)
    desk.ask("read", "a", **account(remaining=4))

    assert desk.ask("read", "b") is not None
    assert desk.ask("write", "b") is not None
    assert desk.ask("merge", "b") is None


def test_a_used_up_hour_names_the_moment_that_the_forge_told() -> None:
    desk = Desk(UNLIMITED)
    desk.ask("read", "a", **account(remaining=0))

    limited = desk.ask("merge", "b")

    assert limited is not None
    assert limited.until == datetime.fromtimestamp(START + 3600, UTC)
    desk.now = START + 3600
    assert desk.ask("read", "a") is None


def test_gitlabs_account_counts_as_well() -> None:
    desk = Desk(UNLIMITED)
    told = {"RateLimit_Limit": "600", "RateLimit_Remaining": "0", "RateLimit_Reset": "1800000060"}
    desk.ask("read", "a", **told)

    limited = desk.ask("read", "a")

    assert limited is not None
    assert limited.until.timestamp() == 1800000060


def test_an_answer_that_was_overtaken_gives_nothing_back() -> None:
    desk = Desk(UNLIMITED)
    desk.ask("read", "a", **account(remaining=50))
    desk.ask("read", "a", **account(remaining=51))

    assert desk.budget.left().calls == 50


def test_the_account_of_another_resource_is_not_ours() -> None:
    desk = Desk(UNLIMITED)
    desk.ask("read", "a", **account(remaining=0), X_RateLimit_Resource="search")

    assert desk.ask("read", "a") is None


def test_nothing_goes_while_the_forge_asked_for_rest() -> None:
    desk = Desk()
    desk.budget.rest(datetime.fromtimestamp(START + 90, UTC))

    limited = desk.ask("merge", "a")

    assert limited is not None
    assert limited.until.timestamp() == START + 90
    assert desk.budget.left().resting_until == limited.until


def test_a_wait_under_a_second_is_slept_through() -> None:
    desk = Desk(Limits(1, None, None, None))
    desk.ask("content", "a")
    desk.now = START + 59.5

    assert desk.ask("content", "a") is None
    assert desk.now >= START + 60


def test_a_clock_that_is_set_back_holds_nobody_up() -> None:
    desk = Desk(Limits(1, None, None, None))
    desk.ask("content", "a")
    desk.now -= 86400

    limited = desk.ask("content", "a")

    assert limited is not None
    assert limited.until.timestamp() == desk.now + 60


def test_what_is_left_is_told_of_each_limit() -> None:
    desk = Desk()
    desk.ask("content", "a", **account(remaining=99))

    left = desk.budget.left()

    assert (left.name, left.calls, left.calls_limit) == ("GitHub", 99, 100)
    assert (left.writes_this_minute, left.content_this_hour) == (7, 19)
    assert left.resets_at == datetime.fromtimestamp(START + 3600, UTC)


@contextmanager
def lines(desk: Desk, count: int) -> Iterator[None]:
    """Hold this many calls under way."""
    if count == 0:
        yield
        return
    with desk.budget.call("read", "a"), lines(desk, count - 1):
        yield


def test_no_more_calls_are_under_way_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.forges.budget._PATIENCE", 0.01)
    desk = Desk()

    with lines(desk, 4):
        assert desk.ask("read", "b") is not None

    assert desk.ask("read", "b") is None


def test_threads_together_take_no_more_than_one_would() -> None:
    budget = Budget("GitHub", Limits(30, 30, None, None), clock=lambda: START)
    went: Counter[str] = Counter()
    lock, begin = threading.Lock(), threading.Barrier(8)

    def work(name: str) -> None:
        begin.wait(10)
        for _ in range(40):
            try:
                with budget.call("content", name):
                    pass
            except RateLimited:
                continue
            with lock:
                went[name] += 1

    threads = [threading.Thread(target=work, args=(f"r{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    # All but what is kept for merges; every one of them had its own.
    assert sum(went.values()) <= 29
    assert len(went) == 8


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30", 30.0), ("Fri, 15 Jan 2027 08:00:30 GMT", 30.0), ("soon", 60.0)],
)
def test_retry_after_is_read_in_both_spellings(text: str, seconds: float) -> None:
    assert retry_after(text, START, 60) == START + seconds
