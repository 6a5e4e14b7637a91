"""Generalise places that environments own into a few `keep` rules that swallow nothing else."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import PurePosixPath

from bot.engine.drift import CONFIGURATION
from bot.engine.generalise import Accept, literal, path_rules
from bot.engine.keep import Keep
from bot.engine.learning import ENOUGH_IF_LATE, Place, Study
from bot.engine.values import format_of
from config.patterns import PatternError, covers, key_pattern, path_pattern, segments
from config.schema import KeepRule
from config.suggest import named

# Of the places that a pattern covers and that both sides have, the share that must differ.
_SHARE = 0.5
_LEAST_SHARE = 0.1  # … where it would take too many rules otherwise
_SHARE_ANYWHERE = 0.8  # … where it covers a key wherever it stands
# Of a file's keys, the share that must differ before the whole file is kept.
_MOST_KEYS = 0.6
# How many keys of a mapping stand for all of it.
_FEWEST_KEYS = 3
# How many files with the same key make up for each other's short pasts.
_FEWEST_FILES = 3
# Of the files that a pattern covers, those that are read: the ones that moved most.
_READ_FILES = 300
# More rules than this for one key are no help to anybody.
_MOST_RULES = 8


@dataclass(frozen=True, slots=True)
class LearnedKeep:
    """A proposed `keep` rule; each key pattern, or without keys the rule, says why."""

    path: str
    keys: tuple[tuple[str, str], ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Learned:
    """Rules by path, those for whole files last, and what no rule could be made for."""

    rules: tuple[LearnedKeep, ...]
    notes: tuple[str, ...] = ()


def learn_keep(studies: Sequence[Study]) -> Learned:
    """Return rules for what the environments own, over all hops."""
    learner = _Learner(studies)
    return Learned(learner.rules(), tuple(learner.notes))


class _Learner:
    def __init__(self, studies: Sequence[Study]) -> None:
        self._studies = studies
        self._whole: dict[str, list[Place]] = {}
        self.notes: list[str] = []

    @cached_property
    def universe(self) -> list[str]:
        """Every path of any environment that is text."""
        paths = {
            path
            for study in self._studies
            for past in (study.flow.source, study.flow.target)
            for path in past.files
        }
        return sorted(path for path in paths - {CONFIGURATION} if _is_text(path))

    @cached_property
    def differing(self) -> list[str]:
        paths = {path for study in self._studies for path in study.differing}
        return sorted(path for path in paths if _can_be_written(path))

    def rules(self) -> tuple[LearnedKeep, ...]:
        rules = list(self._key_rules())
        rules += self._file_rules(self._own_files(_as_keep(rules)))
        return tuple(sorted(rules, key=lambda rule: (not rule.keys, rule.path)))

    # Whole files

    def whole(self, path: str) -> list[Place]:
        if path not in self._whole:
            found = (study.whole(path) for study in self._studies)
            self._whole[path] = [place for place in found if place is not None]
        return self._whole[path]

    def _own_files(self, keep: Keep) -> dict[str, Place]:
        """Return the files that are the environment's own, with what tells it best.

        Those with keys must mostly differ, by other keys than `keep` has already.
        """
        found = {}
        for path in self.differing:
            keys, kept = self.places(path), keep.keys(path)
            differing = {k for k, places in keys.items() if any(p.differs for p in places)}
            mostly = len(differing) >= _MOST_KEYS * len(keys)
            if keys and not (mostly and any(key not in kept for key in differing)):
                continue
            place = _own(self.whole(path))
            if place is not None and not self._ever_promoted(path):
                found[path] = place
        return found

    def _ever_promoted(self, path: str) -> bool:
        return _promoted(self.whole(path)) or any(map(_promoted, self.places(path).values()))

    def _file_rules(self, whole: Mapping[str, Place]) -> Iterator[LearnedKeep]:
        differing = set(self.differing)

        def accept(_: str, covered: Sequence[str]) -> bool:
            # A file that is the same everywhere, or was ever promoted, is not to be kept.
            return all(
                path in whole or (path in differing and not self._ever_promoted(path))
                for path in covered
            )

        for directory in self._own_directories(whole, accept):
            below = [path for path in whole if path.startswith(directory + "/")]
            why = _why_files([whole[path] for path in below])
            yield LearnedKeep(literal(directory) + "/**", why=why)
            whole = {path: place for path, place in whole.items() if path not in below}
        for pattern, paths in path_rules(sorted(whole), self.universe, accept):
            yield LearnedKeep(pattern, why=_why_files([whole[path] for path in paths]))

    def _own_directories(self, whole: Mapping[str, Place], accept: Accept) -> list[str]:
        """Return the highest directories, with several files, in which all is accepted."""
        above = {str(parent) for path in whole for parent in PurePosixPath(path).parents}
        found: list[str] = []
        for directory in sorted(above - {"."}, key=lambda d: (d.count("/"), d)):
            covered = [path for path in self.universe if path.startswith(directory + "/")]
            inside = any(directory.startswith(upper + "/") for upper in found)
            if not inside and len(covered) > 1 and accept(directory, covered):
                found.append(directory)
        return found

    # Keys

    def places(self, path: str) -> dict[str, list[Place]]:
        """Return a file's places by key, in every hop that has them."""
        found: dict[str, list[Place]] = defaultdict(list)
        for study in self._studies:
            for key, place in (study.keyed(path) or {}).items():
                found[key].append(place)
        return found

    def _key_rules(self) -> Iterator[LearnedKeep]:
        own = self._own_keys(self.differing)
        by_path: dict[str, dict[str, str]] = defaultdict(dict)
        for pattern, key, why in self._generalised(own):
            by_path[pattern][key] = why
        for pattern, keys in by_path.items():
            yield LearnedKeep(pattern, tuple(sorted(keys.items())))

    def _own_keys(self, paths: Iterable[str]) -> dict[str, dict[str, Place]]:
        """Return the places that are an environment's own, by key, then path."""
        found: dict[str, dict[str, Place]] = defaultdict(dict)
        leaning: dict[str, dict[str, Place]] = defaultdict(dict)
        for path in paths:
            for key, places in self.places(path).items():
                if not _can_be_pattern(key):
                    continue
                if (place := _own(places)) is not None:
                    found[key][path] = place
                elif not _promoted(places) and any(place.leans for place in places):
                    leaning[key][path] = max(places, key=lambda p: (p.leans, p.passed))
        for key, here in leaning.items():
            passed = sum(place.passed for place in here.values())
            enough = len(here) >= _FEWEST_FILES and passed > ENOUGH_IF_LATE
            if enough or (key in found and len(here) + len(found[key]) >= _FEWEST_FILES):
                found[key].update(here)
        return found

    def _generalised(
        self, own: Mapping[str, Mapping[str, Place]]
    ) -> Iterator[tuple[str, str, str]]:
        """Yield path pattern, key pattern and why."""
        left = {key: dict(places) for key, places in own.items()}
        for key in self._parents(left):
            below = [k for k in left if covers(key, k)]
            paths = {path for k in below for path in left[k]}
            rules = list(path_rules(sorted(paths), self.universe, self._accept(key, 1.0)))
            if _few_and_all(rules, paths):
                places = [place for k in below for place in left.pop(k).values()]
                yield from self._explained(rules, key, places)
        endings: dict[str, list[str]] = defaultdict(list)
        for key in left:
            endings[_last(key)].append(key)
        for ending, keys in endings.items():
            if not ending or len(keys) < 2:
                continue
            paths = {path for key in keys for path in left[key]}
            anywhere = f"**.{ending}"
            accept = self._accept(anywhere, _SHARE_ANYWHERE)
            rules = list(path_rules(sorted(paths), self.universe, accept))
            if _few_and_all(rules, paths):
                places = [place for key in keys for place in left.pop(key).values()]
                yield from self._explained(rules, anywhere, places)
        for key, here in left.items():
            for share in (_SHARE, _LEAST_SHARE):
                rules = list(path_rules(sorted(here), self.universe, self._accept(key, share)))
                if len(rules) <= _MOST_RULES:
                    yield from self._explained(rules, key, list(here.values()))
                    break
            else:
                self.notes.append(
                    f"{named(key)} has long differed in {len(here)} files, such as "
                    f"{_shown(min(here))}, but is promoted or alike in files next to them: no rule "
                    "was made"
                )

    def _parents(self, own: Mapping[str, Mapping[str, Place]]) -> list[str]:
        """Return the highest mappings of which at least three keys are owned."""
        below: dict[str, int] = defaultdict(int)
        for key in own:
            for parent in _above(key):
                below[parent] += 1
        found: list[str] = []
        for parent, count in sorted(below.items(), key=lambda item: (len(item[0]), item[0])):
            highest = count >= _FEWEST_KEYS and not any(covers(upper, parent) for upper in found)
            if highest and self._only_own(parent, own):
                found.append(parent)
        return found

    def _only_own(self, parent: str, own: Mapping[str, Mapping[str, Place]]) -> bool:
        paths = {path for key, here in own.items() if covers(parent, key) for path in here}
        return all(
            path in own.get(key, ())
            for path in paths
            for key in self.places(path)
            if covers(parent, key)
        )

    def _accept(self, key: str, share: float) -> Accept:
        """Return what decides whether a rule for `key` swallows nothing that is promoted."""
        expression = key_pattern(key)

        def accept(_: str, covered: Sequence[str]) -> bool:
            own = alike = 0
            for path in self._read(covered):
                for name, places in self.places(path).items():
                    if not expression.fullmatch(name):
                        continue
                    if _own(places) is not None:
                        own += 1
                    elif _promoted(places):
                        return False
                    elif not any(place.differs for place in places):
                        alike += 1
                    else:
                        own += any(place.leans for place in places)
            return own > 0 and own >= share * (own + alike)

        return accept

    def _read(self, paths: Sequence[str]) -> list[str]:
        """Return the files with keys among `paths`: of very many, those that moved most."""
        keyed = [path for path in paths if format_of(path) is not None]
        if len(keyed) <= _READ_FILES:
            return keyed
        pasts = [study.flow.target for study in self._studies]
        return sorted(keyed, key=lambda p: -sum(len(past.steps.get(p, ())) for past in pasts))[
            :_READ_FILES
        ]

    def _explained(
        self, rules: Iterable[tuple[str, Sequence[str]]], key: str, places: Sequence[Place]
    ) -> Iterator[tuple[str, str, str]]:
        for pattern, paths in rules:
            here = [place for place in places if place.path in set(paths)]
            yield pattern, key, _why_keys(here)


