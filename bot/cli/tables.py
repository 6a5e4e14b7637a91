"""Reports for people: tables that are readable at 80 columns, in colour and in a pipe."""

import json
from collections.abc import Iterable, Sequence
from itertools import groupby

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.cli.local import printable
from bot.engine.drift import Comparison
from bot.model import Change, Head, State, Value

_COLOURS = {
    State.PENDING: "cyan",
    State.DRIFT: "yellow",
    State.CONFLICT: "red",
    State.KEPT: "bright_black",
    State.HELD: "magenta",
    State.IN_SYNC: "green",
}
_LONGEST_VALUE = 60
_ABSENT = "(absent)"
# How much of a line each column may take before there is room to spare.
_SHARES = (0.3, 0.1, 0.18, 0.18, 0.2)


def console() -> Console:
    """Return where reports are printed: standard output, with colour on a terminal only."""
    found = Console(highlight=False, markup=False, emoji=False, soft_wrap=False)
    if not found.width:
        # COLUMNS=0 is said where nobody knows, and would print nothing.
        found.width = 80
    return found


def shown(value: Value) -> str:
    """Return a value in few words; a string is bare unless it reads as something else."""
    data = value.data
    if not value.exists:
        return _ABSENT
    if isinstance(data, dict) and data.keys() == {"blob", "mode"}:
        kinds = {"120000": "link", "160000": "submodule", "100755": "executable"}
        return f"{kinds.get(data['mode'], 'file')} {data['blob'][:10]}"
    bare = isinstance(data, str) and value.token == "s" + data and _reads_as_text(data)
    text = data if bare else json.dumps(data, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def _reads_as_text(data: str) -> bool:
    try:
        json.loads(data)
    except ValueError:
        return bool(data) and data == data.strip() and data.isprintable() and data != _ABSENT
    return False


def coloured(state: State, text: str | None = None) -> Text:
    """Return a state, or a text, in the state's colour."""
    return Text(text or state.value, style=_COLOURS[state])


def headline(comparison: Comparison) -> Text:
    """Return the line above a hop's table: the hop, its state and its counts."""
    source, target = comparison.source, comparison.target
    counts = [f"{count} {state}" for state, count in comparison.counts.items() if count]
    title = Text.assemble(
        (f"{_named(source)} → {_named(target)}", "bold"), "  ", coloured(comparison.state)
    )
    if counts:
        title.append("  " + " · ".join(counts), style="bright_black")
    return title


def _named(head: Head) -> str:
    return (
        head.environment
        if head.environment == head.branch
        else f"{head.environment} ({head.branch})"
    )


def print_changes(out: Console, changes: Sequence[Change], source: Head, target: Head) -> None:
    """Print changes with their values side by side, below the path of their file."""
    header = ("", "state", source.environment, target.environment, "who, when")
    rows = [(change, _row(change)) for change in changes]
    widths = _widths(out.width, [header, *(row for _, row in rows)])
    out.print(_grid(widths, [[Text(cell, style="bright_black") for cell in header]]))
    for path, group in groupby(rows, key=lambda row: row[0].path):
        out.print(Text(printable(path), style="bold"))
        cells = []
        for change, (place, state, *values, who) in group:
            styled = [Text(place), coloured(change.state, state), *map(Text, values)]
            cells.append([*styled, Text(who, style="bright_black")])
        out.print(_grid(widths, cells))
    for change in changes:
        if change.note:
            out.print(Text(f"{printable(change.path)}: {printable(change.note)}", style="italic"))


def _row(change: Change) -> tuple[str, ...]:
    key = "(the file)" if change.key is None else change.key or "(the document)"
    values = (printable(shown(change.source)), printable(shown(change.target)))
    return "  " + printable(key), change.state.value, *values, _who(change)


def _widths(total: int, rows: Sequence[Sequence[str]]) -> list[int]:
    """Share out the line: the state whole, and of the rest what each column can use."""
    longest = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    most = [round(total * share) for share in _SHARES]
    widths = [min(wanted, limit) for wanted, limit in zip(longest, most, strict=True)]
    spare = total - sum(widths) - len(widths)
    for column, wanted in enumerate(longest):
        more = max(0, min(wanted - widths[column], spare))
        widths[column] += more
        spare -= more
    return widths


def _grid(widths: Sequence[int], rows: Iterable[Sequence[Text]]) -> Table:
    table = Table.grid(padding=(0, 1, 0, 0))
    for width in widths:
        table.add_column(width=width, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _who(change: Change) -> str:
    if not change.commits:
        return ""
    newest, more = change.commits[0], len(change.commits) - 1
    others = f" and {more} more" if more else ""
    return printable(f"{newest.author} {newest.date[:10]} {newest.sha[:7]}{others}")


def advice(states: Iterable[State], source: Head, target: Head, first: str) -> list[Text]:
    """Return one line for each state: what to do next."""
    said = {
        State.CONFLICT: (
            "both sides moved; make one agree with the other, by a commit on "
            f"{source.branch} or {target.branch}"
        ),
        State.DRIFT: (
            f"only {target.environment} has it; bring it home to {first}, revert it, "
            "or declare it under `keep:`"
        ),
        State.PENDING: (
            f"not promoted yet; `lockstep plan {target.environment}` shows the promotion"
        ),
        State.KEPT: "differs on purpose, by a `keep:` rule; nothing to do",
        State.HELD: (
            f"rolled back; held until it changes in {source.environment}, or somebody says "
            f"`/promote {target.environment}`"
        ),
    }
    present = set(states)
    return [
        Text.assemble(coloured(state), f": {sentence}")
        for state, sentence in said.items()
        if state in present
    ]


def print_hop(out: Console, comparison: Comparison, first: str) -> None:
    """Print one hop's report."""
    out.print(headline(comparison))
    changes = comparison.changes
    if changes:
        print_changes(out, changes, comparison.source, comparison.target)
        out.print()
        for line in advice(
            [change.state for change in changes], comparison.source, comparison.target, first
        ):
            out.print(line)
    out.print()
