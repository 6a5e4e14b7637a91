"""One promotion, told act by act by people and CI; and the end that every story must have."""

from dataclasses import dataclass, field
from typing import Any

from bot.model import ForgeName
from tests.faults.place import BOT, Place
from tests.faults.processes import Forge, eventually
from tests.shop import V2

CONFIGURATION = """\
version: 1
environments:
  - name: development
    branch: development
  - name: production
    branch: main
    promote: manual
    mirrors: [live]
    gates:
      checks: [ci/test]
      sign_offs: [qa]
roles:
  qa: [quinn]
"""
BRANCHES = ["development", "live", "main", "staging"]
# A machine that is busy with others takes its time; a cell that hangs ends after this.
PATIENCE = 120.0


@dataclass(slots=True)
class Story:
    """A change that somebody wants in production: asked for, signed off, tested, merged."""

    here: Place
    source: str = ""
    issue: int = 0
    acts: list[str] = field(default_factory=list)
    pull: dict[str, Any] = field(default_factory=dict)
    # The forge takes no comment of ours, or says that who asks is a stranger.
    may_be_unanswered: bool = False
    is_refused: bool = False

    @classmethod
    def found(cls, forge: Forge, hook: str, family: str, dialect: ForgeName = "github") -> "Story":
        """Found a repository in which nothing has happened yet."""
        return cls(Place(forge, hook, CONFIGURATION, family, dialect=dialect, patience=PATIENCE))

    @classmethod
    def begin(cls, forge: Forge, hook: str, family: str) -> "Story":
        """Found a repository with something to promote."""
        story = cls.found(forge, hook, family)
        story.go_on("begin")
        return story

    def go_on(self, act: str) -> None:
        """Do one of the acts `begin`, `ask`, `sign` and `check`, if it was not done."""
        if act in self.acts:
            return
        self.acts.append(act)
        if act == "begin":
            self.source = self.here.commit("development", {"app.yaml": V2})
            self.issue = self.here.issue("Ship 1.1")
        elif act == "ask":
            self.here.say(self.issue, "ada", self.here.words.command("promote production"))
        elif act == "sign":
            self.here.say(self.number, "quinn", self.here.words.command("sign-off qa"))
        else:
            self.here.check(self.head)

    def wait_for(self, act: str) -> None:
        """Wait until an act has had its effect; of most nothing is to be waited for."""
        if act == "ask" and self.is_refused and "ask again" not in self.acts:
            self.acts.append("ask again")
            self.here.answered(self.issue, self.here.words.needs("write"))
            self.here.say(self.issue, "ada", self.here.words.command("promote production"))
        if act == "ask":
            self.opened()
        elif act == "sign":
            self.here.body_says(self.number, "✅ open | signed off")

    def opened(self) -> dict[str, Any]:
        """Wait for the pull request, and return it as it was when it was seen first."""
        if not self.pull:
            self.pull = self.here.open_into("main")
        return self.pull

    @property
    def number(self) -> int:
        """The number of the pull request, once it is open."""
        number: int = self.opened()["number"]
        return number

    @property
    def head(self) -> str:
        """The candidate that the pull request proposes."""
        sha: str = self.opened()["head"]["sha"]
        return sha

    def finish(self) -> None:
        """Do what is left to do, and wait for the end."""
        for act in ("begin", "ask", "sign", "check"):
            self.go_on(act)
            self.wait_for(act)
        ended(self)


def ended(story: Story) -> None:
    """Fail unless the promotion ended as it should, and nothing else happened.

    One branch that is gone again, one pull request, one comment, one merge on the target's
    line; the tree that was tested; the trailers that record it; and no issue of ours left open.
    """
    here = story.here
    eventually(lambda: here.promotions("main"), f"the merge in {here.name}", PATIENCE)
    [pull] = here.pulls()
    number, head = pull["number"], pull["head"]["sha"]
    here.body_says(number, "is in production")
    eventually(
        lambda: here.branches() == BRANCHES and here.at("live") == here.at("main"),
        f"{here.name} to have only {BRANCHES}, and live at main",
        PATIENCE,
    )
    answers = 2 if story.is_refused else 1
    if not story.may_be_unanswered:
        eventually(
            lambda: len(here.said(story.issue)) >= answers, f"the answer in {here.name}", PATIENCE
        )
    eventually(
        lambda: not [one for one in here.issues() if one["state"] == "open"],
        f"the bot's issues in {here.name} to be closed",
        PATIENCE,
    )
    found: dict[str, object] = {
        "pull requests": [(p["user"]["login"], p["base"]["ref"]) for p in here.pulls()],
        "merged": here.pull(number)["merged"],
        "trailers": [
            (one["Lockstep-Environment"], one["Lockstep-Source"]) for one in here.promotions("main")
        ],
        "commits on main": len(here.git("rev-list", "--first-parent", "main").split()),
        "tree": here.tree("main"),
        "content": here.file("main"),
        "comments": (len(here.said(story.issue)), here.said(number)),
        "status": here.status(head)[0],
    }
    wanted: dict[str, object] = {
        "pull requests": [(BOT, "main")],
        "merged": True,
        "trailers": [("production", story.source)],
        "commits on main": 2,
        "tree": here.tree(head),
        "content": V2,
        "comments": (answers, []),
        "status": "success",
    }
    if story.may_be_unanswered:
        found["comments"] = wanted["comments"] = "none may be written"
    wrong = {name: (found[name], right) for name, right in wanted.items() if found[name] != right}
    # Said in words, as a table shows it too; pytest has no hand in this.
    assert not wrong, f"{here.name} ended otherwise: {wrong}"
