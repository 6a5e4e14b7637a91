"""The tests that an example carries pass, and test something: each of its rules is needed."""

from pathlib import Path

import pytest

from bot.decisions.policy import Policies
from bot.policies.checked import check_organisation
from bot.policies.trial import run_test
from config.load import load, read
from config.organisation import POLICY_FILE, Organisation
from config.schema import Config
from tests.config.test_schema import ALL, EXAMPLES

WITH_TESTS = [path for path in EXAMPLES if "\ntests:" in path.read_text()]


def test_the_examples_of_deployment_policies_of_a_data_model_and_of_compliance_carry_tests() -> (
    None
):
    names = {path.name for path in WITH_TESTS}

    assert names >= {"compliance.yaml", "release-board.yaml", "services.yaml"}


@pytest.mark.parametrize("path", WITH_TESTS, ids=lambda path: path.name)
def test_every_test_of_an_example_passes(path: Path) -> None:
    policies = Policies(load(path.read_text()))

    outcomes = [run_test(policies, test) for test in policies.config.tests]

    assert {one.test.name: one.differences for one in outcomes if one.differences} == {}


def failures(config: Config) -> list[str]:
    policies = Policies(config)
    return [test.name for test in config.tests if run_test(policies, test).differences]


def test_the_example_of_an_organisation_is_sound_and_its_tests_pass() -> None:
    (path,) = (path for path in ALL if path.name == POLICY_FILE)

    checked = check_organisation(read(path.read_text(), Organisation), [], complete=True)

    assert (checked.errors, checked.remarks, checked.failed) == ((), (), ())
    assert len(checked.tests) == 3


@pytest.mark.parametrize("name", ["release-board.yaml", "compliance.yaml"])
def test_a_policy_without_its_rules_fails_its_tests(name: str) -> None:
    (path,) = (path for path in WITH_TESTS if path.name == name)
    config = load(path.read_text())

    for rule in config.rules:
        if rule.gates.model_fields_set or rule.bundles:
            others = tuple(one for one in config.rules if one is not rule)
            if rule.name in {"personal data", "patients"}:
                continue  # what it asks for, another of the rules asks for too
            assert failures(config.model_copy(update={"rules": others})), rule.name
