"""What the gates will ask for, and windows and freezes by the wall clock of their own zone."""

from datetime import UTC, datetime

import pytest

from bot.decisions.outlook import outlook
from bot.decisions.requirements import Requirements
from bot.decisions.verdicts import Closed, GateResult, Open
from bot.decisions.windows import is_frozen, is_open
from config.freezes import Freeze
from config.gates import Checks, Gates
from config.policy import Role
from config.times import window

WEDNESDAY_NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


def test_gates_that_are_not_configured_are_not_told() -> None:
    assert outlook(Requirements(), {}, WEDNESDAY_NOON) == ()


def test_every_gate_says_what_it_asks_for() -> None:
    gates = Requirements.of(
        Gates.model_validate(
            {
                "checks": {"required": ["ci/test", "ci/lint"], "timeout": "2h"},
                "soak": "24h",
                "approvals": 1,
                "sign_offs": ["qa"],
                "windows": ["Mon-Thu 09:00-12:00 Europe/Berlin"],
                "drained": True,
            }
        )
    )
    roles = {"qa": Role(("carol", "@acme/qa"))}

    results = {r.gate: r.verdict for r in outlook(gates, roles, WEDNESDAY_NOON)}

    assert results == {
        "checks": Closed("needs ci/test, ci/lint to succeed on the candidate within 2h"),
        "soak": Closed("the content must rest in the source for 1d"),
        "approvals": Closed("needs the approval of 1 person who did not write the change"),
        "sign_offs": Closed("needs the sign-off of qa (carol, @acme/qa)"),
        "windows": Closed("merges only Mon-Thu 09:00-12:00 Europe/Berlin"),
        "drained": Closed("nothing may be pending further down first"),
    }


def test_a_rule_that_asks_for_every_check_says_so() -> None:
    gates = Requirements(checks=Checks(required=("*",)))

    assert outlook(gates, {}, WEDNESDAY_NOON) == (
        GateResult("checks", Closed("needs every check that reports to succeed on the candidate")),
    )


@pytest.mark.parametrize(
    ("spelled", "moment", "inside"),
    [
        # Noon in UTC is two in the afternoon in Berlin's summer, one in its winter.
        ("Wed 13:30-15:00 Europe/Berlin", "2026-07-01T12:00Z", True),
        ("Wed 13:30-15:00 Europe/Berlin", "2026-12-02T12:00Z", False),
        ("Mon-Thu 09:00-16:00 UTC", "2026-07-01T09:00Z", True),
        ("Mon-Thu 09:00-16:00 UTC", "2026-07-01T16:00Z", False),
        ("Mon-Thu 09:00-16:00 UTC", "2026-07-03T10:00Z", False),
        # A window past midnight belongs to the day on which it opened.
        ("Fri 22:00-02:00 UTC", "2026-07-03T23:00Z", True),
        ("Fri 22:00-02:00 UTC", "2026-07-04T01:59Z", True),
        ("Fri 22:00-02:00 UTC", "2026-07-03T01:00Z", False),
        ("Sun 22:00-02:00 UTC", "2026-07-06T01:00Z", True),
        ("Sat 00:00-24:00 UTC", "2026-07-04T23:59Z", True),
        ("Sat 00:00-24:00 UTC", "2026-07-05T00:00Z", False),
    ],
)
def test_a_window_is_judged_by_the_wall_clock_of_its_zone(
    spelled: str, moment: str, *, inside: bool
) -> None:
    assert is_open(window(spelled), datetime.fromisoformat(moment)) is inside


@pytest.mark.parametrize(
    ("moment", "frozen"),
    [
        ("2026-12-19T22:59Z", False),
        ("2026-12-19T23:00Z", True),
        ("2027-01-03T22:59Z", True),
        ("2027-01-03T23:00Z", False),
    ],
)
def test_a_freeze_lasts_from_its_first_day_to_the_end_of_its_last(
    moment: str, *, frozen: bool
) -> None:
    freeze = Freeze.model_validate(
        {"from": "2026-12-20", "to": "2027-01-03", "reason": "rest", "timezone": "Europe/Berlin"}
    )

    assert is_frozen(freeze, datetime.fromisoformat(moment)) is frozen


def test_a_freeze_that_is_on_says_until_when_and_why() -> None:
    freeze = Freeze.model_validate({"from": "2026-06-30", "to": "2026-07-02", "reason": "audit"})

    (result,) = outlook(Requirements(freezes=(freeze,)), {}, WEDNESDAY_NOON)
    (after,) = outlook(Requirements(freezes=(freeze,)), {}, datetime(2026, 8, 1, tzinfo=UTC))

    assert result.verdict == Closed("frozen until 2026-07-02: audit")
    assert after.verdict == Open("no freeze today")
