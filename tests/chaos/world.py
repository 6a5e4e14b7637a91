"""A forge and git as numbers, and the steps of the workflows on them, for random sequences.

Where things go and what is decided is the product's own: `route`, `glance`, `decide_promotion`
and the gates. What is observed and applied is played here in the order of `workflows.advancing`.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from bot.decisions import commands as c
from bot.decisions import promotion as moves
from bot.decisions.commands import parse_comment
from bot.decisions.facts import (
    Candidate,
    Check,
    GateFacts,
    PromotionFacts,
    PullRequest,
    Said,
    SignedOff,
)
from bot.decisions.promotion import Promotion, decide_promotion
from bot.decisions.requirements import Requirements
from bot.forges.forge import CommentInfo, OpenItem
from bot.words import GITHUB
from config.gates import Gates
from tests.chaos.driver import Server
from webhook.events import (
    ChecksChanged,
    Comment,
    Delivery,
    Event,
    PullRequestChanged,
    Push,
    RepositoryRef,
)
from workflows.glancing import digest_of_heads, glance
from workflows.pipeline import PipelineWorkflow
from workflows.promotion import PromotionWorkflow
from workflows.values.base import RepositoryKey
from workflows.values.drift import DriftState
from workflows.values.looks import Glance, GlanceRequest, Survey, SurveyRequest
from workflows.values.pipeline import OpenPromotion, PipelineState, Report
from workflows.values.promotion import Advanced, News, PromotionState

KEY = RepositoryKey(forge="github", owner="acme", name="config")
REPOSITORY = RepositoryRef(forge="github", owner="acme", name="config", id=1, default_branch="main")
ME = "lockstep"
RECONCILE = timedelta(minutes=10)
HOPS = {"staging": "development", "production": "staging"}
BRANCH = {"development": "develop", "staging": "staging", "production": "main"}
AUTOMATIC = {"staging"}
NEEDED = {
    "staging": Requirements.of(Gates.model_validate({"checks": ["ci"]})),
    "production": Requirements.of(Gates.model_validate({"checks": ["ci"], "sign_offs": ["qa"]})),
}


@dataclass(slots=True)
class Pull:
    """A pull request; `state` is open, closed or merged, `by` who made it so."""

    number: int
    branch: str
    base: str
    head: str
    changed: datetime
    state: str = "open"
    by: str = ""


@dataclass(slots=True)
class World:
    """What the forge and git have, and what of it is still on its way as events.

    Content is a set of numbers: a promotion brings the source's to the target's. `merges` are
    (branch, candidate, what the branch held afterwards), `heard` who took a comment, by its id.
    """

    now: datetime = datetime(2026, 1, 5, tzinfo=UTC)
    content: dict[str, frozenset[int]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    pulls: dict[int, Pull] = field(default_factory=dict)
    checks: dict[str, Check] = field(default_factory=dict)
    said: dict[int, list[CommentInfo]] = field(default_factory=dict)
    network: list[Delivery] = field(default_factory=list)
    merges: list[tuple[str, str, frozenset[int]]] = field(default_factory=list)
    heard: dict[int, set[str]] = field(default_factory=dict)
    numbers: int = 0
    server: Server = field(init=False)

    def __post_init__(self) -> None:
        for branch in BRANCH.values():
            self._commit(branch, frozenset())
        self.network.clear()
        activities: dict[str, Callable[..., Any]] = {
            "survey": self.survey,
            "glance": self.glance,
            "advance": self.advance,
            "watch_drift": self.watch,
        }
        self.server = Server(self.now, activities)

    def wait(self, time: timedelta) -> None:
        """Let time pass."""
        self.now += time
        self.server.now_ = self.now

    # What people, CI and the forge do

    def next(self) -> int:
        """Return a number that was not there before."""
        self.numbers += 1
        return self.numbers

    def tell(self, event: Event) -> None:
        """Put an event on its way."""
        self.network.append(Delivery(id=f"d-{self.next()}", repository=REPOSITORY, event=event))

    def _commit(self, branch: str, content: frozenset[int], by: str = "ada", sha: str = "") -> str:
        made = sha or hashlib.sha1(f"{self.next()}".encode(), usedforsecurity=False).hexdigest()
        self.content[made] = content
        self._move(branch, made, by)
        return made

    def _move(self, branch: str, sha: str, by: str) -> None:
        before = self.branches.get(branch)
        self.branches[branch] = sha
        for pull in self.pulls.values():
            if pull.state == "open" and pull.branch == branch:
                pull.head, pull.changed = sha, self.now
        self.tell(Push(branch=branch, before=before, after=sha, by=by))

    def push(self, environment: str) -> None:
        """Add something to an environment."""
        branch = BRANCH[environment]
        self._commit(branch, self.content[self.branches[branch]] | {self.next()})

    def check(self, number: int, *, good: bool) -> None:
        """Report on the head of a pull request."""
        head, name = self.pulls[number].head, "ci"
        self.checks[head] = Check(name, head, "success" if good else "failure", self.now)
        self.tell(ChecksChanged(sha=head, name=name, failed=not good))

    def say(self, number: int, person: str, text: str) -> None:
        """Comment under a pull request."""
        made = CommentInfo(self.next(), person, self.now, text, edited=False)
        self.said.setdefault(number, []).append(made)
        self.pulls[number].changed = self.now
        self.tell(self._comment(number, made))

    @staticmethod
    def _comment(number: int, made: CommentInfo) -> Comment:
        return Comment(
            number=number,
            id=made.id,
            author=made.author,
            at=made.at,
            text=made.text,
            on_pull_request=True,
        )

    def end(self, number: int, person: str, *, merged: bool) -> None:
        """Close or merge a pull request as somebody."""
        pull = self.pulls[number]
        assert pull.state == "open"
        if merged:
            held = self.content[self.branches[pull.base]] | self.content[pull.head]
            sha = hashlib.sha1(f"m{self.next()}".encode(), usedforsecurity=False).hexdigest()
            self._commit(pull.base, held, person, sha)
            self.merges.append((pull.base, pull.head, held))
        pull.state, pull.by, pull.changed = "merged" if merged else "closed", person, self.now
        self.tell(
            PullRequestChanged(
                number=number,
                action="closed",
                head_branch=pull.branch,
                head_sha=pull.head,
                base_branch=pull.base,
                merged=merged,
                from_fork=False,
                by=person,
            )
        )

    def deliver(self, *deliveries: Delivery) -> None:
        """Send events to the pipeline, as the receiver does."""
        state = PipelineState.model_validate(REPOSITORY.model_dump())
        self.server.start(KEY.pipeline_id, PipelineWorkflow, state)
        self.server.signal(KEY.pipeline_id, "take", list(deliveries))

    def open_into(self, environment: str) -> list[Pull]:
        """Return the open pull requests into an environment."""
        base = BRANCH[environment]
        return [p for p in self.pulls.values() if (p.state, p.base) == ("open", base)]

    # The steps: `Sites` and `Forge` as far as a glance needs them

    def clock(self) -> datetime:
        return self.now

    def forge(self, _: RepositoryKey) -> "World":
        return self

    def login(self) -> str:
        return ME

    def look(self, _: RepositoryKey, branches: Iterable[str]) -> dict[str, str]:
        return {name: self.branches[name] for name in branches if name in self.branches}

    def open_items(self, _: str) -> Sequence[OpenItem]:
        found = [p for p in self.pulls.values() if p.state == "open"]
        return [OpenItem(p.number, p.changed, is_pull_request=True) for p in found]

    def pull_request(self, _: str, number: int) -> Any:
        pull = self.pulls[number]
        return SimpleNamespace(state=pull.state, head_branch=pull.branch)

    def comments(
        self, _: str, number: int, since: datetime | None = None, **__: object
    ) -> Sequence[CommentInfo]:
        known = self.said.get(number, [])
        return [one for one in known if since is None or one.at >= since]

    def glance(self, _: int, request: GlanceRequest) -> Glance:
        """Look as the product does."""
        found: Any = self
        return glance(found, request, RECONCILE)

    def watch(self, _: int, state: DriftState) -> None:
        raise AssertionError(f"nobody plays the drift watch: {state}")

    def survey(self, _: int, request: SurveyRequest) -> Survey:
        """Start what there is to start: see `workflows.beginning`."""
        opened = {one.slot: one for one in request.open}
        started: list[OpenPromotion] = []
        asked = set()
        for comment in request.comments:
            self._hear(comment.id, comment.author, "survey")
            commands = parse_comment(comment.text, GITHUB)
            asked |= {one.environment for one in commands if isinstance(one, c.Promote)}
        for name, source in HOPS.items():
            sha = self.branches[BRANCH[source]]
            target = self.branches[BRANCH[name]]
            wanted = name in asked or (
                name in AUTOMATIC and f"{name}/{sha}" not in request.cancelled
            )
            if name in opened or not wanted or self.content[sha] <= self.content[target]:
                continue
            state = PromotionState(
                repository=KEY,
                environment=name,
                source=sha,
                first=sha,
                asked_by="ada" if name in asked else "",
            )
            self.server.start(state.workflow_id, PromotionWorkflow, state, [])
            made = OpenPromotion(
                environment=name, source=sha, workflow_id=state.workflow_id, branch=state.branch
            )
            started.append(made)
        branches = tuple(sorted(BRANCH.values()))
        return Survey(
            managed=True,
            until=self.now + RECONCILE,
            branches=branches,
            heads=digest_of_heads(self.branches, branches),
            looked=self.now,
            bot=ME,
            started=tuple(started),
        )

    def _hear(self, comment: int, person: str, where: str) -> None:
        assert person != ME
        self.heard.setdefault(comment, set()).add(where)

    def advance(self, attempt: int, state: PromotionState, news: list[News]) -> Advanced:
        """Take a promotion as far as it can go: see `workflows.advancing`."""
        again = attempt > 1
        asks_request = again or any(one.pull_request or one.ask for one in news)
        asks_checks = again or any(one.checks or one.ask for one in news)
        pass_on: list[Comment] = []
        if any(one.gives_way for one in news) and not self._is_merged(state):
            for pull in self.pulls.values():
                if (pull.branch, pull.state) == (state.branch, "open"):
                    self.end(pull.number, ME, merged=False)
            self.branches.pop(state.branch, None)
            said = [one for item in news for one in item.comments if one.id not in state.taken]
            return self._told(Advanced(state=state, outcome="another goes on"), said)
        for comment in (one for item in news for one in item.comments):
            state = self._take(state, comment, pass_on)
        for _ in range(12):
            seen = {name: sha for name, sha in self.branches.items() if name in BRANCH.values()}
            moved = self._move_on(state, request=asks_request, checks=asks_checks)
            asks_request = asks_checks = False
            if isinstance(moved, str):
                asks_request, moved = True, state
            if isinstance(moved, Advanced):
                step = self._told(moved, pass_on)
                now = {name: sha for name, sha in self.branches.items() if name in BRANCH.values()}
                if state.told or step.outcome or now == seen:
                    return step
                moved = step.state
            state = moved
        raise AssertionError("the promotion keeps changing")

    def _is_merged(self, state: PromotionState) -> bool:
        number = state.number
        return bool(state.merged) or (number is not None and self.pulls[number].state == "merged")

    def _take(
        self, state: PromotionState, comment: Comment, pass_on: list[Comment]
    ) -> PromotionState:
        if comment.id in state.taken:
            return state
        change: dict[str, object] = {"taken": (*state.taken, comment.id)}
        for command in parse_comment(comment.text, GITHUB):
            match command:
                case c.Hold(reason):
                    change["hold"] = Said(comment.author, reason)
                case c.Resume():
                    change["hold"] = None
                case c.Cancel():
                    change["cancel"] = Said(comment.author)
                case c.Retry():
                    change |= {"retry": Said(comment.author), "refusal": "", "checks": None}
                case c.SignOff(role) if state.candidate is not None:
                    digest = state.candidate.digest
                    signed = SignedOff(role, comment.author, digest, comment.at)
                    change["sign_offs"] = (*state.sign_offs, signed)
                case c.Promote():
                    pass_on.append(comment)
                    return state.model_copy(update=change)
        self._hear(comment.id, comment.author, state.workflow_id)
        return state.model_copy(update=change)

    def _request(self, state: PromotionState, *, ask: bool) -> PullRequest | None:
        if state.number is None:
            return None
        base, head = BRANCH[state.environment], self.branches.get(state.branch)
        if state.merged and state.candidate is not None:
            return PullRequest(state.candidate.sha, base, "merged", by=ME, by_self=True)
        if head is not None and not ask:
            return PullRequest(head=head, base=base)
        pull: Any = self.pulls[state.number]
        is_over = pull.state != "open"
        return PullRequest(
            head=pull.head if is_over else head or pull.head,
            base=pull.base,
            state=pull.state,
            by=pull.by,
            by_self=is_over and pull.by == ME,
            branch_deleted=head is None,
        )

    def _move_on(
        self, state: PromotionState, *, request: bool, checks: bool
    ) -> PromotionState | Advanced | str:
        """Observe, decide, apply; a text where the pull request has to be asked for first."""
        name = state.environment
        source, target = self.branches[BRANCH[HOPS[name]]], self.branches[BRANCH[name]]
        candidate = state.candidate
        if candidate is not None and (state.checks is None or checks):
            known = self.checks.get(candidate.sha)
            state = state.model_copy(update={"checks": (known,) if known else ()})
        facts = PromotionFacts(
            source_head=source,
            target_head=target,
            pending=not self.content[state.source] <= self.content[target],
            evidence=None
            if candidate is None
            else GateFacts(
                candidate=candidate,
                checks=state.checks or (),
                sign_offs=state.sign_offs,
                members={"qa": frozenset({"quinn"})},
            ),
            pull_request=self._request(state, ask=request),
            hold=state.hold,
            cancel=state.cancel,
            retry=state.retry,
            refusal=state.refusal,
        )
        promotion = Promotion(
            environment=name,
            branch=BRANCH[name],
            source_branch=BRANCH[HOPS[name]],
            source=state.source,
            automatic=name in AUTOMATIC and not state.asked_by,
            merge="merge",
            gates=NEEDED[name],
        )
        decision = decide_promotion(promotion, facts, self.now, GITHUB)
        needs_request = isinstance(decision, moves.UpToDate | moves.Rebuild)
        if needs_request and state.number is not None and not request:
            return decision.reason
        return self._apply(state, decision)

    def _apply(self, state: PromotionState, decision: moves.Decision) -> PromotionState | Advanced:
        match decision:
            case moves.Build() | moves.Rebuild():
                return self._build(state)
            case moves.Supersede(source):
                return state.model_copy(update={"source": source, "retry": None, "refusal": ""})
            case moves.Merge(head=head):
                return self._merge(state, head)
            case moves.Finish() | moves.MergedByHand() | moves.UpToDate() | moves.Cancelled():
                if state.number is not None and self.pulls[state.number].state == "open":
                    self.end(state.number, ME, merged=False)
                self.branches.pop(state.branch, None)
                return Advanced(state=state, outcome=decision.reason)
            case moves.Hold():
                return Advanced(state=state, reason=decision.reason)
            case moves.Wait(until=until) | moves.Blocked(until=until):
                state = state.model_copy(update={"retry": None})
                return Advanced(state=state, until=until, reason=decision.reason)

    def _build(self, state: PromotionState) -> PromotionState:
        target = self.branches[BRANCH[state.environment]]
        inputs = f"{state.source}{target}".encode()
        sha = hashlib.sha1(inputs, usedforsecurity=False).hexdigest()
        held = self.content[state.source] | self.content[target]
        self.content[sha] = held
        if self.branches.get(state.branch) != sha:
            self._move(state.branch, sha, ME)
        digest = ",".join(map(str, sorted(held - self.content[target])))
        candidate = Candidate(sha, state.source, target, digest, self.now)
        state = state.model_copy(
            update={"candidate": candidate, "checks": (), "retry": None, "refusal": ""}
        )
        known = [p for p in self.pulls.values() if (p.branch, p.state) == (state.branch, "open")]
        if known:
            return state.model_copy(update={"number": known[0].number})
        number = self.next()
        base = BRANCH[state.environment]
        self.pulls[number] = Pull(number, state.branch, base, sha, self.now)
        return state.model_copy(update={"number": number})

    def _merge(self, state: PromotionState, head: str) -> PromotionState:
        assert state.number is not None
        pull = self.pulls[state.number]
        if pull.state == "open" and pull.head == head:
            self.end(pull.number, ME, merged=True)
        elif not (pull.state == "merged" and pull.head == head):
            return state.model_copy(update={"refusal": "it is not open at that commit"})
        return state.model_copy(update={"merged": self.branches[pull.base]})

    def _told(self, step: Advanced, pass_on: list[Comment]) -> Advanced:
        state = step.state
        needed = NEEDED[state.environment].checks.required
        told = OpenPromotion(
            environment=state.environment,
            source=state.source,
            workflow_id=state.workflow_id,
            branch=state.branch,
            source_branch=BRANCH[HOPS[state.environment]],
            target_branch=BRANCH[state.environment],
            number=state.number,
            candidate=state.candidate.sha if state.candidate else "",
            awaits=tuple(sorted(needed)),
        )
        digest = told.model_dump_json()
        if digest == state.told and not step.outcome and not pass_on:
            return step
        report = Report(
            promotion=told,
            ended=bool(step.outcome),
            cancelled="`/cancel`" in step.outcome,
            comments=tuple(pass_on),
            taken=state.taken if step.outcome else (),
        )
        self.server.signal(KEY.pipeline_id, "report", report)
        return step.model_copy(update={"state": state.model_copy(update={"told": digest})})
