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
    body = _translated(inner)
    if directory:
        below = "/.*"
    elif gitlab or inner.rsplit("/", 1)[-1] in {"*", "**"}:
        # `docs/*` is what lies directly in it, on either forge.
        below = ""
    else:
        below = "(?:/.*)?"
    if inner in {"", "*", "**"}:
        return re.compile(".*", re.DOTALL)
    return re.compile(("" if anchored else "(?:.*/)?") + body + below, re.DOTALL)


_TOKEN = re.compile(r"\\(.)|(\*\*/)|(/\*\*$)|(\*\*)|(\*)|(\?)|(.)", re.DOTALL)


def _translated(pattern: str) -> str:
    parts = []
    for escaped, across, below, any_, within, one, literal in _TOKEN.findall(pattern):
        if across:
            parts.append("(?:.*/)?")
        elif below:
            parts.append("/.*")
        elif any_:
            parts.append(".*")
        elif within:
            parts.append("[^/]*")
        elif one:
            parts.append("[^/]")
        else:
            parts.append(re.escape(escaped or literal))
    return "".join(parts)
