"""On a plain git server only the hook's signed word counts, whatever else is pushed there."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.decisions.facts import Permission
from bot.forges.forge import Conflict, NotFound
from bot.forges.plain import PlainGit
from bot.forges.plain_servers import Account, Served
from bot.pushes import CONVERSATION, HEARD, REQUESTS, SAID
from bot.signatures import signature
from tests.forges.plain_world import DOMAIN, SECRET, PlainWorld, encoded, plain_world
from tests.forges.world import CONFIG, ME, merged, opened

ROLES = "version: 1\nenvironments:\n  - {name: a, branch: main}\n  - {name: b, branch: b}\n"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[PlainWorld]:
    with plain_world(tmp_path) as made:
        yield made


def another(world: PlainWorld, name: str) -> PlainGit:
    """Return another worker, with nothing of the first one's."""
    account = Account(ME, SECRET, domains=(DOMAIN,))
    return PlainGit(Served({CONFIG: str(world.bare)}), account, world.root / name)


def leave(world: PlainWorld, document: object, signed: str | None = None) -> None:
    """Push, as mallory, what the hook would have left."""
    body = json.dumps(document).encode()
    line = signed if signed is not None else signature(body, b"a guess")
    blobs = [
        world.git("hash-object", "-w", "--stdin", stdin=content)
        for content in (body, line.encode())
    ]
    names = ("delivery.json", "signature")
    entries = [f"100644 blob {blob}\t{name}\n" for blob, name in zip(blobs, names, strict=True)]
    tree = world.git("mktree", stdin="".join(entries).encode())
    delivery = document["delivery"] if isinstance(document, dict) else "12345678"
    world.git("push", "--quiet", "origin", f"{tree}:{HEARD}{delivery}", user="mallory")


def word(pusher: str, said: object, **more: object) -> dict[str, object]:
    update = {"ref": f"{SAID}x", "old": "0" * 40, "new": "1" * 40, "said": encoded(said)}
    return {
        "version": 1,
        "delivery": "1-deadbeef",
        "repository": CONFIG,
        "pusher": pusher,
        "nanoseconds": 1_900_000_000_000_000_000,
        "updates": [update],
        **more,
    }


# Who may


@pytest.mark.parametrize(
    ("login", "permission"),
    [("alice", "write"), ("dan", "maintain"), ("erin", "admin"), ("nobody", "none")],
)
def test_whoever_has_pushed_may_write_and_more_by_a_role(
    world: PlainWorld, login: str, permission: Permission
) -> None:
    world.push("main", "x\n", user="alice")
    world.push("main", "y\n", user="dan")
    world.push("main", "z\n", user="erin")
    roles = f"{ROLES}roles:\n  maintainers: [dan, nobody]\n  admins: [erin]\n"
    world.put("main", ".lockstep.yaml", roles)

    assert world.forge.permission(CONFIG, login) == permission


def test_a_configuration_that_does_not_load_gives_nobody_more(world: PlainWorld) -> None:
    world.push("main", "y\n", user="dan")
    world.put("main", ".lockstep.yaml", "roles:\n  maintainers: [dan]\n")

    assert world.forge.permission(CONFIG, "dan") == "write"


def test_whoever_pushed_a_commit_is_one_of_its_authors(world: PlainWorld) -> None:
    world.git("fetch", "--quiet", "origin")
    world.git("checkout", "--quiet", "--detach", "origin/development")
    sha = world.commit("somebody-else", "As if by another", f"carol@{DOMAIN}")
    world.git("push", "--quiet", "origin", "HEAD:refs/heads/development", user="mallory")

    assert world.forge.authors(CONFIG, [sha]) == {sha: frozenset({"carol", "mallory"})}


# What is not believed


@pytest.mark.parametrize(
    "document",
    [
        "nothing",
        {"delivery": "1-deadbeef"},
        {"version": 1, "delivery": "1-deadbeef", "updates": "all"},
    ],
)
def test_what_is_left_by_others_than_the_hook_is_taken_away_and_means_nothing(
    world: PlainWorld, document: object
) -> None:
    leave(world, document)

    assert world.forge.checks(CONFIG, world.head("main")) == []
    assert world.heard() == []


def test_a_word_with_a_forged_signature_is_nobodys(world: PlainWorld) -> None:
    pull = opened(world)
    leave(world, word("carol", {"on": pull.number, "say": "/sign-off qa"}))

    assert world.comments(pull.number) == []


