"""Whether the conditions of a rule hold for one promotion, and what it was that met them.

What cannot be told counts as met: a rule only ever makes things stricter.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any

from bot.decisions.windows import is_open
from bot.model import Change, Value
from config.patterns import key_pattern, path_pattern, segments, text_pattern
from config.rules import RISKS, Size, ValueTest, When, percent

# What a value's token begins with where only the file as a whole is known.
_FILE = "blob "
UNKNOWN = Value(_FILE, None)
_BETWEEN = re.compile(r"[.\[]")
_WILD = re.compile(r"[*\[]")
_UNITS = {
    **dict.fromkeys(("", "%", "ms", "s", "h", "d", "B"), None),
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    "k": Fraction(1000),
    "M": Fraction(1000**2),
    "G": Fraction(1000**3),
    "T": Fraction(1000**4),
    "Ki": Fraction(1024),
    "Mi": Fraction(1024**2),
    "Gi": Fraction(1024**3),
    "Ti": Fraction(1024**4),
}
_QUANTITY = re.compile(r"(-?\d{1,30}(?:\.\d{1,30})?)\s?(\S{0,2})", re.ASCII)


@dataclass(frozen=True)
class Subject:
    """What rules are asked about: one promotion, its changes key by key.

    `authors` and `labels` are None where nobody has looked yet. `people` are the members
    of teams (`acme/qa`) and roles; None, or left out, where they may not be seen. `now` is
    None where the time does not matter.
    """

    environment: str
    changes: Sequence[Change]
    authors: frozenset[str] | None = None
    labels: frozenset[str] | None = None
    people: Mapping[str, frozenset[str] | None] = field(default_factory=dict)
    now: datetime | None = None

    @cached_property
    def by_path(self) -> Mapping[str, Sequence[Change]]:
        """The changes of each file."""
        found: dict[str, list[Change]] = {}
        for change in self.changes:
            found.setdefault(change.path, []).append(change)
        return found

    @cached_property
    def by_word(self) -> Mapping[str, Sequence[Change]]:
        """The changes at keys that have a word among their segments; all, by the empty word."""
        found: dict[str, list[Change]] = {"": []}
        for change in self.changes:
            if change.key:
                found[""].append(change)
                for word in set(_BETWEEN.split(change.key)):
                    found.setdefault(word, []).append(change)
        return found

    @cached_property
    def documents(self) -> Sequence[Change]:
        """The changes of documents themselves, which are at all of their keys."""
        return [change for change in self.changes if change.key == ""]

    @cached_property
    def keys(self) -> int:
        """How many keys change; a file without keys is one."""
        keyed = sum(change.key is not None for change in self.changes)
        whole = sum(all(c.key is None for c in changes) for changes in self.by_path.values())
        return keyed + whole


@dataclass(frozen=True, slots=True)
class Met:
    """What met the conditions of a rule: how many places, the first of them, and what is unsure."""

    places: int = 0
    first: Change | None = None
    unsure: str = ""


def met(when: When, subject: Subject) -> Met | None:
    """Return what met the conditions, None where one of them does not hold.

    `risk` and `otherwise` are about other rules, and not looked at here.
    """
    if when.environments and subject.environment not in when.environments:
        return None
    if when.size and not _large(when.size, subject):
        return None
    if when.times and subject.now and not any(is_open(w, subject.now) for w in when.times):
        return None
    unsure = []
    for holds in (_wrote(when, subject), _labelled(when, subject)):
        if holds is False:
            return None
        if isinstance(holds, str):
            unsure.append(holds)
    if not _about_places(when):
        return Met(len(subject.changes), None, "; ".join(unsure)) if subject.changes else None
    places = _places(when, subject)
    return Met(len(places), places[0], "; ".join(unsure)) if places else None


def _about_places(when: When) -> bool:
    return bool(when.paths or when.keys or when.change or when.old or when.new or when.changed_by)


def _large(size: Size, subject: Subject) -> bool:
    return (size.files is None or len(subject.by_path) >= size.files) and (
        size.keys is None or subject.keys >= size.keys
    )


def _places(when: When, subject: Subject) -> Sequence[Change]:
    """Return the places at which all that is said of paths, keys and values holds."""
    found = _at_keys(when.keys, subject) if when.keys else subject.changes
    if when.paths and found:
        patterns = [path_pattern(pattern) for pattern in when.paths]
        files = {change.path for change in found}
        files = {path for path in files if any(one.fullmatch(path) for one in patterns)}
        found = [change for change in found if change.path in files]
    found = [change for change in found if _changes_so(when, change)]
    # The file as a whole stands for all of its keys.
    whole = {change.path for change in found if change.key is None}
    return [change for change in found if change.key is None or change.path not in whole]


def _at_keys(keys: Sequence[str], subject: Subject) -> Sequence[Change]:
    """Return the changes at keys that one of the patterns covers, in their order."""
    found = {id(change) for change in subject.documents}
    for pattern in keys:
        # The rarest word of a pattern leaves few keys to match it with.
        rarest = min((subject.by_word.get(word, ()) for word in words_of(pattern)), key=len)
        if rarest:
            expression = key_pattern(pattern)
            found.update(id(c) for c in rarest if c.key and expression.fullmatch(c.key))
    return [change for change in subject.changes if id(change) in found] if found else ()


@lru_cache(maxsize=4096)
def words_of(pattern: str) -> tuple[str, ...]:
    """Return the words that every key which a pattern covers has among its segments."""
    return tuple(word for word in segments(pattern) if not _WILD.search(word)) or ("",)


def _changes_so(when: When, change: Change) -> bool:
    old, new = change.target, change.source
    unknown = change.key is not None and _FILE in (old.token[:5], new.token[:5])
    if when.change and not (unknown and change.key == ""):
        kind = "added" if not old.exists else "changed" if new.exists else "removed"
        if kind not in when.change:
            return False
    if not (when.old or when.new or when.changed_by):
        return True
    if unknown:
        return True
    return (
        change.key is not None
        and (when.old is None or _passes(when.old, old))
        and (when.new is None or _passes(when.new, new))
        and (when.changed_by is None or _moved(when.changed_by, old, new))
    )


def _passes(test: ValueTest, value: Value) -> bool:
    if not value.exists:
        return False
    if isinstance(value.data, list):
        return any(_passes_one(test, item) for item in value.data)
    return _passes_one(test, value.data)


def _passes_one(test: ValueTest, data: Any) -> bool:
    if test.equals is not None and not _same(data, test.equals):
        return False
    if test.in_ and not any(_same(data, option) for option in test.in_):
        return False
    if test.pattern is not None and not text_pattern(test.pattern).fullmatch(_text(data)):
        return False
    amount = _amount(data)
    if test.greater is not None and amount is not None and amount <= Fraction(test.greater):
        return False
    return not (test.less is not None and amount is not None and amount >= Fraction(test.less))


def _same(data: Any, wanted: object) -> bool:
    # To Python `true` is 1, to whoever writes a rule it is not.
    return isinstance(data, bool) == isinstance(wanted, bool) and bool(data == wanted)


def _text(data: Any) -> str:
    if isinstance(data, bool):
        return "true" if data else "false"
    return data if isinstance(data, str) else str(data)


def _amount(data: Any) -> Any:
    """Return a number, exact, also one with a unit such as `512Mi`; None where it is none."""
    if isinstance(data, bool):
        return None
    if isinstance(data, int):
        return data
    if isinstance(data, float):
        return Fraction(data)
    match = _QUANTITY.fullmatch(data) if isinstance(data, str) else None
    if match is None or match[2] not in _UNITS:
        return None
    return Fraction(match[1]) * (_UNITS[match[2]] or 1)


def _unit(data: Any) -> str:
    """Return the unit that a number cannot be compared without."""
    match = _QUANTITY.fullmatch(data) if isinstance(data, str) else None
    return match[2] if match and _UNITS.get(match[2], 1) is None else ""


def _moved(by: float | str, old: Value, new: Value) -> bool:
    before, after = _amount(old.data), _amount(new.data)
    if before is None or after is None or _unit(old.data) != _unit(new.data):
        return True
    share = percent(by)
    if share is None:
        return bool(abs(after - before) >= Fraction(by))
    moved = abs(after - before) * share.denominator
    return bool(before == 0 or moved >= share.numerator * abs(before))


def _wrote(when: When, subject: Subject) -> bool | str:
    """Whether the right people wrote it; a sentence where that cannot be told."""
    if not when.authors and not when.authors_outside:
        return True
    if subject.authors is None:
        return "who wrote it is not known"
    unsure = ""
    if when.authors:
        sure, hidden = _people(when.authors, subject)
        if not any(author.casefold() in sure for author in subject.authors):
            unsure = hidden or _unmapped(subject.authors)
            if not unsure:
                return False
    if when.authors_outside:
        sure, hidden = _people(when.authors_outside, subject)
        if all(author.casefold() in sure for author in subject.authors):
            return False
        unsure = unsure or hidden
    return unsure or True


def _people(members: Iterable[str], subject: Subject) -> tuple[set[str], str]:
    """Return the people that users, teams and roles stand for, and which may not be seen."""
    found: set[str] = set()
    hidden = ""
    for member in members:
        name = member.removeprefix("@")
        if name != member or name in subject.people:
            people = subject.people.get(name)
            hidden = hidden if people is not None else f"who is in {member} is not known"
            found |= {person.casefold() for person in people or ()}
        else:
            found.add(name.casefold())
    return found, hidden


def _unmapped(authors: Iterable[str]) -> str:
    unmapped = sorted(author for author in authors if "@" in author)
    return f"the forge does not know who {unmapped[0]} is" if unmapped else ""


def _labelled(when: When, subject: Subject) -> bool | str:
    if not when.labels:
        return True
    if subject.labels is None:
        return "its labels are not known"
    patterns = [text_pattern(label) for label in when.labels]
    return any(pattern.fullmatch(label) for label in subject.labels for pattern in patterns)


def rank(risk: str | None) -> int:
    """Return how high a risk is, to compare it with another; 0 where none is said."""
    return RISKS.index(risk) + 1 if risk else 0
