"""`lockstep check`: every error in `.lockstep.yaml`, with line and column."""

from pathlib import Path

import click

from bot.cli.local import (
    config_option,
    decoded,
    pinned,
    read_file,
    repository_argument,
    repository_at,
)
from bot.cli.main import Failure
from bot.engine.drift import CONFIGURATION
from bot.repository import Repository
from config.load import ConfigErrors, load
from config.schema import Config
from config.suggest import suggest


@click.command()
@repository_argument
@config_option
def check(repository: str, config_file: Path | None) -> int:
    """Check REPO's configuration (here, if left out): every error at once.

    Looks at `--config FILE`, else at the file in the work tree, which is what you are
    about to commit, else at the one on the default branch, which is in force.
    """
    if config_file is not None:
        _checked(str(config_file), read_file(config_file))
        return 0
    # CI looks at a pull request in a clone of one commit, and no history is asked for.
    with repository_at(repository, even_shallow=True) as opened:
        in_force, text = pinned(opened)
        top = opened.work_tree(repository)
        if top is not None and (top / CONFIGURATION).is_file():
            name, found = str(top / CONFIGURATION), read_file(top / CONFIGURATION)
        elif text is not None:
            name, found = in_force, text
        else:
            raise Failure(
                f"there is no {CONFIGURATION} in {repository} nor on its default branch; "
                "`lockstep init` proposes one"
            )
        config = _checked(name, found)
        if found != text:
            click.echo(f"lockstep: it is not what is in force: {in_force} differs", err=True)
        _say_missing_branches(opened, config)
    return 0


def _checked(name: str, text: bytes) -> Config:
    try:
        config = load(decoded(name, text))
    except ConfigErrors as errors:
        for error in errors.errors:
            click.echo(f"{name}:{error}")
        count = len(errors.errors)
        raise Failure(f"{name} has {count} {'error' if count == 1 else 'errors'}") from errors
    click.echo(f"{name} is valid")
    for remark in config.remarks:
        click.echo(f"lockstep: {remark}", err=True)
    return config


def _say_missing_branches(repository: Repository, config: Config) -> None:
    branches = repository.branches()
    for environment in config.environments:
        if environment.branch not in branches:
            click.echo(
                f"lockstep: `{environment.name}` is at branch `{environment.branch}`, which is "
                f"not in this clone{suggest(environment.branch, sorted(branches))}",
                err=True,
            )
