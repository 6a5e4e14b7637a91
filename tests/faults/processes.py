"""The sandbox and `lockstep serve` as processes of their own, which a test may kill."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import requests

from tests.temporal_server import free_port

T = TypeVar("T")
LOCKSTEP = Path(sys.executable).with_name("lockstep")
HOOK_SECRET = "webhook-secret-canary-91c4"
PATIENCE_SECONDS = 40.0


def eventually(look: Callable[[], T | None], what: str, patience: float | None = None) -> T:
    """Return the first thing found; fails with `what` was waited for after `patience` seconds.

    Looks the less often the longer it has waited: looking costs those who are waited for.
    """
    began = time.monotonic()
    while (waited := time.monotonic() - began) < (patience or PATIENCE_SECONDS):
        if found := look():
            return found
        time.sleep(min(1.0, 0.05 + waited / 10))
    raise AssertionError(f"waited in vain for {what}")


class Process:
    """A process that is started again as it was; what it writes goes to a file."""

    def __init__(self, command: list[str], log: Path, **settings: str) -> None:
        self._command, self.settings, self.log = command, settings, log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("LOCKSTEP_")}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env={**inherited, **self.settings}, stdout=log, stderr=log
            )

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Kill it, and wait until it is gone."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None

    @property
    def pid(self) -> int | None:
        """Its process id while it is there."""
        return None if self._process is None else self._process.pid

    def kill_with(self, how: signal.Signals) -> None:
        """Send a signal that does not end it: SIGSTOP, SIGCONT."""
        assert self.pid is not None, f"{self._command[0]} does not run"
        os.kill(self.pid, how)

    def runs(self) -> bool:
        """Whether it has not ended by itself."""
        return self._process is not None and self._process.poll() is None


class Forge:
    """The sandbox forge in its own process: its controls, and its API as anybody."""

    def __init__(self, root: Path, dialect: str = "github") -> None:
        self.root, port = root / "forge", free_port()
        self.root.mkdir()
        self.url = f"http://127.0.0.1:{port}"
        self.api_url = f"{self.url}/api/v3"
        command = [str(LOCKSTEP), "sandbox", "--root", str(self.root), "--port", str(port)]
        command += ["--forge", dialect]
        self.process = Process(command, root / "forge.log")
        self.tokens: dict[str, str] = {}
        self._local = threading.local()
        self._sessions: list[requests.Session] = []

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.process.start()

        def answers() -> bool:
            assert self.process.runs(), self.process.log.read_text()
            try:
                return requests.get(self.api_url, timeout=5).status_code < 500
            except requests.ConnectionError:
                return False

        eventually(answers, "the forge to answer")

    def restart(self) -> None:
        """Kill it in the middle of whatever it does, and start it again."""
        self.process.kill()
        self.start()

    def close(self) -> None:
        """End it."""
        for session in self._sessions:
            session.close()
        self.process.kill()

    def _session(self) -> requests.Session:
        """Return the session of this thread: stories are told side by side."""
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._sessions.append(self._local.session)
        session: requests.Session = self._local.session
        return session

    def do(self, control: str, /, **arguments: object) -> Any:
        """Use one of the sandbox's controls."""
        token = (self.root / "control-token").read_text()
        answer = self._session().post(
            f"{self.url}/_sandbox/{control}",
            data=json.dumps(arguments),
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        )
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    def ask(self, method: str, path: str, login: str = "ada", **body: Any) -> Any:
        """Ask the API as somebody; fails where it would not."""
        answer = self._session().request(
            method,
            self.api_url + path,
            headers={"Authorization": f"Bearer {self.tokens[login]}"},
            json=body if method != "GET" else None,
            timeout=30,
        )
        assert answer.status_code < 400, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def calls(self, repo: str = "") -> dict[str, int]:
        """Return how often each route was called, of one repository or of all."""
        return {f"{c['method']} {c['route']}": c["count"] for c in self.do("calls", repo=repo)}


class Server:
    """`lockstep serve` in its own process, with its embedded Temporal server beneath it."""

    def __init__(
        self, root: Path, forge: Forge, token: str, command: list[str] | None = None, **more: str
    ) -> None:
        root.mkdir(exist_ok=True)
        self._state, port = root / "state", free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.hook = f"{self.url}/webhooks/github"
        self.process = Process(
            command or [str(LOCKSTEP), "serve"],
            root / "server.log",
            LOCKSTEP_PORT=str(port),
            LOCKSTEP_STATE_DIR=str(self._state),
            LOCKSTEP_GITHUB_API_URL=forge.api_url,
            LOCKSTEP_GITHUB_TOKEN=token,
            LOCKSTEP_GITHUB_WEBHOOK_SECRET=HOOK_SECRET,
            # One server lives through more in a minute than people do in an hour.
            **{"LOCKSTEP_WRITES_PER_MINUTE": "10000", "LOCKSTEP_CONTENT_PER_HOUR": "10000", **more},
        )

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self.process.start()
        self.ready()

    def ready(self) -> None:
        """Wait until it can take events."""

        def is_ready() -> bool:
            assert self.process.runs(), self.process.log.read_text()
            try:
                return requests.get(f"{self.url}/readyz", timeout=5).status_code == 200
            except requests.ConnectionError:
                return False

        eventually(is_ready, "the server to be ready")

    def restart(self) -> None:
        """Kill receiver and worker in the middle of whatever they do, and start them again."""
        self.process.kill()
        self.start()

    def restart_temporal(self) -> None:
        """Kill the embedded Temporal server; that it comes back is the server's own doing."""
        before = self._temporal()
        os.kill(before, signal.SIGKILL)
        eventually(lambda: self._temporal() != before, "another Temporal server")
        self.ready()

    def _temporal(self) -> int:
        pid: int = json.loads((self._state / "temporal" / "temporal.json").read_text())["pid"]
        return pid

    def close(self) -> None:
        """End it in order, which ends its Temporal server too."""
        self.process.kill(signal.SIGTERM)
