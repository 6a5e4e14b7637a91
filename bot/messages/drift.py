"""What the drift issue says, and the overview of all hops."""

from collections.abc import Mapping, Sequence

from bot.engine.drift import Comparison
from bot.markdown import cut, plain, sentence
from bot.messages.tables import changes_table, held_until, rolled_back
from bot.model import State
from bot.words import Words

_HOME = "The first environment has them already, and they come with the next promotions"


def broken(problem: str) -> str:
    """Return what a configuration that does not load is answered with."""
    said = sentence(problem) + ("" if problem.endswith("?") else ".")
    return f"The configuration does not load: {said} Mend it on the default branch."


def drift_title(comparisons: Sequence[Comparison]) -> str:
    """Return the title of a repository's one drift issue."""
    worst = [c for c in comparisons if c.state in (State.DRIFT, State.CONFLICT)]
    hops = ", ".join(f"{c.source.environment} → {c.target.environment}" for c in worst)
    return f"Drift: {hops}" if hops else "Lockstep: nothing has drifted"


def broken_title() -> str:
    """Return the title of the issue while the configuration does not load."""
    return "The Lockstep configuration does not load"


def no_drift() -> str:
    """Return the last word of the drift issue."""
    return (
        "Nothing differs any more but what is pending, kept on purpose, or held after a roll-back."
    )


def drift_body(
    comparisons: Sequence[Comparison],
    back_merges: Mapping[str, int | None],
    words: Words,
    problem: str = "",
) -> str:
    """Return the body of a repository's one drift issue.

    `back_merges` are the numbers of the pull requests that bring drift home, by the
    environment that drifted; None where it is home already.
    """
    keep, discard = words.command("keep PATH [KEY]"), words.command("discard PATH [KEY]")
    resolve = words.command("resolve PATH[:KEY] source|target")
    parts = [broken(problem)] if problem else []
    for comparison in comparisons:
        source, target = comparison.source.environment, comparison.target.environment
        states = (State.DRIFT, State.CONFLICT, State.HELD)
        found = [change for change in comparison.changes if change.state in states]
        if not found:
            continue
        parts.append(f"### {plain(source)} → {plain(target)}")
        drifted = [change for change in found if change.state is State.DRIFT]
        if drifted:
            advice = "Bring them home with a commit"
            if target in back_merges:
                number = back_merges[target]
                advice = f"{words.reference(number)} brings them home" if number else _HOME
            parts.append(
                f"Only {plain(target)} has these. {advice}; or declare them with "
                f"`{keep}`, or undo them with `{discard}`.\n\n"
                + changes_table(drifted, source, target)
            )
        conflicts = [change for change in found if change.state is State.CONFLICT]
        if conflicts:
            parts.append(
                "Both sides changed these, so nothing is promoted until somebody chooses: "
                f"`{resolve}`, or `{keep}`.\n\n" + changes_table(conflicts, source, target)
            )
        held = [change for change in found if change.state is State.HELD]
        if held:
            parts.append(
                f"No drift, and not brought home: {held_until(source, target, words)}.\n\n"
                + changes_table(held, source, target)
                + rolled_back(held)
            )
    return cut("\n\n".join(parts))


def overview(
    comparisons: Sequence[Comparison], opened: Mapping[str, int | None], words: Words
) -> str:
    """Return what `/status` and `/drift` answer: each hop, and the promotion that is open."""
    lines = [
        "| from | to | | pending | drift | conflict | promotion |",
        "|---|---|---|---|---|---|---|",
    ]
    for comparison in comparisons:
        counts, target = comparison.counts, comparison.target.environment
        number = opened.get(target)
        under_way = words.reference(number) if number else "opening" if target in opened else ""
        lines.append(
            f"| {plain(comparison.source.environment)} | {plain(target)} | {comparison.state} "
            f"| {counts[State.PENDING]} | {counts[State.DRIFT]} | {counts[State.CONFLICT]} "
            f"| {under_way} |"
        )
    return "\n".join(lines)


def differences(comparisons: Sequence[Comparison], words: Words) -> str:
    """Return every place that drifted or conflicts, hop by hop; empty for none."""
    parts = []
    for comparison in comparisons:
        source, target = comparison.source.environment, comparison.target.environment
        for state in (State.CONFLICT, State.DRIFT, State.HELD):
            found = [change for change in comparison.changes if change.state is state]
            if found:
                head = f"**{state}**, {plain(source)} → {plain(target)}"
                if state is State.HELD:
                    head += f": {held_until(source, target, words)}"
                table = changes_table(found, source, target)
                parts.append(f"{head}\n\n{table}{rolled_back(found)}")
    return "\n\n".join(parts)
