"""What a promotion has to pass, once everything that asks for something is taken together.

`strictest` is the one place that says what stricter means.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from typing import TypeVar

from config.freezes import Freeze
from config.gates import Checks, Gates, SchemaRule
from config.outside import HttpGate, MetricsGate, WorkflowGate
from config.times import Window

# Stands among required checks for whatever reports, which is what no list at all means.
EVERY_CHECK = "*"

T = TypeVar("T")
_NO_CHECKS = Checks()


@dataclass(frozen=True, slots=True)
class Requirements:
    """The gates that apply to one promotion.

    Of `windows`, one of each set must be open. Where `checks` requires none, every check
    that reports counts. `undetermined` are gates at which more may be asked for, and
    why that cannot be told. `because` says of gates why they are stricter than the
    environment's own; at `until` other rules may apply.
    """

    checks: Checks = _NO_CHECKS
    soak: timedelta | None = None
    approvals: int = 0
    code_owners: bool = False
    sign_offs: tuple[str, ...] = ()
    windows: tuple[tuple[Window, ...], ...] = ()
    drained: bool = False
    required_files: tuple[str, ...] = ()
    schemas: tuple[SchemaRule, ...] = ()
    http: tuple[HttpGate, ...] = ()
    metrics: tuple[MetricsGate, ...] = ()
    workflow: tuple[WorkflowGate, ...] = ()
    freezes: tuple[Freeze, ...] = ()
    undetermined: tuple[tuple[str, str], ...] = ()
    because: Mapping[str, tuple[str, ...]] = field(default_factory=dict, compare=False)
    until: datetime | None = field(default=None, compare=False)

    @classmethod
    def of(cls, gates: Gates, freezes: Iterable[Freeze] = ()) -> "Requirements":
        """Return what one ``gates:`` asks for, and freezes with it."""
        return cls(
            checks=gates.checks,
            soak=gates.soak,
            approvals=gates.approvals.count,
            code_owners=gates.approvals.code_owners,
            sign_offs=gates.sign_offs,
            windows=(gates.windows,) if gates.windows else (),
            drained=gates.drained,
            required_files=gates.required_files,
            schemas=gates.schemas,
            http=gates.http,
            metrics=gates.metrics,
            workflow=gates.workflow,
            freezes=tuple(freezes),
        )

    @property
    def asks_people(self) -> bool:
        """Whether who wrote the change matters: somebody else has to agree."""
        return bool(self.approvals or self.code_owners or self.sign_offs)


def strictest(own: Requirements, others: Sequence[Requirements]) -> Requirements:
    """Return what satisfies an environment's `own` requirements and those of all others.

    All that any of them names, the most approvals, the longest soak, the shortest
    time-out, and of each set of windows one.
    """
    matching = (own, *others)
    required = _union(each.checks.required for each in matching)
    if required and not own.checks.required:
        # No list means that every check counts, and a rule must not take that away.
        required = (EVERY_CHECK, *(name for name in required if name != EVERY_CHECK))
    timeouts = [each.checks.timeout for each in matching if each.checks.timeout is not None]
    return Requirements(
        checks=Checks(required=required, timeout=min(timeouts, default=None)),
        soak=max((each.soak for each in matching if each.soak is not None), default=None),
        approvals=max(each.approvals for each in matching),
        code_owners=any(each.code_owners for each in matching),
        sign_offs=_union(each.sign_offs for each in matching),
        windows=_union(each.windows for each in matching),
        drained=any(each.drained for each in matching),
        required_files=_union(each.required_files for each in matching),
        schemas=_union(each.schemas for each in matching),
        http=_union(each.http for each in matching),
        metrics=_union(each.metrics for each in matching),
        workflow=_union(each.workflow for each in matching),
        freezes=_union(each.freezes for each in matching),
        undetermined=_union(each.undetermined for each in matching),
    )


def _union(parts: Iterable[Iterable[T]]) -> tuple[T, ...]:
    """Return all of them once, in their order; some are mappings and cannot be hashed."""
    found: list[T] = []
    for each in chain.from_iterable(parts):
        if each not in found:
            found.append(each)
    return tuple(found)
