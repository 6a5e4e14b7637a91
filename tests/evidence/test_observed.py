"""What is observed in git for the gates: since when content rests, what waits, what is missing."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.decisions.facts import Calendar, CodeOwners, Owned, Rested, Waiting
from bot.decisions.requirements import Requirements
from bot.engine.resting import committed
from bot.evidence.observed import Around, Pushed, code_owners, of_content
from bot.model import Head
from config.freezes import Freeze
from config.gates import Gates
from config.schema import Config, Environment
from tests.world import BRANCHES, World

CONFIG = Config.model_validate(
    {
        "version": 1,
        "environments": [
            {"name": name, "branch": BRANCHES[name]}
            for name in ("development", "staging", "production")
        ],
    }
)
NOW = datetime(2030, 1, 1, tzinfo=UTC)
SOAK = Requirements(soak=timedelta(days=1))
APP = "image: v1\nreplicas: 1\nlog: info\n"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World.new(tmp_path) as made:
        made.begin({"app.yaml": APP, "other.yaml": "a: 1\n"})
        yield made


def around(world: World, pushed: tuple[Pushed, ...] = ()) -> Around:
    def head(environment: Environment) -> Head | None:
        return world.head(environment.name)

    return Around(world.repository, CONFIG, head, world.sha("development"), pushed)


def found(
    world: World, needed: Requirements, *, now: datetime = NOW, pushed: tuple[Pushed, ...] = ()
) -> dict[str, Any]:
    return of_content(around(world, pushed), world.plan(), needed, now)


def made(world: World, commit: str) -> Rested:
    return Rested(committed(world.repository, commit), commit)


def test_content_rests_since_the_commit_that_moved_it_last(world: World) -> None:
    world.edit("development", "app.yaml", "v1", "v2")
    moved = world.edit("development", "app.yaml", "v2", "v3")
    world.commit("development", {"notes.md": "x\n"})
    world.promote()
    moved = world.edit("development", "app.yaml", "v3", "v4")

    assert found(world, SOAK) == {"rested": made(world, moved)}


def test_a_change_elsewhere_resets_nothing_and_one_of_a_promoted_place_does(world: World) -> None:
    first = world.edit("development", "app.yaml", "v1", "v2")
    world.edit("development", "other.yaml", "a: 1", "a: 1 # why")
    plan = world.plan()
    assert found(world, SOAK)["rested"] != made(world, first)  # the comment is promoted, too

    world.edit("development", "other.yaml", "a: 1 # why", "a: 1")
    assert found(world, SOAK) == {"rested": made(world, first)}
    assert of_content(around(world), plan, SOAK, NOW)["rested"].since is None


def test_a_value_that_went_away_and_came_back_rests_since_it_came_back(world: World) -> None:
    world.edit("development", "app.yaml", "v1", "v2")
    world.edit("development", "app.yaml", "v2", "v3")
    back = world.edit("development", "app.yaml", "v3", "v2")

    assert found(world, SOAK) == {"rested": made(world, back)}


def test_content_that_came_by_a_merge_rests_since_the_merge(world: World) -> None:
    world.branch("feature", "development")
    world.edit("feature", "app.yaml", "v1", "v2")
    world.commit("development", {"notes.md": "x\n"})
    merge = world.merge("feature", "development")
    world.commit("development", {"notes.md": "y\n"})

    # The notes moved last, and they are promoted with it.
    assert found(world, SOAK)["rested"] != made(world, merge)
    world.commit("development", {"notes.md": None})
    assert found(world, SOAK) == {"rested": made(world, merge)}


def test_a_newer_value_in_the_source_ends_the_rest_of_what_is_promoted(world: World) -> None:
    world.edit("development", "app.yaml", "v1", "v2")
    plan = world.plan()
    newer = world.edit("development", "app.yaml", "v2", "v3")

    assert of_content(around(world), plan, SOAK, NOW) == {"rested": Rested(None, newer)}


def test_a_newer_commit_that_leaves_what_is_promoted_alone_does_not(world: World) -> None:
    moved = world.edit("development", "app.yaml", "v1", "v2")
    plan = world.plan()
    world.edit("development", "app.yaml", "info", "debug")

    assert of_content(around(world), plan, SOAK, NOW) == {"rested": made(world, moved)}


def test_a_version_that_did_not_parse_breaks_the_rest(world: World) -> None:
    world.edit("development", "app.yaml", "v1", "v2")
    text = world.text("development", "app.yaml")
    world.commit("development", {"app.yaml": text + "x: [\n"})
    mended = world.commit("development", {"app.yaml": text})

    assert found(world, SOAK) == {"rested": made(world, mended)}


def test_nothing_rests_since_before_it_was_pushed_nor_since_the_future(world: World) -> None:
    before = world.sha("development")
    moved = world.edit("development", "app.yaml", "v1", "v2")
    later = world.edit("development", "other.yaml", "a: 1", "a: 2")
    world.edit("development", "other.yaml", "a: 2", "a: 1")
    head = world.sha("development")
    at = committed(world.repository, moved)
    hour = timedelta(hours=1)

    def since(*pushed: Pushed, now: datetime = NOW) -> datetime:
        rested = found(world, SOAK, now=now, pushed=pushed)["rested"]
        assert rested.commit == moved
        since: datetime = rested.since
        return since

    assert since() == at
    assert since(Pushed(before, None), Pushed(later, at + hour), Pushed(head, at + 2 * hour)) == (
        at + hour
    )
    assert since(Pushed(later, None), Pushed(head, at + hour)) == at
    assert since(Pushed(before, None), Pushed(head, at - hour)) == at
    assert since(now=at - hour) == at - hour


def test_what_waits_further_down_is_counted_hop_by_hop(world: World) -> None:
    drained = Requirements(drained=True)
    assert found(world, drained) == {"below": ()}

    world.edit("staging", "app.yaml", "v1", "v2")
    world.edit("staging", "other.yaml", "a: 1", "a: 2")

    assert found(world, drained) == {"below": (Waiting("staging", "production", 2),)}


def test_required_files_and_schemas_are_those_of_the_candidate(world: World) -> None:
    needed = Requirements.of(
        Gates.model_validate(
            {
                "required_files": ["OWNERS", "*.yaml", "services/**/runbook.md", "docs"],
                "schemas": [
                    {"path": "services/**", "schema": "schemas/service.json"},
                    {"path": "other.yaml", "schema": "schemas/none.json"},
                ],
            }
        )
    )
    world.commit("staging", {"docs/a.md": "x\n"})
    world.commit(
        "development",
        {
            "services/a/runbook.md": "x\n",
            "services/a.yaml": "name: 1\n",
            "schemas/service.json": '{"properties": {"name": {"type": "string"}}}',
        },
    )

    assert found(world, needed) == {
        "missing": ("OWNERS",),
        "invalid": (
            "services/a.yaml:1:7: `name` is not of type 'string' (schemas/service.json)",
            "services/a/runbook.md:1:1: not YAML, JSON or TOML by its name",
        ),
    }


def test_a_schema_that_is_not_there_is_said_where_a_file_needs_it(world: World) -> None:
    schemas = [{"path": "*.yaml", "schema": "schemas/none.json"}]
    needed = Requirements.of(Gates.model_validate({"schemas": schemas}))
    world.edit("development", "app.yaml", "v1", "v2")

    assert found(world, needed)["invalid"] == (
        "schemas/none.json, the schema of *.yaml, is not there",
    )


def test_a_calendar_is_read_from_the_branch_that_the_configuration_is_on(world: World) -> None:
    freezes = [Freeze(calendar="ops/freezes.ics"), Freeze(calendar="ops/none.ics")]
    text = (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\n"
        "DTSTAMP:20260101T000000Z\r\nDTSTART:20300101T000000Z\r\nDTEND:20300102T000000Z\r\n"
        "SUMMARY:New year\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    world.commit("development", {"ops/freezes.ics": text})

    calendars = found(world, Requirements(freezes=tuple(freezes)))["calendars"]

    (event,) = calendars["ops/freezes.ics"].events
    assert (event.summary, event.begins) == ("New year", NOW)
    assert calendars["ops/none.ics"] == Calendar(
        problem="there is no such file on the default branch"
    )


def test_code_owners_are_those_of_the_target_with_their_teams_resolved(world: World) -> None:
    teams = {"acme/dba": frozenset({"dora"}), "acme/secret": None}
    world.commit(
        "staging",
        {".github/CODEOWNERS": "*.yaml @acme/dba @ann\nother.yaml @acme/secret a@example.com\n"},
    )
    world.commit("development", {".github/CODEOWNERS": "* @eve\n"})

    owned = code_owners(
        world.repository,
        world.head("staging"),
        ["app.yaml", "other.yaml", "README.md"],
        "github",
        lambda team: teams[team],
    )

    assert owned == CodeOwners(
        (
            Owned("*.yaml", ("@acme/dba", "@ann"), frozenset({"dora", "ann"})),
            Owned(
                "other.yaml",
                ("@acme/secret", "a@example.com"),
                frozenset(),
                ("@acme/secret", "a@example.com"),
            ),
        )
    )


def test_a_target_without_code_owners_is_a_problem_that_is_said(world: World) -> None:
    owned = code_owners(
        world.repository, world.head("staging"), ["app.yaml"], "github", lambda _: None
    )

    assert owned == CodeOwners(
        problem="staging has no CODEOWNERS; add one, or leave `code_owners` out"
    )
