"""Which gates a promotion has to pass, and why: its environment's, and whatever asks for more.

Every policy that applies is judged by itself, and all that they ask for is joined to the
strictest. So whatever a repository writes, an organisation's policy asks for what it asks.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from itertools import chain

from bot.decisions.conditions import Met, Subject, met, rank
from bot.decisions.requirements import Requirements, strictest
from bot.decisions.windows import next_change
from config.facts import Given
from config.gates import Checks, Gates
from config.organisation import Organisation
from config.patterns import text_pattern
from config.policy import Layer, Role
from config.rules import Rule
from config.schema import Config, Environment
from config.suggest import named, suggest


@dataclass(frozen=True, slots=True)
class Policies:
    """A repository's own configuration, and the policies that it inherits, nearest first.

    `problems` say why a policy that should apply cannot be told: they close a gate.
    """

    config: Config
    inherited: tuple[Organisation, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All of them, each judged by itself."""
        return (self.config, *self.inherited)

    @property
    def roles(self) -> Mapping[str, Role]:
        """Everybody who may sign off; what is inherited cannot be said anew."""
        found: dict[str, Role] = {}
        for layer in self.layers:
            found.update(layer.roles)
        return found

    @property
    def override(self) -> tuple[str, ...]:
        """The roles that may override: where a policy that is inherited names some, those alone."""
        said = [layer.override for layer in self.inherited if layer.override]
        if not said:
            return self.config.override
        return tuple(role for role in said[0] if all(role in roles for roles in said))


@dataclass(frozen=True, slots=True)
class Declared:
    """What one fact says: where it stands, and what it asks for, or why that cannot be told.

    `layer` is the place of the policy that reads it, among `Policies.layers`. `said` is
    the key with its value, in words.
    """

    layer: int
    place: str
    said: str
    given: Given | None
    reason: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What one rule, fact or inherited policy asks for, and why: a sentence's tail."""

    by: str
    because: str
    needed: Requirements
    bundles: tuple[str, ...] = ()
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """All that one promotion has to pass, what asked for it, and how risky it is."""

    needed: Requirements
    asked: tuple[Asked, ...] = ()
    risk: str | None = None

    @property
    def rules(self) -> tuple[str, ...]:
        """The names of the rules that apply."""
        return tuple(dict.fromkeys(asked.rule for asked in self.asked if asked.rule))

    @property
    def bundles(self) -> tuple[str, ...]:
        """The bundles that apply."""
        return tuple(dict.fromkeys(name for asked in self.asked for name in asked.bundles))


def policy_for(
    policies: Policies,
    environment: Environment,
    subject: Subject,
    declared: Sequence[Declared] = (),
) -> Policy:
    """Return the gates of a promotion: the strictest of all that asks for something.

    See `bot.decisions.requirements.strictest`.
    """
    layers = policies.layers
    matched = [_matched(layer, subject) for layer in layers]
    unread = [f"{one.place}: {one.problem}" for one in declared if one.problem]
    given = [(one, one.given) for one in declared if one.given is not None]
    said = [[rule.risk for rule, _ in rules] for rules in matched]
    risk = _highest([*chain.from_iterable(said), *(each.risk for _, each in given)])
    risky = _risky(risk, chain.from_iterable(matched), given)
    asked: list[Asked] = []
    for index, (layer, rules) in enumerate(zip(layers, matched, strict=True)):
        asked += _floors(layer, environment)
        known = _bundles(layers[index:])
        # A risk that facts or a repository say adds what is asked at it, and takes nothing away.
        least = _highest(chain.from_iterable(said[index:]))
        for rule, found in _either(_applying(rules, least), _applying(rules, risk)):
            asked += _asked_by_rule(layer, rule, found, known, risky)
        for one, each in given:
            if one.layer == index:
                asks, unknown = _asked_by_fact(one, each, known, policies.roles)
                asked += asks
                unread += unknown
    own = Requirements.of(environment.gates, environment.freezes)
    needed = strictest(own, [one.needed for one in asked])
    needed = replace(
        needed,
        undetermined=(
            *(("policy", problem) for problem in policies.problems),
            *(("facts", problem) for problem in dict.fromkeys(unread)),
        ),
        because=_reasons(asked, own, needed),
        until=_until(layers, subject.now),
    )
    applying = tuple(one for one in asked if one.needed != Requirements() or one.rule)
    return Policy(needed, applying, risk)


def _highest(risks: Iterable[str | None]) -> str | None:
    return max(risks, key=rank, default=None)


def _risky(
    risk: str | None,
    matched: Iterable[tuple[Rule, Met]],
    given: Iterable[tuple[Declared, Given]],
) -> str:
    """Return how high the risk is, and the first that says so."""
    whys = chain(
        (_because(rule, found, "") for rule, found in matched if rule.risk == risk),
        (f"{fact.place} says {fact.said}" for fact, each in given if each.risk == risk),
    )
    return f"the risk is {risk}, since {next(whys, '')}" if risk else ""


def _matched(layer: Layer, subject: Subject) -> list[tuple[Rule, Met]]:
    """Return the rules whose conditions on the change itself hold."""
    return [(rule, found) for rule in layer.rules if (found := met(rule.when, subject))]


def _applying(matched: Sequence[tuple[Rule, Met]], risk: str | None) -> list[tuple[Rule, Met]]:
    """Return the rules that apply, given the risk, and whether any other asks for something."""
    at_risk = [
        (rule, found)
        for rule, found in matched
        if rule.when.risk is None or rank(risk) >= rank(rule.when.risk)
    ]
    others = any(_asks(rule) for rule, _ in at_risk if not rule.when.otherwise)
    return [one for one in at_risk if not (one[0].when.otherwise and others)]


