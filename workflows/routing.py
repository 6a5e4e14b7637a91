"""Where an event goes: to a promotion that it concerns, to a look at the repository, nowhere."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.decisions import commands as c
from bot.decisions.commands import parse_comment
from bot.words import words_for
from webhook.events import (
    FREEZE_BRANCH,
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
from workflows.values.pipeline import OpenPromotion, PipelineState, Unsaid
from workflows.values.promotion import News, one_way

_OURS = "lockstep/"
_BACK_MERGES = "lockstep/back-merge/"
_PROPOSALS = ("back-merge", "keep", "discard", "resolve")
_MOST_EARLY = 64
# Checks tend to end together: what reports so soon after another that nobody awaited by its
# name is told with those that follow, or not at all where it turns out to change nothing.
GATHER = timedelta(seconds=3)
_OF_PROMOTIONS = (c.SignOff, c.Reject, c.Hold, c.Resume, c.Retry, c.Override)


@dataclass(slots=True)
class Routed:
    """The state after some events, news by slot, and what a look has to answer.

    `changed` says that the repository itself is another, `drift` that the drift watch
    should look, and `moved` that the repository is no longer of this name. `unsaid` are
    answers that were put off. `now` is when this is; without it each check is told of at once.
    """

    state: PipelineState
    now: datetime | None = None
    news: dict[str, News] = field(default_factory=dict)
    look: bool = False
    comments: list[Comment] = field(default_factory=list)
    merged: list[int] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    unsaid: tuple[Unsaid, ...] = ()
    changed: bool = False
    drift: bool = False
    moved: bool = False


def route(
    state: PipelineState, deliveries: Iterable[Delivery], now: datetime | None = None
) -> Routed:
    """Sort events; many for one promotion become one piece of news, the latest state wins."""
    routed = Routed(state.model_copy(update={"early": ()}), now)
    for promotion in state.open:
        if promotion.owed and now is not None:
            _pay(promotion, routed, now)
    for delivery in (*state.early, *deliveries):
        if _is_early(delivery, routed.state):
            early = (*routed.state.early, delivery)[-_MOST_EARLY:]
            routed.state = routed.state.model_copy(update={"early": early})
        else:
            _one(delivery, routed)
    return routed


def _is_early(delivery: Delivery, state: PipelineState) -> bool:
    """Whether a promotion that has yet to tell of itself, or of its new candidate, may be meant."""
    unknown = any(not promotion.source_branch for promotion in state.open)
    match delivery.event:
        case ChecksChanged(sha=sha):
            return bool(state.open) and all(promotion.candidate != sha for promotion in state.open)
        case Comment(number=number, on_pull_request=True) as comment:
            numberless = any(promotion.number is None for promotion in state.open)
            meant = unknown or (numberless and _is_for_a_promotion(comment, state))
            return meant and _numbered(state, number) is None
        case ReviewChanged(number=number):
            return unknown and _numbered(state, number) is None
        case PullRequestChanged(number=number, head_branch=branch):
            return unknown and branch.startswith(_OURS) and _numbered(state, number) is None
        case _:
            return False


def _is_for_a_promotion(comment: Comment, state: PipelineState) -> bool:
    """Whether something is said that only an open promotion can take."""
    commands = parse_comment(comment.text, words_for(state.forge))
    return any(isinstance(command, _OF_PROMOTIONS) for command in commands)


def add(routed: Routed, promotion: OpenPromotion, news: News) -> None:
    """Add to what a promotion will be told."""
    before = routed.news.get(promotion.slot, News())
    routed.news[promotion.slot] = News(
        checks=before.checks or news.checks,
        checks_by=one_way((before, news)),
        guessed=before.guessed or news.guessed,
        pull_request=before.pull_request or news.pull_request,
        ask=before.ask or news.ask,
        comments=before.comments + news.comments,
        rolling=before.rolling if news.rolling is None else news.rolling,
    )


def _one(delivery: Delivery, routed: Routed) -> None:
    match delivery.event:
        case Comment() as comment:
            # On GitLab issues and merge requests are numbered apart.
            on_pull = comment.on_pull_request
            mine = _numbered(routed.state, comment.number) if on_pull else None
            if mine is None:
                routed.comments.append(comment)
            else:
                add(routed, mine, News(comments=(comment,)))
        case ChecksChanged() as checks:
            _checked(checks, routed)
        case PullRequestChanged() as changed:
            _changed(changed, routed)
        case ReviewChanged(number=number):
            if mine := _numbered(routed.state, number):
                add(routed, mine, News(pull_request=True))
        case Push(branch=branch, by=by) | BranchDeleted(branch=branch, by=by):
            _pushed(branch, by, delivery.repository.default_branch, routed)
        case RepositoryChanged(change="moved", before=before) if before == _name(routed.state):
            routed.moved = True
        case RepositoryChanged() | InstallationChanged():
            routed.look = routed.changed = True


def _name(state: PipelineState) -> str:
    return state.repository.full_name


def _checked(checks: ChecksChanged, routed: Routed) -> None:
    """Tell a promotion of its checks when that can change something, however many report.

    A failure always can. Successes do once all that it awaits have reported, and once
    only: so a promotion is woken once by a hundred checks.
    """
    mine = next((p for p in routed.state.open if p.candidate == checks.sha), None)
    if mine is None:
        return
    if mine.awaits is None and not checks.failed and routed.now is not None:
        _succeeded_somehow(mine, checks, routed, routed.now)
        return
    awaits, before, reported = mine.awaits, set(mine.reported), _reported(mine, checks)
    if awaits is not None and not mine.guessed:
        reported &= set(awaits)
    changed = _put(mine, {"reported": tuple(sorted(reported))}, routed)
    if awaits is not None and not checks.failed:
        complete = reported == set(awaits) and not mine.guessed
        if not complete or (checks.name is not None and reported == before):
            return
    # Of others that were awaited too, it is not remembered by which way they reported.
    by = checks.by if awaits is not None and set(awaits) <= {checks.name} else None
    add(routed, changed, News(checks=True, checks_by=by))


def _reported(promotion: OpenPromotion, checks: ChecksChanged) -> set[str]:
    """Return the checks that a promotion has had a success of, with this report."""
    if checks.name is None:
        return set(promotion.reported)
    if checks.failed:
        return set(promotion.reported) - {checks.name}
    return {*promotion.reported, checks.name}


def _succeeded_somehow(
    mine: OpenPromotion, checks: ChecksChanged, routed: Routed, now: datetime
) -> None:
    """Tell of a success that is awaited by no name: at once, or with those that follow soon."""
    if mine.unknown:
        update: dict[str, object] = {"awaits": (), "unknown": False, "guessed": True}
        add(routed, _put(mine, update, routed), News(checks=True, guessed=True))
        return
    is_soon = mine.woken is not None and now < mine.woken + GATHER
    update = {"owed": True} if is_soon else {"woken": now, "owed": False}
    update["reported"] = tuple(sorted(_reported(mine, checks)))
    changed = _put(mine, update, routed)
    if not is_soon:
        add(routed, changed, News(checks=True))


def told_anew(before: OpenPromotion, promotion: OpenPromotion) -> OpenPromotion:
    """Return a promotion as it tells of itself, with what was heard of its candidate's checks."""
    # Where it was guessed what it awaits, what came meanwhile may be just that.
    owed = before.owed or (before.guessed and bool(before.reported))
    heard = {"reported": before.reported, "woken": before.woken, "owed": owed}
    return promotion.model_copy(update=heard)


