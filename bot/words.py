"""What each forge calls things, so that the bot speaks to people in their own forge's words.

And how many of them there are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bot.model import ForgeName


@dataclass(frozen=True, slots=True)
class Words:
    """One forge's words.

    `pull_request` takes "a" before it and "s" behind it; `mark` stands before its number,
    `prefix` before a command. `ranks` name the permissions, where the forge has names of
    its own, and `needed` is what is asked of somebody who lacks one. `push_needs` and
    `team_needs` say what a token and its account need, to push and to see a team's members.
    """

    forge: str
    pull_request: str
    mark: str
    prefix: str
    needed: str
    push_needs: str
    team_needs: str
    ranks: Mapping[str, str] = field(default_factory=dict, hash=False)

    def reference(self, number: int) -> str:
        """Return how a pull request is referred to: `#12`, `!12`."""
        return f"{self.mark}{number}"

    def command(self, said: str) -> str:
        """Return how a command is written in a comment: `/promote staging`."""
        return f"{self.prefix}{said}"

    def needs(self, permission: str) -> str:
        """Return what somebody is asked to have in a repository, one of the permissions."""
        return self.needed.format(self.rank(permission))

    def rank(self, permission: str) -> str:
        """Return what the forge calls a permission."""
        return self.ranks.get(permission, permission)


GITHUB = Words(
    forge="GitHub",
    pull_request="pull request",
    mark="#",
    prefix="/",
    needed="{} permission for this repository",
    push_needs="the permission contents: write",
    team_needs=(
        "to read the organisation's members (`read:org`; for an App the permission Members: read) "
        "and its account has to belong there"
    ),
)
GITLAB = Words(
    forge="GitLab",
    pull_request="merge request",
    mark="!",
    # GitLab takes `/promote`, `/status` and others for quick actions, and never stores them.
    prefix="/lockstep ",
    needed="the role {} in this project",
    ranks={
        "read": "Guest",
        "triage": "Reporter",
        "write": "Developer",
        "maintain": "Maintainer",
        "admin": "Owner",
    },
    push_needs="the scope `api` or `write_repository`, and the role Developer or a higher one",
    team_needs="the scope `api`, and its account has to be a member of the group, to see that",
)
GIT = replace(
    GITHUB,
    forge="git",
    push_needs="write access",
    team_needs="to be told: a plain git server has no teams, so name people in `roles:`",
)
_OF: Mapping[ForgeName, Words] = {"github": GITHUB, "gitlab": GITLAB, "git": GIT}


def words_for(forge: ForgeName) -> Words:
    """Return the words of a kind of forge."""
    return _OF[forge]


def count(number: int, what: str) -> str:
    """Return so many of something: ``1 approval``, ``2 approvals``."""
    return f"{number} {what}{'s' * (number != 1)}"