def _either(
    some: Sequence[tuple[Rule, Met]], others: Sequence[tuple[Rule, Met]]
) -> Iterator[tuple[Rule, Met]]:
    yield from some
    known = {id(rule) for rule, _ in some}
    yield from (one for one in others if id(one[0]) not in known)


def _asks(rule: Rule) -> bool:
    return bool(rule.bundles) or rule.gates != Gates()


def _floors(layer: Layer, environment: Environment) -> Iterator[Asked]:
    """Yield the least that an organisation asks of an environment of this name."""
    if not isinstance(layer, Organisation):
        return
    why = "the organisation's policy asks for it"
    if layer.freezes:
        yield Asked("the organisation", why, Requirements(freezes=layer.freezes))
    for floor in layer.environments:
        if any(text_pattern(name).fullmatch(environment.name) for name in floor.names):
            needed = Requirements.of(floor.gates, floor.freezes)
            yield Asked("the organisation", why, needed)


def _bundles(layers: Sequence[Layer]) -> Mapping[str, tuple[str, Gates]]:
    """Return the bundles that a policy knows: its own, and those that it inherits."""
    found: dict[str, tuple[str, Gates]] = {}
    for layer in layers:
        found.update(
            {name: (bundle.reason or "", bundle.gates) for name, bundle in layer.bundles.items()}
        )
    return found


def _asked_by_rule(
    layer: Layer,
    rule: Rule,
    found: Met,
    known: Mapping[str, tuple[str, Gates]],
    risky: str,
) -> Iterator[Asked]:
    name = rule_name(layer, rule)
    because = _because(rule, found, risky)
    yield Asked(name, because, Requirements.of(rule.gates), rule=name)
    for bundle in rule.bundles:
        if bundle in known:
            reason, gates = known[bundle]
            why = f"{because}, which `{bundle}` is for"
            yield Asked(
                name, f"{why}: {reason}" if reason else why, Requirements.of(gates), (bundle,), name
            )


def rule_name(layer: Layer, rule: Rule) -> str:
    """Return what a rule is called; one without a name by its place in the file."""
    return rule.name or f"rule {next(i for i, one in enumerate(layer.rules, 1) if one is rule)}"


def _because(rule: Rule, found: Met, risky: str) -> str:
    """Return why a rule applies: what it looks at, of what was found, and its own reason."""
    when = rule.when
    parts = []
    if found.first is not None:
        place = found.first.path + (f":{found.first.key}" if found.first.key else "")
        more = f" and {found.places - 1} more" if found.places > 1 else ""
        kind = when.change[0] if len(when.change) == 1 else "changed"
        parts.append(f"{place}{more} {kind}")
    if when.size:
        parts.append("it changes much at once")
    if when.authors or when.authors_outside:
        parts.append("of who wrote it")
    if when.labels:
        parts.append("of its labels")
    if when.times:
        parts.append("of the time")
    if when.risk:
        parts.append(risky)
    if when.otherwise:
        parts.append("no other rule asks for anything")
    if not parts:
        parts.append(f"it goes into {', '.join(when.environments)}")
    said = " and ".join(parts)
    if found.unsure:
        said += f" ({found.unsure}, so it is taken to apply)"
    return f"{said}: {rule.reason}" if rule.reason else said


def _asked_by_fact(
    fact: Declared,
    given: Given,
    known: Mapping[str, tuple[str, Gates]],
    roles: Mapping[str, Role],
) -> tuple[list[Asked], list[str]]:
    because = f"{fact.place} says {fact.said}" + (f": {fact.reason}" if fact.reason else "")
    asked = [Asked(fact.place, because, Requirements.of(given.gates, given.freezes))]
    problems = [
        f"{fact.place}: {fact.said} names no role, and somebody of it has to sign off; "
        f"there are {_listed(roles)}{suggest(role, roles)}"
        for role in given.gates.sign_offs
        if role not in roles
    ]
    for bundle in given.bundles:
        if bundle in known:
            reason, gates = known[bundle]
            why = f"{fact.place} says {fact.said}" + (f": {reason}" if reason else "")
            asked.append(Asked(fact.place, why, Requirements.of(gates), (bundle,)))
        else:
            problems.append(
                f"{fact.place}: there is no bundle {named(bundle)}; there are {_listed(known)}"
                f"{suggest(bundle, known)}"
            )
    return asked, problems


def _listed(names: Iterable[str]) -> str:
    return ", ".join(named(name) for name in names) or "none"


def _reasons(
    asked: Iterable[Asked], own: Requirements, needed: Requirements
) -> Mapping[str, tuple[str, ...]]:
    """Return why each gate is stricter than the environment's `own` asks, by its key."""
    found: dict[str, list[str]] = {}
    for one in asked:
        for gate in _made_stricter(one.needed, own, needed):
            found.setdefault(gate, []).append(one.because)
    return {gate: tuple(dict.fromkeys(why)) for gate, why in found.items()}


def _made_stricter(asked: Requirements, own: Requirements, needed: Requirements) -> Iterator[str]:
    nothing = Requirements()
    for gate in (field.name for field in fields(Requirements) if field.compare):
        value = getattr(asked, gate)
        if value == getattr(nothing, gate) or getattr(own, gate) == getattr(needed, gate):
            continue
        # Of numbers only the greatest counts; of lists every part does.
        if isinstance(value, tuple | Checks) or value == getattr(needed, gate):
            yield "approvals" if gate == "code_owners" else gate


def _until(layers: Iterable[Layer], now: datetime | None) -> datetime | None:
    """Return when a rule's `times` next begin or end."""
    windows = [w for layer in layers for rule in layer.rules for w in rule.when.times]
    if now is None or not windows:
        return None
    return min(next_change(window, now) for window in windows)
