"""`lockstep drift`: what differs between the environments, value by value."""

from pathlib import Path

import click

from bot.cli.as_json import drift_document
from bot.cli.local import Local, config_option, json_option, opened, printable, repository_argument
from bot.cli.main import Failure
from bot.engine.drift import Comparison, compare
from bot.engine.keep import Keep
from bot.model import State, worst
from config.schema import Environment

_EXIT = {State.IN_SYNC: 0, State.PENDING: 2, State.DRIFT: 3, State.CONFLICT: 3}


@click.command()
@repository_argument
@click.option(
    "--hop",
    metavar="SOURCE:TARGET",
    help="Compare these two environments only, whether or not one is promoted into the other.",
)
@config_option
@json_option
def drift(repository: str, hop: str | None, config_file: Path | None, *, as_json: bool) -> int:
    """Show what differs between the environments of REPO (here, if left out), value by value.

    Exits with 0 where nothing differs but what is kept, with 2 where changes are only
    pending, with 3 where drift or a conflict needs a person, and with 1 on any error.
    """
    with opened(repository, config_file) as local:
        hops = local.hops() if hop is None else [_chosen(local, hop)]
        if not hops:
            raise Failure("the configuration has one environment, and so nothing to compare")
        heads = local.heads(list({e.name: e for pair in hops for e in pair}.values()))
        keep = Keep(local.config.keep)
        comparisons = [
            compare(local.repository, heads[source.name], heads[target.name], keep)
            for source, target in hops
        ]
        say_notes(comparisons)
        if as_json:
            click.echo(drift_document(local.path, comparisons))
        else:
            _print(comparisons, local.config.environments[0].name)
    return _EXIT[worst([comparison.state for comparison in comparisons])]


def _chosen(local: Local, hop: str) -> tuple[Environment, Environment]:
    source, colon, target = hop.partition(":")
    if not colon:
        raise Failure(f"`{hop}` is not a hop; write two environments, as in `development:staging`")
    if source == target:
        raise Failure(f"`{hop}` names one environment twice; write two, as in `staging:production`")
    return local.environment(source), local.environment(target)


def say_notes(comparisons: list[Comparison]) -> None:
    """Say on standard error which files could only be compared as text, and why."""
    for note in dict.fromkeys(note for comparison in comparisons for note in comparison.notes):
        click.echo(f"lockstep: {printable(note)}", err=True)


def _print(comparisons: list[Comparison], first: str) -> None:
    # Imported late: JSON has no use for it.
    from bot.cli.tables import console, print_hop  # noqa: PLC0415 -- see above

    out = console()
    for comparison in comparisons:
        print_hop(out, comparison, first)
