"""Runs the tests that a policy carries: a described change, and what has to come of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from bot.decisions.conditions import UNKNOWN, Subject
from bot.decisions.policy import Declared, Policies, Policy, policy_for
from bot.decisions.requirements import EVERY_CHECK, Requirements
from bot.decisions.windows import is_frozen, is_open
from bot.engine.lookup import look_up_plain
from bot.engine.nodes import plain, whole
from bot.model import ABSENT, Change, State, Value
from bot.policies.declared import facts_of
from config.document import Loc
from config.expectations import ChangedPlace, PolicyTest
from config.facts import FactFiles
from config.gates import Gates
from config.patterns import path_pattern
from config.schema import Environment
from config.times import spell_duration


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it was expected; `loc` is below the test."""

    loc: Loc
    what: str
    expected: str
    actual: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one test ended, and what the policy made of its change."""

    test: PolicyTest
    differences: tuple[Difference, ...]
    policy: Policy


def run_test(policies: Policies, test: PolicyTest) -> Outcome:
    """Run one test. Raises `KeyError` where its environment is none of the configuration."""
    environment = policies.config.environment(test.environment)
    policy = _policy(policies, environment, test)
    return Outcome(test, tuple(_differences(policy, test)), policy)


def _policy(policies: Policies, environment: Environment, test: PolicyTest) -> Policy:
    subject = Subject(
        environment.name,
        [_change(place) for place in test.change],
        authors=frozenset(test.authors),
        labels=frozenset(test.labels),
        people=_people(policies, test),
        now=_moment(test),
    )
    return policy_for(policies, environment, subject, list(_declared(policies, test)))


def _change(place: ChangedPlace) -> Change:
    said = place.model_fields_set
    if not said & {"old", "new"}:
        # Something became something else.
        return Change(place.path, place.key, State.PENDING, UNKNOWN, UNKNOWN)
    return Change(
        place.path,
        place.key,
        State.PENDING,
        _value(place.new) if "new" in said else ABSENT,
        _value(place.old) if "old" in said else ABSENT,
    )


def _value(data: Any) -> Value:
    return whole(plain(data))


def _people(policies: Policies, test: PolicyTest) -> dict[str, frozenset[str] | None]:
    teams = {name.removeprefix("@"): frozenset(people) for name, people in test.people.items()}
    found: dict[str, frozenset[str] | None] = {**teams}
    for name, role in policies.roles.items():
        known = [teams.get(team) for team in role.teams]
        people = frozenset(role.users).union(*(one for one in known if one is not None))
        found[name] = None if None in known else people
    return found


def _moment(test: PolicyTest) -> datetime | None:
    at = test.at
    if at is None:
        return None
    if not isinstance(at, datetime):
        assert isinstance(at, date)  # noqa: S101 - the one other kind of moment
        at = datetime.combine(at, time.min)
    return at.replace(tzinfo=ZoneInfo(test.timezone))


def _declared(policies: Policies, test: PolicyTest) -> Iterator[Declared]:
    changed = [place.path for place in test.change]
    for index, layer in enumerate(policies.layers):
        for files in layer.facts:
            for path, data in test.files.items():
                if _governs(files, path, changed):
                    yield from facts_of(index, files, path, look_up_plain(data, files.keys))


def _governs(files: FactFiles, path: str, changed: Sequence[str]) -> bool:
    if not any(path_pattern(pattern).fullmatch(path) for pattern in files.paths):
        return False
    directory = path.rpartition("/")[0]
    match files.governs:
        case "file":
            return path in changed
        case "directory":
            return any(not directory or one.startswith(f"{directory}/") for one in changed)
        case _:
            return True


def _differences(policy: Policy, test: PolicyTest) -> Iterator[Difference]:
    expect = test.expect
    for _, problem in policy.needed.undetermined:
        yield Difference(("files",), "facts", "to be read", problem)
    if expect.gates is not None:
        wanted, found = spelled(expect.gates), spelled_needed(policy.needed)
        for gate in wanted:
            if gate in expect.gates.model_fields_set and wanted[gate] != found[gate]:
                shown = (_shown(wanted[gate]), _shown(found[gate]))
                yield Difference(("expect", "gates", gate), gate, *shown)
    for name, names, actual in (
        ("rules", expect.rules, policy.rules),
        ("bundles", expect.bundles, policy.bundles),
    ):
        if names is not None and set(names) != set(actual):
            yield Difference(("expect", name), name, _shown(sorted(names)), _shown(sorted(actual)))
    if expect.risk is not None and expect.risk != policy.risk:
        yield Difference(("expect", "risk"), "risk", expect.risk, policy.risk or "none")
    now = _moment(test)
    if expect.closed is not None and now is not None:
        closed = sorted(closed_by_time(policy.needed, now))
        if sorted(expect.closed) != closed:
            shown = (_shown(sorted(expect.closed)), _shown(closed))
            yield Difference(("expect", "closed"), "closed", *shown)


def closed_by_time(needed: Requirements, now: datetime) -> list[str]:
    """Return which of windows and freezes are closed at a time; calendars are not looked at."""
    closed = []
    if not all(any(is_open(one, now) for one in windows) for windows in needed.windows):
        closed.append("windows")
    if any(is_frozen(freeze, now) for freeze in needed.freezes):
        closed.append("freezes")
    return closed


def spelled(gates: Gates) -> Mapping[str, Any]:
    """Return what gates ask for, gate by gate, as two such are compared and shown."""
    return spelled_needed(Requirements.of(gates))


def spelled_needed(needed: Requirements) -> Mapping[str, Any]:
    """Return what applies, gate by gate, in the words of the file; order is none."""
    checks = [name for name in needed.checks.required if name != EVERY_CHECK]
    timeout = needed.checks.timeout
    return {
        "checks": sorted(checks) + ([f"within {spell_duration(timeout)}"] if timeout else []),
        "soak": spell_duration(needed.soak) if needed.soak else "none",
        "approvals": f"{needed.approvals}{' and code owners' if needed.code_owners else ''}",
        "sign_offs": sorted(needed.sign_offs),
        "windows": sorted({str(window) for windows in needed.windows for window in windows}),
        "drained": str(needed.drained).lower(),
        "required_files": sorted(needed.required_files),
        "schemas": sorted(f"{one.path} by {one.schema_}" for one in needed.schemas),
        "http": sorted(one.name for one in needed.http),
        "metrics": sorted(one.name for one in needed.metrics),
        "workflow": sorted(one.name for one in needed.workflow),
    }


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value
    return ", ".join(value) or "none"
