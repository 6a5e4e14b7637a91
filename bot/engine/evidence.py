"""The sentences that say why a `keep` rule is proposed, in numbers."""

from collections.abc import Sequence
from datetime import UTC, datetime

from bot.engine.learning import Place
from bot.words import count


def why_keys(places: Sequence[Place]) -> str:
    """Return why keys are kept; the place with the longest past stands for all."""
    best = max(places, key=lambda place: place.passed)
    hop = f"between {best.source} and {best.target} since {day(best.since)}"
    passed: dict[str, int] = {}
    for place in places:
        passed[place.path] = max(place.passed, passed.get(place.path, 0))
    if len(passed) == 1:
        where = f"differs in {len(places)} places" if len(places) > 1 else "differs"
        return (
            f"{where} {hop}, while {_least(places)}{count(best.passed, 'other change')} of "
            f"{shown(best.path)} {_were(best.passed)} promoted{_but(places)}"
        )
    changes = sum(passed.values())
    return (
        f"differs in {len(passed)} files while {_least(places)}{count(changes, 'other change')} "
        f"of theirs {_were(changes)} promoted: in {shown(best.path)}, for one, {hop}, through "
        f"{best.passed} of them{_but(places)}"
    )


def why_files(places: Sequence[Place]) -> str:
    """Return why whole files are kept."""
    best = max(places, key=lambda place: place.passed)
    what = (
        "differs"
        if len(places) == 1
        else f"{len(places)} files differ, such as {shown(best.path)},"
    )
    return (
        f"{what} between {best.source} and {best.target} since {day(best.since)}, while "
        f"{count(best.passed, 'promotion')} passed it by{_but(places)}"
    )


def _least(places: Sequence[Place]) -> str:
    return "at least " if any(place.sampled for place in places) else ""


def _but(places: Sequence[Place]) -> str:
    promoted = sum(place.promoted for place in places)
    return f" (before that it was promoted {count(promoted, 'time')})" if promoted else ""


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def shown(path: str) -> str:
    """Return a path that a line of text can hold."""
    return path if path.isprintable() else ascii(path)[1:-1]


def day(seconds: int) -> str:
    """Return the day of a moment in seconds since 1970, UTC; a clock gone wild gives one still."""
    return datetime.fromtimestamp(min(max(seconds, 0), 253402300799), UTC).date().isoformat()
