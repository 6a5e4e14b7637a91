"""What a promotion's state carries of its checks: all that decides, however many there are."""

from collections.abc import Iterable, Sequence

from bot.decisions.facts import Check
from bot.decisions.gates.checks import GREEN, OWN_STATUS
from bot.decisions.gates.wording import NAMED
from bot.decisions.requirements import EVERY_CHECK, Requirements
from workflows.values.promotion import PromotionState


def counts(name: str, gates: Requirements) -> bool:
    """Whether the gate looks at a check: no other goes into the history, however many report."""
    required = gates.checks.required or (EVERY_CHECK,)
    return name != OWN_STATUS and (EVERY_CHECK in required or name in required)


def newest(checks: Iterable[Check]) -> tuple[Check, ...]:
    """Return the newest report of each name, of two at the same moment the later one here."""
    by_name: dict[str, Check] = {}
    for check in checks:
        if check.name not in by_name or check.at >= by_name[check.name].at:
            by_name[check.name] = check
    return tuple(by_name[name] for name in sorted(by_name))


def carried(checks: Sequence[Check], gates: Requirements) -> dict[str, object]:
    """Return checks as a state carries them: where each one counts, there may be hundreds."""
    required = set(gates.checks.required)
    green = [c.name for c in checks if c.state in GREEN and c.name not in required]
    left_out = set(green[NAMED:])
    kept = [c for c in checks if c.state != "pending" and c.name not in left_out]
    pending = tuple(c.name for c in checks if c.state == "pending")
    return {"checks": tuple(kept), "pending": pending, "more_green": len(left_out)}


def checks_of(state: PromotionState) -> tuple[Check, ...]:
    """Return the checks of a promotion's candidate, but for those that are only counted."""
    at = state.candidate
    if at is None:
        return ()
    pending = [Check(name, at.sha, "pending", at.pushed_at) for name in state.pending]
    return (*(state.checks or ()), *pending)
