"""Generalise places that environments own into a few `keep` rules that swallow nothing else."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from bot.engine.drift import CONFIGURATION
from bot.engine.evidence import shown, why_files, why_keys
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
        paths = {path for study in self._studies for path in study.telling}
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
            why = why_files([whole[path] for path in below])
            yield LearnedKeep(literal(directory) + "/**", why=why)
            whole = {path: place for path, place in whole.items() if path not in below}
        for pattern, paths in path_rules(sorted(whole), self.universe, accept):
            yield LearnedKeep(pattern, why=why_files([whole[path] for path in paths]))

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
        by_path: dict[str, dict[str, str]] = defaultdict(dict)
        for path, key, places in self._generalised(self._own_keys()):
            by_path[path][key] = why_keys(places)
        for path, keys in by_path.items():
            yield LearnedKeep(path, tuple(sorted(keys.items())))

    def _own_keys(self) -> dict[str, list[Place]]:
        """Return the places that are an environment's own, by the key pattern they share."""
        found: dict[str, list[Place]] = defaultdict(list)
        leaning: dict[str, list[Place]] = defaultdict(list)
        for path in self.differing:
            for key, places in self.places(path).items():
                if not _can_be_pattern(key):
                    continue
                if (place := _own(places)) is not None:
                    found[_shape(key)].append(place)
                elif not _promoted(places) and any(place.leans for place in places):
                    leaning[_shape(key)].append(max(places, key=lambda p: (p.leans, p.passed)))
        for shape, here in leaning.items():
            passed = sum(place.passed for place in here)
            enough = len(here) >= _FEWEST_FILES and passed > ENOUGH_IF_LATE
            if enough or (shape in found and len(here) + len(found[shape]) >= _FEWEST_FILES):
                found[shape] += here
        named_alike = {shape: {place.key or "" for place in own} for shape, own in found.items()}
        return {
            shape if len(named_alike[shape]) > 1 else named_alike[shape].pop(): own
            for shape, own in found.items()
        }

    def _generalised(
        self, own: dict[str, list[Place]]
    ) -> Iterator[tuple[str, str, Sequence[Place]]]:
        """Yield path patterns and key patterns, each with the places that speak for them."""
        for parent in self._parents(own):
            below = [key for key in own if covers(parent, key)]
            yield from self._together(own, below, parent, 1.0)
        endings: dict[str, list[str]] = defaultdict(list)
        for key in own:
            endings[_last(key)].append(key)
        for ending, keys in endings.items():
            if ending and len(keys) > 1:
                yield from self._together(own, keys, f"**.{ending}", _SHARE_ANYWHERE)
        for key, places in own.items():
            for share in (_SHARE, _LEAST_SHARE):
                rules = self._rules_for(key, places, share)
                if len(rules) <= _MOST_RULES:
                    yield from rules
                    break
            else:
                paths = {place.path for place in places}
                self.notes.append(
                    f"{named(key)} has long differed in {len(paths)} files, such as "
                    f"{shown(min(paths))}, but is promoted or alike in files next to them: no rule "
                    "was made"
                )

    def _together(
        self, own: dict[str, list[Place]], keys: Sequence[str], pattern: str, share: float
    ) -> Iterator[tuple[str, str, Sequence[Place]]]:
        """Yield rules for `pattern` in place of `keys`, taken out of `own`, if few will do."""
        places = [place for key in keys for place in own[key]]
        rules = self._rules_for(pattern, places, share)
        if len(rules) <= _FEWEST_FILES and sum(len(p) for *_, p in rules) == len(places):
            for key in keys:
                del own[key]
            yield from rules

    def _rules_for(
        self, key: str, places: Sequence[Place], share: float
    ) -> list[tuple[str, str, Sequence[Place]]]:
        paths = sorted({place.path for place in places})
        return [
            (pattern, key, [place for place in places if place.path in found])
            for pattern, found in path_rules(paths, self.universe, self._accept(key, share))
        ]

    def _parents(self, own: Mapping[str, Sequence[Place]]) -> list[str]:
        """Return the highest mappings of which three keys are owned, and none is not."""
        below = Counter(parent for key in own for parent in _above(key))
        found: list[str] = []
        for parent, count in sorted(below.items(), key=lambda item: (len(item[0]), item[0])):
            highest = count >= _FEWEST_KEYS and not any(covers(upper, parent) for upper in found)
            if highest and self._only_own(parent, own):
                found.append(parent)
        return found

    def _only_own(self, parent: str, own: Mapping[str, Sequence[Place]]) -> bool:
        expression = key_pattern(parent)
        places = {
            (place.path, place.key)
            for key, here in own.items()
            if covers(parent, key)
            for place in here
        }
        return all(
            (path, key) in places
            for path in {path for path, _ in places}
            for key in self.places(path)
            if expression.fullmatch(key)
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


def _as_keep(rules: Sequence[LearnedKeep]) -> Keep:
    return Keep(
        [KeepRule(path=rule.path, keys=tuple(key for key, _ in rule.keys)) for rule in rules]
    )


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


def _shape(key: str) -> str:
    """Return the pattern for a key in any document of its kind: `Deployment/*.spec`."""
    document = next(segments(key))
    kind, slash, _ = document.partition("/")
    if not slash or document.startswith("["):
        return key
    return f"{kind}/*{key[len(document) :]}"
