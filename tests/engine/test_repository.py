"""The repository: what git is asked, what comes back, and what is written."""

import threading
from pathlib import Path

import pytest

from bot.engine.objects import LoggedCommit, Merge, MissingObject, Record
from bot.engine.trees import NewObjects
from bot.model import Entry
from bot.repository import Repository, RepositoryError
from tests.world import World, record, spelled, submodule

APP = "image: v1\nreplicas: 1\n"
POEM = "".join(f"line {n}\n" for n in range(1, 10))


def blob(world: World, text: str) -> str:
    return world.store("blob", text.encode())


# Finding


def test_a_repository_is_found_from_a_directory_inside_and_from_a_linked_work_tree(
    world: World, tmp_path: Path
) -> None:
    world.begin({"deep/down/app.yaml": APP})
    clone, linked = tmp_path / "clone", tmp_path / "linked"
    world.git("clone", "-q", str(world.directory), str(clone))
    world.git("worktree", "add", "-q", str(linked), "develop")

    for path in (clone, clone / "deep/down", clone / ".git", linked, linked / "deep"):
        with Repository.find(path) as found:
            assert found.commit("HEAD") == world.sha("development")
            assert found.file("HEAD", "deep/down/app.yaml") == APP.encode()


def test_a_branch_is_the_local_one_and_else_that_of_origin(world: World, tmp_path: Path) -> None:
    world.begin({"app.yaml": APP})
    ahead = world.edit("development", "app.yaml", "image: v1", "image: v2")
    clone = tmp_path / "clone"
    world.git("clone", "-q", str(world.directory), str(clone))

    with Repository.find(clone) as found:
        assert (found.branch("main"), found.branch("develop")) == (world.sha("production"), ahead)
        assert found.branches() == {
            "main": world.sha("production"),
            "develop": ahead,
            "staging": world.sha("staging"),
        }
        assert found.default_ref() == "refs/remotes/origin/HEAD"
    assert world.repository.default_ref() == "HEAD"


def test_a_file_is_read_at_a_ref_and_a_directory_is_none(world: World) -> None:
    world.begin({"conf/app.yaml": APP})

    read = world.repository.file

    assert read("refs/heads/main", "conf/app.yaml") == APP.encode()
    assert read("refs/heads/main", "conf") is None
    assert read("refs/heads/main", "absent") is None
    assert read("refs/heads/absent", "conf/app.yaml") is None


# Reading


def test_objects_are_read_in_the_order_that_they_are_asked_for(world: World) -> None:
    texts = ["b", "a", "", "x" * 100_000, "b"]
    oids = [blob(world, text) for text in texts]

    assert world.repository.read(oids) == [text.encode() for text in texts]
    assert world.repository.sizes(oids) == [len(text) for text in texts]


def test_a_missing_object_is_named_and_reading_goes_on(world: World) -> None:
    there, absent = blob(world, "x"), "0123456789" * 4

    with pytest.raises(MissingObject, match=absent):
        world.repository.read([there, absent])

    assert world.repository.missing([there, absent]) == [absent]
    assert world.repository.read([there]) == [b"x"]


def test_many_objects_are_read_without_filling_any_pipe(world: World) -> None:
    oid = blob(world, "x" * 1000)

    assert world.repository.read([oid] * 25_000) == [b"x" * 1000] * 25_000


def test_several_threads_read_at_once(world: World) -> None:
    texts = {blob(world, text): text.encode() for text in map(str, range(50))}
    oids = list(texts)
    seen: list[bool] = []

    def read() -> None:
        seen.extend(world.repository.read([oid]) == [texts[oid]] for oid in oids)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen == [True] * 400


# History


def test_the_log_has_every_commit_and_what_it_did_to_the_paths(world: World) -> None:
    first = world.begin({"a.yaml": "a: 1\n", "b.yaml": "b: 1\n"})
    other = world.commit("development", {"b.yaml": "b: 2\n"})
    world.branch("topic", at="development")
    change = world.commit("topic", {"a.yaml": "a: 2\n"})
    gone = world.commit("development", {"b.yaml": None})
    merge = world.merge("topic", "development")
    before, after = (Entry("100644", blob(world, f"a: {n}\n")) for n in (1, 2))

    log = world.repository.log(merge, [first], ["a.yaml"])

    assert log == {
        merge: LoggedCommit(merge, (gone, change), {"a.yaml": (before, after)}),
        gone: LoggedCommit(gone, (other,)),
        change: LoggedCommit(change, (other,), {"a.yaml": (before, after)}),
        other: LoggedCommit(other, (first,)),
    }
    assert list(world.repository.log(merge, [first], ["a.yaml"], first_parent=True)) == [
        merge,
        gone,
        other,
    ]


def test_the_first_commit_is_logged_against_nothing(world: World) -> None:
    first = world.begin({"a.yaml": "a: 1\n"})

    (logged,) = world.repository.log(first, [], ["a.yaml"]).values()

    assert logged.touched == {"a.yaml": (None, Entry("100644", blob(world, "a: 1\n")))}


def test_few_paths_and_many_give_the_same_log(world: World) -> None:
    first = world.begin({f"{n}.txt": "x\n" for n in range(100)} | {"sub/caf\udce9.txt": "x\n"})
    world.commit("development", {"3.txt": "y\n", "99.txt": None, "sub/caf\udce9.txt": "y\n"})
    paths = ["3.txt", "99.txt", "sub/caf\udce9.txt"]
    head = world.sha("development")

    few = world.repository.log(head, [first], paths)
    many = world.repository.log(head, [first], [*paths, *(f"absent{n}" for n in range(100))])

    assert few == many
    assert sorted(few[head].touched) == sorted(paths)


