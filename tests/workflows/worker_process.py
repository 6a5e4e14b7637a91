"""A worker that kills its own process at one point: `python -m … HOST API TOKEN STATE POINT`.

POINT is `before METHOD` or `after METHOD`, of the forge or of the mirror; empty is none.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.client import Client

from bot.forges.github import GitHub
from bot.mirror import Mirror
from workflows import attempt, steps
from workflows.payloads import data_converter
from workflows.worker import run_worker


def fatal(when: str, method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method around whose call the process dies."""

    def called(*args: Any, **kwargs: Any) -> Any:
        if when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = method(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)
        return result

    return called


async def work(host: str, api_url: str, token: str, state: str, point: str) -> None:
    """Work until killed."""
    # That a test need not wait for long until one who was killed is missed.
    steps.STEP["heartbeat_timeout"] = timedelta(seconds=1)
    attempt._HEARTBEAT_SECONDS = 0.3
    forge = GitHub.with_token(token, api_url=api_url)
    when, _, name = point.partition(" ")
    owner: Any = Mirror if name == "push" else forge
    if name:
        setattr(owner, name, fatal(when, getattr(owner, name)))
    client = await Client.connect(host, data_converter=data_converter())
    await run_worker(client, {"github": forge}, Path(state))


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:6]))
