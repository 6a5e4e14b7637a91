"""`lockstep demo`: the main job, end to end, on this machine alone and without credentials."""

import asyncio
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import click

from bot.cli import logs
from bot.cli.demo_stage import BOT, REPOSITORY, NotAsTold, Stage, Tokens, set_up
from bot.cli.finding import keep_finding
from bot.cli.gitlab_stage import GitLabStage
from bot.cli.main import Failure
from bot.cli.plain_stage import PASSWORD, PlainStage
from bot.cli.plain_story import PlainStory
from bot.cli.running import until_stopped
from bot.cli.serving import forges, receiver, temporal, worker
from bot.cli.story import Story
from bot.model import ForgeName
from bot.repository import RepositoryError
from bot.sandbox.server import LOOPBACK, Sandbox, start
from config.settings import DEFAULT_FILE, read_settings
from webhook.dashboard.view import REFRESH_SECONDS

_LOG = "lockstep.log"
# A proxy knows nothing of what listens on loopback, and what somebody has told git about
# signatures, hooks and line ends is for other commits.
_APART = {
    "NO_PROXY": LOOPBACK,
    "no_proxy": LOOPBACK,
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}
_PLAY = """
Everything is still running, for you to play with:

   {pages}
   {pulls}
   {dashboard}  (what is open, and what it waits for)

At the top of each page you choose whom to act as: alice develops, carol is QA, dan
maintains. Change a file in development (open the branch, then the file), pass the check
on the {noun} that follows, comment {promote}
or {help}, merge something by hand, or send a webhook twice. In another terminal:

   export LOCKSTEP_SETTINGS_FILE={settings}
   {lockstep} status --watch
   tail -f {log}

Ctrl-C ends it all, and leaves nothing behind."""


_PLAY_PLAIN = """
Everything is still running, for you to play with. Clone it, and push as alice, carol or dan
(each with the password `{password}`):

   git clone {url} shop && cd shop && git fetch

What is open, and what it waits for: {dashboard}

Push to development, report ci/test for the branch that follows, say /promote production,
merge something by hand. In the clone (as anybody: git asks who you are):

   {lockstep} requests
   {lockstep} report-check ci/test success --sha origin/lockstep/promote/…
   {lockstep} say '/promote production'
   {lockstep} sign-off qa

In another terminal:

   export LOCKSTEP_SETTINGS_FILE={settings}
   {lockstep} status --watch
   tail -f {log}

Ctrl-C ends it all, and leaves nothing behind."""
_DASHBOARD = "   the dashboard       {}/"
_OVER = "\nThe story is over, and every step of it was seen to happen."


@click.command()
@click.option("--once", is_flag=True, help="End when the story is over.")
@click.option(
    "--forge",
    type=click.Choice(["github", "gitlab", "git"]),
    default="github",
    show_default=True,
    help="Play on a stand-in for this forge; `git` is a plain git server.",
)
def demo(*, once: bool, forge: str) -> int:
    """Watch a change travel from development to production, and a hotfix come home.

    Runs a forge, a Temporal server, a receiver and a worker on this machine; needs no
    network. With --once it exits with 0 if every step was seen to happen as it is told, else
    with 1; without it everything stays up to play with.
    """
    os.environ.update(_APART)
    with ExitStack() as opened:
        directory = tempfile.TemporaryDirectory(prefix="lockstep-demo-", ignore_cleanup_errors=True)
        place = Path(opened.enter_context(directory))
        log = opened.enter_context((place / _LOG).open("w"))
        logs.set_up("text", stream=log)
        try:
            stopped = until_stopped(_PLAYS[forge](place, once=once))
        except (NotAsTold, RepositoryError, aiohttp.ClientError) as error:
            log.flush()
            tail = (place / _LOG).read_text().splitlines()[-20:]
            raise Failure(
                "the story is not as told\n"
                + str(error)
                + "\n\nthe server's log ends with\n"
                + "\n".join(tail)
            ) from error
    # A story that was broken off was not seen to be true.
    return 130 if once and stopped else 0


