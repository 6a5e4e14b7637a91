"""A configuration file, checked in full: what is wrong with it, what is remarkable, its tests."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.decisions.policy import Policies
from bot.policies.satisfiable import Findings, findings, organisation_findings
from bot.policies.trial import Outcome, run_test
from config.load import ConfigError, Reading
from config.organisation import Organisation
from config.problems import Problem
from config.schema import Config, Environment


@dataclass(frozen=True, slots=True)
class Tested:
    """A test that was run, where it stands, and of each difference where that stands."""

    place: ConfigError
    outcome: Outcome
    places: tuple[ConfigError, ...] = ()


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of it. `errors` can never be satisfied; `remarks` are hardly meant."""

    errors: tuple[ConfigError, ...] = ()
    remarks: tuple[ConfigError, ...] = ()
    tests: tuple[Tested, ...] = ()

    @property
    def failed(self) -> tuple[Tested, ...]:
        """The tests that did not come out as expected."""
        return tuple(test for test in self.tests if test.outcome.differences)


def check(
    reading: Reading[Config], inherited: Sequence[Organisation], now: datetime, *, complete: bool
) -> Checked:
    """Return what is wrong with a configuration that loads; see `findings`."""
    policies = Policies(reading.model, tuple(inherited))
    found = findings(policies, now, complete=complete)
    return _checked(reading, found, policies)


def check_organisation(
    reading: Reading[Organisation],
    inherited: Sequence[Organisation],
    *,
    complete: bool,
    name: str = "",
) -> Checked:
    """Return what is wrong with an organisation's policy that loads; `name` is its repository's.

    Its tests are run for a repository that asks for nothing itself.
    """
    found = organisation_findings(reading.model, complete=complete)
    if name and any(one.inherit == name for one in (reading.model, *inherited)):
        circle = Problem(
            ("inherit",),
            f"policies inherit in a circle: this is {name}, and what it inherits comes back to it; "
            "take `inherit` out of one of them",
        )
        found = replace(found, errors=(*found.errors, circle))
    names = dict.fromkeys(test.environment for test in reading.model.tests)
    environments = [Environment(name=name, branch=f"branch-of-{name}") for name in names]
    config = Config(
        version=1, environments=(Environment(name="first", branch="first"), *environments)
    )
    return _checked(reading, found, Policies(config, (reading.model, *inherited)))


def _checked(
    reading: Reading[Config] | Reading[Organisation], found: Findings, policies: Policies
) -> Checked:
    tests = []
    for index, test in enumerate(reading.model.tests):
        outcome = run_test(policies, test)
        (place,) = reading.located([Problem(("tests", index), test.name)])
        tests.append(Tested(place, outcome, tuple(_places(reading, index, outcome))))
    return Checked(reading.located(found.errors), reading.located(found.remarks), tuple(tests))


def _places(
    reading: Reading[Config] | Reading[Organisation], index: int, outcome: Outcome
) -> Iterator[ConfigError]:
    for difference in outcome.differences:
        loc = ("tests", index, *difference.loc)
        message = (
            f"test `{outcome.test.name}`: {difference.what}: expected {difference.expected}, "
            f"found {difference.actual}"
        )
        yield from reading.located([Problem(loc, message)])
