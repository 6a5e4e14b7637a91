"""What every forge promises about cheap looks: what is open, what was said, what we said."""

from datetime import timedelta

from bot.forges.forge import OpenItem
from tests.forges.world import CONFIG, ME, World, merged, opened

NOWHERE = "acme/nowhere"


def numbers(items: list[OpenItem]) -> set[int]:
    return {item.number for item in items if item.is_pull_request}


class LooksContract:
    """The rules; a subclass needs a fixture `world`."""

    def test_a_file_is_looked_for_on_the_default_branch(self, world: World) -> None:
        world.push("topic", "new\n")
        assert not world.forge.has_file(CONFIG, "main.txt")
        assert not world.forge.has_file(CONFIG, "topic.txt")

        world.push("main", "new\n")

        assert world.forge.has_file(CONFIG, "main.txt")
        assert not world.forge.has_file(NOWHERE, "main.txt")

    def test_our_open_pull_requests_are_listed_and_nobody_elses(self, world: World) -> None:
        mine, closed, done = (opened(world, name) for name in ("mine", "closed", "done"))
        world.push("other", "other\n")
        world.open_as("bob", "other", "main")
        world.close_as("bob", closed.number)
        merged(world, done)

        assert numbers(list(world.forge.open_items(CONFIG))) == {mine.number}

    def test_a_comment_touches_what_it_is_under(self, world: World) -> None:
        number = opened(world).number
        world.say(number, "bob", "/hold it")

        (item,) = (one for one in world.forge.open_items(CONFIG) if one.number == number)
        (comment,) = world.forge.comments(CONFIG, number, on_pull_request=True)

        assert item.changed >= comment.at
        assert item.changed.tzinfo is not None

    def test_comments_are_read_as_they_were_said(self, world: World) -> None:
        number = opened(world).number
        first = world.say(number, "bob", "/hold\n\nwait")
        world.forge.comment(CONFIG, number, "answer/1", "Held.", on_pull_request=True)
        second = world.say(number, "alice", "/resume")

        found = world.forge.comments(CONFIG, number, on_pull_request=True)

        assert [(one.id, one.author, one.text) for one in (found[0], found[2])] == [
            (first, "bob", "/hold\n\nwait"),
            (second, "alice", "/resume"),
        ]
        assert [one.author for one in found] == ["bob", ME, "alice"]
        assert not any(one.edited for one in found)

    def test_of_comments_since_a_moment_none_is_lacking(self, world: World) -> None:
        number = opened(world).number
        for at in range(101):
            world.say(number, "bob", f"No. {at}")
        found = world.forge.comments(CONFIG, number, on_pull_request=True)
        assert [one.text for one in found] == [f"No. {at}" for at in range(101)]

        since = world.forge.comments(CONFIG, number, found[50].at, on_pull_request=True)

        assert {one.id for one in found[50:]} <= {one.id for one in since}
        assert (
            list(
                world.forge.comments(
                    CONFIG, number, found[-1].at + timedelta(hours=1), on_pull_request=True
                )
            )
            == []
        )

    def test_our_status_tells_what_it_says_and_since_when_there_is_one(self, world: World) -> None:
        sha = world.push("topic", "new\n")
        world.report(sha, "ci/test", "success", by="status")
        assert world.forge.own_status(CONFIG, sha) is None

        world.forge.set_status(CONFIG, sha, "pending", "waits for qa")
        first = world.forge.own_status(CONFIG, sha)
        world.forge.set_status(CONFIG, sha, "success", "ready to merge")
        second = world.forge.own_status(CONFIG, sha)

        assert first is not None
        assert second is not None
        assert (first.state, first.line) == ("pending", "waits for qa")
        assert (second.state, second.line) == ("success", "ready to merge")
        assert second.since == first.since

    def test_a_token_says_what_it_has_left(self, world: World) -> None:
        world.forge.repository("acme", "config")

        assert [left.name for left in world.forge.budgets()] != []

    def test_a_push_shows_in_the_list_of_repositories(self, world: World) -> None:
        (found,) = (one for one in world.forge.repositories() if one.full_name == CONFIG)

        assert found.pushed == world.forge.repository("acme", "config").pushed
