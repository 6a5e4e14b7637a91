"""The release rules of a real team, said in twenty lines, as they are lived."""

from datetime import timedelta
from pathlib import Path

from tests.workflows.village import APP, Village, village

EXAMPLE = Path(__file__).parents[2] / "config" / "examples" / "twenty-lines.yaml"
RULES = EXAMPLE.read_text().replace("branch: development}", "branch: develop}")
SELDOM = timedelta(days=30)


def app(version: str) -> str:
    return APP.replace("v1", version)


async def change(here: Village, version: str, number: int) -> None:
    """Merge somebody's pull request into development."""
    here.world.commit("development", {"app.yaml": app(version)}, f"Shop {version} (#{number})")
    here.forge.wrote("acme/config", here.world.sha("development"), "ada")
    await here.pushed("development")


async def green(here: Village, environment: str) -> int:
    """Wait for a promotion, and let its check succeed; return its number."""
    pull = await here.open_into(environment)
    await here.until_idle()
    await here.check(here.pull(pull.number))
    return pull.number


async def landed(here: Village, environment: str) -> int:
    """Bring a promotion to its end."""
    number = await green(here, environment)
    await here.become(number, "merged")
    # The push of our own merge.
    await here.pushed(environment, by="lockstep")
    return number


def test_the_rules_are_said_in_twenty_lines() -> None:
    assert len(EXAMPLE.read_text().splitlines()) <= 20


async def test_nothing_new_goes_to_staging_until_production_has_caught_up_unless_forced(
    tmp_path: Path,
) -> None:
    async with village(tmp_path, RULES, reconcile=SELDOM) as here:
        await change(here, "v2", 41)
        await landed(here, "staging")

        await change(here, "v3", 42)
        waiting = await green(here, "staging")
        await here.body_says(waiting, "1 change from staging to production must be promoted first")
        await here.until_idle()
        assert here.world.text("staging", "app.yaml") == app("v2")
        await here.say(waiting, "ada", "/override drained it is urgent")
        await here.answered(waiting, "or the role `release`")
        await here.say(waiting, "rita", "/override drained customers cannot pay")

        await here.become(waiting, "merged")
        assert here.world.text("staging", "app.yaml") == app("v3")
        message = here.world.git("log", "-1", "--format=%B", "staging").decode()
        assert "Lockstep-Override: drained by rita: customers cannot pay" in message


async def test_what_goes_live_has_rested_six_days_and_a_change_begins_them_anew(
    tmp_path: Path,
) -> None:
    async with village(tmp_path, RULES, reconcile=SELDOM) as here:
        await change(here, "v2", 41)
        await landed(here, "staging")
        number = await green(here, "production")
        await here.body_says(number, "the 6d are over")
        await here.env.sleep(timedelta(days=3))
        await change(here, "v3", 42)
        forced = await green(here, "staging")
        await here.say(forced, "rita", "/override drained customers cannot pay")
        await here.become(forced, "merged")
        await here.pushed("staging", by="lockstep")
        await here.until(lambda: "Shop v3" in here.pull(number).body, "the newer content")
        await here.until_idle()
        await here.check(here.pull(number))

        await here.env.sleep(timedelta(days=4))
        await here.until_idle()
        assert here.pull(number).state == "open"
        await here.env.sleep(timedelta(days=2, hours=2))

        await here.become(number, "merged")
        assert here.world.text("production", "app.yaml") == app("v3")
        assert "Included pull requests: #41, #42" in here.pull(number).body.replace(
            "#42, #41", "#41, #42"
        )
        await here.until(
            lambda: here.branch("stable") == here.branch("customers") == here.branch("main"),
            "the mirrors",
        )


async def test_a_soak_is_overridden_by_who_may(tmp_path: Path) -> None:
    async with village(tmp_path, RULES, reconcile=SELDOM) as here:
        await change(here, "v2", 41)
        await landed(here, "staging")
        number = await green(here, "production")
        await here.body_says(number, "the 6d are over")

        await here.say(number, "rita", "/override soak a hole in the login")

        await here.become(number, "merged")
        await here.until(
            lambda: here.branch("stable") == here.branch("customers") == here.branch("main"),
            "the mirrors",
        )
