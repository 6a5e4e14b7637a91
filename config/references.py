"""What no value of `.lockstep.yaml` shows by itself: names that must, or must not, be others'.

Reads the data as it was written, so that these are found along with everything else
that is wrong; whatever has not the right shape is passed over here.
"""

from collections.abc import Iterator
from typing import Any

from config.document import Loc
from config.policy_references import policy_references
from config.problems import Problem
from config.suggest import named, suggest


def references(data: dict[str, Any]) -> Iterator[Problem]:
    """Yield every name that refers to nothing, to itself, or to what another has taken."""
    environments: list[_Place] = [
        (("environments", index), environment)
        for index, environment in enumerate(_list(data.get("environments")))
        if isinstance(environment, dict)
    ]
    yield from _names(environments)
    yield from _branches(environments)
    yield from _sources(environments)
    yield from policy_references(data)


_Place = tuple[Loc, dict[str, Any]]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _names(environments: list[_Place]) -> Iterator[Problem]:
    seen: set[str] = set()
    for loc, environment in environments:
        name = environment.get("name")
        if isinstance(name, str) and name in seen:
            yield Problem(
                (*loc, "name"), f"an environment above is called {named(name)} already; rename one"
            )
        elif isinstance(name, str):
            seen.add(name)


def _branches(environments: list[_Place]) -> Iterator[Problem]:
    taken: dict[str, str] = {}
    for loc, environment in environments:
        branch = environment.get("branch")
        if isinstance(branch, str) and branch in taken:
            yield Problem(
                (*loc, "branch"),
                f"{named(branch)} is {taken[branch]} already; "
                "every environment has a branch of its own",
            )
        elif isinstance(branch, str):
            taken[branch] = f"the branch of {_called(environment)}"
    for loc, environment in environments:
        for index, mirror in enumerate(_list(environment.get("mirrors"))):
            if isinstance(mirror, str) and mirror in taken:
                yield Problem(
                    (*loc, "mirrors", index),
                    f"{named(mirror)} is {taken[mirror]} already; "
                    "a mirror is a branch that nothing else moves",
                )
            elif isinstance(mirror, str):
                taken[mirror] = f"a mirror of {_called(environment)}"


def _called(environment: dict[str, Any]) -> str:
    name = environment.get("name")
    return named(name) if isinstance(name, str) else "another environment"


def _sources(environments: list[_Place]) -> Iterator[Problem]:
    """Yield sources that are unknown, and one place of every circle that they make."""
    known = [e["name"] for _, e in environments if isinstance(e.get("name"), str)]
    sources: dict[str, str] = {}
    written: dict[str, Loc] = {}  # the default, the environment above, makes no circle
    above = None
    for loc, environment in environments:
        name, source = environment.get("name"), environment.get("from", above)
        at = (*loc, "from")
        if "from" in environment and loc[1] == 0:
            yield Problem(
                at,
                "the first environment has no source: changes begin in it; leave `from` out, or "
                "list it below the one that it is promoted from",
                at_key=True,
            )
        elif isinstance(source, str) and source not in known:
            others = [other for other in known if other != name]
            yield Problem(at, f"no environment is called {named(source)}{suggest(source, others)}")
        elif isinstance(name, str) and isinstance(source, str) and name not in sources:
            sources[name] = source
            if "from" in environment:
                written[name] = at
        above = name
    for circle in _circles(sources):
        asked = next((written[name] for name in circle if name in written), None)
        if asked is None:
            continue  # two environments share a name, which is said already
        path = ", ".join(f"{named(name)} from {named(sources[name])}" for name in circle)
        yield Problem(
            asked,
            f"the environments go round in a circle: {path}; one of them has to come from outside",
        )


def _circles(sources: dict[str, str]) -> Iterator[list[str]]:
    """Yield every circle once, beginning with its first name in the order of `sources`."""
    done: set[str] = set()
    for start in sources:
        trail: list[str] = []
        name = start
        while name in sources and name not in done:
            done.add(name)
            trail.append(name)
            name = sources[name]
        if name in trail:
            yield trail[trail.index(name) :]
