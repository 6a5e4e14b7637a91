"""`plan --at --as` and `policy replay`: what would be, and what would have been."""

from pathlib import Path

import pytest

from tests.cli.command import lockstep
from tests.world import World

# The world's clock begins on Monday, 2026-01-05, at 09:00 UTC, and every commit is a minute later.
CONFIGURATION = """\
version: 1
environments:
  - {name: development, branch: develop}
  - name: staging
    branch: staging
    gates:
      sign_offs: [qa, ops]
      windows: ["Tue 08:00-12:00 UTC"]
    freezes:
      - {from: 2026-12-20, to: 2027-01-03, reason: Year end}
  - {name: production, branch: main}
roles: {qa: [carol, "@acme/qa"], ops: ["@acme/ops"]}
rules:
  - name: limits
    reason: they cost money
    when: {keys: ["**.limit"], changed_by: 50%}
    gates: {approvals: 1, soak: 24h}
"""
APP = "image: v1\nlimit: 10\n"


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.new(tmp_path / "config.git")
    made.begin({"app.yaml": APP})
    made.commit("production", {".lockstep.yaml": CONFIGURATION})
    return made


def gates(document: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    return {one["gate"]: one["state"] for one in document["gates"]}


def test_a_plan_at_a_time_judges_windows_freezes_and_soak_as_they_will_be(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    world.edit("development", "app.yaml", "limit: 10", "limit: 20")

    def at(time: str) -> dict[str, str]:
        answer = lockstep(capfd, "plan", "staging", world.directory, "--json", "--at", time)
        return gates(answer.document)

    monday, tuesday = at("2026-01-05T10:00"), at("2026-01-06 12:00 Europe/Berlin")
    assert (monday["windows"], monday["soak"]) == ("closed", "closed")
    assert (tuesday["windows"], tuesday["soak"], tuesday["freezes"]) == ("open", "open", "open")
    assert at("2026-12-22T10:00+00:00")["freezes"] == "closed"


@pytest.mark.parametrize(
    ("time", "why"),
    [
        ("tomorrow", "it is not a time"),
        ("2026-01-05 10:00 Berlin", "did you mean `Europe/Berlin`?"),
        ("2026-01-05T10:00+01:00 UTC", "has both an offset and a zone"),
    ],
)
def test_a_time_that_is_none_is_refused_with_how_to_write_it(
    world: World, capfd: pytest.CaptureFixture[str], time: str, why: str
) -> None:
    answer = lockstep(capfd, "plan", "staging", world.directory, "--at", time)

    assert (answer.code, answer.out) == (1, "")
    assert why in answer.err


def test_a_plan_as_somebody_says_what_their_word_would_change(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    world.edit("development", "app.yaml", "limit: 10", "limit: 20")

    answer = lockstep(capfd, "plan", "staging", world.directory, "--json", "--as", "carol")

    said = answer.document["as"]
    assert (said["person"], said["wrote"], said["sign_offs"], said["sign_offs_through_teams"]) == (
        "carol",
        False,
        ["qa"],
        ["ops"],
    )
    assert [(one["gate"], one["state"]) for one in said["changes"]] == [
        ("approvals", "open"),
        ("sign_offs", "open"),
    ]


def test_whoever_wrote_it_is_told_that_their_word_does_not_count(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    world.commit(
        "development",
        {"app.yaml": APP.replace("10", "20")},
        author="Carol <7+carol@users.noreply.github.com>",
    )

    answer = lockstep(capfd, "plan", "staging", world.directory, "--as", "carol")

    assert "carol wrote a part of this: neither an approval nor a sign-off" in answer.out


def test_a_replay_says_what_would_have_waited_for_what_and_how_long(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    world.promote()
    world.edit("development", "app.yaml", "limit: 10", "limit: 20")
    world.promote()

    answer = lockstep(capfd, "policy", "replay", world.directory, "--json")

    assert (answer.code, answer.document["would_wait"]) == (2, 2)
    newest, oldest = answer.document["promotions"]
    assert oldest["rules"] == []
    assert [one["gate"] for one in oldest["waits"]] == ["windows"]
    assert oldest["until"] == "2026-01-06T08:00:00+00:00"
    assert newest["rules"] == ["limits"]
    assert [one["gate"] for one in newest["waits"]] == ["soak", "windows"]
    assert newest["waits"][0]["because"] == ["app.yaml:limit changed: they cost money"]
    # A day of rest first, and then the window is open.
    assert newest["until"] == "2026-01-06T09:03:00+00:00"
    assert newest["unknown_to_git"] == ["1 approval", "sign-off by qa, ops"]


def test_a_replay_of_another_policy_reads_that_and_says_what_nobody_could_have_opened(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    world.commit(
        "development",
        {"app.yaml": APP.replace("10", "20")},
        author="Carol <7+carol@users.noreply.github.com>",
    )
    world.promote()
    other, acme = tmp_path / "other.yaml", tmp_path / "acme.yaml"
    other.write_text(
        CONFIGURATION.replace('windows: ["Tue 08:00-12:00 UTC"]', "approvals: 0")
        .replace(', "@acme/qa"', "")
        .replace(", soak: 24h", "")
    )
    acme.write_text(
        "version: 1\nenvironments: [{names: [staging], gates: {windows: [Wed 08:00-12:00 UTC]}}]\n"
    )

    alone = lockstep(capfd, "policy", "replay", world.directory, "--config", other)
    inherited = lockstep(
        capfd, "policy", "replay", world.directory, "--config", other, "--policy", acme
    )

    assert alone.code == 0
    assert "it would have gone when it did, as far as the time decides" in alone.out
    assert "nobody can sign off for qa: its only members, carol, wrote the change" in alone.out
    assert "0 of 1 would have waited; of 1 nobody could have signed off" in alone.out
    assert inherited.code == 2
    assert "until 2026-01-07 08:00 UTC" in inherited.out
    assert "because the organisation's policy asks for it" in inherited.out


def test_a_replay_takes_the_newest_and_says_so_where_there_is_none(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    nothing = lockstep(capfd, "policy", "replay", world.directory)
    for value in ("v2", "v3", "v4"):
        world.commit("development", {"app.yaml": APP.replace("v1", value)})
        world.promote()

    two = lockstep(capfd, "policy", "replay", world.directory, "-n", "2", "--json")

    assert (nothing.code, nothing.out.startswith("git records no promotion here")) == (0, True)
    landed = [one["landed"] for one in two.document["promotions"]]
    assert len(landed) == 2
    assert landed == sorted(landed, reverse=True)
