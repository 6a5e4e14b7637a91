"""Reports for people: tables that are readable at 80 columns, in colour and in a pipe."""

import json
from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.engine.drift import Comparison
from bot.model import Change, Head, State, Value

_COLOURS = {
    State.PENDING: "cyan",
    State.DRIFT: "yellow",
    State.CONFLICT: "red",
    State.KEPT: "bright_black",
    State.IN_SYNC: "green",
}
_LONGEST_VALUE = 60


def console() -> Console:
    """Return where reports are printed: standard output, with colour on a terminal only."""
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=False)


def shown(value: Value) -> str:
    """Return a value in few words; what is absent is a dash."""
    data = value.data
    if not value.exists:
        return "–"
    if isinstance(data, dict) and data.keys() == {"blob", "mode"}:
        kinds = {"120000": "link", "160000": "submodule", "100755": "executable"}
        return f"{kinds.get(data['mode'], 'file')} {data['blob'][:10]}"
    # A string is bare unless it could be taken for something else.
    bare = isinstance(data, str) and value.token == "s" + data and _reads_as_text(data)
    text = data if bare else json.dumps(data, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def _reads_as_text(data: str) -> bool:
    try:
        json.loads(data)
    except ValueError:
        return bool(data) and data == data.strip() and data.isprintable() and data != "–"
    return False


def printable(text: str) -> str:
    """Return `text` with whatever a terminal would obey made visible."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


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


def changes_table(changes: Iterable[Change], source: Head, target: Head) -> Table:
    """Return changes with their values side by side, grouped by file."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), expand=False)
    table.add_column("place", overflow="fold", ratio=4)
    table.add_column("state", no_wrap=True)
    table.add_column(source.environment, overflow="fold", ratio=3)
    table.add_column(target.environment, overflow="fold", ratio=3)
    table.add_column("who, when", overflow="fold", ratio=3)
    path = None
    for change in changes:
        if change.path != path:
            path = change.path
            table.add_row(Text(printable(path), style="bold"))
        key = "(the file)" if change.key is None else change.key or "(the document)"
        table.add_row(
            Text("  " + printable(key)),
            coloured(change.state),
            Text(printable(shown(change.source))),
            Text(printable(shown(change.target))),
            Text(_who(change), style="bright_black"),
        )
        if change.note:
            table.add_row(Text("    " + change.note, style="italic"))
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
        out.print(changes_table(changes, comparison.source, comparison.target))
        print_lines(
            out,
            advice(
                [change.state for change in changes], comparison.source, comparison.target, first
            ),
        )
    out.print()


def print_lines(out: Console, lines: Sequence[Text]) -> None:
    """Print lines, each wrapped under itself."""
    for line in lines:
        out.print(line)
