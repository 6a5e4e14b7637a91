"""Decide the next move of one promotion.

Facts in, decision out: nothing here reads a clock, a forge or a repository.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.decisions.facts import GateFacts, MergeMethod, PromotionFacts, PullRequest
from bot.decisions.gates import evaluate, people_agree
from bot.decisions.requirements import Requirements
from bot.decisions.verdicts import Closed, Failed, GateResult, Open
from bot.words import Words
from config.suggest import named

# What the forges show of a status' description.
LONGEST_STATUS = 140


@dataclass(frozen=True, slots=True)
class Promotion:
    """What one promotion is about: the commit `source`, to go into `branch`.

    `source_environment` is on `source_branch`; `automatic` ones follow their source.
    """

    environment: str
    branch: str
    source_branch: str
    source: str
    automatic: bool
    merge: MergeMethod
    gates: Requirements
    undoes: str = ""


@dataclass(frozen=True, slots=True)
class UpToDate:
    """Nothing is left to promote: close the pull request, if there is one, and end."""

    reason: str
    kind: Literal["up-to-date"] = "up-to-date"


@dataclass(frozen=True, slots=True)
class Build:
    """Build the candidate of `source` on `target`, push it, open the pull request."""

    source: str
    target: str
    reason: str
    kind: Literal["build"] = "build"


@dataclass(frozen=True, slots=True)
class Rebuild:
    """Build the candidate again, and put the pull request's branch there."""

    source: str
    target: str
    reason: str
    kind: Literal["rebuild"] = "rebuild"


@dataclass(frozen=True, slots=True)
class Supersede:
    """Go on with the newer commit `source` of the source environment instead."""

    source: str
    reason: str
    kind: Literal["supersede"] = "supersede"


@dataclass(frozen=True, slots=True)
class Wait:
    """Look again when something happens, or at `until`."""

    reason: str
    until: datetime | None = None
    kind: Literal["wait"] = "wait"


@dataclass(frozen=True, slots=True)
class Blocked:
    """Wait likewise, but nothing will come of it unless somebody does something."""

    reason: str
    until: datetime | None = None
    kind: Literal["blocked"] = "blocked"


@dataclass(frozen=True, slots=True)
class Hold:
    """A person holds the promotion: do nothing until a person says otherwise."""

    reason: str
    kind: Literal["hold"] = "hold"


@dataclass(frozen=True, slots=True)
class Merge:
    """Say success in the status, then merge exactly `head`."""

    head: str
    method: MergeMethod
    reason: str
    kind: Literal["merge"] = "merge"


@dataclass(frozen=True, slots=True)
class Finish:
    """The bot's merge is done: compare the trees, record, and see to what follows."""

    reason: str
    kind: Literal["finish"] = "finish"


