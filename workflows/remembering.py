"""What a pipeline remembers: its state after deliveries, reports and looks, each taken once."""

from collections.abc import Iterable

from webhook.events import Comment, Delivery
from workflows.routing import told_anew
from workflows.values.looks import Survey
from workflows.values.pipeline import OpenPromotion, PipelineState, Planned, Report

# A forge delivers again within days; what it sent is remembered for this many deliveries.
_REMEMBERED = 512


def received(
    state: PipelineState, deliveries: Iterable[Delivery]
) -> tuple[PipelineState, list[Delivery]]:
    """Return those of the deliveries that were not taken before, and the state that knows them."""
    taken, fresh = dict.fromkeys(state.taken), []
    for delivery in deliveries:
        if delivery.id not in taken:
            taken[delivery.id] = None
            fresh.append(delivery)
    return state.model_copy(update={"taken": tuple(taken)[-_REMEMBERED:]}), fresh


def heard_once(
    state: PipelineState, comments: Iterable[Comment]
) -> tuple[PipelineState, list[Comment]]:
    """Leave out comments that a survey has had: they may be found and told of, both."""
    heard = dict.fromkeys(state.heard)
    fresh = [one for one in comments if one.id not in heard]
    heard.update(dict.fromkeys(one.id for one in fresh))
    return state.model_copy(update={"heard": tuple(heard)[-_REMEMBERED:]}), fresh


def has_rival(state: PipelineState, promotion: OpenPromotion) -> bool:
    """Whether another promotion is open where this one would be."""
    return any(
        one.slot == promotion.slot and one.workflow_id != promotion.workflow_id
        for one in state.open
    )


def opened(state: PipelineState, promotion: OpenPromotion) -> PipelineState:
    """Return the state with a promotion as it tells of itself, in the place of what was there."""
    others = [one for one in state.open if one.slot != promotion.slot]
    before = next((one for one in state.open if one.workflow_id == promotion.workflow_id), None)
    if before is not None and before.candidate == promotion.candidate:
        promotion = told_anew(before, promotion)
    return state.model_copy(update={"open": (*others, promotion)})


def without(state: PipelineState, workflow_id: str) -> PipelineState:
    """Return the state without a promotion that is over."""
    still = tuple(one for one in state.open if one.workflow_id != workflow_id)
    return state.model_copy(update={"open": still})


def ended(state: PipelineState, report: Report) -> PipelineState:
    """Return the state after a promotion has told that it has ended."""
    told = report.promotion
    # What it has taken is not answered anew, should somebody tell of it only now.
    passed = {comment.id for comment in report.comments}
    heard = (*state.heard, *(one for one in report.taken if one not in passed))
    update: dict[str, object] = {"heard": heard[-_REMEMBERED:]}
    if report.cancelled and not told.rolls_back:
        # By a person: this source commit is not tried again by itself.
        cancelled = (*state.cancelled, f"{told.environment}/{told.source}")
        update["cancelled"] = cancelled[-_REMEMBERED:]
    return without(state, told.workflow_id).model_copy(update=update)


def surveyed(state: PipelineState, asked: PipelineState, survey: Survey) -> PipelineState:
    """Return the state after a survey, but for what it has started; `asked` is that before it."""
    return state.model_copy(
        update={
            "remembered": survey.remembered,
            "planned": _planned(state.planned, asked.planned, survey.planned),
            "looked": survey.looked,
            "branches": survey.branches,
            "heads": survey.heads,
            "due": survey.due,
            "cancelled": (*state.cancelled, *survey.cancelled)[-_REMEMBERED:],
            "frozen": survey.frozen,
            "bot": survey.bot,
            "seen": survey.seen,
            "began": asked.began or survey.looked,
        }
    )


def _planned(
    now: tuple[Planned, ...], asked: tuple[Planned, ...], left: tuple[Planned, ...] | None
) -> tuple[Planned, ...]:
    """Return what is planned after a look; what was signalled meanwhile is there too."""
    if left is None:
        return now
    newer = [one for one in now if one not in asked]
    moved = {one.environment for one in newer}
    taken_back = {one.environment for one in asked if one not in now}
    stays = [one for one in left if one.environment not in moved | taken_back]
    return (*stays, *newer)
