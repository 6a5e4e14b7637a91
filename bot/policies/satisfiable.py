"""What a configuration asks for and nobody can ever give: found before anybody waits for it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from bot.decisions.policy import Policies
from bot.decisions.windows import next_together, thawed
from config.document import Loc
from config.freezes import Freeze
from config.gates import Gates
from config.organisation import Organisation
from config.patterns import text_pattern
from config.policy import CODE_OWNERS, Layer
from config.problems import Problem
from config.rules import Asks
from config.schema import Config, Environment, Schedule
from config.suggest import named, suggest
from config.times import Window, spell_duration

_YEAR = timedelta(days=366)
_MOST_GAPS = 400


@dataclass(frozen=True, slots=True)
class Findings:
    """What can never be satisfied, and what is allowed and hardly meant."""

    errors: tuple[Problem, ...] = ()
    remarks: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class _Place:
    """Gates and where they stand; `environments` are those that they may apply to.

    Whoever attaches them may do so for some of these alone, where they are `attached`.
    """

    loc: Loc
    gates: Gates
    environments: tuple[Environment, ...]
    attached: bool = False


def findings(policies: Policies, now: datetime, *, complete: bool = True) -> Findings:
    """Return what is wrong with a configuration that loads.

    Looks a year ahead of `now`. `complete` says that all that it inherits is in `policies`:
    what is not here may else be there, and is remarked on.
    """
    config = policies.config
    here = list(_places(config, config))
    errors: list[Problem] = []
    remarks: list[Problem] = []
    (errors if complete else remarks).extend(_unknown_roles(here, policies))
    errors += _never_open(here, policies, now)
    errors += _never_rested(config, here, now)
    errors += _loosened(config, policies.inherited)
    if complete:
        errors += _unknown_bundles(config, policies)
    remarks += _alone(here, policies)
    return Findings(tuple(errors), tuple(remarks))


def organisation_findings(organisation: Organisation, *, complete: bool = True) -> Findings:
    """Return what is wrong with an organisation's policy that loads."""
    here = list(_places(organisation, None))
    unknown = tuple(_missing_roles(here, organisation.roles))
    return Findings(unknown, ()) if complete else Findings((), unknown)


def _places(layer: Layer, config: Config | None) -> Iterator[_Place]:
    """Yield every `gates` of a policy; an organisation's knows no environments."""
    targets = tuple(e for e in config.environments if e.source) if config else ()
    for index, environment in enumerate(config.environments if config else ()):
        if environment.source:
            yield _Place(("environments", index), environment.gates, (environment,))
    if isinstance(layer, Organisation):
        for index, floor in enumerate(layer.environments):
            yield _Place(("environments", index), floor.gates, ())
    for index, rule in enumerate(layer.rules):
        names = rule.when.environments
        into = tuple(e for e in targets if not names or e.name in names)
        yield _Place(("rules", index), rule.gates, into)
    for name, bundle in layer.bundles.items():
        yield _Place(("bundles", name), bundle.gates, targets, attached=True)
    for loc, asks in _values_of_facts(layer):
        yield _Place(loc, asks.gates, targets, attached=True)


def _values_of_facts(layer: Layer) -> Iterator[tuple[Loc, Asks]]:
    for index, files in enumerate(layer.facts):
        for key, fact in files.keys.items():
            for value, asks in fact.values.items():
                yield ("facts", index, "keys", key, "values", value), asks


# Roles


def _unknown_roles(here: Iterable[_Place], policies: Policies) -> Iterator[Problem]:
    return _missing_roles(here, policies.roles)


def _missing_roles(here: Iterable[_Place], roles: Mapping[str, Any]) -> Iterator[Problem]:
    for place in here:
        for index, role in enumerate(place.gates.sign_offs):
            if role not in roles and role != CODE_OWNERS:
                yield Problem(
                    (*place.loc, "gates", "sign_offs", index),
                    f"nobody can sign off for {named(role)}, since `roles` does not say who it is"
                    f"{suggest(role, roles)}",
                )


def _alone(here: Iterable[_Place], policies: Policies) -> Iterator[Problem]:
    """Yield roles of one person: what that person writes, nobody can sign off."""
    asked = {role for place in here for role in place.gates.sign_offs}
    for name, role in policies.config.roles.items():
        if name in asked and len(role.root) == 1 and role.users:
            yield Problem(
                ("roles", name),
                f"{named(name)} is {role.users[0]} alone: what {role.users[0]} writes, nobody can "
                "sign off",
            )


def _unknown_bundles(config: Config, policies: Policies) -> Iterator[Problem]:
    known = {name for layer in policies.layers for name in layer.bundles}
    asking: list[tuple[Loc, Sequence[str]]] = [
        (("rules", index), rule.bundles) for index, rule in enumerate(config.rules)
    ]
    asking += [(loc, asks.bundles) for loc, asks in _values_of_facts(config)]
    for loc, names in asking:
        for index, name in enumerate(names):
            if name not in known:
                yield Problem(
                    (*loc, "bundles", index),
                    f"no bundle is called {named(name)}, here or in what is inherited"
                    f"{suggest(name, known)}",
                )


# Time


