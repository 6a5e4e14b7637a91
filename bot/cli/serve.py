"""`lockstep serve` and `webhook`: the server in one process, or its receiver; see `worker`."""

import asyncio
import logging

import click

from bot.cli.budgets import registry_of
from bot.cli.finding import keep_finding
from bot.cli.running import set_up_logs, settings_for, until_stopped
from bot.cli.serving import forges, monitored, receiver, temporal
from bot.cli.serving import worker as working
from config.settings import Part, Settings
from workflows.memory import tidied

_WATCH_AT = "health is at %s/healthz and %s/readyz, metrics at %s/metrics"

_log = logging.getLogger(__name__)


@click.command()
def serve() -> None:
    """Receive webhooks and work on them, in one process.

    Needs a token and a webhook secret, and nothing else: the Temporal server is embedded
    unless LOCKSTEP_TEMPORAL_ADDRESS is set.
    """
    run("serve")


@click.command()
def webhook() -> None:
    """Receive webhooks alone; run as many of these as you like."""
    run("webhook")


def run(part: Part) -> None:
    """Run the server, or one of its halves, until it is stopped."""
    settings = settings_for(part)
    set_up_logs(settings)
    until_stopped(_PARTS[part](settings))
    _log.info("ended in order")


async def _serve(settings: Settings) -> None:
    with forges(settings) as known:
        async with (
            tidied(),
            temporal(settings) as client,
            working(settings, client, known),
            receiver(settings, client, known) as url,
        ):
            _say_where(url, settings)
            await keep_finding(client, settings, known.values())


async def _webhook(settings: Settings) -> None:
    async with temporal(settings, wait=False) as client, receiver(settings, client) as url:
        _say_where(url, settings)
        await asyncio.Event().wait()


async def _worker(settings: Settings) -> None:
    with forges(settings) as known:
        async with (
            tidied(),
            temporal(settings) as client,
            working(settings, client, known),
            monitored(settings, client, registry_of(known.values())) as url,
        ):
            if url is not None:
                _log.info(_WATCH_AT, url, url, url)
            _log.info("working; Temporal is at %s", client.service_client.config.target_host)
            await keep_finding(client, settings, known.values())


_PARTS = {"serve": _serve, "webhook": _webhook, "worker": _worker}


def _say_where(url: str, settings: Settings) -> None:
    if settings.github_webhook_secret is not None:
        _log.info(
            "webhooks are received at %s/webhooks/github (from GitHub, by its public name)", url
        )
    if settings.hears_gitlab:
        _log.info(
            "webhooks are received at %s/webhooks/gitlab (from GitLab, by its public name)", url
        )
    if settings.serves_git:
        _log.info("the hooks of git servers are heard at %s/webhooks/git", url)
    if settings.shows_dashboard:
        who = "on this machine" if settings.dashboard_open else "in possession of its token"
        _log.info("the dashboard is at %s/, for whoever is %s", url, who)
    _log.info(_WATCH_AT, url, url, url)
