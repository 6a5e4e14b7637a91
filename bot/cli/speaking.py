"""`lockstep say` and its kind: speak to the bot on a plain git server, where nobody can comment.

What is said is pushed, with the credentials that git pushes with, and the server's hook tells
the bot who it was.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

import click
from rich.table import Table
from rich.text import Text

from bot.cli.clone import Clone
from bot.cli.local import printable
from bot.cli.main import Failure
from bot.cli.tables import console
from bot.decisions.commands import Unclear, parse_comment
from bot.decisions.facts import CheckState
from bot.forges.plain_ledger import Request
from bot.pushes import CONVERSATION
from bot.words import GIT

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _in_clone(command: _Command) -> _Command:
    """Add the options that say where the clone is, and whom it speaks to."""
    command = click.option(
        "--remote", default="origin", metavar="NAME", help="The remote to speak to."
    )(command)
    return click.option(
        "--clone",
        "directory",
        default=".",
        metavar="DIR",
        type=click.Path(path_type=Path),
        help="The clone to speak from; the current directory otherwise.",
    )(command)


_on = click.option(
    "--on",
    "which",
    metavar="NUMBER|ENVIRONMENT",
    help="The pull request; needed where several promotions are open.",
)


@click.command()
@click.argument("text")
@_on
@_in_clone
def say(text: str, which: str | None, directory: Path, remote: str) -> None:
    """Say TEXT to the bot, as in a comment: `lockstep say '/promote production'`.

    Without --on it is said of the repository.
    """
    clone = Clone(directory, remote)
    commands = parse_comment(text, GIT)
    for command in commands:
        if isinstance(command, Unclear):
            raise Failure(command.answer)
    if not commands:
        raise Failure("there is no command in that: a command is a line such as `/promote staging`")
    request = None if which is None else clone.promotion(which)
    _said(clone, {"on": request.number if request else CONVERSATION, "say": text}, request)


@click.command()
@click.argument("role")
@_on
@_in_clone
def sign_off(role: str, which: str | None, directory: Path, remote: str) -> None:
    """Sign a promotion off for ROLE."""
    clone = Clone(directory, remote)
    request = clone.promotion(which)
    _said(clone, {"on": request.number, "say": f"/sign-off {role}"}, request)


@click.command()
@_on
@click.option("--changes", is_flag=True, help="Ask for changes instead of approving.")
@_in_clone
def approve(which: str | None, directory: Path, remote: str, *, changes: bool) -> None:
    """Approve what a promotion proposes now."""
    clone = Clone(directory, remote)
    request = clone.promotion(which)
    review = "changes_requested" if changes else "approved"
    sha = clone.head(request.head)
    _said(clone, {"on": request.number, "review": review, "sha": sha}, request)


@click.command()
@click.argument("name")
@click.argument("state", type=click.Choice(get_args(CheckState)))
@click.option("--sha", default="HEAD", metavar="COMMIT", help="The commit that was checked.")
@_in_clone
def report_check(name: str, state: str, sha: str, directory: Path, remote: str) -> None:
    """Report what the check NAME has found in a commit, the one that is checked out otherwise."""
    clone = Clone(directory, remote)
    commit = clone.commit(sha)
    _said(clone, {"check": name, "state": state, "sha": commit}, None)


@click.command()
@click.argument("number", required=False, type=int)
@_in_clone
def requests(number: int | None, directory: Path, remote: str) -> None:
    """Show what the bot has open on a plain git server, or one of it by NUMBER."""
    found = Clone(directory, remote).requests()
    if number is None:
        console().print(_table(found) if found else "Nothing is open.")
        return
    one = next((one for one in found if one.number == number), None)
    if one is None:
        known = ", ".join(f"#{one.number}" for one in found) or "nothing"
        raise Failure(f"there is no open #{number}; open: {known}")
    click.echo(printable_page(one))


def printable_page(request: Request) -> str:
    """Return a request as people read it on a terminal."""
    parts = [f"#{request.number} {request.title}"]
    if request.head:
        parts.append(f"{request.head} into {request.base}")
    parts.append(request.body)
    parts += [f"{one.by}: {one.text}" for one in request.remarks]
    parts += [f"{one.by}: {one.state.replace('_', ' ')} {one.sha[:10]}" for one in request.reviews]
    return "\n\n".join("\n".join(map(printable, part.splitlines())) for part in parts if part)


def _table(found: list[Request]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    for one in found:
        way = f"{one.head} → {one.base}" if one.head else ""
        table.add_row(
            Text(f"#{one.number}", style="cyan"), Text(printable(one.title)), Text(printable(way))
        )
    return table


def _said(clone: Clone, said: Mapping[str, object], request: Request | None) -> None:
    answers = clone.say(said)
    for answer in answers:
        click.echo(f"lockstep: {answer}", err=True)
    about = f" about #{request.number}, {printable(request.title)}" if request else ""
    if answers:
        return
    click.echo(f"The bot has heard you{about}; `lockstep requests` shows what comes of it.")
