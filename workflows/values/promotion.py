"""What one promotion carries from step to step, takes as news, and shows of itself."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from bot.decisions.facts import (
    Answer,
    Candidate,
    Check,
    Overridden,
    Rejected,
    ReviewState,
    Run,
    RunState,
    Said,
    SignedOff,
)
from bot.forges.forge import ReviewInfo
from bot.model import ReportedBy
from webhook.dashboard import document
from webhook.events import Comment
from workflows.values.base import RepositoryKey, Value


class Built(Value):
    """A candidate before the present one, to tell what a review was given on."""

    sha: str
    digest: str


class Reviewed(Value):
    """A review as the forge has it, and whether its person may write."""

    person: str
    state: ReviewState
    sha: str
    at: datetime
    can_write: bool

    @classmethod
    def of(cls, review: ReviewInfo, *, can_write: bool) -> "Reviewed":
        """Return a review that the forge showed."""
        return cls(
            person=review.person,
            state=review.state,
            sha=review.sha,
            at=review.at,
            can_write=can_write,
        )


class SeenHead(Value):
    """A commit that a branch was first seen at, `at` some time; None where it was there before."""

    branch: str
    sha: str
    at: datetime | None = None


class Answered(Value):
    """What a service answered to a gate, by the gate's key; see `bot.decisions.facts.Answer`."""

    key: str
    at: datetime
    holds: bool
    said: str
    since: datetime | None = None

    @property
    def answer(self) -> Answer:
        """The fact that gates judge."""
        return Answer(self.at, self.holds, self.said, self.since)


class Ran(Value):
    """A run of CI that a gate wants on the commit `sha`, by the gate's key.

    It was `asked` for with success, without (`refused`), or nobody knows: an answer was lost.
    """

    key: str
    sha: str
    seen: datetime
    started: datetime
    asked: Literal["yes", "no", "unknown", "refused"] = "yes"
    state: RunState = "queued"
    id: int = 0
    url: str = ""
    problem: str = ""

    @property
    def run(self) -> Run:
        """The fact that gates judge."""
        return Run(self.state, self.started, self.seen, self.id, self.url, self.problem)


class PromotionState(Value):
    """All that one promotion is, between two steps.

    Of `checks` those `pending` are only named, and of those that succeeded and that nothing
    asks for by name all but a few are only counted, as `more_green`.
    `first` is the source commit that it began with, which named its branch. `checks`,
    `reviews`, `authors` and `labels` are as last observed, None where they must be asked for.
    `merged` is the commit that our own merge made. `status`, `said` and `told` are the
    digests of what the status, the description and the pipeline were last told; `seen`
    are the heads of the source, where a gate has to know when they were pushed; `answers`
    are what services answered last, `runs` how the CI does that gates have started;
    until `rests_until` nobody tells it of missed events;
    `labelled` says that the pull request has had our labels.

    A roll-back is one too: it `undoes` the promotion with this commit on the target's line,
    its `source` is the commit before and it is named by the promotion's. `lifts` are the
    roll-backs whose holds a person has ended by asking for this promotion. While somebody
    is `rolling` the environment back, it waits. A merge that the forge has refused, `refusals`
    times so far, is tried `again` then. `stopped` is the last freeze of everything.
    """

    repository: RepositoryKey
    environment: str
    source: str
    first: str
    asked_by: str = ""
    number: int | None = None
    candidate: Candidate | None = None
    built: tuple[Built, ...] = ()
    checks: tuple[Check, ...] | None = None
    pending: tuple[str, ...] = ()
    more_green: int = 0
    reviews: tuple[Reviewed, ...] | None = None
    authors: tuple[str, ...] | None = None
    labels: tuple[str, ...] | None = None
    merged: str = ""
    hold: Said | None = None
    cancel: Said | None = None
    retry: Said | None = None
    refusal: str = ""
    refusals: int = 0
    again: datetime | None = None
    sign_offs: tuple[SignedOff, ...] = ()
    rejections: tuple[Rejected, ...] = ()
    overrides: tuple[Overridden, ...] = ()
    taken: tuple[int, ...] = ()
    status: str = ""
    said: str = ""
    told: str = ""
    labelled: bool = False
    undoes: str = ""
    lifts: tuple[str, ...] = ()
    superseded: tuple[str, ...] = ()
    lacking: bool = False
    rolling: str = ""
    stopped: str = ""
    seen: tuple[SeenHead, ...] = ()
    answers: tuple[Answered, ...] = ()
    runs: tuple[Ran, ...] = ()
    rests_until: datetime | None = None

    @property
    def workflow_id(self) -> str:
        """The id of this promotion's workflow."""
        if self.undoes:
            return self.repository.rollback_id(self.environment, self.first)
        return self.repository.promotion_id(self.environment, self.first)

    @property
    def branch(self) -> str:
        """The promotion's branch; a name that it keeps, also when it is superseded."""
        kind = "rollback" if self.undoes else "promote"
        return f"lockstep/{kind}/{self.environment}/{self.first[:12]}"


class Outline(Value):
    """What people want to know of a promotion that waits; see `document.Waiting`."""

    waits_for: str
    since: datetime
    opened: datetime
    sign_offs: tuple[document.Said, ...] = ()
    overrides: tuple[document.Said, ...] = ()
    hold: document.Said | None = None

    @classmethod
    def of(
        cls, state: PromotionState, waits_for: str, since: datetime, opened: datetime
    ) -> "Outline":
        """Return the outline of a promotion; of what was said, what counts for its content."""
        digest = state.candidate.digest if state.candidate else None
        hold = state.hold
        return cls(
            waits_for=waits_for,
            since=since,
            opened=opened,
            sign_offs=tuple(
                document.Said(person=one.person, what=one.role)
                for one in state.sign_offs
                if one.digest == digest
            ),
            overrides=tuple(
                document.Said(person=one.person, what=one.gate)
                for one in state.overrides
                if one.digest == digest
            ),
            hold=document.Said(person=hold.person, what=hold.reason) if hold else None,
        )


class News(Value):
    """Why a promotion should look again: what happened, or what a person said.

    `ask` is no news at all: whatever an event should have told is asked for. `checks_by` is
    the one way by which checks have reported, None where any may have. From now on it is
    `guessed` that no check is awaited, unless the promotion tells. `rolling` says who rolls the
    environment back, nobody any more where it is empty. It `gives_way` where there is another
    promotion in its hop.
    """

    checks: bool = False
    checks_by: ReportedBy | None = None
    guessed: bool = False
    pull_request: bool = False
    ask: bool = False
    comments: tuple[Comment, ...] = ()
    rolling: str | None = None
    gives_way: bool = False


def one_way(news: Iterable[News]) -> ReportedBy | None:
    """Return the one way by which all checks that are news have reported, None for any."""
    ways = {item.checks_by for item in news if item.checks or item.ask}
    return ways.pop() if len(ways) == 1 else None


class Advanced(Value):
    """One step of a promotion: its state after it, and how it goes on.

    It has ended where there is an `outcome`; else it waits for news, or until `until`.
    """

    state: PromotionState
    outcome: str = ""
    until: datetime | None = None
    reason: str = ""
