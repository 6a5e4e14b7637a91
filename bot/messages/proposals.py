"""What the bot's other pull requests say: back-merges, keep rules, values carried over."""

from collections.abc import Sequence

from bot.markdown import code, cut, plain, sentence, shortened
from bot.messages.tables import changes_table, counted
from bot.model import Change
from bot.words import Words


def no_report(why: str) -> str:
    """Return what is said under a back-merge where the drift issue cannot be written."""
    return (
        f"I cannot write the issue that reports what differs. {sentence(why)}\n\n"
        "Give the token that permission, and the issue is written at the next change."
    )


def keep_title(path: str, key: str | None) -> str:
    """Return the title of the pull request that declares a place as each environment's own."""
    return f"Keep {_short_place(path, key)} as each environment's own"


def keep_body(person: str, path: str, key: str | None, words: Words) -> str:
    """Return its description."""
    place = path if key is None else f"{path}:{key}"
    return (
        f"{plain(person)} said `{words.command('keep')}`: {code(place)} differs between the "
        "environments on purpose. Once this is merged it is neither promoted nor reported as drift."
    )


def carry_title(source: str, into: str, path: str, key: str | None) -> str:
    """Return the title of the pull request that brings one place into an environment."""
    return f"Set {_short_place(path, key)} in {into} as it is in {source}"


def carry_body(
    person: str, command: str, changes: Sequence[Change], source: str, into: str, words: Words
) -> str:
    """Return its description."""
    return cut(
        f"{plain(person)} said `{words.command(command)}`: "
        f"{plain(into)} takes the value of {plain(source)}.\n\n"
        + changes_table(changes, source, into, move=True)
    )


def _short_place(path: str, key: str | None) -> str:
    place = path if key is None else f"{path}:{key}"
    return shortened(place)


def back_merge_title(environment: str, first: str, changes: Sequence[Change]) -> str:
    """Return the title of a back-merge."""
    return f"Bring {counted(changes)} of {environment} home to {first}"


def back_merge_body(
    environment: str,
    first: str,
    changes: Sequence[Change],
    refused: Sequence[Change],
    words: Words,
) -> str:
    """Return what a back-merge says."""
    keep, discard = words.command("keep PATH [KEY]"), words.command("discard PATH [KEY]")
    parts = [
        (
            f"**{plain(environment)} has what {plain(first)} does not**: a hotfix, a roll-back or "
            "a stray edit. Merged here, it flows forward again like any change."
        ),
        changes_table(changes, environment, first, move=True),
        (
            f"If it is meant to differ say `{keep}`; if it should not be there at all say "
            f"`{discard}`. To close this leaves it as drift."
        ),
    ]
    if refused:
        parts.append(
            "These cannot be written here and are left to you:\n\n"
            + changes_table(refused, environment, first)
            + "".join(f"\n> {code(c.path)}: {sentence(c.note)}" for c in refused if c.note)
        )
    return cut("\n\n".join(parts))
