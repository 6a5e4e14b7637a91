"""CODEOWNERS as GitHub and GitLab read it: who owns a path. Pure: text in, entries out."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bot.model import ForgeName

# Where the file is looked for, in this order; the first that is there counts.
PLACES: dict[ForgeName, tuple[str, ...]] = {
    "github": (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"),
    "gitlab": ("CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"),
    "git": ("CODEOWNERS", "docs/CODEOWNERS", ".github/CODEOWNERS", ".gitlab/CODEOWNERS"),
}
_SECTION = re.compile(r"(\^?)\[([^\]]+)\](?:\[(\d{1,3})\])?(.*)")
_WORD = re.compile(r"(?:\\.|[^\s\\])+")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: what it selects and who owns that; nobody where it names no owner."""

    pattern: str
    owners: tuple[str, ...]
    needed: int = 1
    excluded: bool = False
    expression: re.Pattern[str] = field(default=re.compile(""), compare=False, repr=False)


@dataclass(slots=True)
class _Section:
    owners: tuple[str, ...] = ()
    needed: int = 1
    optional: bool = False
    entries: list[Entry] = field(default_factory=list)


class CodeOwnersFile:
    """A file's entries. What is not understood selects nothing, as on the forges."""

    def __init__(self, text: str, forge: ForgeName) -> None:
        self._gitlab = forge == "gitlab"
        self._sections: dict[str, _Section] = {"": _Section()}
        self._at = self._sections[""]
        for line in text.splitlines():
            self._take(line.strip())

    def owners_of(self, paths: Iterable[str]) -> tuple[Entry, ...]:
        """Return the entries with owners that paths fall under, each once, in their order.

        In every section that must agree the last entry that selects a path counts.
        """
        found = dict.fromkeys(
            entry
            for path in paths
            for section in self._sections.values()
            if not section.optional and (entry := _last(section.entries, path)) is not None
        )
        return tuple(entry for entry in found if entry.owners)

    def _take(self, line: str) -> None:
        if not line or line.startswith("#"):
            return
        if self._gitlab and (head := _SECTION.fullmatch(line)):
            self._open(head)
            return
        words = _WORD.findall(line)
        comment = next((i for i, word in enumerate(words) if word.startswith("#")), len(words))
        if not words[:comment]:
            return
        pattern, *owners = words[:comment]
        excluded = self._gitlab and pattern.startswith("!")
        expression = _expression(pattern.removeprefix("!"), gitlab=self._gitlab)
        named = tuple(owner for owner in owners if "@" in owner)
        if not owners:
            named = self._at.owners
        entry = Entry(pattern, named, self._at.needed, excluded, expression)
        self._at.entries.append(entry)

    def _open(self, head: re.Match[str]) -> None:
        optional, name, needed, owners = head.groups()
        # Of one name there is one section, however often it is opened.
        self._at = self._sections.setdefault(name.strip().casefold(), _Section())
        self._at.optional = bool(optional)
        self._at.needed = max(1, int(needed or 1))
        self._at.owners = tuple(word for word in owners.split() if "@" in word)


def _last(entries: Sequence[Entry], path: str) -> Entry | None:
    if any(entry.excluded and entry.expression.fullmatch(path) for entry in entries):
        return None
    return next(
        (
            each
            for each in reversed(entries)
            if not each.excluded and each.expression.fullmatch(path)
        ),
        None,
    )


def _expression(pattern: str, *, gitlab: bool) -> re.Pattern[str]:
    """Return what a pattern selects: as in `.gitignore`, where the forges do not differ from it."""
    directory = pattern.endswith("/")
    inner = pattern.strip("/")
    anchored = pattern.startswith("/") or (not gitlab and "/" in inner)
    if directory:
        below = "/.*"
    elif gitlab or inner.rsplit("/", 1)[-1] in {"*", "**"}:
        # `docs/*` is what lies directly in it, on either forge.
        below = ""
    else:
        below = "(?:/.*)?"
    if inner in {"", "*", "**"}:
        return re.compile(".*", re.DOTALL)
    return re.compile(_body(inner, anchored=anchored) + below, re.DOTALL)


_TOKEN = re.compile(r"\\(.)|((?:^|(?<=/))\*\*/)|(/\*\*$)|(\*\*)|(\*)|(\?)|(.)", re.DOTALL)
# What lies between two stretches of a pattern: anything at all, or whole directories if any.
_ANYTHING, _DIRECTORIES = ".*?", "(?:|.*?/)"


def _body(pattern: str, *, anchored: bool) -> str:
    """Return the expression of a pattern that takes no more than quadratic time.

    Each stretch between two `**`, and each between two stars, is taken where it first fits and
    never tried elsewhere: what follows it makes good for any choice (see `config.patterns`).
    """
    *most, (between, last) = _stretches(pattern, "" if anchored else _DIRECTORIES)
    held = "".join(f"(?>{gap}{_held(chunks)})" for gap, chunks in most)
    *chunks, end = last
    return held + between + (f"{_held(chunks)}[^/]*{end}" if chunks else end)


def _held(chunks: Sequence[str]) -> str:
    first, *others = chunks
    return first + "".join(f"(?>[^/]*?{chunk})" for chunk in others)


def _stretches(pattern: str, before: str) -> list[tuple[str, list[str]]]:
    """Return the stretches between `**`, parted at stars, each with what may lie before it."""
    found: list[tuple[str, list[str]]] = [(before, [""])]
    for escaped, across, below, any_, within, one, literal in _TOKEN.findall(pattern):
        chunks = found[-1][1]
        if across:
            found.append((_DIRECTORIES, [""]))
        elif below or any_:
            chunks[-1] += "/" if below else ""
            found.append((_ANYTHING, [""]))
        elif within:
            chunks.append("")
        else:
            chunks[-1] += "[^/]" if one else re.escape(escaped or literal)
    return found