def test_merge_bases_are_none_one_or_several(world: World) -> None:
    first = world.begin({"a": "1\n"})
    one = world.commit("development", {"b": "1\n"})
    other = world.commit("staging", {"c": "1\n"})
    apart = world.commit("apart", {"a": "1\n"})
    world.branch("before", at="development")
    bases = world.repository.merge_bases

    assert (bases(one, other), bases(one, apart)) == ((first,), ())
    left, right = world.merge("staging", "development"), world.merge("before", "staging")
    assert set(bases(left, right)) == {one, other}


def test_a_commit_is_contained_in_itself_and_in_what_came_after(world: World) -> None:
    first = world.begin({"a": "1\n"})
    one = world.commit("development", {"b": "1\n"})
    other = world.commit("staging", {"c": "1\n"})
    contains = world.repository.contains

    assert (contains(one, one), contains(one, first)) == (True, True)
    assert (contains(one, other), contains(one, "0" * 40)) == (False, False)


def test_records_come_newest_first_and_may_be_left_half_read(world: World) -> None:
    source = world.begin({"a": "1\n"})
    commits = [
        world.commit("staging", {}, f"Promote {n}\n\n" + record(source, "staging"))
        for n in range(3)
    ]
    world.commit("staging", {}, "Promote\n\n" + record(source, "production"))

    found = list(world.repository.records(world.sha("staging"), "staging"))
    newest = next(iter(world.repository.records(world.sha("staging"), "staging")))

    said = f"staging/{source[:12]}"
    assert found == [Record(commit, source, said) for commit in reversed(commits)]
    assert newest == found[0]


def test_texts_are_merged_many_at_once_and_an_unclean_one_is_none(world: World) -> None:
    base, ours = blob(world, POEM), blob(world, POEM.replace("line 2", "two"))
    theirs, against = (
        blob(world, POEM.replace("line 8", "eight")),
        blob(world, POEM.replace("2", "II")),
    )
    before = world.object_count()

    texts = world.repository.merge_texts(
        [Merge(base, ours, theirs), Merge(base, ours, against), Merge(base, ours, ours)] * 5
    )

    both = POEM.replace("line 2", "two").replace("line 8", "eight").encode()
    assert texts == [both, None, POEM.replace("line 2", "two").encode()] * 5
    assert world.repository.merge_texts([]) == []
    assert world.object_count() == before


# Writing


def test_written_objects_are_gits_and_writing_again_changes_nothing(world: World) -> None:
    new = NewObjects(40)
    oid = new.add("blob", b"text\n")
    world.repository.write(new)
    written = world.object_path(oid).stat()

    world.repository.write(new)

    assert world.git("cat-file", "blob", oid) == b"text\n"
    assert world.object_path(oid).stat() == written
    assert oid == world.git("hash-object", "--stdin", stdin=b"text\n").decode().strip()


def test_a_ref_is_moved_with_a_reason(world: World) -> None:
    first = world.begin({"a": "1\n"})

    world.repository.update_ref("refs/lockstep/candidate", first, "lockstep: plan")

    assert world.git("rev-parse", "refs/lockstep/candidate").decode().strip() == first


@pytest.mark.parametrize("ref", ["refs/heads/a b", "refs/heads/../../x", "refs/heads/x\ny", ""])
def test_a_ref_that_git_would_not_have_is_refused_in_one_line(world: World, ref: str) -> None:
    first = world.begin({"a": "1\n"})
    before = world.git("for-each-ref")

    with pytest.raises(RepositoryError) as refusal:
        world.repository.update_ref(ref, first, "lockstep: plan")

    assert "\n" not in str(refusal.value)
    assert world.git("for-each-ref") == before


# Whoever's machine it is


def test_nothing_that_a_person_has_configured_changes_the_answer(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.begin({"old.txt": POEM, "charts": submodule("1" * 40), "app.yaml": APP})
    world.commit("development", {"old.txt": None, "new.txt": POEM, "charts": submodule("2" * 40)})
    world.commit("staging", {"charts": submodule("2" * 40)})
    world.commit("staging", {"charts": submodule("1" * 40)})
    plain = [(spelled(c), c.commits) for c in world.compare().changes]
    config = tmp_path / "config"
    config.write_text(
        "[diff]\n\trenames = copies\n\tignoreSubmodules = all\n\tnoprefix = true\n"
        "\trelative = true\n\texternal = false\n\tsubmodule = log\n"
        "[log]\n\tshowSignature = true\n\tdecorate = full\n\tfollow = true\n\tdiffMerges = off\n"
        "[format]\n\tpretty = fuller\n[core]\n\tabbrev = 5\n\tquotePath = true\n"
        "[color]\n\tui = always\n[i18n]\n\tlogOutputEncoding = latin1\n[merge]\n\trenames = true\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_GLOB_PATHSPECS", "1")
    monkeypatch.setenv("GIT_ICASE_PATHSPECS", "1")

    assert [(spelled(c), c.commits) for c in world.compare().changes] == plain
    assert [state for state, _ in plain] == ["drift charts", "pending new.txt", "pending old.txt"]
