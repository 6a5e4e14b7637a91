"""Find the bot's own issue among all: by number once it was seen, else the newest first."""

from collections.abc import Callable, Iterable
from typing import Generic, NamedTuple, TypeVar

from bot.forges.markers import carries

T = TypeVar("T")


class Seen(NamedTuple):
    """What tells whether an issue is the one: its number, its body, and whether it is ours."""

    number: int
    body: str
    ours: bool


class OwnIssues(Generic[T]):
    """Remembers, for each repository and marker, the issue, or else how far it has looked."""

    def __init__(self, read: Callable[[T], Seen]) -> None:
        self._read = read
        self._known: dict[tuple[str, str], int] = {}
        self._looked: dict[tuple[str, str], int] = {}

    def made(self, repository: str, marker: str, number: int) -> None:
        """Take note of one that was just made."""
        self._known[repository, marker] = number

    def find(
        self,
        repository: str,
        marker: str,
        *,
        again: Callable[[int], T | None],
        newest_first: Callable[[], Iterable[T]],
    ) -> T | None:
        """Return our issue with this marker, None where there is none.

        `again` shows one by its number, None where it is gone; `newest_first` lists those
        that the bot opened, and maybe others.
        """
        key = (repository, marker)
        number = self._known.pop(key, None)
        if number is not None:
            issue = again(number)
            if issue is not None and carries(self._read(issue).body, marker):
                self._known[key] = number
                return issue
        newest_seen = looked = self._looked.get(key, 0)
        for issue in newest_first():
            seen = self._read(issue)
            # What was there at the last look carried no marker, and only we would write one.
            if seen.number <= looked:
                break
            newest_seen = max(newest_seen, seen.number)
            if seen.ours and carries(seen.body, marker):
                self._known[key] = seen.number
                return issue
        self._looked[key] = newest_seen
        return None