async def _run(place: Path, *, once: bool, forge: ForgeName = "github") -> None:
    async with AsyncExitStack() as opened:
        click.echo("Starting a forge, a Temporal server, a receiver and a worker …")
        sandbox = await start(place / "forge", forge=forge)
        opened.push_async_callback(sandbox.close)
        tokens = await set_up(sandbox)
        settings = read_settings({}, directory=_with_settings(place, sandbox, tokens))
        client = await opened.enter_async_context(temporal(settings))
        known = opened.enter_context(forges(settings))
        await opened.enter_async_context(worker(settings, client, known))
        url = await opened.enter_async_context(receiver(settings, client, known))
        hook = f"{url}/webhooks/{forge}"
        await sandbox.call(sandbox.controls.add_hook, REPOSITORY, hook, tokens.hook_secret)
        finding = asyncio.create_task(keep_finding(client, settings, known.values()))
        opened.callback(finding.cancel)
        session = await opened.enter_async_context(aiohttp.ClientSession())
        made = GitLabStage if forge == "gitlab" else Stage
        stage = made(sandbox, tokens, session, place / "clone")
        _say_where(sandbox.url, stage, url)
        await Story(stage).play()
        click.echo(_OVER)
        if not once:
            click.echo(
                _PLAY.format(
                    pages=stage.url(),
                    dashboard=f"{url}/?refresh={REFRESH_SECONDS}",
                    pulls=stage.url("/-/merge_requests" if forge == "gitlab" else "/pulls"),
                    noun=stage.words.pull_request,
                    promote=stage.words.command("promote production"),
                    help=stage.words.command("help"),
                    settings=place / DEFAULT_FILE,
                    lockstep=Path(sys.executable).with_name("lockstep"),
                    log=place / _LOG,
                )
            )
            await asyncio.Event().wait()


async def _run_plain(place: Path, *, once: bool) -> None:
    async with AsyncExitStack() as opened:
        click.echo("Starting a git server, a Temporal server, a receiver and a worker …")
        stage = PlainStage(place)
        await stage.start()
        opened.push_async_callback(stage.close)
        settings = read_settings({}, directory=_with_plain_settings(place, stage))
        client = await opened.enter_async_context(temporal(settings))
        known = opened.enter_context(forges(settings))
        await opened.enter_async_context(worker(settings, client, known))
        url = await opened.enter_async_context(receiver(settings, client, known))
        await stage.fill(url)
        finding = asyncio.create_task(keep_finding(client, settings, known.values()))
        opened.callback(finding.cancel)
        click.echo(f"\n   the repository      {stage.url}  (a plain git server)")
        click.echo(f"   the bot's receiver  {url}, which the server's post-receive hook tells")
        click.echo(_DASHBOARD.format(url))
        await PlainStory(stage).play()
        click.echo(_OVER)
        if not once:
            click.echo(
                _PLAY_PLAIN.format(
                    url=stage.url,
                    dashboard=f"{url}/?refresh={REFRESH_SECONDS}",
                    password=PASSWORD,
                    settings=place / DEFAULT_FILE,
                    lockstep=Path(sys.executable).with_name("lockstep"),
                    log=place / _LOG,
                )
            )
            await asyncio.Event().wait()


_PLAYS: dict[str, Callable[..., Coroutine[Any, Any, None]]] = {
    "github": _run,
    "gitlab": partial(_run, forge="gitlab"),
    "git": _run_plain,
}


def _with_plain_settings(place: Path, stage: PlainStage) -> Path:
    """Write the settings to where a server finds them, as `_with_settings` does."""
    return _written(
        place,
        f"""\
LOCKSTEP_GIT_REPOSITORIES={REPOSITORY}={stage.url}
LOCKSTEP_GIT_USER={BOT}
LOCKSTEP_GIT_TOKEN={stage.token}
LOCKSTEP_GIT_EMAIL_DOMAINS=example.com
LOCKSTEP_GIT_WEBHOOK_SECRET_FILE={stage.secret_file}
""",
    )


def _with_settings(place: Path, sandbox: Sandbox, tokens: Tokens) -> Path:
    """Write the settings to where a server finds them; other commands can be given the file."""
    if sandbox.ways.forge == "gitlab":
        return _written(
            place,
            f"""\
LOCKSTEP_GITLAB_URL={sandbox.url}
LOCKSTEP_GITLAB_TOKEN={tokens.bot}
LOCKSTEP_GITLAB_WEBHOOK_SECRET={tokens.hook_secret}
""",
        )
    return _written(
        place,
        f"""\
LOCKSTEP_GITHUB_API_URL={sandbox.api_url}
LOCKSTEP_GITHUB_TOKEN={tokens.bot}
LOCKSTEP_GITHUB_WEBHOOK_SECRET={tokens.hook_secret}
""",
    )


def _written(place: Path, settings: str) -> Path:
    file = place / DEFAULT_FILE
    file.touch(mode=0o600)
    file.write_text(
        "LOCKSTEP_PORT=0\nLOCKSTEP_DASHBOARD_OPEN=true\n"
        f"LOCKSTEP_STATE_DIR={place / 'state'}\n{settings}"
    )
    return place


def _say_where(forge: str, stage: Stage, receiver_url: str) -> None:
    click.echo(f"\n   the forge           {forge}  (a stand-in for {stage.words.forge})")
    click.echo(f"   the repository      {stage.url()}")
    click.echo(f"   the bot's receiver  {receiver_url}")
    click.echo(_DASHBOARD.format(receiver_url))
    logging.getLogger(__name__).info("the story begins")
