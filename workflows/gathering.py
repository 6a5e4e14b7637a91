"""Gather what gates judge beyond the forge's own: from git's content and history."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bot.decisions.requirements import Requirements
from bot.engine.candidate import Plan
from bot.evidence.observed import Around, Pushed, code_owners, of_content
from bot.model import Head
from workflows.sites import Site
from workflows.values import PromotionState, SeenHead

# Of one branch; what came in before the oldest of them counts by its commits' dates.
_MOST_SEEN = 8


def noticed(
    seen: Sequence[SeenHead], branch: str, head: str | None, now: datetime
) -> tuple[SeenHead, ...]:
    """Return the heads that branches were seen at, with the present one of `branch`.

    One that stood there when we first looked was pushed nobody knows when.
    """
    mine = [each for each in seen if each.branch == branch]
    if head is None or (mine and mine[-1].sha == head):
        return tuple(seen)
    mine.append(SeenHead(branch=branch, sha=head, at=now if mine else None))
    return (*(each for each in seen if each.branch != branch), *mine[-_MOST_SEEN:])


def gather(
    site: Site, state: PromotionState, plan: Plan | None, needed: Requirements
) -> dict[str, Any]:
    """Return the facts about the content, by their names in `GateFacts`."""
    if plan is None or not plan.promoted:
        return {}
    around = Around(
        git=site.git,
        config=site.config,
        head=site.head,
        root=site.git.branch(site.info.default_branch),
        pushed=[Pushed(each.sha, each.at) for each in state.seen],
    )
    found = of_content(around, plan, needed, site.now)
    if needed.code_owners:
        found["code_owners"] = _code_owners(site, plan.comparison.target, plan)
    return found


def _code_owners(site: Site, target: Head, plan: Plan) -> object:
    paths = sorted({change.path for change in plan.promoted})
    return code_owners(site.git, target, paths, site.forge.name, site.forge.members)
