"""Repositories to measure on, made by `git fast-import`: the same bytes on every machine.

Kept in `.bench/` under a name that changes with this file, so a changed generator never meets
an old repository.
"""

import hashlib
import random
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

CACHE = Path(__file__).resolve().parent.parent / ".bench"
COMMITS = 5_000
# How many files of `differ-N` are not as on `main`.
DIFFERING = (1, 10, 100, 1_000, 10_000)

_REGIONS = ("eu-west", "eu-north", "us-east", "us-west", "ap-south")
_SETTINGS = ("LOG_LEVEL", "CACHE_TTL", "DATABASE_HOST", "POOL_SIZE", "FEATURE_FLAGS", "TIMEOUT")
_BEGINNING = 1_700_000_000  # seconds since 1970 of the first commit


def path_of(number: int) -> str:
    """Return the path of a file: three levels of directories, 64 files in each of the last."""
    directory, file = divmod(number, 64)
    area, team = divmod(directory, 12)
    region, cluster = divmod(area, 13)
    return f"region-{region:02}/cluster-{cluster:02}/team-{team:02}/service-{file:02}.yaml"


def text_of(number: int, version: int) -> bytes:
    """Return a file of 0.5 to 2 KB; a new version is a new image tag, and nothing else."""
    noise = hashlib.sha512(b"%d" % number).hexdigest()
    region = _REGIONS[number % len(_REGIONS)]
    lines = [
        f"# Settings of service {number}; ask team {number // 64} before you change them.",
        "service:",
        f"  name: service-{number:06}",
        f"  image: registry.example.com/{region}/service-{number:06}",
        f"  tag: v1.{version}.{int(noise[:3], 16)}",
        f"  digest: sha256:{noise[:64]}",
        f"replicas: {int(noise[3], 16) % 7 + 1}",
        "resources:",
        f"  limits: {{cpu: {int(noise[4:6], 16) * 10}m, memory: {int(noise[6:8], 16) * 8}Mi}}",
        "environment:",
    ]
    for position in range(2 + int(noise[8:10], 16) % 24):
        name = f"{_SETTINGS[position % len(_SETTINGS)]}_{position}"
        lines += [f"  - name: {name}", f"    value: {noise[position : position + 18]!r}"]
    return ("\n".join(lines) + "\n").encode()


@dataclass(slots=True)
class _Import:
    """A stream to `git fast-import`, and what every branch holds that differs from the start."""

    stream: IO[bytes]
    files: int
    marks: int = 0
    time: int = _BEGINNING
    heads: dict[str, int] = field(default_factory=dict)
    versions: dict[int, tuple[int, int]] = field(default_factory=dict)  # by file: version, blob

    def blob(self, number: int, version: int) -> int:
        self.marks += 1
        text = text_of(number, version)
        self.stream.write(b"blob\nmark :%d\ndata %d\n%s" % (self.marks, len(text), text))
        return self.marks

    def edit(self, numbers: Iterable[int]) -> dict[int, int]:
        """Return a new blob for each file."""
        blobs = {}
        for number in numbers:
            version = self.versions.get(number, (0, 0))[0] + 1
            blobs[number] = self.blob(number, version)
            self.versions[number] = version, blobs[number]
        return blobs

    def commit(
        self, branch: str, subject: str, blobs: dict[int, int], merged: str | None = None
    ) -> None:
        """Commit on a branch, or begin one at `main` where it is new."""
        self.marks += 1
        self.time += 60
        parent = self.heads.get(branch, self.heads.get("main"))
        lines = [
            f"commit refs/heads/{branch}",
            f"mark :{self.marks}",
            f"author Ada <ada@example.com> {self.time} +0000",
            f"committer Ada <ada@example.com> {self.time} +0000",
            f"data {len(subject)}",
            subject,
            *([f"from :{parent}"] if parent else []),
            *([f"merge :{self.heads[merged]}"] if merged else []),
            *(f"M 100644 :{blob} {path_of(number)}" for number, blob in blobs.items()),
            "",
        ]
        self.heads[branch] = self.marks
        self.stream.write("\n".join(lines).encode())

    def begin(self) -> None:
        """Commit all files, and let every environment begin there."""
        blobs = {number: self.blob(number, 0) for number in range(self.files)}
        self.commit("main", "Begin", blobs)
        for environment in ("staging", "development"):
            self.commit(environment, f"Begin {environment}", {})

    def finish(self) -> None:
        """Branch off `main` with a known number of files that differ, and once with drift."""
        chance = random.Random(2)
        # The last file of a directory drifts, the others differ: never the same file.
        numbers = chance.sample(range(63, self.files, 64), 100)
        self.commit("drifted", "Mend by hand", self.edit(numbers))
        others = [number for number in range(self.files) if number % 64 != 63]
        for count in DIFFERING:
            if count > self.files // 2:
                break
            numbers = chance.sample(others, count)
            steps = min(count, 20)
            for step in range(steps):
                subject = f"Raise tags, {step + 1} of {steps}"
                self.commit(f"differ-{count}", subject, self.edit(numbers[step::steps]))


