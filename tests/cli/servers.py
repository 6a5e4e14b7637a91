"""Servers of our own as processes, and a forge for them."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import IO, TypeVar

from tests.forges.world import ME
from tests.sandbox.conftest import Forge as Sandbox
from tests.sandbox.conftest import running

ROOT = Path(__file__).parents[2]
REPOSITORY = "acme/config"
SECRET = "the secret of the hook"
CONFIGURATION = """\
version: 1
environments:
  - {name: development, branch: development}
  - {name: staging, branch: main, promote: automatic, gates: {checks: [ci/test]}}
"""
_RUN = "from bot.cli.main import run; run()"
_PATIENCE_SECONDS = 60.0

T = TypeVar("T")


class Process:
    """A `lockstep` command that runs; its output is read as it comes."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.lines: list[str] = []
        self._readers = [
            Thread(target=self._read, args=[stream], daemon=True)
            for stream in (process.stdout, process.stderr)
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, stream: IO[str]) -> None:
        self.lines.extend(line.rstrip("\n") for line in stream)

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    def says(self, pattern: str) -> re.Match[str]:
        """Wait for a line; return the match."""

        def look() -> re.Match[str] | None:
            ended = self._process.poll() is not None
            if ended:
                self._read_to_the_end()
            found = re.search(pattern, self.output)
            assert found or not ended, self.output
            return found

        return eventually(look, lambda: f"`{pattern}` in\n{self.output}")

    def end(self, way: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal; return the exit code."""
        self._process.send_signal(way)
        return self.ended()

    def ended(self) -> int:
        """Wait for a command that ends by itself; return the exit code."""
        code = self._process.wait(timeout=_PATIENCE_SECONDS)
        self._read_to_the_end()
        return code

    def _read_to_the_end(self) -> None:
        for reader in self._readers:
            reader.join(timeout=5)


def eventually(look: Callable[[], T | None], wanted: Callable[[], str]) -> T:
    """Return what `look` finds in the end."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (found := look()) is None:
        assert time.monotonic() < deadline, f"there was to be {wanted()}"
        time.sleep(0.05)
    return found


@contextmanager
def started(*arguments: str, settings: Mapping[str, str]) -> Iterator[Process]:
    """Run a command in the background; it is killed at the end, if it has not ended."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LOCKSTEP_")}
    with subprocess.Popen(
        [sys.executable, "-c", _RUN, *arguments],
        cwd=ROOT,
        env={**environment, "COLUMNS": "200", **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        running = Process(process)
        try:
            yield running
        finally:
            if process.poll() is None:
                running.end(signal.SIGKILL)


@contextmanager
def forge(root: Path) -> Iterator[Sandbox]:
    """Run a sandbox with a configured repository in which a change is pending."""
    with running(root) as sandbox:
        sandbox.token("alice")
        sandbox.do.add_organization("acme", ["alice"])
        files = {".lockstep.yaml": CONFIGURATION, "app.yaml": "a: 1\n"}
        sandbox.do.add_repository(REPOSITORY, files, ["development"])
        sandbox.token(ME)
        sandbox.do.set_role(REPOSITORY, ME, "write")
        sandbox.do.commit(REPOSITORY, "development", {"app.yaml": "a: 2\n"}, "alice", "Change")
        yield sandbox


def settings_for(sandbox: Sandbox, state: Path, **more: str) -> dict[str, str]:
    """Return what a server needs to know."""
    return {
        "LOCKSTEP_PORT": "0",
        "LOCKSTEP_STATE_DIR": str(state),
        "LOCKSTEP_GITHUB_API_URL": sandbox.sandbox.api_url,
        "LOCKSTEP_GITHUB_TOKEN": sandbox.token(ME),
        "LOCKSTEP_GITHUB_WEBHOOK_SECRET": SECRET,
        **more,
    }