def _pay(promotion: OpenPromotion, routed: Routed, now: datetime) -> None:
    """Tell of the checks that came soon after others, where it is time or is known to matter."""
    awaits = promotion.awaits
    if awaits is None:
        if promotion.woken is not None and now < promotion.woken + GATHER:
            return
        paid = _put(promotion, {"woken": now, "owed": False}, routed)
    else:
        reported = tuple(sorted(set(promotion.reported) & set(awaits)))
        paid = _put(promotion, {"reported": reported, "owed": False}, routed)
        if not awaits or set(reported) != set(awaits):
            return
    add(routed, paid, News(checks=True))


def _put(promotion: OpenPromotion, update: dict[str, object], routed: Routed) -> OpenPromotion:
    changed = promotion.model_copy(update=update)
    now_open = tuple(changed if one is promotion else one for one in routed.state.open)
    routed.state = routed.state.model_copy(update={"open": now_open})
    return changed


def _changed(changed: PullRequestChanged, routed: Routed) -> None:
    number = changed.number
    if changed.action == "closed":
        if changed.merged:
            if is_proposal(changed.head_branch) and not changed.from_fork:
                routed.ended.append(changed.head_branch)
            if any(wish.number == number for wish in routed.state.remembered):
                routed.merged.append(number)
        else:
            wishes = tuple(wish for wish in routed.state.remembered if wish.number != number)
            routed.state = routed.state.model_copy(update={"remembered": wishes})
    if _is_ours(changed.by, routed):
        # What we did ourselves we know.
        return
    if changed.head_branch.startswith(_BACK_MERGES) and not changed.from_fork:
        routed.drift = True
    if mine := _numbered(routed.state, number):
        add(routed, mine, News(pull_request=True))


def is_proposal(branch: str) -> bool:
    """Whether a branch of ours is a proposal's, which nothing else looks after."""
    return branch.startswith(tuple(f"{_OURS}{kind}/" for kind in _PROPOSALS))


def _pushed(branch: str, by: str | None, default_branch: str | None, routed: Routed) -> None:
    if branch == FREEZE_BRANCH:
        # To be seen everywhere, and at once.
        routed.look = routed.drift = True
        for promotion in routed.state.open:
            add(routed, promotion, News())
        return
    if branch.startswith(_OURS):
        # Where there is no forge, nothing else tells that somebody gave one up.
        if branch.startswith(_BACK_MERGES) and not _is_ours(by, routed):
            routed.drift = True
        for promotion in routed.state.open:
            if promotion.branch == branch and not _is_ours(by, routed):
                add(routed, promotion, News(pull_request=True))
        return
    known, watched = routed.state.branches, (p.watches for p in routed.state.open)
    ours = {*known, default_branch}.union(*watched)
    if known and default_branch is not None and branch not in ours:
        # Somebody's work, as by far the most pushes are.
        return
    routed.look = routed.drift = True
    for promotion in routed.state.open:
        # The target moved by ourselves is this promotion's own merge.
        own = branch == promotion.target_branch and _is_ours(by, routed)
        mine = {promotion.source_branch, promotion.target_branch, *promotion.watches}
        concerned = branch in mine | {default_branch}
        if concerned and not own:
            add(routed, promotion, News())


def _is_ours(by: str | None, routed: Routed) -> bool:
    return by is not None and by.casefold() == routed.state.bot.casefold()


def _numbered(state: PipelineState, number: int) -> OpenPromotion | None:
    return next((promotion for promotion in state.open if promotion.number == number), None)
