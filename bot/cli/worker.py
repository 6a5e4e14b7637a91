"""`lockstep worker`: lets a receiver on the same machine go first, from its very start."""

import os

import click

_NICE = 10


@click.command()
def worker() -> None:
    """Work on the repositories alone; run as many of these as you like."""
    # Webhooks have to be answered within ten seconds; nobody waits like that for a clone.
    os.nice(_NICE)
    from bot.cli.serve import run  # noqa: PLC0415 -- to start is a second of work itself

    run("worker")
