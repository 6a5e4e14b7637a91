"""Of what is reported on a commit, the newest of each name."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from bot.decisions.facts import Check

# From the worst on; what has not ended is worse than what has ended well.
_WORST = (
    "failure",
    "error",
    "timed_out",
    "startup_failure",
    "action_required",
    "cancelled",
    "stale",
    "pending",
)


def newest(reports: Iterable[Check]) -> Sequence[Check]:
    """Return the newest report of each name, of two at the same moment the worse."""
    found: dict[str, Check] = {}
    for report in reports:
        known = found.get(report.name)
        if known is None or _rank(report) > _rank(known):
            found[report.name] = report
    return [found[name] for name in sorted(found)]


def _rank(report: Check) -> tuple[datetime, int]:
    worse = len(_WORST) - _WORST.index(report.state) if report.state in _WORST else 0
    return report.at, worse
