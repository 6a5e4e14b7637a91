"""What people do by hand to the bot's pull requests, and to the environments beneath them."""

from tests.faults.place import Place, staged, to_production
from tests.faults.processes import eventually
from tests.shop import APP, V2, V3

# What people do to a pull request


def test_one_that_is_retargeted_waits_until_it_is_put_back(here: Place) -> None:
    here.commit("development", {"app.yaml": V2})
    pull = here.open_into("staging")
    here.ask("PATCH", f"/pulls/{pull['number']}", base="main")
    here.body_says(pull["number"], "now goes into main")
    here.check(pull["head"]["sha"])
    here.ask("PATCH", f"/pulls/{pull['number']}", base="staging")

    here.merged(pull["number"])

    assert (here.file("staging"), here.file("main")) == (V2, APP)


def test_one_that_is_closed_is_cancelled_until_somebody_asks_again(here: Place) -> None:
    here.commit("development", {"app.yaml": V2})
    pull = here.open_into("staging")
    here.ask("PATCH", f"/pulls/{pull['number']}", "bob", state="closed")
    here.body_says(pull["number"], "bob closed the pull request")
    eventually(lambda: pull["head"]["ref"] not in here.branches(), "the branch to be deleted")
    here.check(pull["head"]["sha"])

    here.say(pull["number"], "bob", "/promote staging")

    second = here.open_into("staging", after=pull["number"])
    here.check(second["head"]["sha"])
    here.merged(second["number"])
    assert here.closed(pull["number"])


def test_a_push_by_hand_to_its_branch_is_undone_and_never_merged(here: Place) -> None:
    here.commit("development", {"app.yaml": V2})
    pull = here.open_into("staging")
    tested = pull["head"]["sha"]
    sneaked = here.commit(pull["head"]["ref"], {"evil.txt": "1\n"}, "bob")
    here.check(sneaked)
    here.until(pull["number"], lambda now: now["head"]["sha"] == tested, "back at its candidate")

    here.check(tested)

    here.merged(pull["number"])
    assert here.git("ls-tree", "--name-only", "staging").split() == [".lockstep.yaml", "app.yaml"]


def test_one_whose_branch_is_deleted_is_cancelled(here: Place) -> None:
    here.commit("development", {"app.yaml": V2})
    pull = here.open_into("staging")

    here.ask("DELETE", f"/git/refs/heads/{pull['head']['ref']}", "bob")

    here.body_says(pull["number"], "is `/cancel`")
    here.commit("development", {"app.yaml": V3})
    second = here.open_into("staging", after=pull["number"])
    here.check(second["head"]["sha"])
    here.merged(second["number"])
    assert here.closed(pull["number"])


def test_one_merged_by_hand_is_a_promotion_made_with_the_gates_it_jumped(here: Place) -> None:
    here.commit("development", {"app.yaml": V2})
    pull = here.open_into("staging")

    here.merge(pull["number"], "bob")

    here.body_says(pull["number"], "bob merged by hand, past checks")
    assert here.file("staging") == V2
    eventually(lambda: pull["head"]["ref"] not in here.branches(), "the branch to be deleted")
    here.commit("development", {"app.yaml": V3})
    here.open_into("staging", after=pull["number"])


# What people do to an environment


def test_a_target_that_moves_is_rebuilt_tested_again_and_keeps_its_sign_off(here: Place) -> None:
    staged(here)
    pull = to_production(here)
    first = pull["head"]["sha"]
    here.say(pull["number"], "quinn", "/sign-off qa")
    here.body_says(pull["number"], "✅ open | signed off")
    here.commit("main", {"other.txt": "1\n"})
    moved = here.until(pull["number"], lambda p: p["head"]["sha"] != first, "rebuilt")
    here.check(first)
    here.status_says(moved["head"]["sha"], "ci/test")

    here.check(moved["head"]["sha"])

    here.merged(pull["number"])
    assert here.file("main") == V2
    assert here.file("main", "other.txt") == "1\n"
    assert here.said(pull["number"]) == []


def test_a_sign_off_ends_with_the_content_it_was_given_for(here: Place) -> None:
    staged(here)
    pull = to_production(here)
    first = pull["head"]["sha"]
    here.say(pull["number"], "quinn", "/sign-off qa")
    here.body_says(pull["number"], "✅ open | signed off")
    here.commit("development", {"app.yaml": V2.replace("info", "debug")})
    second = here.open_into("staging")
    here.check(second["head"]["sha"])
    here.merged(second["number"])
    here.say(pull["number"], "ada", "/retry")
    moved = here.until(pull["number"], lambda p: p["head"]["sha"] != first, "superseded")
    here.check(moved["head"]["sha"])
    here.status_says(moved["head"]["sha"], "sign-off by qa")

    here.say(pull["number"], "quinn", "/sign-off qa")

    here.merged(pull["number"])
    assert here.file("main") == V2.replace("info", "debug")


def test_a_source_that_was_force_pushed_blocks_until_a_person_says_what_to_do(
    here: Place,
) -> None:
    staged(here)
    pull = to_production(here)
    here.push(f"+{here.at('main')}:refs/heads/staging")
    here.body_says(pull["number"], "is no longer on staging")
    here.check(pull["head"]["sha"])
    here.say(pull["number"], "quinn", "/sign-off qa")
    here.push(f"+{here.at('development')}:refs/heads/staging")

    here.say(pull["number"], "ada", "/retry")

    moved = here.until(
        pull["number"], lambda p: "no longer on staging" not in p["body"], "taken up again"
    )
    here.check(moved["head"]["sha"])
    here.merged(pull["number"])
    assert here.file("main") == V2


def test_an_automatic_promotion_follows_a_source_that_was_force_pushed(here: Place) -> None:
    before = here.at("development")
    here.commit("development", {"app.yaml": V2})
    pull = here.open_into("staging")
    here.push(f"{before}:refs/heads/scratch")
    here.commit("scratch", {"app.yaml": V3})
    here.push(f"+{here.at('scratch')}:refs/heads/development")
    moved = here.until(
        pull["number"], lambda p: p["head"]["sha"] != pull["head"]["sha"], "superseded"
    )
    here.check(moved["head"]["sha"])

    here.merged(pull["number"])
    assert here.file("staging") == V3


def test_a_target_that_is_deleted_ends_the_promotion_and_one_brought_back_gets_another(
    here: Place,
) -> None:
    before = here.at("staging")
    here.commit("development", {"app.yaml": V2})
    pull = here.open_into("staging")
    here.push(":refs/heads/staging")
    here.closed(pull["number"])
    here.body_says(pull["number"], "is `/cancel`")

    here.push(f"{before}:refs/heads/staging")
    here.say(pull["number"], "ada", "/promote staging")

    second = here.open_into("staging")
    here.check(second["head"]["sha"])
    here.merged(second["number"])
