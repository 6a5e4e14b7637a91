"""A mirror holds what is asked of it, survives damage and company, and keeps its token secret."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bot import mirror as mirror_module
from bot.engine.drift import compare
from bot.engine.keep import Keep
from bot.git_process import run_git
from bot.mirror import Mirror, MirroredRepository
from bot.model import Head
from bot.repository import RepositoryError
from tests.world import GIT_ENVIRONMENT, World

APP = "image: v1\nreplicas: 1\n"
BRANCHES = ["develop", "staging", "main"]
SERVED = "[core]\n\trepositoryformatversion = 0\n[uploadpack]\n\tallowFilter = true\n"


@pytest.fixture(autouse=True)
def _nobodys_git_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GIT_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[World]:
    with World.new(tmp_path / "remote.git", SERVED) as world:
        world.begin({"app.yaml": APP, "other.yaml": "a: 1\n"})
        yield world


@pytest.fixture
def mirror(remote: World, tmp_path: Path) -> Mirror:
    return Mirror(f"file://{remote.directory}", tmp_path / "mirrors/1")


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The git commands that mirrors run, by name."""
    run: list[str] = []
    original = run_git

    def noted(*arguments: str, **options: object) -> bytes:
        names = ("fetch", "ls-remote", "push", "init", "config")
        run.extend(name for name in arguments if name in names)
        return original(*arguments, **options)  # type: ignore[arg-type] # passed on as they came

    monkeypatch.setattr(mirror_module, "run_git", noted)
    return run


def drift(repository: MirroredRepository) -> list[str]:
    heads = [Head(name, name, repository.heads[name]) for name in ("develop", "staging")]
    comparison = compare(repository, heads[0], heads[1], Keep())
    return [f"{change.state} {change.path}:{change.key}" for change in comparison.changes]


def test_a_mirror_answers_as_the_remote_does(remote: World, mirror: Mirror) -> None:
    remote.edit("development", "app.yaml", "v1", "v2")
    remote.edit("staging", "app.yaml", "replicas: 1", "replicas: 2")

    with mirror.fetch(BRANCHES) as repository:
        found = drift(repository)

    assert found == ["pending app.yaml:image", "drift app.yaml:replicas"]


def test_only_the_branches_that_are_asked_for_come(remote: World, mirror: Mirror) -> None:
    elsewhere = remote.commit("feature", {"big.bin": "x" * 1000})

    with mirror.fetch(BRANCHES) as repository:
        assert repository.branch("develop") == remote.sha("development")
        assert repository.branch("feature") is None
        assert repository.missing([elsewhere]) == [elsewhere]


def test_no_blob_comes_before_it_is_needed_and_a_hops_come_in_one_round_trip(
    remote: World, mirror: Mirror, commands: list[str]
) -> None:
    for number in range(1, 6):
        remote.commit("development", {"app.yaml": APP.replace("v1", f"v{number}")})
    blobs = [entry[1] for entry in remote.files(remote.sha("development")).values()]

    with mirror.fetch(BRANCHES) as repository:
        assert sorted(repository.missing(blobs)) == sorted(blobs)
        commands.clear()
        drift(repository)
        assert commands == ["fetch"]
        other = remote.files(remote.sha("development"))["other.yaml"][1]
        assert repository.missing(blobs) == [other]


def test_where_nothing_moved_nothing_is_fetched(
    remote: World, mirror: Mirror, commands: list[str]
) -> None:
    mirror.fetch(BRANCHES).close()
    commands.clear()

    mirror.fetch(BRANCHES).close()
    again, commands[:] = list(commands), []
    remote.edit("development", "app.yaml", "v1", "v2")
    mirror.fetch(BRANCHES).close()

    assert (again, commands) == (["ls-remote"], ["ls-remote", "fetch"])


def test_a_branch_that_is_gone_or_was_forced_is_seen_so(remote: World, mirror: Mirror) -> None:
    mirror.fetch(BRANCHES).close()
    remote.edit("development", "app.yaml", "v1", "v2")
    forced = remote.sha("production")
    remote.move("development", forced)
    remote.git("update-ref", "-d", "refs/heads/staging")

    with mirror.fetch(BRANCHES) as repository:
        assert repository.heads == {"develop": forced, "main": forced}


def test_packs_do_not_gather_without_end_and_who_reads_is_not_disturbed(
    remote: World, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror_module, "_MOST_PACKS", 4)
    packs = mirror.directory / "store/objects/pack"
    with mirror.fetch(BRANCHES) as reading:
        for number in range(12):
            remote.commit("development", {"app.yaml": f"image: v{number}\n"})
            mirror.fetch(BRANCHES).close()
            assert len(list(packs.glob("*.pack"))) <= 5
        assert reading.read([reading.heads["develop"]])
        reading.look()
        assert drift(reading) == ["pending app.yaml:image", "pending app.yaml:replicas"]


