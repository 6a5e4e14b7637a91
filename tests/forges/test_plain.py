"""A plain git server keeps what every forge promises, where that means something without one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.decisions.facts import MergeMethod
from tests.forges.contract import ForgeContract
from tests.forges.plain_world import PlainWorld, plain_world
from tests.forges.world import CONFIG, ME, World, merged, opened

_PAGES = "git has no pages, and a push for each word takes long: see below"
_NOT_HERE = {
    "test_a_comment_among_more_than_a_hundred_is_found": _PAGES,
    "test_of_comments_since_a_moment_none_is_lacking": _PAGES,
    "test_a_token_says_what_it_has_left": "git counts no requests",
    "test_somebody_elses_pull_request_is_not_adopted": "the bot alone opens pull requests here",
    "test_a_pull_request_from_a_fork_says_so_and_is_no_branch_of_ours": "there are no forks",
    "test_a_reopened_pull_request_is_open_and_by_nobody": "people reopen none: they push again",
    "test_a_method_that_is_not_allowed_is_refused_in_the_forges_words": (
        "git knows no methods: a server declines a push, which another rule tells"
    ),
    "test_a_permission_is_said_however_it_was_given": "whoever may push may write: see below",
    "test_whoever_is_no_member_may_read_what_is_public": "strangers have no permission",
    "test_a_team_has_its_active_members": "git knows no teams",
    "test_a_repository_keeps_its_former_name": "a name is all that a repository has",
    "test_a_used_up_limit_says_until_when": "git counts no requests",
    "test_a_comment_is_acknowledged_once": "the push that says it is answered at once",
    "test_an_issue_takes_comments_too": "people open no issues, they speak of the repository",
    "test_an_issue_with_a_copied_marker_is_not_ours": "people open no issues",
    "test_a_comment_is_written_once_for_each_marker": "markers stand beside, not in, the text",
    "test_a_merge_lands_with_the_title_and_the_message_it_was_given": (
        "the candidate itself lands, and has its message already: see below"
    ),
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[PlainWorld]:
    with plain_world(tmp_path) as made:
        yield made


class TestContract(ForgeContract):
    """All the rules but those that need a forge."""

    @pytest.fixture(autouse=True)
    def _that_apply(self, request: pytest.FixtureRequest) -> None:
        reason = _NOT_HERE.get(request.node.originalname)
        if reason:
            pytest.skip(reason)

    @pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
    def test_what_lands_is_the_commit_that_was_proposed(
        self, world: World, method: MergeMethod
    ) -> None:
        pull = opened(world)

        sha = merged(world, pull, method)

        assert (sha, world.head("main")) == (pull.head_sha, pull.head_sha)
        after = world.forge.pull_request(CONFIG, pull.number)
        assert (after.state, after.by, after.merged_sha) == ("merged", ME, sha)

    def test_a_comment_is_kept_once_for_each_marker(self, world: World) -> None:
        number = opened(world).number

        for marker in ("answer/1", "answer/1", "answer/2", "answer/1"):
            world.forge.comment(CONFIG, number, marker, "Held.", on_pull_request=True)

        assert world.comments(number) == [(ME, "Held."), (ME, "Held.")]

    def test_of_more_words_than_a_hundred_none_is_lacking(self, world: PlainWorld) -> None:
        number = opened(world).number
        world.words("bob", [{"on": number, "say": f"No. {at}"} for at in range(101)])

        for _ in range(2):
            world.forge.comment(CONFIG, number, "answer/1", "Held.", on_pull_request=True)

        expected = [("bob", f"No. {at}") for at in range(101)]
        assert world.comments(number) == [*expected, (ME, "Held.")]
