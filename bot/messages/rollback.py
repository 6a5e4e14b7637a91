"""What a roll-back's pull request says, and the answers to `/rollback`."""

from collections.abc import Sequence

from bot.decisions.verdicts import GateResult
from bot.engine.candidate import Plan
from bot.markdown import code, cut, folded, plain, sentence
from bot.messages.description import gates_table
from bot.messages.tables import changes_table, counted, place
from bot.messages.usage import usages
from bot.words import Words

_OF_A_ROLL_BACK = ("hold", "resume", "cancel", "retry", "override", "status", "help")


def title(plan: Plan, undone: str) -> str:
    """Return a roll-back's title."""
    what = f": {counted(plan.promoted)}" if plan.promoted else ""
    return f"Roll {plan.comparison.target.environment} back to before {undone}{what}"


def body(
    plan: Plan,
    gates: Sequence[GateResult],
    reason: str,
    words: Words,
    *,
    undone: str,
    by: str,
    open_: bool = True,
) -> str:
    """Return what it says, for somebody who is in a hurry."""
    environment = plan.comparison.target.environment
    promote = f"`{words.command('promote')} {plain(environment)}`"
    parts = [
        f"**{sentence(reason)}**",
        gates_table(gates) if gates else "",
        (
            f"{plain(by)} asked for it. It takes back what {code(undone)} brought, and waits for "
            f"checks alone. What it takes out is held back from promotions, and is no drift, until "
            f"it changes in the source or somebody says {promote}."
        ),
        _restored(plan),
        _left(plan),
        folded("Commands", usages(_OF_A_ROLL_BACK, words)) if open_ else "",
    ]
    return cut("\n\n".join(part for part in parts if part))


def _restored(plan: Plan) -> str:
    if not plan.promoted:
        return ""
    now = plan.comparison.target.environment
    table = changes_table(plan.promoted, f"{now}, restored", now, move=True)
    return f"### {counted(plan.promoted)}\n\n{table}"


def _left(plan: Plan) -> str:
    if not plan.held_back:
        return ""
    lines = "\n".join(
        f"- {code(place(change.path, change.key))}: {sentence(change.note)}"
        for change in plan.held_back
    )
    return f"Left as it is, so look at it:\n\n{lines}"


def started(plan: Plan, undone: str, words: Words) -> str:
    """Return the answer to `/rollback`."""
    return (
        f"Taking back {counted(plan.promoted)} that {code(undone)} brought to "
        f"{plain(plan.comparison.target.environment)}; a {words.pull_request} follows, which "
        "merges once its checks are green. Promotions there wait for it."
    )


def nothing_promoted(environment: str) -> str:
    """Return the answer where no promotion is left to undo."""
    return (
        f"I find no promotion to {plain(environment)} that was not rolled back already, so there "
        "is nothing before it to go back to."
    )


def nothing_left(plan: Plan, undone: str) -> str:
    """Return the answer where a promotion has left nothing that could be taken back."""
    said = f"Nothing that {code(undone)} brought can be taken back."
    return f"{said} {_left(plan)}" if plan.held_back else f"{said} It was undone by hand already."


def under_way(environment: str, number: int | None, words: Words) -> str:
    """Return the answer where one is open already."""
    where = f" in {words.reference(number)}" if number else ""
    return f"{plain(environment)} is being rolled back already{where}."


def first_environment(environment: str) -> str:
    """Return the answer where nothing is ever promoted into an environment."""
    return (
        f"Nothing is promoted into {plain(environment)}: changes begin there, so revert the commit."
    )
