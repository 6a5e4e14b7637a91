"""What one repository's pipeline carries, and what promotions and people tell it."""

from datetime import datetime

from webhook.events import Comment, Delivery, RepositoryRef
from workflows.values.base import RepositoryKey, Value
from workflows.values.promotion import SeenHead


class OpenPromotion(Value):
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


class Report(Value):
    """What a promotion tells its pipeline.

    It has `ended`; `cancelled` where a person did not want it. `comments` ask for
    something that is not the promotion's. At its end it tells which comments it has `taken`.
    """

    promotion: OpenPromotion
    ended: bool = False
    cancelled: bool = False
    comments: tuple[Comment, ...] = ()
    taken: tuple[int, ...] = ()


class Remembered(Value):
    """`/promote ENVIRONMENT`, said on a pull request that was not merged yet."""

    number: int
    environment: str
    person: str


class Touched(Value):
    """Something of ours that is open on the forge, and when it was touched last."""

    number: int
    at: datetime


class Planned(Value):
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


class Wanted(Value):
    """A promotion that the command line asks for now; `id` is the question's."""

    id: str
    environment: str
    person: str


class Told(Value):
    """The answer to a question: the source commit that is promoted, else why none is."""

    id: str
    source: str = ""
    text: str = ""


class Unsaid(Value):
    """The answer to a comment, whose commands are done, that is still to be given."""

    comment: Comment
    answers: tuple[str, ...]


class PutOff(Value):
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
