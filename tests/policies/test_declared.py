"""Facts are read from what is promoted and from the target, and the stricter counts."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.decisions.policy import Policies, Policy
from bot.policies.effective import Known, policy_of
from config.schema import Config
from tests.world import World

DUAL = {"values": {"true": {"gates": {"approvals": 2}}}}
SERVICE = "owner: pay\nrequires_dual_approval: true\nlimit: 1\n"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World.new(tmp_path / "config.git") as made:
        yield made


def config(
    governs: str = "file", path: str = "services/*.yaml", keys: dict[str, Any] | None = None
) -> Config:
    return Config.model_validate(
        {
            "version": 1,
            "environments": [
                {"name": "development", "branch": "develop"},
                {"name": "staging", "branch": "staging"},
            ],
            "roles": {"pay": ["pia", "paul"], "web": ["wanda"]},
            "bundles": {"sox": {"gates": {"sign_offs": ["web"]}}},
            "facts": [
                {
                    "paths": [path],
                    "governs": governs,
                    "keys": keys or {"requires_dual_approval": DUAL},
                }
            ],
        }
    )


def policy(world: World, settings: Config) -> Policy:
    plan = world.plan()
    assert plan.promoted
    known = Known(datetime(2026, 6, 1, tzinfo=UTC))
    target = settings.environment("staging")
    return policy_of(world.repository, Policies(settings), target, plan, known)


def test_a_fact_of_what_is_promoted_counts_with_its_line(world: World) -> None:
    world.begin({"services/pay.yaml": "limit: 1\n"})
    world.commit("development", {"services/pay.yaml": SERVICE})

    found = policy(world, config()).needed

    assert found.approvals == 2
    assert found.because["approvals"] == ("services/pay.yaml:2 says requires_dual_approval: true",)


def test_a_fact_that_the_promotion_relaxes_still_counts(world: World) -> None:
    world.begin({"services/pay.yaml": SERVICE})
    world.edit("development", "services/pay.yaml", "true", "false")

    found = policy(world, config()).needed

    assert found.approvals == 2
    assert found.because["approvals"] == (
        "services/pay.yaml:2 (as staging has it) says requires_dual_approval: true",
    )


def test_a_file_that_the_promotion_removes_still_counts(world: World) -> None:
    world.begin({"services/pay.yaml": SERVICE, "app.yaml": "a: 1\n"})
    world.commit("development", {"services/pay.yaml": None})

    assert policy(world, config()).needed.approvals == 2


def test_a_file_that_is_not_touched_does_not_count_but_where_it_governs_more(
    world: World,
) -> None:
    world.begin(
        {"services/pay.yaml": SERVICE, "services/limits/a.yaml": "b: 1\n", "c.yaml": "d: 1\n"}
    )
    world.edit("development", "services/limits/a.yaml", "1", "2")

    def approvals(governs: str) -> int:
        return policy(world, config(governs)).needed.approvals

    assert (approvals("file"), approvals("directory"), approvals("repository")) == (0, 2, 2)
    world.promote()
    world.edit("development", "c.yaml", "1", "2")
    assert (approvals("file"), approvals("directory"), approvals("repository")) == (0, 0, 2)


def test_the_files_of_a_repository_are_found_below_what_a_pattern_begins_with(
    world: World,
) -> None:
    world.begin({"org/eu/policy.yaml": SERVICE, "policy.yaml": SERVICE, "c.yaml": "d: 1\n"})
    world.edit("development", "c.yaml", "1", "2")

    for path, approvals in (("org/**/policy.yaml", 2), ("policy.yaml", 2), ("eu/**", 0)):
        assert policy(world, config("repository", path)).needed.approvals == approvals


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "requires_dual_approval: ja\n",
            "services/pay.yaml:1: `requires_dual_approval` takes `true` or `false`, not `ja`",
        ),
        (
            "a: 1\nrequires_dual_approval:\n",
            "services/pay.yaml:2: `requires_dual_approval` takes `true` or `false`, not nothing",
        ),
        ("a: [\n", "services/pay.yaml:2: it cannot be read: did not find expected node content"),
    ],
)
def test_what_cannot_be_read_closes_the_gate_and_says_where(
    world: World, text: str, problem: str
) -> None:
    world.begin({"services/pay.yaml": "limit: 1\n"})
    world.commit("development", {"services/pay.yaml": text})

    assert policy(world, config()).needed.undetermined == (("facts", problem),)


def test_what_is_wrong_in_the_target_is_mended_by_the_promotion(world: World) -> None:
    world.begin({"services/pay.yaml": "requires_dual_approval: ja\n"})
    world.commit("development", {"services/pay.yaml": "requires_dual_approval: true\n"})

    found = policy(world, config()).needed

    assert (found.undetermined, found.approvals) == ((), 2)


EVERY_KIND = """\
owner: pay
compliance: [sox]
regions: [eu, us]
approvals: 3
soak: 24h
checks: [ci/pay]
drained: true
windows: "Mon-Thu 09:00-16:00 Europe/Berlin"
risk: high
blackout_windows:
  - {from: 2026-11-27, to: 2026-11-30, reason: Black Friday}
  - {name: one, from: 2026-12-20 18:00:00, to: 2027-01-03, reason: Year end}
