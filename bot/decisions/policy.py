"""Which gates a promotion has to pass: its environment's, made stricter by what it changes."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TypeVar

from bot.decisions.gates import EVERY_CHECK
from bot.model import Change
from config.patterns import key_pattern, path_pattern
from config.schema import Checks, Config, Environment, Gates, When

Place = tuple[str, str | None]
T = TypeVar("T")


def places(changes: Iterable[Change]) -> list[Place]:
    """Return the places that rules are asked about; a file that comes whole is at all its keys."""
    return [(change.path, "" if change.key is None else change.key) for change in changes]


def gates_for(config: Config, environment: Environment, places: Sequence[Place]) -> Gates:
    """Return the strictest combination of the environment's gates and of every rule that matches.

    All required checks and sign-offs, the most approvals, the longest soak, the
    shortest time-out. `windows` joins those of all; that one of *each* set must be
    open is for whoever has `matching_gates`.
    """
    own, *_ = matching = matching_gates(config, environment, places)
    required = _union(gates.checks.required for gates in matching)
    if required and not own.checks.required:
        # No list means that every check counts, and a rule must not take that away.
        required = (EVERY_CHECK, *required)
    timeouts = [gates.checks.timeout for gates in matching if gates.checks.timeout is not None]
    strictest = {
        "checks": Checks(required=required, timeout=min(timeouts, default=None)),
        "soak": max((gates.soak for gates in matching if gates.soak is not None), default=None),
        "approvals": max(gates.approvals for gates in matching),
        "sign_offs": _union(gates.sign_offs for gates in matching),
        "windows": _union(gates.windows for gates in matching),
        "drained": any(gates.drained for gates in matching),
    }
    return own.model_copy(update=strictest)


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


def _union(parts: Iterable[Iterable[T]]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(chain.from_iterable(parts)))
