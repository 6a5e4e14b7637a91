"""One question to a remote over HTTP: answered as git would, or left to git."""

import base64
import http.server
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from bot.engine.trees import NewObjects
from bot.git_formats import commit_of_blobs, packed
from bot.git_http import Lines
from bot.mirror import Mirror
from bot.repository import RepositoryError
from tests.world import GIT_ENVIRONMENT, World

TOKEN = "secret-token"
BRANCHES = ["develop", "staging", "main"]
SERVED = "[core]\n\trepositoryformatversion = 0\n[uploadpack]\n\tallowFilter = true\n"


class Served:
    """A server that has git answer, or answers what it is told."""

    def __init__(self, directory: Path) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.answer: tuple[int, str, bytes] | None = None
        self.fetched: Callable[[bytes], bytes] = bytes
        served = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                served.asked.append((self.path, self.headers["Authorization"]))
                service = self.path.rpartition("/")[2]
                status, kind, content = served.answer or (
                    200,
                    f"application/x-{service}-result",
                    _git(service, directory, body),
                )
                if b"command=fetch" in body:
                    content = served.fetched(content)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/acme/config.git"


def _git(service: str, directory: Path, question: bytes) -> bytes:
    command = ["git", service.removeprefix("git-"), "--stateless-rpc", str(directory)]
    environment = {**GIT_ENVIRONMENT, "GIT_PROTOCOL": "version=2"}
    done = subprocess.run(
        command, input=question, capture_output=True, check=False, env=environment, timeout=60
    )
    return done.stdout


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[World]:
    with World.new(tmp_path / "remote.git", SERVED) as world:
        world.begin({"app.yaml": "a: 1\n"})
        world.edit("development", "app.yaml", "1", "2")
        yield world


