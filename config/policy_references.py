"""Names in a policy that refer to nothing, or that two things have: found in what is written."""

from collections.abc import Iterator
from typing import Any

from config.document import Loc
from config.policy import CODE_OWNERS
from config.problems import Problem
from config.suggest import named, suggest


def policy_references(data: dict[str, Any]) -> Iterator[Problem]:
    """Yield what rules, facts and tests name and nobody has; see `config.references`.

    Bundles may be inherited: where something is, those that are not here pass.
    """
    rules = list(_mappings(data.get("rules"), ("rules",)))
    tests = list(_mappings(data.get("tests"), ("tests",)))
    yield from _twice(rules, "a rule")
    yield from _twice(tests, "a test")
    yield from _environments(data, rules, tests)
    if "inherit" not in data:
        bundles = _named(data.get("bundles"))
        for loc, asks in (*rules, *_values_of_facts(data)):
            yield from _bundles(loc, asks, bundles)
    yield from _expected_rules(rules, tests)
    if CODE_OWNERS in _named(data.get("roles")):
        yield Problem(
            ("roles", CODE_OWNERS),
            f"{named(CODE_OWNERS)} are the owners of what changes, as CODEOWNERS has them; take "
            "another name, or leave it out and say it in `sign_offs`",
            at_key=True,
        )


_Place = tuple[Loc, dict[str, Any]]


def _mappings(value: object, loc: Loc) -> Iterator[_Place]:
    for index, item in enumerate(value if isinstance(value, list) else ()):
        if isinstance(item, dict):
            yield (*loc, index), item


def _named(value: object) -> list[str]:
    return list(value) if isinstance(value, dict) else []


def _texts(value: object, loc: Loc) -> Iterator[tuple[Loc, str]]:
    for index, item in enumerate(value if isinstance(value, list) else ()):
        if isinstance(item, str):
            yield (*loc, index), item


def _twice(places: list[_Place], what: str) -> Iterator[Problem]:
    seen: set[str] = set()
    for loc, item in places:
        name = item.get("name")
        if isinstance(name, str) and name in seen:
            yield Problem((*loc, "name"), f"{what} above is called {named(name)} already")
        elif isinstance(name, str):
            seen.add(name)


def _environments(
    data: dict[str, Any], rules: list[_Place], tests: list[_Place]
) -> Iterator[Problem]:
    """Yield environments that there are not; an organisation's file knows none by itself."""
    known = [
        environment["name"]
        for _, environment in _mappings(data.get("environments"), ())
        if isinstance(environment.get("name"), str)
    ]
    if not known:
        return
    asked = [((*loc, "environment"), test.get("environment")) for loc, test in tests]
    for loc, rule in rules:
        when = rule.get("when")
        if isinstance(when, dict):
            asked += _texts(when.get("environments"), (*loc, "when", "environments"))
    for loc, name in asked:
        if not isinstance(name, str):
            continue
        if name not in known:
            yield Problem(loc, f"no environment is called {named(name)}{suggest(name, known)}")
        elif name == known[0]:
            yield Problem(
                loc,
                f"nothing is promoted into {named(name)}, where changes begin; name an "
                "environment below it",
            )


def _values_of_facts(data: dict[str, Any]) -> Iterator[_Place]:
    for loc, files in _mappings(data.get("facts"), ("facts",)):
        keys = files.get("keys")
        for key, fact in keys.items() if isinstance(keys, dict) else ():
            values = fact.get("values") if isinstance(fact, dict) else None
            for value, asks in values.items() if isinstance(values, dict) else ():
                if isinstance(asks, dict):
                    yield (*loc, "keys", key, "values", value), asks


def _bundles(loc: Loc, asks: dict[str, Any], known: list[str]) -> Iterator[Problem]:
    for at, name in _texts(asks.get("bundles"), (*loc, "bundles")):
        if name not in known:
            hint = suggest(name, known) or (
                "" if known else "; `bundles` says what one asks for, or `inherit` where it is said"
            )
            yield Problem(at, f"no bundle is called {named(name)}{hint}")


def _expected_rules(rules: list[_Place], tests: list[_Place]) -> Iterator[Problem]:
    known = [
        rule["name"] if isinstance(rule.get("name"), str) else f"rule {loc[1] + 1}"  # type: ignore[operator] # an index of the list
        for loc, rule in rules
    ]
    for loc, test in tests:
        expect = test.get("expect")
        if isinstance(expect, dict):
            for at, name in _texts(expect.get("rules"), (*loc, "expect", "rules")):
                if name not in known:
                    yield Problem(at, f"no rule is called {named(name)}{suggest(name, known)}")