def test_a_true_word_that_is_told_again_counts_once(world: PlainWorld) -> None:
    pull = opened(world)
    world.say(pull.number, "carol", "/hold wait")
    (ref,) = world.heard()
    tree = world.git("rev-parse", ref, at=world.bare)
    assert world.comments(pull.number) == [("carol", "/hold wait")]

    world.git("update-ref", ref, tree, at=world.bare)
    world.git("update-ref", f"{HEARD}otherwise-called", tree, at=world.bare)

    assert world.comments(pull.number) == [("carol", "/hold wait")]
    assert world.heard() == []


def test_a_word_for_another_repository_does_not_count_here(world: PlainWorld) -> None:
    pull = opened(world)
    document = word("carol", {"on": pull.number, "say": "/hold"}, repository="acme/other")
    leave(world, document, signature(json.dumps(document).encode(), SECRET.encode()))

    assert world.comments(pull.number) == []


def test_a_word_of_long_ago_does_not_count(world: PlainWorld) -> None:
    pull = opened(world)
    document = word("carol", {"on": pull.number, "say": "/hold"}, nanoseconds=10**18)
    leave(world, document, signature(json.dumps(document).encode(), SECRET.encode()))

    assert world.comments(pull.number) == []


@pytest.mark.parametrize(
    "said",
    [b"", b"\xff\xfe", b"[]", {"on": 0, "say": "x"}, {"on": 2, "review": "approved"}, {"say": 1}],
)
def test_what_nobody_can_read_is_nothing_said(world: PlainWorld, said: object) -> None:
    world.word("bob", said)

    assert world.comments(CONVERSATION) == []
    assert world.heard() == []


def test_a_word_about_what_is_not_there_is_written_down_and_no_more(world: PlainWorld) -> None:
    world.word("bob", {"on": 99, "say": "/hold"})
    world.forge.repository("acme", "config")

    assert "speaks of #99" in world.git("log", "--format=%s", REQUESTS, at=world.bare)
    with pytest.raises(NotFound):
        world.forge.pull_request(CONFIG, 99)


# The branch of the bot's


def test_what_others_commit_to_the_bots_branch_is_undone_by_its_next_commit(
    world: PlainWorld,
) -> None:
    pull = opened(world)
    world.git("fetch", "--quiet", "origin")
    world.git("checkout", "--quiet", "--detach", f"origin/{REQUESTS}")
    path = world.clone / "open" / str(pull.number) / "request.json"
    path.write_text(path.read_text().replace('"main"', '"development"'))
    world.commit("mallory", "Go elsewhere")
    world.git("push", "--quiet", "origin", f"HEAD:refs/heads/{REQUESTS}", user="mallory")

    for forge in (world.forge, another(world, "fresh")):
        assert forge.pull_request(CONFIG, pull.number).base_branch == "main"
    world.forge.set_status(CONFIG, pull.head_sha, "pending", "waits")

    shown = world.git("show", f"{REQUESTS}:open/{pull.number}/request.json", at=world.bare)
    assert json.loads(shown)["base"] == "main"
    assert world.git("log", "-2", "--format=%an", REQUESTS, at=world.bare).split() == [
        ME,
        "mallory",
    ]


@pytest.mark.parametrize("to", ["", "{}~1"])
def test_a_branch_that_somebody_deletes_or_puts_back_is_restored(
    world: PlainWorld, to: str
) -> None:
    pull = opened(world)
    world.forge.set_status(CONFIG, pull.head_sha, "pending", "waits")
    head = world.head(REQUESTS)
    back = world.git("rev-parse", to.format(head), at=world.bare) if to else ""
    world.git("fetch", "--quiet", "origin")
    world.git("push", "--quiet", "--force", "origin", f"{back}:refs/heads/{REQUESTS}", user="eve")

    assert world.forge.pull_request(CONFIG, pull.number).title == pull.title
    assert world.head(REQUESTS) == head


def test_a_worker_that_has_lost_all_reads_it_from_git(world: PlainWorld) -> None:
    pull = opened(world)
    world.say(pull.number, "bob", "/hold wait")
    assert world.comments(pull.number) == [("bob", "/hold wait")]

    fresh = another(world, "fresh")

    assert fresh.pull_request(CONFIG, pull.number) == pull
    assert [one.text for one in fresh.comments(CONFIG, pull.number, on_pull_request=True)] == [
        "/hold wait"
    ]


