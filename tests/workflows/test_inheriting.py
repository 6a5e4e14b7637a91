"""What a repository inherits: read from git, believed for a while, and never quietly lost."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.forges.forge import NotFound, Unavailable
from bot.mirror import Mirror, MirroredRepository
from bot.model import ForgeName
from config.schema import Config
from tests.workflows.village import APP, village
from tests.world import World
from workflows.inheriting import Inheritance, Inherited

POLICY = "version: 1\nenvironments:\n  - {names: [production], gates: {approvals: 2}}\n"
ALONE = {"version": 1, "environments": [{"name": "production", "branch": "main"}]}


class Org:
    """The repositories of some organisations; each can be away."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.now = datetime(2026, 6, 1, tzinfo=UTC)
        self.worlds: dict[str, World] = {}
        self.is_away = False
        self.opened = 0

    def policy(self, name: str, text: str) -> None:
        """Commit a repository's policy."""
        files = {"lockstep-policy.yaml": text}
        if name in self.worlds:
            self.worlds[name].commit("main", files)
            return
        self.worlds[name] = World.new(self.directory / f"{name.replace('/', '-')}.git")
        self.worlds[name].begin(files, "main")

    @contextmanager
    def open(
        self, forge: ForgeName, name: str, *branches: str
    ) -> Iterator[tuple[MirroredRepository, str]]:
        """Open one as `Sites` does."""
        self.opened += 1
        if self.is_away:
            raise Unavailable(f"{forge} does not answer")
        if name not in self.worlds:
            raise NotFound(f"there is no repository {name}")
        url = str(self.worlds[name].directory)
        mirror = Mirror(url, self.directory / "mirrors" / name.replace("/", "-"))
        with mirror.fetch(["main", *branches]) as git:
            yield git, "main"

    def inherited(self, *everywhere: str, by: str = "acme/config", inherit: str = "") -> Inherited:
        """Return what a repository inherits from a fresh reader."""
        return self.reader(*everywhere).of("github", by, config(inherit))

    def reader(self, *everywhere: str) -> Inheritance:
        """Return a reader, which remembers."""
        return Inheritance(everywhere, self.open, lambda: self.now)


def config(inherit: str = "") -> Config:
    return Config.model_validate(ALONE | ({"inherit": inherit} if inherit else {}))


def approvals(found: Inherited) -> list[int]:
    return [floor.gates.approvals.count for one in found.policies for floor in one.environments]


@pytest.fixture
def org(tmp_path: Path) -> Iterator[Org]:
    made = Org(tmp_path)
    yield made
    for world in made.worlds.values():
        world.repository.close()


def test_a_repository_inherits_what_the_server_says_whatever_its_own_file_says(org: Org) -> None:
    org.policy("acme/policy", POLICY)
    org.policy("acme/team", POLICY.replace("2", "1"))

    assert approvals(org.inherited("acme/policy")) == [2]
    assert approvals(org.inherited("acme/policy", inherit="acme/team")) == [1, 2]
    assert approvals(org.inherited("acme/policy", inherit="acme/policy")) == [2]
    assert org.inherited() == Inherited()


def test_a_policy_may_be_said_to_be_of_one_forge_alone(org: Org) -> None:
    org.policy("acme/policy", POLICY)

    assert approvals(org.inherited("github:acme/policy")) == [2]
    assert org.inherited("gitlab:acme/policy") == Inherited()


def test_a_repository_inherits_from_its_own_owner_alone(org: Org) -> None:
    org.policy("other/policy", POLICY)

    found = org.inherited(inherit="other/policy")

    assert found.policies == ()
    assert found.problems == (
        (
            "`inherit` names other/policy, and acme/config may only inherit from a repository of "
            "acme; name one, or leave `inherit` out"
        ),
    )


def test_a_policy_inherits_too_and_a_circle_closes_the_gate(org: Org) -> None:
    org.policy("acme/team", POLICY.replace("2", "1") + "inherit: acme/policy\n")
    org.policy("acme/policy", POLICY)
    assert approvals(org.inherited(inherit="acme/team")) == [1, 2]

    org.policy("acme/policy", POLICY + "inherit: acme/team\n")
    found = org.inherited(inherit="acme/team")

    assert approvals(found) == [1, 2]
    assert found.problems == (
        (
            "policies inherit in a circle: acme/team from acme/policy from acme/team; take "
            "`inherit` out of one of them"
        ),
    )


def test_what_is_read_is_believed_for_a_while_and_then_looked_at_again(org: Org) -> None:
    org.policy("acme/policy", POLICY)
    reader = org.reader("acme/policy")
    reader.of("github", "acme/config", config())
    org.policy("acme/policy", POLICY.replace("2", "3"))

    at_once = reader.of("github", "acme/other", config())
    opened = org.opened
    org.now += timedelta(seconds=16)
    later = reader.of("github", "acme/other", config())

    assert (approvals(at_once), opened, approvals(later)) == ([2], 1, [3])


def test_a_policy_that_cannot_be_read_stays_in_force_as_it_was(org: Org) -> None:
    org.policy("acme/policy", POLICY)
    reader = org.reader("acme/policy")
    reader.of("github", "acme/config", config())

    org.is_away = True
    org.now += timedelta(hours=1)

    found = reader.of("github", "acme/config", config())
    assert (approvals(found), found.problems) == ([2], ())


def test_a_policy_that_could_never_be_read_closes_the_gate_and_opens_once_it_can(org: Org) -> None:
    reader = org.reader("acme/policy")

    before = reader.of("github", "acme/config", config())
    org.policy("acme/policy", POLICY)
    org.now += timedelta(seconds=16)
    after = reader.of("github", "acme/config", config())

    assert before == Inherited(
        (), ("the policy of acme/policy cannot be read: there is no repository acme/policy",)
    )
    assert (approvals(after), after.problems) == ([2], ())


def test_of_a_policy_that_does_not_load_the_last_that_did_holds(org: Org) -> None:
    org.policy("acme/policy", POLICY)
    org.policy("acme/policy", POLICY.replace("approvals: 2", "approvals: many"))

    assert approvals(org.inherited("acme/policy")) == [2]


def test_a_repository_without_a_policy_closes_the_gate(org: Org) -> None:
    org.policy("acme/policy", POLICY)
    org.worlds["acme/policy"].commit("main", {"lockstep-policy.yaml": None, "a.txt": "a"})

    assert org.inherited("acme/policy").problems == (
        "acme/policy has no lockstep-policy.yaml on main",
    )


def test_the_branch_lockstep_freeze_stops_everything_and_says_who_and_why(org: Org) -> None:
    org.policy("acme/policy", POLICY)
    world = org.worlds["acme/policy"]
    world.branch("lockstep/freeze", "main")
    world.commit("lockstep/freeze", {}, "The data centre burns", author="Olga <olga@example.com>")

    found = org.inherited("acme/policy")

    assert approvals(found) == [2]
    assert found.problems == ()
    (stop,) = found.stops
    assert (stop.by, stop.reason, stop.where) == ("Olga", "The data centre burns", "acme/policy")


async def test_a_policy_that_cannot_be_read_holds_every_promotion_and_says_so(
    tmp_path: Path,
) -> None:
    async with village(tmp_path, policies=["acme/policy"]) as here:
        await here.push("development", {"app.yaml": APP.replace("v1", "v2")})
        pull = await here.open_into("staging")

        await here.check(pull)

        await here.body_says(pull.number, "| policy | ❌ failed | the policy of acme/policy")
        await here.say(pull.number, "bob", "/override policy I know better")
        await here.answered(pull.number, "names none of the gates")
        assert here.pull(pull.number).state == "open"
