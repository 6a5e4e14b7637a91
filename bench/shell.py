"""`lockstep drift` from the shell, everything included, on a small repository."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.measure import Goal, Row, compared, interleaved, shown
from bench.repositories import CACHE, text_of

NAME = "shell"
_SECONDS = 0.35
_CONFIGURATION = b"""\
version: 1
environments:
  - {name: development, branch: development}
  - {name: staging, branch: staging}
  - {name: production, branch: main}
"""


def rows(*, quick: bool) -> Iterator[Row]:
    command = Path(sys.executable).with_name("lockstep")
    if not command.exists():
        yield Row(NAME, "lockstep drift", "no such command here")
        return
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="small-") as directory:
        _small(Path(directory))
        drift = [str(command), "drift", directory]
        # 2: what is pending, and nothing else, as made below.
        assert subprocess.run(drift, check=False, stdout=subprocess.DEVNULL).returncode == 2
        seconds = interleaved(
            5 if quick else 15,
            {
                "drift": lambda: _run(drift),
                "json": lambda: _run([*drift, "--json"]),
                "bare": lambda: _run([sys.executable, "-c", ""]),
            },
        )
    yield Row(
        NAME,
        "lockstep drift, seconds",
        shown(seconds["drift"]),
        f"{shown(_SECONDS)} allowed",
        seconds["drift"],
        Goal(_SECONDS),
    )
    times = seconds["drift"], seconds["bare"]
    yield compared(NAME, "lockstep drift", times, "a bare start of Python")
    times = seconds["json"], seconds["bare"]
    yield compared(NAME, "lockstep drift --json", times, "a bare start of Python")


def _run(command: list[str]) -> None:
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL)


def _small(directory: Path) -> None:
    """Make a repository of three branches and twenty files, two of them ahead."""

    def git(*arguments: str) -> None:
        who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
        subprocess.run(["git", "-C", str(directory), *who, *arguments], check=True)

    git("init", "--quiet", "--initial-branch=main")
    (directory / ".lockstep.yaml").write_bytes(_CONFIGURATION)
    for number in range(20):
        (directory / f"service-{number}.yaml").write_bytes(text_of(number, 0))
    git("add", "--all")
    git("commit", "--quiet", "--message=Begin")
    git("branch", "staging")
    git("switch", "--quiet", "--create", "development")
    for number in range(2):
        (directory / f"service-{number}.yaml").write_bytes(text_of(number, 1))
        git("commit", "--quiet", "--all", f"--message=Release service {number}")
