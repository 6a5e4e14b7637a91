"""Plans that were made: between two commits a plan never changes, and steps ask for it again."""

from bot.engine.candidate import Plan
from bot.remembered import Remembered

_MOST = 64
# A plan of more changes than this is made again: it takes long anyway, and much memory.
_MOST_CHANGES = 500


class Plans(Remembered[Plan]):
    """The newest plans by all that they are made of; threads may share it."""

    def __init__(self) -> None:
        super().__init__(_MOST, lambda plan: len(plan.comparison.changes) <= _MOST_CHANGES)
