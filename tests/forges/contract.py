"""What every forge promises, as rules; a forge passes by giving its own `World`."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

import pytest

from bot.decisions.facts import CheckState, MergeMethod, Permission, ReviewState
from bot.forges.forge import (
    STATUS_CONTEXT,
    Conflict,
    Forge,
    NotFound,
    PullRequestInfo,
    RateLimited,
    Refused,
    Unavailable,
)

CONFIG = "acme/config"
ME = "lockstep"


class World(Protocol):
    """The forge under test, and what everybody else does there.

    `forge` is the account `lockstep`, which may write to acme/config, a public repository
    with the branches main and development at one commit. Alice owns it, and bob may write.
    """

    @property
    def forge(self) -> Forge:
        """Return the forge as the bot sees it."""

    def push(self, branch: str, text: str) -> str:
        """Change a file on a branch, begun at main where it is new; return the commit."""

    def write_as(self, login: str, message: str) -> str:
        """Commit to development as a person; return the commit."""

    def write_by_address(self, address: str) -> str:
        """Commit to development by an address that nobody has; return the commit."""

    def noreply(self, login: str) -> str:
        """Return the address that stands for a login."""

    def delete(self, branch: str) -> None:
        """Delete a branch."""

    def rename(self, name: str) -> None:
        """Rename the repository."""

    def person(self, login: str, permission: Permission, *, by_team: bool = False) -> None:
        """Let a person have a permission."""

    def team(self, team: str, members: dict[str, Literal["active", "pending"]]) -> None:
        """Make a team."""

    def report(
        self, sha: str, name: str, state: CheckState, *, by: Literal["status", "run"]
    ) -> None:
        """Report as CI."""

    def review(self, number: int, person: str, state: ReviewState) -> None:
        """Review as a person."""

    def say(self, number: int, person: str, body: str) -> None:
        """Comment as a person."""

    def comments(self, number: int) -> Sequence[tuple[str, str]]:
        """Return who said what."""

    def open_as(self, person: str, head: str, base: str) -> int:
        """Open a pull request as a person."""

    def open_from_fork(self, person: str, head: str) -> int:
        """Open one into main from a person's fork."""

    def open_issue_as(self, person: str, body: str) -> int:
        """Open an issue as a person."""

    def close_as(self, person: str, number: int) -> None:
        """Close as a person."""

    def reopen_as(self, person: str, number: int) -> None:
        """Reopen as a person."""

    def merge_as(self, person: str, number: int) -> str:
        """Merge as a person."""

    def allow(self, *methods: MergeMethod) -> None:
        """Allow these ways to merge, and no other."""

    def block(self, number: int) -> str:
        """Let something be in the way of a merge into main, and return the forge's words."""

    def message(self, sha: str) -> str:
        """Return the message of the commit that a merge made."""

    def head(self, branch: str) -> str:
        """Return where a branch is."""

    def lose(self, method: str) -> None:
        """Let the next effect of a method of `Forge` be done, and its answer lost."""

    def limit(self, method: str) -> None:
        """Let the next call of a method be one too many, for a minute."""


def opened(world: World, branch: str = "topic") -> PullRequestInfo:
    """Open the bot's pull request for a changed branch."""
    world.push(branch, f"{branch}\n")
    return world.forge.open_pull_request(CONFIG, branch, "main", f"Promote {branch}", "Why")


def merged(world: World, pull: PullRequestInfo, method: MergeMethod = "merge") -> str:
    """Merge as the bot does."""
    return world.forge.merge(
        CONFIG,
        pull.number,
        sha=pull.head_sha,
        method=method,
        title="Promote to staging",
        message="Two changes.\n\nLockstep-Promotion: 7",
    )


