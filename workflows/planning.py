"""Promotions that people asked for at a later time: kept, cancelled, and done when they are due."""

from collections.abc import Iterable
from datetime import datetime

from bot.decisions.appointments import appointment, zone_of
from bot.messages import replies
from bot.words import Words
from config.schema import Config
from webhook.events import Comment
from workflows.values.pipeline import Planned

# One for each environment, and nobody has more of those.
MOST_PLANNED = 100


class Calendar:
    """What is planned in one repository; there is one promotion for each environment at most."""

    def __init__(self, planned: Iterable[Planned], words: Words) -> None:
        self._planned = {one.environment: one for one in planned}
        self._words = words

    @property
    def planned(self) -> tuple[Planned, ...]:
        """What is planned, the next first."""
        return tuple(sorted(self._planned.values(), key=lambda one: (one.at, one.environment)))

    def add(self, config: Config, comment: Comment, name: str, text: str, now: datetime) -> str:
        """Plan a promotion; return the answer, which says when, or why not."""
        known = {e.name: e for e in config.environments if e.source is not None}
        if name not in known:
            return replies.no_environment(name, known)
        try:
            when = appointment(text, zone_of(known[name]), now)
        except ValueError as why:
            return replies.no_moment(str(why))
        before = self._planned.get(name)
        if before is None and len(self._planned) >= MOST_PLANNED:
            return replies.no_moment(f"{MOST_PLANNED} promotions are planned already")
        self._planned[name] = Planned(
            environment=name,
            at=when.at,
            wall=when.wall,
            person=comment.author,
            number=comment.number,
            comment=comment.id,
            on_pull_request=comment.on_pull_request,
        )
        instead = before.wall if before and before.at != when.at else ""
        return replies.planned(name, when, instead, self._words)

    def cancel(self, number: int, name: str | None) -> str:
        """Take back what is planned for an environment, or under this number; empty for nothing."""
        found = [
            one
            for one in self.planned
            if (one.environment == name if name else one.number == number)
        ]
        for one in found:
            del self._planned[one.environment]
        return " ".join(replies.not_planned(one.environment, one.wall) for one in found)

    def due(self, now: datetime) -> list[Planned]:
        """Return what has to be done now, and forget it."""
        found = [one for one in self.planned if one.at <= now]
        for one in found:
            del self._planned[one.environment]
        return found

    def put_back(self, planned: Planned) -> None:
        """Keep what was due and could not be done yet, unless there is something newer."""
        self._planned.setdefault(planned.environment, planned)

    @property
    def next(self) -> datetime | None:
        """When the next is due, None for never."""
        return min((one.at for one in self._planned.values()), default=None)
