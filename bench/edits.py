"""One-key edits on real YAML files: every byte outside the key stays, beside ruamel's round trip.

The files are those of this machine and of a few packages that ship many; a package that
cannot be fetched is left out, and the table says how many cases came from where.
"""

import io
import random
import shutil
import site
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from bench.measure import Goal, Row, compared, interleaved
from bench.repositories import CACHE
from bot.engine import yaml_text
from bot.engine.layout import leaves
from bot.engine.nodes import Node, Unreadable, is_order
from bot.engine.splice import CannotSplice, Expected, splice
from bot.engine.values import decode

NAME = "edits"
# Source archives and wheels that are full of other people's YAML; nothing of them is run here.
_PACKAGES = {
    "ansible-core": ["ansible-core==2.19.4", "--no-binary=:all:"],
    "cfn-lint": ["cfn-lint==1.58.0", "--no-binary=:all:"],
    "jenkins-job-builder": ["jenkins-job-builder==6.5.0", "--no-binary=:all:"],
    "lm-eval": ["lm-eval==0.4.13", "--only-binary=:all:"],
}
_SHARED = Path("/usr")
_LARGEST = 200_000
_OF_ONE_ORIGIN = 400
_CASES = Goal(800, at_least=True)


@dataclass(frozen=True, slots=True)
class Case:
    """One scalar of one file, and what is to stand there instead."""

    origin: str
    text: str
    start: int
    end: int
    new: str
    expected: Expected

    @property
    def source(self) -> str:
        """The file with the new scalar, and a line more, so that it is no copy of the result."""
        before, after = self.text[: self.start], self.text[self.end :]
        return f"# As it stands in the source.\n{before}{self.new}{after}"

    def exact(self, made: str | None) -> bool:
        """Whether every byte around the value is as it was; white space before it aside."""
        before, after = self.text[: self.start].rstrip(), self.text[self.end :]
        if made is None or not made.startswith(before) or not made.endswith(after):
            return False
        return made[len(before) : len(made) - len(after)].strip() == self.new


