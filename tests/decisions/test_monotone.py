"""Whatever a repository says, no gate asks for less than the organisation's policy does."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.decisions.conditions import Subject
from bot.decisions.policy import Declared, Policies, policy_for
from bot.decisions.requirements import EVERY_CHECK, Requirements
from bot.model import Change
from config.facts import Given
from config.gates import Gates
from config.organisation import Organisation
from config.schema import Config
from tests.decisions.test_policy import changed

PATHS = st.sampled_from(["a.yaml", "pay/b.yaml", "pay/c.txt"])
KEYS = st.sampled_from(["x", "y.limit", None])
CHANGES = st.lists(
    st.builds(changed, PATHS, KEYS, st.none() | st.integers(0, 3), st.none() | st.integers(0, 3)),
    max_size=4,
)
RISK = st.sampled_from(["low", "medium", "high"])
NAMES = st.sampled_from(["qa", "sec"])
WINDOWS = st.sampled_from(["Mon-Fri 09:00-17:00 UTC", "Sat 09:00-12:00 UTC"])
GATES: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "approvals": st.integers(0, 3),
        "soak": st.sampled_from(["1h", "2d"]),
        "sign_offs": st.lists(NAMES, max_size=2),
        "drained": st.booleans(),
        "windows": st.lists(WINDOWS, min_size=1, max_size=2),
        "checks": st.fixed_dictionaries(
            {},
            optional={
                "required": st.lists(st.sampled_from(["ci/a", "ci/b"]), max_size=2),
                "timeout": st.sampled_from(["1h", "2h"]),
            },
        ),
    },
)
CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        "paths": st.just(["pay/**"]),
        "keys": st.just(["**.limit"]),
        "new": st.just({"greater": 1}),
        "size": st.just({"keys": 2}),
        "authors": st.just(["ann"]),
        "labels": st.just(["urgent"]),
        "otherwise": st.just(True),
    },
).filter(bool)
ASKING = st.builds(
    lambda when, gates, bundles: {"when": when, "gates": gates, **bundles},
    CONDITIONS | st.builds(lambda risk: {"risk": risk}, RISK),
    GATES,
    st.sampled_from([{}, {"bundles": ["sox"]}]),
)
RISKY = st.builds(
    lambda when, risk: {"when": when, "risk": risk},
    CONDITIONS.filter(lambda when: "otherwise" not in when),
    RISK,
)
RULES = st.lists(ASKING | RISKY, max_size=4)
BUNDLES = st.builds(lambda gates: {"sox": {"gates": gates}}, GATES)
FREEZES = st.sampled_from([[], [{"from": "2026-12-20", "to": "2027-01-03", "reason": "Year end"}]])
ORGANISATIONS = st.builds(
    lambda gates, freezes, rules, bundles: Organisation.model_validate(
        {
            "version": 1,
            "environments": [{"names": ["prod*"], "gates": gates, "freezes": freezes}],
            "rules": rules,
            "bundles": bundles,
        }
    ),
    GATES,
    FREEZES,
    RULES,
    BUNDLES,
)


def repository(gates: dict[str, Any], rules: list[Any], bundles: dict[str, Any]) -> Config:
    environments = [
        {"name": "staging", "branch": "staging"},
        {"name": "production", "branch": "main", "gates": gates},
    ]
    return Config.model_validate(
        {"version": 1, "environments": environments, "rules": rules, "bundles": bundles}
    )


REPOSITORIES = st.builds(repository, GATES, RULES, BUNDLES)
SILENT = repository({}, [], {})
FACTS = st.lists(
    st.builds(
        Declared,
        st.just(0),
        st.just("services/a.yaml:1"),
        st.just("key: 1"),
        st.builds(Given, st.builds(Gates.model_validate, GATES), risk=st.none() | RISK),
    ),
    max_size=2,
)


def needed(config: Config, acme: Organisation, subject: Subject, *facts: Declared) -> Requirements:
    policies = Policies(config, (acme,))
    return policy_for(policies, config.environment("production"), subject, facts).needed


def assert_as_strict(found: Requirements, floor: Requirements) -> None:
    assert found.approvals >= floor.approvals
    assert found.soak is not None or floor.soak is None
    if found.soak and floor.soak:
        assert found.soak >= floor.soak
    assert set(found.sign_offs) >= set(floor.sign_offs)
    assert found.drained >= floor.drained
    # Of each set of windows one must be open: a set more is never looser.
    assert set(found.windows) >= set(floor.windows)
    # Which checks count besides, where nobody names any, is each repository's to say.
    assert set(found.checks.required) >= set(floor.checks.required) - {EVERY_CHECK}
    if floor.checks.timeout is not None:
        assert found.checks.timeout is not None
        assert found.checks.timeout <= floor.checks.timeout
    assert set(found.freezes) >= set(floor.freezes)


@given(
    REPOSITORIES,
    ORGANISATIONS,
    CHANGES,
    FACTS,
    st.frozensets(st.sampled_from(["ann", "bob"])),
    st.frozensets(st.sampled_from(["urgent", "docs"])),
)
def test_a_repository_only_ever_adds_to_what_it_inherits(
    config: Config,
    acme: Organisation,
    changes: list[Change],
    facts: list[Declared],
    authors: frozenset[str],
    labels: frozenset[str],
) -> None:
    subject = Subject("production", changes, authors=authors, labels=labels)

    floor = needed(SILENT, acme, subject)

    assert_as_strict(needed(config, acme, subject, *facts), floor)


@given(REPOSITORIES, ORGANISATIONS, CHANGES, FACTS)
def test_what_is_inherited_only_ever_adds_to_what_a_repository_asks(
    config: Config, acme: Organisation, changes: list[Change], facts: list[Declared]
) -> None:
    # The meaning of a bundle is the organisation's, where it has one.
    acme = acme.model_copy(update={"bundles": config.bundles})
    subject = Subject("production", changes)
    own = policy_for(Policies(config), config.environment("production"), subject, facts).needed

    assert_as_strict(needed(config, acme, subject, *facts), own)


@given(REPOSITORIES, CHANGES, CHANGES)
def test_who_and_what_is_unknown_is_never_looser_than_anything_that_it_may_be(
    config: Config, changes: list[Change], others: list[Change]
) -> None:
    del others
    environment = config.environment("production")

    def asked(**known: Any) -> Requirements:
        return policy_for(
            Policies(no_else), environment, Subject("production", changes, **known)
        ).needed

    # A rule that applies `otherwise` gives way to others, and so is no measure here.
    no_else = config.model_copy(
        update={"rules": tuple(rule for rule in config.rules if not rule.when.otherwise)}
    )
    unknown = asked()
    for authors in (frozenset[str](), frozenset({"ann"}), frozenset({"bob"})):
        for labels in (frozenset[str](), frozenset({"urgent"})):
            assert_as_strict(unknown, asked(authors=authors, labels=labels))
