"""Which gates a change has to pass, by where it goes and what it touches, and why."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.decisions.conditions import Subject
from bot.decisions.policy import Declared, Policies, Policy, policy_for
from bot.decisions.requirements import EVERY_CHECK, Requirements
from bot.model import ABSENT, Change, State, Value
from config.facts import Fact, Given, read_fact
from config.gates import Checks
from config.organisation import Organisation
from config.schema import Config
from config.times import window

FRIDAY_EVENING = datetime(2026, 6, 5, 18, tzinfo=UTC)


def value(data: Any) -> Value:
    return ABSENT if data is None else Value(repr(data), data)


def changed(path: str, key: str | None = None, old: Any = 1, new: Any = 2) -> Change:
    return Change(path, key, State.PENDING, value(new), value(old))


APP = changed("configs/app.yaml", "database.host")
PCI = changed("payments/card.yaml", "limits.pci_dss.level")


def config(*rules: dict[str, Any], gates: dict[str, Any] | None = None, **more: Any) -> Config:
    return Config.model_validate(
        {
            "version": 1,
            "environments": [
                {"name": "staging", "branch": "staging"},
                {"name": "production", "branch": "main", "gates": gates or {}},
            ],
            "rules": list(rules),
            **more,
        }
    )


def organisation(**parts: Any) -> Organisation:
    return Organisation.model_validate({"version": 1, **parts})


def policy(
    settings: Config,
    *changes: Change,
    inherited: tuple[Organisation, ...] = (),
    facts: tuple[Declared, ...] = (),
    **known: Any,
) -> Policy:
    policies = Policies(settings, inherited)
    subject = Subject("production", changes, **known)
    return policy_for(policies, settings.environment("production"), subject, facts)


def production(settings: Config, *changes: Change, **known: Any) -> Requirements:
    return policy(settings, *changes, **known).needed


def test_without_rules_the_gates_are_the_environments_own() -> None:
    settings = config(gates={"checks": ["ci/test"], "approvals": 1, "soak": "24h"})

    own = settings.environment("production")
    assert production(settings, APP) == Requirements.of(own.gates, own.freezes)


def test_of_all_that_match_the_strictest_of_everything_applies() -> None:
    settings = config(
        {
            "when": {"paths": ["payments/**"]},
            "gates": {
                "checks": {"required": ["ci/test", "ci/pci"], "timeout": "30m"},
                "approvals": 2,
                "sign_offs": ["qa", "compliance"],
                "soak": "1h",
                "drained": True,
            },
        },
        {
            "when": {"keys": ["**.pci_dss"]},
            "gates": {"soak": "7d", "windows": ["Mon 09:00-12:00 UTC"]},
        },
        {"when": {"paths": ["docs/**"]}, "gates": {"approvals": 9}},
        gates={
            "checks": {"required": ["ci/lint", "ci/test"], "timeout": "2h"},
            "approvals": 1,
            "sign_offs": ["qa"],
            "soak": "24h",
            "windows": ["Mon-Thu 09:00-16:00 UTC"],
        },
    )

    assert production(settings, APP, PCI) == Requirements(
        checks=Checks(required=("ci/lint", "ci/test", "ci/pci"), timeout=timedelta(minutes=30)),
        soak=timedelta(days=7),
        approvals=2,
        sign_offs=("qa", "compliance"),
        windows=((window("Mon-Thu 09:00-16:00 UTC"),), (window("Mon 09:00-12:00 UTC"),)),
        drained=True,
    )


def test_what_a_rule_does_not_say_it_does_not_loosen() -> None:
    gates = {"checks": {"required": ["ci/test"], "timeout": "2h"}, "approvals": 3, "drained": True}
    settings = config({"when": {"paths": ["**"]}, "gates": {"approvals": 1}}, gates=gates)

    own = settings.environment("production")
    assert production(settings, APP) == Requirements.of(own.gates, own.freezes)


def test_a_rule_that_requires_a_check_leaves_all_others_required_where_all_were() -> None:
    settings = config({"when": {"paths": ["**"]}, "gates": {"checks": ["ci/security"]}})

    assert production(settings, APP).checks == Checks(required=(EVERY_CHECK, "ci/security"))


def test_every_gate_says_what_made_it_stricter_and_no_other_does() -> None:
    settings = config(
        {
            "name": "money",
            "reason": "money moves here",
            "when": {"paths": ["payments/**"]},
            "gates": {"approvals": 2, "sign_offs": ["compliance"]},
        },
        {"when": {"paths": ["payments/**"]}, "gates": {"approvals": 1, "soak": "1h"}},
        gates={"soak": "24h", "sign_offs": ["qa"]},
    )

    assert production(settings, PCI).because == {
        "approvals": ("payments/card.yaml:limits.pci_dss.level changed: money moves here",),
        "sign_offs": ("payments/card.yaml:limits.pci_dss.level changed: money moves here",),
    }


def test_several_places_are_counted_and_the_first_is_named() -> None:
    settings = config({"when": {"paths": ["**"]}, "gates": {"approvals": 1}})

    (why,) = production(settings, APP, PCI).because["approvals"]

    assert why == "configs/app.yaml:database.host and 1 more changed"


# Risk, and what is asked otherwise


HIGH = {"name": "payments are risky", "when": {"paths": ["payments/**"]}, "risk": "high"}
ON_HIGH = {"name": "high risk", "when": {"risk": "high"}, "gates": {"sign_offs": ["security"]}}
ELSE = {"name": "else", "when": {"otherwise": True}, "gates": {"sign_offs": ["team-lead"]}}


def test_a_rule_asks_by_the_risk_that_another_sets_in_whatever_order() -> None:
    for rules in ([HIGH, ON_HIGH, ELSE], [ELSE, ON_HIGH, HIGH]):
        found = policy(config(*rules), PCI)

        assert (found.risk, found.needed.sign_offs) == ("high", ("security",))
        assert found.needed.because == {
            "sign_offs": (
                "the risk is high, since payments/card.yaml:limits.pci_dss.level changed",
            )
        }


def test_a_fact_that_says_how_high_the_risk_is_is_named() -> None:
    found = production(config(ON_HIGH), APP, facts=declared({"gives": "risk"}, "critical"))

    assert found.because == {
        "sign_offs": ("the risk is critical, since services/pay.yaml:3 says key: critical",)
    }


def test_a_higher_risk_than_a_rule_asks_for_counts_too_and_a_lower_one_does_not() -> None:
    critical = {**HIGH, "risk": "critical"}
    medium = {**HIGH, "risk": "medium"}

    assert production(config(critical, ON_HIGH), PCI).sign_offs == ("security",)
    assert production(config(medium, ON_HIGH), PCI).sign_offs == ()


def test_otherwise_applies_where_no_other_rule_asks_for_anything() -> None:
    settings = config(HIGH, ON_HIGH, ELSE)

    assert policy(settings, APP).needed.sign_offs == ("team-lead",)
    assert policy(settings, APP).rules == ("else",)
    # To set a risk that nobody asks by is to ask for nothing.
    assert production(config({**HIGH, "risk": "low"}, ON_HIGH, ELSE), PCI).sign_offs == (
        "team-lead",
    )


# Bundles


def test_a_bundle_asks_for_its_gates_and_says_what_it_is() -> None:
    settings = config(
        {"when": {"paths": ["payments/**"]}, "bundles": ["sox"]},
        bundles={"sox": {"reason": "Sarbanes-Oxley", "gates": {"approvals": 2}}},
    )

    found = policy(settings, PCI)

    assert (found.needed.approvals, found.bundles) == (2, ("sox",))
    (why,) = found.needed.because["approvals"]
    assert why == (
        "payments/card.yaml:limits.pci_dss.level changed, which `sox` is for: Sarbanes-Oxley"
    )


# What an organisation asks for


def test_an_organisations_floor_holds_whatever_the_repository_says() -> None:
    acme = organisation(
        environments=[{"names": ["prod*"], "gates": {"approvals": 2, "soak": "24h"}}],
        freezes=[{"from": "2026-12-20", "to": "2027-01-03", "reason": "Year end"}],
    )
    settings = config(gates={"approvals": 1, "soak": "48h"})

    found = production(settings, APP, inherited=(acme,))

    assert (found.approvals, found.soak) == (2, timedelta(hours=48))
    assert [freeze.reason for freeze in found.freezes] == ["Year end"]
    assert found.because["approvals"] == ("the organisation's policy asks for it",)


def test_what_an_organisation_asks_otherwise_no_rule_of_a_repository_takes_away() -> None:
    acme = organisation(rules=[ELSE])
    settings = config({"when": {"paths": ["**"]}, "gates": {"approvals": 1}})

    assert production(settings, APP, inherited=(acme,)).sign_offs == ("team-lead",)


def test_a_risk_that_a_repository_sets_counts_for_the_organisations_rules() -> None:
    assert production(config(HIGH), PCI, inherited=(organisation(rules=[ON_HIGH]),)).sign_offs == (
        "security",
    )


def test_a_risk_that_a_repository_or_a_fact_says_takes_nothing_away() -> None:
    high = {"when": {"risk": "high"}, "gates": {"approvals": 1}}
    otherwise = {"when": {"otherwise": True}, "gates": {"approvals": 3}}
    acme = organisation(rules=[high, otherwise])
    critical = declared({"gives": "risk"}, "critical")

    assert production(config(HIGH), PCI, inherited=(acme,)).approvals == 3
    assert production(config(), PCI, inherited=(acme,), facts=critical).approvals == 3
    assert production(config(high, otherwise), PCI, facts=critical).approvals == 3


def test_a_bundle_of_the_organisation_is_not_the_repositorys_to_redefine() -> None:
    strict = {"sox": {"gates": {"approvals": 2}}}
    settings = config(
        {"when": {"paths": ["payments/**"]}, "bundles": ["sox"]},
        bundles={"sox": {"gates": {"approvals": 0}}},
    )

    assert production(settings, PCI, inherited=(organisation(bundles=strict),)).approvals == 2


# Facts


def declared(fact: dict[str, Any], data: Any, key: str = "key") -> tuple[Declared, ...]:
    place = "services/pay.yaml:3"
    try:
        given: tuple[Given, ...] = read_fact(Fact.model_validate(fact), key, data)
    except ValueError as error:
        return (Declared(0, place, key, None, problem=str(error)),)
    return tuple(Declared(0, place, f"{key}: {data}", one) for one in given)


def test_a_fact_asks_for_the_gate_that_it_means() -> None:
    facts = declared({"gives": "approvals"}, 3)

    found = production(config(gates={"approvals": 1}), APP, facts=facts)

    assert found.approvals == 3
    assert found.because["approvals"] == ("services/pay.yaml:3 says key: 3",)


def test_a_fact_only_ever_makes_stricter() -> None:
    found = production(
        config(gates={"approvals": 2}), APP, facts=declared({"gives": "approvals"}, 0)
    )

    assert (found.approvals, found.because) == (2, {})


def test_a_fact_that_cannot_be_read_closes_the_gate_with_its_place() -> None:
    found = production(config(), APP, facts=declared({"gives": "drained"}, "ja"))

    assert found.undetermined == (
        ("facts", "services/pay.yaml:3: `key` takes `true` or `false`, not `ja`"),
    )


@pytest.mark.parametrize(
    ("fact", "data", "problem"),
    [
        ({"gives": "bundles"}, ["sox"], "there is no bundle `sox`; there are none"),
        ({"gives": "sign_offs"}, "paymnts", "there are `payments`; did you mean `payments`?"),
    ],
)
def test_a_fact_that_names_what_nobody_has_closes_the_gate(
    fact: dict[str, Any], data: Any, problem: str
) -> None:
    settings = config(roles={"payments": ["pia"]})

    (said,) = production(settings, APP, facts=declared(fact, data)).undetermined

    assert said[1].endswith(problem)


# Time


def test_a_rule_of_certain_times_tells_when_it_begins_or_ends() -> None:
    late = {"when": {"times": ["Fri 15:00-24:00 UTC"]}, "gates": {"approvals": 2}}
    settings = config(late)

    evening = production(settings, APP, now=FRIDAY_EVENING)
    morning = production(settings, APP, now=FRIDAY_EVENING.replace(hour=9))

    assert (evening.approvals, evening.until) == (2, datetime(2026, 6, 6, tzinfo=UTC))
    assert (morning.approvals, morning.until) == (0, FRIDAY_EVENING.replace(hour=15))
    assert evening.because["approvals"] == ("of the time",)
