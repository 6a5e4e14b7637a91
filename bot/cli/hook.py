"""`lockstep hook`: print the hooks to install on a plain git server."""

import re
import shlex
from importlib.resources import files
from urllib.parse import urlsplit

import click
from pydantic import TypeAdapter, ValidationError

from bot.cli.main import Failure
from bot.pushes import FullName

ROUTE = "/webhooks/git"
_PLACES = ("http", "account")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

pusher_option = click.option(
    "--pusher",
    default="http",
    metavar="http|account|VARIABLE",
    help="Who has pushed: REMOTE_USER of the web server, the system's account, or a variable.",
)


@click.group()
def hook() -> None:
    """Print a hook for a plain git server, to be installed in the bare repository's `hooks/`."""


@hook.command("post-receive")
@click.option("--url", required=True, help="The bot's receiver, as the git server reaches it.")
@click.option(
    "--repository", metavar="OWNER/NAME", required=True, help="What the repository is called."
)
@click.option(
    "--secret-file",
    metavar="FILE",
    required=True,
    help="The file on the git server with the secret, readable by the hook alone.",
)
@pusher_option
@click.option("--bot", default="lockstep-bot", help="The bot's own name on the server.")
@click.option("--seconds", default=10, type=click.IntRange(1, 60), help="Wait so long for it.")
def post_receive(
    url: str, repository: str, secret_file: str, pusher: str, bot: str, seconds: int
) -> None:
    """Print the hook that tells the bot of every push, signed."""
    click.echo(
        post_receive_script(
            url=url,
            repository=repository,
            secret_file=secret_file,
            pusher=pusher,
            bot=bot,
            seconds=seconds,
        ),
        nl=False,
    )


@hook.command()
@pusher_option
@click.option("--bot", default="lockstep-bot", help="The bot's own name on the server.")
def update(pusher: str, bot: str) -> None:
    """Print the hook that lets nobody but the bot write what the bot keeps."""
    click.echo(update_script(pusher=pusher, bot=bot), nl=False)


def post_receive_script(
    *,
    url: str,
    repository: str,
    secret_file: str,
    pusher: str = "http",
    bot: str = "lockstep-bot",
    seconds: int = 10,
) -> str:
    """Return the post-receive hook. Raises `Failure` for settings that it could not work with."""
    try:
        TypeAdapter(FullName).validate_python(repository)
    except ValidationError as error:
        raise Failure(f"`{repository}` is not OWNER/NAME") from error
    if not secret_file.startswith("/"):
        raise Failure("the hook runs inside the repository: give the secret's file by a full path")
    return _with_settings(
        "post-receive.sh",
        url=_address(url),
        repository=repository,
        secret_file=secret_file,
        pusher_from=_pusher(pusher),
        bot=bot,
        seconds=seconds,
    )


def update_script(*, pusher: str = "http", bot: str = "lockstep-bot") -> str:
    """Return the update hook. Raises `Failure`."""
    if not bot:
        raise Failure("the bot needs a name: without one nobody could write what it keeps")
    return _with_settings("update.sh", pusher_from=_pusher(pusher), bot=bot)


def _address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Failure(f"`{url}` is not the URL of the bot's receiver, as `https://bot.example.com`")
    return url if parts.path.strip("/") else url.rstrip("/") + ROUTE


def _pusher(pusher: str) -> str:
    if pusher not in _PLACES and not _VARIABLE.fullmatch(pusher):
        raise Failure(f"`{pusher}` is neither `http`, `account` nor the name of a variable")
    return pusher


def _with_settings(name: str, **settings: str | int) -> str:
    script = (files("bot.cli") / "hooks" / name).read_text()
    for setting, value in settings.items():
        # Of those lines that assign it, the first is the setting.
        before, _, rest = script.partition(f"\n{setting}=")
        _, _, after = rest.partition("\n")
        script = f"{before}\n{setting}={shlex.quote(str(value))}\n{after}"
    return script