def test_a_mirror_that_cannot_be_tidied_is_used_as_it_is(
    remote: World,
    mirror: Mirror,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(mirror_module, "_MOST_PACKS", 0)
    mirror.fetch(BRANCHES).close()
    with (mirror.directory / "store/config").open("a") as settings:
        settings.write("[repack]\n\twriteBitmaps = maybe\n")
    new = remote.commit("development", {"app.yaml": "image: v2\n"})

    with mirror.fetch(BRANCHES) as repository:
        assert repository.heads["develop"] == new

    assert "could not be tidied" in caplog.text


def test_branch_names_are_data(remote: World, mirror: Mirror) -> None:
    odd = ["--upload-pack=touch x", "-n", "feat/ünï", "a'b\"c"]
    odd = [name for name in odd if " " not in name]
    for name in odd:
        remote.branch(name, at="development")

    with mirror.fetch([*BRANCHES, *odd]) as repository:
        assert {name: repository.branch(name) for name in odd} == dict.fromkeys(
            odd, remote.sha("development")
        )


@pytest.mark.parametrize("damage", ["pack", "index", "head", "everything"])
def test_a_damaged_mirror_is_cloned_anew(remote: World, mirror: Mirror, damage: str) -> None:
    remote.edit("development", "app.yaml", "v1", "v2")
    with mirror.fetch(BRANCHES) as repository:
        drift(repository)
    files = [path for path in mirror.directory.rglob("*") if path.is_file()]
    chosen = {
        "pack": [path for path in files if path.suffix == ".pack"],
        "index": [path for path in files if path.suffix == ".idx"],
        "head": [path for path in files if path.name == "HEAD"],
        "everything": files,
    }[damage]
    for path in chosen:
        path.chmod(0o644)
        path.write_bytes(b"damaged")

    with mirror.fetch(BRANCHES) as repository:
        assert drift(repository) == ["pending app.yaml:image"]


def test_a_remote_that_is_not_there_is_said_and_costs_the_mirror_nothing(
    remote: World, mirror: Mirror
) -> None:
    with mirror.fetch(BRANCHES) as repository:
        drift(repository)
    kept = sorted(path.name for path in mirror.directory.rglob("*.pack"))
    away = remote.directory.rename(remote.directory.with_name("away"))

    with pytest.raises(RepositoryError, match=r"remote|repository"):
        mirror.fetch(BRANCHES)

    away.rename(remote.directory)
    assert sorted(path.name for path in mirror.directory.rglob("*.pack")) == kept


def test_many_at_once_each_get_the_truth(remote: World, tmp_path: Path) -> None:
    for number in range(2, 8):
        remote.commit("development", {"app.yaml": APP.replace("v1", f"v{number}")})
    answers: list[list[str]] = []
    errors: list[Exception] = []

    def look() -> None:
        own = Mirror(f"file://{remote.directory}", tmp_path / "mirrors/1")
        try:
            for _ in range(3):
                with own.fetch(BRANCHES) as repository:
                    answers.append(drift(repository))
        except Exception as error:  # noqa: BLE001 -- whatever it is, the test shows it
            errors.append(error)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert errors == []
    assert answers == [["pending app.yaml:image"]] * 12


def test_a_push_moves_a_branch_from_where_it_was_expected_and_from_nowhere_else(
    remote: World, mirror: Mirror
) -> None:
    start, newer = remote.sha("staging"), remote.edit("development", "app.yaml", "v1", "v2")
    mirror.fetch(BRANCHES).close()

    mirror.push("staging", newer, start)
    mirror.push("staging", newer, start)  # its answer may have been lost: done is done
    with pytest.raises(RepositoryError):
        mirror.push("staging", start, start)
    mirror.push("lockstep/new", newer, None)
    mirror.push("lockstep/new", None, newer)

    assert remote.sha("staging") == newer
    assert remote.git("for-each-ref", "refs/heads/lockstep") == b""


def test_a_full_disk_is_said_in_one_line(
    remote: World, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote.edit("development", "app.yaml", "v1", "v2")

    def full(*_: object, **__: object) -> bytes:
        raise RepositoryError("fatal: write error: No space left on device")

    monkeypatch.setattr(mirror_module, "run_git", full)

    with pytest.raises(RepositoryError, match="No space left on device"):
        mirror.fetch(BRANCHES)


def test_a_token_stands_in_no_file_of_the_mirror(remote: World, tmp_path: Path) -> None:
    mirror = Mirror(f"file://{remote.directory}", tmp_path / "mirrors/1", token="canary-token")

    mirror.fetch(BRANCHES).close()

    files = [path for path in mirror.directory.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"canary" in path.read_bytes()]


def test_a_token_is_sent_nowhere_but_where_the_forge_said(tmp_path: Path) -> None:
    asked: list[tuple[str, str | None]] = []
    url = ""

    class Astray(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers.get("Authorization")))
            self.send_response(302)
            self.send_header("Location", f"{url}/elsewhere{self.path}")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- likewise
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Astray) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/acme/config.git"

        with pytest.raises(RepositoryError, match="error: 302"):
            Mirror(url, tmp_path / "mirrors/1", token="canary").fetch(BRANCHES)
        server.shutdown()

    assert [path.partition("?")[0] for path, _ in asked] == ["/acme/config.git/info/refs"]
    assert asked[0][1] is not None


def test_an_address_that_is_a_command_is_not_run(tmp_path: Path) -> None:
    url = f"ext::touch {tmp_path}/made"

    with pytest.raises(RepositoryError, match="transport 'ext' not allowed"):
        Mirror(url, tmp_path / "mirrors/1").fetch(BRANCHES)

    assert not (tmp_path / "made").exists()


def test_a_mirror_follows_its_repository_to_another_address(
    remote: World, mirror: Mirror, tmp_path: Path
) -> None:
    mirror.fetch(BRANCHES).close()
    moved = tmp_path / "moved.git"
    remote.directory.rename(moved)

    with Mirror(f"file://{moved}", mirror.directory).fetch(BRANCHES) as repository:
        assert set(repository.heads) == set(BRANCHES)
