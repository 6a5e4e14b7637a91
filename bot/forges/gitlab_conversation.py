"""What is said under a merge request or an issue of GitLab, and the issues there."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.forges.forge import CommentInfo, IssueInfo, NotFound, Refused
from bot.forges.gitlab_client import Client
from bot.forges.gitlab_errors import words_of
from bot.forges.gitlab_shapes import Json, comment_info, issue_info, username
from bot.forges.markers import carries, marked
from bot.forges.own_issue import Seen

_SEEN = "eyes"
_PEOPLES = "only_comments"


def comments(client: Client, place: str, since: datetime | None) -> Sequence[CommentInfo]:
    """Return what people said in the notes at `place`, oldest first; 1 call per 100."""
    notes = client.each(
        f"{place}/notes", order_by="created_at", sort="asc", activity_filter=_PEOPLES
    )
    found = [comment_info(note) for note in notes if not note.get("system")]
    return [one for one in found if since is None or one.at >= since]


def comment(
    client: Client, place: str, marker: str, body: str, is_me: Callable[[str], bool]
) -> None:
    """Write a note once for each marker; 1 call per 100 that are there, and 1 to write."""
    for note in client.each(f"{place}/notes", activity_filter=_PEOPLES):
        if is_me(username(note["author"])) and carries(note["body"] or "", marker):
            return
    client.post(f"{place}/notes", {"body": marked(body, marker)})


def acknowledge(client: Client, place: str, note: int) -> None:
    """Put our emoji on a note; 1 call. A second one is refused, in words that tell."""
    try:
        client.post(f"{place}/notes/{note}/award_emoji", {"name": _SEEN})
    except (NotFound, Refused) as refused:
        if "already" not in words_of(refused):
            raise


@dataclass(frozen=True, slots=True)
class Issues:
    """The issues of the project at `place`, of which the bot's own are those of `login`."""

    client: Client
    place: str
    login: str

    def again(self, number: int) -> Json | None:
        """Return one by its number, None where it is gone; 1 call."""
        try:
            data: Json = self.client.get(f"{self.place}/issues/{number}")
        except NotFound:
            return None
        return data

    def newest_first(self) -> Iterable[Json]:
        """List those of the bot; 1 call per 100."""
        return self.client.each(
            f"{self.place}/issues",
            scope="all",
            state="all",
            author_username=self.login,
            order_by="created_at",
            sort="desc",
        )

    def seen(self, issue: Json) -> Seen:
        """Return what tells whether it is the one."""
        ours = username(issue["author"]).casefold() == self.login.casefold()
        return Seen(issue["iid"], issue.get("description") or "", ours)

    def info(self, issue: Json, marker: str) -> IssueInfo:
        """Return it as the bot knows issues."""
        return issue_info(issue, marker)

    def opened(self, title: str, body: str) -> Json:
        """Open one; 1 call."""
        made: Json = self.client.post(f"{self.place}/issues", {"title": title, "description": body})
        return made

    def edited(self, issue: Json, title: str, body: str, *, open_: bool) -> Json:
        """Bring one to a title and a body, and to be open or closed; 1 call."""
        change = {"title": title, "description": body, "state_event": state_event(open_=open_)}
        changed: Json = self.client.put(f"{self.place}/issues/{issue['iid']}", change)
        return changed


def state_event(*, open_: bool) -> str:
    """Return what brings an issue or a merge request to be open, or closed."""
    return "reopen" if open_ else "close"
