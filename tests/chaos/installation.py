"""A forge, a Temporal server, a receiver and a worker: each a process that may be killed."""

import asyncio
import os
import resource
import shutil
import sys
import threading
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import requests
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError

from bot.model import ForgeName
from tests.chaos.calls import REST_SECONDS
from tests.faults.place import BOT, populate
from tests.faults.processes import HOOK_SECRET, LOCKSTEP, Forge, Process, eventually
from tests.temporal_server import TUNED, command, connected, free_port

# As `lockstep worker` is, but for how long it is missed when it is dead, how long it waits for
# an answer, and how long until it tries again what it was not allowed to do; and it does not
# pace itself, as many stories share a minute.
IMPATIENT = """
from datetime import timedelta
from workflows import steps
steps.STEP["heartbeat_timeout"] = timedelta(seconds=4)
from workflows import attempt
attempt._HEARTBEAT_SECONDS = 0.5
attempt.ASK_AGAIN = timedelta(seconds=2)
from workflows import merging
merging.REFUSED_AGAIN = timedelta(seconds=2)
from bot.forges.github import GitHub
from bot.forges.gitlab import GitLab
GitHub.with_token.__func__.__kwdefaults__["timeout"] = 20.0
GitLab.__init__.__kwdefaults__["timeout"] = 20.0
from bot.cli import serving
serving._GITLAB_NOTES_PER_MINUTE = 100_000
from bot.cli.main import run
run()
"""
MANY = "100000"
T = TypeVar("T")


class Installation:
    """What `docker compose up` would start, on one machine; `forge` names the dialect."""

    def __init__(self, root: Path, dialect: ForgeName = "github", timeout: float = 20.0) -> None:
        self.forge = Forge(root, dialect)
        self.state = root / "state"
        self.receiver_url = f"http://127.0.0.1:{free_port()}"
        self.hook = f"{self.receiver_url}/webhooks/{dialect}"
        self._address = f"127.0.0.1:{free_port()}"
        port = int(self._address.partition(":")[2])
        self.temporal = Process(command(port, root / "temporal.db", *TUNED), root / "temporal.log")
        self.dialect, self._root = dialect, root
        self._command = [sys.executable, "-c", IMPATIENT.replace("= 20.0", f"= {timeout}")]
        self.receiver = self.worker = self.temporal  # until there is a token
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._client: Client

    def start(self) -> None:
        """Start all of it and wait until it is ready."""
        self.forge.start()
        populate(self.forge)
        # People here ask more than people do.
        self.forge.do("set_limits", limit=1_000_000)
        common = {
            "LOCKSTEP_STATE_DIR": str(self.state),
            "LOCKSTEP_TEMPORAL_ADDRESS": self._address,
        }
        name = self.dialect.upper()
        self.receiver = Process(
            [str(LOCKSTEP), "webhook"],
            self._root / "receiver.log",
            LOCKSTEP_PORT=self.receiver_url.rpartition(":")[2],
            **common,
            **{f"LOCKSTEP_{name}_WEBHOOK_SECRET": HOOK_SECRET},
        )
        url = "LOCKSTEP_GITHUB_API_URL" if self.dialect == "github" else "LOCKSTEP_GITLAB_URL"
        base = self.forge.api_url if self.dialect == "github" else self.forge.url
        self.worker = Process(
            [*self._command, "worker"],
            self._root / "worker.log",
            LOCKSTEP_RECONCILE_INTERVAL="6s",
            LOCKSTEP_WRITES_PER_MINUTE=MANY,
            LOCKSTEP_CONTENT_PER_HOUR=MANY,
            LOCKSTEP_REST_AFTER_LIMIT=f"{REST_SECONDS}s",
            **common,
            **{url: base, f"LOCKSTEP_{name}_TOKEN": self.forge.tokens[BOT]},
        )
        self._thread.start()
        self.start_temporal()
        self._client = self._wait(connected(self._address))
        self.worker.start()
        self.start_receiver()

    def start_temporal(self) -> None:
        """Start the Temporal server, on what it has on its disk, and wait until it answers."""
        self.temporal.start()
        self._wait(connected(self._address))

    def start_receiver(self) -> None:
        """Start the receiver and wait until it takes events."""
        self.receiver.start()

        def is_ready() -> bool:
            assert self.receiver.runs(), self.receiver.log.read_text()
            try:
                return requests.get(f"{self.receiver_url}/readyz", timeout=5).status_code == 200
            except requests.ConnectionError:
                return False

        eventually(is_ready, "the receiver to be ready")

    def has_ended(self, repository: str, source: str) -> bool:
        """Whether the workflow that promotes a commit to production has done all it had to do."""
        key = f"promotion/{self.dialect}/{repository}/production/{source[:12]}"
        described = self._wait(self._client.get_workflow_handle(key).describe())
        return described.status is WorkflowExecutionStatus.COMPLETED

    def leave(self, repository: str) -> None:
        """Look at a repository no more; GitLab tells nobody that it was archived."""
        handle = self._client.get_workflow_handle(f"pipeline/{self.dialect}/{repository}")
        # On GitHub it may have ended by itself.
        with suppress(RPCError):
            self._wait(handle.terminate("the story is over"))

    def _wait(self, what: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(60)

    def waiting(self) -> int:
        """Return how many deliveries the receiver holds that Temporal has not acknowledged."""
        text = requests.get(f"{self.receiver_url}/metrics", timeout=5).text
        lines = (line for line in text.splitlines() if line.startswith("lockstep_webhook_waiting"))
        return int(float(next(lines).split()[1]))

    def mirror(self, repository: int) -> Path:
        """Return where the worker has its mirror of a repository."""
        return self.state / "mirrors" / self.dialect / str(repository)

    def limit_files(self, size: int) -> None:
        """Let nothing that the worker or its git writes be larger than this, -1 for any size.

        Its programs meet a disk that is full: a write comes back short, or with an error.
        """
        pid = self.worker.pid
        assert pid is not None, "the worker does not run"
        for one in (pid, *_children(pid)):
            resource.prlimit(one, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def close(self) -> None:
        """End all of it; nothing of it is needed any more."""
        for process in (self.receiver, self.worker):
            if process is not self.temporal:
                process.kill()
        self.forge.close()
        self.temporal.kill()
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
        self._loop.close()


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(one) for one in found]


def corrupt(mirror: Path) -> None:
    """Overwrite everything that git keeps in a mirror, as a failing disk would."""
    for path in mirror.rglob("*"):
        # The worker may be making it anew meanwhile.
        with suppress(FileNotFoundError):
            if path.is_file() and path.name != "lock":
                path.chmod(0o644)
                path.write_bytes(os.urandom(min(path.stat().st_size, 4096) or 1))


def remove(mirror: Path) -> None:
    """Take a mirror away."""
    shutil.rmtree(mirror, ignore_errors=True)
