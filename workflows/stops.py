"""The stop of a repository, or of all that inherit from one: the branch `lockstep/freeze`.

It is there or it is not, in git alone: every clone sees it, losing Temporal loses none,
and whoever may push a branch may set one and end one. Its commit says who, why and since.
"""

from datetime import UTC, datetime

from bot.decisions.facts import Stop
from bot.engine.commits import read_commits
from bot.engine.objects import Objects
from webhook.events import FREEZE_BRANCH

FREEZE = FREEZE_BRANCH
BY = "Lockstep-Freeze-By"


def read_stop(objects: Objects, commit: str, where: str = "") -> Stop:
    """Return what the commit of a freeze says; whoever made it by hand is its author.

    `where` is the repository that everything here inherits it from, empty for its own.
    """
    said = read_commits(objects, [commit])[commit]
    lines = said.body.splitlines()
    by = next((line.partition(":")[2].strip() for line in lines if line.startswith(BY)), "")
    since = datetime.fromisoformat(said.date) if said.date else datetime.fromtimestamp(0, UTC)
    reason = said.subject or "no reason was given"
    return Stop(by or said.author or "somebody", reason, since, where)
