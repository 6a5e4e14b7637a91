"""What no event told of is found by the next look, which costs next to nothing else."""

import threading
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import WorkflowExecutionStatus

from bot.forges.forge import ForgeError, NotFound, PullRequestInfo, Unauthorized, Unavailable
from tests.temporal_server import connected, temporal
from tests.workflows.town import PIPELINE, Town, town
from tests.workflows.village import APP, CONFIGURATION, KEY, REPOSITORY, Village, village
from webhook.events import Comment
from workflows.worker import worker

INTERVAL = timedelta(minutes=12)
V2 = APP.replace("v1", "v2")
HOTFIX = APP.replace("info", "debug")
MANUAL = CONFIGURATION.replace("automatic", "manual")


async def opened(here: Village) -> PullRequestInfo:
    """Push a change, and wait for its promotion."""
    await here.push("development", {"app.yaml": V2})
    return await here.open_into("staging")


async def looks(here: Village, times: int = 1) -> None:
    """Let one interval after the other pass."""
    for _ in range(times):
        await here.env.sleep(INTERVAL)
        await here.until_idle()


def requests(here: Village) -> Counter[str]:
    """Return what was asked of the forge; a token for git is at hand."""
    return here.forge.calls - Counter(git_token=here.forge.calls["git_token"])


