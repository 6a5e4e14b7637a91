"""What every forge promises of pull requests: opened once, followed, merged as tested."""

from collections.abc import Sequence

import pytest

from bot.decisions.facts import MergeMethod
from bot.forges.forge import (
    Conflict,
    PullRequestInfo,
    Refused,
    Unavailable,
)
from tests.forges.world import CONFIG, ME, World, merged, opened


class PullRequestContract:
    """The rules of pull requests."""

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
        assert made.url.startswith(("http", "/"))
        assert world.forge.pull_request(CONFIG, made.number) == made

    def test_a_branch_may_be_called_whatever_git_allows(self, world: World) -> None:
        branch = "feat/{0}-%41+&=ü"

        made = opened(world, branch)

        assert world.forge.pull_requests(CONFIG, head=branch) == [made]
        assert world.forge.open_pull_request(CONFIG, branch, "main", "Again", "") == made

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

        again = world.forge.open_pull_request(CONFIG, "topic", "main", "Promote", "Why")
        assert (other.number != first.number, other.base_branch) == (True, "development")
        assert again == first

    def test_a_closed_pull_request_is_not_adopted(self, world: World) -> None:
        first = opened(world)
        world.forge.update_pull_request(CONFIG, first.number, closed=True)

        second = world.forge.open_pull_request(CONFIG, "topic", "main", "Promote", "Why")

        assert (second.number != first.number, second.state) == (True, "open")

    def test_nothing_to_merge_is_refused(self, world: World) -> None:
        with pytest.raises(Refused, match="No commits between main and development"):
            world.forge.open_pull_request(CONFIG, "development", "main", "Promote", "")

    def test_a_branch_that_is_not_there_is_refused(self, world: World) -> None:
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

        with pytest.raises(Refused, match="reopen"):
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
        world.allow("rebase")

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
        words = world.refuses_rebase()

        with pytest.raises(Refused) as refused:
            merged(world, pull, "rebase")

        assert words in str(refused.value)

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
