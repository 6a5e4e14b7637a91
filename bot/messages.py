"""Every sentence that the bot says to people on a forge: Markdown, from values.

Text that others wrote (subjects, values, reasons) is data: it is shown as code, or with
whatever could notify, link or format taken out of it.
"""

import json
import re
from collections.abc import Iterable, Sequence
from itertools import groupby

from bot.decisions.commands import USAGES
from bot.decisions.gates import Failed, GateResult, Open
from bot.engine.candidate import Plan
from bot.engine.drift import Comparison
from bot.model import Change, State, Value

# A forge shows 65,536 characters of a body at most; past this, the rest is counted.
LONGEST_BODY = 60_000
_LONGEST_VALUE = 80
_MOST_ROWS = 200
_MOST_COMMITS = 50

_SECRET = re.compile(
    r"(?i)(?:^|[^a-z])(?:pass(?:word|wd|phrase)?|secret|token|api[_-]?key|private[_-]?key|"
    r"credential|auth)s?(?:$|[^a-z])"
)
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~@&])")

Noun = str


def plain(text: str) -> str:
    """Return one line that no forge reads as Markdown, a mention, a link or a command."""
    line = " ".join(text.split())
    return _SPECIAL.sub(r"\\\1", line).replace("\\@", "@\u200b").replace("\\#", "#\u200b")


def code(text: str) -> str:
    """Return `text` as code, whatever back-ticks and line breaks are in it."""
    line = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
    longest = max((len(run) for run in re.findall(r"`+", line)), default=0)
    fence = "`" * (longest + 1)
    space = " " if line.startswith("`") or line.endswith("`") or not line else ""
    # A bar would end a table's cell, also inside of code.
    return f"{fence}{space}{line}{space}{fence}".replace("|", "\\|")


