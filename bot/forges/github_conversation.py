"""What is said under a pull request or an issue of GitHub, and the issues there."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from github.Issue import Issue
from github.NamedUser import NamedUser
from github.Repository import Repository

from bot.forges.forge import CommentInfo, IssueInfo, NotFound, Refused
from bot.forges.github_errors import status_of
from bot.forges.github_looks import listed, moment
from bot.forges.github_shapes import issue_info, login_of
from bot.forges.markers import carries, marked
from bot.forges.own_issue import Seen

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


@dataclass(frozen=True, slots=True)
class Issues:
    """A repository's issues, of which the bot's own are those of `login`; see `own_issue`."""

    found: Repository
    login: str

    def again(self, number: int) -> Issue | None:
        """Return one, None where it was deleted or moved to another repository; 1 call."""
        try:
            issue = self.found.get_issue(number).complete()
        except (NotFound, Refused) as gone:
            if status_of(gone) not in {404, 410}:
                raise
            return None
        return issue if issue.number == number else None

    def newest_first(self) -> Iterable[Issue]:
        """List those of the bot, pull requests among them; 1 call per 100."""
        me = NamedUser(self.found.requester, {}, {"login": self.login})
        return self.found.get_issues(state="all", creator=me, sort="created", direction="desc")

    def seen(self, issue: Issue) -> Seen:
        """Return what tells whether it is the one."""
        # Of pull requests, which are listed too, there may be thousands.
        is_mine = login_of(issue.user).lower() == self.login.lower()
        return Seen(issue.number, issue.body or "", "/pull/" not in issue.html_url and is_mine)

    def info(self, issue: Issue, marker: str) -> IssueInfo:
        """Return it as the bot knows issues."""
        return issue_info(issue, marker)

    def opened(self, title: str, body: str) -> Issue:
        """Open one; 1 call."""
        return self.found.create_issue(title, body)

    def edited(self, issue: Issue, title: str, body: str, *, open_: bool) -> Issue:
        """Bring one to a title and a body, and to be open or closed; 1 call."""
        issue.edit(title=title, body=body, state=state(open_=open_))
        return issue


def state(*, open_: bool) -> str:
    """Return how GitHub says that an issue or a pull request is open, or closed."""
    return "open" if open_ else "closed"
