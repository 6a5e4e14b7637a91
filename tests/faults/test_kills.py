"""A process that is killed in the middle of the story, and started again: the same end."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.faults.place import BOT, Place, populate
from tests.faults.processes import Forge, Server, eventually
from tests.shop import V2

V3 = V2.replace("info", "debug")
# Long enough for a kill to fall into it, and short enough to wait for.
STALL_SECONDS = 2.0
VICTIMS = ("server", "temporal", "forge")
MOMENTS = ("pushed", "opening", "opened", "checked", "merging", "merge answer lost", "drifted")
# The rest takes minutes, and tests/chaos has each victim at its hardest step.
FEW = {("temporal", "checked")}
OPEN = "POST /repos/{owner}/{repo}/pulls"
MERGE = "PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge"
CELLS = [(victim, moment) for victim in VICTIMS for moment in MOMENTS]
if not os.environ.get("LOCKSTEP_THOROUGH"):
    CELLS = [cell for cell in CELLS if cell in FEW]


@dataclass(frozen=True, slots=True)
class Installation:
    """A forge and a server that no other test depends on."""

    forge: Forge
    server: Server

    def kill(self, victim: str) -> None:
        """Kill a process and start it again."""
        {
            "server": self.server.restart,
            "temporal": self.server.restart_temporal,
            "forge": self.forge.restart,
        }[victim]()


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    forge = Forge(tmp_path_factory.mktemp("forge"))
    try:
        forge.start()
        populate(forge)
        # What reaches nobody while somebody is dead is found by the next look.
        server = Server(
            tmp_path_factory.mktemp("server"),
            forge,
            forge.tokens[BOT],
            LOCKSTEP_RECONCILE_INTERVAL="5s",
        )
        try:
            server.start()
            yield Installation(forge, server)
        finally:
            server.close()
    finally:
        forge.close()


class Story:
    """A change goes to staging and to production, and a hotfix comes home."""

    def __init__(self, here: Place, kill: Callable[[], None], moment: str) -> None:
        self.here, self._kill, self._moment = here, kill, moment

    def _at(self, moment: str) -> None:
        if moment == self._moment:
            self._kill()

    def _during(self, moment: str, route: str, **fault: object) -> Callable[[], None]:
        """Have a call suffer a fault, and return what kills once that call was made."""
        if moment != self._moment:
            return lambda: None
        forge, method = self.here.forge, route.split(" ", maxsplit=1)[0]
        forge.do("reset_calls")
        path = f"^/repos/{self.here.name}/.*{route.rpartition('/')[2]}$"
        forge.do("inject", method=method, path=path, **fault)

        def kill() -> None:
            eventually(lambda: forge.calls().get(route), f"a call of {route}")
            self._kill()

        return kill

    def to_staging(self) -> int:
        """Tell how a push is promoted; return the number of the pull request."""
        here = self.here
        kill = self._during("opening", OPEN, stall=STALL_SECONDS)
        here.commit("development", {"app.yaml": V2})
        self._at("pushed")
        kill()
        pull = here.open_into("staging")
        self._at("opened")
        kills = (
            self._during("merging", MERGE, stall=STALL_SECONDS),
            self._during("merge answer lost", MERGE, lose=True, stall=0.2),
        )
        here.check(pull["head"]["sha"])
        self._at("checked")
        for kill in kills:
            kill()
        here.merged(pull["number"])
        here.body_says(pull["number"], "is in staging")
        number: int = pull["number"]
        return number

    def to_production(self, number: int) -> None:
        """Tell how somebody asks for production, and QA signs off."""
        here = self.here
        here.say(number, "ada", "/promote production")
        pull = here.open_into("main")
        here.check(pull["head"]["sha"])
        here.status_says(pull["head"]["sha"], "sign-off by qa")
        here.say(pull["number"], "quinn", "/sign-off qa")
        here.merged(pull["number"])

    def hotfix(self) -> None:
        """Tell how a hotfix comes home and flows forward again."""
        here = self.here
        here.commit("main", {"app.yaml": V3})
        self._at("drifted")
        home = here.open_into("development")
        here.issue_is("open", f"#{home['number']} brings them home")
        here.merge(home["number"], "ada")
        pull = here.open_into("staging")
        here.check(pull["head"]["sha"])
        here.merged(pull["number"])
        here.issue_is("closed")


@pytest.mark.parametrize(("victim", "moment"), CELLS)
def test_whoever_is_killed_whenever_the_story_ends_the_same(
    installation: Installation, victim: str, moment: str
) -> None:
    here = Place(installation.forge, installation.server.hook)
    story = Story(here, lambda: installation.kill(victim), moment)

    number = story.to_staging()
    story.to_production(number)
    story.hotfix()

    promoted = [here.promotions(branch) for branch in ("main", "staging")]
    environments = [[one["Lockstep-Environment"] for one in some] for some in promoted]
    assert environments == [["production"], ["staging", "staging"]]
    assert [here.file(name) for name in ("development", "staging", "main")] == [V3] * 3
    first, second, home, again = here.pulls()
    assert [p["merged_at"] is not None for p in (first, second, home, again)] == [True] * 4
    for pull, base in ((first, "staging"), (second, "main"), (again, "staging")):
        merge = here.pull(pull["number"])["merge_commit_sha"]
        assert here.tree(merge) == here.tree(pull["head"]["sha"])
        assert pull["base"]["ref"] == base
    eventually(
        lambda: here.branches() == ["development", "main", "staging"],
        "the bot's own branches to be deleted",
    )
    # The one answer to `/promote`, and nothing that was said twice.
    assert [len(here.said(p["number"])) for p in here.pulls()] == [1, 0, 0, 0]
    # The others' looks would only keep the machine busy.
    installation.forge.do("edit_repository", repo=here.name, login="mia", archived=True)
