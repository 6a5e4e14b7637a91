"""What a forge under test must let happen, and the little stories that its rules begin with."""

from collections.abc import Sequence
from typing import Literal, Protocol

from bot.decisions.facts import CheckState, MergeMethod, Permission, ReviewState
from bot.forges.forge import (
    Forge,
    PullRequestInfo,
)

CONFIG = "acme/config"
ME = "lockstep"


class World(Protocol):
    """The forge under test, and what everybody else does there.

    `forge` is the account `lockstep`, which may write to acme/config, a public repository
    with the branches main and development at one commit. Alice owns it, and bob may write.
    """

    @property
    def forge(self) -> Forge:
        """Return the forge as the bot sees it."""

    def push(self, branch: str, text: str) -> str:
        """Change BRANCH.txt on a branch, begun at main where it is new; return the commit."""

    def write_as(self, login: str, message: str) -> str:
        """Commit to development as a person; return the commit."""

    def write_by_address(self, address: str) -> str:
        """Commit to development by an address that nobody has; return the commit."""

    def noreply(self, login: str) -> str:
        """Return the address that stands for a login."""

    def delete(self, branch: str) -> None:
        """Delete a branch."""

    def rename(self, name: str) -> None:
        """Rename the repository."""

    def person(self, login: str, permission: Permission, *, by_team: bool = False) -> None:
        """Let a person have a permission."""

    def team(self, team: str, members: dict[str, Literal["active", "pending"]]) -> None:
        """Make a team."""

    def report(
        self, sha: str, name: str, state: CheckState, *, by: Literal["status", "run"]
    ) -> None:
        """Report as CI."""

    def review(self, number: int, person: str, state: ReviewState) -> None:
        """Review as a person."""

    def tick(self) -> None:
        """Let so much time pass that the forge can tell before from after."""

    def say(self, number: int, person: str, body: str, *, on_pull_request: bool = True) -> int:
        """Comment as a person; return the comment's id."""

    def acknowledgements(
        self, number: int, comment: int, *, on_pull_request: bool = True
    ) -> Sequence[str]:
        """Return who has put our sign on a comment."""

    def comments(self, number: int, *, on_pull_request: bool = True) -> Sequence[tuple[str, str]]:
        """Return who said what."""

    def open_as(self, person: str, head: str, base: str) -> int:
        """Open a pull request as a person."""

    def open_from_fork(self, person: str, head: str) -> int:
        """Open one into main from a person's fork."""

    def open_issue_as(self, person: str, body: str) -> int:
        """Open an issue as a person."""

    def close_as(self, person: str, number: int) -> None:
        """Close as a person."""

    def reopen_as(self, person: str, number: int) -> None:
        """Reopen as a person."""

    def merge_as(self, person: str, number: int) -> str:
        """Merge as a person."""

    def allow(self, *methods: MergeMethod) -> None:
        """Allow these ways to merge, and no other."""

    def refuses_rebase(self) -> str:
        """Let no rebase be allowed, and return the words of its refusal."""

    def block(self, number: int) -> str:
        """Let something be in the way of a merge into main, and return the forge's words."""

    def message(self, sha: str) -> str:
        """Return the message of the commit that a merge made."""

    def head(self, branch: str) -> str:
        """Return where a branch is."""

    def lose(self, method: str) -> None:
        """Let the next effect of a method of `Forge` be done, and its answer lost."""

    def limit(self, method: str) -> None:
        """Let the next call of a method be one too many, for a minute."""


def opened(world: World, branch: str = "topic") -> PullRequestInfo:
    """Open the bot's pull request for a changed branch."""
    world.push(branch, f"{branch}\n")
    return world.forge.open_pull_request(CONFIG, branch, "main", f"Promote {branch}", "Why")


def merged(world: World, pull: PullRequestInfo, method: MergeMethod = "merge") -> str:
    """Merge as the bot does."""
    return world.forge.merge(
        CONFIG,
        pull.number,
        sha=pull.head_sha,
        method=method,
        title="Promote to staging",
        message="Two changes.\n\nLockstep-Promotion: 7",
    )
