"""A start with a Temporal that knows of nothing goes on with what is on the forge and in git."""

from pathlib import Path

from bot.forges.forge import PullRequestInfo
from tests.workflows.village import (
    APP,
    CONFIGURATION,
    REPOSITORY,
    GitForge,
    Village,
    founded,
    lived_in,
)
from tests.world import World
from webhook.events import Comment

V2 = APP.replace("v1", "v2")
V3 = APP.replace("v1", "v3")
AUTOMATIC = CONFIGURATION.replace("promote: manual", "promote: automatic") + "back_merge: report\n"


async def to_production(here: Village, text: str = V2) -> PullRequestInfo:
    """Open a promotion into production, and let its check succeed."""
    await here.push("staging", {"app.yaml": text})
    pull = await here.open_into("production")
    await here.check(pull)
    await here.body_says(pull.number, "sign-off by qa")
    return pull


async def said(here: Village, number: int, person: str, text: str) -> None:
    """Comment as people do: it is on the forge, and told of."""
    await here.until_idle()
    here.forge.say(REPOSITORY, number, person, text)
    found = here.forge.places[REPOSITORY].spoken[number][-1]
    await here.deliver(
        Comment(
            number=number, id=found.id, author=person, at=found.at, text=text, on_pull_request=True
        )
    )


def one_of_each(forge: GitForge) -> None:
    """There is one promotion, and nothing was written twice."""
    ours = [p for p in forge.places[REPOSITORY].pulls.values() if p.author == "lockstep"]
    promotions = [p for p in ours if p.head_branch.startswith("lockstep/promote/")]
    assert len(promotions) == 1, promotions
    said_there = forge.places[REPOSITORY].comments.get(promotions[0].number, [])
    assert [text for person, text in said_there if person == "lockstep"] == []


def pushes(world: World, branch: str) -> str:
    return world.git("rev-parse", f"refs/heads/{branch}").decode()


async def test_a_sign_off_outlives_temporal_and_is_counted_once(tmp_path: Path) -> None:
    two = AUTOMATIC.replace("sign_offs: [qa]", "sign_offs: [qa, security]").replace(
        "qa: [quinn]", "qa: [quinn]\n  security: [sam]"
    )
    with founded(tmp_path, two) as (world, forge):
        async with lived_in(world, forge, tmp_path / "one") as here:
            pull = await to_production(here)
            await said(here, pull.number, "quinn", "/sign-off qa")
            await here.body_says(pull.number, "waiting for sign-off by security")
            await here.until_idle()
        before, forge.calls = pushes(world, pull.head_branch), forge.calls.__class__()

        async with lived_in(world, forge, tmp_path / "two") as here:
            await here.deliver()
            await here.until_idle()

            one_of_each(forge)
            assert pushes(world, pull.head_branch) == before
            assert "waiting for sign-off by security" in here.pull(pull.number).body
            # What stands there already is not said again.
            assert forge.calls["set_status"] == 0
            assert forge.calls["open_pull_request"] == 0
            await said(here, pull.number, "sam", "/sign-off security")
            await here.become(pull.number, "merged")


async def test_a_sign_off_of_other_content_does_not_count_afterwards(tmp_path: Path) -> None:
    with founded(tmp_path, AUTOMATIC) as (world, forge):
        async with lived_in(world, forge, tmp_path / "one") as here:
            pull = await to_production(here)
            await said(here, pull.number, "ada", "/hold not yet")
            await here.body_says(pull.number, "held by ada")
            await said(here, pull.number, "quinn", "/sign-off qa")
            await here.until_idle()
            await here.push("staging", {"app.yaml": V3})
            await said(here, pull.number, "ada", "/retry")
            await said(here, pull.number, "ada", "/resume")
            await here.until(lambda: here.pull(pull.number).head_sha != pull.head_sha)
            await here.until_idle()

        async with lived_in(world, forge, tmp_path / "two") as here:
            await here.deliver()
            await here.until_idle()
            await here.check(here.pull(pull.number))
            await here.until_idle()

            one_of_each(forge)
            assert here.pull(pull.number).state == "open"
            assert "sign-off by qa" in here.pull(pull.number).body