class ForgeContract:
    """The rules; a subclass needs a fixture `world`."""

    # Pull requests

    def test_an_opened_pull_request_is_shown_as_it_is(self, world: World) -> None:
        sha = world.push("topic", "new\n")

        made = world.forge.open_pull_request(CONFIG, "topic", "main", "Promote", "Why\n\n- a")

        assert made == PullRequestInfo(
            number=made.number,
            url=made.url,
            state="open",
            title="Promote",
            body="Why\n\n- a",
            head_branch="topic",
            head_sha=sha,
            base_branch="main",
            from_fork=False,
            author=ME,
        )
        assert made.url.startswith("http")
        assert world.forge.pull_request(CONFIG, made.number) == made

    def test_asked_twice_to_open_a_pull_request_it_adopts_the_first(self, world: World) -> None:
        first = opened(world)

        again = world.forge.open_pull_request(CONFIG, "topic", "main", "Otherwise", "Else")

        assert again == first
        assert world.forge.pull_requests(CONFIG) == [first]

    def test_a_pull_request_whose_answer_was_lost_is_adopted(self, world: World) -> None:
        world.push("topic", "new\n")
        world.lose("open_pull_request")
        with pytest.raises(Unavailable):
            world.forge.open_pull_request(CONFIG, "topic", "main", "Promote", "Why")

        adopted = world.forge.open_pull_request(CONFIG, "topic", "main", "Promote", "Why")

        assert world.forge.pull_requests(CONFIG, state="all") == [adopted]

    def test_somebody_elses_pull_request_is_not_adopted(self, world: World) -> None:
        world.push("topic", "new\n")
        world.open_as("bob", "topic", "main")

        with pytest.raises(Refused, match="already exists"):
            world.forge.open_pull_request(CONFIG, "topic", "main", "Promote", "Why")

    def test_our_pull_request_into_another_base_is_not_adopted(self, world: World) -> None:
        first = opened(world)

        other = world.forge.open_pull_request(CONFIG, "topic", "development", "Promote", "Why")

        assert (other.number != first.number, other.base_branch) == (True, "development")

    def test_a_closed_pull_request_is_not_adopted(self, world: World) -> None:
        first = opened(world)
        world.forge.update_pull_request(CONFIG, first.number, closed=True)

        second = world.forge.open_pull_request(CONFIG, "topic", "main", "Promote", "Why")

        assert (second.number != first.number, second.state) == (True, "open")

    def test_nothing_to_merge_and_no_such_branch_are_refused(self, world: World) -> None:
        with pytest.raises(Refused, match="No commits between main and development"):
            world.forge.open_pull_request(CONFIG, "development", "main", "Promote", "")
        with pytest.raises(Refused):
            world.forge.open_pull_request(CONFIG, "nowhere", "main", "Promote", "")

    def test_a_pull_request_follows_its_branch(self, world: World) -> None:
        made = opened(world)

        sha = world.push("topic", "newer\n")

        assert world.forge.pull_request(CONFIG, made.number).head_sha == sha

    def test_pull_requests_are_listed_newest_first_by_head_and_state(self, world: World) -> None:
        first, second = opened(world, "one"), opened(world, "two")
        world.forge.update_pull_request(CONFIG, first.number, closed=True)
        again = world.forge.open_pull_request(CONFIG, "one", "main", "Again", "")

        def numbers(pulls: Sequence[PullRequestInfo]) -> list[int]:
            return [pull.number for pull in pulls]

        assert numbers(world.forge.pull_requests(CONFIG)) == [again.number, second.number]
        assert numbers(world.forge.pull_requests(CONFIG, head="one")) == [again.number]
        both = world.forge.pull_requests(CONFIG, head="one", state="all")
        assert numbers(both) == [again.number, first.number]
        assert [pull.by for pull in both] == ["", ""]

    def test_a_pull_request_from_a_fork_says_so_and_is_no_branch_of_ours(
        self, world: World
    ) -> None:
        number = world.open_from_fork("carol", "topic")

        pull = world.forge.pull_request(CONFIG, number)

        assert (pull.from_fork, pull.author, pull.head_branch) == (True, "carol", "topic")
        assert world.forge.pull_requests(CONFIG, head="topic") == []

    def test_a_pull_request_is_changed_in_what_is_given(self, world: World) -> None:
        number = opened(world).number

        world.forge.update_pull_request(CONFIG, number, body="Now", labels=["lockstep", "held"])
        world.forge.update_pull_request(CONFIG, number, title="Then", labels=["lockstep"])

        pull = world.forge.pull_request(CONFIG, number)
        assert (pull.title, pull.body, pull.labels, pull.state) == (
            "Then",
            "Now",
            frozenset({"lockstep"}),
            "open",
        )

    def test_who_closed_a_pull_request_is_said(self, world: World) -> None:
        ours, theirs = opened(world, "one").number, opened(world, "two").number

        world.forge.update_pull_request(CONFIG, ours, closed=True)
        world.forge.update_pull_request(CONFIG, ours, closed=True)
        world.close_as("alice", theirs)

        found = [world.forge.pull_request(CONFIG, number) for number in (ours, theirs)]
        assert [(pull.state, pull.by) for pull in found] == [("closed", ME), ("closed", "alice")]

    def test_a_reopened_pull_request_is_open_and_by_nobody(self, world: World) -> None:
        made = opened(world)
        world.close_as("alice", made.number)

        world.reopen_as("alice", made.number)
        world.close_as("bob", made.number)
        world.forge.update_pull_request(CONFIG, made.number, closed=False)

        assert world.forge.pull_request(CONFIG, made.number) == made

    def test_one_whose_branch_is_gone_cannot_be_reopened(self, world: World) -> None:
        made = opened(world)
        world.delete("topic")
        assert world.forge.pull_request(CONFIG, made.number).state == "closed"

        with pytest.raises(Refused, match="cannot be reopened"):
            world.forge.update_pull_request(CONFIG, made.number, closed=False)

    # Merging

    @pytest.mark.parametrize("method", ["merge", "squash"])
    def test_a_merge_lands_with_the_title_and_the_message_it_was_given(
        self, world: World, method: MergeMethod
    ) -> None:
        pull = opened(world)

        sha = merged(world, pull, method)

        assert world.head("main") == sha
        assert world.message(sha) == ("Promote to staging\n\nTwo changes.\n\nLockstep-Promotion: 7")
        after = world.forge.pull_request(CONFIG, pull.number)
        assert (after.state, after.by, after.merged_sha) == ("merged", ME, sha)

    def test_a_rebase_lands(self, world: World) -> None:
        sha = merged(world, opened(world), "rebase")

        assert world.head("main") == sha

    def test_a_merge_of_a_head_that_moved_is_a_conflict_and_does_nothing(
        self, world: World
    ) -> None:
        pull = opened(world)
        before = world.head("main")
        world.push("topic", "newer\n")

        with pytest.raises(Conflict):
            merged(world, pull)

        assert world.head("main") == before

    def test_what_is_merged_already_is_success(self, world: World) -> None:
        pull = opened(world)
        sha = world.merge_as("alice", pull.number)

        assert merged(world, pull) == sha
        assert world.forge.pull_request(CONFIG, pull.number).by == "alice"

    def test_what_was_merged_at_another_head_is_a_conflict(self, world: World) -> None:
        pull = opened(world)
        world.push("topic", "newer\n")
        world.merge_as("alice", pull.number)

        with pytest.raises(Conflict):
            merged(world, pull)

    def test_a_merge_whose_answer_was_lost_is_not_made_twice(self, world: World) -> None:
        pull = opened(world)
        world.lose("merge")
        with pytest.raises(Unavailable):
            merged(world, pull)
        landed = world.head("main")

        assert merged(world, pull) == landed
        assert world.head("main") == landed

    def test_a_method_that_is_not_allowed_is_refused_in_the_forges_words(
        self, world: World
    ) -> None:
        pull = opened(world)
        world.allow("squash")

        with pytest.raises(Refused, match="Rebase merges are not allowed on this repository"):
            merged(world, pull, "rebase")

    def test_what_the_forges_rules_block_is_refused_in_its_words(self, world: World) -> None:
        pull = opened(world)
        words = world.block(pull.number)

        with pytest.raises(Refused) as refused:
            merged(world, pull)

        assert words in str(refused.value)

    def test_a_closed_pull_request_is_not_merged(self, world: World) -> None:
        pull = opened(world)
        world.close_as("alice", pull.number)

        with pytest.raises(Refused):
            merged(world, pull)

        assert world.forge.pull_request(CONFIG, pull.number).state == "closed"

    def test_a_fast_forward_is_no_merge(self, world: World) -> None:
        with pytest.raises(Refused, match="push"):
            merged(world, opened(world), "fast-forward")

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

    def test_reviews_come_oldest_first_with_the_commit_they_saw(self, world: World) -> None:
        first = opened(world)
        world.review(first.number, "alice", "changes_requested")
        newer = world.push("topic", "newer\n")
        world.review(first.number, "bob", "commented")
        world.review(first.number, "alice", "approved")

        found = world.forge.reviews(CONFIG, first.number)

        assert [(one.person, one.state, one.sha) for one in found] == [
            ("alice", "changes_requested", first.head_sha),
            ("bob", "commented", newer),
            ("alice", "approved", newer),
        ]

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
            world.forge.comment(CONFIG, number, marker, "Held.")

        said = world.comments(number)
        assert [person for person, _ in said] == [ME, ME]
        assert all(body.startswith("Held.\n\n<!-- lockstep: answer/") for _, body in said)

    def test_a_comment_whose_answer_was_lost_is_not_written_twice(self, world: World) -> None:
        number = opened(world).number
        world.lose("comment")
        with pytest.raises(Unavailable):
            world.forge.comment(CONFIG, number, "answer/1", "Held.")

        world.forge.comment(CONFIG, number, "answer/1", "Held.")

        assert len(world.comments(number)) == 1

    def test_a_marker_that_somebody_else_copied_is_nothing(self, world: World) -> None:
        number = opened(world).number
        world.forge.comment(CONFIG, number, "answer/1", "Held.")
        (_, copied), *_ = world.comments(number)
        other = opened(world, "other").number
        world.say(other, "bob", copied)

        world.forge.comment(CONFIG, other, "answer/1", "Held.")

        assert world.comments(other) == [("bob", copied), (ME, copied)]

    def test_a_comment_among_more_than_a_hundred_is_found(self, world: World) -> None:
        number = opened(world).number
        for at in range(100):
            world.say(number, "bob", f"No. {at}")
        world.forge.comment(CONFIG, number, "answer/1", "Held.")

        world.forge.comment(CONFIG, number, "answer/1", "Held.")

        assert len(world.comments(number)) == 101

    def test_an_issue_takes_comments_too(self, world: World) -> None:
        number = world.open_issue_as("bob", "Why?")

        world.forge.comment(CONFIG, number, "answer/1", "So.")

        assert [person for person, _ in world.comments(number)] == [ME]

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
            lambda: forge.comment(CONFIG, 99, "answer/1", "Held."),
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
