"""The main job from end to end: real Temporal, real git over HTTP, real PyGithub."""

import time
from pathlib import Path
from typing import Literal

import pytest
from temporalio.client import WorkflowHistory

from tests.shop import APP
from tests.temporal_server import connected, temporal
from tests.workflows.town import (
    PIPELINE,
    Town,
    actions_of,
    events_of,
    eventually,
    reports_of,
    size_of,
    town,
)
from workflows.worker import worker

Name = Literal["github", "gitlab"]
PROMOTION = "promotion/github/acme/config"
# All that a hop asks of GitHub, from its push to its end: with a check that a status reported,
# a sign-off by a comment, and the merge.
HOP_CALLS: dict[str, dict[str, int]] = {}
# On GitLab with a job, and its authors by GraphQL, which is `POST` alone.
HOP_CALLS["gitlab"] = {
    "POST ": 1,
    "POST /projects/{id}/merge_requests": 1,
    "POST /projects/{id}/statuses/{sha}": 3,
    "GET /projects/{id}/repository/commits/{sha}/statuses": 1,
    "PUT /projects/{id}/merge_requests/{mr_iid}": 2,
    "POST /projects/{id}/merge_requests/{mr_iid}/notes/{note_id}/award_emoji": 1,
    "PUT /projects/{id}/merge_requests/{mr_iid}/merge": 1,
}
HOP_CALLS["github"] = {
    "GET /repos/{owner}/{repo}/commits": 1,
    "POST /repos/{owner}/{repo}/pulls": 1,
    "POST /repos/{owner}/{repo}/statuses/{sha}": 3,
    "GET /repos/{owner}/{repo}/commits/{ref+}/status": 1,
    "PATCH /repos/{owner}/{repo}/issues/{issue_number}": 2,
    "POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions": 1,
    "PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge": 1,
}
CHECKS_CALL = {
    "github": "GET /repos/{owner}/{repo}/commits/{ref+}/status",
    "gitlab": "GET /projects/{id}/repository/commits/{sha}/statuses",
}
# To be asked by a comment costs these: who asks, whether that one is merged, the answer.
_ISSUE, _MERGE = "/repos/{owner}/{repo}/issues", "/projects/{id}/merge_requests/{mr_iid}"
ASKED_CALLS: dict[str, dict[str, int]] = {
    "github": {
        "GET /repos/{owner}/{repo}/collaborators/{username}/permission": 1,
        "GET /repos/{owner}/{repo}/pulls/{pull_number}": 1,
        f"GET {_ISSUE}/{{issue_number}}/comments": 1,
        f"POST {_ISSUE}/{{issue_number}}/comments": 1,
        f"POST {_ISSUE}/comments/{{comment_id}}/reactions": 1,
    },
    "gitlab": {
        "GET /projects/{id}/members/all": 1,
        f"GET {_MERGE}": 1,
        f"GET {_MERGE}/notes": 1,
        f"POST {_MERGE}/notes": 1,
        f"POST {_MERGE}/notes/{{note_id}}/award_emoji": 1,
    },
}
V2 = APP.replace("1.0", "1.1")
V3 = V2.replace("info", "debug")


@pytest.mark.parametrize("forge", ["github", "gitlab"])
async def test_a_change_goes_from_development_to_production_and_a_hotfix_comes_home(
    tmp_path: Path, forge: Name
) -> None:
    with temporal(tmp_path) as address:
        client = await connected(address)
        async with (
            town(tmp_path, client, forge_name=forge) as here,
            worker(client, here.forges, tmp_path / "state"),
        ):
            source = await here.commit("development", {"app.yaml": V2})
            await to_staging(here, source)
            await to_production(here)
            await hotfix(here)


async def test_a_branch_that_our_own_status_protects_is_merged_at_once_and_is_remembered(
    tmp_path: Path,
) -> None:
    with temporal(tmp_path) as address:
        client = await connected(address)
        async with (
            town(tmp_path, client) as here,
            worker(client, {"github": here.forge}, tmp_path / "state"),
        ):
            await here.do(lambda c: c.protect("acme/config", "staging", checks=["lockstep"]))
            # Later than the merge that is called at the same time.
            await here.do(lambda c: c.inject(method="POST", path="/statuses/", stall=0.3, times=9))
            merges = []
            for text in (V2, V3):
                await here.calls()
                source = await here.commit("development", {"app.yaml": text})
                request = await here.open_into("staging")
                await here.quiet()
                await here.check(request.head_sha)
                await here.ended(f"{PROMOTION}/staging/{source[:12]}")
                asked = await here.calls()
                merges.append(asked["PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge"])

            assert merges == [2, 1]


