"""Which gates a promotion has to pass: its environment's, made stricter by what it changes."""

from collections.abc import Iterable, Sequence

from bot.decisions.requirements import Requirements, strictest
from bot.model import Change
from config.gates import Gates
from config.patterns import key_pattern, path_pattern
from config.schema import Config, Environment, When

Place = tuple[str, str | None]


def places(changes: Iterable[Change]) -> list[Place]:
    """Return the places that rules are asked about; a file that comes whole is at all its keys."""
    return [(change.path, "" if change.key is None else change.key) for change in changes]


def gates_for(config: Config, environment: Environment, places: Sequence[Place]) -> Requirements:
    """Return the strictest combination of the environment's gates and of every rule that matches.

    See `bot.decisions.requirements.strictest`.
    """
    own, *others = matching_gates(config, environment, places)
    return strictest(
        Requirements.of(own, environment.freezes), [Requirements.of(gates) for gates in others]
    )


def matching_gates(
    config: Config, environment: Environment, places: Sequence[Place]
) -> tuple[Gates, ...]:
    """Return the environment's own gates, then those of each rule that `places` match."""
    return environment.gates, *(rule.gates for rule in config.rules if _touches(rule.when, places))


def _touches(when: When, places: Sequence[Place]) -> bool:
    """Whether one place is in one of the files and, there, at one of the keys.

    A change of the document itself, the empty key, is at all of its keys: say so of a
    file that does not parse. A whole-file change, without a key, is at none.
    """
    paths = [path_pattern(pattern) for pattern in when.paths]
    keys = [key_pattern(pattern) for pattern in when.keys]
    files = {path for path, _ in places if any(pattern.fullmatch(path) for pattern in paths)}
    at = {key for path, key in places if path in files or not paths}
    if not keys or "" in at:
        return bool(at)
    return any(pattern.fullmatch(key) for key in at if key is not None for pattern in keys)
