"""Every sentence that the bot says to people on a forge: Markdown, from values.

Text that others wrote (subjects, values, reasons) is data: see `bot.markdown`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby

from bot.decisions.commands import USAGES
from bot.decisions.gates import Failed, GateResult, Open
from bot.engine.candidate import Plan
from bot.engine.drift import Comparison
from bot.markdown import cell, code, cut, folded, plain, sentence, shortened, value
from bot.model import Change, State
from config.suggest import suggest

_MOST_ROWS = 200
_MOST_COMMITS = 50

# What each command does; one that this version does not carry out yet is not offered.
_DOES = {
    "promote": "promote what is pending into an environment",
    "sign-off": "agree to exactly this content, for a role",
    "reject": "disagree, for a role; a `/sign-off` of yours lifts it",
    "hold": "do nothing until somebody says `/resume`",
    "resume": "end a hold",
    "cancel": "close the promotion; this source commit is not tried again by itself",
    "retry": "look at everything again, and take what the source has now",
    "override": "pass a gate for this content; needs maintain permission",
    "keep": "propose that a place differs on purpose",
    "discard": "propose to undo what drifted",
    "resolve": "propose one side of a conflict for both",
    "drift": "list what drifted or conflicts",
    "status": "say where everything stands",
    "help": "say this",
}
_OF_A_PROMOTION = ("sign-off", "reject", "hold", "resume", "cancel", "retry", "override", "help")

_SIGN_OFF_HERE = (
    "A member of the role agrees by the comment `/sign-off ROLE`, or says no by "
    "`/reject ROLE REASON`."
)
_HOME = "The first environment has them already, and they come with the next promotions"
STATUS_IS_ABOVE = "The description above says what each gate waits for; it is always current."


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


def title(plan: Plan) -> str:
    """Return a promotion's title."""
    source, target = plan.comparison.source, plan.comparison.target
    what = f": {_counted(plan.promoted)}" if plan.promoted else ""
    return f"Promote {source.environment} to {target.environment}{what}"


def body(plan: Plan, gates: Sequence[GateResult], reason: str, *, open_: bool = True) -> str:
    """Return what a promotion's pull request says, for a reviewer who has thirty seconds.

    One that is not `open_` any more takes no commands.
    """
    source, target = plan.comparison.source, plan.comparison.target
    parts = [
        f"**{sentence(reason)}**",
        gates_table(gates) if gates else "",
        _SIGN_OFF_HERE if open_ and _awaits_sign_off(gates) else "",
        _promoted(plan),
        *(f"> {code(c.path)}: {sentence(c.note)}" for c in plan.promoted if c.note),
        _held_back(plan),
        _commits(plan),
        folded("Commands", _usages(_OF_A_PROMOTION)) if open_ else "",
        (
            f"<sub>From {code(source.branch)} at `{source.sha[:10]}`; "
            f"what is tested here is what lands in {code(target.branch)}.</sub>"
        ),
    ]
    return cut("\n\n".join(part for part in parts if part))


def _promoted(plan: Plan) -> str:
    if not plan.promoted:
        return ""
    source, target = plan.comparison.source.environment, plan.comparison.target.environment
    table = changes_table(plan.promoted, source, target, move=True)
    return f"### {_counted(plan.promoted)}\n\n{table}"


def _awaits_sign_off(gates: Iterable[GateResult]) -> bool:
    return any(one.gate == "sign_offs" and not isinstance(one.verdict, Open) for one in gates)


def gates_table(gates: Sequence[GateResult]) -> str:
    """Return the gates with the sentence that each explains itself in."""
    lines = ["| gate | state | why |", "|---|---|---|"]
    for result in gates:
        verdict = result.verdict
        sign = "✅" if isinstance(verdict, Open) else "❌" if isinstance(verdict, Failed) else "⏳"
        lines.append(f"| {result.gate} | {sign} {verdict.state} | {sentence(verdict.reason)} |")
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
    parts, counts = [], []
    for state, reason in why.items():
        held = [change for change in plan.held_back if change.state is state]
        if held:
            counts.append(f"{len(held)} {state}")
            table = changes_table(held, source.environment, target.environment)
            parts.append(f"**{state}**: {reason}\n\n{table}")
    summary = f"Held back: {', '.join(counts)}"
    return folded(summary, "\n\n".join(parts), open_=not plan.promoted)


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


def help_text() -> str:
    """Return what `/help` answers."""
    usages = _usages(_DOES)
    return f"A line that starts with one of these, in a new comment, is for me:\n\n{usages}"


def _usages(names: Iterable[str]) -> str:
    usages = {usage.split()[0].removeprefix("/"): usage for usage in USAGES}
    return "\n".join(f"- `{usages[name]}`: {_DOES[name]}" for name in names)


def reply(person: str, sentences: Iterable[str]) -> str:
    """Return an answer to somebody's comment."""
    return f"@{person} " + "\n\n".join(sentences)