def _merging(import_: _Import) -> None:
    """Five thousand commits, promoted by merges; 10 and 1,000 files differ in the end."""
    chance = random.Random(1)
    to_staging: dict[int, int] = {}
    to_main: dict[int, int] = {}

    def promote(source: str, target: str, blobs: dict[int, int]) -> None:
        import_.commit(target, f"Promote {source} to {target}", blobs, source)

    def develop(numbers: Sequence[int]) -> None:
        blobs = import_.edit(numbers)
        import_.commit("development", f"Release service {numbers[0]}", blobs)
        to_staging.update(blobs)

    for number in range(COMMITS - 175):
        develop(chance.sample(range(import_.files), chance.randint(1, 3)))
        if number % 40 == 39:
            promote("development", "staging", to_staging)
            to_main.update(to_staging)
            to_staging.clear()
        if number % 160 == 159:
            promote("staging", "main", to_main)
            to_main.clear()
    promote("development", "staging", to_staging)
    promote("staging", "main", to_main | to_staging)
    to_staging.clear()
    import_.finish()
    many = chance.sample(range(import_.files), 1_000)
    for step in range(20):
        develop(many[step::20])
    promote("development", "staging", to_staging)
    for number in chance.sample(range(import_.files), 10):
        develop([number])


def _squashing(import_: _Import) -> None:
    """Promotions by squash and without trailers, so that git sees them nowhere."""
    chance = random.Random(3)
    pending: dict[str, dict[int, int]] = {"staging": {}, "main": {}}
    for number in range(COMMITS - 250):
        blobs = import_.edit(chance.sample(range(import_.files * 15 // 100), 1))
        import_.commit("development", f"Release service {number}", blobs)
        for blobs_pending in pending.values():
            blobs_pending.update(blobs)
        for target, every in (("staging", 58), ("main", 870)):
            if number % every == every - 1:
                import_.commit(target, f"Promote to {target} (#{number})", pending[target])
                pending[target] = {}


def generated(files: int, *, squash: bool = False) -> Path:
    """Return a bare repository of so many files, made now where there is none yet."""
    digest = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    name = f"{'squash' if squash else 'merge'}-{files}"
    directory = CACHE / f"{name}-{digest}.git"
    if directory.exists():
        return directory
    for stale in CACHE.glob(f"{name}-*"):
        shutil.rmtree(stale)
    unfinished = directory.with_suffix(".unfinished")
    unfinished.mkdir(parents=True)
    git(unfinished, "init", "--quiet", "--bare", "--initial-branch=main")
    command = ["git", f"--git-dir={unfinished}", "fast-import", "--quiet", "--done"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        import_ = _Import(process.stdin, files)
        import_.begin()
        (_squashing if squash else _merging)(import_)
        process.stdin.write(b"done\n")
        process.stdin.close()
    if process.returncode != 0:
        raise RuntimeError("git fast-import did not take the generated history")
    unfinished.rename(directory)
    return directory


def git(directory: Path, *arguments: str) -> str:
    """Run git on a repository and return what it prints."""
    command = ["git", f"--git-dir={directory}", *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()
