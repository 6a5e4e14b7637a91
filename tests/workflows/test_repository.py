"""What a repository's pipeline and drift watch answer, start and propose."""

import asyncio
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.forges.forge import NotFound, Refused, Unauthorized
from tests.workflows.test_promotions import staged
from tests.workflows.village import APP, CONFIGURATION, KEY, REPOSITORY, Village, village
from workflows.values.pipeline import Told, Wanted

V2 = APP.replace("v1", "v2")
HOTFIX = APP.replace("info", "debug")


async def an_issue_of_peoples(here: Village) -> int:
    await here.deliver()
    await here.until_idle()
    return here.forge.open_issue_as("ada", REPOSITORY, "Where are we?")


# Commands of the repository


async def test_status_and_drift_answer_with_every_hop(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await here.push("development", {"app.yaml": V2})
        await here.open_into("staging")
        await here.until_idle()
        number = here.forge.open_issue_as("ada", REPOSITORY, "Where are we?")

        await here.say(number, "ada", "/status")

        await here.answered(number, "| development | staging | pending | 1 | 0 | 0 | #1 |")
        await here.answered(number, "| staging | production | in-sync | 0 | 0 | 0 |  |")


async def test_promote_says_what_is_in_its_way(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        number = await an_issue_of_peoples(here)

        await here.say(number, "ada", "/promote prod")
        await here.answered(number, "There is no environment `prod`")
        await here.say(number, "ada", "/promote production")
        await here.answered(number, "production has all that staging has")
        await here.say(number, "eve", "/promote production")
        await here.answered(number, "needs write permission")
        await here.say(number, "ada", "/sign-off qa")
        await here.answered(number, "needs a member of the role `qa`")
        await here.say(number, "quinn", "/sign-off qa")
        await here.answered(number, "belongs on the pull request of an open promotion")
        await here.say(number, "ada", "/rollback production")
        await here.answered(number, "needs maintain permission")
        await here.say(number, "lockstep", "/promote production")
        await here.until_idle()

        assert len(here.said(number)) == 6


async def test_promote_on_an_unmerged_pull_request_is_done_when_that_is_merged(
    tmp_path: Path,
) -> None:
    manual = CONFIGURATION.replace("automatic", "manual")
    async with village(tmp_path, manual) as here:
        await here.deliver()
        await here.until_idle()
        here.world.branch("feature", "development")
        here.world.commit("feature", {"app.yaml": V2})
        theirs = here.forge.open_as("bob", REPOSITORY, "feature", "develop")
        await here.say(theirs, "ada", "/promote staging")
        await here.answered(theirs, "When this is merged I promote it to staging")
        sha = here.forge.merge_as("bob", REPOSITORY, theirs)
        here.forge.wrote(REPOSITORY, sha, "bob")

        await here.changed(theirs, "bob")

        pull = await here.open_into("staging")
        assert "`v2`" in pull.body


async def test_what_is_for_the_repository_works_under_a_promotion_too(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")

        await here.say(pull.number, "ada", "/drift\n/promote staging\n/hold for now")

        await here.body_says(pull.number, "held by ada: for now")
        await here.answered(pull.number, "| development | staging | pending |")
        await here.answered(pull.number, "A promotion to staging is open already in #1")


async def test_a_schedule_promotes_at_its_times_and_not_before(tmp_path: Path) -> None:
    nightly = CONFIGURATION.replace(
        "promote: automatic", 'promote: {schedule: "0 3 * * *", timezone: Europe/Berlin}'
    )
    async with village(tmp_path, nightly, reconcile=timedelta(days=2)) as here:
        source = await here.push("development", {"app.yaml": V2})
        await here.until_idle()
        assert here.pulls() == []

        await here.env.sleep(timedelta(hours=25))

        await here.open_into("staging")
        candidate = (await here.promotion("staging", source)).candidate
        assert candidate is not None
        berlin = candidate.pushed_at.astimezone(ZoneInfo("Europe/Berlin"))
        assert (berlin.hour, berlin.minute) == (3, 0)


# Configuration that is missing or broken


async def test_without_a_configuration_promote_is_answered_once_and_nothing_else_is(
    tmp_path: Path,
) -> None:
    async with village(tmp_path) as here:
        here.world.commit("production", {".lockstep.yaml": None})
        number = here.forge.open_issue_as("ada", REPOSITORY, "")

        await here.say(number, "ada", "/status")
        await here.say(number, "eve", "/promote staging")
        await here.say(number, "ada", "/promote staging")
        await here.answered(number, "has no `.lockstep.yaml`")
        await here.say(number, "bob", "/promote staging")
        await here.ended_pipeline()

        assert len(here.said(number)) == 1
        assert here.issues()[0].number == number
        assert len(here.issues()) == 1


async def test_a_broken_configuration_is_said_and_the_last_good_one_stays_in_force(
    tmp_path: Path,
) -> None:
    async with village(tmp_path) as here:
        await here.push("production", {".lockstep.yaml": CONFIGURATION + "keeep: []\n"})
        await here.until(here.issues, "the issue")
        (issue,) = here.issues()
        assert issue.title == "The Lockstep configuration does not load"
        assert "keeep" in issue.body

        await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        await here.check(pull)
        await here.become(pull.number, "merged")
        await here.push("production", {".lockstep.yaml": CONFIGURATION})
        await here.until(lambda: not here.issues()[0].open, "the issue to close itself")


# Drift


async def test_a_hotfix_is_reported_and_brought_home_and_the_report_closes_itself(
    tmp_path: Path,
) -> None:
    async with village(tmp_path) as here:
        await here.push("development", {"app.yaml": V2})
        await here.open_into("staging")
        await here.push("production", {"app.yaml": HOTFIX})
        home = await here.open_into("development")
        assert home.head_branch == (
            f"lockstep/back-merge/production/{here.world.sha('production')[:12]}"
        )
        await here.until(here.issues, "the issue")

        sha = here.forge.merge_as("ada", REPOSITORY, home.number)
        here.forge.wrote(REPOSITORY, sha, "ada")
        await here.pushed("development")
        assert here.world.text("development", "app.yaml") == V2.replace("info", "debug")

        # It flows forward in the promotion that is open already.
        pull = here.pull(1)
        await here.until(lambda: "debug" in here.pull(pull.number).body, "the new candidate")
        await here.check(here.pull(pull.number))
        await here.become(pull.number, "merged")
        await here.until(lambda: not here.issues()[0].open, "the issue to close itself")


async def test_a_back_merge_closes_itself_when_the_drift_is_undone(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await here.push("production", {"app.yaml": HOTFIX})
        home = await here.open_into("development")

        await here.push("production", {"app.yaml": APP})

        await here.become(home.number, "closed")
        await here.until(lambda: not here.issues()[0].open, "the issue to close itself")
        await here.until(lambda: not here.branch(home.head_branch), "its branch to be deleted")


async def test_a_back_merge_that_a_person_closed_is_not_opened_again(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await here.push("production", {"app.yaml": HOTFIX})
        home = await here.open_into("development")
        await here.until_idle()
        here.forge.close_as("ada", REPOSITORY, home.number)
        await here.changed(home.number, "ada")
        await here.until_idle()

        await here.push("development", {"other.txt": "1\n"})
        await here.until_idle()

        assert [p.state for p in here.pulls() if p.base_branch == "develop"] == ["closed"]
        assert here.issues()[0].open


async def test_a_back_merge_follows_both_branches_in_place(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await here.push("production", {"app.yaml": HOTFIX})
        home = await here.open_into("development")
        await here.until_idle()

        await here.push("production", {"app.yaml": HOTFIX.replace("s: 1", "s: 7")})

        await here.body_says(home.number, "replicas")
        assert here.pull(home.number).title == "Bring 2 changes of production home to development"
        assert len([p for p in here.pulls() if p.base_branch == "develop"]) == 1


async def test_keep_declares_a_difference_by_a_pull_request(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await here.push("production", {"app.yaml": HOTFIX})
        home = await here.open_into("development")
        await here.until(here.issues, "the issue")
        await here.until_idle()

        await here.say(home.number, "ada", "/keep app.yaml log")

        keep = await here.open_into("production")
        here.forge.merge_as("ada", REPOSITORY, keep.number)
        text = here.world.text("production", ".lockstep.yaml")
        assert text == CONFIGURATION + 'keep:\n  - {path: "app.yaml", keys: ["log"]}\n'
        await here.pushed("production")
        await here.become(home.number, "closed")
        await here.until(lambda: not here.issues()[0].open, "the issue to close itself")


async def test_a_command_that_meets_a_fault_is_answered_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("workflows.settling.keep_commit", broken)
    async with village(tmp_path) as here:
        number = await an_issue_of_peoples(here)

        await here.say(number, "ada", "/keep app.yaml log\n/status")

        await here.answered(number, "`/keep` met a fault of mine")
        assert "| development | staging |" in here.said(number)[0]


async def test_a_command_that_the_forge_refuses_is_answered_with_its_reason(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        number = await an_issue_of_peoples(here)
        here.forge.fail("open_pull_request", Refused("this repository takes no pull requests"))

        await here.say(number, "ada", "/keep app.yaml log")

        await here.answered(number, "the forge refuses: this repository takes no pull requests")


async def test_a_conversation_that_is_locked_and_issues_that_are_off_stop_nothing(
    tmp_path: Path,
) -> None:
    async with village(tmp_path) as here:
        number = await an_issue_of_peoples(here)
        here.forge.fail("comment", Refused("the conversation is locked"))
        here.forge.fail("write_issue", NotFound("issues are disabled"))

        await here.say(number, "ada", "/status")
        await here.push("production", {"app.yaml": HOTFIX})
        await here.push("development", {"app.yaml": V2})

        await here.open_into("development")
        await here.open_into("staging")


async def test_discard_restores_the_sources_value_in_the_target_by_a_pull_request(
    tmp_path: Path,
) -> None:
    async with village(tmp_path) as here:
        await here.push("production", {"app.yaml": HOTFIX.replace("s: 1", "s: 7")})
        await here.until(here.issues, "the issue")
        await here.until_idle()
        number = here.issues()[0].number

        await here.say(number, "ada", "/discard app.yaml log\n/discard app.yaml image")

        undo = await here.open_into("production")
        await here.answered(number, f"#{undo.number}")
        await here.answered(number, "I find no difference at `app.yaml:image`")
        here.forge.merge_as("ada", REPOSITORY, undo.number)
        assert here.world.text("production", "app.yaml") == APP.replace("s: 1", "s: 7")


async def test_resolve_takes_either_side_of_a_conflict(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        here.world.commit("staging", {"app.yaml": APP.replace("v1", "v3")})
        await here.push("development", {"app.yaml": V2})
        await here.until(
            lambda: any("Both sides changed these" in one.body for one in here.issues()),
            "the issue",
        )
        (issue,) = here.issues()
        await here.until_idle()
        assert here.pulls() == []

        await here.say(issue.number, "ada", "/resolve app.yaml:image target")

        pull = await here.open_into("development")
        sha = here.forge.merge_as("ada", REPOSITORY, pull.number)
        here.forge.wrote(REPOSITORY, sha, "ada")
        await here.pushed("development")
        assert here.world.text("development", "app.yaml") == APP.replace("v1", "v3")
        await here.until(lambda: not here.issues()[0].open, "the issue to close itself")


async def test_report_alone_opens_no_back_merge_and_off_says_nothing(tmp_path: Path) -> None:
    async with village(tmp_path, CONFIGURATION + "back_merge: report\n") as here:
        await here.push("production", {"app.yaml": HOTFIX})
        await here.until(here.issues, "the issue")
        await here.until_idle()
        assert here.pulls() == []

        await here.push("production", {".lockstep.yaml": CONFIGURATION + 'back_merge: "off"\n'})

        await here.until(lambda: not here.issues()[0].open, "the issue to close itself")


# What is missed is found


async def test_a_push_that_no_event_told_of_is_found_by_the_next_look(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await here.deliver()
        await here.until_idle()
        here.world.commit("development", {"app.yaml": V2})
        here.forge.wrote(REPOSITORY, here.world.sha("development"), "ada")

        await here.env.sleep(timedelta(minutes=12))

        pull = await here.open_into("staging")
        await here.until_idle()
        here.forge.report(REPOSITORY, pull.head_sha, "ci/test", "success")
        for _ in range(7):
            await here.env.sleep(timedelta(minutes=12))
            await here.until_idle()
        await here.become(pull.number, "merged")


async def test_a_delivery_that_comes_twice_changes_nothing(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await staged(here)
        await here.until_idle()
        before = here.forge.calls.copy()

        await here.again()
        await here.until_idle()

        asked = here.forge.calls - before
        assert {call for call in asked if call not in {"git_token", "login"}} == set()


async def test_of_two_who_promote_at_once_one_wins_and_the_other_is_told(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await here.deliver()
        await here.until_idle()
        here.world.commit("development", {"app.yaml": V2})
        here.forge.wrote(REPOSITORY, here.world.sha("development"), "ada")
        pipeline = here.client.get_workflow_handle(KEY.pipeline_id)

        async def ask(name: str) -> Told:
            wanted = Wanted(id=name, environment="staging", person=name)
            told: Told = await pipeline.execute_update("promote", wanted, result_type=Told)
            return told

        one, other, _ = await asyncio.gather(ask("one"), ask("other"), here.pushed("development"))

        sources = [told.source for told in (one, other) if told.source]
        assert sources in ([here.world.sha("development")], [])
        assert any("open already" in told.text for told in (one, other))
        await here.open_into("staging")
        await here.until_idle()
        assert len(here.pulls()) == 1


@pytest.mark.parametrize("told", [True, False])
async def test_the_branch_of_a_proposal_is_deleted_after_its_merge(
    tmp_path: Path, *, told: bool
) -> None:
    async with village(tmp_path) as here:
        number = await an_issue_of_peoples(here)
        await here.say(number, "ada", "/keep app.yaml replicas")
        keep = await here.open_into("production")
        await here.env.sleep(timedelta(minutes=12))
        await here.until_idle()
        here.forge.merge_as("ada", REPOSITORY, keep.number)

        if told:
            await here.changed(keep.number, "ada")
        else:
            await here.env.sleep(timedelta(minutes=12))

        await here.until(lambda: here.branch(keep.head_branch) is None, "its branch to be gone")


async def test_where_the_report_may_not_be_written_the_back_merge_says_so(tmp_path: Path) -> None:
    lacks = "GitHub would not write it. The token needs the permission issues: write"
    async with village(tmp_path) as here:
        await here.deliver()
        await here.until_idle()
        here.forge.fail("write_issue", Unauthorized(lacks))

        await here.push("production", {"app.yaml": HOTFIX})

        home = await here.open_into("development")
        await here.answered(home.number, "issues: write")
