"""Tell a pipeline where the news of a promotion has to go: once, until that changes."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.decisions.gates.checks import GREEN, OWN_STATUS
from bot.decisions.requirements import EVERY_CHECK
from webhook.events import Comment
from workflows.checks_carried import checks_of
from workflows.observing import Observed
from workflows.sites import Site
from workflows.values.pipeline import OpenPromotion, Report
from workflows.values.promotion import Advanced

Tell = Callable[[str, Report], None]
"""Tells the pipeline of this id; one that is not there finds out by itself."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Where a step comes to rest, and what the pipeline has to know of it.

    `cancelled` says that a person did not want the promotion, `is_lacking` that a
    permission is in the way.
    """

    step: Advanced
    cancelled: bool = False
    source_branch: str = ""
    target_branch: str = ""
    awaits: tuple[str, ...] | None = None
    watches: tuple[str, ...] = ()
    rests_until: datetime | None = None
    is_lacking: bool = False


def tell(report: Tell, rest: Rest, pass_on: tuple[Comment, ...]) -> Advanced:
    """Tell where news has to go, whenever that has changed, and return the step.

    `pass_on` are comments that ask for something that is not the promotion's.
    """
    state, step = rest.step.state, rest.step
    told = OpenPromotion(
        environment=state.environment,
        source=state.source,
        workflow_id=state.workflow_id,
        branch=state.branch,
        source_branch=rest.source_branch,
        target_branch=rest.target_branch,
        number=state.number,
        candidate=state.candidate.sha if state.candidate else "",
        awaits=rest.awaits,
        unknown=rest.awaits is None and not state.runs,
        watches=rest.watches,
        rests_until=rest.rests_until,
        rolls_back=state.asked_by if state.undoes else "",
    )
    digest = digest_of(told)
    if digest == state.told and not step.outcome and not pass_on:
        return step
    report(
        state.repository.pipeline_id,
        Report(
            promotion=told,
            ended=bool(step.outcome),
            cancelled=rest.cancelled,
            comments=pass_on,
            taken=state.taken if step.outcome else (),
        ),
    )
    return step.model_copy(update={"state": state.model_copy(update={"told": digest})})


def digest_of(told: OpenPromotion) -> str:
    """Return a digest of what a pipeline was told, and behind a colon one of what is awaited."""
    where, awaits = (
        hashlib.sha256(text.encode()).hexdigest()
        for text in (
            told.model_dump_json(exclude={"awaits", "unknown"}),
            told.model_dump_json(include={"awaits", "unknown"}),
        )
    )
    return f"{where[:12]}:{awaits[:12]}"


def with_nothing_awaited(told: str) -> str:
    """Return the digest of what a pipeline takes for told, where it guesses what is awaited."""
    nothing = OpenPromotion(environment="", source="", workflow_id="", branch="", awaits=())
    return f"{told.partition(':')[0]}:{digest_of(nothing).partition(':')[2]}"


def awaited(observed: Observed) -> tuple[str, ...] | None:
    """Return the checks whose success can change something, None for whichever reports."""
    if any(ran.state in {"queued", "running"} for ran in observed.state.runs):
        # The jobs of a run report as checks, by names that nobody has told us.
        return None
    required = observed.promotion.gates.checks.required
    if required and EVERY_CHECK not in required:
        return tuple(sorted(set(required) - {OWN_STATUS}))
    checks = checks_of(observed.state)
    if not checks:
        return None
    green = {check.name for check in checks if check.state in GREEN}
    known = {check.name for check in checks} | set(required) - {EVERY_CHECK}
    return tuple(sorted(known - green))


def watched(site: Site, observed: Observed) -> tuple[str, ...]:
    """Return the branches of what is further down, where that has to be empty first."""
    if not observed.promotion.gates.drained:
        return ()
    below = {observed.promotion.environment}
    found = []
    for environment in site.config.environments:
        if environment.source in below:
            below.add(environment.name)
            found.append(environment.branch)
    return tuple(found)