def rows(*, quick: bool) -> Iterator[Row]:
    cases = list(_cases(_OF_ONE_ORIGIN // 8 if quick else _OF_ONE_ORIGIN))
    origins = Counter(case.origin for case in cases)
    told = ", ".join(f"{count} {origin}" for origin, count in origins.most_common())
    enough = None if quick else _CASES
    yield Row(NAME, "cases", str(len(cases)), told, len(cases) if enough else None, enough)
    results = [(case, _spliced(case)) for case in cases]
    exact = sum(case.exact(made) for case, made in results)
    refused = sum(made is None for _, made in results)
    what = f"byte-exact outside the key; {refused} refused, {len(cases) - exact - refused} wrong"
    ruamel = [(case, _round_trip(case)) for case in cases[:: 1 if quick else 4]]
    theirs = sum(case.exact(made) for case, made in ruamel) / len(ruamel)
    share = exact / len(cases)
    yield Row(NAME, what, f"{share:.2%}", f"{theirs:.0%} by ruamel", share, Goal(1, at_least=True))
    sample = random.Random(4).sample(cases, min(len(cases), 60 if quick else 150))
    seconds = interleaved(
        1 if quick else 3,
        {
            "ours": lambda: [_spliced(case) for case in sample],
            "ruamel": lambda: [_round_trip(case) for case in sample],
        },
    )
    what = f"one edit, mean of {len(sample)}"
    times = seconds["ours"] / len(sample), seconds["ruamel"] / len(sample)
    goal = Goal(30, at_least=True)
    yield compared(NAME, what, times, "ruamel round trip", goal, gain=True)


def _spliced(case: Case) -> str | None:
    """Return what the engine makes of it, None where it refuses."""
    try:
        return splice("file.yaml", case.text, case.source, case.expected)
    except CannotSplice:
        return None


def _round_trip(case: Case) -> str | None:
    """Load, change and dump with ruamel, told to keep quotes; None where it cannot."""
    yaml = YAML()
    yaml.preserve_quotes = True
    try:
        documents = list(yaml.load_all(case.text))
        line = case.text.count("\n", 0, case.start)
        column = case.start - case.text.rfind("\n", 0, case.start) - 1
        if not any(_set(document, line, column, case.new) for document in documents):
            return None
        written = io.StringIO()
        yaml.dump_all(documents, written)
    except (YAMLError, ValueError, TypeError, AttributeError, KeyError):
        return None
    return written.getvalue()


def _set(node: Any, line: int, column: int, new: str) -> bool:
    """Set the value that stands at a place in the file."""
    if not isinstance(node, CommentedMap):
        return isinstance(node, list) and any(_set(below, line, column, new) for below in node)
    for key, below in node.items():
        if key in (node.lc.data or {}) and tuple(node.lc.value(key)) == (line, column):
            node[key] = new.strip("\"'")
            return True
        if _set(below, line, column, new):
            return True
    return False


def _cases(most: int) -> Iterator[Case]:
    chance = random.Random(1)
    for origin, paths in _files().items():
        chance.shuffle(paths)
        found = 0
        for path in paths:
            case = _case(origin, path, chance)
            if case is not None:
                yield case
                found += 1
            if found == most:
                break


def _case(origin: str, path: Path, chance: random.Random) -> Case | None:
    """Return an edit of one scalar of a file, None where it does not parse or has none."""
    try:
        text = decode(path.read_bytes()).characters
        roots = yaml_text.addressed(yaml_text.parse(text))
        places = [
            (key, node)
            for segment, root in roots
            for key, node in leaves(root, segment)
            if key and _is_plain(text, node)
        ]
        if not places:
            return None
        key, node = chance.choice(places)
        quote = text[node.start] if text[node.start] in "\"'" else ""
        new = f"{quote}changed-{chance.randrange(1000)}{quote}"
        before = yaml_text.read(text)
        after = yaml_text.read(text[: node.start] + new + text[node.end :])
    except (OSError, Unreadable):
        return None
    moved = {k for k in before.keys() | after.keys() if before.get(k) != after.get(k)}
    if moved != {key}:
        # More than one key: the name of a list's item, or a value that stands twice.
        return None
    orders = {name: [value] for name, value in after.items() if is_order(name)}
    expected = Expected({k: v for k, v in after.items() if not is_order(k)}, orders)
    return Case(origin, text, node.start, node.end, new, expected)


def _is_plain(text: str, node: Node) -> bool:
    """Whether a scalar stands there by itself, without an anchor and in no block."""
    mine = node.value is not None and not node.block_scalar and not node.tag and not node.alias
    return mine and node.start < node.end and text[node.start] not in "&!"


def _files() -> dict[str, list[Path]]:
    """Return YAML files by where they come from, sorted."""
    roots = {f"Python {sys.version_info[0]}.{sys.version_info[1]}": Path(site.getsitepackages()[0])}
    roots |= {name: found for name in _PACKAGES if (found := _unpacked(name)) is not None}
    files = {origin: _below(root) for origin, root in roots.items()}
    files[str(_SHARED)] = _below(_SHARED)
    return files


def _below(root: Path) -> list[Path]:
    return sorted(
        path
        for suffix in ("*.yaml", "*.yml")
        for path in root.rglob(suffix)
        if path.is_file() and path.stat().st_size <= _LARGEST
    )


def _unpacked(name: str) -> Path | None:
    """Return the directory of a package's files, fetched once; None where it cannot be."""
    directory = CACHE / "yaml" / name
    if directory.exists():
        return directory
    unfinished = directory.with_name(f"{name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--dest", str(unfinished), *_PACKAGES[name]]
    done = subprocess.run(command, check=False, stderr=subprocess.PIPE, text=True)
    archives = list(unfinished.iterdir())
    if done.returncode or not archives:
        print(f"{name} could not be fetched: its files are left out", file=sys.stderr)
        return None
    for archive in archives:
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as opened:
                opened.extractall(unfinished)  # noqa: S202 -- zipfile lets none out
        else:
            with tarfile.open(archive) as opened:
                opened.extractall(unfinished, filter="data")
        archive.unlink()
    unfinished.rename(directory)
    return directory
