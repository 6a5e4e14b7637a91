"""What a gate can say: open, closed or failed, and the sentence why."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True)
class Open:
    """The gate lets the promotion pass."""

    reason: str
    state: Literal["open"] = "open"


@dataclass(frozen=True, slots=True)
class Closed:
    """The gate waits; at `until`, which is never past, it says something else by itself."""

    reason: str
    until: datetime | None = None
    state: Literal["closed"] = "closed"


@dataclass(frozen=True, slots=True)
class Failed:
    """Waiting alone will not open the gate: somebody has to do something."""

    reason: str
    state: Literal["failed"] = "failed"


Verdict = Open | Closed | Failed


@dataclass(frozen=True, slots=True)
class GateResult:
    """A gate, by its key in ``gates:`` (or ``freezes``), and what was found.

    Of a gate that has several, each by its name: ``http:capacity``. `because` says what
    makes it stricter than the environment's own. `link` is where the forge shows more.
    """

    gate: str
    verdict: Verdict
    because: tuple[str, ...] = ()
    link: str = ""