async def test_a_sign_off_by_whoever_may_not_counts_no_more_than_before(tmp_path: Path) -> None:
    with founded(tmp_path, AUTOMATIC) as (world, forge):
        async with lived_in(world, forge, tmp_path / "one") as here:
            pull = await to_production(here)
            await here.until_idle()
        # Said while nobody listened.
        forge.say(REPOSITORY, pull.number, "eve", "/sign-off qa")

        async with lived_in(world, forge, tmp_path / "two") as here:
            await here.deliver()
            await here.answered(pull.number, "needs a member of the role `qa`")
            await here.until_idle()
            assert here.pull(pull.number).state == "open"

            await said(here, pull.number, "quinn", "/sign-off qa")
            await here.become(pull.number, "merged")
            assert len(here.said(pull.number)) == 1


async def test_a_hold_outlives_temporal(tmp_path: Path) -> None:
    with founded(tmp_path) as (world, forge):
        async with lived_in(world, forge, tmp_path / "one") as here:
            source = await here.push("development", {"app.yaml": V2})
            pull = await here.open_into("staging")
            await said(here, pull.number, "ada", "/hold the fair is on")
            await here.body_says(pull.number, "held by ada: the fair is on")
            await here.check(pull)
            await here.until_idle()

        async with lived_in(world, forge, tmp_path / "two") as here:
            await here.deliver()
            await here.until_idle()

            one_of_each(forge)
            assert "held by ada: the fair is on" in here.pull(pull.number).body
            await said(here, pull.number, "ada", "/resume")
            await here.become(pull.number, "merged")
            assert await here.ended("staging", source)


async def test_what_was_pushed_meanwhile_goes_on_in_the_same_pull_request(tmp_path: Path) -> None:
    with founded(tmp_path) as (world, forge):
        async with lived_in(world, forge, tmp_path / "one") as here:
            await here.push("development", {"app.yaml": V2})
            pull = await here.open_into("staging")
            await here.until_idle()
        forge.wrote(REPOSITORY, world.commit("development", {"app.yaml": V3}), "ada")

        async with lived_in(world, forge, tmp_path / "two") as here:
            await here.deliver()
            await here.body_says(pull.number, "`v3`")
            await here.until_idle()

            one_of_each(forge)


async def test_what_was_cancelled_stays_so(tmp_path: Path) -> None:
    with founded(tmp_path) as (world, forge):
        async with lived_in(world, forge, tmp_path / "one") as here:
            await here.push("development", {"app.yaml": V2})
            pull = await here.open_into("staging")
            await said(here, pull.number, "ada", "/cancel")
            await here.become(pull.number, "closed")
            await here.until_idle()

        async with lived_in(world, forge, tmp_path / "two") as here:
            await here.deliver()
            await here.until_idle()

            one_of_each(forge)
            assert (await here.pipeline()).open == ()
            await here.push("development", {"app.yaml": V3})
            assert (await here.open_into("staging")).number != pull.number


async def test_a_pull_request_that_only_looks_like_ours_is_left_alone(tmp_path: Path) -> None:
    with founded(tmp_path) as (world, forge):
        world.branch("feature", "development")
        world.commit("feature", {"app.yaml": V2})
        sha = world.sha("feature")
        name = f"lockstep/promote/staging/{sha[:12]}"
        world.git("update-ref", f"refs/heads/{name}", sha)
        theirs = forge.open_as("bob", REPOSITORY, name, "staging")

        async with lived_in(world, forge, tmp_path / "one") as here:
            await here.deliver()
            await here.until_idle()

            assert (await here.pipeline()).open == ()
            assert here.pull(theirs).state == "open"


async def test_a_back_merge_that_a_person_closed_stays_closed(tmp_path: Path) -> None:
    with founded(tmp_path) as (world, forge):
        async with lived_in(world, forge, tmp_path / "one") as here:
            await here.push("production", {"app.yaml": APP.replace("info", "debug")})
            home = await here.open_into("development")
            await here.until_idle()
            forge.close_as("ada", REPOSITORY, home.number)
            await here.changed(home.number, "ada")
            await here.until_idle()

        async with lived_in(world, forge, tmp_path / "two") as here:
            await here.deliver()
            await here.until(here.issues)
            await here.until_idle()

            assert [p.state for p in here.pulls() if p.base_branch == "develop"] == ["closed"]
            assert len(here.issues()) == 1
