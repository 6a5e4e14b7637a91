"""Run a server until a signal ends it: everything that was opened is closed, in order."""

import asyncio
import os
import signal
from collections.abc import Coroutine
from typing import Any

from bot.cli import logs
from bot.cli.main import Failure
from config.settings import SECRETS, Part, Settings, SettingsErrors, read_settings


def settings_for(part: Part) -> Settings:
    """Return the settings from the environment. Raises `Failure` with all that is wrong."""
    try:
        return read_settings(os.environ, part)
    except SettingsErrors as errors:
        listed = "".join(f"\n- {error}" for error in errors.errors)
        raise Failure(f"the settings are not complete, or not valid:{listed}") from errors


def set_up_logs(settings: Settings) -> None:
    """Send log lines to standard error as the settings ask."""
    secrets = (getattr(settings, field) for field in SECRETS)
    hidden = [secret.get_secret_value() for secret in secrets if secret is not None]
    logs.set_up(settings.log_format, hidden)


def until_stopped(main: Coroutine[Any, Any, None]) -> bool:
    """Run `main` until it ends, or a signal cancels it; return whether one did.

    The signals are SIGTERM and SIGINT; what `main` has opened it closes first, unless
    there comes a second one.
    """
    return asyncio.run(_supervised(main))


async def _supervised(main: Coroutine[Any, Any, None]) -> bool:
    task = asyncio.ensure_future(main)
    loop = asyncio.get_running_loop()
    stopped = False

    def stop() -> None:
        nonlocal stopped
        stopped = True
        task.cancel()

    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stop)
    try:
        await task
    except asyncio.CancelledError:
        if not stopped:
            raise
    return stopped
