"""A sandbox that is killed comes back with everything, and finishes what was cut."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from bot.sandbox.merge import merge_pull
from bot.sandbox.pulls import pull
from bot.sandbox.server import start
from bot.sandbox.world import World
from tests.sandbox.conftest import CONFIG, Clone, Forge

_SERVE = """
import asyncio, sys
from pathlib import Path
from bot.sandbox.server import start

async def main():
    sandbox = await start(Path(sys.argv[1]))
    print(sandbox.url, sandbox.control_token, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


class _Process:
    def __init__(self, root: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _SERVE, str(root)], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.url, self._token = self.process.stdout.readline().split()

    def do(self, name: str, **arguments: object) -> object:
        headers = {"Authorization": f"Bearer {self._token}"}
        url = f"{self.url}/_sandbox/{name}"
        answer = requests.post(url, data=json.dumps(arguments), headers=headers, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    def get(self, path: str) -> object:
        return requests.get(f"{self.url}/api/v3{path}", timeout=10).json()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


@contextmanager
def _served(root: Path) -> Iterator[_Process]:
    made = _Process(root)
    try:
        yield made
    finally:
        made.kill()


def test_a_killed_sandbox_comes_back_with_everything(tmp_path: Path) -> None:
    with _served(tmp_path) as first:
        first.do("add_user", login="alice")
        first.do("add_repository", full_name="alice/config", files={"a": "1"}, branches=["topic"])
        first.do(
            "commit",
            repo="alice/config",
            branch="topic",
            files={"a": "2"},
            login="alice",
            message="x",
        )
        token = first.do("add_token", login="alice")
        headers = {"Authorization": f"token {token}"}
        body = {"title": "T", "head": "topic", "base": "main"}
        made = requests.post(
            f"{first.url}/api/v3/repos/alice/config/pulls", json=body, headers=headers, timeout=10
        ).json()
        first.do("comment", repo="alice/config", number=1, login="alice", body="still here")

    with _served(tmp_path) as second:
        pulls = second.get("/repos/alice/config/pulls")
        comments = second.get("/repos/alice/config/issues/1/comments")

    assert isinstance(pulls, list)
    assert isinstance(comments, list)
    assert [(p["id"], p["head"]["sha"]) for p in pulls] == [(made["id"], made["head"]["sha"])]
    assert [comment["body"] for comment in comments] == ["still here"]


class _Killed(BaseException):
    """Stands for a SIGKILL at an exact place: nothing after it runs."""


def _cut_after_the_base_moved(world: World, number: int) -> None:
    repo = world.find_repository("acme", "config")
    assert repo is not None
    git = world.git(repo)
    real = git.update_ref

    def cut(ref: str, new: str, old: str | None = None) -> None:
        real(ref, new, old)
        raise _Killed

    git.update_ref = cut  # type: ignore[method-assign]  # the kill's exact place
    bob = world.find_account("bob")
    assert bob is not None
    merge_pull(world, repo, pull(world, repo, number), bob, method="squash")


def test_a_merge_cut_between_git_and_the_record_is_finished_at_the_next_start(
    hooked: Forge,
) -> None:
    hooked.do.commit(CONFIG, "development", {"app.yaml": "a: 2\n"}, "bob", "Change")
    hooked.repo("bob").create_pull(title="T", body="", head="development", base="main")
    hooked.delivered()
    world = hooked.sandbox.controls._world
    with pytest.raises(_Killed):
        hooked.call(_cut_after_the_base_moved, world, 1)

    hooked.restart()

    merged = hooked.repo().get_pull(1)
    assert (merged.merged, merged.merged_by.login) == (True, "bob")
    assert merged.merge_commit_sha == hooked.repo().get_branch("main").commit.sha
    assert sorted(hooked.events(), key=str) == [("pull_request", "closed"), ("push", None)]


def test_a_ref_that_moved_unseen_is_announced_at_the_next_start(
    hooked: Forge, tmp_path: Path
) -> None:
    clone: Clone = hooked.clone(tmp_path / "clone", "bob")
    sha = clone.commit({"app.yaml": "a: 2\n"})
    world = hooked.sandbox.controls._world
    repo = world.find_repository("acme", "config")
    assert repo is not None
    clone.git("push", "-q", str(world.git(repo).path), "HEAD:main")
    hooked.delivered()

    hooked.restart()

    [push] = hooked.delivered()
    assert (push.event, push.payload["after"]) == ("push", sha)
    assert hooked.repo().get_branch("main").commit.sha == sha


async def test_two_sandboxes_do_not_share_a_root(forge: Forge, tmp_path: Path) -> None:
    del forge

    with pytest.raises(RuntimeError, match="another sandbox runs on"):
        await start(tmp_path / "sandbox")


async def test_a_port_that_is_taken_is_said_and_the_root_is_free_again(
    forge: Forge, tmp_path: Path
) -> None:
    port = int(forge.sandbox.url.rpartition(":")[2])
    with pytest.raises(OSError, match="choose another"):
        await start(tmp_path / "second", port)

    second = await start(tmp_path / "second")

    await second.close()


def test_a_sandbox_with_nothing_to_do_does_nothing(forge: Forge) -> None:
    forge.delivered()
    before = time.process_time()
    time.sleep(0.3)

    assert time.process_time() - before < 0.1


async def test_any_address_but_loopback_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"binds to 127\.0\.0\.1 alone"):
        await start(tmp_path, host="0.0.0.0")  # noqa: S104 - the very thing that is refused
