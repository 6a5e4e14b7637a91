"""`lockstep sandbox`: the forge to play with and to test against, alone."""

import asyncio
import tempfile
from contextlib import ExitStack
from pathlib import Path

import click

from bot.cli.main import Failure
from bot.cli.running import until_stopped


@click.command()
@click.option("--port", default=0, metavar="N", help="Listen on this port; 0 takes a free one.")
@click.option(
    "--root",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep everything in DIR; without it, all is gone at the end.",
)
@click.option(
    "--forge",
    type=click.Choice(["github", "gitlab"]),
    default="github",
    show_default=True,
    help="Whose nouns and habits it has; both APIs are there in any case.",
)
def sandbox(port: int, root: Path | None, forge: str) -> None:
    """Run a local stand-in for GitHub and GitLab: their APIs, git over HTTP, webhooks, pages.

    A development tool: it listens on this machine alone, and whoever reaches it may act as
    anybody in it.
    """
    with ExitStack() as opened:
        if root is None:
            root = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="lockstep-")))
        until_stopped(_run(root, port, forge))


async def _run(root: Path, port: int, forge: str) -> None:
    from bot.sandbox.server import start  # noqa: PLC0415 -- `--help` has no use for a server

    try:
        running = await start(root, port, forge=forge)
    except (OSError, RuntimeError, OverflowError) as error:
        raise Failure(str(error)) from error
    try:
        click.echo(f"pages      {running.url}")
        click.echo(f"GitHub     {running.api_url}  (for LOCKSTEP_GITHUB_API_URL)")
        click.echo(f"GitLab     {running.url}  (for LOCKSTEP_GITLAB_URL; its API is at /api/v4)")
        click.echo(f"controls   POST {running.url}/_sandbox/NAME with the token in")
        click.echo(f"           {root / 'control-token'}")
        click.echo("Ctrl-C ends it.")
        await asyncio.Event().wait()
    finally:
        await running.close()
