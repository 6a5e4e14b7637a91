"""What a pipeline asks of a look at its repository, and what it is answered."""

from datetime import datetime

from pydantic import Field

from webhook.events import Comment
from workflows.values.base import RepositoryKey, Value
from workflows.values.pipeline import (
    OpenPromotion,
    PipelineState,
    Planned,
    PutOff,
    Remembered,
    Told,
    Touched,
    Unsaid,
    Wanted,
)
from workflows.values.promotion import News, SeenHead


class SurveyRequest(Value):
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


class Survey(Value):
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


class GlanceRequest(Value):
    """Look whether anything differs from what is known; `wishes` wait for a merge each."""

    repository: RepositoryKey
    open: tuple[OpenPromotion, ...] = ()
    branches: tuple[str, ...] = ()
    heads: str = ""
    touched: tuple[Touched, ...] = ()
    looked: datetime | None = None
    wishes: tuple[int, ...] = ()
    began: datetime | None = None

    @classmethod
    def of(cls, state: PipelineState) -> "GlanceRequest":
        """Return the request of a pipeline."""
        return cls(
            repository=state.repository,
            open=state.open,
            branches=state.branches,
            heads=state.heads,
            touched=state.touched,
            looked=state.looked,
            wishes=tuple(wish.number for wish in state.remembered),
            began=state.began,
        )


class Glance(Value):
    """What no event told of, and when to look again.

    `look` asks for a survey and `drift` for a look at the drift; `news` is by slot.
    """

    until: datetime
    look: bool = False
    drift: bool = False
    news: dict[str, News] = Field(default={})
    comments: tuple[Comment, ...] = ()
    merged: tuple[int, ...] = ()
    ended: tuple[str, ...] = ()
    touched: tuple[Touched, ...] = ()
