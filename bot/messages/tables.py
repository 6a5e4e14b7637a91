"""Changes as Markdown tables, key by key below their files."""

from collections.abc import Sequence
from itertools import groupby

from bot.markdown import cell, plain, value
from bot.model import Change

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


def counted(changes: Sequence[Change]) -> str:
    """Return how many changes there are: `1 change`, `2 changes`."""
    return f"{len(changes)} change" + ("" if len(changes) == 1 else "s")
