"""What the product promises holds on every forge: the same stories, on GitHub and on GitLab.

Here are those whose course depends on how a forge tells, merges, closes and refuses; each has a
repository of its own in one installation. The stories of the other modules stay on the forge in
memory, since what they are about never reaches an adapter: times and windows, Temporal that was
lost, faults at every effect (`tests/chaos` has those on the sandbox), policies, schedules. What
one adapter alone has is in `tests/forges`: teams, code owners, statuses from outside of GitLab's
CI. A plain git server, where people merge by pushing and speak by `lockstep say`, has its own
stories in `test_plain_story`.
"""

from collections.abc import AsyncIterator
from typing import cast

import pytest
import pytest_asyncio

from tests.shop import APP, V3
from tests.workflows.folk import Country, Folk, Name, country
from tests.workflows.town import CONFIGURATION, eventually

HOTFIX = APP.replace("info", "debug")
MANUAL = CONFIGURATION.replace("automatic", "manual")

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["github", "gitlab"])
async def here(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Country]:
    async with country(tmp_path_factory.mktemp("town"), cast("Name", request.param)) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def folk(here: Country) -> Folk:
    return await here.folk()


async def test_a_newer_commit_goes_on_in_the_same_pull_request(folk: Folk) -> None:
    first = await folk.promotion()
    await folk.quiet()

    await folk.town.commit("development", {"app.yaml": V3})

    await folk.town.body_says(first.number, "`development` has moved on from")
    await folk.quiet()
    await folk.town.check((await folk.pull(first.number)).head_sha)
    await folk.town.become(first.number, "merged")
    assert await folk.town.file("staging") == V3
    assert len(await folk.town.pulls()) == 1


async def test_what_is_held_waits_and_goes_on_when_it_is_resumed(folk: Folk) -> None:
    pull = await folk.promotion()
    await folk.say(pull, "ada", folk.said("hold the fair is on"))
    await folk.town.body_says(pull.number, "held by ada: the fair is on")
    await folk.town.check(pull.head_sha)
    await folk.quiet()
    assert (await folk.pull(pull.number)).state == "open"

    await folk.say(pull, "bob", folk.said("resume"))

    await folk.town.become(pull.number, "merged")


async def test_who_may_only_read_is_told_what_is_missing(folk: Folk) -> None:
    pull = await folk.promotion()

    await folk.say(pull, "eve", folk.said("hold never"))

    needs = folk.town.words.needs("write")
    await folk.answered(pull.number, needs.partition("{")[0])
    assert "held by eve" not in (await folk.pull(pull.number)).body


async def test_a_failed_check_blocks_and_its_success_lets_go_on(folk: Folk) -> None:
    pull = await folk.promotion()
    await folk.town.check(pull.head_sha, "failure")
    await folk.town.body_says(pull.number, "**ci/test failed**")

    await folk.town.check(pull.head_sha)

    await folk.town.become(pull.number, "merged")


async def test_one_merged_by_a_person_is_made_and_what_it_jumped_is_said(folk: Folk) -> None:
    pull = await folk.promotion()
    await folk.quiet()

    await folk.merge(pull, "ada")

    await folk.town.body_says(pull.number, "ada merged by hand, past checks")
    await folk.quiet()
    assert (await folk.state()).open == ()


async def test_one_closed_by_a_person_is_cancelled_and_begins_anew_when_asked_for(
    folk: Folk,
) -> None:
    pull = await folk.promotion()
    await folk.quiet()
    await folk.close(pull, "ada")
    await folk.town.body_says(pull.number, "ada closed the")
    await folk.quiet()
    assert (await folk.state()).open == ()

    await folk.say(pull, "bob", folk.said("promote staging"))

    again = await folk.open_into("staging")
    await folk.town.check(again.head_sha)
    await folk.town.become(again.number, "merged")


async def test_one_that_was_closed_can_be_opened_by_nobody_and_the_next_commit_has_its_own(
    folk: Folk,
) -> None:
    pull = await folk.promotion()
    await folk.quiet()
    await folk.close(pull, "ada")
    await folk.town.gone("lockstep/promote/")

    with pytest.raises(AssertionError, match="422"):
        await folk.reopen(pull, "ada")
    await folk.town.commit("development", {"app.yaml": V3})

    following = await folk.open_into("staging")
    assert following.number != pull.number
    assert "`shop:1.2`" in following.body


async def test_a_push_to_the_promotions_branch_is_undone(folk: Folk) -> None:
    pull = await folk.promotion()
    await folk.quiet()

    await folk.town.do(
        lambda c: c.commit(folk.name, pull.head, {"app.yaml": HOTFIX}, "ada", "Sneak in")
    )

    async def undone() -> bool:
        return await folk.town.at(pull.head) == pull.head_sha

    await eventually(undone, "the push to be undone")


async def test_a_comment_that_was_edited_never_counts(folk: Folk) -> None:
    pull = await folk.promotion()
    await folk.quiet()
    comment = await folk.say(pull, "ada", "Nice.")
    await folk.edit(pull, comment, "ada", folk.said("hold the fair is on"))

    await folk.glanced()

    await folk.say(pull, "bob", folk.said("hold lunch"))
    await folk.town.body_says(pull.number, "held by bob")
    assert "held by ada" not in (await folk.pull(pull.number)).body


