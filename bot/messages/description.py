"""What a promotion's pull request says, for a reviewer who has thirty seconds."""

import re
from collections.abc import Iterable, Sequence

from bot.decisions.verdicts import Failed, GateResult, Open
from bot.engine.candidate import Plan
from bot.markdown import code, cut, folded, plain, sentence
from bot.messages.tables import changes_table, counted, held_until, rolled_back
from bot.messages.usage import usages
from bot.model import Head, State
from bot.words import Words

_MOST_COMMITS = 50
_MOST_REASONS = 5
_OF_A_PROMOTION = ("sign-off", "reject", "hold", "resume", "cancel", "retry", "override", "help")


def title(plan: Plan) -> str:
    """Return a promotion's title."""
    source, target = plan.comparison.source, plan.comparison.target
    what = f": {counted(plan.promoted)}" if plan.promoted else ""
    return f"Promote {source.environment} to {target.environment}{what}"


def body(
    plan: Plan,
    gates: Sequence[GateResult],
    reason: str,
    words: Words,
    *,
    open_: bool = True,
    superseded: Sequence[str] = (),
) -> str:
    """Return what a promotion's pull request says, for a reviewer who has thirty seconds.

    One that is not `open_` any more takes no commands. `superseded` are the source commits
    that it was opened for before, oldest first.
    """
    source, target = plan.comparison.source, plan.comparison.target
    parts = [
        f"**{sentence(reason)}**",
        _superseded(superseded, source),
        gates_table(gates) if gates else "",
        _sign_off_here(words) if open_ and _awaits_sign_off(gates) else "",
        _promoted(plan),
        *(f"> {code(c.path)}: {sentence(c.note)}" for c in plan.promoted if c.note),
        _held_back(plan, words),
        _commits(plan, words),
        folded("Commands", usages(_OF_A_PROMOTION, words)) if open_ else "",
        (
            f"<sub>From {code(source.branch)} at `{source.sha[:10]}`; "
            f"what is tested here is what lands in {code(target.branch)}.</sub>"
        ),
    ]
    return cut("\n\n".join(part for part in parts if part))


LACKING = "Lockstep lacks a permission here"
LACKING_NO_MORE = "It has what it needs again."


def lacking(before: str, why: str) -> str:
    """Return a description whose first sentence says what the bot may not do; all else stays."""
    _, gap, rest = before.partition("\n\n")
    ended = sentence(why).rstrip(".")
    said = f"**I lack a permission. {ended}. I look again every few minutes.**"
    return cut(f"{said}{gap}{rest}")


def _superseded(before: Sequence[str], now: Head) -> str:
    if not before:
        return ""
    taken = ", ".join(f"`{sha[:10]}`" for sha in before)
    return (
        f"Superseded: {code(now.branch)} has moved on from {taken}, and this now promotes "
        f"`{now.sha[:10]}`. Checks have begun again; sign-offs count for the same content alone."
    )


def _promoted(plan: Plan) -> str:
    if not plan.promoted:
        return ""
    source, target = plan.comparison.source.environment, plan.comparison.target.environment
    table = changes_table(plan.promoted, source, target, move=True)
    return f"### {counted(plan.promoted)}\n\n{table}"


def _awaits_sign_off(gates: Iterable[GateResult]) -> bool:
    return any(one.gate == "sign_offs" and not isinstance(one.verdict, Open) for one in gates)


def _sign_off_here(words: Words) -> str:
    agree, refuse = words.command("sign-off ROLE"), words.command("reject ROLE REASON")
    return f"A member of the role agrees by the comment `{agree}`, or says no by `{refuse}`."


# The forge's own; whatever could end the link early is no address of its pages.
_LINK = re.compile(r"https?://[A-Za-z0-9._~:/?#@!$&*+,;=%-]+")


def gates_table(gates: Sequence[GateResult]) -> str:
    """Return the gates with the sentence that each explains itself in."""
    lines = ["| gate | state | why |", "|---|---|---|"]
    for result in gates:
        verdict = result.verdict
        sign = "✅" if isinstance(verdict, Open) else "❌" if isinstance(verdict, Failed) else "⏳"
        lines.append(f"| {result.gate} | {sign} {verdict.state} | {_why(result)} |")
    return "\n".join(lines)


def _why(result: GateResult) -> str:
    """Return a gate's sentence, and below it what makes the gate stricter than usual."""
    more = len(result.because) - _MOST_REASONS
    because = [f"because {sentence(why)}" for why in result.because[:_MOST_REASONS]]
    because += [f"and for {more} reason{'s' * (more > 1)} more"] if more > 0 else []
    link = f" ([more]({result.link}))" if _LINK.fullmatch(result.link) else ""
    return ", ".join([sentence(result.verdict.reason) + link, *because])


def _held_back(plan: Plan, words: Words) -> str:
    if not plan.held_back:
        return ""
    source, target = plan.comparison.source, plan.comparison.target
    why = {
        State.DRIFT: f"changed in {target.environment} alone; it is left as it is",
        State.KEPT: "differs on purpose, by a `keep:` rule",
        State.CONFLICT: f"changed on both sides; choose with `{words.command('resolve')}`",
        State.HELD: held_until(source.environment, target.environment, words),
        State.PENDING: "comments or layout, which could not be merged",
    }
    parts, counts = [], []
    for state, reason in why.items():
        held = [change for change in plan.held_back if change.state is state]
        if held:
            counts.append(f"{len(held)} {state}")
            table = changes_table(held, source.environment, target.environment)
            parts.append(f"**{state}**: {reason}\n\n{table}{rolled_back(held)}")
    summary = f"Held back: {', '.join(counts)}"
    return folded(summary, "\n\n".join(parts), open_=not plan.promoted)


def _commits(plan: Plan, words: Words) -> str:
    lines = [
        f"- {c.sha[:10]} {plain(c.subject)} ({plain(c.author)}, {c.date[:10]})"
        for c in plan.commits[:_MOST_COMMITS]
    ]
    if len(plan.commits) > _MOST_COMMITS:
        lines.append(f"- and {len(plan.commits) - _MOST_COMMITS} more")
    named = dict.fromkeys(each for commit in plan.commits for each in commit.pull_requests)
    # On GitLab `#12` is an issue, and on GitHub `!12` is nothing.
    included = ", ".join(each for each in named if each.startswith(words.mark))
    included = f"Included {words.pull_request}s: {included}\n\n" if included else ""
    return included + folded(f"Commits: {len(plan.commits)}", "\n".join(lines)) if lines else ""


def cancelled(reason: str, command: str, environment: str, words: Words) -> str:
    """Return the last word of a promotion, or a roll-back, that a person ended."""
    again = words.command(f"{command} {environment}")
    return f"{reason}; `{again}` starts it anew"


def incident(candidate: str, merged: str) -> str:
    """Return what is said where a merge does not hold what was tested."""
    return (
        f"Incident: what landed as {merged[:10]} is not what was tested as {candidate[:10]}; "
        "the branch has moved at the very moment. Compare the two, and put right what "
        "should not be there"
    )
