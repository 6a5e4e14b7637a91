"""The bot's own status on a commit of GitLab: one line that is always the newest.

GitLab lets a status go on, from pending to running and to its end, and lets nobody rewrite
one: a line that changed goes on to running, or else ends and begins anew. What was said last
is remembered, so that nothing is tried in vain.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from bot.forges.forge import STATUS_CONTEXT, OwnStatus, Refused, StatusState
from bot.forges.gitlab_checks import is_ours
from bot.forges.gitlab_client import Client
from bot.forges.gitlab_errors import words_of
from bot.forges.gitlab_projects import Asking
from bot.forges.gitlab_shapes import moment, own_status

_LONGEST = 140
_MOST_REMEMBERED = 1000
_WIRE: Mapping[StatusState, str] = {"pending": "pending", "success": "success", "failure": "failed"}
_STUCK = "cannot transition status"


class OwnStatuses:
    """Sets statuses; remembers by project and commit the state that was said last."""

    def __init__(self) -> None:
        self._last: OrderedDict[tuple[int, str], str] = OrderedDict()

    def say(self, asked: Asking, sha: str, state: StatusState, line: str) -> None:
        """Set the status; 1 call, as a rule, up to 4 where a line changes often."""
        if len(line) > _LONGEST:
            raise Refused(f"a status has at most {_LONGEST} characters")
        key, place = (asked.project.id, sha), f"{asked.place}/statuses/{sha}"
        wanted = _WIRE[state]
        for word in _steps(wanted, self._last.get(key, "")):
            if _set(asked.client, place, line, word):
                self._remember(key, word)
                return
        # What is under way under another line ends, and another one begins.
        _set(asked.client, place, line, "canceled")
        _set(asked.client, place, line, wanted)
        self._remember(key, wanted)

    def _remember(self, key: tuple[int, str], word: str) -> None:
        self._last[key] = word
        while len(self._last) > _MOST_REMEMBERED:
            self._last.popitem(last=False)


def shown_status(client: Client, place: str, sha: str, me: str) -> OwnStatus | None:
    """Return our status on a commit, None where it has none; 1 call per 100 that it ever had."""
    found = client.each(
        f"{place}/repository/commits/{sha}/statuses", all="true", name=STATUS_CONTEXT
    )
    mine = sorted((one for one in found if is_ours(one, me)), key=lambda one: int(one["id"]))
    if not mine:
        return None
    return own_status(mine[-1], min(moment(one["created_at"]) for one in mine))


def _steps(wanted: str, last: str) -> Sequence[str]:
    """Return the states to try for one that is wanted, by what was said last."""
    if wanted != "pending":
        return (wanted,)
    if last == "running":
        return ()
    return ("running",) if last == "pending" else ("pending", "running")


def _set(client: Client, place: str, line: str, state: str) -> bool:
    """Set a status; no where there is one already that cannot go on to that state."""
    given = {"state": state, "name": STATUS_CONTEXT, "description": line}
    try:
        client.post(place, given)
    except Refused as refused:
        if _STUCK not in words_of(refused).lower():
            raise
        return False
    return True
