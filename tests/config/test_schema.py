"""The models: what is left out, what follows from the rest, and what survives a journey."""

from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from config.freezes import Freeze
from config.gates import Checks, Gates
from config.load import load
from config.organisation import POLICY_FILE
from config.policy import Role
from config.rules import Rule, When
from config.schema import Config, Environment, KeepRule, Schedule
from config.times import Window
from tests.config.reading import PRODUCTION

ALL = sorted((Path(__file__).parents[2] / "config" / "examples").glob("*.yaml"))
# The one that is no repository's own file, but an organisation's.
EXAMPLES = [path for path in ALL if path.name != POLICY_FILE]

EVERYTHING = """\
version: 1
environments:
  - name: development
    branch: development
  - name: staging
    branch: staging
    promote: {schedule: "0 9 * * 1-5", timezone: Europe/Berlin}
    gates:
      checks: [ci/test]
  - name: production
    branch: main
    from: development
    promote: automatic
    merge: fast-forward
    gates:
      checks: {required: [ci/test, ci/security], timeout: 2h}
      soak: 24h
      approvals: 1
      sign_offs: [qa]
      windows: ["Mon-Thu 09:00-16:00 Europe/Berlin"]
      drained: true
    freezes:
      - {from: 2026-12-20, to: 2027-01-03, reason: Year end}
      - {from: 2027-03-31 18:00, to: 2027-04-01, reason: Quarter end, timezone: Asia/Tokyo}
    mirrors: [stable]
roles:
  qa: [alice, "@acme/qa"]
keep:
  - path: "configs/**/*.yaml"
    keys: [database.host, "**.replicas"]
  - path: "overlays/**"
rules:
  - when: {paths: ["payments/**"], keys: ["**.pci_dss"]}
    gates: {approvals: 2, sign_offs: [qa]}
back_merge: report
"""


def test_what_is_left_out_has_the_careful_default() -> None:
    config = load(PRODUCTION)

    assert config.environments[1] == Environment.model_validate(
        {
            "name": "production",
            "branch": "main",
            "from": "development",
            "promote": "manual",
            "merge": "merge",
            "gates": Gates(
                checks=Checks(required=(), timeout=None),
                soak=None,
                approvals=0,
                sign_offs=(),
                windows=(),
                drained=False,
            ),
            "freezes": (),
            "mirrors": (),
        }
    )
    assert (config.roles, config.keep, config.rules) == ({}, (), ())
    assert config.back_merge == "pull-request"


def test_every_part_of_the_file_is_read() -> None:
    config = load(EVERYTHING)
    production = config.environment("production")

    assert production.gates == Gates(
        checks=Checks(required=("ci/test", "ci/security"), timeout=timedelta(hours=2)),
        soak=timedelta(days=1),
        approvals=1,
        sign_offs=("qa",),
        windows=(Window((0, 1, 2, 3), time(9), time(16), "Europe/Berlin"),),
        drained=True,
    )
    assert [
        (freeze.from_, freeze.to, freeze.reason, freeze.timezone) for freeze in production.freezes
    ] == [
        (date(2026, 12, 20), date(2027, 1, 3), "Year end", "UTC"),
        (datetime.fromisoformat("2027-03-31T18:00"), date(2027, 4, 1), "Quarter end", "Asia/Tokyo"),
    ]
    assert (production.promote, production.merge, production.mirrors) == (
        "automatic",
        "fast-forward",
        ("stable",),
    )
    staging = config.environment("staging")
    assert staging.promote == Schedule(schedule="0 9 * * 1-5", timezone="Europe/Berlin")
    assert staging.gates == Gates(checks=Checks(required=("ci/test",)))
    assert config.keep == (
        KeepRule(path="configs/**/*.yaml", keys=("database.host", "**.replicas")),
        KeepRule(path="overlays/**", keys=()),
    )
    assert config.rules == (
        Rule(
            when=When(paths=("payments/**",), keys=("**.pci_dss",)),
            gates=Gates(approvals=2, sign_offs=("qa",)),
        ),
    )
    assert config.back_merge == "report"


def test_the_source_is_the_environment_above_where_nothing_else_is_said() -> None:
    config = load(EVERYTHING.replace("    from: development\n", ""))
    development, staging, production = config.environments

    assert config.source_of(development) is None
    assert config.source_of(staging) == development
    assert config.source_of(production) == staging


def test_two_environments_may_be_promoted_from_one() -> None:
    config = load(EVERYTHING)
    development, staging, production = config.environments

    assert config.source_of(staging) == config.source_of(production) == development


def test_an_environment_is_found_by_its_name_or_not_at_all() -> None:
    config = load(PRODUCTION)

    assert config.environment("production").branch == "main"
    with pytest.raises(KeyError, match="staging"):
        config.environment("staging")


def test_a_role_tells_its_users_from_its_teams() -> None:
    role = load(EVERYTHING).roles["qa"]

    assert role == Role(("alice", "@acme/qa"))
    assert (role.users, role.teams) == (("alice",), ("acme/qa",))


@pytest.mark.parametrize("text", [PRODUCTION, EVERYTHING, *(path.read_text() for path in EXAMPLES)])
def test_a_configuration_is_the_same_after_a_journey_as_json(text: str) -> None:
    config = load(text)

    assert TypeAdapter(Config).validate_json(to_json(config)) == config
    assert Config.model_validate(config.model_dump(mode="json", by_alias=True)) == config


def test_nothing_can_be_changed_afterwards() -> None:
    config = load(EVERYTHING)

    for model in (config, config.environments[0], config.roles["qa"], config.keep[0]):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(model, next(iter(type(model).model_fields)), "other")


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("2026-01-01", "2026-01-01"),
        ("2026-01-01", "2026-01-01 00:01"),
        ("2026-01-01 23:59", "2026-01-01"),
        ("2026-01-01 08:00", "2026-01-01 09:00"),
    ],
)
def test_a_day_of_a_freeze_is_the_whole_day(first: str, last: str) -> None:
    freeze = Freeze.model_validate({"from": first, "to": last, "reason": "x"})

    assert (str(freeze.from_)[:16], str(freeze.to)[:16]) == (first, last)


def test_a_freeze_ends_after_it_begins() -> None:
    with pytest.raises(ValidationError, match="the freeze ends, `2026-01-01 00:00:00`, before"):
        Freeze.model_validate({"from": "2026-01-01", "to": "2026-01-01 00:00", "reason": "x"})
