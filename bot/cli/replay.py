"""What a policy would have made of the promotions that git has recorded, and what git cannot know.

Each is planned again as it was, between the commit that it brought and the target before
it, and judged at the moment when it landed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice

from bot.decisions.facts import Candidate, GateFacts
from bot.decisions.gates import evaluate
from bot.decisions.policy import Policies, Policy
from bot.decisions.requirements import EVERY_CHECK, Requirements
from bot.decisions.verdicts import Closed, Failed, GateResult, Open
from bot.engine.candidate import MergeMethod, plan_promotion
from bot.engine.commits import committed_at, parents_of, read_commits
from bot.engine.drift import compare
from bot.engine.keep import Keep
from bot.evidence.observed import Around, of_content
from bot.model import Commit, Head
from bot.policies.effective import Known, policy_of
from bot.policies.persona import login_of
from bot.repository import Repository
from config.schema import Environment

# A wait that has not ended after so many closed gates has no end that could be told.
_MOST_STEPS = 60


@dataclass(frozen=True, slots=True)
class Replayed:
    """One promotion as it landed, and what the policy makes of it.

    `waits` were closed by the time alone; at `until` they would have been open, None where
    no time is told. `people` are gates that git knows nothing of; `impossible` says which
    of them nobody could have opened.
    """

    commit: Commit
    landed: datetime
    environment: str
    source: str
    policy: Policy
    changes: int
    waits: tuple[GateResult, ...] = ()
    until: datetime | None = None
    people: tuple[str, ...] = ()
    impossible: tuple[str, ...] = ()

    @property
    def longer(self) -> timedelta | None:
        """How much longer it would have taken, None where that cannot be told."""
        return None if self.until is None else self.until - self.landed


def replay(
    git: Repository, policies: Policies, heads: Mapping[str, Head], most: int
) -> list[Replayed]:
    """Return the newest promotions, newest first, judged by these policies.

    `heads` are those of the environments that there are. A roll-back is none, and what was
    merged without a record is not known to be one.
    """
    found: list[_Landed] = []
    for environment in policies.config.environments:
        head = heads.get(environment.name)
        source = heads.get(environment.source or "")
        if head is not None and source is not None:
            found += islice(_landed(git, environment, source, head), most)
    found.sort(key=lambda one: one.at, reverse=True)
    replaying = _Replaying(git, policies, heads)
    return [replaying.one(landed) for landed in found[:most]]


@dataclass(frozen=True, slots=True)
class _Landed:
    """A promotion's commit on its target, when it was made, and the hop as it was before."""

    commit: str
    at: datetime
    environment: Environment
    source: Head
    target: Head


def _landed(
    git: Repository, environment: Environment, source: Head, target: Head
) -> Iterator[_Landed]:
    for record in git.records(target.sha, environment.name):
        if record.undone or git.missing([record.source]):
            continue
        (content,) = git.read([record.commit])
        parents = parents_of(content)
        if parents:
            yield _Landed(
                record.commit,
                datetime.fromtimestamp(committed_at(content), UTC),
                environment,
                replace(source, sha=record.source),
                replace(target, sha=parents[0]),
            )


