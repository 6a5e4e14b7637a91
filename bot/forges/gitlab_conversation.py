"""What is said under a merge request or an issue of GitLab, and the bot's own issue there."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from bot.forges.forge import CommentInfo, IssueInfo, NotFound, Refused
from bot.forges.gitlab_client import Client
from bot.forges.gitlab_errors import words_of
from bot.forges.gitlab_shapes import Json, comment_info, issue_info, username
from bot.forges.markers import carries, marked
from bot.forges.own_issue import OwnIssues, Seen

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


class OwnIssue:
    """The bot's own issue of each marker; `login` tells who the bot is."""

    def __init__(self, login: Callable[[], str]) -> None:
        self._login = login
        self._own = OwnIssues(self._seen)

    def find(self, client: Client, place: str, repository: str, marker: str) -> Json | None:
        """Return it; 1 call, the first time 1 per 100 that we ever opened there."""

        def mine() -> Iterable[Json]:
            return client.each(
                f"{place}/issues",
                scope="all",
                state="all",
                author_username=self._login(),
                order_by="created_at",
                sort="desc",
            )

        def again(number: int) -> Json | None:
            try:
                data: Json = client.get(f"{place}/issues/{number}")
            except NotFound:
                return None
            return data

        return self._own.find(repository, marker, again=again, newest_first=mine)

    def write(
        self,
        client: Client,
        place: str,
        repository: str,
        marker: str,
        wanted: tuple[str, str, bool],
    ) -> IssueInfo | None:
        """Bring it to a title, a body and whether it is open; 1 call where that is a change."""
        title, body, open_ = wanted
        found = self.find(client, place, repository, marker)
        if found is None and not open_:
            return None
        text = {"title": title, "description": marked(body, marker)}
        if found is None:
            found = client.post(f"{place}/issues", text)
            self._own.made(repository, marker, found["iid"])
        current = issue_info(found, marker)
        if (current.title, current.body, current.open) != (title, body.rstrip(), open_):
            change = text | {"state_event": state_event(open_=open_)}
            found = client.put(f"{place}/issues/{found['iid']}", change)
        return issue_info(found, marker)

    def _seen(self, issue: Json) -> Seen:
        ours = username(issue["author"]).casefold() == self._login().casefold()
        return Seen(issue["iid"], issue.get("description") or "", ours)


def state_event(*, open_: bool) -> str:
    """Return what brings an issue or a merge request to be open, or closed."""
    return "reopen" if open_ else "close"
