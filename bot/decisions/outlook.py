"""What the gates of a promotion will ask for, said before there is anything to judge."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from bot.decisions.gates import undetermined
from bot.decisions.requirements import EVERY_CHECK, Requirements
from bot.decisions.verdicts import Closed, GateResult, Open
from bot.decisions.windows import is_frozen, is_open
from config.gates import Checks
from config.policy import Role
from config.times import spell_duration


def outlook(
    gates: Requirements, roles: Mapping[str, Role], now: datetime
) -> tuple[GateResult, ...]:
    """Return each gate that is configured, in the order of the documentation.

    Without a pull request only windows and freezes can be open; the others wait for
    what they name.
    """
    return tuple(
        GateResult(result.gate, result.verdict, gates.because.get(result.gate, ()))
        for result in (*_outlook(gates, roles, now), *undetermined(gates))
    )


def _outlook(gates: Requirements, roles: Mapping[str, Role], now: datetime) -> Iterator[GateResult]:
    if gates.checks.required:
        yield GateResult("checks", Closed(_checks(gates.checks)))
    if gates.soak:
        rest = spell_duration(gates.soak)
        yield GateResult("soak", Closed(f"the content must rest in the source for {rest}"))
    if gates.approvals:
        people = "person who" if gates.approvals == 1 else "people who"
        reason = f"needs the approval of {gates.approvals} {people} did not write the change"
        yield GateResult("approvals", Closed(reason))
    if gates.sign_offs:
        wanted = ", ".join(_signer(role, roles) for role in gates.sign_offs)
        yield GateResult("sign_offs", Closed(f"needs the sign-off of {wanted}"))
    if gates.windows:
        spelled = " and ".join(", ".join(map(str, windows)) for windows in gates.windows)
        inside = all(any(is_open(one, now) for one in windows) for windows in gates.windows)
        yield GateResult(
            "windows",
            Open(f"inside its window: {spelled}") if inside else Closed(f"merges only {spelled}"),
        )
    if gates.drained:
        reason = "nothing may be pending further down first"
        yield GateResult("drained", Closed(reason))
    if gates.freezes:
        active = next((freeze for freeze in gates.freezes if is_frozen(freeze, now)), None)
        frozen = Closed(f"frozen until {active.to}: {active.reason}") if active else None
        yield GateResult("freezes", frozen or Open("no freeze today"))


def _checks(checks: Checks) -> str:
    names = [name for name in checks.required if name != EVERY_CHECK]
    wanted = ", ".join(names) or "every check that reports"
    limit = f" within {spell_duration(checks.timeout)}" if checks.timeout else ""
    return f"needs {wanted} to succeed on the candidate{limit}"


def _signer(role: str, roles: Mapping[str, Role]) -> str:
    members = ", ".join(roles[role].root) if role in roles else ""
    return f"{role} ({members})" if members else role
