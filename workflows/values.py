"""What crosses Temporal: references, digests and what people said; never content.

Small and forgiving when read back: an unknown field is skipped, a missing one has its
default, so that a worker of another release can go on with what this one left.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

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
from bot.model import ForgeName, ReportedBy
from webhook.dashboard import document
from webhook.events import Comment, Delivery, RepositoryRef

TASK_QUEUE = "lockstep"
# A step that is silent for so long has lost its worker, and another takes it up.
HEARTBEAT_LIMIT = timedelta(seconds=20)


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)

    @model_serializer(mode="wrap")
    def _only_what_says_something(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave defaults out: a state crosses twice in every step, and most of it is empty."""
        fields = type(self).model_fields
        return {
            name: value
            for name, value in handler(self).items()
            if fields[name].is_required() or getattr(self, name) != fields[name].default
        }


class RepositoryKey(_Value):
    """A repository on a forge."""

    forge: ForgeName
    owner: str
    name: str

    @property
    def full_name(self) -> str:
        """OWNER/NAME."""
        return f"{self.owner}/{self.name}"

    @property
    def path(self) -> str:
        """What workflow ids are made of."""
        return f"{self.forge}/{self.owner}/{self.name}"

    @property
    def pipeline_id(self) -> str:
        """The id of the workflow that takes this repository's events."""
        return f"pipeline/{self.path}"

    @property
    def drift_watch_id(self) -> str:
        """The id of the workflow that keeps the drift issue and the back-merge."""
        return f"drift-watch/{self.path}"

    def rollback_id(self, environment: str, promotion: str) -> str:
        """Return the id of the workflow of one roll-back."""
        return f"rollback/{self.path}/{environment}/{promotion[:12]}"

    def promotion_id(self, environment: str, source: str) -> str:
        """Return the id of the workflow of one promotion."""
        return f"promotion/{self.path}/{environment}/{source[:12]}"


class Built(_Value):
    """A candidate before the present one, to tell what a review was given on."""

    sha: str
    digest: str


class Reviewed(_Value):
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


class SeenHead(_Value):
    """A commit that a branch was first seen at, `at` some time; None where it was there before."""

    branch: str
    sha: str
    at: datetime | None = None


class Answered(_Value):
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


class Ran(_Value):
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


class PromotionState(_Value):
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


class Outline(_Value):
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


class News(_Value):
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


class Advanced(_Value):
    """One step of a promotion: its state after it, and how it goes on.

    It has ended where there is an `outcome`; else it waits for news, or until `until`.
    """

    state: PromotionState
    outcome: str = ""
    until: datetime | None = None
    reason: str = ""


class OpenPromotion(_Value):
    """What the pipeline knows of a promotion that is open, enough to send it its news.

    `awaits` are the checks that its candidate needs, None for whichever reports;
    `reported` those that it has had a success of. Where they are `unknown`, since none has
    reported yet, the first to succeed is news, and then it is `guessed` that none is awaited: as
    a rule the rest is green as well by then, and the promotion need not tell. It was `woken`
    last by one that it did not await by its name, and is `owed` word of others that came soon
    after, or before it told. `watches` are
    branches whose pushes matter to it besides its own two. Before `rests_until` no check can
    change anything. `rolls_back` is who asked for it, where it is a roll-back.
    """

    environment: str
    source: str
    workflow_id: str
    branch: str
    source_branch: str = ""
    target_branch: str = ""
    number: int | None = None
    candidate: str = ""
    awaits: tuple[str, ...] | None = None
    unknown: bool = False
    guessed: bool = False
    reported: tuple[str, ...] = ()
    woken: datetime | None = None
    owed: bool = False
    watches: tuple[str, ...] = ()
    rests_until: datetime | None = None
    rolls_back: str = ""

    def rests(self, now: datetime) -> bool:
        """Whether it waits for a time alone, as far as anybody but people is concerned."""
        return self.rests_until is not None and now < self.rests_until

    @property
    def slot(self) -> str:
        """What there is one of at a time: a promotion and a roll-back for each environment."""
        # A name holds no slash, so the two never meet.
        return f"rollback/{self.environment}" if self.rolls_back else self.environment


class Report(_Value):
    """What a promotion tells its pipeline.

    It has `ended`; `cancelled` where a person did not want it. `comments` ask for
    something that is not the promotion's. At its end it tells which comments it has `taken`.
    """

    promotion: OpenPromotion
    ended: bool = False
    cancelled: bool = False
    comments: tuple[Comment, ...] = ()
    taken: tuple[int, ...] = ()


class Remembered(_Value):
    """`/promote ENVIRONMENT`, said on a pull request that was not merged yet."""

    number: int
    environment: str
    person: str


class Touched(_Value):
    """Something of ours that is open on the forge, and when it was touched last."""

    number: int
    at: datetime


class Planned(_Value):
    """`/promote ENVIRONMENT at TIME`, until then; `wall` is the time as people say it.

    `number` is where it was said, 0 where it was said by the command line.
    """

    environment: str
    at: datetime
    wall: str
    person: str
    number: int = 0
    comment: int = 0
    on_pull_request: bool = False


class Wanted(_Value):
    """A promotion that the command line asks for now; `id` is the question's."""

    id: str
    environment: str
    person: str


class Told(_Value):
    """The answer to a question: the source commit that is promoted, else why none is."""

    id: str
    source: str = ""
    text: str = ""


class Unsaid(_Value):
    """The answer to a comment, whose commands are done, that is still to be given."""

    comment: Comment
    answers: tuple[str, ...]


