"""What each environment owns: the `keep` rules, asked by path and by key."""

import re
from collections.abc import Sequence
from functools import cached_property

from config.patterns import key_pattern, path_pattern
from config.schema import KeepRule


class KeptKeys:
    """The kept keys of one file."""

    def __init__(self, patterns: Sequence[re.Pattern[str]]) -> None:
        self._patterns = patterns

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and any(pattern.fullmatch(key) for pattern in self._patterns)


class Keep:
    """The `keep` rules of a configuration, compiled."""

    def __init__(self, rules: Sequence[KeepRule] = ()) -> None:
        self._rules = rules

    @cached_property
    def _compiled(self) -> list[tuple[re.Pattern[str], list[re.Pattern[str]]]]:
        return [
            (path_pattern(rule.path), [key_pattern(key) for key in rule.keys])
            for rule in self._rules
        ]

    @property
    def has_keys(self) -> bool:
        """Whether any rule keeps keys inside files."""
        return any(keys for _, keys in self._compiled)

    def whole(self, path: str) -> bool:
        """Whether the file itself is the environment's own."""
        return any(not keys and paths.fullmatch(path) for paths, keys in self._compiled)

    def keys(self, path: str) -> KeptKeys:
        """Return which keys of the file are the environment's own."""
        return KeptKeys(
            [key for paths, keys in self._compiled if paths.fullmatch(path) for key in keys]
        )
