"""What the drift watch has said last, and what it is told after a look."""

from datetime import datetime

from webhook.dashboard import document
from workflows.values.base import RepositoryKey, Value


class BackMerge(Value):
    """A back-merge that was proposed: what drifted where, the branch, and its pull request."""

    environment: str
    branch: str
    digest: str
    number: int


class DriftState(Value):
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


class Watched(Value):
    """The drift watch after a look; the forge may not be asked for the rest before `put_off`."""

    state: DriftState
    managed: bool
    put_off: datetime | None = None
