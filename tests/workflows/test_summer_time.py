"""A clock that jumps over a change to summer time: a window opens by the clock on the wall."""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.workflows.village import APP, CONFIGURATION, REPOSITORY, village

BERLIN = ZoneInfo("Europe/Berlin")
NOON = CONFIGURATION.replace(
    "      checks: [ci/test]\n  - name: production",
    "      checks: [ci/test]\n      windows: ['Mon-Sun 12:00-12:30 Europe/Berlin']\n"
    "  - name: production",
)


def noon(day: datetime) -> datetime:
    return datetime.combine(day, time(12), BERLIN)


def day_of_change(after: datetime) -> datetime:
    """Return noon of the next day that has an hour less than others."""
    day = noon(after.astimezone(BERLIN) + timedelta(days=2))
    while noon(day).astimezone(UTC) - noon(day - timedelta(days=1)).astimezone(UTC) >= timedelta(
        hours=24
    ):
        day = noon(day + timedelta(days=1))
    return day


async def test_a_window_that_opens_after_the_change_opens_by_wall_time(tmp_path: Path) -> None:
    # Looks in between would only make the months long.
    async with village(tmp_path, NOON, reconcile=timedelta(days=400)) as here:
        opens = day_of_change(await here.env.get_current_time())
        await here.deliver()
        await here.until_idle()
        eve = noon(opens - timedelta(days=1)) + timedelta(hours=2)
        await here.env.sleep(eve.astimezone(UTC) - await here.env.get_current_time())
        await here.push("development", {"app.yaml": APP.replace("v1", "v2")})
        pull = await here.open_into("staging")
        await here.check(pull)
        await here.body_says(pull.number, "window")
        await here.until_idle()
        assert here.pull(pull.number).state == "open"

        await here.env.sleep(timedelta(hours=22))

        await here.become(pull.number, "merged")
        merged = here.forge.places[REPOSITORY].changed[pull.number].astimezone(UTC)
        late = merged - opens.astimezone(UTC)
        assert timedelta(0) <= late < timedelta(minutes=30), late
