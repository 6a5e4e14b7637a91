"""A plan for people: what goes, what stays and why, what it waits for."""

from collections.abc import Sequence
from datetime import datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.cli.local import printable
from bot.cli.tables import coloured, print_changes
from bot.decisions.verdicts import GateResult
from bot.engine.candidate import Plan
from bot.model import State
from bot.policies.persona import Persona

_WHY = {
    State.CONFLICT: "both sides moved; it blocks the promotion until one side agrees",
    State.DRIFT: "the target's own since both last agreed; the promotion leaves it alone",
    State.KEPT: "differs on purpose, by a `keep:` rule",
    State.HELD: "rolled back; held until it changes in the source, or is promoted by hand",
    State.PENDING: "only comments or layout, which could not be merged; the target's stay",
}
_GATE_COLOURS = {"open": "green", "closed": "yellow", "failed": "red"}


def print_plan(
    out: Console,
    plan: Plan,
    gates: Sequence[GateResult],
    *,
    at: datetime | None = None,
    persona: Persona | None = None,
) -> None:
    """Print one plan; its gates as they are `at` a time, and what a person could do."""
    source, target = plan.comparison.source, plan.comparison.target
    out.print(
        Text.assemble(
            (f"{source.environment} → {target.environment}", "bold"), "  ", coloured(plan.state)
        )
    )
    out.print()
    _print_verdict(out, plan)
    if plan.promoted:
        title = "Promoted" if plan.candidate else "Pending"
        out.print(Text(f"\n{title}", style="bold"))
        print_changes(out, plan.promoted, source, target)
    if plan.held_back:
        out.print(Text("\nHeld back", style="bold"))
        print_changes(out, plan.held_back, source, target)
        states = {change.state for change in plan.held_back}
        for state, why in _WHY.items():
            if state in states:
                out.print(Text.assemble(coloured(state), f": {why}"))
    if plan.commits:
        out.print(Text("\nCommits", style="bold"))
        for commit in plan.commits:
            line = f"  {commit.sha[:10]} {commit.date[:10]} {commit.author}: {commit.subject}"
            out.print(Text(printable(line)), overflow="ellipsis", no_wrap=True)
    if gates and plan.promoted:
        when = "" if at is None else f" at {at:%a %Y-%m-%d %H:%M %Z}"
        out.print(Text(f"\nGates{when}", style="bold"))
        out.print(_gates_table(gates))
    if persona is not None and plan.promoted:
        out.print(Text(f"\nAs {printable(persona.person)}", style="bold"))
        for line in persona.said:
            out.print(Text(f"  {printable(line)}"))


def _print_verdict(out: Console, plan: Plan) -> None:
    candidate = plan.candidate
    if candidate is not None:
        out.print(Text(f"The candidate is {candidate.sha}."))
    elif plan.state is State.CONFLICT:
        out.print(Text("A conflict blocks the promotion: there is no candidate.", style="red"))
    else:
        out.print(Text("There is nothing to promote."))


def _gates_table(gates: Sequence[GateResult]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for result in gates:
        verdict = result.verdict
        table.add_row(
            Text(f"  {result.gate}"),
            Text(verdict.state, style=_GATE_COLOURS[verdict.state]),
            Text(printable(verdict.reason)),
        )
        for why in result.because:
            table.add_row("", "", Text(printable(f"because {why}"), style="dim"))
    return table
