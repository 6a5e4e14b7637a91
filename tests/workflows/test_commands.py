"""What people ask for is done, or answered with the reason why not."""

from datetime import timedelta
from pathlib import Path

from bot.forges.forge import NotFound, Refused
from tests.workflows.test_promotions import staged
from tests.workflows.village import APP, CONFIGURATION, REPOSITORY, Village, village
from webhook.events import Comment

V2 = APP.replace("v1", "v2")
V3 = APP.replace("v1", "v3")
HOTFIX = APP.replace("info", "debug")
BY_HAND = CONFIGURATION.replace("automatic", "manual")


async def a_feature(here: Village) -> int:
    """Open somebody's pull request into development; return its number."""
    here.world.branch("feature", "development")
    here.world.commit("feature", {"app.yaml": V2})
    return here.forge.open_as("bob", REPOSITORY, "feature", "develop")


async def test_a_retry_is_heard_once_and_takes_no_commit_that_comes_later(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await staged(here)
        await here.say(1, "ada", "/promote production")
        pull = await here.open_into("production")
        await here.say(pull.number, "ada", "/retry")
        await here.until_idle()

        await here.push("staging", {"app.yaml": V3})
        await here.until_idle()

        assert here.pull(pull.number).head_sha == pull.head_sha
        await here.say(pull.number, "ada", "/retry")
        await here.until(lambda: here.pull(pull.number).head_sha != pull.head_sha)


async def test_a_forge_that_finds_nothing_in_passing_makes_no_command_forgotten(
    tmp_path: Path,
) -> None:
    async with village(tmp_path, BY_HAND) as here:
        await here.deliver()
        await here.until_idle()
        await here.push("development", {"app.yaml": V2})
        theirs = await a_feature(here)
        # So GitLab answers at times about a project that it has.
        here.forge.fail("permission", NotFound("Not Found (or the token may not see it)"))

        await here.say(theirs, "ada", "/promote staging")
        await here.until(lambda: here.forge.calls["permission"])
        await here.env.sleep(timedelta(minutes=6))

        await here.answered(theirs, "When this is merged")


async def test_promote_on_a_pull_request_into_another_environment_is_refused(
    tmp_path: Path,
) -> None:
    async with village(tmp_path, BY_HAND) as here:
        await here.deliver()
        await here.until_idle()
        theirs = await a_feature(here)

        await here.say(theirs, "ada", "/promote production")

        await here.answered(
            theirs, "This goes into `develop`, and production is promoted from staging"
        )
        assert not (await here.pipeline()).remembered


async def test_a_remembered_promotion_with_nothing_to_promote_is_answered(tmp_path: Path) -> None:
    async with village(tmp_path, BY_HAND) as here:
        await here.deliver()
        await here.until_idle()
        theirs = await a_feature(here)
        await here.say(theirs, "ada", "/promote staging")
        await here.answered(theirs, "When this is merged")
        here.world.commit("staging", {"app.yaml": V2})
        sha = here.forge.merge_as("bob", REPOSITORY, theirs)
        here.forge.wrote(REPOSITORY, sha, "bob")

        await here.changed(theirs, "bob")

        await here.answered(theirs, "@ada staging has all that development has")


async def test_drift_lists_the_places_and_status_does_not(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await here.push("production", {"app.yaml": HOTFIX})
        await here.until(here.issues, "the issue")
        await here.until_idle()
        number = here.issues()[0].number

        await here.say(number, "ada", "/status")
        await here.answered(number, "| staging | production | drift | 0 | 1 | 0 |  |")
        assert "`log`" not in here.said(number)[-1]

        await here.say(number, "ada", "/drift")
        await here.answered(number, "| `log` | `debug` | `info` |")


async def test_keep_of_a_file_that_no_environment_has_proposes_nothing(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await here.deliver()
        await here.until_idle()
        number = here.forge.open_issue_as("ada", REPOSITORY, "Where are we?")

        await here.say(number, "ada", "/keep ap.yaml replicas")

        await here.answered(number, "No environment has a file `ap.yaml`")
        assert here.pulls() == []


async def test_a_sign_off_that_comes_late_counts_for_what_stood_there_when_it_was_said(
    tmp_path: Path,
) -> None:
    async with village(tmp_path) as here:
        await staged(here)
        await here.say(1, "ada", "/promote production")
        pull = await here.open_into("production")
        await here.until_idle()
        said_at = await here.env.get_current_time()
        await here.env.sleep(timedelta(minutes=1))
        await here.push("staging", {"app.yaml": V3})
        await here.say(pull.number, "ada", "/retry")
        await here.until(lambda: here.pull(pull.number).head_sha != pull.head_sha)
        await here.until_idle()

        await here.deliver(
            Comment(
                number=pull.number,
                id=9001,
                author="quinn",
                at=said_at,
                text="/sign-off qa",
                on_pull_request=True,
            )
        )

        await here.body_says(pull.number, "what quinn signed off has changed since")


async def test_a_sign_off_by_a_team_that_cannot_be_seen_is_told_what_the_token_lacks(
    tmp_path: Path,
) -> None:
    by_team = CONFIGURATION.replace("[quinn]", '["@acme/testers"]')
    async with village(tmp_path, by_team) as here:
        await staged(here)
        await here.say(1, "ada", "/promote production")
        pull = await here.open_into("production")

        await here.say(pull.number, "quinn", "/sign-off qa")

        await here.answered(pull.number, "I cannot see who is in `@acme/testers`")
        await here.answered(pull.number, "`read:org`")


async def test_a_promotion_is_labelled_once_and_keeps_the_labels_of_others(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        await here.check(pull, "failure")
        await here.until(lambda: here.pull(pull.number).labels == {"lockstep"}, "its label")
        here.forge.update_pull_request(REPOSITORY, pull.number, labels=["lockstep", "urgent"])

        await here.check(pull)

        await here.become(pull.number, "merged")
        await here.body_says(pull.number, "is in staging")
        assert here.pull(pull.number).labels == {"lockstep", "urgent"}


async def test_one_that_was_cancelled_says_how_to_start_it_anew(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")

        await here.say(pull.number, "bob", "/cancel")

        await here.body_says(pull.number, "`/promote staging` starts it anew")


async def test_a_comment_with_a_command_is_acknowledged_and_no_other_is(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        await here.until_idle()

        await here.say(pull.number, "ada", "What is this?")
        await here.say(pull.number, "ada", "/status")
        await here.say(here.forge.open_issue_as("ada", REPOSITORY, "Where?"), "ada", "/status")

        seen = here.forge.places[REPOSITORY].acknowledged
        await here.until(lambda: len(seen) == 2, "two signs")
        await here.until_idle()
        assert len(seen) == 2


async def test_a_sign_that_the_forge_refuses_changes_nothing(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        here.forge.fail("acknowledge", Refused("the conversation is locked"))

        await here.say(pull.number, "ada", "/hold not today")

        await here.body_says(pull.number, "held by ada: not today")


async def test_status_under_a_promotion_says_what_it_waits_for(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")

        await here.say(pull.number, "ada", "/status")

        await here.answered(pull.number, "@ada Now: ci/test has not reported yet.")


async def test_several_commands_of_one_comment_are_done_in_order(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")

        await here.say(pull.number, "ada", "/resume\n/hold not today\n/drift\n/status")

        await here.answered(pull.number, "Nobody holds this promotion")
        await here.answered(pull.number, "@ada Now: held by ada: not today")
        await here.answered(pull.number, "| development | staging | pending |")


async def test_an_override_is_said_and_stands_in_the_body_and_in_the_merge(tmp_path: Path) -> None:
    by_role = CONFIGURATION + "  release: [bob]\noverride: [release]\n"
    async with village(tmp_path, by_role) as here:
        await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        await here.check(pull, "failure")
        await here.say(pull.number, "ada", "/override checks CI is down")
        await here.answered(pull.number, "needs maintain permission for this repository, or the")

        await here.say(pull.number, "bob", "/override checks CI is down")

        await here.become(pull.number, "merged")
        await here.answered(pull.number, "`checks` is overridden for exactly this content")
        await here.body_says(pull.number, "overridden by bob: CI is down")
        message = here.world.git("log", "-1", "--format=%(trailers)", "staging").decode()
        assert "Lockstep-Override: checks by bob: CI is down" in message
        assert "Lockstep-Environment: staging" in message