async def test_what_a_fork_calls_a_promotion_is_none(folk: Folk) -> None:
    pull = await folk.promotion()
    await folk.quiet()

    await folk.propose_from_a_fork("eve", pull.head, "staging")
    await folk.glanced()

    (mine,) = (await folk.state()).open
    assert mine.number == folk.number(pull)
    await folk.town.check(pull.head_sha)
    await folk.town.become(pull.number, "merged")
    assert "1.2" not in await folk.town.file("staging")


async def test_what_the_forge_does_not_let_the_bot_merge_is_said_and_done_when_it_does(
    folk: Folk,
) -> None:
    pull = await folk.promotion()
    await folk.may_not_merge()
    await folk.town.check(pull.head_sha)

    await folk.town.body_says(pull.number, "refuse")
    await folk.town.review(folk.number(pull), "bob")
    await folk.say(pull, "ada", folk.said("retry"))

    await folk.town.become(pull.number, "merged")


async def test_drift_is_reported_and_brought_home_and_the_report_closes_itself(
    folk: Folk,
) -> None:
    await folk.town.commit("main", {"app.yaml": HOTFIX})
    home = await folk.open_into("development")
    await folk.issue_is("open", f"{folk.town.referred(home)} brings them home")

    await folk.town.commit("main", {"app.yaml": APP})

    await folk.town.become(home.number, "closed")
    await folk.issue_is("closed")
    await folk.town.gone("lockstep/back-merge/")


async def test_a_back_merge_that_a_person_closed_is_not_opened_again(folk: Folk) -> None:
    await folk.town.commit("main", {"app.yaml": HOTFIX})
    home = await folk.open_into("development")
    await folk.issue_is("open")
    await folk.quiet()
    await folk.close(home, "ada")
    await folk.quiet()

    await folk.town.commit("development", {"other.txt": "1\n"})
    await folk.open_into("staging")
    await folk.quiet()

    into = [one.state for one in await folk.town.pulls() if one.base == "development"]
    assert into == ["closed"]
    await folk.issue_is("open")


async def test_keep_declares_a_difference_by_a_pull_request_and_ends_the_drift(
    folk: Folk,
) -> None:
    await folk.town.commit("main", {"app.yaml": HOTFIX})
    home = await folk.open_into("development")
    await folk.issue_is("open")
    await folk.quiet()

    await folk.say(home, "ada", folk.said("keep app.yaml log"))

    keep = await folk.open_into("main")
    await folk.answered(home.number, folk.town.referred(keep))
    await folk.merge(keep, "ada")
    await folk.town.become(home.number, "closed")
    await folk.issue_is("closed")
    await folk.town.gone("lockstep/keep/")
    assert '"log"' in await folk.town.file("main", ".lockstep.yaml")


async def test_discard_in_the_drift_issue_restores_the_sources_value(folk: Folk) -> None:
    await folk.town.commit("main", {"app.yaml": HOTFIX})
    await folk.open_into("development")
    await folk.issue_is("open")
    await folk.quiet()

    await folk.say_on_issue("ada", folk.said("discard app.yaml log"))

    undo = await folk.open_into("main")
    await folk.merge(undo, "ada")
    await folk.issue_is("closed")
    assert await folk.town.file("main") == APP


async def test_a_conflict_is_explained_in_the_issue_and_resolved_there(folk: Folk) -> None:
    await folk.town.commit("staging", {"app.yaml": V3})
    await folk.town.commit("development", {"app.yaml": APP.replace("1.0", "1.4")})
    await folk.issue_is("open", "Both sides changed these")
    await folk.quiet()

    await folk.say_on_issue("ada", folk.said("resolve app.yaml:image target"))

    async def proposed() -> bool:
        return any("resolve" in one.head for one in await folk.town.pulls())

    await eventually(proposed, "the proposal")
    pull = next(one for one in await folk.town.pulls() if "resolve" in one.head)
    await folk.merge(pull, "ada")
    await folk.issue_is("closed")
    assert await folk.town.file("development") == V3


async def test_promote_on_an_unmerged_pull_request_is_done_when_that_is_merged(
    here: Country,
) -> None:
    folk = await here.folk(MANUAL)
    await folk.quiet()
    theirs = await folk.opened_by("bob", "feature", "development")
    await folk.say(theirs, "ada", folk.said("promote staging"))
    await folk.answered(theirs.number, "When this is merged I promote it to staging")

    await folk.merge(theirs, "bob")

    assert "`shop:1.2`" in (await folk.open_into("staging")).body


async def test_what_happened_while_every_webhook_was_lost_is_found(folk: Folk) -> None:
    pull = await folk.promotion()
    async with folk.deaf():
        await folk.say(pull, "ada", folk.said("hold the fair is on"))
    await folk.glanced()
    await folk.town.body_says(pull.number, "held by ada")
    async with folk.deaf():
        await folk.say(pull, "ada", folk.said("resume"))
        await folk.town.check(pull.head_sha)
    await folk.glanced()

    await folk.town.become(pull.number, "merged")


async def test_a_roll_back_restores_what_was_there(folk: Folk) -> None:
    await folk.town.do(lambda c: c.set_role(folk.name, "bob", "maintain"))
    pull = await folk.promotion()
    await folk.town.check(pull.head_sha)
    await folk.town.become(pull.number, "merged")
    await folk.quiet()

    await folk.say(pull, "bob", folk.said("rollback staging"))

    back = await folk.open_into("staging")
    await folk.town.check(back.head_sha)
    await folk.town.become(back.number, "merged")
    assert await folk.town.file("staging") == APP
