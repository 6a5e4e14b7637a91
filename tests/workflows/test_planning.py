"""`/promote ENVIRONMENT at TIME`: kept until then, said by /status, taken back by /cancel."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.workflows.village import APP, CONFIGURATION, KEY, REPOSITORY, Village, village
from workflows.values.pipeline import Planned

V2 = APP.replace("v1", "v2")
BY_HAND = CONFIGURATION.replace("automatic", "manual")
BERLIN = ZoneInfo("Europe/Berlin")
SELDOM = timedelta(days=2)


async def planned(
    here: Village, hours: int = 5, person: str = "ada", environment: str = "staging"
) -> tuple[int, datetime, str]:
    """Have somebody plan a promotion; return where, for when, and as it is written."""
    now = await here.env.get_current_time()
    at = (
        (now + timedelta(hours=hours)).astimezone(BERLIN).replace(minute=0, second=0, microsecond=0)
    )
    wall = f"{at:%Y-%m-%d %H:%M} Europe/Berlin"
    number = here.forge.open_issue_as(person, REPOSITORY, "The release")
    await here.say(number, person, f"/promote {environment} at {wall}")
    return number, at.astimezone(UTC), wall


async def test_it_is_promoted_then_and_not_before(tmp_path: Path) -> None:
    async with village(tmp_path, BY_HAND, reconcile=SELDOM) as here:
        await here.push("development", {"app.yaml": V2})
        await here.until_idle()

        number, at, wall = await planned(here)

        await here.answered(number, f"@ada At {wall} I promote to staging. Until then")
        assert [one.at for one in (await here.pipeline()).planned] == [at]
        await here.env.sleep(at - await here.env.get_current_time() - timedelta(hours=2))
        await here.until_idle()
        assert here.pulls() == []
        await here.env.sleep(timedelta(hours=3))
        await here.open_into("staging")
        await here.until_idle()
        assert (await here.pipeline()).planned == ()


async def test_status_shows_it_and_cancel_takes_it_back(tmp_path: Path) -> None:
    async with village(tmp_path, BY_HAND, reconcile=SELDOM) as here:
        await here.push("development", {"app.yaml": V2})
        number, at, wall = await planned(here)
        await here.answered(number, "I promote to staging")
        other = here.forge.open_issue_as("bob", REPOSITORY, "What now?")

        await here.say(other, "bob", "/status")
        await here.answered(other, f"Planned: staging at {wall}, by ada.")
        await here.say(other, "bob", "/cancel")
        await here.answered(other, "`/cancel` belongs on")
        await here.say(other, "bob", "/cancel staging")
        await here.answered(other, f"Nothing is promoted to staging at {wall} any more.")

        await here.env.sleep(at - await here.env.get_current_time() + timedelta(hours=1))
        await here.until_idle()
        assert here.pulls() == []


async def test_cancel_where_it_was_said_needs_no_name(tmp_path: Path) -> None:
    async with village(tmp_path, BY_HAND, reconcile=SELDOM) as here:
        number, _, wall = await planned(here)
        await here.answered(number, "I promote to staging")

        await here.say(number, "ada", "/cancel")

        await here.answered(number, f"Nothing is promoted to staging at {wall} any more.")


async def test_planned_again_it_is_the_later_word_that_counts(tmp_path: Path) -> None:
    async with village(tmp_path, BY_HAND, reconcile=SELDOM) as here:
        number, _, wall = await planned(here)
        await here.answered(number, "I promote to staging")

        again, at, later = await planned(here, hours=9)

        await here.answered(again, f"At {later} I promote to staging, and not at {wall}.")
        await here.until_idle()
        assert [one.at for one in (await here.pipeline()).planned] == [at]


async def test_what_cannot_be_done_when_it_is_due_is_told_where_it_was_asked(
    tmp_path: Path,
) -> None:
    async with village(tmp_path, BY_HAND, reconcile=SELDOM) as here:
        number, _, wall = await planned(here)
        await here.answered(number, "I promote to staging")

        await here.env.sleep(timedelta(hours=6))

        await here.answered(number, f"You asked for a promotion at {wall}, and there is none.")
        await here.answered(number, "staging has all that development has")


async def test_who_may_write_no_more_when_it_is_due_is_told_so(tmp_path: Path) -> None:
    async with village(tmp_path, BY_HAND, reconcile=SELDOM) as here:
        await here.push("development", {"app.yaml": V2})
        number, _, _ = await planned(here)
        await here.answered(number, "I promote to staging")
        here.forge.set_permission(REPOSITORY, "ada", "read")

        await here.env.sleep(timedelta(hours=6))

        await here.answered(number, "ada may not write to this repository any more")
        assert here.pulls() == []


async def test_what_is_no_time_is_answered_and_nothing_is_planned(tmp_path: Path) -> None:
    async with village(tmp_path, BY_HAND, reconcile=SELDOM) as here:
        await here.deliver()
        number = here.forge.open_issue_as("ada", REPOSITORY, "The release")

        await here.say(
            number,
            "ada",
            "/promote staging at noon\n/promote staging at 2020-01-01 09:00 UTC\n/promote x at 9",
        )

        await here.answered(number, "Nothing is planned: `noon` is no date and time")
        await here.answered(number, "2020-01-01 09:00 UTC is past")
        await here.answered(number, "There is no environment `x`")
        assert (await here.pipeline()).planned == ()


async def test_the_command_line_plans_and_takes_back_by_signals(tmp_path: Path) -> None:
    async with village(tmp_path, BY_HAND, reconcile=SELDOM) as here:
        await here.push("development", {"app.yaml": V2})
        await here.until_idle()
        pipeline = here.client.get_workflow_handle(KEY.pipeline_id)
        at = await here.env.get_current_time() + timedelta(hours=5)
        first = Planned(environment="staging", at=at, wall="tomorrow", person="the command line")

        await pipeline.signal("plan", first)
        await pipeline.signal("unplan", "staging")
        await here.until_idle()
        assert (await here.pipeline()).planned == ()
        await pipeline.signal("plan", first)

        await here.env.sleep(timedelta(hours=6))
        await here.open_into("staging")