class PutOff(_Value):
    """What a look has left for later, since the forge may not be asked before `until`.

    A `blind` one has seen nothing at all, and its repository is looked at again. `comments`
    are still to be done, `merged` and `ended` are those of a `SurveyRequest`, and so is
    `changed`; the drift watch is to look where there is `drift`.
    """

    until: datetime
    blind: bool = False
    comments: tuple[Comment, ...] = ()
    unsaid: tuple[Unsaid, ...] = ()
    merged: tuple[int, ...] = ()
    ended: tuple[str, ...] = ()
    changed: bool = False
    drift: bool = False


class PipelineState(RepositoryRef):
    """All that a pipeline carries from one run to the next; a repository is the first such.

    `carried` is false where no run came before. `taken` are delivery ids, newest last;
    `cancelled` are ENVIRONMENT/SHA. `bot` is our login there. `looked` is when schedules
    were looked at last. `early` is what came before its promotion had told of itself.
    `seen` are the heads of sources whose content has to rest.
    `branches` are those of the environments, `heads` a digest of where the last survey found
    them; `touched` is what we have open, `due` when the next schedule is. `heard` are ids of
    the comments that a survey has had, newest last. It `began` with its first survey.
    `put_off` is what waits for a forge's limit to end.
    """

    carried: bool = False
    bot: str = ""
    open: tuple[OpenPromotion, ...] = ()
    taken: tuple[str, ...] = ()
    cancelled: tuple[str, ...] = ()
    remembered: tuple[Remembered, ...] = ()
    looked: datetime | None = None
    early: tuple[Delivery, ...] = ()
    seen: tuple[SeenHead, ...] = ()
    branches: tuple[str, ...] = ()
    heads: str = ""
    touched: tuple[Touched, ...] = ()
    due: datetime | None = None
    heard: tuple[int, ...] = ()
    frozen: str = ""
    planned: tuple[Planned, ...] = ()
    began: datetime | None = None
    put_off: PutOff | None = None

    @property
    def repository(self) -> RepositoryKey:
        """The repository, as workflow ids are made of it."""
        return RepositoryKey(forge=self.forge, owner=self.owner, name=self.name)


class SurveyRequest(_Value):
    """Look at a repository: its configuration, its heads, and what people asked for.

    `wanted` is asked for by the command line, `ended` are branches of ours whose pull
    request was merged, `unsaid` are answers to give. Whoever asks tells by `may_be_put_off`
    that it takes up later what this look leaves undone.
    """

    repository: RepositoryKey
    open: tuple[OpenPromotion, ...] = ()
    cancelled: tuple[str, ...] = ()
    remembered: tuple[Remembered, ...] = ()
    planned: tuple[Planned, ...] = ()
    looked: datetime | None = None
    comments: tuple[Comment, ...] = ()
    merged: tuple[int, ...] = ()
    changed: bool = False
    wanted: tuple[Wanted, ...] = ()
    ended: tuple[str, ...] = ()
    seen: tuple[SeenHead, ...] = ()
    unsaid: tuple[Unsaid, ...] = ()
    may_be_put_off: bool = False

    @property
    def is_first(self) -> bool:
        """Whether nobody waits for it: nothing has happened, and nothing was asked for."""
        asked = self.comments or self.merged or self.wanted or self.ended or self.unsaid
        return self.looked is None and not asked


class Survey(_Value):
    """What was started after a look, what to remember, and when to look again.

    A repository that is not `managed` has no configuration, or we may not write to it.
    `looked` is as before where something was `put_off`; what is due is done then.
    """

    managed: bool
    until: datetime
    looked: datetime | None
    bot: str = ""
    started: tuple[OpenPromotion, ...] = ()
    remembered: tuple[Remembered, ...] = ()
    seen: tuple[SeenHead, ...] = ()
    branches: tuple[str, ...] = ()
    heads: str = ""
    due: datetime | None = None
    frozen: str = ""
    # None from a worker that knows of none: what is planned stays planned.
    planned: tuple[Planned, ...] | None = None
    cancelled: tuple[str, ...] = ()
    told: tuple[Told, ...] = ()
    put_off: PutOff | None = None


class GlanceRequest(_Value):
    """Look whether anything differs from what is known; `wishes` wait for a merge each."""

    repository: RepositoryKey
    open: tuple[OpenPromotion, ...] = ()
    branches: tuple[str, ...] = ()
    heads: str = ""
    touched: tuple[Touched, ...] = ()
    looked: datetime | None = None
    wishes: tuple[int, ...] = ()
    began: datetime | None = None


class Glance(_Value):
    """What no event told of, and when to look again.

    `look` asks for a survey and `drift` for a look at the drift; `news` is by slot.
    """

    until: datetime
    look: bool = False
    drift: bool = False
    news: dict[str, News] = {}
    comments: tuple[Comment, ...] = ()
    merged: tuple[int, ...] = ()
    ended: tuple[str, ...] = ()
    touched: tuple[Touched, ...] = ()


class BackMerge(_Value):
    """A back-merge that was proposed: what drifted where, the branch, and its pull request."""

    environment: str
    branch: str
    digest: str
    number: int


class DriftState(_Value):
    """What the drift watch last said; `issue` is its digest, None where it is not known.

    `declined` are digests of back-merges that a person closed. `hops` are in promotion order;
    `problem` is what is wrong with the configuration.
    `may_be_put_off` is as in a `SurveyRequest`.
    """

    repository: RepositoryKey
    issue: str | None = None
    back_merges: tuple[BackMerge, ...] | None = None
    declined: tuple[str, ...] = ()
    hops: tuple[document.Hop, ...] = ()
    problem: str = ""
    may_be_put_off: bool = False


class Watched(_Value):
    """The drift watch after a look; the forge may not be asked for the rest before `put_off`."""

    state: DriftState
    managed: bool
    put_off: datetime | None = None
