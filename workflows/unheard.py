"""When to look again for what no webhook tells of: statuses that come from outside of GitLab's CI.

GitLab tells of its own jobs one by one, and of a status only where it changes what the whole
pipeline comes to. Soon after a candidate was pushed it is asked often, later less; in the end
the scheduled look at everything does.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from bot.decisions.facts import Candidate
from bot.decisions.gates import GateResult, Open

_FIRST = timedelta(seconds=30)
# By then everything is looked at again anyhow.
_LAST = timedelta(minutes=10)


def look_again(
    candidate: Candidate | None, gates: Iterable[GateResult], now: datetime
) -> datetime | None:
    """Return when the checks are to be asked for again; None where there is no need."""
    waits = any(one.gate == "checks" and not isinstance(one.verdict, Open) for one in gates)
    if candidate is None or not waits:
        return None
    pause = max(_FIRST, (now - candidate.pushed_at) / 4)
    return None if pause >= _LAST else now + pause
