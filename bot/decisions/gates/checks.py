"""The gate `checks`: what CI reports on exactly the commit that will be merged."""

from collections.abc import Iterator
from datetime import datetime

from bot.decisions.facts import CheckState, GateFacts
from bot.decisions.gates.wording import some
from bot.decisions.requirements import EVERY_CHECK, Requirements
from bot.decisions.verdicts import Closed, Failed, GateResult, Open, Verdict
from config.gates import Checks
from config.times import spell_duration

# Our own status waits for the gates, so a gate must not wait for it.
OWN_STATUS = "lockstep"
_NOT_CHECKS = {OWN_STATUS, EVERY_CHECK}

# As on GitHub, where skipped and neutral satisfy a required check.
GREEN = {"success", "neutral", "skipped"}
_FAILED = {
    "failure": "failed",
    "error": "failed",
    "cancelled": "was cancelled",
    "timed_out": "timed out",
    "stale": "went stale",
    "startup_failure": "could not start",
}
# Of two at the same moment the worse counts, whichever came first.
_WORSE_CHECK = ("success", "skipped", "neutral", "action_required", "pending", *_FAILED)


def checks(needed: Requirements, facts: GateFacts, now: datetime) -> Iterator[GateResult]:
    """Judge what CI reported; this gate always applies."""
    yield GateResult("checks", _judged(needed.checks, facts, now))


def _judged(checks: Checks, facts: GateFacts, now: datetime) -> Verdict:
    """Judge the newest report of each name on the candidate itself.

    Where no check is required, every one that reports must be green, and none is enough.
    """
    states = _states(facts)
    required = set(checks.required or [EVERY_CHECK])
    names = sorted((required | set(states) if EVERY_CHECK in required else required) - _NOT_CHECKS)
    if not names:
        return Open("no check is required, and none has reported")
    failed = [f"{name} {_FAILED[states[name]]}" for name in names if states.get(name) in _FAILED]
    if failed:
        return Failed(some(failed))
    reported = [name for name in names if name in states and states[name] not in GREEN]
    missing = [name for name in names if name not in states]
    if not reported and not missing:
        return Open(f"{some(names, facts.more_green)} succeeded")
    due = None
    if checks.timeout is not None:
        due = facts.candidate.pushed_at + checks.timeout
        if now >= due:
            return Failed(
                f"no success of {some(sorted(reported + missing))} within "
                f"{spell_duration(checks.timeout)}; see whether it runs, it still counts"
            )
    reasons = [f"waiting for {some(reported)}"] if reported else []
    if missing:
        has = "has" if len(missing) == 1 else "have"
        reasons.append(f"{some(missing)} {has} not reported yet")
    return Closed("; ".join(reasons), due)


def _states(facts: GateFacts) -> dict[str, CheckState]:
    of_candidate = (check for check in facts.checks if check.sha == facts.candidate.sha)
    in_order = sorted(of_candidate, key=lambda check: (check.at, _WORSE_CHECK.index(check.state)))
    return {check.name: check.state for check in in_order}
