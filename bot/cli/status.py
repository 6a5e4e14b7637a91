"""`lockstep status`: the open promotions, and what each waits for."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from functools import partial

import click
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from bot.cli.budgets import asked, lines
from bot.cli.local import json_option, printable
from bot.cli.looking import Looking
from bot.cli.main import Failure
from bot.cli.pages import Pages
from bot.cli.running import settings_for, until_stopped
from bot.cli.serving import running_temporal
from bot.cli.tables import console
from bot.words import words_for
from config.settings import Settings
from webhook.dashboard.document import OpenWork
from workflows.sites import now

_EVERY_SECONDS = 2.0

repository_option = click.option(
    "--repo", "repository", metavar="OWNER/NAME", help="This repository alone."
)


@click.command()
@repository_option
@click.option("--watch", is_flag=True, help="Stay, and show what changes, until Ctrl-C.")
@json_option
def status(repository: str | None, *, watch: bool, as_json: bool) -> None:
    """Show the open promotions of the repositories that this server keeps, and their waits.

    Asks the server's Temporal; its settings are the worker's.
    """
    if watch and as_json:
        raise Failure("`--watch` is for people and `--json` for programs; choose one")
    settings = settings_for("worker")
    if watch:
        until_stopped(_watched(settings, repository))
    else:
        until_stopped(_shown(settings, repository, as_json=as_json))


@asynccontextmanager
async def _looking(settings: Settings) -> AsyncIterator[Looking]:
    async with running_temporal(settings) as client:
        yield Looking(client, Pages.of(settings), partial(asked, settings), now)


async def _shown(settings: Settings, repository: str | None, *, as_json: bool) -> None:
    async with _looking(settings) as looking:
        found = await looking.everything(repository)
    if as_json:
        click.echo(found.model_dump_json(indent=2))
    else:
        console().print(report(found.repositories), *lines(found.budgets), sep="\n")


async def _watched(settings: Settings, repository: str | None) -> None:
    out, shown = console(), None
    async with _looking(settings) as looking:
        # In a pipe nothing can be drawn over, so there only what has changed is printed.
        with Live(console=out, auto_refresh=False) if out.is_terminal else nullcontext() as live:
            while True:
                status = await looking.everything(repository)
                found = status.repositories
                if live is not None:
                    live.update(Group(report(found), *lines(status.budgets)), refresh=True)
                elif found != shown:
                    out.print(report(found))
                shown = found
                await asyncio.sleep(_EVERY_SECONDS)


def report(found: Sequence[OpenWork]) -> Group:
    """Return the open work as people read it."""
    if not found:
        return Group(Text("No repository is kept in lockstep yet."))
    return Group(*(part for one in found for part in _one(one)))


def _one(work: OpenWork) -> list[Text | Table]:
    words = words_for(work.forge)
    rows = [
        (
            f"{'roll-back of' if one.rolls_back else 'promotion to'} {one.environment}",
            words.reference(one.pull_request) if one.pull_request else "",
            one.source[:10],
            one.waits_for,
        )
        for one in work.promotions
    ] + [
        (
            f"back-merge of {one.environment}",
            words.reference(one.pull_request),
            "",
            f"to be merged, or declared with `{words.command('keep')}`",
        )
        for one in work.back_merges
    ]
    rows += [
        (f"promotion to {one.environment}", "", "", f"planned for {one.wall}, by {one.by}")
        for one in work.planned
    ]
    title = Text(work.repository, style="bold")
    if work.frozen:
        title.append(f"\n  {printable(work.frozen)}", style="red")
    if not rows:
        return [title, Text("  nothing is open", style="bright_black")]
    table = Table.grid(padding=(0, 2, 0, 0))
    for overflow in (False, False, False, True):
        table.add_column(no_wrap=not overflow, overflow="fold")
    for name, number, source, waits_for in rows:
        table.add_row(
            Text(f"  {name}"),
            Text(number, style="cyan"),
            Text(source, style="bright_black"),
            Text(printable(waits_for)),
        )
    return [title, table]
