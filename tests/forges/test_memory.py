"""The forge in memory keeps the contract, so that tests on it mean what tests on GitHub mean."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

import pytest

from bot.decisions.facts import CheckState, MergeMethod, Permission, ReviewState
from bot.forges.forge import Forge, PullRequestInfo, RateLimited, Unavailable
from tests.forges.contract import ForgeContract
from tests.forges.memory import MemoryForge
from tests.forges.memory_world import Merged
from tests.forges.world import CONFIG, World


class MemoryWorldOfTests:
    """The contract's world on `MemoryForge`; commits are made up."""

    def __init__(self) -> None:
        self._memory = MemoryForge(land=self._land)
        self.forge: Forge = self._memory
        self._repository = CONFIG
        self._commits = 0
        begin = self._sha()
        self._memory.add_repository(CONFIG, {"main": begin, "development": begin})
        self._memory.set_permission(CONFIG, "alice", "admin")
        self._memory.set_permission(CONFIG, "bob", "write")

    def _sha(self) -> str:
        self._commits += 1
        return hashlib.sha1(str(self._commits).encode(), usedforsecurity=False).hexdigest()

    def _land(self, repository: str, pull: PullRequestInfo, asked: Merged) -> str:
        assert (repository, pull.number) == (self._repository, asked.number)
        return self._sha()

    def push(self, branch: str, text: str) -> str:
        assert text
        sha = self._sha()
        self._memory.move(self._repository, branch, sha)
        if branch == "main":
            self._memory.places[self._repository].files.add("main.txt")
        return sha

    def write_as(self, login: str, message: str) -> str:
        sha = self.push("development", message)
        people = [login]
        if "Co-authored-by" in message:
            people += ["carol", "e@example.com"]
        self._memory.wrote(self._repository, sha, *people)
        return sha

    def write_by_address(self, address: str) -> str:
        return self.write_as(address, "Change")

    def noreply(self, login: str) -> str:
        return f"{login}@users.noreply.forge.example"

    def delete(self, branch: str) -> None:
        self._memory.move(self._repository, branch, None)

    def rename(self, name: str) -> None:
        self._memory.rename(self._repository, name)
        self._repository = f"acme/{name}"

    def person(self, login: str, permission: Permission, *, by_team: bool = False) -> None:
        assert isinstance(by_team, bool)
        if permission != "none":
            self._memory.set_permission(self._repository, login, permission)

    def team(self, team: str, members: dict[str, Literal["active", "pending"]]) -> None:
        self._memory.set_team(team, members)

    def report(
        self, sha: str, name: str, state: CheckState, *, by: Literal["status", "run"]
    ) -> None:
        assert by in {"status", "run"}
        self._memory.report(self._repository, sha, name, state)

    def review(self, number: int, person: str, state: ReviewState) -> None:
        self._memory.review(self._repository, number, person, state)

    def tick(self) -> None:
        """Reviews name their commits here."""

    def say(self, number: int, person: str, body: str, *, on_pull_request: bool = True) -> int:
        del on_pull_request
        return self._memory.say(self._repository, number, person, body)

    def acknowledgements(
        self, number: int, comment: int, *, on_pull_request: bool = True
    ) -> Sequence[str]:
        del number, on_pull_request
        place = self._memory.places[self._repository]
        return [self._memory.me] if comment in place.acknowledged else []

    def comments(self, number: int, *, on_pull_request: bool = True) -> Sequence[tuple[str, str]]:
        del on_pull_request
        return self._memory.places[self._repository].comments[number]

    def open_as(self, person: str, head: str, base: str) -> int:
        return self._memory.open_as(person, self._repository, head, base)

    def open_from_fork(self, person: str, head: str) -> int:
        return self._memory.open_as(person, self._repository, head, "main", fork=True)

    def open_issue_as(self, person: str, body: str) -> int:
        return self._memory.open_issue_as(person, self._repository, body)

    def close_as(self, person: str, number: int) -> None:
        self._memory.close_as(person, self._repository, number)

    def reopen_as(self, person: str, number: int) -> None:
        assert person
        self._memory.reopen(self._repository, number)

    def merge_as(self, person: str, number: int) -> str:
        return self._memory.merge_as(person, self._repository, number)

    def allow(self, *methods: MergeMethod) -> None:
        self._memory.allow(self._repository, *methods)

    def refuses_rebase(self) -> str:
        self.allow("squash")
        return "Rebase merges are not allowed on this repository"

    def block(self, number: int) -> str:
        words = 'Required status check "unit" is expected.'
        self._memory.block(self._repository, number, words)
        return words

    def message(self, sha: str) -> str:
        place = self._memory.places[self._repository]
        assert place.branches["main"] == sha
        return f"{place.merges[-1].title}\n\n{place.merges[-1].message}"

    def head(self, branch: str) -> str:
        return self._memory.places[self._repository].branches[branch]

    def lose(self, method: str) -> None:
        self._memory.fail(method, Unavailable("the answer was lost"), after=True)

    def limit(self, method: str) -> None:
        until = datetime(2026, 1, 2, tzinfo=UTC)
        self._memory.fail(method, RateLimited("too many", until))


@pytest.fixture
def world() -> World:
    return MemoryWorldOfTests()


class TestMemory(ForgeContract):
    """The contract, kept in memory."""


def test_calls_are_counted_by_method() -> None:
    forge = MemoryForge()
    forge.add_repository(CONFIG, {"main": "a" * 40})

    forge.repository("acme", "config")
    forge.pull_requests(CONFIG)
    forge.pull_requests(CONFIG)

    assert forge.calls == {"repository": 1, "pull_requests": 2}


def test_a_fault_before_the_call_leaves_nothing_done() -> None:
    forge = MemoryForge()
    forge.add_repository(CONFIG, {"main": "a" * 40, "topic": "b" * 40})
    forge.fail("open_pull_request", Unavailable("down"))

    with pytest.raises(Unavailable, match="down"):
        forge.open_pull_request(CONFIG, "topic", "main", "Promote", "")

    assert forge.pull_requests(CONFIG, state="all") == []
