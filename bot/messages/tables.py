"""Changes as Markdown tables, key by key below their files."""

from collections.abc import Sequence
from itertools import groupby

from bot.markdown import cell, code, plain, sentence, value
from bot.model import Change, State
from bot.words import Words, count

_MOST_ROWS = 200


def changes_table(
    changes: Sequence[Change], source: str, target: str, *, move: bool = False
) -> str:
    """Return a table of changes, key by key below their files.

    Where they `move` the target takes the source's values.
    """
    old, new = ("old: ", "new: ") if move else ("", "")
    lines = [
        f"| key | {old}{plain(target)} | {new}{plain(source)} | changed by |",
        "|---|---|---|---|",
    ]
    for path, group in groupby(changes[:_MOST_ROWS], key=lambda change: change.path):
        lines.append(f"| **{cell(path)}** | | | |")
        for change in group:
            key = "*the file*" if change.key is None else cell(change.key or "(the document)")
            who = plain(change.commits[0].author) if change.commits else ""
            cells = (key, value(change.target, change.key), value(change.source, change.key), who)
            lines.append(f"| {' | '.join(cells)} |")
    if len(changes) > _MOST_ROWS:
        lines.append(f"\nand {len(changes) - _MOST_ROWS} more.")
    return "\n".join(lines)


def held_until(source: str, target: str, words: Words) -> str:
    """Return what ends the hold on what was rolled back in `target`."""
    return (
        f"rolled back, and held until it changes in {plain(source)} or somebody says "
        f"`{words.command('promote')} {plain(target)}`"
    )


def rolled_back(changes: Sequence[Change]) -> str:
    """Return who rolled back which of these, below a table; empty where none was."""
    held = [change for change in changes if change.state is State.HELD]
    return "".join(
        f"\n> {code(place(change.path, change.key))}: {sentence(change.note)}" for change in held
    )


def place(path: str, key: str | None) -> str:
    """Return a place as people write it: ``path`` or ``path:key``."""
    return path if key is None else f"{path}:{key}"


def counted(changes: Sequence[Change]) -> str:
    """Return how many changes there are: `1 change`, `2 changes`."""
    return count(len(changes), "change")
