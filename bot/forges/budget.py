"""What one token may still ask of a forge, shared by all threads that use it.

Before each call an adapter asks; what may not go now raises `RateLimited`, which ends the
step and becomes a timer. No repository can use up what the others need, what nobody waits for
leaves room for what somebody does, and a merge, for which everything else was done, comes
through last of all.
"""

import contextvars
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

from bot.forges.forge import Left, RateLimited

Kind = Literal["read", "write", "content", "merge"]
"""What a call does: asks, changes, makes something that people are told of, merges."""

_unhurried = contextvars.ContextVar("unhurried", default=False)

# A wait as short as this is slept through: a timer would cost more.
_PATIENCE = 1.0
# Of each limit: kept for merges, for repositories that have asked for little, and, of those
# that we count ourselves, for what somebody waits for.
_FOR_MERGES = 0.05
_FOR_OTHERS = 0.25
_FOR_HURRIED = 0.15
_LITTLE = 0.05
# How long a repository that was told to come back keeps its place before busier ones.
_PLACE_KEPT = 30.0
_MINUTE, _HOUR = 60.0, 3600.0
_WRITE_POINTS = 5


@dataclass(frozen=True, slots=True)
class Limits:
    """What is never exceeded, None for no limit; more than one worker must share it out.

    GitHub allows 80 content-creating requests a minute and 500 an hour, 900 points a minute
    (a read is one, a write five) and 100 calls at once (docs: "Rate limits for the REST
    API"). Which writes create content it does not say, so all of them count by the minute;
    by the hour those that people are told of. The defaults stay below, for calls are counted
    where they begin, not where they arrive.

    `rest_seconds` is how long nothing at all is asked where a forge says that it is enough
    for now, and not until when; a minute is GitHub's own advice (the same page).
    """

    writes_per_minute: int | None = 75
    content_per_hour: int | None = 480
    points_per_minute: int | None = 850
    concurrent: int | None = 60
    rest_seconds: float = 60.0


UNLIMITED = Limits(None, None, None, None)
"""Only what the forge itself tells in its answers."""


@contextmanager
def unhurried() -> Iterator[None]:
    """Make the calls of a block ones that nobody waits for: all others go before them."""
    before = _unhurried.set(True)
    try:
        yield
    finally:
        _unhurried.reset(before)


