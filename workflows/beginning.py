"""Begin promotions and roll-backs: one of each at a time for an environment, each told of once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.engine.candidate import Plan
from bot.messages import replies, rollback
from bot.model import Head, State
from config.schema import Config, Environment
from workflows import rolling_back
from workflows.adopting import adopt, was_closed
from workflows.gathering import noticed
from workflows.hop_plans import plan_and_lifts, plan_for
from workflows.sites import Site
from workflows.values.looks import SurveyRequest
from workflows.values.pipeline import OpenPromotion
from workflows.values.promotion import News, PromotionState

Start = Callable[[PromotionState, Sequence[News]], None]
"""Starts a promotion with what is news to it; one that runs already is success."""

BY_SCHEDULE = "the schedule"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of asking for a promotion: the answer, and the source commit where one began."""

    answer: str
    source: str = ""


class Beginnings:
    """What is open in a repository, and what begins there while it is looked at.

    `cancelled` are ENVIRONMENT/SHA that somebody was found not to want; `seen` are the heads
    of sources where content has to rest.
    """

    def __init__(self, site: Site, config: Config, request: SurveyRequest, start: Start) -> None:
        self._site, self._config, self._request = site, config, request
        self._start = start
        self.open = {promotion.slot: promotion for promotion in request.open}
        self.started: list[OpenPromotion] = []
        self.cancelled: list[str] = []
        self.seen = request.seen

    def go_on(self, now: datetime) -> None:
        """Take up what is open on the forge, and not here: Temporal may be a new one."""
        requests = self._site.forge.pull_requests(self._site.name)
        for begun in rolling_back.left_open(self._site, self._config, requests):
            if self._rolling(begun.environment) is None:
                self._started(begun)
        for known in adopt(self._site, self._config, requests, now):
            if not self.is_busy(known.state.environment):
                self._started(known.state, known.news)

    def notice(self, now: datetime) -> None:
        """Remember when sources were first seen at their heads, where content has to rest."""
        config = self._config
        asking = (config, *self._site.policies.inherited)
        if not any('"soak":' in each.model_dump_json(exclude_defaults=True) for each in asking):
            self.seen = ()
            return
        for source in sorted({e.source for e in config.environments if e.source is not None}):
            branch = config.environment(source).branch
            self.seen = noticed(self.seen, branch, self._site.git.branch(branch), now)

    def is_busy(self, name: str) -> bool:
        """Whether a promotion into an environment, or its roll-back, is open."""
        return name in self.open or self._rolling(name) is not None

    def is_under_way(self, name: str) -> bool:
        """Whether the newest commit is being promoted already, as an automatic one may be."""
        source = (
            self._config.source_of(self._config.environment(name)) if name in self.open else None
        )
        head = self._site.head(source) if source else None
        return head is not None and self.open[name].source == head.sha

    def begin(self, environment: Environment, asked_by: str = "") -> Plan | None:
        """Start a promotion where something can be promoted; return the plan."""
        heads = self._heads(environment)
        if heads is None:
            return None
        source, target = heads
        if not asked_by and f"{environment.name}/{source.sha}" in self._request.cancelled:
            return None
        by_hand = asked_by not in {"", BY_SCHEDULE}
        plan, lifts = plan_and_lifts(self._site, source, target, environment, by_hand=by_hand)
        if plan.candidate is None:
            return plan
        if not asked_by and self._was_closed(environment.name, source.sha):
            return None
        self._started(
            PromotionState(
                repository=self._request.repository,
                environment=environment.name,
                source=source.sha,
                first=source.sha,
                asked_by=asked_by,
                lifts=lifts,
                seen=tuple(each for each in self.seen if each.branch == source.branch),
            )
        )
        return plan

    def promote(self, name: str, person: str) -> Outcome:
        """Promote into an environment because somebody said so."""
        words = self._site.words
        known = {e.name: e for e in self._config.environments if e.source is not None}
        if name not in known:
            return Outcome(replies.no_environment(name, known))
        if answer := self._busy(name):
            return Outcome(answer + self._left_out(known[name]))
        plan = self.begin(known[name], person)
        if plan is None:
            return Outcome(replies.gone(name))
        if plan.state is State.CONFLICT:
            return Outcome(replies.conflicting(plan, words))
        if plan.candidate is None:
            return Outcome(replies.nothing_pending(known[name].source or "", name))
        source = plan.comparison.source.sha
        return Outcome(replies.started(name, source, words), source)

    def roll_back(self, name: str, person: str) -> str:
        """Begin to take the newest promotion back; return the answer."""
        if (rolling := self._rolling(name)) is not None:
            return rollback.under_way(name, rolling.number, self._site.words)
        begun, answer = rolling_back.prepare(self._site, self._config, name, person)
        if begun is not None:
            self._started(begun)
        return answer

    def _rolling(self, name: str) -> OpenPromotion | None:
        return self.open.get(f"rollback/{name}")

    def _busy(self, name: str) -> str:
        """Return why nothing more can begin in an environment; empty where it can."""
        if (rolling := self._rolling(name)) is not None:
            return rollback.under_way(name, rolling.number, self._site.words)
        if name in self.open:
            return replies.already_open(name, self.open[name].number, self._site.words)
        return ""

    def _heads(self, target: Environment) -> tuple[Head, Head] | None:
        """Return where a hop's two sides are, None where one is gone."""
        source = self._config.source_of(target)
        heads = (self._site.head(source) if source else None, self._site.head(target))
        return None if heads[0] is None or heads[1] is None else (heads[0], heads[1])

    def _left_out(self, target: Environment) -> str:
        """Return how what was rolled back comes along, where an open promotion leaves it out."""
        heads = self._heads(target) if target.name in self.open else None
        if heads is None:
            return ""
        held = plan_for(self._site, *heads, target).comparison.held_by
        return replies.held_out(target.name, self._site.words) if held else ""

    def _was_closed(self, name: str, source: str) -> bool:
        """Whether somebody did not want a commit promoted, before we knew of anything here."""
        if self._request.looked is not None:
            return False
        branch = f"lockstep/promote/{name}/{source[:12]}"
        if closed := was_closed(self._site, branch):
            self.cancelled.append(f"{name}/{source}")
        return closed

    def _started(self, promotion: PromotionState, news: Sequence[News] = ()) -> None:
        self._start(promotion, news)
        opened = OpenPromotion(
            environment=promotion.environment,
            source=promotion.source,
            workflow_id=promotion.workflow_id,
            branch=promotion.branch,
            number=promotion.number,
            rolls_back=promotion.asked_by if promotion.undoes else "",
        )
        self.open[opened.slot] = opened
        self.started.append(opened)
