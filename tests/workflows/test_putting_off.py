"""What meets a forge's limit waits for its end by a timer: nothing fails, is lost or done twice."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from temporalio.client import WorkflowHistory

from bot.forges.forge import RateLimited
from tests.workflows.town import events_of
from tests.workflows.village import APP, CONFIGURATION, KEY, REPOSITORY, Village, village
from webhook.events import Comment, InstallationChanged
from workflows.putting_off import hold_back, joined
from workflows.routing import Routed
from workflows.values.pipeline import PipelineState, PutOff, Told, Wanted

V2 = APP.replace("v1", "v2")
V3 = APP.replace("v1", "v3")
HOTFIX = APP.replace("info", "debug")
MANUAL = CONFIGURATION.replace("automatic", "manual")
PIPELINE, WATCH = KEY.pipeline_id, KEY.drift_watch_id


async def limit(here: Village, *methods: str, minutes: float = 3) -> None:
    """Let the next call of each method meet a limit that ends so much later."""
    until = await here.env.get_current_time() + timedelta(minutes=minutes)
    for method in methods:
        here.forge.fail(method, RateLimited("the budget is used", until))


async def over(here: Village, minutes: float = 4) -> None:
    """Let the limit end."""
    await here.env.sleep(timedelta(minutes=minutes))
    await here.until_idle()


async def looked(here: Village) -> None:
    """Have the repository looked at for the first time."""
    await here.deliver()
    await here.until_idle()


async def history(here: Village, workflow: str) -> WorkflowHistory:
    return await here.client.get_workflow_handle(workflow).fetch_history()


async def tries(here: Village, workflow: str = PIPELINE) -> set[int]:
    """Return which tries of activities a history tells of: 1 alone where none has failed."""
    found = (await history(here, workflow)).events
    started = [event.activity_task_started_event_attributes for event in found]
    return {one.attempt for one in started if one.attempt}


async def test_a_first_look_is_made_when_the_limit_ends_and_no_activity_fails(
    tmp_path: Path,
) -> None:
    async with village(tmp_path) as here:
        await limit(here, "repository")
        await here.push("development", {"app.yaml": V2})
        await here.until_idle()
        assert here.pulls() == []

        await over(here)

        await here.open_into("staging")
        assert (await tries(here), (await here.pipeline()).put_off) == ({1}, None)


async def test_while_nothing_can_be_seen_events_wait_and_make_no_history_of_looks(
    tmp_path: Path,
) -> None:
    async with village(tmp_path) as here:
        await limit(here, "repository")
        for text in (V2, V3):
            await here.push("development", {"app.yaml": text})
        number = here.forge.open_issue_as("ada", REPOSITORY, "Where are we?")
        await here.say(number, "ada", "/drift")
        await here.say(number, "bob", "/promote nowhere")
        await here.until_idle()
        surveys = events_of(await history(here, PIPELINE)).count("ACTIVITY_TASK_SCHEDULED")

        await over(here)

        assert surveys == 1
        assert (await here.open_into("staging")).body.count("`v3`") == 1
        assert ["nowhere" in text for text in here.said(number)] == [False, True]


async def test_a_promotion_hears_people_while_its_repository_cannot_be_looked_at(
    tmp_path: Path,
) -> None:
    async with village(tmp_path) as here:
        await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        await here.until_idle()
        # The promotion's own step has the repository at hand; this look asks anew.
        await limit(here, "repository", minutes=30)
        await here.deliver(InstallationChanged(access="granted", by=None))
        await here.until_idle()
        assert (await here.pipeline()).put_off is not None

        await here.say(pull.number, "ada", "/hold the fair is on")

        await here.body_says(pull.number, "held by ada")
        assert (await here.pipeline()).put_off is not None


async def test_a_look_for_what_no_event_told_of_is_put_off_and_forgets_nothing(
    tmp_path: Path,
) -> None:
    async with village(tmp_path, CONFIGURATION + "back_merge: report\n") as here:
        await here.push("production", {"app.yaml": HOTFIX})
        await here.until(here.issues)
        await here.env.sleep(timedelta(minutes=12))
        await here.until_idle()
        touched = (await here.pipeline()).touched
        await limit(here, "open_items")
        here.forge.say(REPOSITORY, here.issues()[0].number, "ada", "/drift")

        await here.env.sleep(timedelta(minutes=12))
        await here.until_idle()
        assert touched
        assert (await here.pipeline()).touched[0].number == touched[0].number

        await over(here)
        await here.answered(here.issues()[0].number, "production")
        assert await tries(here) == {1}


async def test_a_command_is_done_at_once_and_only_its_answer_waits(tmp_path: Path) -> None:
    async with village(tmp_path, MANUAL) as here:
        await looked(here)
        await here.push("development", {"app.yaml": V2})
        number = here.forge.open_issue_as("ada", REPOSITORY, "Where are we?")
        await limit(here, "comment")

        await here.say(number, "ada", "/promote staging")

        await here.open_into("staging")
        await here.until_idle()
        assert here.said(number) == []
        await over(here)
        (answer,) = here.said(number)
        assert "to staging" in answer
        assert "open already" not in answer
        assert await tries(here) == {1}


async def test_what_people_said_is_done_in_order_and_pushes_do_not_wait_behind_it(
    tmp_path: Path,
) -> None:
    async with village(tmp_path) as here:
        await looked(here)
        number = here.forge.open_issue_as("ada", REPOSITORY, "Where are we?")
        await limit(here, "permission")
        await here.say(number, "ada", "/drift")
        await here.until_idle()
        await here.say(number, "bob", "/promote nowhere")
        await here.push("development", {"app.yaml": V2})

        await here.open_into("staging")
        await here.until_idle()
        assert here.said(number) == []
        await over(here)

        assert ["nowhere" in text for text in here.said(number)] == [False, True]
        assert await tries(here) == {1}


async def test_a_wish_that_comes_true_in_the_limit_is_granted_after_it(tmp_path: Path) -> None:
    async with village(tmp_path, MANUAL) as here:
        await looked(here)
        here.world.branch("feature", "development")
        here.world.commit("feature", {"app.yaml": V2})
        theirs = here.forge.open_as("bob", REPOSITORY, "feature", "develop")
        await here.say(theirs, "ada", "/promote staging")
        await here.answered(theirs, "When this is merged I promote it to staging")
        await here.until_idle()
        sha = here.forge.merge_as("bob", REPOSITORY, theirs)
        here.forge.wrote(REPOSITORY, sha, "bob")
        await limit(here, "repository")
        await here.deliver(InstallationChanged(access="granted", by=None))
        await here.until_idle()
        await here.changed(theirs, "bob")
        await here.until_idle()
        assert [one.base_branch for one in here.pulls()] == ["develop"]

        await over(here)

        await here.open_into("staging")


async def test_whoever_asks_by_the_command_line_is_told_after_the_limit(tmp_path: Path) -> None:
    async with village(tmp_path, MANUAL) as here:
        await looked(here)
        await here.push("development", {"app.yaml": V2})
        await here.until_idle()
        await limit(here, "repository")
        await here.deliver(InstallationChanged(access="granted", by=None))
        await here.until_idle()
        pipeline = here.client.get_workflow_handle(PIPELINE)
        asked = asyncio.create_task(
            pipeline.execute_update(
                "promote",
                Wanted(id="1", environment="staging", person="ada"),
                result_type=Told,
            )
        )
        await here.until_idle()

        await over(here)

        assert (await asked).source == here.world.sha("development")


async def test_the_drift_report_is_put_off_and_no_back_merge_is_opened_twice(
    tmp_path: Path,
) -> None:
    async with village(tmp_path, MANUAL) as here:
        await looked(here)
        await limit(here, "write_issue")
        await here.push("production", {"app.yaml": HOTFIX})
        await here.open_into("development")
        await here.until_idle()
        opened = here.forge.calls["open_pull_request"]
        await here.pushed("production")
        await here.until_idle()
        assert here.issues() == []
        looks = events_of(await history(here, WATCH)).count("ACTIVITY_TASK_SCHEDULED")

        await over(here)

        assert here.issues()[0].open
        # The first of all, the one that met the limit, and the one after it.
        assert looks == 2
        assert here.forge.calls["open_pull_request"] == opened
        assert await tries(here, WATCH) == {1}


async def test_a_schedule_that_is_due_in_the_limit_is_due_after_it(tmp_path: Path) -> None:
    nightly = CONFIGURATION.replace(
        "promote: automatic", 'promote: {schedule: "0 3 * * *", timezone: Europe/Berlin}'
    )
    async with village(tmp_path, nightly, reconcile=timedelta(days=2)) as here:
        await looked(here)
        await here.push("development", {"app.yaml": V2})
        await here.until_idle()
        night = (await here.env.get_current_time()).astimezone(ZoneInfo("Europe/Berlin"))
        night = (night + timedelta(days=1)).replace(hour=2, minute=55, second=0, microsecond=0)
        await here.env.sleep(night - await here.env.get_current_time())
        await limit(here, "repository", minutes=30)
        await here.deliver(InstallationChanged(access="granted", by=None))
        await here.until_idle()

        await over(here, 20)
        assert here.pulls() == []
        await over(here, 20)

        await here.open_into("staging")


AT = datetime(2026, 1, 5, tzinfo=UTC)


def said(number: int) -> Comment:
    return Comment(number=1, id=number, author="ada", at=AT, text="/drift", on_pull_request=False)


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 3), st.sampled_from(["yes", "part", "blind"])),
        max_size=12,
    )
)
def test_whatever_is_put_off_again_and_again_is_done_once_and_in_order(
    story: list[tuple[int, int, str]],
) -> None:
    state = PipelineState(forge="github", owner="acme", name="config", id=1)
    now, done, count = AT, [], 0

    # In the end a day passes in which everything is allowed.
    for hours, new, allowed in [*story, (24, 0, "yes")]:
        now += timedelta(hours=hours)
        routed = Routed(state, comments=[said(count + n + 1) for n in range(new)], merged=[count])
        count += new
        hold_back(routed, now)
        state = routed.state
        if not (routed.comments or routed.merged or routed.look):
            continue
        left = tuple(routed.comments) if allowed == "blind" else tuple(routed.comments[1:])
        after = PutOff(until=now + timedelta(hours=2), blind=allowed == "blind", comments=left)
        done += [one.id for one in routed.comments if allowed == "yes" or one not in left]
        put_off = joined(state.put_off, None if allowed == "yes" else after)
        state = state.model_copy(update={"put_off": put_off})

    assert done == list(range(1, count + 1))
