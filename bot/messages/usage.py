"""What each command does, in a line."""

from collections.abc import Iterable

from bot.decisions.commands import USAGES
from bot.words import Words

# What each command does; one that this version does not carry out yet is not offered.
_DOES = {
    "promote": (
        "promote what is pending into an environment, now or at a time such as "
        "`2026-12-01 09:00 Europe/Berlin`"
    ),
    "sign-off": "agree to exactly this content, for a role",
    "reject": "disagree, for a role; a `{sign_off}` of yours lifts it",
    "hold": "do nothing until somebody says `{resume}`",
    "resume": "end a hold",
    "cancel": (
        "close the promotion; this source commit is not tried again by itself. With an "
        "environment: take back what is planned there"
    ),
    "retry": "look at everything again, and take what the source has now",
    "rollback": "take back what the newest promotion brought; needs {maintain}",
    "freeze": "merge nothing in this repository until `{thaw}`; needs {maintain}",
    "thaw": "end a freeze; needs {maintain}",
    "override": "pass a gate for this content; needs {maintain}",
    "keep": "propose that a place differs on purpose",
    "discard": "propose to undo what drifted",
    "resolve": "propose one side of a conflict for both",
    "drift": "list what drifted or conflicts",
    "status": "say where everything stands",
    "help": "say this",
}


def help_text(words: Words) -> str:
    """Return what `/help` answers."""
    intro = "A line that starts with one of these, in a new comment, is for me:"
    return f"{intro}\n\n{usages(_DOES, words)}"


def usages(names: Iterable[str], words: Words) -> str:
    """Return a list of commands, how each is written and what it does."""
    takes = {usage.split()[0].removeprefix("/"): usage.removeprefix("/") for usage in USAGES}
    named = {
        "maintain": words.needs("maintain"),
        "thaw": words.command("thaw"),
        "resume": words.command("resume"),
        "sign_off": words.command("sign-off"),
    }
    return "\n".join(
        f"- `{words.command(takes[name])}`: {_DOES[name].format_map(named)}" for name in names
    )