@pytest.fixture
def served(remote: World) -> Iterator[Served]:
    found = Served(remote.directory)
    thread = threading.Thread(target=found.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield found
    found.server.shutdown()
    thread.join(timeout=20)
    found.server.server_close()


@pytest.fixture
def lines() -> Iterator[Lines]:
    found = Lines()
    yield found
    found.close()


def test_the_branches_come_as_git_has_them_in_one_request(
    remote: World, served: Served, lines: Lines
) -> None:
    remote.branch("main-old", at="development")
    remote.branch("feat/ünï", at="development")
    wanted = ["develop", "main", "feat/ünï", "gone"]

    found = lines.heads(served.url, wanted, TOKEN)

    assert found == {
        "develop": remote.sha("development"),
        "main": remote.sha("production"),
        "feat/ünï": remote.sha("development"),
    }
    basic = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()
    assert served.asked == [("/acme/config.git/git-upload-pack", f"Basic {basic}")]


def test_a_line_stays_open_between_two_looks(served: Served, lines: Lines) -> None:
    for _ in range(3):
        lines.heads(served.url, ["main"])

    assert len(lines._sessions._idle) == 1


def new_commit(remote: World) -> tuple[NewObjects, str]:
    """Return a commit with a file that the remote has not, and its objects."""
    new = NewObjects(40)
    return new, commit_of_blobs(new, [new.add("blob", b"a: 3\n")], remote.sha("development"))


def test_a_branch_is_made_moved_and_deleted_in_one_request_each(
    remote: World, served: Served, lines: Lines
) -> None:
    new, commit = new_commit(remote)
    pack, at = packed(new.objects, new), remote.sha("development")

    made = lines.move(served.url, "lockstep/new", (None, commit), pack, TOKEN)
    moved = lines.move(served.url, "develop", (at, commit), pack)
    found = lines.heads(served.url, ["lockstep/new", "develop"])
    deleted = lines.move(served.url, "lockstep/new", (commit, None), b"")

    assert (made, moved, deleted) == (True, True, True)
    assert found == {"lockstep/new": commit, "develop": commit}
    assert lines.heads(served.url, ["lockstep/new"]) == {}
    assert len(served.asked) == 5


def test_a_branch_that_is_elsewhere_or_what_is_not_whole_is_left_to_git(
    remote: World, served: Served, lines: Lines
) -> None:
    new, commit = new_commit(remote)
    pack, at = packed(new.objects, new), remote.sha("development")
    half = packed({commit: new.objects[commit]}, new)

    assert not lines.move(served.url, "develop", (at, commit), half)
    assert not lines.move(served.url, "develop", (at, commit), b"")
    # What came with a wish that was refused may stay there, so these are last.
    assert not lines.move(served.url, "develop", (remote.sha("staging"), commit), pack)
    assert not lines.move(served.url, "develop", (None, commit), pack)
    assert not lines.move(f"file://{remote.directory}", "develop", (at, None), b"")
    assert remote.sha("development") == at


def test_a_mirror_pushes_what_is_new_by_a_request_and_what_is_refused_git_explains(
    remote: World, served: Served, lines: Lines, tmp_path: Path
) -> None:
    new, commit = new_commit(remote)
    at = remote.sha("development")
    mirror = Mirror(served.url, tmp_path / "mirrors/1", lines=lines)

    # Its git has no way to this server: what it does not need git for, works.
    mirror.push("lockstep/new", commit, None, new)
    made = lines.heads(served.url, ["lockstep/new"])
    mirror.push("lockstep/new", None, commit)
    with pytest.raises(RepositoryError):
        mirror.push("develop", commit, remote.sha("staging"), new)

    assert made == {"lockstep/new": commit}
    assert lines.heads(served.url, ["lockstep/new", "develop"]) == {"develop": at}


@pytest.fixture
def mirror(remote: World, served: Served, lines: Lines, tmp_path: Path) -> Mirror:
    """A mirror that has all there is, and whose git has no way to the server."""
    directory = tmp_path / "mirrors/1"
    Mirror(f"file://{remote.directory}", directory).fetch(BRANCHES).close()
    found = Mirror(served.url, directory, TOKEN, lines)
    found.fetch(BRANCHES).close()
    served.asked.clear()
    return found


def test_what_is_new_comes_by_a_request_with_its_small_files_alone(
    remote: World, served: Served, mirror: Mirror
) -> None:
    remote.commit("development", {"app.yaml": "a: 3\n", "big.bin": "x" * 20_000})
    remote.merge("development", into="staging")

    with mirror.fetch(BRANCHES) as repository:
        assert repository.heads == {name: remote.sha(name) for name in BRANCHES}
        files = {path: oid for path, (_, oid) in remote.files(remote.sha("staging")).items()}
        assert repository.missing(list(files.values())) == [files["big.bin"]]

    assert [path for path, _ in served.asked] == ["/acme/config.git/git-upload-pack"] * 2
    # Git goes on from here: it sees them where it left the branches.
    at = mirror._git("for-each-ref", "--format=%(refname:lstrip=2) %(objectname)").decode()
    assert dict(line.split() for line in at.splitlines()) == repository.heads
    new = remote.commit("feature", {"app.yaml": "a: 5\n"})
    with Mirror(f"file://{remote.directory}", mirror.directory).fetch(["feature"]) as repository:
        assert repository.heads == {"feature": new}


def test_a_branch_that_was_forced_to_another_past_comes_by_a_request(
    remote: World, mirror: Mirror
) -> None:
    remote.move("development", remote.sha("production"))
    new = remote.commit("development", {"app.yaml": "a: 4\n"})

    with mirror.fetch(BRANCHES) as repository:
        assert repository.heads["develop"] == new
        assert repository.merge_bases(new, repository.heads["main"]) == (repository.heads["main"],)


@pytest.mark.parametrize(
    "spoiled",
    [
        lambda _: packet("ERR upload-pack: not our ref\n") + b"0000",
        lambda _: packet("packfile\n") + packet("\3out of memory\n") + b"0000",
        lambda _: packet("packfile\n") + packet("\1PACK") + b"0000",
        lambda _: packet("packfile\n") + b"0000",
        lambda answer: answer.replace(b"packfile\n", b"shallow!\n"),
        lambda answer: answer[:-30] + b"0000",
        lambda answer: answer + b"x" * (5 << 20),
    ],
)
def test_a_pack_that_is_none_is_left_to_git_and_spoils_nothing(
    remote: World, served: Served, mirror: Mirror, spoiled: Callable[[bytes], bytes]
) -> None:
    new = remote.commit("development", {"app.yaml": "a: 3\n"})
    served.fetched = spoiled

    with pytest.raises(RepositoryError):
        mirror.fetch(BRANCHES)

    served.fetched = bytes
    with mirror.fetch(BRANCHES) as repository:
        assert repository.heads["develop"] == new


def test_files_come_by_a_request_when_they_are_needed(
    remote: World, served: Served, mirror: Mirror
) -> None:
    big = remote.commit("development", {"big.bin": "x" * 20_000})
    with mirror.fetch(BRANCHES) as repository:
        files = [oid for _, oid in remote.files(big).values()]

        repository.prefetch(files)

        assert repository.missing(files) == []
    assert len(served.asked) == 3


def test_a_branch_that_was_never_seen_is_left_to_git(
    remote: World, served: Served, mirror: Mirror
) -> None:
    remote.commit("feature", {"app.yaml": "a: 3\n"})

    with pytest.raises(RepositoryError):
        mirror.fetch([*BRANCHES, "feature"])

    assert [path for path, _ in served.asked] == ["/acme/config.git/git-upload-pack"]


def packet(text: str) -> bytes:
    return f"{len(text) + 4:04x}{text}".encode()


GOOD = packet(f"{'a' * 40} refs/heads/main\n")
RESULT = "application/x-git-upload-pack-result"


@pytest.mark.parametrize(
    "answer",
    [
        (401, RESULT, b""),
        (301, RESULT, b""),
        (500, "text/html", b"<html>"),
        (200, "text/html", b"<html>log in, please"),
        (200, RESULT, b""),
        (200, RESULT, GOOD),
        (200, RESULT, GOOD + b"00"),
        (200, RESULT, GOOD + b"0000more"),
        (200, RESULT, GOOD + b"0003" + b"0000"),
        (200, RESULT, b"zzzz"),
        (200, RESULT, packet("ERR mismatched object format\n") + b"0000"),
        (200, RESULT, packet(f"{'a' * 40} refs/tags/v1\n") + b"0000"),
        (200, RESULT, packet("unborn refs/heads/main\n") + b"0000"),
        (200, RESULT, b"0010\xff\xfe\xff\xfe\xff\xfe\xff\xfe\xff\xfe\xff\xfe0000"),
    ],
)
def test_what_is_no_plain_answer_is_left_to_git(
    served: Served, lines: Lines, answer: tuple[int, str, bytes]
) -> None:
    served.answer = answer

    assert lines.heads(served.url, ["main"]) is None


@pytest.mark.parametrize("url", ["file:///srv/a.git", "/srv/a.git", "ssh://git@host/a.git"])
def test_other_ways_to_a_remote_are_left_to_git(lines: Lines, url: str) -> None:
    assert lines.heads(url, ["main"]) is None


def test_a_remote_that_is_away_is_left_to_git(served: Served, lines: Lines) -> None:
    served.server.shutdown()
    served.server.server_close()

    assert lines.heads(served.url, ["main"]) is None


def test_no_branch_is_asked_for_as_none(served: Served, lines: Lines) -> None:
    wanted: Sequence[str] = []

    assert lines.heads(served.url, wanted) == {}


def test_a_branch_that_is_listed_without_a_commit_is_gone(served: Served, lines: Lines) -> None:
    none = packet(f"{'0' * 40} refs/heads/main\n")
    served.answer = (200, RESULT, none + packet(f"{'a' * 40} refs/heads/main-old\n") + b"0000")

    assert lines.heads(served.url, ["main", "main-old"]) == {"main-old": "a" * 40}
