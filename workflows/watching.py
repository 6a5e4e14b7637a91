"""Keep a repository's one drift issue and its back-merges as the branches are."""

import hashlib
import logging
from collections.abc import Iterable, Sequence
from datetime import datetime

from bot.decisions.gates.times import stopped
from bot.engine.candidate import Carried, carry
from bot.engine.drift import Comparison, compare
from bot.forges.forge import ForgeError, NotFound, RateLimited, Refused, Unauthorized
from bot.markdown import sentence
from bot.messages import drift, proposals
from bot.model import Change, Head, State
from config.schema import Config
from webhook.dashboard.document import Hop
from workflows.proposing import Proposal, propose
from workflows.putting_off import pause_after
from workflows.sites import Site, Sites
from workflows.values.drift import BackMerge, DriftState, Watched

ISSUE = "drift"
_PREFIX = "lockstep/back-merge/"

_log = logging.getLogger(__name__)


def watch(sites: Sites, state: DriftState) -> Watched:
    """Compare every hop, and bring the issue and the back-merges to what is found.

    What the forge's limit does not allow is put off, where that may be. Raises `ForgeError`
    and `RepositoryError`.
    """
    try:
        with sites.open(state.repository) as site:
            return _watched(site, state)
    except RateLimited as limited:
        if not state.may_be_put_off:
            raise
        return _put_off(state, limited, sites.clock())


def _put_off(state: DriftState, limited: RateLimited, now: datetime) -> Watched:
    _log.info("%s: drift is looked at later: %s", state.repository.full_name, limited)
    return Watched(state=state, managed=True, put_off=now + pause_after(limited, now))


def _watched(site: Site, state: DriftState) -> Watched:
    config = site.in_force.config
    if config is None and not site.in_force.problem:
        return Watched(state=state, managed=False)
    found = comparisons(site, config) if config else []
    seen = {"hops": tuple(map(_counts, found)), "problem": site.in_force.problem}
    state = state.model_copy(update=seen)
    if config is not None and config.back_merge == "off":
        found = []
    home: list[str] = []
    if config is not None:
        state, home = _back_merged(site, config, state, found)
    try:
        return Watched(state=_said(site, state, found, home), managed=True)
    except RateLimited as limited:
        if not state.may_be_put_off:
            raise
        # Back-merges that were opened are not opened again.
        return _put_off(state, limited, site.now)


def comparisons(site: Site, config: Config) -> list[Comparison]:
    """Return every hop whose branches are there."""
    found = []
    for target in config.environments:
        source = config.source_of(target)
        heads = (site.head(source) if source else None, site.head(target))
        if heads[0] is not None and heads[1] is not None:
            found.append(compare(site.git, heads[0], heads[1], site.keep))
    return found


def _counts(comparison: Comparison) -> Hop:
    counts = comparison.counts
    return Hop(
        source=comparison.source.environment,
        target=comparison.target.environment,
        pending=counts[State.PENDING],
        drift=counts[State.DRIFT],
        conflict=counts[State.CONFLICT],
        held=counts[State.HELD],
    )


def _said(
    site: Site, state: DriftState, found: Sequence[Comparison], home: Iterable[str]
) -> DriftState:
    """Write the issue where it would say something else; it is asked for where nobody knows."""
    problem = site.in_force.problem
    needed = bool(problem) or any(c.state in (State.DRIFT, State.CONFLICT) for c in found)
    back_merges: dict[str, int | None] = dict.fromkeys(home)
    back_merges |= {one.environment: one.number for one in state.back_merges or ()}
    title = drift.broken_title() if problem else drift.drift_title(found)
    stop = f"**Nothing merges**: {sentence(stopped(site.stops))}." if site.stops else ""
    body = drift.drift_body(found, back_merges, site.words, problem) if needed else drift.no_drift()
    if needed and stop:
        body = f"{stop}\n\n{body}"
    digest = _digest([title, body]) if needed else ""
    if digest == state.issue:
        return state
    try:
        site.forge.write_issue(site.name, ISSUE, title=title, body=body, open_=needed)
    except (NotFound, Refused) as error:
        # A repository may have no issues; its back-merges are worth having all the same.
        _log.warning("%s: the drift issue could not be written: %s", site.name, error)
        if isinstance(error, Unauthorized):
            _say_lacking(site, state, error)
    return state.model_copy(update={"issue": digest})


def _say_lacking(site: Site, state: DriftState, error: Unauthorized) -> None:
    """Say under the back-merges, once, that the report stands nowhere."""
    for one in state.back_merges or ():
        text = proposals.no_report(str(error))
        try:
            site.forge.comment(site.name, one.number, "no-report", text, on_pull_request=True)
        except ForgeError as refused:
            _log.warning("%s: nor can it be said: %s", site.name, refused)


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode(errors="replace")).hexdigest()[:16]


# Back-merges


