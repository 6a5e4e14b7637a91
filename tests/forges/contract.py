"""What every forge promises, as rules; a forge passes by giving its own `World`."""

from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest

from bot.decisions.facts import Permission
from bot.forges.forge import (
    STATUS_CONTEXT,
    NotFound,
    RateLimited,
    Refused,
    Unavailable,
)
from tests.forges.contract_looks import LooksContract
from tests.forges.contract_pulls import PullRequestContract
from tests.forges.world import CONFIG, ME, World, opened


class ForgeContract(PullRequestContract, LooksContract):
    """All the rules; a subclass needs a fixture `world`."""

    # Evidence

    def test_statuses_and_check_runs_are_checks_alike(self, world: World) -> None:
        sha = world.push("topic", "new\n")
        world.report(sha, "unit", "failure", by="status")
        world.report(sha, "build", "skipped", by="run")
        world.report(sha, "lint", "pending", by="status")
        world.report(sha, "deploy", "pending", by="run")
        world.report(world.head("main"), "elsewhere", "success", by="run")

        found = world.forge.checks(CONFIG, sha)

        assert [(check.name, check.state, check.sha) for check in found] == [
            ("build", "skipped", sha),
            ("deploy", "pending", sha),
            ("lint", "pending", sha),
            ("unit", "failure", sha),
        ]
        assert all(check.at.tzinfo is not None for check in found)

    @pytest.mark.parametrize("by", ["status", "run"])
    def test_the_newest_report_of_a_name_counts(
        self, world: World, by: Literal["status", "run"]
    ) -> None:
        sha = world.push("topic", "new\n")
        world.report(sha, "unit", "failure", by=by)
        world.report(sha, "unit", "pending", by=by)
        world.report(sha, "unit", "success", by=by)

        assert [check.state for check in world.forge.checks(CONFIG, sha)] == ["success"]

    def test_our_own_status_is_one_of_them(self, world: World) -> None:
        sha = world.push("topic", "new\n")
        world.forge.set_status(CONFIG, sha, "pending", "waits for qa")
        world.forge.set_status(CONFIG, sha, "success", "ready to merge")

        found = world.forge.checks(CONFIG, sha)

        assert [(check.name, check.state) for check in found] == [(STATUS_CONTEXT, "success")]

    def test_a_status_of_more_than_140_characters_is_refused(self, world: World) -> None:
        with pytest.raises(Refused, match="140 characters"):
            world.forge.set_status(CONFIG, world.head("main"), "pending", "x" * 141)

    def test_the_newest_review_of_each_person_comes_with_the_commit_they_saw(
        self, world: World
    ) -> None:
        first = opened(world)
        world.review(first.number, "alice", "changes_requested")
        world.review(first.number, "bob", "changes_requested")
        world.tick()
        newer = world.push("topic", "newer\n")
        world.tick()
        world.review(first.number, "alice", "commented")
        world.review(first.number, "alice", "approved")

        found = world.forge.reviews(CONFIG, first.number)

        told = [one for one in found if one.state != "commented"]
        assert told == sorted(told, key=lambda one: one.at)
        newest = {one.person: (one.state, one.sha) for one in told}
        assert newest == {
            "bob": ("changes_requested", first.head_sha),
            "alice": ("approved", newer),
        }

    # People

    @pytest.mark.parametrize("by_team", [False, True])
    @pytest.mark.parametrize("permission", ["read", "triage", "write", "maintain", "admin"])
    def test_a_permission_is_said_however_it_was_given(
        self, world: World, permission: Permission, *, by_team: bool
    ) -> None:
        world.person("carol", permission, by_team=by_team)

        assert world.forge.permission(CONFIG, "carol") == permission
        assert world.forge.permission(CONFIG, "Carol") == permission

    def test_whoever_is_no_member_may_read_what_is_public(self, world: World) -> None:
        world.person("dave", "none")

        assert world.forge.permission(CONFIG, "dave") == "read"

    def test_a_team_has_its_active_members(self, world: World) -> None:
        world.team("acme/qa", {"carol": "active", "dave": "pending", "erin": "active"})

        assert world.forge.members("acme/qa") == frozenset({"carol", "erin"})

    def test_a_team_that_we_do_not_see_is_none(self, world: World) -> None:
        assert world.forge.members("acme/nobody") is None
        assert world.forge.members("elsewhere/qa") is None

    def test_authors_are_those_of_the_commit_and_of_its_trailers(self, world: World) -> None:
        carol = world.noreply("carol")
        first = world.write_as(
            "bob", f"Change\n\nCo-authored-by: C <{carol}>\nCo-Authored-By: E <e@example.com>"
        )
        second = world.write_as("alice", "Change again")

        assert world.forge.authors(CONFIG, [second, first]) == {
            first: frozenset({"bob", "carol", "e@example.com"}),
            second: frozenset({"alice"}),
        }

    def test_an_author_whom_the_forge_does_not_know_is_an_address(self, world: World) -> None:
        sha = world.write_by_address("stranger@example.com")

        assert world.forge.authors(CONFIG, [sha]) == {sha: frozenset({"stranger@example.com"})}

    def test_of_no_commits_there_are_no_authors_and_of_unknown_ones_none_to_find(
        self, world: World
    ) -> None:
        assert world.forge.authors(CONFIG, []) == {}
        with pytest.raises(NotFound):
            world.forge.authors(CONFIG, ["0" * 40])

    # Conversation

    def test_a_comment_is_written_once_for_each_marker(self, world: World) -> None:
        number = opened(world).number

        for marker in ("answer/1", "answer/1", "answer/2", "answer/1"):
            world.forge.comment(CONFIG, number, marker, "Held.", on_pull_request=True)

        said = world.comments(number)
        assert [person for person, _ in said] == [ME, ME]
        assert all(body.startswith("Held.\n\n<!-- lockstep: answer/") for _, body in said)

    def test_a_comment_whose_answer_was_lost_is_not_written_twice(self, world: World) -> None:
        number = opened(world).number
        world.lose("comment")
        with pytest.raises(Unavailable):
            world.forge.comment(CONFIG, number, "answer/1", "Held.", on_pull_request=True)

        world.forge.comment(CONFIG, number, "answer/1", "Held.", on_pull_request=True)

        assert len(world.comments(number)) == 1

    def test_a_marker_that_somebody_else_copied_is_nothing(self, world: World) -> None:
        number = opened(world).number
        world.forge.comment(CONFIG, number, "answer/1", "Held.", on_pull_request=True)
        (_, copied), *_ = world.comments(number)
        other = opened(world, "other").number
        world.say(other, "bob", copied)

        world.forge.comment(CONFIG, other, "answer/1", "Held.", on_pull_request=True)

        assert world.comments(other) == [("bob", copied), (ME, copied)]

    def test_a_comment_among_more_than_a_hundred_is_found(self, world: World) -> None:
        number = opened(world).number
        for at in range(100):
            world.say(number, "bob", f"No. {at}")
        world.forge.comment(CONFIG, number, "answer/1", "Held.", on_pull_request=True)

        world.forge.comment(CONFIG, number, "answer/1", "Held.", on_pull_request=True)

        assert len(world.comments(number)) == 101

    @pytest.mark.parametrize("on_pull_request", [True, False])
    def test_a_comment_is_acknowledged_once(self, world: World, *, on_pull_request: bool) -> None:
        number = opened(world).number if on_pull_request else world.open_issue_as("bob", "Why?")
        comment = world.say(number, "bob", "/hold it", on_pull_request=on_pull_request)

        for _ in range(2):
            world.forge.acknowledge(CONFIG, number, comment, on_pull_request=on_pull_request)

        seen = world.acknowledgements(number, comment, on_pull_request=on_pull_request)
        assert seen == [ME]
        assert len(world.comments(number, on_pull_request=on_pull_request)) == 1

    def test_an_issue_takes_comments_too(self, world: World) -> None:
        number = world.open_issue_as("bob", "Why?")

        world.forge.comment(CONFIG, number, "answer/1", "So.", on_pull_request=False)

        said = world.comments(number, on_pull_request=False)
        assert [person for person, _ in said] == [ME]

    def test_there_is_one_issue_for_a_marker_and_it_is_edited_in_place(self, world: World) -> None:
        forge = world.forge
        opened(world)
        assert forge.issue(CONFIG, "drift") is None

        first = forge.write_issue(CONFIG, "drift", title="Drift", body="One key\n", open_=True)
        second = forge.write_issue(CONFIG, "drift", title="Drift", body="Two keys", open_=True)

        assert first is not None
        assert second is not None
        assert (first.body, second.body, second.open) == ("One key", "Two keys", True)
        assert second.number == first.number
        assert forge.issue(CONFIG, "drift") == second
        assert forge.issue(CONFIG, "other") is None

    def test_an_issue_is_closed_and_opened_again(self, world: World) -> None:
        forge = world.forge
        first = forge.write_issue(CONFIG, "drift", title="Drift", body="One", open_=True)

        closed = forge.write_issue(CONFIG, "drift", title="No drift", body="None", open_=False)
        again = forge.write_issue(CONFIG, "drift", title="Drift", body="One", open_=True)

        assert closed is not None
        assert (closed.open, closed.title) == (False, "No drift")
        assert again == first

    def test_no_issue_is_made_to_be_closed(self, world: World) -> None:
        made = world.forge.write_issue(CONFIG, "drift", title="No", body="No", open_=False)

        assert made is None
        assert world.forge.issue(CONFIG, "drift") is None

    def test_an_issue_whose_answer_was_lost_is_not_made_twice(self, world: World) -> None:
        world.lose("write_issue")
        with pytest.raises(Unavailable):
            world.forge.write_issue(CONFIG, "drift", title="Drift", body="One", open_=True)
        seen = world.forge.issue(CONFIG, "drift")

        made = world.forge.write_issue(CONFIG, "drift", title="Drift", body="One", open_=True)

        assert made is not None
        assert made == seen

    def test_an_issue_with_a_copied_marker_is_not_ours(self, world: World) -> None:
        world.open_issue_as("bob", "Look\n\n<!-- lockstep: drift -->")

        assert world.forge.issue(CONFIG, "drift") is None

    # Repositories and errors

    def test_a_repository_is_found_and_listed(self, world: World) -> None:
        found = world.forge.repository("acme", "config")

        assert (found.full_name, found.default_branch, found.archived, found.can_write) == (
            CONFIG,
            "main",
            False,
            True,
        )
        assert found.clone_url.endswith("/acme/config.git")
        assert list(world.forge.repositories()) == [found]
        assert world.forge.login() == ME
        assert world.forge.git_token("acme", "config")

    def test_a_repository_keeps_its_former_name(self, world: World) -> None:
        before = world.forge.repository("acme", "config")

        world.rename("settings")

        after = world.forge.repository("acme", "config")
        assert (after.id, after.full_name) == (before.id, "acme/settings")

    def test_what_is_not_there_is_not_found(self, world: World) -> None:
        forge = world.forge
        for ask in (
            lambda: forge.repository("acme", "nowhere"),
            lambda: forge.pull_request(CONFIG, 99),
            lambda: forge.pull_requests("acme/nowhere"),
            lambda: forge.comment(CONFIG, 99, "answer/1", "Held.", on_pull_request=True),
            lambda: forge.update_pull_request(CONFIG, 99, body="x"),
        ):
            with pytest.raises(NotFound):
                ask()

    def test_a_used_up_limit_says_until_when(self, world: World) -> None:
        pull = opened(world)
        world.limit("pull_request")

        with pytest.raises(RateLimited) as limited:
            world.forge.pull_request(CONFIG, pull.number)

        assert limited.value.until.utcoffset() == timedelta(0)
        assert limited.value.until > datetime(2026, 1, 1, tzinfo=UTC)
