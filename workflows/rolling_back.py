"""What a roll-back would do at a commit, and how one begins."""

from collections.abc import Iterable, Iterator

from bot.engine.candidate import Plan
from bot.engine.objects import Record
from bot.engine.rollback import find_promotion, roll_back
from bot.forges.forge import PullRequestInfo
from bot.messages import replies, rollback
from bot.model import Head
from config.schema import Config
from workflows.sites import Site
from workflows.values.promotion import PromotionState

PREFIX = "lockstep/rollback/"


def plan_of(site: Site, head: Head, promotion: Record, by: str) -> Plan | None:
    """Return a roll-back in the shape of a plan; None where nothing was there before.

    Its source is the commit before the promotion, and what it holds back was changed since.
    """
    found = roll_back(site.git, head, promotion, site.keep, by)
    if found is None:
        return None
    carried = found.carried
    return Plan(found.comparison, carried.commit, carried.changes, found.left)


def plan_at(site: Site, state: PromotionState, head: Head) -> Plan | None:
    """Return what a roll-back does at a head; None where its promotion is not on the line."""
    recorded = site.git.recorded([state.undoes], state.environment)
    if not recorded or not site.git.contains(head.sha, state.undoes):
        return None
    return plan_of(site, head, recorded[0], state.asked_by)


def prepare(
    site: Site, config: Config, name: str, person: str
) -> tuple[PromotionState | None, str]:
    """Return the roll-back to begin, None where there is none, and the answer to who asked."""
    known = {e.name: e for e in config.environments if e.source is not None}
    if name not in known:
        is_first = any(e.name == name for e in config.environments)
        unknown = replies.no_environment(name, known)
        return None, rollback.first_environment(name) if is_first else unknown
    head = site.head(known[name])
    if head is None:
        return None, replies.gone(name)
    promotion = find_promotion(site.git, head.sha, name)
    plan = plan_of(site, head, promotion, person) if promotion else None
    if promotion is None or plan is None:
        return None, rollback.nothing_promoted(name)
    undone = promotion.commit[:10]
    if plan.candidate is None:
        return None, rollback.nothing_left(plan, undone)
    begun = _begun(site, plan, promotion, person)
    return begun, rollback.started(plan, undone, site.words)


def left_open(
    site: Site, config: Config, requests: Iterable[PullRequestInfo]
) -> Iterator[PromotionState]:
    """Yield the roll-backs among the open pull requests, for a pipeline that knows of none.

    Ours alone, of promotions that are on the line: whoever may push may also push a
    branch that is named like one.
    """
    me, known = site.forge.login(), {e.name: e for e in config.environments}
    for info in requests:
        name, _, short = info.head_branch.removeprefix(PREFIX).rpartition("/")
        ours = info.author == me and not info.from_fork and info.head_branch.startswith(PREFIX)
        head = site.head(known[name]) if ours and name in known else None
        if head is None:
            continue
        site.git.look(sorted({*site.git.heads, info.head_branch}))
        at = site.git.branch(info.head_branch)
        for said in site.git.recorded([at] if at else [], name):
            undone = site.git.recorded([said.undone], name) if said.undone else []
            if undone and undone[0].commit.startswith(short) and not undone[0].undone:
                plan = plan_of(site, head, undone[0], said.by)
                if plan is not None:
                    yield _begun(site, plan, undone[0], said.by)


def _begun(site: Site, plan: Plan, promotion: Record, by: str) -> PromotionState:
    return PromotionState(
        repository=site.key,
        environment=plan.comparison.target.environment,
        source=plan.comparison.source.sha,
        first=promotion.commit,
        undoes=promotion.commit,
        asked_by=by,
    )
