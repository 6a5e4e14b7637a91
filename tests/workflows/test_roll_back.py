"""`/rollback ENVIRONMENT`: a pull request that takes a promotion back and holds what it took."""

from pathlib import Path

from bot.forges.forge import PullRequestInfo
from tests.workflows.town import eventually
from tests.workflows.village import APP, CONFIGURATION, KEY, REPOSITORY, Village, village

V2 = APP.replace("v1", "v2")
V3 = APP.replace("v1", "v3")


async def promoted(here: Village, app: str = V2) -> PullRequestInfo:
    """Bring a change to staging by an automatic promotion."""
    await here.push("development", {"app.yaml": app})
    pull = await here.open_into("staging")
    await here.check(pull)
    return await here.become(pull.number, "merged")


async def asked(here: Village, text: str = "/rollback staging", person: str = "mia") -> int:
    """Say something in an issue of its own; return the issue's number."""
    number = here.forge.open_issue_as(person, REPOSITORY, "Staging is broken")
    await here.say(number, person, text)
    return number


async def the_roll_back(here: Village) -> PullRequestInfo:
    """Wait for a roll-back's pull request."""

    async def look() -> PullRequestInfo | None:
        return next((p for p in here.pulls() if "/rollback/" in p.head_branch), None)

    return await eventually(look, "the roll-back")


async def rolled_back(here: Village) -> PullRequestInfo:
    """Roll staging back to the end."""
    await asked(here)
    pull = await here.open_into("staging")
    await here.check(pull)
    await here.become(pull.number, "merged")
    await here.until_idle()
    return here.pull(pull.number)


async def test_a_roll_back_restores_what_was_there_through_checks_alone(tmp_path: Path) -> None:
    by_people = CONFIGURATION.replace(
        "promote: automatic\n    gates:\n      checks: [ci/test]",
        "promote: automatic\n    gates:\n      checks: [ci/test]\n      sign_offs: []",
    )
    async with village(tmp_path, by_people) as here:
        await promoted(here)

        number = await asked(here)

        await here.answered(number, "@mia Taking back 1 change")
        pull = await here.open_into("staging")
        assert pull.head_branch.startswith("lockstep/rollback/staging/")
        assert pull.title.startswith("Roll staging back to before ")
        assert "mia asked for it" in pull.body
        await here.check(pull)
        await here.become(pull.number, "merged")
        await here.until_idle()
        assert here.world.text("staging", "app.yaml") == APP
        assert here.branch(pull.head_branch) is None


