"""`lockstep policy`: what a policy would have made of the promotions that were made."""

from datetime import timedelta
from pathlib import Path

import click

from bot.cli.local import (
    config_option,
    json_option,
    opened,
    parsed_policy,
    policy_option,
    printable,
    repository_argument,
)
from bot.cli.policy_json import replay_document
from bot.cli.replay import Replayed, replay
from bot.decisions.policy import Policies
from bot.decisions.verdicts import Failed
from bot.model import Head
from bot.words import count
from config.times import spell_duration


@click.group()
def policy() -> None:
    """Try policies on what has happened."""


@policy.command("replay")
@repository_argument
@config_option
@policy_option
@click.option(
    "-n",
    "most",
    metavar="N",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    help="How many of the newest promotions.",
)
@json_option
def replay_command(
    repository: str,
    config_file: Path | None,
    policy_files: tuple[Path, ...],
    most: int,
    *,
    as_json: bool,
) -> int:
    """Judge the last N promotions of REPO (here, if left out) by its policy, or by another.

    Says of each what would have held it up when it landed, for how long and why. `--config
    FILE` tries another `.lockstep.yaml`, `--policy FILE` an organisation's policy. Only
    what git tells is judged: content, authors, soak, windows, freezes. Exits with 2 where
    something would have waited, and with 0 where nothing would.
    """
    with opened(repository, config_file) as local:
        policies = Policies(local.config, tuple(map(parsed_policy, policy_files)))
        heads = {
            environment.name: Head(environment.name, environment.branch, sha)
            for environment in local.config.environments
            if (sha := local.repository.branch(environment.branch)) is not None
        }
        found = replay(local.repository, policies, heads, most)
    if as_json:
        click.echo(replay_document(found))
    else:
        _print(found)
    return 2 if any(one.waits for one in found) else 0


def _print(found: list[Replayed]) -> None:
    if not found:
        click.echo("git records no promotion here: their commits have `Lockstep-` trailers")
        return
    for one in found:
        _print_one(one)
    waited = [one for one in found if one.waits]
    told = sum((one.longer for one in waited if one.longer is not None), timedelta())
    line = f"{len(waited)} of {len(found)} would have waited"
    if told:
        line += f", {spell(told)} in all where that can be told"
    stuck = sum(bool(one.impossible) for one in found)
    if stuck:
        line += f"; of {stuck} nobody could have signed off"
    click.echo(f"\n{line}")


def _print_one(one: Replayed) -> None:
    changes = count(one.changes, "change")
    risk = f", risk {one.policy.risk}" if one.policy.risk else ""
    landed, sha = f"{one.landed:%Y-%m-%d %H:%M} UTC", one.commit.sha[:10]
    click.echo(f"{landed}  {sha}  {one.environment}, {changes}{risk}")
    click.echo(f"    {printable(one.commit.subject)}")
    click.echo(f"    {_verdict(one)}")
    for result in one.waits:
        click.echo(f"      {result.gate}: {printable(result.verdict.reason)}")
        for why in result.because:
            click.echo(f"        because {printable(why)}")
    for why in one.impossible:
        click.echo(f"      sign_offs: {printable(why)}")
    if one.people:
        click.echo(f"    besides, and git does not know of it: {'; '.join(one.people)}")
        for gate in ("approvals", "sign_offs", "checks"):
            for why in one.policy.needed.because.get(gate, ()):
                click.echo(f"        {gate} because {printable(why)}")


def _verdict(one: Replayed) -> str:
    if not one.waits:
        return "it would have gone when it did, as far as the time decides"
    gates = ", ".join(result.gate for result in one.waits)
    if any(isinstance(result.verdict, Failed) for result in one.waits):
        return f"it would have been blocked by {gates}, until somebody does something"
    if one.longer is None or one.until is None:
        return f"it would have waited for {gates}, nobody can tell how long"
    return (
        f"it would have waited {spell(one.longer)} longer for {gates}, until "
        f"{one.until:%Y-%m-%d %H:%M} UTC"
    )


def spell(length: timedelta) -> str:
    """Return a length of time for people, minutes at the finest."""
    whole = timedelta(minutes=max(1, round(length.total_seconds() / 60)))
    return spell_duration(whole)
