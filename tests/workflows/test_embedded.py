"""The embedded server ends with its parent, comes back when it dies, and is found after a kill."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from temporalio.client import Client

from workflows.embedded import _answers, embedded_server

_HOLD = """
import asyncio, sys
from pathlib import Path
import workflows.embedded
if sys.argv[2:] == ["unbound"]:
    # As on a system that cannot bind a process to its parent.
    workflows.embedded._prctl = None

async def main():
    async with workflows.embedded.embedded_server(Path(sys.argv[1])) as address:
        print(address, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


@contextmanager
def _killed_owner(state_dir: Path, *more: str) -> Iterator[str]:
    """Have another process run the server and be killed; gives the server's address."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(state_dir), *more], stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        address = owner.stdout.readline().strip()
        assert address.startswith("127.0.0.1:")
        owner.kill()
        owner.wait(timeout=30)
        yield address


def _pid(state_dir: Path) -> int:
    pid: int = json.loads((state_dir / "temporal.json").read_text())["pid"]
    return pid


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 -- another process's state is polled
            await asyncio.sleep(0.05)


async def _gone(pid: int) -> None:
    await _until(lambda: _state(pid) == "Z")


def _state(pid: int) -> str:
    """Return the kernel's letter for a process; one that is gone counts as a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


async def test_a_server_that_dies_is_started_again_at_the_same_address(tmp_path: Path) -> None:
    async with embedded_server(tmp_path) as address:
        client = await Client.connect(address)
        first = _pid(tmp_path)
        os.kill(first, signal.SIGKILL)
        await _until(lambda: _pid(tmp_path) != first)
        assert await client.service_client.check_health(retry=True)

    await _gone(_pid(tmp_path))


async def test_a_server_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    with _killed_owner(tmp_path):
        await _gone(_pid(tmp_path))


async def test_a_server_that_was_left_behind_is_adopted_and_ended(tmp_path: Path) -> None:
    with _killed_owner(tmp_path, "unbound") as left:
        pid = _pid(tmp_path)
        async with embedded_server(tmp_path) as address:
            assert (address, _pid(tmp_path)) == (left, pid)
            assert await _answers(address)
        await _gone(pid)


async def test_a_number_that_is_another_process_s_by_now_is_left_alone(tmp_path: Path) -> None:
    bystander = await asyncio.create_subprocess_exec("sleep", "60")
    (tmp_path / "temporal.json").write_text(json.dumps({"port": 1, "pid": bystander.pid}))

    async with embedded_server(tmp_path):
        assert _pid(tmp_path) != bystander.pid

    assert bystander.returncode is None
    bystander.kill()
    await bystander.wait()


async def test_two_owners_of_one_directory_are_refused_the_second(tmp_path: Path) -> None:
    async with embedded_server(tmp_path) as address:
        with pytest.raises(RuntimeError, match="another Lockstep runs its Temporal server on"):
            async with embedded_server(tmp_path):
                raise AssertionError
        assert await _answers(address)
