"""What crosses Temporal: references, digests and what people said; never content.

Small and forgiving when read back: an unknown field is skipped, a missing one has its
default, so that a worker of another release can go on with what this one left.
"""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from bot.decisions.facts import Candidate, Check, Overridden, Rejected, Said, SignedOff
from webhook.events import Comment

TASK_QUEUE = "lockstep"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class RepositoryKey(_Value):
    """A repository on a forge."""

    forge: Literal["github", "gitlab"]
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

    def promotion_id(self, environment: str, source: str) -> str:
        """Return the id of the workflow of one promotion."""
        return f"promotion/{self.path}/{environment}/{source[:12]}"


class PromotionState(_Value):
    """All that one promotion is, between two steps.

    `first` is the source commit that it began with, which named its branch. `built` are the
    candidates before the present one, to tell what a review was given on.
    `checks` are those last observed on the candidate, None where they must be asked for.
    `said` is the digest of what the pull request and the status last said.
    """

    repository: RepositoryKey
    environment: str
    source: str
    first: str
    asked_by: str = ""
    number: int | None = None
    candidate: Candidate | None = None
    built: tuple[Candidate, ...] = ()
    checks: tuple[Check, ...] | None = None
    hold: Said | None = None
    cancel: Said | None = None
    retry: Said | None = None
    refusal: str = ""
    sign_offs: tuple[SignedOff, ...] = ()
    rejections: tuple[Rejected, ...] = ()
    overrides: tuple[Overridden, ...] = ()
    taken: tuple[int, ...] = ()
    said: str = ""

    @property
    def workflow_id(self) -> str:
        """The id of this promotion's workflow."""
        return self.repository.promotion_id(self.environment, self.first)

    @property
    def branch(self) -> str:
        """The promotion's branch; a name that it keeps, also when it is superseded."""
        return f"lockstep/promote/{self.environment}/{self.first[:12]}"


class News(_Value):
    """Why a promotion should look again: what happened, or what a person said."""

    checks: bool = False
    pull_request: bool = False
    comments: tuple[Comment, ...] = ()


class Advanced(_Value):
    """One step of a promotion: its state after it, and how it goes on.

    It has ended where there is an `outcome`; else it waits for news, or until `until`.
    `awaits` are the checks it waits for; None for whichever reports.
    """

    state: PromotionState
    outcome: str | None = None
    cancelled: bool = False
    until: datetime | None = None
    reason: str = ""
    awaits: tuple[str, ...] | None = None


class OpenPromotion(_Value):
    """What the pipeline knows of a promotion that is open, enough to send it its news."""

    environment: str
    source: str
    workflow_id: str
    branch: str
    number: int | None = None
    candidate: str | None = None
    awaits: tuple[str, ...] | None = None


class Ended(_Value):
    """A promotion has ended; `cancelled` where a person did not want it."""

    environment: str
    source: str
    outcome: str
    cancelled: bool = False


class Report(_Value):
    """What a promotion tells its pipeline."""

    promotion: OpenPromotion
    ended: Ended | None = None


class Remembered(_Value):
    """`/promote ENVIRONMENT`, said on a pull request that was not merged yet."""

    number: int
    environment: str
    person: str


class PipelineState(_Value):
    """All that a pipeline carries from one run to the next.

    `taken` are delivery ids, newest last; `cancelled` are ENVIRONMENT/SHA.
    """

    repository: RepositoryKey
    open: tuple[OpenPromotion, ...] = ()
    taken: tuple[str, ...] = ()
    cancelled: tuple[str, ...] = ()
    remembered: tuple[Remembered, ...] = ()


class SurveyRequest(_Value):
    """Look at a repository: its configuration, its heads, and what people asked for."""

    state: PipelineState
    comments: tuple[Comment, ...] = ()
    merged: tuple[int, ...] = ()


class Survey(_Value):
    """What there is to start after a look, and what is wrong with the configuration."""

    starts: tuple[PromotionState, ...] = ()
    remembered: tuple[Remembered, ...] = ()
    problem: str = ""
