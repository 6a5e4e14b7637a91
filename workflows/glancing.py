"""Look at a repository cheaply: one `ls-remote`, one list of what we have open, no more.

What differs from what was known decides what is asked for next; what events should have
told, and did not, is found here. Where nothing differs, nothing else is asked.
"""

import hashlib
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.decisions.commands import parse_comment
from bot.forges.forge import CommentInfo, Forge, NotFound, OpenItem
from bot.forges.markers import carries
from bot.words import Words, words_for
from webhook.events import Comment, whole_lines
from workflows.routing import is_proposal
from workflows.sites import Sites
from workflows.values.looks import Glance, GlanceRequest
from workflows.values.pipeline import OpenPromotion, Touched
from workflows.values.promotion import News

# Our clock and the forge's need not agree; what is read twice is taken once.
_MARGIN = timedelta(minutes=1)
# A forge tells times to the second: what was touched just now may be touched again unseen.
_SECOND = timedelta(seconds=1)
# A forge lists by pages of so many; a repository with more has other worries.
_MOST_TOUCHED = 100
# What an answer of ours under a comment is marked with, followed by the comment's id.
_ANSWERS = ("answer", "answer-of-the-repository", "status")


def spread(now: datetime, reconcile: timedelta) -> datetime:
    """Return when to look again: up to a tenth later, so that many repositories spread."""
    return now + reconcile * (1 + random.random() / 10)  # noqa: S311 -- no secret


def anywhere(now: datetime, reconcile: timedelta) -> datetime:
    """Return when to look again: at any moment of the interval, so that not all come at once."""
    return now + reconcile * (0.1 + random.random())  # noqa: S311 -- no secret


def digest_of_heads(heads: Mapping[str, str], branches: Iterable[str]) -> str:
    """Return a digest of where branches are; one that is gone is nowhere."""
    lines = "\n".join(f"{name} {heads.get(name, '')}" for name in sorted(branches))
    return hashlib.sha256(lines.encode(errors="replace")).hexdigest()[:16]


def glance(sites: Sites, request: GlanceRequest, reconcile: timedelta) -> Glance:
    """Look once. Raises `ForgeError` and `RepositoryError`."""
    key, now = request.repository, sites.clock()
    forge = sites.forge(key)
    ours = {promotion.branch for promotion in request.open}
    # First what a limit may not allow: a look that is put off has cost nothing.
    items = list(forge.open_items(key.full_name))[:_MOST_TOUCHED]
    heads = sites.look(key, ours | set(request.branches))
    seen = _Seen(request, heads, items, now)
    for item in seen.moved:
        _hear(forge, seen, item, words_for(key.forge))
    look = digest_of_heads(heads, request.branches) != request.heads
    merged = [
        number
        for number in request.wishes
        if look and forge.pull_request(key.full_name, number).state == "merged"
    ]
    return Glance(
        until=spread(now, reconcile),
        look=look or bool(merged),
        drift=look or seen.drift,
        news=seen.news,
        comments=tuple(seen.comments),
        merged=tuple(merged),
        ended=tuple(_ended(forge, seen)),
        touched=tuple(_touched(item, now) for item in items),
    )


def _touched(item: OpenItem, now: datetime) -> Touched:
    """Return when an item was touched; one that was so just now is looked at again next time."""
    is_settled = now - item.changed > _MARGIN
    return Touched(number=item.number, at=item.changed if is_settled else item.changed - _SECOND)


@dataclass(slots=True)
class _Seen:
    """What differs from what was known: of the promotions, and of what else we have open."""

    request: GlanceRequest
    heads: Mapping[str, str]
    items: Sequence[OpenItem]
    now: datetime
    news: dict[str, News] = field(default_factory=dict)
    comments: list[Comment] = field(default_factory=list)
    drift: bool = False

    def __post_init__(self) -> None:
        now_open = {item.number for item in self.items}
        for promotion in self.request.open:
            if promotion.number is None or not promotion.candidate:
                continue
            ended = promotion.number not in now_open
            pushed = self.heads.get(promotion.branch) != promotion.candidate
            lacks = _lacks_checks(promotion) and not promotion.rests(self.now)
            news = News(checks=lacks, pull_request=ended or pushed)
            if news != News():
                self.news[promotion.slot] = news
        # A back-merge that was closed, or the drift issue.
        self.drift = bool(self.gone)

    @property
    def gone(self) -> list[int]:
        """What was open and is not, and is no promotion, which finds out itself."""
        now_open = {item.number for item in self.items}
        return [n for n in self._known if n not in now_open and self._promotion(n) is None]

    @property
    def moved(self) -> list[OpenItem]:
        """What was touched since it was looked at last."""
        return [item for item in self.items if self._known.get(item.number) != item.changed]

    @property
    def _known(self) -> dict[int, datetime]:
        return {one.number: one.at for one in self.request.touched}

    def since(self, number: int) -> datetime | None:
        """Return from when on comments are news; None where that is not known.

        Of what was not looked at before, all is: a survey asks after branches, not comments.
        """
        known = self._known.get(number, self.request.began or self.request.looked)
        return None if known is None else known - _MARGIN

    def add(self, item: OpenItem, said: tuple[Comment, ...]) -> None:
        """Add that something was touched, and what was said there."""
        promotion = self._promotion(item.number)
        if promotion is None:
            self.comments += said
            self.drift |= item.number in self._known
            return
        # It may have been ourselves: a reason to ask, and none to try again what was refused.
        before = self.news.get(promotion.slot, News())
        self.news[promotion.slot] = before.model_copy(update={"ask": True, "comments": said})

    def _promotion(self, number: int) -> OpenPromotion | None:
        return next((one for one in self.request.open if one.number == number), None)


def _ended(forge: Forge, seen: _Seen) -> Iterator[str]:
    """Yield the branches of proposals that were open, and are merged."""
    for number in seen.gone:
        try:
            info = forge.pull_request(seen.request.repository.full_name, number)
        except NotFound:
            continue  # an issue
        if info.state == "merged" and is_proposal(info.head_branch):
            yield info.head_branch


def _lacks_checks(promotion: OpenPromotion) -> bool:
    """Whether a check may have reported without our hearing of it: no list shows that."""
    return promotion.awaits is None or bool(set(promotion.awaits) - set(promotion.reported))


def _hear(forge: Forge, seen: _Seen, item: OpenItem, words: Words) -> None:
    since = seen.since(item.number)
    if since is None:
        return
    name = seen.request.repository.full_name
    said = forge.comments(name, item.number, since, on_pull_request=item.is_pull_request)
    seen.add(item, unanswered(item, said, forge.login(), words))


def unanswered(
    item: OpenItem, said: Sequence[CommentInfo], me: str, words: Words
) -> tuple[Comment, ...]:
    """Return what people asked of us and had no answer to, oldest first.

    An edited comment never counts: what it said when it was new, nobody knows.
    """
    ours = [one.text for one in said if one.author.casefold() == me.casefold()]
    return tuple(
        Comment(
            number=item.number,
            id=one.id,
            author=one.author,
            at=one.at,
            text=whole_lines(one.text),
            on_pull_request=item.is_pull_request,
        )
        for one in said
        if one.author.casefold() != me.casefold()
        and not one.edited
        and parse_comment(whole_lines(one.text), words)
        and not any(carries(text, f"{kind}-{one.id}") for kind in _ANSWERS for text in ours)
    )
