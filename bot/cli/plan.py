"""`lockstep plan`: what a promotion would do, what it holds back and why, and its gates."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import click

from bot.cli.as_json import plan_document
from bot.cli.drift import say_notes
from bot.cli.local import (
    Local,
    config_option,
    json_option,
    opened,
    parsed_policy,
    policy_option,
    repository_argument,
)
from bot.cli.main import Failure
from bot.cli.moments import Moment
from bot.decisions.facts import Candidate, GateFacts
from bot.decisions.outlook import outlook
from bot.decisions.policy import Policies
from bot.decisions.requirements import Requirements
from bot.engine.candidate import MergeMethod, Plan, plan_promotion
from bot.engine.drift import compare
from bot.engine.keep import Keep
from bot.evidence.observed import Around, of_content
from bot.model import Head, State
from bot.policies.effective import Known, policy_of
from bot.policies.persona import login_of, persona
from config.schema import Environment
from workflows.stops import FREEZE, read_stop


@click.command()
@click.argument("environment")
@repository_argument
@config_option
@json_option
@click.option(
    "--commit-to",
    "ref",
    metavar="REF",
    help="Write the candidate commit and point REF, a branch or a full ref, at it.",
)
@policy_option
@click.option(
    "--at",
    "at",
    metavar="TIME",
    type=Moment(),
    help="Judge the gates as at that time: 2026-12-24T10:00, UTC unless it says otherwise.",
)
@click.option(
    "--as",
    "person",
    metavar="LOGIN",
    help="Say what that person could do, and what their word would change.",
)
def plan(
    environment: str,
    repository: str,
    config_file: Path | None,
    policy_files: tuple[Path, ...],
    at: datetime | None,
    person: str | None,
    *,
    as_json: bool,
    ref: str | None,
) -> int:
    """Show the promotion into ENVIRONMENT of REPO (here, if left out).

    Exits with 0 where there is nothing to promote, with 2 where there is something,
    with 3 where a conflict blocks it, and with 1 on any error.
    """
    with opened(repository, config_file) as local:
        target = local.environment(environment)
        source = local.config.source_of(target)
        if source is None:
            raise Failure(f"`{target.name}` is where changes begin: nothing is promoted into it")
        heads = local.heads([source, target])
        keep = Keep(local.config.keep)
        comparison = compare(local.repository, heads[source.name], heads[target.name], keep)
        planned = plan_promotion(local.repository, comparison, keep, MergeMethod(target.merge))
        now = at or datetime.now(UTC)  # noqa: TID251 -- the command line is where time comes in
        policies = Policies(local.config, tuple(map(parsed_policy, policy_files)))
        if local.config.inherit and not policy_files:
            click.echo(
                f"lockstep: what {local.config.inherit} asks for besides is not looked at; "
                "`--policy FILE` reads its policy",
                err=True,
            )
        judged = _judged(local, policies, target, planned, now)
        stop = local.repository.branch(FREEZE)
        stops = () if stop is None else (read_stop(local.repository, stop),)
        gates = outlook(judged.needed, replace(judged.facts, stops=stops), policies.roles, now)
        who = None
        if person is not None:
            who = persona(person, policies, judged.needed, judged.facts, planned.commits, now)
        say_notes([comparison])
        if ref is not None:
            _commit_to(local, ref, planned)
        if as_json:
            click.echo(plan_document(planned, gates, at=at, persona=who))
        else:
            from bot.cli.plan_table import print_plan  # noqa: PLC0415 -- as above
            from bot.cli.tables import console  # noqa: PLC0415 -- JSON has no use for it

            print_plan(console(), planned, gates, at=at, persona=who)
    if planned.state is State.CONFLICT:
        return 3
    return 2 if planned.candidate is not None else 0


@dataclass(frozen=True, slots=True)
class _Judged:
    """What a promotion has to pass, and what is known to judge it by."""

    needed: Requirements
    facts: GateFacts


def _judged(
    local: Local, policies: Policies, target: Environment, planned: Plan, now: datetime
) -> _Judged:
    repository = local.repository
    known = Known(now, authors=frozenset(map(login_of, planned.commits)))
    needed = policy_of(repository, policies, target, planned, known).needed

    def head(environment: Environment) -> Head | None:
        sha = repository.branch(environment.branch)
        return None if sha is None else Head(environment.name, environment.branch, sha)

    around = Around(repository, local.config, head, repository.commit(repository.default_ref()))
    comparison, candidate = planned.comparison, planned.candidate
    proposed = Candidate(
        candidate.sha if candidate else "",
        comparison.source.sha,
        comparison.target.sha,
        digest="",
        pushed_at=now,
    )
    return _Judged(needed, GateFacts(proposed, **of_content(around, planned, needed, now)))


def _commit_to(local: Local, ref: str, planned: Plan) -> None:
    candidate = planned.candidate
    if candidate is None:
        click.echo(f"lockstep: there is no candidate to write to {ref}", err=True)
        return
    repository = local.repository
    full = ref if ref.startswith("refs/") else f"refs/heads/{ref}"
    if full in repository.checked_out():
        raise Failure(
            f"{ref} is checked out, and its files would not follow; "
            "choose another ref, or check out another branch first"
        )
    target = planned.comparison.target.environment
    others = {f"refs/heads/{e.branch}": e.name for e in local.config.environments}
    if others.get(full, target) != target:
        raise Failure(
            f"{ref} is the branch of `{others[full]}`, and this candidate is for `{target}`; "
            "choose another ref"
        )
    repository.write(candidate.objects)
    repository.update_ref(full, candidate.sha, "lockstep plan")
    click.echo(f"lockstep: {full} is now at the candidate {candidate.sha}", err=True)