def _as_keep(rules: Sequence[LearnedKeep]) -> Keep:
    return Keep(
        [KeepRule(path=rule.path, keys=tuple(key for key, _ in rule.keys)) for rule in rules]
    )


def _few_and_all(rules: Sequence[tuple[str, Sequence[str]]], paths: Collection[str]) -> bool:
    """Whether few rules stand for all of the paths."""
    return 0 < len(rules) <= _FEWEST_FILES and sum(len(p) for _, p in rules) == len(paths)


def _own(places: Sequence[Place]) -> Place | None:
    """Return what tells best that a place is owned, unless another hop promotes it."""
    own = [place for place in places if place.own]
    if not own or any(place.promoted and not place.own for place in places):
        return None
    return max(own, key=lambda place: place.passed)


def _promoted(places: Sequence[Place]) -> bool:
    return any(place.promoted for place in places)


# Spellings


def _can_be_written(path: str) -> bool:
    """Whether a path can stand in a configuration file, and its pattern means it."""
    try:
        return _is_text(path) and path_pattern(literal(path)).fullmatch(path) is not None
    except PatternError:
        return False


def _is_text(path: str) -> bool:
    """Whether a path is UTF-8; other bytes cannot be written down."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _can_be_pattern(key: str) -> bool:
    """Whether a key path, taken as a pattern, means itself."""
    try:
        return "*" not in key and _is_text(key) and key_pattern(key).fullmatch(key) is not None
    except PatternError:
        return False


def _above(key: str) -> list[str]:
    """Return the key paths of the mappings that a key is in, but for the document itself."""
    found, path = [], ""
    for segment in segments(key):
        path = f"{path}{segment}" if segment.startswith("[") or not path else f"{path}.{segment}"
        found.append(path)
    return found[:-1]


def _last(key: str) -> str:
    """Return the last segment where it is a plain key, else nothing."""
    last = list(segments(key))[-1]
    return "" if last.startswith("[") else last


# Why


def _why_keys(places: Sequence[Place]) -> str:
    best = max(places, key=lambda place: place.passed)
    files = {place.path for place in places}
    if len(places) == 1:
        return (
            f"differs between {best.source} and {best.target} since {_day(best.since)}, while "
            f"{_least(places)}{_count(best.passed, 'other change')} of {_shown(best.path)} "
            f"{_were(best.passed)} promoted{_but(places)}"
        )
    where = f"{len(files)} files" if len(files) > 1 else f"{len(places)} places"
    passed = sum(place.passed for place in places)
    return (
        f"differs in {where} while {_least(places)}{_count(passed, 'other change')} of theirs "
        f"{_were(passed)} promoted: in {_shown(best.path)}, for one, between {best.source} and "
        f"{best.target} since {_day(best.since)}, through {best.passed} of them{_but(places)}"
    )


def _why_files(places: Sequence[Place]) -> str:
    best = max(places, key=lambda place: place.passed)
    what = (
        "differs"
        if len(places) == 1
        else f"{len(places)} files differ, such as {_shown(best.path)},"
    )
    return (
        f"{what} between {best.source} and {best.target} since {_day(best.since)}, while "
        f"{_count(best.passed, 'promotion')} passed it by{_but(places)}"
    )


def _least(places: Sequence[Place]) -> str:
    return "at least " if any(place.sampled for place in places) else ""


def _but(places: Sequence[Place]) -> str:
    promoted = sum(place.promoted for place in places)
    return f" (before that it was promoted {_count(promoted, 'time')})" if promoted else ""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def _shown(path: str) -> str:
    return path if path.isprintable() else ascii(path)[1:-1]


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(min(max(seconds, 0), 253402300799), UTC).date().isoformat()