deep: {labels: {example.com/tier: gold}}
"""


def test_every_kind_of_fact_is_read_as_it_is_declared(world: World) -> None:
    world.begin({"a.txt": "a"})
    world.commit("development", {"services/pay.yaml": EVERY_KIND.replace("name: one, ", "")})
    keys: dict[str, Any] = {
        "owner": {"gives": "sign_offs", "required": True},
        "compliance": {"gives": "bundles"},
        "regions": {"values": {"eu": {"gates": {"checks": ["ci/residency"]}}, "us": {}}},
        **{
            gate: {"gives": gate}
            for gate in ("approvals", "soak", "checks", "drained", "windows", "risk")
        },
        "blackout_windows": {"gives": "freezes"},
        'deep.labels["example.com/tier"]': {"values": {"gold": {"gates": {"approvals": 4}}}},
    }

    found = policy(world, config(keys=keys))

    needed = found.needed
    assert needed.undetermined == ()
    assert (needed.approvals, needed.sign_offs, found.risk) == (4, ("pay", "web"), "high")
    assert set(needed.checks.required) == {"*", "ci/residency", "ci/pay"}
    assert (str(needed.soak), needed.drained) == ("1 day, 0:00:00", True)
    assert [str(w) for (w,) in needed.windows] == ["Mon-Thu 09:00-16:00 Europe/Berlin"]
    assert [(str(f.from_), f.reason) for f in needed.freezes] == [
        ("2026-11-27", "Black Friday"),
        ("2026-12-20 18:00:00", "Year end"),
    ]


@pytest.mark.parametrize(
    ("key", "fact", "text", "problem"),
    [
        ("owner", {"gives": "sign_offs", "required": True}, "a: 1\n", "it does not say `owner`"),
        ("regions", {"values": {"eu": {}}}, "regions: [eu, ap]\n", "has `ap`, which `facts`"),
        ("approvals", {"gives": "approvals"}, "approvals: two\n", "takes a whole number"),
        ("freeze", {"gives": "freezes"}, "freeze: 2026-11-27\n", "`freeze` takes a list"),
        ("freeze", {"gives": "freezes"}, "freeze: [{to: 2026-11-27}]\n", "are missing"),
        ("freeze", {"gives": "freezes"}, "freeze: [{calendar: a.ics}]\n", "names a calendar"),
        ("risk", {"gives": "risk"}, "risk: hihg\n", "did you mean `high`?"),
        ("soak", {"gives": "soak"}, "soak: 3\n", "needs a unit"),
        ("owner", {"gives": "sign_offs"}, "owner: nobody\n", "names no role"),
        ("owner", {"gives": "sign_offs"}, "owner: {a: 1}\n", "`owner` takes text"),
        ("laws", {"gives": "bundles"}, "laws: [sxo]\n", "did you mean `sox`?"),
    ],
)
def test_a_fact_is_typed(
    world: World, key: str, fact: dict[str, Any], text: str, problem: str
) -> None:
    world.begin({"services/pay.yaml": "limit: 1\n"})
    world.commit("development", {"services/pay.yaml": text})

    ((gate, said),) = policy(world, config(keys={key: fact})).needed.undetermined

    assert gate == "facts"
    assert said.startswith("services/pay.yaml")
    assert problem in said


def test_a_file_of_several_documents_says_what_each_of_them_says(world: World) -> None:
    world.begin({"a.txt": "a"})
    world.commit("development", {"services/all.yaml": "owner: pay\n---\nowner: web\n"})

    assert policy(world, config(keys={"owner": {"gives": "sign_offs"}})).needed.sign_offs == (
        "pay",
        "web",
    )


def test_rules_see_the_keys_of_a_file_that_comes_or_goes_as_a_whole(world: World) -> None:
    settings = config().model_copy(
        update={
            "rules": Config.model_validate(
                {
                    "version": 1,
                    "environments": [{"name": "a", "branch": "a"}],
                    "rules": [
                        {"name": "new", "when": {"new": {"greater": 5}}, "gates": {"approvals": 1}},
                        {
                            "name": "gone",
                            "when": {"keys": ["**.limit"], "change": ["removed"]},
                            "gates": {"approvals": 1},
                        },
                    ],
                }
            ).rules
        }
    )
    world.begin({"a.yaml": "x: {limit: 1}\n"})
    world.commit("development", {"b.yaml": "y: {limit: 9}\n"})
    assert policy(world, settings).rules == ("new",)

    world.commit("development", {"b.yaml": None, "a.yaml": None, "c.txt": "c"})
    assert policy(world, settings).rules == ("gone",)


def test_a_change_of_comments_alone_touches_no_key(world: World) -> None:
    settings = Config.model_validate(
        {
            **config().model_dump(mode="json", by_alias=True),
            "rules": [{"name": "k", "when": {"keys": ["**"]}, "gates": {"approvals": 1}}],
        }
    )
    world.begin({"a.yaml": "# one\nx: 1\n"})
    world.edit("development", "a.yaml", "# one", "# two")

    assert policy(world, settings).rules == ()