def value(of: Value, key: str | None) -> str:
    """Return a value for a table: short, and hidden where its key sounds like a secret's."""
    data = of.data
    if not of.exists:
        return "*absent*"
    if isinstance(data, dict) and data.keys() == {"blob", "mode"}:
        return code(f"{data['blob'][:10]} ({data['mode']})")
    if key is not None and _SECRET.search(key):
        return "*hidden*"
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return code(text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…")


def changes_table(changes: Sequence[Change], source: str, target: str) -> str:
    """Return a table of changes, key by key below their files."""
    lines = [f"| | {plain(target)} | {plain(source)} | |", "|---|---|---|---|"]
    for path, group in groupby(changes[:_MOST_ROWS], key=lambda change: change.path):
        lines.append(f"| **{code(path)}** | | | |")
        for change in group:
            key = "*the file*" if change.key is None else code(change.key or "(the document)")
            who = plain(change.commits[0].author) if change.commits else ""
            cells = (key, value(change.target, change.key), value(change.source, change.key), who)
            lines.append(f"| {' | '.join(cells)} |")
    if len(changes) > _MOST_ROWS:
        lines.append(f"\nand {len(changes) - _MOST_ROWS} more.")
    return "\n".join(lines)


def title(plan: Plan) -> str:
    """Return a promotion's title."""
    source, target = plan.comparison.source, plan.comparison.target
    return f"Promote {source.environment} to {target.environment}: {_counted(plan.promoted)}"


def body(plan: Plan, gates: Sequence[GateResult], reason: str, *, waits: bool = True) -> str:
    """Return what a promotion's pull request says, for a reviewer who has thirty seconds."""
    source, target = plan.comparison.source, plan.comparison.target
    parts = [
        f"**{reason[:1].upper()}{reason[1:]}**",
        gates_table(gates) if gates and waits else "",
        f"### {_counted(plan.promoted)}\n\n"
        + changes_table(plan.promoted, source.environment, target.environment),
        *(f"> {code(c.path)}: {plain(c.note)}" for c in plan.promoted if c.note),
        _held_back(plan),
        _commits(plan),
        folded("Commands", "\n".join(f"- `{usage}`" for usage in USAGES)),
        f"<sub>{source.environment} is at `{source.sha[:10]}`; "
        f"what is tested here is what lands in `{target.branch}`.</sub>",
    ]
    return cut("\n\n".join(part for part in parts if part))


def gates_table(gates: Sequence[GateResult]) -> str:
    """Return the gates with the sentence that each explains itself in."""
    lines = ["| gate | | |", "|---|---|---|"]
    for result in gates:
        verdict = result.verdict
        sign = "✅" if isinstance(verdict, Open) else "❌" if isinstance(verdict, Failed) else "⏳"
        lines.append(f"| {result.gate} | {sign} {verdict.state} | {plain(verdict.reason)} |")
    return "\n".join(lines)


def _held_back(plan: Plan) -> str:
    if not plan.held_back:
        return ""
    source, target = plan.comparison.source, plan.comparison.target
    why = {
        State.DRIFT: f"changed in {target.environment} alone; it is left as it is",
        State.KEPT: "differs on purpose, by a `keep:` rule",
        State.CONFLICT: "changed on both sides; choose with `/resolve`",
        State.PENDING: "comments or layout, which could not be merged",
    }
    parts = []
    for state, reason in why.items():
        held = [change for change in plan.held_back if change.state is state]
        if held:
            table = changes_table(held, source.environment, target.environment)
            parts.append(f"**{state}**: {reason}\n\n{table}")
    return folded(f"Held back: {_counted(plan.held_back)}", "\n\n".join(parts))


def _commits(plan: Plan) -> str:
    lines = [
        f"- {c.sha[:10]} {plain(c.subject)} ({plain(c.author)}, {c.date[:10]})"
        for c in plan.commits[:_MOST_COMMITS]
    ]
    if len(plan.commits) > _MOST_COMMITS:
        lines.append(f"- and {len(plan.commits) - _MOST_COMMITS} more")
    numbers = dict.fromkeys(n for commit in plan.commits for n in commit.pull_requests)
    included = ", ".join(f"#{number}" for number in numbers)
    included = f"Included pull requests: {included}\n\n" if included else ""
    return included + folded(f"Commits: {len(plan.commits)}", "\n".join(lines)) if lines else ""


def folded(summary: str, content: str) -> str:
    """Return content that a reader opens by a click."""
    return f"<details><summary>{summary}</summary>\n\n{content}\n\n</details>"


def cut(text: str) -> str:
    """Return a body that the forge takes."""
    if len(text) <= LONGEST_BODY:
        return text
    return text[:LONGEST_BODY].rpartition("\n")[0] + "\n\n… the rest is too long to show here."


def help_text() -> str:
    """Return what `/help` answers."""
    usages = "\n".join(f"- `{usage}`" for usage in USAGES)
    return f"A line that starts with one of these, in a new comment, is for me:\n\n{usages}"


def reply(person: str, sentences: Iterable[str]) -> str:
    """Return an answer to somebody's comment."""
    return f"@{person} " + "\n\n".join(sentences)


def drift_title(comparisons: Sequence[Comparison]) -> str:
    """Return the title of a repository's one drift issue."""
    worst = [c for c in comparisons if c.state in (State.DRIFT, State.CONFLICT)]
    hops = ", ".join(f"{c.source.environment} → {c.target.environment}" for c in worst)
    return f"Drift: {hops}" if hops else "No drift"


def drift_body(comparisons: Sequence[Comparison], first: str, problem: str = "") -> str:
    """Return the body of a repository's one drift issue."""
    parts = [f"**The configuration does not load:** {plain(problem)}"] if problem else []
    for comparison in comparisons:
        source, target = comparison.source.environment, comparison.target.environment
        found = [c for c in comparison.changes if c.state in (State.DRIFT, State.CONFLICT)]
        if not found:
            continue
        parts.append(f"### {source} → {target}")
        drifted = [change for change in found if change.state is State.DRIFT]
        if drifted:
            parts.append(
                f"Only {target} has these. Bring them home to {first} (a pull request is open for "
                "it), declare them with `/keep PATH KEY`, or undo them with `/discard PATH KEY`.\n\n"
                + changes_table(drifted, source, target)
            )
        conflicts = [change for change in found if change.state is State.CONFLICT]
        if conflicts:
            parts.append(
                "Both sides changed these, so nothing is promoted until somebody chooses: "
                "`/resolve PATH:KEY source|target`, or `/keep PATH KEY`.\n\n"
                + changes_table(conflicts, source, target)
            )
    return cut("\n\n".join(parts) or "Nothing differs but what is pending or kept.")


def _counted(changes: Sequence[Change]) -> str:
    return f"{len(changes)} change" + ("" if len(changes) == 1 else "s")
