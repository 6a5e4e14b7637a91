"""`lockstep`: the commands, and how every one of them ends.

A command's module is imported when it is called: half of the time that a short command
takes is imports.
"""

import io
import os
import sys
from importlib import import_module
from io import TextIOWrapper
from typing import Any

import click

_COMMANDS = {
    "approve": "Approve what a promotion proposes, on a plain git server.",
    "check": "Check `.lockstep.yaml`: every error at once, with line and column.",
    "demo": "Watch a change travel to production, on this machine alone.",
    "drift": "Show what differs between the environments, value by value.",
    "freeze": "Let nothing merge, in a repository or an organisation, until `thaw`.",
    "hook": "Print the hooks to install on a plain git server.",
    "init": "Look at a repository's branches and propose a `.lockstep.yaml`.",
    "plan": "Show what a promotion would do, what it holds back, and its gates.",
    "policy": "Apply a policy to the promotions that were made: what would have waited.",
    "promote": "Start a promotion, as `/promote` does.",
    "report-check": "Report what CI has found, on a plain git server.",
    "requests": "Show the bot's open pull requests, on a plain git server.",
    "sandbox": "Run a local stand-in for GitHub, to play with and to test against.",
    "say": "Speak to the bot as in a comment, on a plain git server.",
    "serve": "Run the server: receiver and worker in one process.",
    "sign-off": "Sign a promotion off for a role, on a plain git server.",
    "status": "Show the open promotions, and what each waits for.",
    "thaw": "End a freeze.",
    "webhook": "Run the receiver alone, one of many.",
    "worker": "Run a worker alone, one of many.",
}
# Commands that live together; any other has a module of its name.
_MODULES = {
    "approve": "speaking",
    "report-check": "speaking",
    "requests": "speaking",
    "say": "speaking",
    "sign-off": "speaking",
    "thaw": "freeze",
    "webhook": "serve",
}


class Failure(click.ClickException):
    """What went wrong, in a line for whoever typed the command; it exits with 1."""


class _Lazy(click.Group):
    """Knows its commands by name and imports one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return super().get_command(ctx, cmd_name)
        module = import_module(f"bot.cli.{_MODULES.get(cmd_name, cmd_name)}")
        command = getattr(module, cmd_name.replace("-", "_"))
        assert isinstance(command, click.Command)  # noqa: S101 -- each module defines its own name
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from config.suggest import suggest  # noqa: PLC0415 -- only where a name is wrong

            name = args[0] if args else ""
            raise Failure(f"there is no command `{name}`{suggest(name, _COMMANDS)}") from error


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lockstep-bot", prog_name="lockstep")
def lockstep() -> None:
    """Keep environment branches in lockstep: drift and promotion, value by value."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code: 1 for any error, else what the command says."""
    # GitPython would not even be imported without git; what is missing we say ourselves.
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    try:
        code: Any = lockstep.main(arguments, prog_name="lockstep", standalone_mode=False)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.UsageError as error:
        _say(f"{error.format_message()} (`{_path(error)} --help` shows how)")
    except click.ClickException as error:
        _say(error.format_message())
    except (KeyboardInterrupt, click.Abort):
        return 130
    except BrokenPipeError:
        # Whoever read our output has seen enough; nothing is left to say it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if os.environ.get("LOCKSTEP_DEBUG"):
            raise
        _say(
            f"this should not have happened: {type(error).__name__}: {error} "
            "(please report it; with LOCKSTEP_DEBUG=1 the details are shown)"
        )
    else:
        return code if isinstance(code, int) else 0
    return 1


def _path(error: click.UsageError) -> str:
    return error.ctx.command_path if error.ctx is not None else "lockstep"


def _say(message: str) -> None:
    click.echo(f"lockstep: {message}", err=True)


def run() -> None:
    """Run as the process's command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal of another encoding than UTF-8 has no arrow, and still gets the rest.
            stream.reconfigure(errors="backslashreplace")
    for stream in (sys.stdout, sys.stderr):
        # A terminal that has no arrow is no reason to fail.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    code = main()
    if sys.version_info < (3, 12) and "temporalio" in sys.modules:
        # There its runtime sometimes aborts when the interpreter ends; all is closed by now.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
