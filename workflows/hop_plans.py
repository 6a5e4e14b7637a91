"""The plan of a hop at two commits, and the digest of what it promotes."""

from bot.decisions.digest import content_digest
from bot.engine.candidate import MergeMethod, Plan, plan_promotion
from bot.engine.drift import compare
from bot.model import Head
from config.schema import Environment
from workflows.sites import Site


def plan_for(
    site: Site,
    source: Head,
    target: Head,
    environment: Environment,
    lifts: tuple[str, ...] = (),
) -> Plan:
    """Return the plan of a hop at two fixed commits, which is made once.

    `lifts` are roll-backs that hold nothing back any more.
    """
    method = MergeMethod(environment.merge)

    def made() -> Plan:
        comparison = compare(site.git, source, target, site.keep, lifts)
        return plan_promotion(site.git, comparison, site.keep, method)

    key = (site.info.id, source, target, method, site.config.keep, lifts)
    return site.plans.get(key, made)


def plan_and_lifts(
    site: Site, source: Head, target: Head, environment: Environment, *, by_hand: bool
) -> tuple[Plan, tuple[str, ...]]:
    """Return the plan of a promotion that begins now, and the roll-backs that it lifts.

    Who asks for one by hand takes along what was rolled back until then.
    """
    plan = plan_for(site, source, target, environment)
    lifts = plan.comparison.held_by if by_hand else ()
    return (plan_for(site, source, target, environment, lifts) if lifts else plan), lifts


def digest_of(plan: Plan) -> str:
    """Return the digest of what a plan promotes, which people's word is bound to."""
    return content_digest((c.path, c.key, c.source.token) for c in plan.promoted)