async def test_what_was_rolled_back_is_not_promoted_until_it_changes(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await promoted(here)
        await rolled_back(here)
        before = len(here.pulls())

        await here.push("development", {"other.yaml": "a: 1\n"})
        pull = await here.open_into("staging")
        assert "rolled back, and held until it changes in development" in pull.body
        assert "rolled back by mia" in pull.body
        await here.check(pull)
        await here.become(pull.number, "merged")
        assert here.world.text("staging", "app.yaml") == APP

        await here.push("development", {"app.yaml": V3})
        pull = await here.open_into("staging")
        await here.check(pull)
        await here.become(pull.number, "merged")
        assert here.world.text("staging", "app.yaml") == V3
        assert len(here.pulls()) == before + 2


async def test_what_was_rolled_back_is_no_drift(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await promoted(here)
        await rolled_back(here)
        pulls = len(here.pulls())

        number = await asked(here, "/drift", "ada")

        await here.answered(number, "**held**, development → staging")
        assert here.issues()[-1].title != "Drift: development → staging"
        assert len(here.pulls()) == pulls


async def test_promote_by_hand_brings_it_back_and_says_so(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await promoted(here)
        await rolled_back(here)

        await asked(here, "/promote staging", "ada")

        pull = await here.open_into("staging")
        assert "was rolled back by mia, and comes back" in pull.body
        await here.check(pull)
        await here.become(pull.number, "merged")
        assert here.world.text("staging", "app.yaml") == V2


async def test_who_may_only_write_cannot_roll_back(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await promoted(here)

        number = await asked(here, person="ada")

        await here.answered(number, "`/rollback` needs maintain permission for this repository")


async def test_a_promotion_that_is_open_waits_for_the_roll_back_and_is_made_anew(
    tmp_path: Path,
) -> None:
    async with village(tmp_path) as here:
        await promoted(here)
        await here.push("development", {"other.yaml": "a: 1\n"})
        waiting = await here.open_into("staging")

        await asked(here)

        await here.body_says(waiting.number, "mia is rolling staging back")
        await here.check(here.pull(waiting.number))
        await here.until_idle()
        assert here.pull(waiting.number).state == "open"
        back = await the_roll_back(here)
        await here.check(back)
        await here.become(back.number, "merged")
        await here.until(lambda: here.pull(waiting.number).head_sha != waiting.head_sha)
        await here.until_idle()
        await here.check(here.pull(waiting.number))
        await here.become(waiting.number, "merged")
        assert here.world.text("staging", "app.yaml") == APP
        assert here.world.text("staging", "other.yaml") == "a: 1\n"


async def test_one_that_is_cancelled_lets_the_promotion_go_on(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await promoted(here)
        await here.push("development", {"other.yaml": "a: 1\n"})
        waiting = await here.open_into("staging")
        await asked(here)
        await here.body_says(waiting.number, "mia is rolling staging back")
        back = await the_roll_back(here)

        await here.say(back.number, "ada", "/cancel")

        await here.body_says(back.number, "`/rollback staging` starts it anew")
        await here.body_says(waiting.number, "ci/test has not reported yet")


async def test_twice_in_a_row_goes_further_back_and_then_there_is_nothing(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await promoted(here)
        await promoted(here, V3)
        await rolled_back(here)
        assert here.world.text("staging", "app.yaml") == V2
        await rolled_back(here)
        assert here.world.text("staging", "app.yaml") == APP

        number = await asked(here)

        await here.answered(number, "no promotion to staging that was not rolled back already")


async def test_what_cannot_be_rolled_back_is_answered(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await promoted(here)

        number = await asked(here, "/rollback development\n/rollback nowhere\n/rollback staging")
        await here.answered(number, "changes begin there, so revert the commit")
        await here.answered(number, "There is no environment `nowhere`")
        await here.open_into("staging")
        again = await asked(here)
        await here.answered(again, "staging is being rolled back already")


async def test_a_hotfix_while_it_waits_is_kept(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await promoted(here)
        await asked(here)
        pull = await here.open_into("staging")
        await here.until_idle()

        await here.push("staging", {"app.yaml": V2.replace("info", "debug")})

        await here.until(lambda: here.pull(pull.number).head_sha != pull.head_sha)
        await here.until_idle()
        await here.check(here.pull(pull.number))
        await here.become(pull.number, "merged")
        assert here.world.text("staging", "app.yaml") == APP.replace("info", "debug")


async def test_one_that_temporal_has_lost_is_gone_on_with(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await promoted(here)
        await asked(here)
        pull = await here.open_into("staging")
        await here.until_idle()
        for one in (*(p.workflow_id for p in (await here.pipeline()).open), KEY.pipeline_id):
            await here.client.get_workflow_handle(one).terminate()

        await here.deliver()

        await here.until_open("rollback/staging")
        await here.until_idle()
        await here.check(pull)
        await here.become(pull.number, "merged")
        assert here.world.text("staging", "app.yaml") == APP
        assert [p.number for p in here.pulls() if "/rollback/" in p.head_branch] == [pull.number]


async def test_a_branch_that_only_looks_like_a_roll_back_begins_none(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await promoted(here)
        merged = here.world.sha("staging")
        fake = f"lockstep/rollback/staging/{merged[:12]}"
        here.world.branch(fake, "staging")
        here.world.commit(fake, {"app.yaml": APP})
        here.forge.open_as("bob", REPOSITORY, fake, "staging")
        await here.client.get_workflow_handle(KEY.pipeline_id).terminate()

        await here.deliver()

        await here.until_idle()
        assert (await here.pipeline()).open == ()


async def test_an_open_promotion_tells_how_what_was_rolled_back_comes_along(
    tmp_path: Path,
) -> None:
    async with village(tmp_path) as here:
        await promoted(here)
        await rolled_back(here)
        await here.push("development", {"other.yaml": "a: 1\n"})
        pull = await here.open_into("staging")
        await here.until_idle()

        number = await asked(here, "/promote staging", "ada")
        await here.answered(number, "Where it leaves out what was rolled back, `/cancel` it there")
        await here.say(pull.number, "ada", "/cancel")
        await here.become(pull.number, "closed")
        await here.until_idle()
        again = await asked(here, "/promote staging", "ada")

        await here.answered(again, "a pull request follows")
        await here.until(
            lambda: any("and comes back" in p.body for p in here.pulls()), "what comes back"
        )