class Budget:
    """The calls of one token; `clock` in seconds since 1970.

    `name` is for people: the forge, or the forge and the owner whose token it is.
    """

    def __init__(
        self,
        name: str,
        limits: Limits | None = None,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        limits = limits or Limits()
        self.name, self.rest_seconds = name, limits.rest_seconds
        self._clock, self._sleep = clock, sleep
        self._changed = threading.Condition()
        self._concurrent, self._under_way = limits.concurrent, 0
        self._minute = _Window.of(limits.writes_per_minute, _MINUTE)
        self._hour = _Window.of(limits.content_per_hour, _HOUR)
        self._points = _Window.of(limits.points_per_minute, _MINUTE)
        self._windows = [w for w in (self._minute, self._hour, self._points) if w is not None]
        self._told = _Told()
        self._rests_until = 0.0
        self._seen = clock()

    @contextmanager
    def call(self, kind: Kind, repository: str) -> Iterator["Call"]:
        """Let one call through; its answer's headers are to be told to what is yielded.

        `repository` is whom the call is for, empty where it is for none. Raises
        `RateLimited` where the call may not go within about a second.
        """
        wait = self._begun(kind, repository)
        if 0 < wait < _PATIENCE:
            self._sleep(wait)
            wait = self._begun(kind, repository)
        if wait > 0:
            raise self._limited(wait)
        try:
            self._wait_for_a_line()
        except RateLimited:
            with self._changed:
                self._told.under_way -= 1
            raise
        call = Call()
        try:
            yield call
        finally:
            with self._changed:
                self._under_way -= 1
                self._told.take(call, self._now())
                self._changed.notify()

    def rest(self, until: datetime) -> None:
        """Let nothing through before a moment that the forge named."""
        with self._changed:
            self._rests_until = max(self._rests_until, until.timestamp())

    def left(self) -> Left:
        """Return what is left."""
        with self._changed:
            now = self._now()
            for window in self._windows:
                window.expire(now)
            told = self._told if self._told.known(now) else _Told()
            return Left(
                self.name,
                calls=None if told.limit is None else max(0, told.left),
                calls_limit=told.limit,
                resets_at=None if told.limit is None else _moment(told.reset),
                writes_this_minute=None if self._minute is None else self._minute.left,
                content_this_hour=None if self._hour is None else self._hour.left,
                resting_until=_moment(self._rests_until) if self._rests_until > now else None,
            )

    def _begun(self, kind: Kind, repository: str) -> float:
        """Take what a call costs and return 0, or how many seconds it has to wait."""
        who = _Caller(repository, is_merge=kind == "merge", is_unhurried=_unhurried.get())
        with self._changed:
            now = self._now()
            costs = self._costs(kind)
            waits = [window.wait(now, who, cost) for window, cost in costs]
            waits.append(self._told.wait(now, who))
            waits.append(self._rests_until - now)
            if (longest := max(waits)) > 0:
                return longest
            for window, cost in costs:
                window.take(now, repository, cost)
            self._told.begin(repository)
            return 0.0

    def _costs(self, kind: Kind) -> list[tuple["_Window", int]]:
        found: list[tuple[_Window | None, int]] = [
            (self._points, 1 if kind == "read" else _WRITE_POINTS)
        ]
        if kind != "read":
            found.append((self._minute, 1))
        if kind == "content":
            found.append((self._hour, 1))
        return [(window, cost) for window, cost in found if window is not None]

    def _wait_for_a_line(self) -> None:
        """Wait until fewer calls are under way than may be; that is short, or it is refused."""
        with self._changed:
            free = self._changed.wait_for(
                lambda: self._concurrent is None or self._under_way < self._concurrent, _PATIENCE
            )
            if not free:
                raise self._limited(_PATIENCE)
            self._under_way += 1

    def _limited(self, wait: float) -> RateLimited:
        until = _moment(self._clock() + wait)
        return RateLimited(
            f"the budget for calls to {self.name} is used for now; it goes on from "
            f"{until:%H:%M:%S} UTC",
            until,
        )

    def _now(self) -> float:
        """Return the time; where a clock was set back, what was counted moves with it."""
        now = self._clock()
        if now < self._seen:
            for window in self._windows:
                window.shift(now - self._seen)
        self._seen = now
        return now


@dataclass(slots=True)
class Call:
    """One call that is under way, and the headers of its answer."""

    headers: Mapping[str, str] = field(default_factory=dict)

    def answered(self, headers: Mapping[str, str]) -> None:
        """Take note of an answer; header names may be in any case."""
        self.headers = {name.lower(): value for name, value in headers.items()}


@dataclass(frozen=True, slots=True)
class _Caller:
    """Whom a call is for, and how it stands among the others."""

    repository: str
    is_merge: bool
    is_unhurried: bool


class _Window:
    """A sliding window: what was taken within the last `seconds`, by whom."""

    def __init__(self, capacity: int, seconds: float) -> None:
        self._capacity, self._seconds = capacity, seconds
        self._taken: deque[tuple[float, str, int]] = deque()
        self._used = 0
        self._used_by: Counter[str] = Counter()
        self._places = _Places()

    @classmethod
    def of(cls, capacity: int | None, seconds: float) -> "_Window | None":
        return None if capacity is None else cls(capacity, seconds)

    @property
    def left(self) -> int:
        return self._capacity - self._used

    def expire(self, now: float) -> None:
        while self._taken and self._taken[0][0] <= now - self._seconds:
            _, repository, cost = self._taken.popleft()
            self._used -= cost
            self._used_by[repository] -= cost
            if not self._used_by[repository]:
                del self._used_by[repository]

    def shift(self, seconds: float) -> None:
        self._taken = deque((at + seconds, who, cost) for at, who, cost in self._taken)

    def wait(self, now: float, caller: _Caller, cost: int) -> float:
        """Return how long until `cost` fits, as far as can be seen now; 0 where it does."""
        self.expire(now)
        repository = caller.repository
        kept = 0 if caller.is_merge else cost * self._places.before(now, caller, self._used_by)
        used, own, wait = self._used, self._used_by[repository], 0.0
        # What goes from the window one after the other, until there is room.
        going = iter(self._taken)
        while used + cost + kept > _room(self._capacity, own, caller, _FOR_HURRIED):
            if (goes := next(going, None)) is None:
                break
            at, who, weight = goes
            wait, used, own = (
                at + self._seconds - now,
                used - weight,
                own - weight * (who == repository),
            )
        if wait > 0:
            self._places.keep(caller, now + wait + _PLACE_KEPT)
        return wait

    def take(self, now: float, repository: str, cost: int) -> None:
        self._taken.append((now, repository, cost))
        self._used += cost
        self._used_by[repository] += cost
        self._places.leave(repository)


class _Places:
    """Who was told to wait and has not come back yet, first come first.

    They go before those who have used more, and before later ones who have used as much;
    who is in no hurry goes before nobody who is.
    """

    def __init__(self) -> None:
        self._until: dict[str, tuple[float, bool]] = {}

    def before(self, now: float, caller: _Caller, used: Counter[str]) -> int:
        """Return how many go before a caller."""
        for gone in [who for who, (until, _) in self._until.items() if until <= now]:
            del self._until[gone]
        mine, count, earlier = used[caller.repository], 0, True
        for who, (_, is_unhurried) in self._until.items():
            if who == caller.repository:
                earlier = False
            elif is_unhurried != caller.is_unhurried:
                count += caller.is_unhurried
            elif used[who] < mine or (earlier and used[who] == mine):
                count += 1
        return count

    def keep(self, caller: _Caller, until: float) -> None:
        _, is_unhurried = self._until.get(caller.repository, (0.0, True))
        self._until[caller.repository] = until, is_unhurried and caller.is_unhurried

    def leave(self, repository: str) -> None:
        self._until.pop(repository, None)


def _room(capacity: int, own: int, caller: _Caller, for_hurried: float = 0.0) -> int:
    """Return up to where a limit may be used by one that has used `own` of it already."""
    if caller.is_merge:
        return capacity
    kept = int(capacity * _FOR_MERGES)
    if own >= max(1, int(capacity * _LITTLE)) or caller.is_unhurried:
        kept += int(capacity * _FOR_OTHERS)
    if caller.is_unhurried:
        kept += int(capacity * for_hurried)
    return max(1, capacity - kept)


@dataclass(slots=True)
class _Told:
    """The forge's own account of the token, as its newest answers told it.

    GitHub tells it by the hour as `X-RateLimit-*`, GitLab by the minute as `RateLimit-*`.
    """

    limit: int | None = None
    remaining: int = 0
    reset: float = 0.0
    under_way: int = 0
    used_by: Counter[str] = field(default_factory=Counter)

    def known(self, now: float) -> bool:
        return self.limit is not None and now < self.reset

    @property
    def left(self) -> int:
        # Whatever is under way may not have been counted yet.
        return self.remaining - self.under_way

    def wait(self, now: float, caller: _Caller) -> float:
        if not self.known(now) or self.limit is None:
            return 0.0
        used = self.limit - self.left
        room = _room(self.limit, self.used_by[caller.repository], caller)
        return 0.0 if used < room else self.reset - now

    def begin(self, repository: str) -> None:
        self.under_way += 1
        self.used_by[repository] += 1

    def take(self, call: Call, now: float) -> None:
        self.under_way -= 1
        read = _account(call.headers)
        if read is None:
            # It may have arrived, whatever became of its answer.
            self.remaining -= 1
            return
        limit, remaining, reset = read
        if reset > self.reset + 1 or not self.known(now):
            self.used_by.clear()
            self.limit, self.remaining, self.reset = limit, remaining, reset
        else:
            # Answers overtake each other; the lowest of one window is the newest.
            self.remaining = min(self.remaining, remaining)


def _account(headers: Mapping[str, str]) -> tuple[int, int, float] | None:
    """Return limit, remaining and reset, None where there is none, or of another resource."""
    if headers.get("x-ratelimit-resource", "core") != "core":
        return None
    for prefix in ("x-ratelimit-", "ratelimit-"):
        try:
            limit, remaining = (int(headers[prefix + name]) for name in ("limit", "remaining"))
            return limit, remaining, float(headers[f"{prefix}reset"])
        except (KeyError, ValueError):
            continue
    return None


def retry_after(value: str, now: float, rest_seconds: float) -> float:
    """Return the moment, from seconds or a date: HTTP allows both; of neither, after a rest."""
    try:
        return now + float(value)
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(value).timestamp()
    except ValueError:
        return now + rest_seconds


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
