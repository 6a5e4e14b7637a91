"""What a number of repositories and promotions asks of Temporal, forges, disks and workers.

`python -m bench.scale [--repositories N] [--promotions N_A_YEAR] …` multiplies the unit costs that
`make bench` measures, and plays the busiest hour against the forge's limits. docs/scaling.md says
what follows from it.
"""

import argparse
import heapq
import random
import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

_YEAR_HOURS = 365 * 24
# A year's work falls into working hours: what the busiest hour has of an average one.
_PEAK = 10


@dataclass(frozen=True, slots=True)
class Unit:
    """What one of each costs; sizes in bytes, times in seconds. docs/scaling.md says where from.

    A look is a re-observe of a repository in which nothing happened: two steps of its pipeline
    (the timer and the activity), one request to the forge and one to git.
    """

    hop_actions: int = 8
    hop_history: int = 7_600
    hop_calls: int = 10
    hop_worker_seconds: float = 0.28
    look_actions: int = 2
    look_calls: int = 1
    look_worker_seconds: float = 0.03
    open_workflow_history: int = 19_000
    mirror: int = 6_500_000
    content_per_hour: int = 480
    calls_per_hour: int = 5_000


@dataclass(frozen=True, slots=True)
class Load:
    """How much there is to do. `look_hours` is the time between two looks at a repository."""

    repositories: int = 100_000
    promotions_a_year: int = 10_000_000
    installations: int = 200
    look_hours: float = 24.0
    days_open: float = 2.0
    retention_days: int = 30

    @property
    def promotions_an_hour(self) -> float:
        """Promotions in the busiest hour."""
        return self.promotions_a_year / _YEAR_HOURS * _PEAK

    @property
    def looks_an_hour(self) -> float:
        """Looks at repositories in which nothing happened, in any hour."""
        return self.repositories / self.look_hours


@dataclass(frozen=True, slots=True)
class Asked:
    """One line: what is asked for, how much of it, and how that comes about."""

    what: str
    how_much: str
    because: str


def asked(load: Load, unit: Unit) -> Iterator[Asked]:
    """Yield what a load asks for."""
    hops, looks = load.promotions_an_hour, load.looks_an_hour
    per_second = (hops * unit.hop_actions + looks * unit.look_actions) / 3600
    a_year = load.promotions_a_year * unit.hop_actions
    a_year += int(looks * _YEAR_HOURS) * unit.look_actions
    yield Asked(
        "Temporal actions, busiest second",
        f"{per_second:,.0f}",
        f"{hops:,.0f} hops an hour, of {unit.hop_actions}; {looks:,.0f} looks",
    )
    yield Asked("Temporal actions a year", f"{a_year / 1e6:,.0f} M", "both, over the year")
    waiting = load.promotions_a_year / 365 * load.days_open
    open_ = 2 * load.repositories + waiting
    yield Asked(
        "open workflows",
        f"{open_:,.0f}",
        f"a pipeline and a drift watch each, and {waiting:,.0f} promotions that wait",
    )
    kept = load.promotions_a_year / 365 * load.retention_days * unit.hop_history
    kept += open_ * unit.open_workflow_history
    yield Asked(
        "history storage",
        f"{kept / 1e9:,.1f} GB",
        f"{load.retention_days} days of hops of {unit.hop_history / 1000:.1f} KB, and what is open",
    )
    calls = hops * unit.hop_calls + looks * unit.look_calls
    tokens = max(calls / unit.calls_per_hour, hops / unit.content_per_hour)
    yield Asked(
        "installations (tokens) at the least",
        f"{tokens:,.0f}",
        f"{calls:,.0f} calls an hour at {unit.calls_per_hour:,}, {hops:,.0f} pull requests at "
        f"{unit.content_per_hour}",
    )
    busy = (hops * unit.hop_worker_seconds + looks * unit.look_worker_seconds) / 3600
    yield Asked("worker cores, busiest hour", f"{busy:,.1f}", "CPU seconds of hops and looks")
    yield Asked(
        "disk for mirrors",
        f"{load.repositories * unit.mirror / 1e12:,.2f} TB",
        f"{unit.mirror / 1e6:.1f} MB each, as one of 100,000 files; shared out over the workers",
    )


def waits(load: Load, unit: Unit, seed: int = 1) -> list[float]:
    """Return how many seconds each promotion of two busy hours waited for its forge's limit.

    They arrive at random, as many at each installation as its share of repositories has:
    some have far more than others (Zipf). An installation opens `content_per_hour` in any hour.
    """
    chance = random.Random(seed)
    shares = [1 / rank**0.5 for rank in range(1, load.installations + 1)]
    count = int(load.promotions_an_hour * 2)
    arrivals = sorted(chance.uniform(0, 7200) for _ in range(count))
    opened: list[list[float]] = [[] for _ in shares]
    waited = []
    for at, where in zip(
        arrivals, chance.choices(range(len(shares)), weights=shares, k=count), strict=True
    ):
        lately = opened[where]
        while lately and lately[0] <= at - 3600:
            heapq.heappop(lately)
        free = at
        if len(lately) >= unit.content_per_hour:
            # The one that this one takes the place of, an hour after it began.
            free = heapq.heappop(lately) + 3600
        heapq.heappush(lately, free)
        waited.append(free - at)
    return waited


def main() -> None:
    """Print the table."""
    default = Load()
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--repositories", type=int, default=default.repositories)
    parser.add_argument("--promotions", type=int, default=default.promotions_a_year)
    parser.add_argument("--installations", type=int, default=default.installations)
    parser.add_argument("--look-hours", type=float, default=default.look_hours)
    options = parser.parse_args()
    load = Load(options.repositories, options.promotions, options.installations, options.look_hours)
    unit = Unit()
    table = Table("asked of", "how much", "because")
    for line in asked(load, unit):
        table.add_row(line.what, line.how_much, line.because)
    waited = waits(load, unit)
    late = sum(wait > 0 for wait in waited) / len(waited)
    slowest = statistics.quantiles(waited, n=100)[98]
    table.add_row(
        "promotions that wait for a forge's limit",
        f"{late:.1%}",
        f"in two busy hours over {load.installations} installations; 99 % wait ≤ {slowest:,.0f} s",
    )
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
