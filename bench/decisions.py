"""What one decision costs: which gates apply to a large change, and what each of many says."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.measure import Goal, Row, compared, interleaved
from bot.decisions.conditions import Subject
from bot.decisions.facts import (
    Answer,
    Candidate,
    Check,
    CodeOwners,
    Event,
    GateFacts,
    Owned,
    PromotionFacts,
    PullRequest,
    Rested,
    Review,
    Run,
    SignedOff,
)
from bot.decisions.facts import Calendar as Read
from bot.decisions.gates import evaluate
from bot.decisions.gates.outside import key_of
from bot.decisions.policy import Policies, policy_for
from bot.decisions.promotion import Merge, Promotion, decide_promotion
from bot.model import Change, State, Value
from bot.words import GITHUB
from config.schema import Config

NAME = "decisions"
_NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
_KEYS, _GATES = 1_000, 50
_LIMIT = 0.005  # seconds


def rows(*, quick: bool) -> Iterator[Row]:
    config, changes = _config(), _changes()
    facts = _facts(config)
    rounds = 20 if quick else 200
    target = config.environments[-1]

    def decide() -> object:
        subject = Subject(target.name, changes, frozenset({"ann"}), frozenset(), now=_NOW)
        needed = policy_for(Policies(config), target, subject).needed
        promotion = Promotion("production", "main", "staging", "5" * 40, False, "merge", needed)
        return decide_promotion(promotion, facts, _NOW, GITHUB)

    decision = decide()
    assert isinstance(decision, Merge), decision
    subject = Subject(target.name, changes, frozenset({"ann"}), frozenset(), now=_NOW)
    needed = policy_for(Policies(config), target, subject).needed
    assert facts.evidence is not None
    count = len(evaluate(needed, facts.evidence, _NOW))
    assert count >= _GATES, count
    what = f"{count} gates, {_KEYS:,} changed keys, {len(config.rules)} rules"
    evidence = facts.evidence
    seconds = interleaved(
        rounds,
        {"decide": decide, "gates": lambda: evaluate(needed, evidence, _NOW)},
    )
    limit = "is the limit"
    goal = Goal(1.0)
    yield compared(NAME, f"a decision: {what}", (seconds["decide"], _LIMIT), limit, goal)
    yield compared(NAME, "the gates of it alone", (seconds["gates"], _LIMIT), limit, goal)


def _changes() -> list[Change]:
    old, new = Value("i1", 1), Value("i2", 2)
    return [
        Change(f"services/s{n // 20}.yaml", f"limits.k{n}", State.PENDING, new, old)
        for n in range(_KEYS)
    ]


def _config() -> Config:
    gates: dict[str, Any] = {
        "checks": [f"ci/{n}" for n in range(8)],
        "soak": "1d",
        "approvals": {"count": 2, "code_owners": True},
        "sign_offs": ["qa"],
        "windows": ["Mon-Fri 09:00-16:00 Europe/Berlin"],
        "drained": True,
        "required_files": ["OWNERS"],
        "schemas": [{"path": "**/*.yaml", "schema": "s.json"}],
        "http": [
            {"name": f"h{n}", "url": f"https://x.example/{n}", "condition": "ok"} for n in range(20)
        ],
        "metrics": [
            {"name": f"m{n}", "url": "https://p.example", "query": f"q{n}", "expect": "< 1"}
            for n in range(20)
        ],
        "workflow": [{"name": "qa", "workflow": "qa.yml"}],
    }
    rules = [
        {
            "when": {"paths": [f"services/s{n}.yaml"], "keys": [f"**.k{n * 20}"]},
            "gates": {"approvals": 1, "windows": [f"Mon-Fri 0{n % 10}:00-16:00 UTC"]},
        }
        for n in range(20)
    ]
    freezes = [
        {"from": "2026-12-20", "to": "2027-01-03", "reason": "rest"},
        {"every": "Fri 15:00-Mon 08:00 Europe/Berlin", "reason": "weekend"},
        {"calendar": "ops.ics"},
    ]
    return Config.model_validate(
        {
            "version": 1,
            "environments": [
                {"name": "staging", "branch": "staging"},
                {"name": "production", "branch": "main", "gates": gates, "freezes": freezes},
            ],
            "roles": {"qa": ["quinn"]},
            "rules": rules,
        }
    )


def _facts(config: Config) -> PromotionFacts:
    gates = config.environments[-1].gates
    sha, digest = "c" * 40, "d"
    day, agrees = timedelta(days=1), Answer(_NOW, holds=True, said="agrees")
    events = tuple(Event(_NOW + n * day, _NOW + n * day + day, "x") for n in range(1, 365))
    evidence = GateFacts(
        Candidate(sha, "5" * 40, "7" * 40, digest, _NOW),
        checks=tuple(Check(f"ci/{n}", sha, "success", _NOW) for n in range(8)),
        reviews=tuple(Review(who, "approved", digest, _NOW, True) for who in ("rob", "sue")),
        sign_offs=(SignedOff("qa", "quinn", digest, _NOW),),
        authors=frozenset({"ann"}),
        members={"qa": frozenset({"quinn"})},
        rested=Rested(_NOW - 2 * day, "a" * 40),
        below=(),
        calendars={"ops.ics": Read(events)},
        code_owners=CodeOwners(
            tuple(Owned(f"services/s{n}.yaml", ("@acme/x",), frozenset({"rob"})) for n in range(50))
        ),
        missing=(),
        invalid=(),
        answers={key_of(gate): agrees for gate in gates.http}
        | {key_of(gate): agrees for gate in gates.metrics},
        runs={key_of(gate): Run("success", _NOW, _NOW) for gate in gates.workflow},
    )
    return PromotionFacts(
        source_head="5" * 40,
        target_head="7" * 40,
        evidence=evidence,
        pull_request=PullRequest(sha, "main"),
    )
