"""Which gates a change has to pass, by where it goes and what it touches."""

from datetime import timedelta
from typing import Any

import pytest

from bot.decisions.policy import Place, gates_for, matching_gates
from bot.decisions.requirements import Requirements
from config.gates import Checks, Gates
from config.schema import Config
from config.times import window

APP: Place = ("configs/app.yaml", "database.host")
PCI: Place = ("payments/card.yaml", "limits.pci_dss.level")


def config(*rules: dict[str, Any], gates: dict[str, Any] | None = None) -> Config:
    return Config.model_validate(
        {
            "version": 1,
            "environments": [
                {"name": "staging", "branch": "staging"},
                {"name": "production", "branch": "main", "gates": gates or {}},
            ],
            "rules": list(rules),
        }
    )


def production(settings: Config, *places: Place) -> Requirements:
    return gates_for(settings, settings.environment("production"), places)


def test_without_rules_the_gates_are_the_environments_own() -> None:
    settings = config(gates={"checks": ["ci/test"], "approvals": 1, "soak": "24h"})

    assert production(settings, APP) == Requirements.of(settings.environment("production").gates)


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

    assert production(settings, APP) == Requirements.of(settings.environment("production").gates)


def test_a_rule_that_requires_a_check_leaves_all_others_required_where_all_were() -> None:
    settings = config({"when": {"paths": ["**"]}, "gates": {"checks": ["ci/security"]}})

    assert production(settings, APP).checks == Checks(required=("*", "ci/security"))


@pytest.mark.parametrize(
    ("when", "places", "matches"),
    [
        ({"paths": ["payments/**"]}, [PCI], True),
        ({"paths": ["payments/**"]}, [APP], False),
        ({"paths": ["docs/**", "configs/*.yaml"]}, [APP], True),
        ({"paths": ["payments/**"]}, [("payments/logo.png", None)], True),
        ({"paths": ["**"]}, [], False),
        ({"keys": ["**.pci_dss"]}, [APP, PCI], True),
        ({"keys": ["**.pci_dss"]}, [APP], False),
        ({"keys": ["limits", "database"]}, [APP], True),
        # Both, and at one place: the path of one file and the key of another do not add up.
        ({"paths": ["payments/**"], "keys": ["**.pci_dss"]}, [PCI], True),
        ({"paths": ["payments/**"], "keys": ["database.*"]}, [APP, PCI], False),
        ({"paths": ["configs/**"], "keys": ["**.pci_dss"]}, [APP, PCI], False),
        # A whole file has no key; the document itself is at every one of its keys.
        ({"keys": ["**.pci_dss"]}, [("payments/card.yaml", None)], False),
        ({"keys": ["**.pci_dss"]}, [("payments/card.yaml", "")], True),
        ({"paths": ["docs/**"], "keys": ["**.pci_dss"]}, [("payments/card.yaml", "")], False),
    ],
)
def test_a_rule_matches_where_one_changed_place_is_in_its_files_and_at_its_keys(
    when: dict[str, Any],
    places: list[Place],
    matches: bool,  # noqa: FBT001 - a table gives it
) -> None:
    settings = config({"when": when, "gates": {"approvals": 2}})

    found = matching_gates(settings, settings.environment("production"), places)

    assert found == (Gates(), Gates.model_validate({"approvals": 2}))[: 1 + matches]
