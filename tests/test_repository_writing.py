"""New objects come into a repository whole, one by one or as one pack."""

import subprocess
from pathlib import Path

import pytest

from bot.engine.trees import NewObjects
from bot.repository import Repository

# Around the sizes at which a pack's header grows by a byte.
SIZES = [0, 1, 15, 16, 17, 2047, 2048, 2049, 300_000]


@pytest.fixture(params=["sha1", "sha256"])
def directory(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    command = ["git", "init", "--quiet", "--bare", f"--object-format={request.param}", "."]
    subprocess.run(command, cwd=tmp_path, check=True)
    return tmp_path


def made(directory: Path, count: int) -> tuple[NewObjects, str]:
    """Return a commit of so many files, with all its objects."""
    config = (directory / "config").read_text()
    new = NewObjects(64 if "sha256" in config else 40)
    blobs = [new.add("blob", b"%d" % n + b"x" * SIZES[n % len(SIZES)]) for n in range(count)]
    entries = (b"100644 %03d\0" % n + bytes.fromhex(oid) for n, oid in enumerate(blobs))
    tree = new.add("tree", b"".join(entries))
    who = "Ann <ann@example.com> 0 +0000"
    text = f"tree {tree}\nauthor {who}\ncommitter {who}\n\nBegin\n"
    return new, new.add("commit", text.encode())


@pytest.mark.parametrize(("count", "packs"), [(20, 0), (200, 1)])
def test_what_is_written_is_there_and_sound(directory: Path, count: int, packs: int) -> None:
    new, commit = made(directory, count)

    with Repository.find(directory) as repository:
        repository.write(new)
        repository.update_ref("refs/heads/main", commit, "test")
        contents = repository.read(list(new.objects))

    assert contents == [content for _, content in new.objects.values()]
    assert len(list(directory.glob("objects/pack/*.pack"))) == packs
    subprocess.run(["git", "fsck", "--strict", "--full"], cwd=directory, check=True)


@pytest.mark.parametrize("count", [20, 200])
def test_what_is_there_is_not_written_again(directory: Path, count: int) -> None:
    new, _ = made(directory, count)

    with Repository.find(directory) as repository:
        repository.write(new)
        before = sorted(directory.glob("objects/**/*"))
        repository.write(new)

    assert sorted(directory.glob("objects/**/*")) == before