class _Replaying:
    def __init__(self, git: Repository, policies: Policies, heads: Mapping[str, Head]) -> None:
        self.git, self.policies, self.heads = git, policies, heads
        self.keep = Keep(policies.config.keep)
        self._lines: dict[str, list[tuple[datetime, str]]] = {}

    def one(self, landed: _Landed) -> Replayed:
        comparison = compare(self.git, landed.source, landed.target, self.keep)
        method = MergeMethod(landed.environment.merge)
        plan = plan_promotion(self.git, comparison, self.keep, method)
        authors = frozenset(map(login_of, plan.commits))
        known = Known(landed.at, authors=authors)
        policy = policy_of(self.git, self.policies, landed.environment, plan, known)
        facts = replace(
            GateFacts(
                Candidate(landed.commit, landed.source.sha, landed.target.sha, "", landed.at),
                authors=authors,
                members=_members(self.policies),
            ),
            **of_content(self._around(landed), plan, policy.needed, landed.at),
        )
        waits, until = _waits(policy.needed, facts, landed.at)
        return Replayed(
            commit=read_commits(self.git, [landed.commit])[landed.commit],
            landed=landed.at,
            environment=landed.environment.name,
            source=landed.source.sha,
            policy=policy,
            changes=len(plan.promoted),
            waits=waits,
            until=until,
            people=tuple(_people(policy.needed)),
            impossible=tuple(_impossible(policy.needed, facts, landed.at)),
        )

    def _around(self, landed: _Landed) -> Around:
        def head(environment: Environment) -> Head | None:
            if environment.name == landed.source.environment:
                return landed.source
            return self._head_at(environment, landed.at)

        # A calendar of the repository is read as it is now: it says of the past what it said.
        return Around(self.git, self.policies.config, head, self.git.commit(self.git.default_ref()))

    def _head_at(self, environment: Environment, at: datetime) -> Head | None:
        """Return where a branch was by its commits' dates; git keeps no record of pushes."""
        head = self.heads.get(environment.name)
        if head is None:
            return None
        if environment.name not in self._lines:
            text = self.git.git("log", "--first-parent", "--format=%ct %H", head.sha, "--")
            pairs = [line.split() for line in text.decode().splitlines()]
            self._lines[environment.name] = [
                (datetime.fromtimestamp(int(seconds), UTC), sha) for seconds, sha in pairs
            ]
        before = (sha for date, sha in self._lines[environment.name] if date <= at)
        sha = next(before, None)
        return None if sha is None else replace(head, sha=sha)


def _members(policies: Policies) -> dict[str, frozenset[str]]:
    """Return the people of roles that are no teams; who is in a team git does not know."""
    return {name: frozenset(role.users) for name, role in policies.roles.items() if not role.teams}


def _waits(
    needed: Requirements, facts: GateFacts, landed: datetime
) -> tuple[tuple[GateResult, ...], datetime | None]:
    """Return what was closed by the time alone, and when it would have been open."""
    by_time = replace(
        Requirements(),
        soak=needed.soak,
        windows=needed.windows,
        freezes=needed.freezes,
        drained=needed.drained,
        required_files=needed.required_files,
        schemas=needed.schemas,
        undetermined=needed.undetermined,
        because=needed.because,
    )
    now = landed
    first: tuple[GateResult, ...] = ()
    for _ in range(_MOST_STEPS):
        shut = [
            result
            for result in evaluate(by_time, facts, now)
            if result.gate != "checks" and not isinstance(result.verdict, Open)
        ]
        first = first or tuple(shut)
        if not shut:
            return first, now
        untils = [one.verdict.until for one in shut if isinstance(one.verdict, Closed)]
        known = [until for until in untils if until is not None]
        if len(known) < len(shut):
            return first, None
        now = max(known)
    return first, None


def _people(needed: Requirements) -> Iterator[str]:
    """Yield what people, CI and services have to say, which no commit tells."""
    checks = [name for name in needed.checks.required if name != EVERY_CHECK]
    if checks:
        yield f"the checks {', '.join(checks)}"
    if needed.approvals:
        yield f"{needed.approvals} approval{'s' * (needed.approvals > 1)}"
    if needed.code_owners:
        yield "the approval of code owners"
    if needed.sign_offs:
        yield f"sign-off by {', '.join(needed.sign_offs)}"
    for kind in ("http", "metrics", "workflow"):
        names = [one.name for one in getattr(needed, kind)]
        if names:
            yield f"{kind} {', '.join(names)}"


def _impossible(needed: Requirements, facts: GateFacts, now: datetime) -> Iterator[str]:
    for result in evaluate(Requirements(sign_offs=needed.sign_offs), facts, now):
        if result.gate == "sign_offs" and isinstance(result.verdict, Failed):
            yield result.verdict.reason
