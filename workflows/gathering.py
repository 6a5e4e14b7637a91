"""Gather what gates judge beyond the forge's own: from content and history, and from services."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from bot.decisions.facts import Answer, CodeOwners
from bot.decisions.gates.outside import is_due, key_of
from bot.decisions.requirements import Requirements
from bot.engine.candidate import Plan
from bot.evidence.observed import Around, Pushed, code_owners, of_content
from bot.probes import ask_http, ask_metrics
from bot.together import together
from config.outside import HttpGate, MetricsGate
from config.policy import CODE_OWNERS
from workflows.sites import Site
from workflows.values.promotion import Answered, PromotionState, SeenHead

# Of one branch; what came in before the oldest of them counts by its commits' dates.
_MOST_SEEN = 8
# Services that are asked at the same time.
_AT_ONCE = 8


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
) -> tuple[PromotionState, dict[str, Any]]:
    """Return the facts that gates judge besides, by their names in `GateFacts`.

    Services are asked no more often than their gates say, and what they answered is part
    of the promotion's state.
    """
    if plan is None or not plan.promoted:
        return state, {}
    around = Around(
        git=site.git,
        config=site.config,
        head=site.head,
        root=site.git.branch(site.info.default_branch),
        pushed=[Pushed(each.sha, each.at) for each in state.seen],
    )
    found = of_content(around, plan, needed, site.now)
    if needed.code_owners or CODE_OWNERS in needed.sign_offs:
        found["code_owners"] = owners_of(site, plan)
    on_the_web = {
        f.calendar: f.timezone for f in needed.freezes if f.calendar and "://" in f.calendar
    }
    for url, zone in on_the_web.items():
        found["calendars"][url] = site.outside.calendars.read(url, zone, site.now)
    state = _asked(site, state, needed)
    found["answers"] = {answered.key: answered.answer for answered in state.answers}
    found["runs"] = {ran.key: ran.run for ran in state.runs}
    return state, found


def _asked(site: Site, state: PromotionState, needed: Requirements) -> PromotionState:
    """Ask the services whose time it is; answers to what is asked no more are forgotten."""
    candidate = state.candidate
    gates: tuple[HttpGate | MetricsGate, ...] = (*needed.http, *needed.metrics)
    if candidate is None or not gates:
        return state.model_copy(update={"answers": ()}) if state.answers else state
    about = {
        "repository": site.name,
        "environment": state.environment,
        "sha": candidate.sha,
        "source": candidate.source,
        "digest": candidate.digest,
    }
    known = {answered.key: answered for answered in state.answers}
    due = []
    for gate in gates:
        before = known.get(key_of(gate))
        if is_due(before.answer if before else None, gate.every, site.now):
            due.append(gate)
    for begin in range(0, len(due), _AT_ONCE):
        for gate, answer in together(
            *(partial(_ask, site, gate, about) for gate in due[begin : begin + _AT_ONCE])
        ):
            key = key_of(gate)
            known[key] = Answered(
                key=key, at=answer.at, holds=answer.holds, said=answer.said, since=answer.since
            )
    return state.model_copy(update={"answers": tuple(known[key_of(gate)] for gate in gates)})


def _ask(
    site: Site, gate: HttpGate | MetricsGate, about: Mapping[str, str]
) -> tuple[HttpGate | MetricsGate, Answer]:
    outbound = site.outside.outbound
    if isinstance(gate, HttpGate):
        return gate, ask_http(outbound, gate, about, site.now)
    return gate, ask_metrics(outbound, gate, site.now)


def owners_of(site: Site, plan: Plan) -> CodeOwners:
    """Return who owns what a plan promotes, as the target has it."""
    paths = sorted({change.path for change in plan.promoted})
    return code_owners(site.git, plan.comparison.target, paths, site.forge.name, site.forge.members)
