"""What the gates say before a promotion begins."""

from datetime import UTC, datetime

from bot.decisions.facts import GateFacts, Rested
from bot.decisions.outlook import outlook
from bot.decisions.requirements import Requirements
from bot.decisions.verdicts import Closed, GateResult, Open
from config.freezes import Freeze
from config.gates import Checks, Gates
from config.policy import Role
from tests.decisions.build import CANDIDATE

WEDNESDAY_NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
NOTHING = GateFacts(CANDIDATE)


def test_gates_that_are_not_configured_are_not_told() -> None:
    assert outlook(Requirements(), NOTHING, {}, WEDNESDAY_NOON) == ()


def test_people_ci_and_services_say_what_they_will_ask_for() -> None:
    needed = Requirements.of(
        Gates.model_validate(
            {
                "checks": {"required": ["ci/test", "ci/lint"], "timeout": "2h"},
                "approvals": {"count": 1, "code_owners": True},
                "sign_offs": ["qa"],
                "http": [
                    {"name": "room", "url": "https://x.example/{sha}", "condition": "free > `1`"}
                ],
                "metrics": [
                    {
                        "name": "errors",
                        "url": "https://p.example",
                        "query": "rate(errors[5m])",
                        "expect": "< 0.5",
                        "for": "10m",
                    }
                ],
                "workflow": [{"name": "qa", "workflow": "qa.yml"}],
            }
        )
    )
    roles = {"qa": Role(("carol", "@acme/qa"))}

    results = {r.gate: r.verdict for r in outlook(needed, NOTHING, roles, WEDNESDAY_NOON)}

    assert results == {
        "checks": Closed("needs ci/test, ci/lint to succeed on the candidate within 2h"),
        "approvals": Closed(
            "needs the approval of 1 person who did not write the change and of the code owners "
            "of what is promoted"
        ),
        "sign_offs": Closed("needs the sign-off of qa (carol, @acme/qa)"),
        "http:room": Closed("asks https://x.example/{sha} and needs free > `1`"),
        "metrics:errors": Closed("needs rate(errors[5m]) < 0.5 for 10m"),
        "workflow:qa": Closed("starts qa.yml on the candidate and needs its success"),
    }


def test_time_history_and_content_are_judged_as_they_will_be() -> None:
    freeze = Freeze.model_validate({"from": "2026-06-30", "to": "2026-07-02", "reason": "audit"})
    gates = Gates.model_validate(
        {"soak": "1d", "windows": ["Mon-Thu 09:00-12:00 Europe/Berlin"], "drained": True}
    )
    facts = GateFacts(
        CANDIDATE, rested=Rested(datetime(2026, 6, 30, 10, tzinfo=UTC), "a" * 40), below=()
    )

    results = outlook(Requirements.of(gates, (freeze,)), facts, {}, WEDNESDAY_NOON)

    assert [(result.gate, result.verdict) for result in results] == [
        ("soak", Open("rests in its source unchanged since Tue 2026-06-30 10:00 UTC")),
        (
            "windows",
            Closed(
                "opens Thu 2026-07-02 09:00 Europe/Berlin; its window is "
                "Mon-Thu 09:00-12:00 Europe/Berlin",
                datetime(2026, 7, 2, 7, tzinfo=UTC),
            ),
        ),
        ("drained", Open("nothing waits further down")),
        (
            "freezes",
            Closed(
                "frozen until Fri 2026-07-03 00:00 UTC: audit", datetime(2026, 7, 3, tzinfo=UTC)
            ),
        ),
    ]


def test_a_rule_that_asks_for_every_check_says_so() -> None:
    needed = Requirements(checks=Checks(required=("*",)))

    assert outlook(needed, NOTHING, {}, WEDNESDAY_NOON) == (
        GateResult("checks", Closed("needs every check that reports to succeed on the candidate")),
    )
