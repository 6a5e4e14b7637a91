"""A freeze stops every merge at once, is said everywhere, and ends with its branch."""

from datetime import UTC, datetime
from pathlib import Path

from bot.forges.forge import PullRequestInfo
from tests.workflows.village import APP, REPOSITORY, Village, village
from webhook.events import BranchDeleted, Push
from workflows.stops import FREEZE, read_stop

V2 = APP.replace("v1", "v2")


async def waiting(here: Village) -> PullRequestInfo:
    """Return a promotion that waits for its check."""
    await here.push("development", {"app.yaml": V2})
    pull = await here.open_into("staging")
    await here.until_idle()
    return pull


async def asked(here: Village, text: str, person: str = "mia") -> int:
    number = here.forge.open_issue_as(person, REPOSITORY, "The data centre burns")
    await here.say(number, person, text)
    return number


async def moved(here: Village) -> None:
    """Send the event of the freeze's branch, as the forge does."""
    at = here.branch(FREEZE)
    await here.deliver(
        Push(branch=FREEZE, before=None, after=at, by="lockstep")
        if at
        else BranchDeleted(branch=FREEZE, by="bob")
    )


async def test_a_freeze_holds_what_is_open_and_says_who_and_why(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        pull = await waiting(here)

        number = await asked(here, "/freeze the data centre burns")
        await here.answered(number, "Frozen: nothing merges in this repository until")
        await moved(here)

        await here.body_says(pull.number, "by mia: the data centre burns, until the branch")
        await here.check(pull)
        await here.until_idle()
        assert here.pull(pull.number).state == "open"
        status = here.forge.places[REPOSITORY].statuses[pull.head_sha]
        assert status.line.startswith("frozen since ")
        await here.say(number, "ada", "/status")
        await here.answered(number, "**Nothing merges**: frozen since")
        assert (await here.pipeline()).frozen.startswith("frozen since")


async def test_what_is_ready_when_it_ends_merges_and_says_that_it_is_over(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        pull = await waiting(here)
        number = await asked(here, "/freeze the data centre burns")
        await here.answered(number, "Frozen")
        await moved(here)
        await here.body_says(pull.number, "the data centre burns")
        await here.check(pull)
        await here.until_idle()

        await here.say(number, "mia", "/thaw")

        await here.answered(number, "The freeze of mia (the data centre burns) is over.")
        await moved(here)
        await here.become(pull.number, "merged")
        await here.body_says(pull.number, "a freeze is over: the data centre burns, by mia")


async def test_a_freeze_that_no_event_told_of_is_seen_before_the_merge(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        pull = await waiting(here)
        here.world.branch(FREEZE, "main")
        here.world.commit(FREEZE, {}, "Audit week", author="Olga <olga@example.com>")

        await here.check(pull)

        await here.body_says(pull.number, "by Olga: Audit week")
        assert here.pull(pull.number).state == "open"


async def test_who_deletes_the_branch_ends_it(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        pull = await waiting(here)
        await asked(here, "/freeze the data centre burns")
        await here.until(lambda: here.branch(FREEZE), "the freeze")
        await moved(here)
        await here.body_says(pull.number, "the data centre burns")
        await here.check(pull)
        await here.until_idle()

        here.world.git("update-ref", "-d", f"refs/heads/{FREEZE}")
        await moved(here)

        await here.become(pull.number, "merged")


async def test_a_roll_back_that_cannot_wait_passes_by_an_override(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        pull = await waiting(here)
        await here.check(pull)
        await here.become(pull.number, "merged")
        number = await asked(here, "/freeze the data centre burns")
        await here.answered(number, "Frozen")

        await here.say(number, "mia", "/rollback staging")
        back = await here.open_into("staging")
        await here.check(back)
        await here.until_idle()
        assert here.pull(back.number).state == "open"
        await here.say(back.number, "mia", "/override freezes customers cannot pay")

        await here.become(back.number, "merged")
        message = here.world.git("log", "-1", "--format=%B", "staging").decode()
        assert "Lockstep-Override: freezes by mia: customers cannot pay" in message


async def test_it_is_said_once_and_nothing_is_ended_that_is_not_there(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await here.deliver()
        number = await asked(here, "/thaw\n/freeze fire\n/freeze water")

        await here.answered(number, "Nothing is frozen here")
        await here.answered(number, "It is frozen already, by mia")
        at = here.branch(FREEZE)
        assert at is not None
        assert read_stop(here.world.repository, at).reason == "fire"


async def test_who_may_only_write_freezes_nothing(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await here.deliver()

        number = await asked(here, "/freeze I say so", "ada")

        await here.answered(number, "`/freeze` needs maintain permission for this repository")
        assert here.branch(FREEZE) is None


async def test_a_freeze_says_since_when(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await here.deliver()
        before = await here.env.get_current_time()
        await asked(here, "/freeze fire")
        await here.until(lambda: here.branch(FREEZE), "the freeze")

        stop = read_stop(here.world.repository, here.branch(FREEZE) or "")

        assert abs((stop.since - before).total_seconds()) < 3600
        assert stop.since.astimezone(UTC) > datetime(2026, 1, 1, tzinfo=UTC)
