"""A forge that fails at one call of a hop: nothing doubled, nothing lost, and it goes on."""

import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.place import BOT, Place
from tests.faults.processes import Forge, Server, eventually
from tests.shop import V2

# As `lockstep serve` is, but for the patience, which is 30 s.
IMPATIENT = """
from bot.cli.main import run
from bot.forges.github import GitHub
GitHub.with_token.__func__.__kwdefaults__["timeout"] = 1.0
run()
"""
# What a hop calls, and which of these calls suffers: method, path, how many go well before.
CALLS = {
    "push": ("POST", r"\.git/git-receive-pack$", 0),
    "fetch": ("POST", r"\.git/git-upload-pack$", 0),
    "open": ("POST", "/pulls$", 0),
    "first status": ("POST", "/statuses/", 0),
    "checks": ("GET", "/check-runs", 0),
    "last status": ("POST", "/statuses/", 1),
    "merge": ("PUT", "/merge$", 0),
    "last words": ("PATCH", "/issues/", 0),
    "clean up": ("POST", r"\.git/git-receive-pack$", 1),
}
LIMITED = "You have exceeded a secondary rate limit. Please wait a few minutes."
FAULTS: dict[str, dict[str, object]] = {
    "500": {"status": 500},
    "502": {"status": 502},
    "cut": {"cut": True},
    "stalled": {"stall": 3.0},
    "truncated": {"truncate": True},
    "429": {"status": 429, "headers": {"Retry-After": "1"}},
    "secondary limit": {"status": 403, "message": LIMITED, "headers": {"Retry-After": "1"}},
    "answer lost": {"lose": True},
    "answer is 502": {"lose": True, "status": 502},
    "three in a row": {"cut": True, "times": 3},
}
# In each round every call has another fault; all rounds are each fault at each call.
ROUNDS = range(len(FAULTS))
if not os.environ.get("LOCKSTEP_THOROUGH"):
    # The one in which the merge's answer is lost.
    ROUNDS = ROUNDS[1:2]
# An undisturbed hop costs 8; what follows a fault is asked for afresh, as nobody knows.
MOST_CALLS = 22


@pytest.fixture(scope="module")
def server(forge: Forge, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    command = [sys.executable, "-c", IMPATIENT, "serve"]
    made = Server(
        tmp_path_factory.mktemp("impatient"),
        forge,
        forge.tokens[BOT],
        command,
        LOCKSTEP_REPOSITORIES="acme/fault-*",
    )
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("turn", ROUNDS)
def test_a_fault_at_any_call_of_a_hop_leaves_one_of_each(
    forge: Forge, server: Server, turn: int
) -> None:
    places = {call: Place(forge, server.hook, family="fault") for call in CALLS}
    forge.do("reset_calls")
    for at, (call, here) in enumerate(places.items()):
        method, path, skip = CALLS[call]
        fault = FAULTS[list(FAULTS)[(at + turn) % len(FAULTS)]]
        there = f"{here.name}[./].*{path}"
        forge.do("inject", method=method, path=there, skip=skip, **fault)

    sources = {call: here.commit("development", {"app.yaml": V2}) for call, here in places.items()}
    opened = {call: here.open_into("staging") for call, here in places.items()}
    for call, here in places.items():
        here.check(opened[call]["head"]["sha"])

    for call, here in places.items():
        promoted_once(here, opened[call], sources[call])
    assert sum(of_the_bot(forge).values()) <= MOST_CALLS * len(places), of_the_bot(forge)


def promoted_once(here: Place, pull: dict[str, Any], source: str) -> None:
    """Fail unless a promotion ended as it should, and nothing else did."""
    merged = here.body_says(pull["number"], "is in staging")
    [promotion] = here.promotions("staging")
    assert (promotion["Lockstep-Source"], len(here.pulls())) == (source, 1)
    assert merged["head"]["sha"] == pull["head"]["sha"]
    assert here.tree("refs/heads/staging") == here.tree(pull["head"]["sha"])
    assert here.file("staging") == V2
    assert here.said(pull["number"]) == []
    eventually(
        lambda: here.branches() == ["development", "main", "staging"],
        f"the branch of {here.name} to be deleted",
    )


def of_the_bot(forge: Forge) -> dict[str, int]:
    """Return the calls that only the bot makes."""
    ours = ("POST /repos/{owner}/{repo}/pulls", "statuses/", "check-runs", "PUT", "PATCH")
    return {
        route: count
        for route, count in forge.calls().items()
        if any(part in route for part in ours)
    }