def _back_merged(
    site: Site, config: Config, state: DriftState, found: Sequence[Comparison]
) -> tuple[DriftState, list[str]]:
    """Open, renew and close back-merges; return also whose drift is home already."""
    first = site.head(config.environments[0])
    wanted, home = {}, []
    if config.back_merge == "pull-request" and first is not None:
        for comparison in found:
            carried = bring_home(site, comparison, first)
            if carried is not None and carried.commit is not None:
                wanted[comparison.target.environment] = (comparison.target, carried)
            elif carried is not None and not carried.refused:
                home.append(comparison.target.environment)
    known = _adopted(site) if state.back_merges is None else state.back_merges
    state = state.model_copy(update={"back_merges": known})
    for old in known:
        if old.environment not in wanted:
            state = _gone(site, state, old)
    for head, carried in wanted.values():
        if first is not None:
            state = _renewed(site, state, first, head, carried)
    return state, home


def bring_home(site: Site, comparison: Comparison, first: Head) -> Carried | None:
    """Return the back-merge of what drifted in a hop's target; None where nothing did."""
    drifted = {
        (change.path, change.key) for change in comparison.changes if change.state is State.DRIFT
    }
    target = comparison.target
    if not drifted or target.environment == first.environment:
        return None
    home = compare(site.git, target, first, site.keep)
    message = (
        f"Bring {target.environment} home to {first.environment}\n\n"
        f"Lockstep-Back-Merge: {target.environment}\n"
        f"Lockstep-Back-Merge-Of: {target.sha}\n"
    )
    return carry(site.git, home, site.keep, drifted, message)


def _content(changes: Iterable[Change]) -> str:
    parts = sorted(f"{c.path}\0{c.key!r}\0{c.source.token}" for c in changes)
    return _digest(parts)


def _adopted(site: Site) -> tuple[BackMerge, ...]:
    """Return our open back-merges, newest first for each environment."""
    me = site.forge.login()
    found: dict[str, BackMerge] = {}
    for info in site.forge.pull_requests(site.name):
        environment = info.head_branch.removeprefix(_PREFIX).rpartition("/")[0]
        ours = info.author == me and not info.from_fork
        if ours and info.head_branch.startswith(_PREFIX) and environment not in found:
            found[environment] = BackMerge(
                environment=environment, branch=info.head_branch, digest="", number=info.number
            )
    return tuple(found.values())


def _gone(site: Site, state: DriftState, old: BackMerge) -> DriftState:
    """Close a back-merge that nothing is left of, and delete its branch."""
    site.forge.update_pull_request(site.name, old.number, closed=True)
    at = site.mirror.head(old.branch)
    if at is not None:
        site.mirror.push(old.branch, None, at)
    return _without(state, old)


def _without(state: DriftState, old: BackMerge) -> DriftState:
    rest = tuple(b for b in state.back_merges or () if b.environment != old.environment)
    return state.model_copy(update={"back_merges": rest})


def _was_declined(site: Site, branch: str) -> bool:
    """Whether a person closed a back-merge of this branch, perhaps before we knew of anything."""
    me = site.forge.login().casefold()
    for info in site.forge.pull_requests(site.name, head=branch, state="all"):
        if info.state == "closed" and info.author.casefold() == me:
            by = site.forge.pull_request(site.name, info.number).by
            return bool(by) and by.casefold() != me
    return False


def _renewed(
    site: Site, state: DriftState, first: Head, head: Head, carried: Carried
) -> DriftState:
    """Open or bring up to date one back-merge, unless a person closed the like of it."""
    if carried.commit is None:
        return state
    digest = _content(carried.changes)
    old = next((b for b in state.back_merges or () if b.environment == head.environment), None)
    if old is not None and old.digest:
        info = site.forge.pull_request(site.name, old.number)
        if info.state != "open":
            declined = (*state.declined, old.digest) if info.state == "closed" else state.declined
            state = _without(state, old).model_copy(update={"declined": declined[-50:]})
            old = None
    if digest in state.declined:
        return state
    branch = old.branch if old else f"{_PREFIX}{head.environment}/{head.sha[:12]}"
    if old is None and _was_declined(site, branch):
        declined = (*state.declined, digest)[-50:]
        return state.model_copy(update={"declined": declined})
    title = proposals.back_merge_title(head.environment, first.environment, carried.changes)
    body = proposals.back_merge_body(
        head.environment, first.environment, carried.changes, carried.refused, site.words
    )
    at = site.mirror.head(branch)
    if old is not None and at == carried.commit.sha and old.digest == digest:
        return state
    info = propose(site, Proposal(branch, first.branch, carried.commit, title, body), at)
    if old is not None:
        site.forge.update_pull_request(site.name, info.number, title=title, body=body)
    new = BackMerge(environment=head.environment, branch=branch, digest=digest, number=info.number)
    rest = _without(state, new).back_merges or ()
    return state.model_copy(update={"back_merges": (*rest, new)})
