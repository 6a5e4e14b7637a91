"""What people do to everything around a promotion while it is open: it goes on, or says why not."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.place import BOT, Place
from tests.faults.processes import Forge, Server, eventually
from tests.shop import APP, CONFIGURATION, V2, V3

# The repository


def test_a_repository_that_is_renamed_is_gone_on_with_under_its_new_name(here: Place) -> None:
    here.commit("development", {"app.yaml": V2})
    pull = here.open_into("staging")
    name = here.name.partition("/")[2] + "-renamed"
    here.forge.do("edit_repository", repo=here.name, login="mia", name=name)
    here.name = f"acme/{name}"

    here.check(pull["head"]["sha"])

    here.merged(pull["number"])
    assert (here.file("staging"), len(here.pulls())) == (V2, 1)


def test_a_repository_that_is_archived_rests_and_goes_on_when_it_is_brought_back(
    here: Place,
) -> None:
    here.commit("development", {"app.yaml": V2})
    pull = here.open_into("staging")
    here.status_says(pull["head"]["sha"], "ci/test")
    here.forge.do("edit_repository", repo=here.name, login="mia", archived=True)
    here.forge.do("edit_repository", repo=here.name, login="mia", archived=False)

    here.check(pull["head"]["sha"])

    here.merged(pull["number"])
    assert (here.file("staging"), len(here.pulls())) == (V2, 1)


# Branches


def test_an_environment_that_is_renamed_is_promoted_into_where_it_is_now(here: Place) -> None:
    here.commit("development", {"app.yaml": V2})
    first = here.open_into("staging")
    here.push("refs/heads/staging:refs/heads/stage", ":refs/heads/staging")
    here.closed(first["number"])
    here.commit(
        "main", {".lockstep.yaml": CONFIGURATION.replace("branch: staging", "branch: stage")}
    )

    here.say(first["number"], "ada", "/promote staging")

    second = here.open_into("stage")
    here.check(second["head"]["sha"])
    here.merged(second["number"])
    assert here.file("stage") == V2


def test_a_target_that_is_force_pushed_has_the_candidate_built_and_tested_again(
    here: Place,
) -> None:
    here.commit("staging", {"other.txt": "1\n"})
    here.commit("development", {"app.yaml": V2})
    first = here.open_into("staging")
    here.push(f"+{here.at('main')}:refs/heads/staging")
    moved = here.until(
        first["number"], lambda pull: pull["head"]["sha"] != first["head"]["sha"], "rebuilt"
    )
    here.check(first["head"]["sha"])
    here.status_says(moved["head"]["sha"], "ci/test")

    here.check(moved["head"]["sha"])

    here.merged(first["number"])
    assert here.git("ls-tree", "--name-only", "staging").split() == [".lockstep.yaml", "app.yaml"]


def test_a_source_that_is_deleted_blocks_and_one_brought_back_goes_on(here: Place) -> None:
    source = here.commit("development", {"app.yaml": V2})
    pull = here.open_into("staging")
    here.push(":refs/heads/development")
    here.body_says(pull["number"], "is no longer on development")

    here.push(f"{source}:refs/heads/development")

    here.until(pull["number"], lambda now: "no longer on" not in now["body"], "taken up again")
    here.check(pull["head"]["sha"])
    here.merged(pull["number"])


# The pull request


def test_one_that_is_closed_and_reopened_before_anybody_looked_goes_on(here: Place) -> None:
    here.commit("development", {"app.yaml": V2})
    pull = here.open_into("staging")
    here.status_says(pull["head"]["sha"], "ci/test")
    here.forge.do("hold_hooks", held=True)
    try:
        here.ask("PATCH", f"/pulls/{pull['number']}", "bob", state="closed")
        here.ask("PATCH", f"/pulls/{pull['number']}", "bob", state="open")
    finally:
        here.forge.do("hold_hooks", held=False)

    here.check(pull["head"]["sha"])

    here.merged(pull["number"])
    assert len(here.pulls()) == 1


def test_what_the_bot_wrote_may_be_edited_and_it_says_its_own_next_time(here: Place) -> None:
    here.commit("development", {"app.yaml": V2})
    pull = here.open_into("staging")
    here.say(pull["number"], "ada", "/status")
    here.answered(pull["number"], "ci/test")
    [answer] = [
        one
        for one in here.ask("GET", f"/issues/{pull['number']}/comments")
        if one["user"]["login"] == BOT
    ]
    here.ask("PATCH", f"/issues/comments/{answer['id']}", "mia", body="/cancel")
    here.ask("PATCH", f"/pulls/{pull['number']}", "mia", body="/cancel", title="Mine")

    here.check(pull["head"]["sha"])

    merged = here.body_says(pull["number"], "is in staging")
    assert (merged["merged"], here.said(pull["number"])) == (True, ["/cancel"])


# Checks and the token


def test_a_check_that_fails_after_the_merge_began_takes_nothing_back(here: Place) -> None:
    here.commit("development", {"app.yaml": V2})
    pull = here.open_into("staging")
    head = pull["head"]["sha"]
    here.forge.do("inject", method="PUT", path=f"/{here.name}/pulls/.*/merge$", hold="before")
    here.check(head)
    eventually(
        lambda: any(re.search(f"/{here.name}/", one) for one in here.forge.do("held")),
        "the merge to begin",
    )

    here.check(head, "failure")
    here.forge.do("release", pattern=f"/{here.name}/")

    here.body_says(pull["number"], "is in staging")
    [promotion] = here.promotions("staging")
    assert (promotion["Lockstep-Environment"], here.tree("staging")) == (
        "staging",
        here.tree(head),
    )
    # The next one is as good as its own checks, whatever the last one's say now.
    here.commit("development", {"app.yaml": V3})
    following = here.open_into("staging", after=pull["number"])
    here.check(following["head"]["sha"])
    here.merged(following["number"])


@pytest.fixture
def own(forge: Forge, tmp_path: Path) -> Iterator[tuple[Server, str]]:
    """A server with a token of its own, which a test may take away."""
    token = forge.do("add_token", login=BOT)
    server = Server(
        tmp_path / "server",
        forge,
        token,
        LOCKSTEP_RECONCILE_INTERVAL="3s",
        LOCKSTEP_REPOSITORIES="acme/revoked-*",
    )
    try:
        server.start()
        yield server, token
    finally:
        server.close()


def test_a_token_that_is_revoked_and_given_back_loses_nothing(
    forge: Forge, own: tuple[Server, str]
) -> None:
    server, token = own
    here = Place(forge, server.hook, family="revoked")
    here.commit("development", {"app.yaml": V2})
    pull = here.open_into("staging")
    here.status_says(pull["head"]["sha"], "ci/test")
    forge.do("revoke_token", secret=token)
    here.check(pull["head"]["sha"])
    here.commit("main", {"app.yaml": APP.replace("info", "debug")})
    eventually(lambda: "Bad credentials" in server.process.log.read_text(), "a refusal")

    forge.do("revoke_token", secret=token, revoked=False)
    here.say(pull["number"], "ada", "/retry")

    here.merged(pull["number"])
    assert (here.file("staging"), len(here.pulls("staging"))) == (V2, 1)
    home = here.open_into("development")
    assert home["user"]["login"] == BOT
