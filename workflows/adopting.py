"""Take up the promotions that are open on the forge, where Temporal knows of none.

Git and the forge hold what matters: the candidate tells what it is made of, the bot's status
since when it stands, the comments what people said. A promotion goes on in its own pull
request; what cannot be known counts for less, never for more.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.decisions import commands as c
from bot.decisions.commands import parse_comment, write
from bot.decisions.facts import Candidate
from bot.engine.candidate import Plan
from bot.engine.commits import read_commits
from bot.engine.objects import MissingObject
from bot.forges.forge import OpenItem, PullRequestInfo
from bot.model import Head
from config.schema import Config, Environment
from webhook.events import Comment
from workflows.glancing import unanswered
from workflows.hop_plans import digest_of, plan_and_lifts
from workflows.saying import LABELS, digest
from workflows.sites import Site
from workflows.values.promotion import Built, News, PromotionState

_PREFIX = "lockstep/promote/"
_BRANCH = re.compile(rf"{_PREFIX}(.+)/([0-9a-f]{{12}})")
_SOURCE = re.compile(r"^Lockstep-Source: ([0-9a-f]{40}|[0-9a-f]{64})$", re.MULTILINE)
_PARENT = re.compile(rb"^parent ([0-9a-f]+)$", re.MULTILINE)
# What still holds, whenever it was said. Other commands were of their moment: whoever was
# not answered says it again.
_LASTING = (c.SignOff, c.Reject, c.Override, c.Hold, c.Resume, c.Cancel)
# What people said of an earlier candidate was said of content that nobody knows any more.
_UNKNOWN = Built(sha="", digest="")
# Whoever asked for it is not written down; it only matters that somebody did.
_SOMEBODY = "somebody"


@dataclass(frozen=True, slots=True)
class Adopted:
    """A promotion to start with what is known of it, and what was said under it."""

    state: PromotionState
    news: tuple[News, ...]


def adopt(
    site: Site, config: Config, requests: Iterable[PullRequestInfo], now: datetime
) -> list[Adopted]:
    """Return our promotions among the open pull requests, the newest of each environment.

    Costs no call where there is none, else 2 for each. Raises `ForgeError` and `RepositoryError`.
    """
    me, found = site.forge.login().casefold(), dict[str, PullRequestInfo]()
    targets = {one.name: one for one in config.environments if one.source is not None}
    for info in requests:
        named = _BRANCH.fullmatch(info.head_branch)
        if named is None or info.from_fork or info.author.casefold() != me:
            continue
        target = targets.get(named[1])
        if target is not None and info.base_branch == target.branch:
            found.setdefault(target.name, info)
    if not found:
        return []
    branches = {info.head_branch for info in found.values()}
    site.git.look(sorted({*site.git.heads, *branches}))
    return [_adopted(site, config, targets[name], info, now) for name, info in found.items()]


def was_closed(site: Site, branch: str) -> bool:
    """Whether our pull request of a promotion's branch was closed: somebody did not want it."""
    me = site.forge.login().casefold()
    found = site.forge.pull_requests(site.name, head=branch, state="all")
    mine = [info for info in found if info.author.casefold() == me]
    return bool(mine) and mine[0].state == "closed"


def _adopted(
    site: Site,
    config: Config,
    target: Environment,
    info: PullRequestInfo,
    now: datetime,
) -> Adopted:
    source = config.source_of(target)
    head = site.head(source) if source else None
    first = info.head_branch.rpartition("/")[2]
    named = _source_named(site, info.head_sha)
    sha = named or (head.sha if head else first)
    state = PromotionState(
        repository=site.key,
        environment=target.name,
        source=sha,
        first=first,
        asked_by="" if target.promote == "automatic" else _SOMEBODY,
        number=info.number,
        built=(_UNKNOWN,),
        said=digest(info.body),
        labelled=set(LABELS) <= info.labels,
    )
    for by_hand in (False, True):
        plan, lifts = _plan_of(site, config, target, info.head_sha, named, by_hand=by_hand)
        if plan is not None:
            state = _with_candidate(site, state, info.head_sha, plan, now)
            asked_by = _SOMEBODY if lifts else state.asked_by
            state = state.model_copy(update={"lifts": lifts, "asked_by": asked_by})
            break
    return Adopted(state, (News(ask=True, comments=_lasting(site, info)),))


def _with_candidate(
    site: Site, state: PromotionState, sha: str, plan: Plan, now: datetime
) -> PromotionState:
    """Return the state with the candidate that stands there, and since when it does."""
    status = site.forge.own_status(site.name, sha)
    comparison = plan.comparison
    candidate = Candidate(
        sha,
        comparison.source.sha,
        comparison.target.sha,
        digest_of(plan),
        now if status is None else status.since,
    )
    said = "" if status is None else digest(sha, status.state, status.line)
    return state.model_copy(update={"candidate": candidate, "status": said})


def _source_named(site: Site, candidate: str) -> str:
    """Return the source commit that a candidate names, empty where it names none."""
    try:
        commit = read_commits(site.git, [candidate])[candidate]
    except MissingObject:
        return ""
    named = _SOURCE.search(commit.body)
    return named[1] if named else ""


def _plan_of(
    site: Site,
    config: Config,
    target: Environment,
    candidate: str,
    source: str,
    *,
    by_hand: bool,
) -> tuple[Plan | None, tuple[str, ...]]:
    """Return the plan that makes exactly this candidate, None where it does not; and its lifts."""
    environment = config.source_of(target)
    if not source or environment is None:
        return None, ()
    (content,) = site.git.read([candidate])
    parents = _PARENT.findall(content.partition(b"\n\n")[0])
    if not parents:
        return None, ()
    heads = (
        Head(environment.name, environment.branch, source),
        Head(target.name, target.branch, parents[0].decode()),
    )
    try:
        plan, lifts = plan_and_lifts(site, *heads, target, by_hand=by_hand)
    except MissingObject:
        return None, ()
    made = plan.candidate
    return (plan, lifts) if made is not None and made.sha == candidate else (None, ())


def _lasting(site: Site, info: PullRequestInfo) -> tuple[Comment, ...]:
    """Return what people said under a promotion that still holds; who may, is judged anew."""
    said = site.forge.comments(site.name, info.number, on_pull_request=True)
    me = site.forge.login()
    item = OpenItem(info.number, said[-1].at, is_pull_request=True) if said else None
    found = unanswered(item, said, me, site.words) if item else ()
    return tuple(
        comment.model_copy(update={"text": text})
        for comment in found
        if (text := _kept(comment.text, site))
    )


def _kept(text: str, site: Site) -> str:
    lines: Sequence[str] = [
        write(command, site.words)
        for command in parse_comment(text, site.words)
        if isinstance(command, _LASTING)
    ]
    return "\n".join(lines)