def _never_open(here: Sequence[_Place], policies: Policies, now: datetime) -> Iterator[Problem]:
    """Yield windows that never open together, or only while everything is frozen."""
    closed: set[str] = set()
    for environment in (e for e in policies.config.environments if e.source):
        sets, freezes = _times_of(environment, policies)
        if sets and not _ever(sets, (), now):
            closed.add(environment.name)
        elif not _ever(sets, freezes, now):
            closed.add(environment.name)
            index = policies.config.environments.index(environment)
            yield Problem(
                ("environments", index, "freezes"),
                f"{named(environment.name)} is frozen whenever it could be merged into, for the "
                "whole year to come; shorten a freeze, or widen `windows`",
            )
    for place in here:
        if not place.gates.windows:
            continue
        open_for = [
            environment
            for environment in place.environments
            if _ever([place.gates.windows, *_times_of(environment, policies)[0]], (), now)
        ]
        shut = [e.name for e in place.environments if e not in open_for]
        if shut and not (place.attached and open_for):
            yield Problem(
                (*place.loc, "gates", "windows"),
                f"these windows never open while those of {', '.join(map(named, shut))} do; let "
                "them have an hour in common",
            )


def _times_of(
    environment: Environment, policies: Policies
) -> tuple[list[tuple[Window, ...]], list[Freeze]]:
    sets = [environment.gates.windows] if environment.gates.windows else []
    freezes = list(environment.freezes)
    for layer in policies.inherited:
        freezes += layer.freezes
        for floor in layer.environments:
            if any(text_pattern(name).fullmatch(environment.name) for name in floor.names):
                sets += [floor.gates.windows] if floor.gates.windows else []
                freezes += floor.freezes
    return sets, freezes


def _ever(sets: Sequence[tuple[Window, ...]], freezes: Sequence[Freeze], now: datetime) -> bool:
    """Whether within a year there is a moment inside one window of each set, and no freeze."""
    # What a calendar says by then, nobody knows.
    known = [(freeze, ()) for freeze in freezes if freeze.calendar is None]
    at: datetime | None = now
    while at is not None and at < now + _YEAR:
        opens = next_together(tuple(sets), at) if sets else at
        if opens is None:
            return False
        at, _ = thawed(known, opens)
        if at == opens:
            return True
    return False


def _never_rested(config: Config, here: Sequence[_Place], now: datetime) -> Iterator[Problem]:
    """Yield soaks that are longer than their source ever rests between two promotions into it."""
    for place in here:
        soak = place.gates.soak
        if soak is None:
            continue
        for environment in place.environments:
            source = config.source_of(environment)
            if source is None or not isinstance(source.promote, Schedule):
                continue
            if environment.promote != "automatic":
                continue
            longest = _longest_gap(source.promote, now)
            if soak > longest:
                yield Problem(
                    (*place.loc, "gates", "soak"),
                    f"{named(source.name)} may take new content every {spell_duration(longest)} "
                    f"by its schedule, and a promotion into {named(environment.name)} follows it, "
                    f"so nothing rests there for {spell_duration(soak)}; promote by hand or at "
                    "set times, or let it rest less",
                )
                break


def _longest_gap(schedule: Schedule, now: datetime) -> timedelta:
    from croniter import croniter  # noqa: PLC0415 - lazy: 40 ms that few files need

    times = croniter(schedule.schedule, now.astimezone(ZoneInfo(schedule.timezone)))
    moments = [times.get_next(datetime)]
    while len(moments) < _MOST_GAPS and moments[-1] < now + _YEAR:
        moments.append(times.get_next(datetime))
    return max((after - before for before, after in pairwise(moments)), default=_YEAR)


# What is inherited


def _loosened(config: Config, inherited: Sequence[Organisation]) -> Iterator[Problem]:
    """Yield what says less than a policy that it inherits: it would have no effect."""
    for layer in inherited:
        for kind, own, theirs in (
            ("roles", config.roles, layer.roles),
            ("bundles", config.bundles, layer.bundles),
        ):
            what = {"roles": "who holds it", "bundles": "what it asks for"}[kind]
            for name in sorted(set(own) & set(theirs)):
                yield Problem(
                    (kind, name),
                    f"the organisation's policy says {what}; {named(name)} cannot be said anew "
                    "here, so leave it out or take another name",
                    at_key=True,
                )
        for index, role in enumerate(config.override):
            if layer.override and role not in layer.override:
                allowed = ", ".join(map(named, layer.override))
                yield Problem(
                    ("override", index),
                    f"the organisation's policy lets {allowed} override, and nobody else; leave "
                    f"{named(role)} out",
                )
        for index, environment in enumerate(config.environments):
            for floor in layer.environments:
                if any(text_pattern(name).fullmatch(environment.name) for name in floor.names):
                    yield from _below(("environments", index, "gates"), environment, floor.gates)


def _below(loc: Loc, environment: Environment, floor: Gates) -> Iterator[Problem]:
    own = environment.gates
    least: list[tuple[str, str, str]] = []
    said = own.model_fields_set
    if "approvals" in said and own.approvals.count < floor.approvals.count:
        least.append(("approvals", str(own.approvals.count), str(floor.approvals.count)))
    if "soak" in said and own.soak and floor.soak and own.soak < floor.soak:
        least.append(("soak", spell_duration(own.soak), spell_duration(floor.soak)))
    if "drained" in said and floor.drained and not own.drained:
        least.append(("drained", "false", "true"))
    if "sign_offs" in said and floor.sign_offs and not own.sign_offs:
        least.append(("sign_offs", "none", ", ".join(floor.sign_offs)))
    timeouts = own.checks.timeout, floor.checks.timeout
    if timeouts[0] and timeouts[1] and timeouts[0] > timeouts[1]:
        least.append(("checks", spell_duration(timeouts[0]), spell_duration(timeouts[1])))
    for gate, here, there in least:
        yield Problem(
            (*loc, gate),
            f"the organisation's policy asks for {there}, and {here} is less strict; a repository "
            "may only ask for more, so leave it out",
        )
