"""Tell the promotion pipeline from the names of branches, or say why it cannot be told.

Names in, proposal out. Where a name could mean two things (`main` above all), `leads`
says which of two branches has had the content first.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count

from config import names
from config.suggest import named

Leads = Callable[[str, str], int]

_DEVELOPMENT, _INTEGRATION, _RELEASE, _PRODUCTION = (
    "development",
    "integration",
    "release",
    "production",
)
# In promotion order, each with the words that branches have for it.
_TIERS = {
    _DEVELOPMENT: ("development", "develop", "devel", "dev"),
    _INTEGRATION: ("integration", "int"),
    "test": ("test", "testing", "tst", "sit"),
    "qa": ("qa", "quality"),
    "acceptance": ("uat", "acceptance", "acc"),
    "staging": ("staging", "stage", "stg", "nonprod", "nonproduction"),
    "pre-production": ("preprod", "preproduction", "preprd"),
    _RELEASE: ("release",),
    _PRODUCTION: ("production", "prod", "prd", "live"),
}
_TIER_OF = {word: tier for tier, words in _TIERS.items() for word in words}
_RANK = {tier: rank for rank, tier in enumerate(_TIERS)}
_TRUNKS = ("main", "master", "trunk", "mainline")
# Words that branches, not environments, are called by.
_RENAMED = {"develop": _DEVELOPMENT, "devel": _DEVELOPMENT}

_CONTAINERS = re.compile(
    "(branch|clusters?|configs?|deploy|deployments?|deploys|envs?|environments?|gitops|release)"
)
_PLACES = (
    "us|eu|uk|ap|apac|emea|na|sa|af|me|ca|cn|de|fr|es|it|nl|jp|in|au|br|ch|sg|kr|hk|latam|global"
    "|north|south|east|west|central|northeast|northwest|southeast|southwest|blue|green"
    "|primary|secondary|dr|region|cluster|zone|dc"
)
_SOMEWHERE = re.compile(rf"(?:{_PLACES})?[nsew]?\d{{0,2}}[a-d]?")
_LATE_TIERS = frozenset(("staging", "pre-production", _PRODUCTION))
_TOPICS = re.compile(
    "(add|backup|bak|bug|bugfix|bump|change|config|copy|debug|feat|feature|fix|hotfix|legacy"
    "|merge|migration|new|old|patch|poc|remove|revert|rollback|temp|tmp|update|wip)"
)
_SHOWN_BRANCHES = 12


@dataclass(frozen=True, slots=True)
class ProposedEnvironment:
    """An environment and why it stands where it does; `source` is None for the first."""

    name: str
    branch: str
    source: str | None
    why: str


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Environments in promotion order, at least two; `notes` are what a reader should check."""

    environments: tuple[ProposedEnvironment, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NoPipeline:
    """No pipeline can be told; `reason` says what was seen and what to do."""

    reason: str


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a branch's name says: `variant` sets it apart in its tier, as `us` or `eu` do."""

    branch: str
    tier: str
    name: str
    variant: str = ""
    namespace: str = ""
    why: str = ""


def propose_pipeline(
    branches: Mapping[str, int], default: str | None, leads: Leads
) -> Pipeline | NoPipeline:
    """Return the pipeline that the branches look like.

    `branches` maps names to the time of their newest commit. `default` is the default
    branch where it is known. `leads(one, other)` is above zero where `one` has had the
    content first, below where the other has, zero where nothing tells.
    """
    usable = {name: time for name, time in branches.items() if _can_be_named(name)}
    readings = [reading for name in sorted(usable) for reading in _read(name)]
    notes: list[str] = []
    chosen = _one_namespace(readings, notes)
    if chosen is None:
        return _several(readings)
    chosen = _known_variants(chosen, notes)
    chosen = _newest_of_each(chosen, usable, notes)
    trunk = _trunk(usable, default, chosen, notes)
    chosen = _with_release(chosen, trunk, leads)
    if trunk is not None:
        chosen = _with_trunk(chosen, trunk, leads, notes)
    chosen = _one_beginning(chosen, notes)
    if len(chosen) < 2:
        return NoPipeline(_too_few(chosen, sorted(branches)))
    return Pipeline(tuple(_in_order(chosen, notes)), tuple(notes))


def _can_be_named(name: str) -> bool:
    try:
        names.branch(name)
    except ValueError:
        return False
    return True


# Names


def _read(branch: str) -> Iterator[_Reading]:
    """Yield what a branch's name says, if it says anything."""
    parts = branch.lower().split("/")
    while len(parts) > 1 and _CONTAINERS.fullmatch(parts[0]) and _tier_and_rest(parts[1]):
        parts = parts[1:]
    if len(parts) > 2:
        return
    found = _tier_and_rest(parts[-1])
    if len(parts) == 1:
        namespace, variant_part = "", ""
    elif found and _somewhere(parts[0]):
        namespace, variant_part = "", parts[0]
    elif found:
        namespace, variant_part = parts[0], ""
    else:
        # `staging/us` is the environment `staging-us`.
        found = _tier_and_rest(parts[0])
        namespace, variant_part = "", parts[1]
    if found is None:
        return
    tier, variant = found
    variant = "-".join(filter(None, (variant, variant_part)))
    if tier == _RELEASE and (variant or len(parts) > 1):
        return  # `release/1.2` is a version
    text = parts[-1] if namespace else "-".join(parts)
    name = _name_for(text)
    if name is not None and not any(map(_TOPICS.fullmatch, re.split(r"[-_./]", variant))):
        yield _Reading(branch, tier, name, variant, namespace, f"{tier} by its name")


def _tier_and_rest(text: str) -> tuple[str, str] | None:
    """Return the one tier that a part of a name speaks of, and the rest of it."""
    whole = re.sub(r"(^|[-_.])(pre|non)[-_.](?=pr(o?d|oduction))", r"\1\2", text)
    words = re.split(r"[-_.]", whole)
    tiers = [word for word in words if word in _TIER_OF]
    if len(tiers) != 1:
        return None
    rest = [word for word in words if word not in _TIER_OF]
    if _CONTAINERS.fullmatch(words[0]) and words[0] not in _TIER_OF:
        rest = rest[1:]
    return _TIER_OF[tiers[0]], "-".join(rest)


def _name_for(text: str) -> str | None:
    words = text.split("-")
    if _CONTAINERS.fullmatch(words[0]) and len(words) > 1:
        words = words[1:]
    name = _RENAMED.get("-".join(words), "-".join(words))
    try:
        return names.name(name)
    except ValueError:
        return None


def _somewhere(variant: str) -> bool:
    """Whether a variant speaks of a region, a cluster or a number."""
    return all(_SOMEWHERE.fullmatch(word) for word in re.split(r"[-_.]", variant))


# Choosing


def _one_namespace(readings: Sequence[_Reading], notes: list[str]) -> list[_Reading] | None:
    """Return the readings of one pipeline; None where several stand side by side."""
    plain = [reading for reading in readings if not reading.namespace]
    tiers: dict[str, set[str]] = {}
    for reading in readings:
        tiers.setdefault(reading.namespace, set()).add(reading.tier)
    several = [space for space, found in tiers.items() if space and len(found) > 1]
    if len(tiers.get("", ())) > 1 or not several:
        if several:
            spaces = _listed(f"{space}/" for space in several)
            notes.append(f"the branches below {spaces} were left out: others have plainer names")
        return plain
    if len(several) > 1:
        return None
    return [reading for reading in readings if reading.namespace in {"", several[0]}]


def _known_variants(readings: Sequence[_Reading], notes: list[str]) -> list[_Reading]:
    """Return the readings without variants that may be anybody's topic."""
    known = []
    for reading in readings:
        siblings = [
            r.variant for r in readings if r.tier == reading.tier and r.branch != reading.branch
        ]
        elsewhere = {r.variant for r in readings if r.tier != reading.tier}
        alike = reading.tier in _LATE_TIERS and siblings and "" not in siblings
        if _somewhere(reading.variant) or reading.variant in elsewhere or alike:
            known.append(reading)
        else:
            notes.append(f"{named(reading.branch)} was taken for somebody's work, and left out")
    return known


def _newest_of_each(
    readings: Sequence[_Reading], times: Mapping[str, int], notes: list[str]
) -> list[_Reading]:
    """Return one branch for each tier and variant: the one that moved last."""
    groups: dict[tuple[str, str], list[_Reading]] = {}
    for reading in readings:
        groups.setdefault((reading.tier, reading.variant), []).append(reading)
    chosen = []
    for group in groups.values():
        newest, *others = sorted(group, key=lambda r: (-times[r.branch], r.branch))
        chosen.append(newest)
        if others:
            notes.append(
                f"{_listed(named(r.branch) for r in others)} would do for {newest.tier} too; "
                f"{named(newest.branch)} has the newest commit"
            )
    return chosen


def _trunk(
    branches: Mapping[str, int], default: str | None, chosen: Sequence[_Reading], notes: list[str]
) -> str | None:
    """Return the branch that is everybody's, by its name or as the default branch."""
    taken = {reading.branch for reading in chosen}
    known = [name for name in _TRUNKS if name in branches]
    if default in branches and default not in taken and (default in known or not known):
        trunk = default
    else:
        trunk = known[0] if known else None
    if others := [name for name in known if name != trunk]:
        notes.append(f"{_listed(map(named, others))} was left out, since {named(trunk)} is there")
    return trunk


def _develops(chosen: Sequence[_Reading]) -> bool:
    return any(reading.tier in {_DEVELOPMENT, _INTEGRATION} for reading in chosen)


def _with_release(chosen: Sequence[_Reading], trunk: str | None, leads: Leads) -> list[_Reading]:
    """Return the readings with `release` as production, or before it, as git-flow has it."""
    release = next((reading for reading in chosen if reading.tier == _RELEASE), None)
    if release is None or any(reading.tier == _PRODUCTION for reading in chosen):
        return list(chosen)
    if trunk is not None and _develops(chosen) and leads(trunk, release.branch) <= 0:
        return list(chosen)
    why = "production, since no other branch is"
    produces = replace(release, tier=_PRODUCTION, name=_PRODUCTION, why=why)
    return [produces if reading is release else reading for reading in chosen]


def _with_trunk(
    chosen: Sequence[_Reading], trunk: str, leads: Leads, notes: list[str]
) -> list[_Reading]:
    """Return the readings with the trunk as production, as development, or left out."""
    develops = _develops(chosen)
    produces = any(reading.tier == _PRODUCTION for reading in chosen)
    as_development = _Reading(
        trunk, _DEVELOPMENT, _DEVELOPMENT, why="no development branch, and production has its own"
    )
    as_production = _Reading(
        trunk, _PRODUCTION, _PRODUCTION, why="production, since no branch is named so"
    )
    if produces and develops:
        notes.append(
            f"{named(trunk)} was left out: development and production have branches of their own"
        )
        return list(chosen)
    if produces:
        return [as_development, *chosen]
    first = min(chosen, key=lambda r: _RANK[r.tier], default=None)
    if not develops and first is not None and leads(trunk, first.branch) > 0:
        why = f"{named(first.branch)} takes its content from here"
        return [_Reading(trunk, _DEVELOPMENT, _DEVELOPMENT, why=why), *chosen]
    return [*chosen, as_production]


def _one_beginning(chosen: Sequence[_Reading], notes: list[str]) -> list[_Reading]:
    """Return the readings with one branch in the first tier: changes begin in one place."""
    lowest = min((_RANK[reading.tier] for reading in chosen), default=0)
    first = [reading for reading in chosen if _RANK[reading.tier] == lowest]
    if len(first) < 2:
        return list(chosen)
    keep, *others = sorted(first, key=lambda r: r.variant)
    notes.append(
        f"changes begin in one environment: {named(keep.branch)} was taken, and "
        f"{_listed(named(r.branch) for r in others)} left out"
    )
    return [reading for reading in chosen if reading not in others]


# The order


def _in_order(chosen: Sequence[_Reading], notes: list[str]) -> Iterator[ProposedEnvironment]:
    ordered = sorted(chosen, key=lambda r: (_RANK[r.tier], r.variant))
    called = _names(ordered)
    for reading in ordered:
        above = [r for r in ordered if _RANK[r.tier] < _RANK[reading.tier]]
        nearest = [r for r in above if r.tier == above[-1].tier]
        source = next(
            (r for wanted in (reading.variant, "") for r in nearest if r.variant == wanted),
            nearest[0] if nearest else None,
        )
        if len(nearest) > 1 and source is not None and source.variant not in {reading.variant, ""}:
            notes.append(
                f"{named(called[reading.branch])} can be promoted from one environment only, and "
                f"{_listed(named(called[r.branch]) for r in nearest)} stand above it: "
                f"{named(called[source.branch])} was taken; change its `from:` if that is wrong"
            )
        yield ProposedEnvironment(
            called[reading.branch],
            reading.branch,
            called[source.branch] if source else None,
            reading.why,
        )


def _names(readings: Sequence[_Reading]) -> dict[str, str]:
    """Return what to call each branch's environment; where two would be alike, as the branch.

    Where those are alike too, `qa-1.2` and `qa/1.2`, the later one is numbered.
    """
    wanted = [reading.name for reading in readings]
    called = {r.branch: r.name for r in readings if wanted.count(r.name) == 1}
    for reading in readings:
        if reading.branch not in called:
            name = reading.branch.replace("/", "-")
            others = (f"{name}-{number}" for number in count(2))
            free = (one for one in chain([name], others) if one not in called.values())
            called[reading.branch] = next(free)
    return called


# What is said where there is none


def _several(readings: Sequence[_Reading]) -> NoPipeline:
    spaces = sorted({f"{reading.namespace}/" for reading in readings if reading.namespace})
    return NoPipeline(
        f"the branches look like several pipelines, below {_listed(spaces)}, and one file "
        f"describes one; write it by hand for one of them:\n\n{_EXAMPLE}"
    )


_EXAMPLE = """\
version: 1
environments:            # in promotion order
  - name: staging
    branch: BRANCH
  - name: production
    branch: BRANCH"""


def _too_few(chosen: Sequence[_Reading], branches: Sequence[str]) -> str:
    shown = ", ".join(map(named, branches[:_SHOWN_BRANCHES])) or "none"
    if len(branches) > _SHOWN_BRANCHES:
        shown += f" and {len(branches) - _SHOWN_BRANCHES} more"
    seen = (
        f"only {named(chosen[0].branch)} looks like an environment's branch"
        if chosen
        else "no branch is named like an environment"
    )
    return (
        f"{seen}, and a pipeline needs two (branches here: {shown}; `git fetch` may bring more). "
        "Lockstep promotes between branches, one for each environment; where they have names of "
        f"their own, write .lockstep.yaml by hand:\n\n{_EXAMPLE}"
    )


def _listed(items: Iterable[str]) -> str:
    *most, last = items
    return f"{', '.join(most)} and {last}" if most else last