@dataclass(frozen=True, slots=True)
class MergedByHand:
    """A person merged: the promotion is made; record who, and the gates that were not open."""

    by: str
    jumped: tuple[GateResult, ...]
    reason: str
    kind: Literal["merged-by-hand"] = "merged-by-hand"


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A person ended it: close what is open; this source commit is not tried again by itself."""

    reason: str
    kind: Literal["cancelled"] = "cancelled"


Decision = (
    UpToDate
    | Build
    | Rebuild
    | Supersede
    | Wait
    | Blocked
    | Hold
    | Merge
    | Finish
    | MergedByHand
    | Cancelled
)


@dataclass(frozen=True, slots=True)
class Status:
    """What the commit status `lockstep` on the candidate says, in at most `LONGEST_STATUS`."""

    state: Literal["pending", "success", "failure"]
    line: str


def decide_promotion(  # noqa: C901, PLR0911, PLR0912 - one flat ladder, read from top to bottom
    promotion: Promotion, facts: PromotionFacts, now: datetime, words: Words
) -> Decision:
    """Return the one next move; the first thing that is in its way explains the wait."""
    cancel, retry = words.command("cancel"), words.command("retry")
    request, evidence = facts.pull_request, facts.evidence
    if request is not None and (ended := _ended(promotion, request, evidence, now, words)):
        return ended
    if facts.cancel:
        return Cancelled(f"{facts.cancel.person} said `{cancel}`")
    if facts.rolling:
        resume = words.command("resume")
        return Hold(
            f"{facts.rolling} is rolling {promotion.environment} back; it goes on after that, or "
            f"by `{resume}`"
        )
    if facts.hold:
        resume = words.command("resume")
        return Hold(f"held by {facts.hold.person}: {facts.hold.reason}; `{resume}` lets it go on")
    if newer := _newer(promotion, facts, words):
        return newer
    if facts.source_head is None or not facts.source_kept:
        return Blocked(
            f"{_short(promotion.source)} is no longer on {promotion.source_branch}; "
            f"`{retry}` takes what is there now, `{cancel}` ends this promotion"
        )
    if facts.target_head is None:
        return Blocked(f"the branch {promotion.branch} is gone; bring it back, or say `{cancel}`")
    if not facts.pending:
        return UpToDate(_nothing_pending(promotion))
    if facts.conflicts:
        return Blocked(_conflict(facts.conflicts, words))
    build = (promotion.source, facts.target_head)
    if evidence is None or request is None or request.state == "closed":
        return Build(*build, _doing(promotion))
    candidate = evidence.candidate
    if candidate.source != promotion.source:
        return Rebuild(*build, f"promoting {_short(promotion.source)} instead")
    if candidate.target != facts.target_head:
        return Rebuild(*build, f"{promotion.branch} has moved to {_short(facts.target_head)}")
    if request.head != candidate.sha:
        return Rebuild(*build, f"somebody pushed {_short(request.head)} to the promotion's branch")
    if request.base != promotion.branch:
        return Blocked(
            f"the {words.pull_request} now goes into {request.base}; "
            f"set its base to {promotion.branch}"
        )
    if facts.refusal:
        return Blocked(
            f"the forge refuses to merge; `{retry}` tries again: {facts.refusal}",
            facts.refused_until,
        )
    results = evaluate(promotion.gates, evidence, now)
    return _gated(results, promotion.gates.until, stopped=bool(evidence.stops)) or Merge(
        candidate.sha, promotion.merge, f"every gate is open: merging {_short(candidate.sha)}"
    )


def status_of(decision: Decision) -> Status | None:
    """Return what to say on the candidate; None where nothing is left to say."""
    match decision:
        case Merge() | Finish():
            # The same of what is merged already: it is said once, whichever comes first.
            return Status("success", "every gate is open")
        case Blocked() | Cancelled():
            return Status("failure", _line(decision.reason))
        case Build() | Rebuild() | Supersede() | Wait() | Hold():
            return Status("pending", _line(decision.reason))
        case UpToDate() | MergedByHand():
            return None


def _ended(
    promotion: Promotion,
    request: PullRequest,
    evidence: GateFacts | None,
    now: datetime,
    words: Words,
) -> Finish | MergedByHand | Cancelled | None:
    """Return what a pull request that is no longer open means; None where it decides nothing."""
    cancel, noun = words.command("cancel"), words.pull_request
    if request.state == "open":
        deleted = f"the promotion's branch was deleted, which is `{cancel}`"
        return Cancelled(deleted) if request.branch_deleted else None
    if request.state == "closed":
        # Closed by ourselves, it is what an earlier decision left: that one is made again.
        closed = f"{request.by} closed the {noun}, which is `{cancel}`"
        return None if request.by_self else Cancelled(closed)
    if request.base != promotion.branch:
        return Cancelled(
            f"{request.by} merged the {noun} into {request.base}, not {promotion.branch}"
        )
    if request.by_self:
        return Finish(_done(promotion))
    jumped = _jumped(promotion, request, evidence, now)
    past = _names(jumped)
    return MergedByHand(
        request.by,
        jumped,
        f"{request.by} merged by hand, " + (f"past {past}" if past else "with every gate open"),
    )


def _jumped(
    promotion: Promotion, request: PullRequest, evidence: GateFacts | None, now: datetime
) -> tuple[GateResult, ...]:
    if evidence is None:
        return ()
    results = evaluate(promotion.gates, evidence, now)
    if request.head != evidence.candidate.sha:
        unseen = Closed(f"{_short(request.head)} was merged and nobody judged it")
        return tuple(GateResult(result.gate, unseen) for result in results)
    return tuple(result for result in results if not isinstance(result.verdict, Open))


def _newer(promotion: Promotion, facts: PromotionFacts, words: Words) -> Supersede | None:
    """Return the move to a newer source commit, unless people would be disturbed by it."""
    if facts.source_head is None or facts.source_head == promotion.source:
        return None
    newer = f"{promotion.source_branch} has moved to {_short(facts.source_head)}"
    if facts.retry:
        retry = words.command("retry")
        return Supersede(facts.source_head, f"{newer}, and {facts.retry.person} said `{retry}`")
    signing = facts.evidence is not None and people_agree(promotion.gates, facts.evidence)
    if promotion.automatic and not signing:
        return Supersede(facts.source_head, newer)
    return None


def _gated(
    results: Sequence[GateResult], until: datetime | None = None, *, stopped: bool = False
) -> Wait | Blocked | None:
    """Return the wait that the first failed gate, else the first closed one, explains.

    Of the closed ones a stop of everything comes first: it is what people have to know. At
    `until` other gates may apply.
    """
    shut = [result for result in results if not isinstance(result.verdict, Open)]
    if not shut:
        return None
    shut.sort(
        key=lambda result: (
            not isinstance(result.verdict, Failed),
            not (stopped and result.gate == "freezes"),
        )
    )
    first = shut[0].verdict
    also = f"; also not open: {_names(shut[1:])}" if shut[1:] else ""
    times = [result.verdict.until for result in shut if isinstance(result.verdict, Closed)]
    until = min((time for time in [*times, until] if time is not None), default=None)
    move = Blocked if isinstance(first, Failed) else Wait
    return move(first.reason + also, until)


def _conflict(places: Sequence[tuple[str, str | None]], words: Words) -> str:
    path, key = places[0]
    more = f" and {len(places) - 1} more" if len(places) > 1 else ""
    place = named(path if key is None else f"{path}:{key}")
    resolve = words.command("resolve PATH[:KEY] source|target")
    return f"conflict at {place}{more}; choose with `{resolve}`"


def _doing(promotion: Promotion) -> str:
    if promotion.undoes:
        return f"rolling {promotion.environment} back to before {promotion.undoes}"
    return f"promoting {_short(promotion.source)} to {promotion.environment}"


def _done(promotion: Promotion) -> str:
    if promotion.undoes:
        return f"{promotion.environment} is rolled back to before {promotion.undoes}"
    return f"{_short(promotion.source)} is in {promotion.environment}"


def _nothing_pending(promotion: Promotion) -> str:
    if promotion.undoes:
        return f"nothing of {promotion.undoes} is left in {promotion.environment} to take back"
    return f"{promotion.environment} has all of {_short(promotion.source)}"


def _names(results: Sequence[GateResult]) -> str:
    return ", ".join(result.gate for result in results)


def _short(sha: str) -> str:
    return sha[:7]


def _line(reason: str) -> str:
    # The forges show a status as it is, without Markdown.
    line = " ".join(reason.replace("`", "").split())
    return line if len(line) <= LONGEST_STATUS else line[: LONGEST_STATUS - 1] + "…"
