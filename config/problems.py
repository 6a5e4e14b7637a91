"""What is wrong at one place of a file."""

from dataclasses import dataclass

from config.document import Loc


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at one place; `at_key` where the key is at fault, not its value."""

    loc: Loc
    message: str
    at_key: bool = False
