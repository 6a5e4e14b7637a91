"""`lockstep promote`: start a promotion, as `/promote` does."""

import asyncio
from contextlib import closing
from datetime import timedelta
from uuid import uuid4

import click
from temporalio.client import (
    Client,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.service import RPCError

from bot.cli.main import Failure
from bot.cli.open_work import open_promotions, pipelines, planned
from bot.cli.running import settings_for, until_stopped
from bot.cli.serving import forges, running_temporal
from bot.decisions.appointments import Appointment, appointment, zone_of
from bot.forges.forge import ForgeError
from bot.model import State
from bot.repository import RepositoryError
from bot.words import words_for
from config.schema import Environment
from config.settings import Settings
from config.suggest import suggest
from workflows.hop_plans import plan_and_lifts
from workflows.sites import Site, Sites
from workflows.values.base import RepositoryKey
from workflows.values.pipeline import Planned, Told, Wanted

ASKED_BY = "the command line"
_PATIENCE = timedelta(seconds=60)


@click.command()
@click.argument("environment")
@click.option(
    "--repo", "repository", metavar="OWNER/NAME", required=True, help="The repository to promote."
)
@click.option(
    "--at",
    metavar="TIME",
    help="Start it then: date, time and time zone, as in `2026-12-01 09:00 Europe/Berlin`.",
)
@click.option("--cancel", is_flag=True, help="Take back what is planned there for later.")
def promote(environment: str, repository: str, at: str | None, *, cancel: bool) -> None:
    """Start a promotion into ENVIRONMENT, as `/promote ENVIRONMENT` on the forge does.

    Whoever may reach the server's Temporal and its settings may do this; the promotion's
    gates hold all the same.
    """
    if at and cancel:
        raise Failure("`--at` plans a promotion and `--cancel` takes it back; choose one")
    settings = settings_for("worker")
    if cancel:
        until_stopped(_unplan(settings, environment, repository))
    elif at:
        until_stopped(_plan(settings, environment, repository, at))
    else:
        until_stopped(_promote(settings, environment, repository))


async def _plan(settings: Settings, environment: str, repository: str, at: str) -> None:
    async with running_temporal(settings) as client:
        (key,) = await pipelines(client, repository)
        with (
            forges(settings) as known,
            closing(Sites(known, settings.state_dir / "mirrors")) as sites,
        ):
            when = await asyncio.to_thread(_moment, sites, key, environment, at)
        plan = Planned(environment=environment, at=when.at, wall=when.wall, person=ASKED_BY)
        await client.get_workflow_handle(key.pipeline_id).signal("plan", plan)
        remark = f" ({when.remark})" if when.remark else ""
        click.echo(
            f"{environment} is promoted at {when.wall}{remark}; "
            f"`lockstep promote {environment} --repo {repository} --cancel` takes it back"
        )


def _moment(sites: Sites, key: RepositoryKey, name: str, text: str) -> Appointment:
    """Return when to promote. Raises `Failure` where that is no time, or nowhere."""
    try:
        with sites.open(key) as site:
            target = _environment(site, name)
    except (ForgeError, RepositoryError) as error:
        raise Failure(str(error)) from error
    try:
        return appointment(text, zone_of(target), sites.clock())
    except ValueError as why:
        raise Failure(str(why)) from why


async def _unplan(settings: Settings, environment: str, repository: str) -> None:
    async with running_temporal(settings) as client:
        (key,) = await pipelines(client, repository)
        found = [one for one in await planned(client, key) if one.environment == environment]
        if not found:
            raise Failure(f"no promotion to {environment} is planned; `lockstep status` shows them")
        await client.get_workflow_handle(key.pipeline_id).signal("unplan", environment)
        click.echo(f"nothing is promoted to {environment} at {found[0].wall} any more")


async def _promote(settings: Settings, environment: str, repository: str) -> None:
    async with running_temporal(settings) as client:
        (key,) = await pipelines(client, repository)
        words = words_for(key.forge)
        for one in await open_promotions(client, key):
            if one.environment == environment and one.rolls_back:
                raise Failure(f"{environment} is being rolled back; promote once that is over")
            if one.environment == environment:
                reference = words.reference(one.number) if one.number else ""
                where = f", {words.pull_request} {reference}" if reference else ""
                raise Failure(
                    f"a promotion to {environment} is open already{where}; "
                    f"`{words.command('retry')}` renews it there"
                )
        with (
            forges(settings) as known,
            closing(Sites(known, settings.state_dir / "mirrors")) as sites,
        ):
            await asyncio.to_thread(_can_begin, sites, key, environment)
        told = await _asked(client, key, environment)
        if not told.source:
            # Somebody, or a push, was faster than we.
            raise Failure(told.text)
        click.echo(
            f"promoting {told.source[:10]} to {environment}; a {words.pull_request} follows, "
            "and `lockstep status` shows it"
        )


def _can_begin(sites: Sites, key: RepositoryKey, environment: str) -> None:
    """Raise `Failure`, which says why, where there is nothing that could be promoted."""
    try:
        with sites.open(key) as site:
            _check(site, environment)
    except (ForgeError, RepositoryError) as error:
        raise Failure(str(error)) from error


async def _asked(client: Client, key: RepositoryKey, environment: str) -> Told:
    """Have the pipeline promote: it alone starts promotions, one for each hop at a time."""
    wanted = Wanted(id=str(uuid4()), environment=environment, person=ASKED_BY)
    pipeline = client.get_workflow_handle(key.pipeline_id)
    try:
        told: Told = await pipeline.execute_update(
            "promote", wanted, id=wanted.id, result_type=Told, rpc_timeout=_PATIENCE
        )
    except (RPCError, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError) as error:
        raise Failure(
            f"{key.pipeline_id} has not answered ({error}); is a worker running? "
            "`lockstep status` shows whether the promotion has begun"
        ) from error
    return told


def _check(site: Site, name: str) -> None:
    target = _environment(site, name)
    source = site.config.source_of(target)
    heads = (site.head(source) if source else None, site.head(target))
    if source is None or heads[0] is None or heads[1] is None:
        raise Failure(f"the branch of {name}, or of what it is promoted from, is not there")
    plan, _ = plan_and_lifts(site, heads[0], heads[1], target, by_hand=True)
    if plan.state is State.CONFLICT:
        raise Failure(
            f"both {source.name} and {name} changed the same places, so nothing is promoted; "
            "`lockstep drift` shows them"
        )
    if plan.candidate is None:
        raise Failure(f"{name} has all that {source.name} has, but for what is held back")


def _environment(site: Site, name: str) -> Environment:
    known = {one.name: one for one in site.config.environments if one.source is not None}
    if name not in known:
        raise Failure(
            f"there is no environment `{name}` to promote into{suggest(name, known)} "
            f"(there are {', '.join(known)})"
        )
    return known[name]