async def test_where_nothing_happened_one_request_is_made_in_an_interval(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await here.deliver()
        await looks(here)
        here.forge.calls.clear()

        await looks(here, 3)

        # Where the first of them falls within the interval is left to chance.
        (called,) = requests(here).items()
        assert called in [("open_items", 3), ("open_items", 4)]


@pytest.mark.parametrize(
    ("error", "times"), [(Unauthorized("bad credentials"), 1), (Unavailable("away"), 4)]
)
async def test_one_that_fails_is_left_for_later_and_events_are_heard_meanwhile(
    tmp_path: Path, error: ForgeError, times: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with village(tmp_path) as here:
        await here.deliver()
        await looks(here)
        for _ in range(times):
            here.forge.fail("open_items", error)
        await here.client.get_workflow_handle(KEY.pipeline_id).signal("glance")
        while f"is looked at later: {error}" not in caplog.text:
            await here.env.sleep(timedelta(seconds=1))
        here.forge.fail("open_items", error)

        pull = await opened(here)

        here.forge.report(REPOSITORY, pull.head_sha, "ci/test", "success")
        await looks(here)
        await here.become(pull.number, "merged")


async def test_a_repository_that_is_gone_ends_its_pipeline_at_the_next_look(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await here.deliver()
        await looks(here)
        for _ in range(4):
            here.forge.fail("open_items", NotFound("no such repository"))
        here.forge.fail("repository", NotFound("no such repository"))
        pipeline = here.client.get_workflow_handle(KEY.pipeline_id)
        await pipeline.signal("glance")

        while (await pipeline.describe()).status is WorkflowExecutionStatus.RUNNING:
            await here.env.sleep(timedelta(seconds=1))
        assert "is not managed" in await pipeline.result()


async def test_one_that_waits_for_people_alone_costs_no_more(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        pull = await opened(here)
        await here.say(pull.number, "ada", "/hold the fair is on")
        await here.body_says(pull.number, "held by ada")
        await here.check(pull)
        await looks(here, 2)
        here.forge.calls.clear()

        await looks(here)

        (called,) = requests(here).items()
        assert called in [("open_items", 1), ("open_items", 2)]


async def test_a_check_that_no_event_told_of_is_found(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        pull = await opened(here)
        await here.until_idle()
        here.forge.report(REPOSITORY, pull.head_sha, "ci/test", "success")

        await looks(here)

        await here.become(pull.number, "merged")


async def test_a_comment_whose_event_was_lost_is_heard_once(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        pull = await opened(here)
        await here.until_idle()
        here.forge.say(REPOSITORY, pull.number, "ada", "/hold the fair is on")
        here.forge.say(REPOSITORY, pull.number, "eve", "/cancel")
        here.forge.say(REPOSITORY, pull.number, "ada", "Just talking.")

        await looks(here)

        await here.body_says(pull.number, "held by ada")
        await here.answered(pull.number, "needs write permission")
        await here.say(pull.number, "ada", "/resume")
        await looks(here, 2)
        assert "held by ada" not in here.pull(pull.number).body
        assert len(here.said(pull.number)) == 1


async def test_a_comment_that_is_told_of_and_found_as_well_is_done_once(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        pull = await opened(here)
        await here.until_idle()
        text = "/keep app.yaml replicas"
        said = here.forge.say(REPOSITORY, pull.number, "ada", text)
        now = await here.env.get_current_time()
        await here.deliver(
            Comment(
                number=pull.number, id=said, author="ada", at=now, text=text, on_pull_request=True
            )
        )
        await here.answered(pull.number, "The rule is")
        (proposed,) = (one for one in here.pulls() if one.head_branch.startswith("lockstep/keep/"))
        here.forge.merge_as("ada", REPOSITORY, proposed.number)

        await looks(here, 2)

        assert len(here.said(pull.number)) == 1
        assert sum(one.head_branch.startswith("lockstep/keep/") for one in here.pulls()) == 1


async def test_a_pull_request_that_was_closed_by_hand_is_cancelled(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        pull = await opened(here)
        await here.until_idle()
        here.forge.close_as("ada", REPOSITORY, pull.number)

        await looks(here)

        assert "ada closed the pull request" in here.pull(pull.number).body
        assert (await here.pipeline()).open == ()


async def test_a_push_to_the_promotions_branch_is_undone(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        pull = await opened(here)
        await here.until_idle()
        stray = here.world.commit("development", {"app.yaml": HOTFIX})
        here.world.git("update-ref", f"refs/heads/{pull.head_branch}", stray)

        await looks(here)

        await here.until(lambda: here.branch(pull.head_branch) != stray)


async def test_the_drift_issue_is_opened_again_and_its_commands_are_heard(tmp_path: Path) -> None:
    async with village(tmp_path, CONFIGURATION + "back_merge: report\n") as here:
        await here.push("production", {"app.yaml": HOTFIX})
        await here.until(here.issues)
        await looks(here)
        number = here.issues()[0].number
        here.forge.say(REPOSITORY, number, "ada", "/drift")
        await looks(here)
        await here.answered(number, "production")

        here.forge.places[REPOSITORY].issues[number].info = here.issues()[0].__class__(
            number, here.issues()[0].url, open=False, title="Drift", body=here.issues()[0].body
        )
        await looks(here)

        assert here.issues()[0].open
        await looks(here, 2)
        assert len(here.said(number)) == 1


async def test_a_merge_that_somebody_waits_for_is_found(tmp_path: Path) -> None:
    async with village(tmp_path, MANUAL) as here:
        await here.deliver()
        await here.until_idle()
        here.world.branch("feature", "development")
        here.world.commit("feature", {"app.yaml": V2})
        theirs = here.forge.open_as("bob", REPOSITORY, "feature", "develop")
        await here.say(theirs, "ada", "/promote staging")
        await here.answered(theirs, "When this is merged I promote it to staging")
        sha = here.forge.merge_as("bob", REPOSITORY, theirs)
        here.forge.wrote(REPOSITORY, sha, "bob")

        await looks(here)

        await here.open_into("staging")


async def test_an_idle_repository_costs_one_request_that_is_not_modified_and_one_look_at_git(
    tmp_path: Path,
) -> None:
    with temporal(tmp_path) as address:
        client = await connected(address)
        async with (
            town(tmp_path, client) as here,
            worker(client, {"github": here.forge}, tmp_path / "state"),
        ):
            sha = await here.commit("development", {"app.yaml": APP.replace("info", "debug")})
            pull = await here.open_into("staging")
            await here.check(pull.head_sha)
            await here.become(pull.number, "merged")
            await here.ended(f"promotion/github/acme/config/staging/{sha[:12]}")
            await glanced(here)
            await everything(here)

            before = here.forge.budgets()[0].calls
            await glanced(here)

            assert await everything(here) == {
                "GET /repos/{owner}/{repo}/issues": 1,
                "POST /{owner}/{repo}.git/git-upload-pack": 1,
            }
            assert here.forge.budgets()[0].calls == before


async def glanced(here: Town) -> None:
    """Have the pipeline look as it does when an interval is over."""
    await here.quiet()
    await here.client.get_workflow_handle(PIPELINE).signal("glance")
    await here.quiet()


async def everything(here: Town) -> dict[str, int]:
    """Return how often each route was asked since last asked, git's included."""

    def read(controls: object) -> dict[str, int]:
        found = {f"{c['method']} {c['route']}": c["count"] for c in controls.calls()}  # type: ignore[attr-defined]
        controls.reset_calls()  # type: ignore[attr-defined]
        return found

    return await here.do(read)


async def test_what_is_overheard_before_a_promotion_has_told_of_itself_waits_for_it(
    tmp_path: Path,
) -> None:
    async with village(tmp_path) as here:
        told = threading.Event()
        here.forge.after_opening = lambda: told.wait(60)
        pull = await opened(here)
        here.forge.say(REPOSITORY, pull.number, "ada", "/hold the fair is on")
        await here.client.get_workflow_handle(KEY.pipeline_id).signal("glance")
        await here.until(lambda: here.forge.calls["comments"], "a look at the comments")
        told.set()

        await here.body_says(pull.number, "held by ada")
        await here.until_idle()

        assert here.said(pull.number) == []


async def test_what_is_said_in_the_second_of_a_look_is_heard_by_the_next(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        pull = await opened(here)
        await here.until_idle()
        place = here.forge.places[REPOSITORY]
        touched = place.changed[pull.number]
        here.forge.calls.clear()
        await here.client.get_workflow_handle(KEY.pipeline_id).signal("glance")
        await here.until(lambda: here.forge.calls["comments"], "a look at the comments")
        await here.until_idle()
        # Between its list and the end of the second for which that list speaks.
        here.forge.say(REPOSITORY, pull.number, "ada", "/hold the fair is on")
        said = place.spoken[pull.number]
        said[-1] = replace(said[-1], at=touched)
        place.changed[pull.number] = touched

        await looks(here)

        await here.body_says(pull.number, "held by ada")
