"""What the gates of a promotion say before it begins, judged on what can be known by then."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from bot.decisions.facts import GateFacts
from bot.decisions.gates import evaluate
from bot.decisions.requirements import EVERY_CHECK, Requirements
from bot.decisions.verdicts import Closed, GateResult
from config.gates import Checks
from config.policy import Role
from config.times import spell_duration


def outlook(
    needed: Requirements, facts: GateFacts, roles: Mapping[str, Role], now: datetime
) -> tuple[GateResult, ...]:
    """Return each gate that is configured, in the order of the documentation.

    What time, history and content decide is judged as it will be; what people, CI and
    services have to say nobody has asked them yet, so these say what they will ask for.
    """
    asked = dict(_asked(needed, roles))
    return tuple(
        replace(result, verdict=Closed(asked[result.gate])) if result.gate in asked else result
        for result in evaluate(needed, facts, now)
        if result.gate != "checks" or result.gate in asked
    )


def _asked(needed: Requirements, roles: Mapping[str, Role]) -> Iterator[tuple[str, str]]:
    """Yield gates that only a promotion can open, and what they will ask for."""
    if needed.checks.required:
        yield "checks", _checks(needed.checks)
    if needed.approvals or needed.code_owners:
        yield "approvals", _approvals(needed)
    if needed.sign_offs:
        wanted = ", ".join(_signer(role, roles) for role in needed.sign_offs)
        yield "sign_offs", f"needs the sign-off of {wanted}"
    for http in needed.http:
        yield f"http:{http.name}", f"asks {http.url} and needs {http.condition}"
    for metrics in needed.metrics:
        length = f" for {spell_duration(metrics.for_)}" if metrics.for_ else ""
        yield f"metrics:{metrics.name}", f"needs {metrics.query} {metrics.expect}{length}"
    for run in needed.workflow:
        what = run.workflow or "the pipeline"
        yield f"workflow:{run.name}", f"starts {what} on the candidate and needs its success"


def _checks(checks: Checks) -> str:
    names = [name for name in checks.required if name != EVERY_CHECK]
    wanted = ", ".join(names) or "every check that reports"
    limit = f" within {spell_duration(checks.timeout)}" if checks.timeout else ""
    return f"needs {wanted} to succeed on the candidate{limit}"


def _approvals(needed: Requirements) -> str:
    people = "person who" if needed.approvals == 1 else "people who"
    wanted = [f"{needed.approvals} {people} did not write the change"] if needed.approvals else []
    wanted += ["the code owners of what is promoted"] if needed.code_owners else []
    return f"needs the approval of {' and of '.join(wanted)}"


def _signer(role: str, roles: Mapping[str, Role]) -> str:
    members = ", ".join(roles[role].root) if role in roles else ""
    return f"{role} ({members})" if members else role
