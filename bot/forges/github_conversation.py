"""What is said under a pull request or an issue of GitHub, and the bot's own issue there."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial

from github.Issue import Issue
from github.NamedUser import NamedUser
from github.Repository import Repository

from bot.forges.forge import CommentInfo, IssueInfo, NotFound, Refused
from bot.forges.github_errors import status_of
from bot.forges.github_looks import listed, moment
from bot.forges.github_shapes import issue_info, login_of
from bot.forges.markers import carries, marked
from bot.forges.own_issue import OwnIssues, Seen

# The reaction that says that a comment was read.
_SEEN = "eyes"


def comments(found: Repository, number: int, since: datetime | None) -> Sequence[CommentInfo]:
    """Return what was said under a pull request or issue, oldest first; 1 call per 100."""
    asked = {} if since is None else {"since": f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"}
    return [
        CommentInfo(
            id=one["id"],
            author=(one["user"] or {"login": "ghost"})["login"],
            at=moment(one["created_at"]),
            text=one["body"] or "",
            edited=one["updated_at"] != one["created_at"],
        )
        for one in listed(found, f"issues/{number}/comments", asked)
    ]


def comment(
    found: Repository, number: int, marker: str, body: str, is_me: Callable[[str], bool]
) -> None:
    """Comment once for each marker; 1 call per 100 that are there, and 1 to write."""
    issue = found.get_issue(number)
    for one in issue.get_comments():
        if carries(one.body or "", marker) and is_me(login_of(one.user)):
            return
    issue.create_comment(marked(body, marker))


def acknowledge(found: Repository, comment: int) -> None:
    """Put our reaction on a comment; 1 call. GitHub answers a second one with the first."""
    place = f"{found.url}/issues/comments/{comment}/reactions"
    found.requester.requestJsonAndCheck("POST", place, input={"content": _SEEN})


class OwnIssue:
    """The bot's own issue of each marker; `login` tells who the bot is."""

    def __init__(self, login: Callable[[], str]) -> None:
        self._login = login
        self._own = OwnIssues(self._seen)

    def find(self, found: Repository, repository: str, marker: str) -> Issue | None:
        """Return it; 1 call, the first time 1 per 100 that we ever opened there."""

        def mine() -> Iterable[Issue]:
            return found.get_issues(
                state="all",
                creator=NamedUser(found.requester, {}, {"login": self._login()}),
                sort="created",
                direction="desc",
            )

        again = partial(_still_there, found)
        return self._own.find(repository, marker, again=again, newest_first=mine)

    def write(
        self, found: Repository, repository: str, marker: str, wanted: tuple[str, str, bool]
    ) -> IssueInfo | None:
        """Bring it to a title, a body and whether it is open; 1 call where that is a change."""
        title, body, open_ = wanted
        issue = self.find(found, repository, marker)
        if issue is None and not open_:
            return None
        if issue is None:
            issue = found.create_issue(title, marked(body, marker))
            self._own.made(repository, marker, issue.number)
        current = issue_info(issue, marker)
        if (current.title, current.body, current.open) != (title, body.rstrip(), open_):
            issue.edit(title=title, body=marked(body, marker), state=state(open_=open_))
        return issue_info(issue, marker)

    def _seen(self, issue: Issue) -> Seen:
        # Of pull requests, which are listed too, there may be thousands.
        is_mine = login_of(issue.user).lower() == self._login().lower()
        return Seen(issue.number, issue.body or "", "/pull/" not in issue.html_url and is_mine)


def state(*, open_: bool) -> str:
    """Return how GitHub says that an issue or a pull request is open, or closed."""
    return "open" if open_ else "closed"


def _still_there(found: Repository, number: int) -> Issue | None:
    """Return an issue, None where it was deleted or moved to another repository."""
    try:
        issue = found.get_issue(number).complete()
    except (NotFound, Refused) as gone:
        if status_of(gone) not in {404, 410}:
            raise
        return None
    return issue if issue.number == number else None
