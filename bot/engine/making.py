"""The text that one file of a candidate gets: which values it must say, and out of which text.

A text is never composed: it is the target's with what is pending, or the source's with what
is kept.
"""

from contextlib import suppress
from dataclasses import dataclass

from bot.engine import layout
from bot.engine.drift import FileComparison
from bot.engine.keep import KeptKeys
from bot.engine.nodes import Unreadable, is_order
from bot.engine.splice import CannotSplice, Expected, splice
from bot.engine.values import Text, read_values
from bot.model import State, Value


@dataclass(frozen=True, slots=True)
class Making:
    """One file whose text is to be made: what it is made from, and what it must say."""

    file: FileComparison
    source: Text
    target: Text
    expected: Expected
    kept: KeptKeys

    @property
    def is_layout(self) -> bool:
        """Whether no value changes, only comments and layout."""
        return all(c.key is None for c in self.file.changes if c.state is State.PENDING)

    def text(self, merged: bytes | None) -> bytes:
        """Return the text: git's own merge of both sides where that says what is expected.

        Raises `CannotSplice` or `Unreadable` where none can be made.
        """
        unchanged = self.target.encode()
        if self.is_layout and self._mode_moves:
            return unchanged  # the mode alone
        if merged is not None and merged != unchanged and self._is_said_by(merged):
            return merged
        return self._spliced()

    @property
    def _mode_moves(self) -> bool:
        source, target = self.file.source, self.file.target
        return source is not None and target is not None and source.mode != target.mode

    def _is_said_by(self, data: bytes) -> bool:
        try:
            return not self.expected.wrong(read_values(self.file.path, data))
        except Unreadable:
            return False

    def _spliced(self) -> bytes:
        """Return the target's text with what is pending, or the source's with what is kept.

        The source's, comments and all, where nothing but kept values, and what stands
        behind them, is the target's own.
        """
        path, source, target = self.file.path, self.source, self.target
        if self.is_layout:
            return keeping(path, source, target, self.expected, self.kept)
        if self.file.source_laid_out:
            with suppress(CannotSplice):
                return keeping(path, source, target, self.expected, self.kept)
        text = splice(path, target.characters, source.characters, self.expected)
        return Text(text, target.marked).encode()


def making_of(file: FileComparison, source: Text, target: Text, kept: KeptKeys) -> Making:
    """Return what the candidate's text must say: the target's values, the pending ones set."""
    theirs = read_values(file.path, source.encode())
    mine = read_values(file.path, target.encode())
    values = {key: value for key, value in mine.items() if not is_order(key)}
    moved = {c.key: c.state for c in file.changes if c.key is not None}
    for change in file.changes:
        if change.state is State.PENDING and change.key is not None and not is_order(change.key):
            if change.source.exists:
                values[change.key] = change.source
            else:
                values.pop(change.key, None)
    orders: dict[str, list[Value]] = {}
    for key in filter(is_order, theirs.keys() | mine.keys()):
        # What is not in dispute holds for both; a pending order is the source's alone.
        if moved.get(key) in (None, State.PENDING) and key in theirs:
            orders.setdefault(key, []).append(theirs[key])
        if moved.get(key) is not State.PENDING and key in mine:
            orders.setdefault(key, []).append(mine[key])
    return Making(file, source, target, Expected(values, orders), kept)


def keeping(path: str, onto: Text, target: Text, expected: Expected, kept: KeptKeys) -> bytes:
    """Return the text of `onto` with the target's kept values, and the comments behind them."""
    text = splice(path, onto.characters, target.characters, expected)
    text = layout.with_remarks(path, text, target.characters, kept)
    return Text(text, onto.marked).encode()
