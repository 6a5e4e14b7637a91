"""The bot's own issue among all: found by its number once it was seen, else the newest first."""

from collections.abc import Iterable
from typing import NamedTuple, Protocol, TypeVar

from bot.forges.forge import IssueInfo
from bot.forges.markers import carries, marked

T = TypeVar("T")


class Seen(NamedTuple):
    """What tells whether an issue is the one: its number, its body, and whether it is ours."""

    number: int
    body: str
    ours: bool


class Issues(Protocol[T]):
    """The issues of one repository, as its forge has them."""

    def again(self, number: int) -> T | None:
        """Return one by its number, None where it is gone."""

    def newest_first(self) -> Iterable[T]:
        """List those that the bot opened, and maybe others."""

    def seen(self, issue: T) -> Seen:
        """Return what tells whether it is the one."""

    def info(self, issue: T, marker: str) -> IssueInfo:
        """Return it as the bot knows issues."""

    def opened(self, title: str, body: str) -> T:
        """Open one."""

    def edited(self, issue: T, title: str, body: str, *, open_: bool) -> T:
        """Bring one to a title and a body, and to be open or closed."""


class OwnIssues:
    """Remembers, for each repository and marker, the issue, or else how far it has looked."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], int] = {}
        self._looked: dict[tuple[str, str], int] = {}

    def find(self, issues: Issues[T], repository: str, marker: str) -> T | None:
        """Return our issue with this marker, None where there is none."""
        key = (repository, marker)
        number = self._known.pop(key, None)
        if number is not None:
            issue = issues.again(number)
            if issue is not None and carries(issues.seen(issue).body, marker):
                self._known[key] = number
                return issue
        newest_seen = looked = self._looked.get(key, 0)
        for issue in issues.newest_first():
            seen = issues.seen(issue)
            # What was there at the last look carried no marker, and only we would write one.
            if seen.number <= looked:
                break
            newest_seen = max(newest_seen, seen.number)
            if seen.ours and carries(seen.body, marker):
                self._known[key] = seen.number
                return issue
        self._looked[key] = newest_seen
        return None

    def read(self, issues: Issues[T], repository: str, marker: str) -> IssueInfo | None:
        """See `Forge.issue`."""
        found = self.find(issues, repository, marker)
        return None if found is None else issues.info(found, marker)

    def write(
        self, issues: Issues[T], repository: str, marker: str, wanted: tuple[str, str, bool]
    ) -> IssueInfo | None:
        """Bring our issue to a title, a body and whether it is open; see `Forge.write_issue`."""
        title, body, open_ = wanted
        issue = self.find(issues, repository, marker)
        if issue is None and not open_:
            return None
        text = marked(body, marker)
        if issue is None:
            issue = issues.opened(title, text)
            self._known[repository, marker] = issues.seen(issue).number
        current = issues.info(issue, marker)
        if (current.title, current.body, current.open) != (title, body.rstrip(), open_):
            issue = issues.edited(issue, title, text, open_=open_)
        return issues.info(issue, marker)
