"""The mirror of 100k files beside a full one: fetch, disk, and the round trips of a hop.

Both fetch over HTTP, as from a forge, of a server in a process of its own.
"""

import asyncio
import json
import multiprocessing
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from bench.measure import Goal, Row, compared, interleaved, shown, size
from bench.repositories import CACHE, generated, git, path_of, text_of
from bot.engine.drift import compare
from bot.engine.keep import Keep
from bot.git_http import Lines
from bot.mirror import Mirror
from bot.model import Head
from bot.sandbox.plain import PlainServer

NAME = "mirror"
_BRANCHES = ("development", "staging", "main")


def rows(*, quick: bool) -> Iterator[Row]:
    large = generated(100_000)
    directory = Path(tempfile.mkdtemp(dir=CACHE, prefix="mirror-"))
    try:
        with _served(directory) as url, closing(Lines()) as lines:
            remote = _filled(directory / "remote.git", large)
            mirror = Mirror(url, directory / "ours", lines=lines)
            yield from _rows(remote, url, mirror, quick=quick)
    finally:
        shutil.rmtree(directory)


@contextmanager
def _served(directory: Path) -> Iterator[str]:
    """Serve an empty repository, `remote.git` of the directory; gives its address."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, directory), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send(None)
        process.join(20)


def _serve(pipe: Connection, directory: Path) -> None:
    async def run() -> None:
        server = PlainServer(directory, {})
        server.add_repository("remote")
        await server.start()
        pipe.send(f"{server.url}/remote.git")
        await asyncio.to_thread(pipe.recv)
        await server.close()

    asyncio.run(run())


def _rows(remote: Path, url: str, mirror: Mirror, *, quick: bool) -> Iterator[Row]:
    full, ours = remote.with_name("full.git"), mirror.directory
    clone = ["git", "clone", "--quiet", "--mirror", url, str(full)]
    cloned = (
        _once(lambda: mirror.fetch(_BRANCHES).close()),
        _once(lambda: subprocess.run(clone, check=True)),
    )
    yield compared(NAME, "first fetch, 100k files", cloned, "git clone --mirror")
    sizes = _disk(ours), _disk(full)
    against = f"{size(sizes[1])} full"
    yield Row(NAME, "disk", size(sizes[0]), against, sizes[0] / sizes[1], Goal(0.15))
    pushes = iter(range(1, 1_000))
    turns = iter(range(1_000))

    def push() -> None:
        # One commit for both sides, before the first of them has its turn.
        if next(turns) % 2 == 0:
            _push(remote, next(pushes))

    seconds = interleaved(
        3 if quick else 15,
        {
            "ours": lambda: mirror.fetch(_BRANCHES).close(),
            "full": lambda: git(full, "fetch", "--quiet", "origin"),
        },
        before=push,
    )
    times = seconds["ours"], seconds["full"]
    yield compared(NAME, "fetch of one commit", times, "git fetch, full", Goal(0.35))
    # Git tells of the server's processes where they are its own.
    yield _hop(Mirror(f"file://{remote}", ours), remote.with_name("trace"))

    def look() -> None:
        mirror.fetch(_BRANCHES).close()

    look()
    before = min(_once(look) for _ in range(9))
    many = 70 if quick else 200
    for _ in range(many):
        _push(remote, next(pushes))
        look()
    after = min(_once(look) for _ in range(9))
    what = f"a look after {many} pushes more"
    yield compared(NAME, what, (after, before), "before them", Goal(1.5))


def _once(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def _filled(remote: Path, large: Path) -> Path:
    """Give a repository the environments of a large one, and nothing else of it."""
    (remote / "objects/info/alternates").write_text(f"{large}/objects\n")
    for branch in _BRANCHES:
        ref = f"refs/heads/{branch}"
        git(remote, "update-ref", ref, git(large, "rev-parse", ref))
    return remote


def _push(remote: Path, number: int) -> None:
    """Commit one more file to the development branch of the remote."""
    text = text_of(number, 1_000 + number)
    lines = [
        "commit refs/heads/development",
        f"committer Ada <ada@example.com> {1_800_000_000 + number} +0000",
        "data 4",
        "Push",
        "from refs/heads/development^0",
        f"M 100644 inline {path_of(number)}",
        f"data {len(text)}",
        text.decode(),
    ]
    command = ["git", f"--git-dir={remote}", "fast-import", "--quiet"]
    subprocess.run(command, check=True, input="\n".join(lines).encode())


def _hop(mirror: Mirror, trace: Path) -> Row:
    """Compare a hop of 1,000 files, none of whose blobs is here, and count the round trips."""
    with mirror.fetch(_BRANCHES) as repository:
        heads = [Head(name, name, repository.heads[name]) for name in ("staging", "main")]
        os.environ["GIT_TRACE2_EVENT"] = str(trace)
        started = time.perf_counter()
        try:
            files = len(compare(repository, heads[0], heads[1], Keep()).files)
        finally:
            del os.environ["GIT_TRACE2_EVENT"]
        taken = time.perf_counter() - started
    begun = [json.loads(line) for line in trace.read_text().splitlines()]
    served = [
        e for e in begun if e["event"] == "start" and "upload-pack" in " ".join(e["argv"][:2])
    ]
    what = f"round trips for the blobs of {files:,} files"
    return Row(NAME, what, str(len(served)), f"{shown(taken)} for all", len(served), Goal(1))


def _disk(directory: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in directory.rglob("*") if path.is_file())