def cancelled(reason: str, environment: str) -> str:
    """Return the last word of a promotion that a person ended."""
    return f"{reason}; `/promote {environment}` starts it anew"


def incident(candidate: str, merged: str) -> str:
    """Return what is said where a merge does not hold what was tested."""
    return (
        f"Incident: what landed as {merged[:10]} is not what was tested as {candidate[:10]}; "
        "the branch has moved at the very moment. Compare the two, and put right what "
        "should not be there"
    )


def not_configured(repository: str) -> str:
    """Return the one answer to `/promote` where there is nothing to promote by."""
    return (
        f"{plain(repository)} has no `.lockstep.yaml` on its default branch, so I do not know its "
        "environments. `lockstep init` proposes one from the branches; commit it, and say it again."
    )


def broken(problem: str) -> str:
    """Return what a configuration that does not load is answered with."""
    said = sentence(problem) + ("" if problem.endswith("?") else ".")
    return f"The configuration does not load: {said} Mend it on the default branch."


def remembered(environment: str) -> str:
    """Return the answer to `/promote` on a pull request that is not merged yet."""
    return f"When this is merged I promote it to {plain(environment)}."


def not_into_its_source(base: str, environment: str, source: str) -> str:
    """Return the answer to `/promote` on an open pull request that goes elsewhere."""
    return (
        f"This goes into {code(base)}, and {plain(environment)} is promoted from {plain(source)}; "
        f"say `/promote {plain(environment)}` once {plain(source)} has it."
    )


def started(environment: str, source: str) -> str:
    """Return the answer to `/promote`."""
    return f"Promoting {source[:10]} to {plain(environment)}; a pull request follows."


def no_environment(name: str, known: Collection[str]) -> str:
    """Return the answer to a name that no environment has."""
    listed = ", ".join(code(one) for one in known)
    near = suggest(name, known) or "."
    return f"There is no environment {code(name)} to promote into; there are {listed}{near}"


def nothing_pending(source: str, target: str) -> str:
    """Return the answer to `/promote` where nothing is pending."""
    return f"{plain(target)} has all that {plain(source)} has, but for what is held back."


def conflicting(plan: Plan) -> str:
    """Return the answer to `/promote` where a conflict is in the way."""
    source, target = plan.comparison.source.environment, plan.comparison.target.environment
    found = [change for change in plan.held_back if change.state is State.CONFLICT]
    return (
        f"Nothing is promoted to {plain(target)}, since both sides changed these; choose with "
        "`/resolve PATH[:KEY] source|target`, or declare them with `/keep PATH [KEY]`.\n\n"
        + changes_table(found, source, target)
    )


def already_open(environment: str, number: int | None) -> str:
    """Return the answer to `/promote` where a promotion is under way."""
    where = f" in #{number}" if number else ""
    return f"A promotion to {plain(environment)} is open already{where}; `/retry` renews it there."


def hidden_teams(teams: Iterable[str]) -> str:
    """Return the answer to somebody whose role rests on teams that we may not see."""
    listed = ", ".join(code(f"@{team}") for team in teams)
    return (
        f"I cannot see who is in {listed}, and so not whether you are. If there is such a team, my "
        "token needs to read the organisation's members (`read:org`; for an App the permission "
        "Members: read) and its account has to belong there. Then say it again."
    )


def not_here(command: str) -> str:
    """Return the answer to a promotion's command where there is no promotion."""
    return f"`/{command}` belongs on the pull request of an open promotion, and this is none."


def not_yet(command: str) -> str:
    """Return the answer to a command that this version does not carry out."""
    return f"`/{command}` is not carried out by this version yet; nothing was done."


def no_difference(path: str, key: str | None) -> str:
    """Return the answer to a command about a place that does not differ."""
    place = path if key is None else f"{path}:{key}"
    return f"I find no difference at {code(place)} that this could settle; `/drift` lists them."


def proposed(what: str, number: int) -> str:
    """Return the answer to a command that a pull request was opened for."""
    return f"{what} in #{number}; it takes effect when that is merged."


def keep_title(path: str, key: str | None) -> str:
    """Return the title of the pull request that declares a place as each environment's own."""
    return f"Keep {_short_place(path, key)} as each environment's own"


def keep_body(person: str, path: str, key: str | None) -> str:
    """Return its description."""
    place = path if key is None else f"{path}:{key}"
    return (
        f"{plain(person)} said `/keep`: {code(place)} differs between the environments on purpose. "
        "Once this is merged it is neither promoted nor reported as drift."
    )


def carry_title(source: str, into: str, path: str, key: str | None) -> str:
    """Return the title of the pull request that brings one place into an environment."""
    return f"Set {_short_place(path, key)} in {into} as it is in {source}"


def carry_body(person: str, command: str, changes: Sequence[Change], source: str, into: str) -> str:
    """Return its description."""
    return cut(
        f"{plain(person)} said `/{command}`: {plain(into)} takes the value of {plain(source)}.\n\n"
        + changes_table(changes, source, into, move=True)
    )


