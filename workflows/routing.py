"""Where an event goes: to a promotion that it concerns, to a look at the repository, nowhere."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from webhook.events import (
    BranchDeleted,
    ChecksChanged,
    Comment,
    Delivery,
    InstallationChanged,
    PullRequestChanged,
    Push,
    RepositoryChanged,
    ReviewChanged,
)
from workflows.values import News, OpenPromotion, PipelineState

_OURS = "lockstep/"


@dataclass(slots=True)
class Routed:
    """News by environment, and what a look at the repository has to answer."""

    news: dict[str, News] = field(default_factory=dict)
    look: bool = False
    comments: list[Comment] = field(default_factory=list)
    merged: list[int] = field(default_factory=list)


def route(state: PipelineState, deliveries: Iterable[Delivery]) -> Routed:
    """Sort events; many for one promotion become one piece of news, the latest state wins."""
    routed = Routed()
    for delivery in deliveries:
        _one(state, delivery, routed)
    if routed.look:
        for promotion in state.open:
            _tell(routed, promotion, News())
    return routed


def _one(state: PipelineState, delivery: Delivery, routed: Routed) -> None:
    match delivery.event:
        case Comment() as comment:
            mine = _numbered(state, comment.number)
            if mine is None:
                routed.comments.append(comment)
            else:
                _tell(routed, mine, News(comments=(comment,)))
        case ChecksChanged(sha=sha):
            for promotion in state.open:
                if promotion.candidate == sha:
                    _tell(routed, promotion, News(checks=True))
        case PullRequestChanged(number=number, merged=merged):
            if merged:
                routed.merged.append(number)
            if mine := _numbered(state, number):
                _tell(routed, mine, News(pull_request=True))
        case ReviewChanged(number=number):
            if mine := _numbered(state, number):
                _tell(routed, mine, News(pull_request=True))
        case Push(branch=branch, after=after):
            _pushed(state, branch, after, routed)
        case BranchDeleted(branch=branch):
            _pushed(state, branch, None, routed)
        case RepositoryChanged() | InstallationChanged():
            routed.look = True


def _pushed(state: PipelineState, branch: str, after: str | None, routed: Routed) -> None:
    if not branch.startswith(_OURS):
        routed.look = True
        return
    for promotion in state.open:
        # Our own push says nothing new.
        if promotion.branch == branch and promotion.candidate != after:
            _tell(routed, promotion, News(pull_request=True))


def _numbered(state: PipelineState, number: int) -> OpenPromotion | None:
    return next((promotion for promotion in state.open if promotion.number == number), None)


def _tell(routed: Routed, promotion: OpenPromotion, news: News) -> None:
    before = routed.news.get(promotion.environment, News())
    routed.news[promotion.environment] = News(
        checks=before.checks or news.checks,
        pull_request=before.pull_request or news.pull_request,
        comments=before.comments + news.comments,
    )