def test_workers_that_write_at_once_lose_nothing(world: PlainWorld) -> None:
    pull = opened(world)
    workers = [another(world, f"worker{at}") for at in range(3)]

    def write(at: int, forge: PlainGit) -> None:
        for step in range(3):
            forge.comment(CONFIG, pull.number, f"{at}/{step}", "Here", on_pull_request=True)

    threads = [threading.Thread(target=write, args=item) for item in enumerate(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(world.comments(pull.number)) == 9


def test_what_the_receiver_never_took_is_read_from_git_all_the_same(world: PlainWorld) -> None:
    pull = opened(world)
    world.receiver.status = 503
    world.report(pull.head_sha, "ci/test", "success", by="status")
    world.review(pull.number, "alice", "approved")
    world.word("bob", {"on": pull.number, "say": "/hold wait"})

    assert [check.name for check in world.forge.checks(CONFIG, pull.head_sha)] == ["ci/test"]
    assert [one.person for one in world.forge.reviews(CONFIG, pull.number)] == ["alice"]
    assert world.comments(pull.number) == [("bob", "/hold wait")]
    assert len(world.heard()) == 3


def test_two_who_take_the_same_word_at_once_take_it_once(world: PlainWorld) -> None:
    pull = opened(world)
    world.say(pull.number, "bob", "/hold wait")
    first, second = world.forge._place(CONFIG), another(world, "second")._place(CONFIG)
    seen = first.look(), second.look()

    first._settle(seen[0])
    second._settle(seen[1])

    assert world.comments(pull.number) == [("bob", "/hold wait")]


# Merging


def test_a_squash_by_hand_is_noticed_with_who_made_it(world: PlainWorld) -> None:
    pull = opened(world)
    world.git("fetch", "--quiet", "origin")
    world.git("checkout", "--quiet", "--detach", "origin/main")
    world.git("merge", "--quiet", "--squash", "origin/topic")
    sha = world.commit("bob", "All of it")
    world.git("push", "--quiet", "origin", "HEAD:refs/heads/main", user="bob")

    found = world.forge.pull_request(CONFIG, pull.number)

    assert (found.state, found.by, found.merged_sha) == ("merged", "bob", sha)


def test_what_does_not_begin_where_its_base_is_now_is_not_merged(world: PlainWorld) -> None:
    pull = opened(world)
    world.push("main", "elsewhere\n")

    with pytest.raises(Conflict, match="is not where"):
        merged(world, pull)


def test_a_repository_that_is_not_served_is_not_found(world: PlainWorld) -> None:
    for name in ("acme/other", "acme/../../etc", "--upload-pack=x/y"):
        with pytest.raises(NotFound):
            world.forge.checks(name, "0" * 40)


def test_names_below_a_base_stay_below_it() -> None:
    served = Served({}, "https://git.example.com/git")

    assert served.url("acme/eu/shop") == "https://git.example.com/git/acme/eu/shop.git"
    for name in ("acme", "acme/..", "./acme", "acme//shop", "/etc/passwd", "acme/shop\n"):
        with pytest.raises(NotFound):
            served.url(name)


def test_a_server_that_is_not_there_and_a_repository_that_is_not_are_said(tmp_path: Path) -> None:
    served = Served({CONFIG: str(tmp_path / "nowhere.git")})
    forge = PlainGit(served, Account(ME, SECRET), tmp_path / "state")

    with pytest.raises(NotFound, match=r"nowhere\.git"):
        forge.repository("acme", "config")


def test_the_update_hook_keeps_people_from_what_is_the_bots(
    world: PlainWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    # By a path, the bot pushes as whom its own environment names.
    monkeypatch.setenv("REMOTE_USER", ME)
    world.protect()
    opened(world)
    oid = world.git("rev-parse", "HEAD")

    for ref in (f"refs/heads/{REQUESTS}", f"{HEARD}12345678"):
        done = world.run("push", "--force", "origin", f"{oid}:{ref}", user="mallory")
        assert done.returncode
        assert b"is written by the bot alone" in done.stderr
    world.word("bob", {"on": 2, "say": "/hold"})
    assert world.comments(2) == [("bob", "/hold")]