async def test_workflows_that_go_on_as_new_again_and_again_carry_all_they_know(
    tmp_path: Path,
) -> None:
    with temporal(tmp_path, "limit.historyCount.suggestContinueAsNew=12") as address:
        client = await connected(address)
        async with (
            town(tmp_path, client) as here,
            worker(client, {"github": here.forge}, tmp_path / "state"),
        ):
            source = await here.commit("development", {"app.yaml": V2})
            request = await here.open_into("staging")
            await here.say(request.number, "ada", "/hold the fair is on")
            await here.body_says(request.number, "held by ada")
            await here.check(request.head_sha)
            await here.quiet()
            await here.say(request.number, "ada", "/resume")

            await here.become(request.number, "merged")
            await here.ended(f"{PROMOTION}/staging/{source[:12]}")
            await here.quiet()

            runs = [run.id async for run in client.list_workflows()]
            assert runs.count(PIPELINE) > 1
            assert runs.count(f"{PROMOTION}/staging/{source[:12]}") > 1
            assert len(await here.pulls()) == 1
            assert await here.said(request.number) == ["/hold the fair is on", "/resume"]


def _promotion(here: Town) -> str:
    return PROMOTION.replace("github", here.forge.name)


async def to_staging(here: Town, source: str) -> None:
    began = time.monotonic()
    request = await here.open_into("staging")
    assert time.monotonic() - began < 10  # 0.7 s on an idle machine
    assert request.title == "Promote development to staging: 1 change"
    assert "ci/test has not reported yet" in request.body
    assert "| `image` | `shop:1.0` | `shop:1.1` | ada |" in request.body

    await here.check(request.head_sha)

    await here.become(request.number, "merged")
    assert await here.file("staging") == V2
    promotion = f"{_promotion(here)}/staging/{source[:12]}"
    assert await here.ended(promotion) == f"{source[:7]} is in staging"
    assert await here.at(request.head) == ""


async def to_production(here: Town) -> None:
    source = await here.at("staging")
    merged = (await here.pulls())[0]
    await here.quiet()
    await here.calls()

    await here.say(merged.number, "ada", here.words.command("promote production"))
    request = await here.open_into("main")
    await here.check(request.head_sha)
    await here.body_says(request.number, "**waiting for sign-off by qa**")
    assert not (await here.said(request.number))
    sign_off = here.words.command("sign-off qa")
    await here.say(request.number, "quinn", f"Looks good.\n\n{sign_off}")

    await here.become(request.number, "merged")
    assert await here.file("main") == V2
    landed = await here.at("main")
    assert await here.tree(landed) == await here.tree(request.head_sha)
    promotion = f"{_promotion(here)}/production/{source[:12]}"
    await here.ended(promotion)
    said = [state for state, _ in await here.statuses(request.head_sha)]
    assert (said[0], said[-1]) == ("pending", "success")
    await here.quiet()
    calls = await here.calls()
    history, pipeline = (
        await here.history(promotion),
        await here.history(PIPELINE.replace("github", here.forge.name)),
    )
    looks = looks_for_checks(here, history)
    for call, times in ASKED_CALLS[here.forge.name].items():
        calls[call] -= times
    calls[CHECKS_CALL[here.forge.name]] -= looks
    assert {call: times for call, times in calls.items() if times} == HOP_CALLS[here.forge.name]
    assert len(history.events) <= 40 + 8 * looks, events_of(history)
    assert size_of(history) <= 12_000 + 3_000 * looks
    waits = events_of(history).count("TIMER_STARTED")
    # A step for each look, and each look's own wait beside the eight of a hop.
    assert actions_of(history) + reports_of(pipeline, promotion) <= 8 + waits + looks


def looks_for_checks(here: Town, history: WorkflowHistory) -> int:
    """Return how often a promotion looked for checks because nobody tells of them.

    GitLab tells of no status from outside of its CI (`workflows.unheard`): a promotion that
    waits for checks has a timer there, unless they have reported before it comes to rest, and
    looks when that rings. On GitHub it has none.
    """
    kinds = events_of(history)
    waits, looks = kinds.count("TIMER_STARTED"), kinds.count("TIMER_FIRED")
    assert waits <= (looks + 1 if here.forge.name == "gitlab" else 0)
    return looks


async def hotfix(here: Town) -> None:
    await here.commit("main", {"app.yaml": V3})

    home = await here.open_into("development")
    assert home.title == "Bring 1 change of production home to development"

    async def issue_is_open() -> bool:
        return (await here.issue())[0] == "open"

    await eventually(issue_is_open, "the drift issue")
    _, title, body = await here.issue()
    assert title == "Drift: staging → production"
    assert f"{here.referred(home)} brings them home" in body
    await here.do(lambda c: c.merge("acme/config", home.number, "ada"))
    request = await here.open_into("staging")
    await here.check(request.head_sha)
    await here.become(request.number, "merged")

    async def issue_is_closed() -> bool:
        return (await here.issue())[0] == "closed"

    await eventually(issue_is_closed, "the drift issue to close itself")
    assert [await here.file(branch) for branch in ("development", "staging", "main")] == [V3] * 3
    assert [pull.state for pull in await here.pulls()] == ["merged"] * 4