def _short_place(path: str, key: str | None) -> str:
    place = path if key is None else f"{path}:{key}"
    return shortened(place)


def back_merge_title(environment: str, first: str, changes: Sequence[Change]) -> str:
    """Return the title of a back-merge."""
    return f"Bring {_counted(changes)} of {environment} home to {first}"


def back_merge_body(
    environment: str, first: str, changes: Sequence[Change], refused: Sequence[Change]
) -> str:
    """Return what a back-merge says."""
    parts = [
        (
            f"**{plain(environment)} has what {plain(first)} does not**: a hotfix, a roll-back or "
            "a stray edit. Merged here, it flows forward again like any change."
        ),
        changes_table(changes, environment, first, move=True),
        (
            "If it is meant to differ say `/keep PATH [KEY]`; if it should not be there at all say "
            "`/discard PATH [KEY]`. To close this leaves it as drift."
        ),
    ]
    if refused:
        parts.append(
            "These cannot be written here and are left to you:\n\n"
            + changes_table(refused, environment, first)
            + "".join(f"\n> {code(c.path)}: {sentence(c.note)}" for c in refused if c.note)
        )
    return cut("\n\n".join(parts))


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
    return "Nothing differs any more but what is pending, or kept on purpose."


def drift_body(
    comparisons: Sequence[Comparison], back_merges: Mapping[str, int | None], problem: str = ""
) -> str:
    """Return the body of a repository's one drift issue.

    `back_merges` are the numbers of the pull requests that bring drift home, by the
    environment that drifted; None where it is home already.
    """
    parts = [broken(problem)] if problem else []
    for comparison in comparisons:
        source, target = comparison.source.environment, comparison.target.environment
        found = [c for c in comparison.changes if c.state in (State.DRIFT, State.CONFLICT)]
        if not found:
            continue
        parts.append(f"### {plain(source)} → {plain(target)}")
        drifted = [change for change in found if change.state is State.DRIFT]
        if drifted:
            advice = "Bring them home with a commit"
            if target in back_merges:
                number = back_merges[target]
                advice = f"#{number} brings them home" if number else _HOME
            parts.append(
                f"Only {plain(target)} has these. {advice}; or declare them with "
                "`/keep PATH [KEY]`, or undo them with `/discard PATH [KEY]`.\n\n"
                + changes_table(drifted, source, target)
            )
        conflicts = [change for change in found if change.state is State.CONFLICT]
        if conflicts:
            parts.append(
                "Both sides changed these, so nothing is promoted until somebody chooses: "
                "`/resolve PATH[:KEY] source|target`, or `/keep PATH [KEY]`.\n\n"
                + changes_table(conflicts, source, target)
            )
    return cut("\n\n".join(parts))


def overview(comparisons: Sequence[Comparison], opened: Mapping[str, int | None]) -> str:
    """Return what `/status` and `/drift` answer: each hop, and the promotion that is open."""
    lines = [
        "| from | to | | pending | drift | conflict | promotion |",
        "|---|---|---|---|---|---|---|",
    ]
    for comparison in comparisons:
        counts, target = comparison.counts, comparison.target.environment
        number = opened.get(target)
        under_way = f"#{number}" if number else "opening" if target in opened else ""
        lines.append(
            f"| {plain(comparison.source.environment)} | {plain(target)} | {comparison.state} "
            f"| {counts[State.PENDING]} | {counts[State.DRIFT]} | {counts[State.CONFLICT]} "
            f"| {under_way} |"
        )
    return "\n".join(lines)


def differences(comparisons: Sequence[Comparison]) -> str:
    """Return every place that drifted or conflicts, hop by hop; empty for none."""
    parts = []
    for comparison in comparisons:
        source, target = comparison.source.environment, comparison.target.environment
        for state in (State.CONFLICT, State.DRIFT):
            found = [change for change in comparison.changes if change.state is state]
            if found:
                head = f"**{state}**, {plain(source)} → {plain(target)}"
                parts.append(f"{head}\n\n{changes_table(found, source, target)}")
    return "\n\n".join(parts)


def _counted(changes: Sequence[Change]) -> str:
    return f"{len(changes)} change" + ("" if len(changes) == 1 else "s")


def gone(environment: str) -> str:
    """Return the answer to `/promote` where a branch is missing."""
    return f"The branch of {plain(environment)}, or of what it is promoted from, is not there."


def no_file(path: str) -> str:
    """Return the answer to `/keep` of a path that no environment has."""
    return f"No environment has a file {code(path)}; a path begins at the repository's root."


def kept_already(path: str, key: str | None) -> str:
    """Return the answer to `/keep` of what is kept."""
    return f"{code(path if key is None else f'{path}:{key}')} is kept already."


def failed(command: str) -> str:
    """Return the answer to a command that met a fault of ours."""
    return f"`/{command}` met a fault of mine and was not carried out; my log says which."


def refused(command: str, reason: str) -> str:
    """Return the answer to a command that the forge would not carry out."""
    return f"`/{command}` was not carried out, since the forge refuses: {sentence(reason)}"
