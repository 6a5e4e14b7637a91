"""What becomes of a promotion, story by story."""

from datetime import timedelta
from pathlib import Path

from bot.forges.forge import RateLimited, Refused, Unauthorized, Unavailable
from tests.workflows.village import APP, CONFIGURATION, REPOSITORY, Village, village

V2 = APP.replace("v1", "v2")
V3 = APP.replace("v1", "v3")


async def test_an_automatic_promotion_opens_waits_for_its_check_and_merges(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        source = await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        assert pull.head_branch == f"lockstep/promote/staging/{source[:12]}"

        await here.check(pull)

        await here.become(pull.number, "merged")
        assert await here.ended("staging", source) == f"{source[:7]} is in staging"
        assert here.world.text("staging", "app.yaml") == V2
        assert pull.head_branch not in here.forge._place(REPOSITORY).branches


async def test_a_failed_check_blocks_and_its_success_later_lets_go_on(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")

        await here.check(pull, "failure")
        await here.body_says(pull.number, "**ci/test failed**")
        await here.check(pull)

        await here.become(pull.number, "merged")


async def test_a_hundred_other_checks_do_not_wake_a_promotion(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        source = await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        for number in range(100):
            await here.check(pull, name=f"other/{number}")
        await here.check(pull)
        await here.become(pull.number, "merged")
        await here.ended("staging", source)

        history = await here.history("staging", source)

        assert len(history.events) <= 40
        assert here.forge.calls["checks"] <= 2


async def test_a_hundred_checks_that_all_count_wake_a_promotion_a_few_times(tmp_path: Path) -> None:
    all_count = CONFIGURATION.replace(
        "checks: [ci/test]", 'checks: ["*"]\n      sign_offs: [qa]', 1
    )
    async with village(tmp_path, all_count) as here:
        source = await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        # All of them run, and end one by one.
        for number in range(100):
            here.forge.report(REPOSITORY, pull.head_sha, f"ci/{number}", "pending")
        for number in range(100):
            await here.check(pull, name=f"ci/{number}")
        await here.body_says(pull.number, "**waiting for sign-off by qa**")
        await here.say(pull.number, "quinn", "/sign-off qa")
        await here.ended("staging", source)

        # Woken by the first of them and by the last, and in between where it took long to look.
        assert here.forge.calls["checks"] <= 3


async def test_what_a_person_says_is_taken_once_and_hold_cancel_and_resume_do_as_they_say(
    tmp_path: Path,
) -> None:
    async with village(tmp_path) as here:
        source = await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        await here.say(pull.number, "ada", "/hold the fair is on")
        await here.body_says(pull.number, "held by ada: the fair is on")
        await here.check(pull)
        await here.say(pull.number, "eve", "/resume")
        await here.answered(pull.number, "needs write permission")
        assert here.pull(pull.number).state == "open"

        await here.say(pull.number, "bob", "/cancel")

        await here.become(pull.number, "closed")
        assert await here.ended("staging", source) == "bob said `/cancel`"
        await here.pushed("development")
        await here.push("production", {"other.txt": "1\n"})
        await here.until_idle()
        assert [p.state for p in here.pulls() if p.base_branch == "staging"] == ["closed"]


async def test_a_cancelled_commit_is_promoted_when_somebody_says_so(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await here.push("development", {"app.yaml": V2})
        first = await here.open_into("staging")
        await here.say(first.number, "bob", "/cancel")
        await here.become(first.number, "closed")
        await here.until_idle()

        await here.say(first.number, "bob", "/promote staging")

        second = await here.open_into("staging")
        assert second.number > first.number
        assert second.head_branch == first.head_branch
        await here.check(second)
        await here.become(second.number, "merged")


async def test_a_newer_commit_supersedes_an_automatic_promotion_in_its_own_pull_request(
    tmp_path: Path,
) -> None:
    async with village(tmp_path) as here:
        first = await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        await here.until_idle()
        await here.push("development", {"app.yaml": V3})
        await here.until(lambda: here.pull(pull.number).head_sha != pull.head_sha)
        await here.body_says(pull.number, f"`develop` has moved on from `{first[:10]}`")

        await here.check(here.pull(pull.number))

        await here.become(pull.number, "merged")
        assert here.world.text("staging", "app.yaml") == V3
        assert len(here.pulls()) == 1
        await here.ended("staging", first)


async def test_a_target_that_moves_has_the_candidate_rebuilt_and_tested_again(
    tmp_path: Path,
) -> None:
    async with village(tmp_path) as here:
        await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        await here.until_idle()
        await here.push("staging", {"hotfix.txt": "1\n"})
        await here.until(lambda: here.pull(pull.number).head_sha != pull.head_sha)
        await here.check(pull)
        await here.until_idle()
        assert here.pull(pull.number).state == "open"

        await here.check(here.pull(pull.number))

        await here.become(pull.number, "merged")
        assert here.world.text("staging", "hotfix.txt") == "1\n"
        assert here.world.text("staging", "app.yaml") == V2


async def test_a_sign_off_counts_for_its_content_and_by_a_member_alone(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await staged(here)
        await here.say(1, "ada", "/promote production")
        pull = await here.open_into("production")
        await here.check(pull)
        await here.say(pull.number, "bob", "/sign-off qa")
        await here.answered(pull.number, "needs a member of the role")

        await here.say(pull.number, "quinn", "/sign-off qa")

        await here.become(pull.number, "merged")
        assert here.world.text("production", "app.yaml") == V2


async def test_an_approval_counts_for_its_content_and_outlives_a_rebuild(tmp_path: Path) -> None:
    reviewed = CONFIGURATION.replace(
        "checks: [ci/test]", "checks: [ci/test]\n      approvals: 1", 1
    )
    async with village(tmp_path, reviewed) as here:
        await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        await here.until_idle()
        here.forge.review(REPOSITORY, pull.number, "bob", "approved")
        await here.review(pull.number)
        await here.body_says(pull.number, "approved by bob")
        await here.push("staging", {"hotfix.txt": "1\n"})
        await here.until(lambda: here.pull(pull.number).head_sha != pull.head_sha)

        await here.check(here.pull(pull.number))

        await here.become(pull.number, "merged")


async def test_whoever_asks_for_changes_is_heard_though_nobody_has_to_approve(
    tmp_path: Path,
) -> None:
    async with village(tmp_path) as here:
        await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        await here.until_idle()
        here.forge.review(REPOSITORY, pull.number, "bob", "changes_requested")
        await here.review(pull.number)

        await here.check(pull)

        await here.body_says(pull.number, "**bob requested changes**")
        assert here.pull(pull.number).state == "open"


async def test_one_merged_by_a_person_is_made_and_the_gates_it_jumped_are_said(
    tmp_path: Path,
) -> None:
    async with village(tmp_path) as here:
        source = await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        await here.until_idle()

        here.forge.merge_as("bob", REPOSITORY, pull.number)
        await here.changed(pull.number, "bob")

        outcome = await here.ended("staging", source)
        assert outcome == "bob merged by hand, past checks"
        assert "bob merged by hand, past checks" in here.pull(pull.number).body


async def test_one_closed_by_a_person_is_cancelled(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        source = await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        await here.until_idle()

        here.forge.close_as("bob", REPOSITORY, pull.number)
        await here.changed(pull.number, "bob")

        assert await here.ended("staging", source) == (
            "bob closed the pull request, which is `/cancel`"
        )


async def test_what_the_forge_refuses_in_passing_merges_after_all_and_nobody_has_to_ask(
    tmp_path: Path,
) -> None:
    async with village(tmp_path) as here:
        await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        for _ in range(2):  # tried again once our status stands there
            here.forge.fail("merge", Refused("Merge already in progress"))

        await here.check(pull)
        await here.body_says(pull.number, "Merge already in progress")
        await here.env.sleep(timedelta(minutes=2))

        await here.become(pull.number, "merged")
        assert here.forge.calls["merge"] == 3


async def test_what_could_not_be_said_while_it_was_merged_is_said_after_it(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        source = await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        await here.until_idle()
        here.forge.fail("set_status", Unavailable("the connection was cut"))

        await here.check(pull)

        assert await here.ended("staging", source) == f"{source[:7]} is in staging"
        assert here.forge.calls["merge"] == 1
        said = here.forge.places[REPOSITORY].statuses[pull.head_sha]
        assert (said.state, said.line) == ("success", "every gate is open")


async def test_what_the_forge_refuses_is_said_tried_ever_more_rarely_and_at_once_when_told(
    tmp_path: Path,
) -> None:
    async with village(tmp_path) as here:
        here.forge.allow(REPOSITORY, "squash")
        await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        await here.check(pull)
        await here.body_says(pull.number, "the forge refuses to merge")
        await here.env.sleep(timedelta(hours=1))
        await here.until_idle()
        # Twice at first; after 1, 2, 4, 8, 16 minutes, and soon every 6 hours.
        assert 4 <= here.forge.calls["merge"] <= 7

        here.forge.places[REPOSITORY].methods.add("merge")
        await here.say(pull.number, "ada", "/retry")

        await here.become(pull.number, "merged")


async def test_a_merge_whose_answer_was_lost_is_adopted(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        source = await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        await here.until_idle()
        here.forge.fail("merge", Unavailable("the connection was cut"), after=True)

        await here.check(pull)

        with here.env.auto_time_skipping_disabled():
            await here.become(pull.number, "merged")
        assert await here.ended("staging", source) == f"{source[:7]} is in staging"
        assert len(here.forge.places[REPOSITORY].merges) == 1


async def test_a_token_that_expired_is_no_refusal_and_goes_on_when_renewed(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        here.forge.fail("merge", Unauthorized("Bad credentials"))

        await here.check(pull)
        await here.body_says(pull.number, "Bad credentials")
        await here.until_idle()
        await here.env.sleep(timedelta(minutes=6))

        await here.become(pull.number, "merged")


async def test_a_forge_that_fails_at_every_effect_once_leaves_one_of_each(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        for effect in ("open_pull_request", "set_status", "update_pull_request", "merge"):
            for after in (False, True):
                here.forge.fail(effect, Unavailable(f"{effect} failed"), after=after)

        await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        await here.check(pull)

        await here.become(pull.number, "merged")
        assert len(here.pulls()) == 1
        assert len(here.forge.places[REPOSITORY].merges) == 1


async def test_a_target_that_moves_inside_of_the_merge_is_an_incident_that_is_said(
    tmp_path: Path,
) -> None:
    async with village(tmp_path) as here:
        source = await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        here.forge.before_merge = lambda: here.world.commit("staging", {"race.txt": "1\n"})

        await here.check(pull)

        assert "incident" in (await here.ended("staging", source)).lower()
        assert "Incident" in here.pull(pull.number).body
        assert len(here.said(pull.number)) == 1


async def test_a_check_that_never_reports_fails_after_its_time_and_may_still_come(
    tmp_path: Path,
) -> None:
    patient = CONFIGURATION.replace("[ci/test]", "{required: [ci/test], timeout: 2h}", 1)
    async with village(tmp_path, patient) as here:
        await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        await here.until_idle()
        await here.env.sleep(timedelta(hours=3))
        await here.body_says(pull.number, "no success of ci/test within 2h")

        await here.check(pull)

        await here.become(pull.number, "merged")


async def test_fast_forward_pushes_the_candidate_itself(tmp_path: Path) -> None:
    straight = CONFIGURATION.replace(
        "    promote: automatic", "    promote: automatic\n    merge: fast-forward"
    )
    async with village(tmp_path, straight) as here:
        source = await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")

        await here.check(pull)

        await here.ended("staging", source)
        assert here.world.sha("staging") == pull.head_sha


async def test_a_fast_forward_that_the_forge_refuses_is_said(tmp_path: Path) -> None:
    straight = CONFIGURATION.replace(
        "    promote: automatic", "    promote: automatic\n    merge: fast-forward"
    )
    async with village(tmp_path, straight) as here:
        hook = here.world.directory / "hooks/update"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text('#!/bin/sh\ntest "$1" != refs/heads/staging\n')
        hook.chmod(0o755)
        await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")

        await here.check(pull)

        await here.body_says(pull.number, "the forge refuses to merge")


async def test_mirrors_follow_after_a_promotion(tmp_path: Path) -> None:
    mirrored = CONFIGURATION.replace(
        "    promote: automatic", "    promote: automatic\n    mirrors: [stable]"
    )
    async with village(tmp_path, mirrored) as here:
        source = await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        await here.check(pull)
        await here.ended("staging", source)

        assert here.world.sha("stable") == here.world.sha("staging")


async def test_an_unfinished_environment_is_no_reason_to_lose_a_promotion(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        source = await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        await here.until_idle()
        gone = CONFIGURATION.replace(
            "  - name: staging\n    branch: staging", "  - name: test\n    branch: staging"
        )

        await here.push("production", {".lockstep.yaml": gone})

        await here.become(pull.number, "closed")
        assert "no longer promoted into" in await here.ended("staging", source)


async def test_a_refusal_heals_when_something_relevant_changes(tmp_path: Path) -> None:
    async with village(tmp_path) as here:
        await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        for _ in range(2):
            here.forge.fail("merge", Refused('Required status check "lint" is expected.'))
        await here.check(pull)
        await here.body_says(pull.number, "Required status check")

        await here.review(pull.number)

        await here.become(pull.number, "merged")


async def staged(here: Village) -> None:
    """Bring something new as far as staging, by pull request 1."""
    source = await here.push("development", {"app.yaml": V2})
    pull = await here.open_into("staging")
    await here.check(pull)
    await here.ended("staging", source)
    await here.pushed("staging", by="lockstep")


async def test_a_permission_that_the_token_lacks_is_said_where_people_look(tmp_path: Path) -> None:
    lacks = "GitHub would not set a status. The token needs the permission statuses: write"
    async with village(tmp_path) as here:
        await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        await here.until_idle()
        here.forge.fail("set_status", Unauthorized(lacks))

        await here.say(pull.number, "ada", "/hold the fair is on")

        await here.body_says(pull.number, "statuses: write")
        await here.until_idle()
        assert "### 1 change" in here.pull(pull.number).body
        await here.env.sleep(timedelta(minutes=6))
        await here.body_says(pull.number, "held by ada")
        assert "statuses: write" not in here.pull(pull.number).body
        await here.say(pull.number, "ada", "/resume")
        await here.check(pull)
        await here.become(pull.number, "merged")


async def test_where_there_is_no_pull_request_an_issue_says_what_is_lacking(tmp_path: Path) -> None:
    lacks = "GitHub would not open it. The token needs the permission pull_requests: write"
    async with village(tmp_path) as here:
        here.forge.fail("open_pull_request", Unauthorized(lacks))
        await here.push("development", {"app.yaml": V2})

        await here.until(lambda: any(r"pull\_requests: write" in i.body for i in here.issues()))
        await here.until_idle()
        await here.env.sleep(timedelta(minutes=6))

        await here.open_into("staging")
        await here.until(lambda: not any(issue.open for issue in here.issues()))
        assert len(here.issues()) == 1


async def test_a_budget_that_is_used_up_in_a_step_is_waited_for_and_nothing_is_done_over(
    tmp_path: Path,
) -> None:
    async with village(tmp_path) as here:
        until = await here.env.get_current_time() + timedelta(minutes=3)
        here.forge.fail("set_status", RateLimited("the budget is used", until))

        source = await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        await here.until_idle()

        assert here.forge.calls["open_pull_request"] == 1
        await here.check(pull)
        await here.env.sleep(timedelta(minutes=4))
        await here.become(pull.number, "merged")
        assert here.forge.calls["open_pull_request"] == 1
        assert await here.ended("staging", source)
