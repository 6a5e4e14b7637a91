"""`lockstep check`: all that is wrong with `.lockstep.yaml`, with line and column."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import click

from bot.cli.local import (
    config_option,
    decoded,
    json_option,
    parsed_policy,
    pinned,
    policy_option,
    printable,
    read_file,
    repository_argument,
    repository_at,
)
from bot.cli.main import Failure
from bot.cli.policy_json import CheckedFile, check_document
from bot.engine.drift import CONFIGURATION
from bot.policies.checked import Checked, Tested, check_organisation
from bot.policies.checked import check as check_configuration
from bot.repository import Repository
from config.load import ConfigErrors, read
from config.organisation import POLICY_FILE, Organisation
from config.schema import Config
from config.suggest import suggest

M = TypeVar("M", Config, Organisation)
_NAMED = re.compile(r"[:/]([^/:]+/[^/:]+?)(?:\.git)?/?$")


@dataclass(frozen=True, slots=True)
class _Files:
    """The files to check, by what messages call them; either may be missing."""

    configuration: tuple[str, bytes] | None = None
    organisation: tuple[str, bytes] | None = None
    repository: str = ""  # OWNER/NAME, as its remote's address ends


@click.command()
@repository_argument
@config_option
@policy_option
@json_option
def check(
    repository: str, config_file: Path | None, policy_files: tuple[Path, ...], *, as_json: bool
) -> int:
    """Check REPO's configuration (here, if left out): every error at once, and its tests.

    Looks at `--config FILE`, else at the file in the work tree, which is what you are
    about to commit, else at the one on the default branch, which is in force. Where the work
    tree has an organisation's `lockstep-policy.yaml`, that is checked too.
    """
    inherited = [parsed_policy(path) for path in policy_files]
    if config_file is not None:
        return _report(
            _check(_Files((str(config_file), read_file(config_file))), inherited), as_json=as_json
        )
    # CI looks at a pull request in a clone of one commit, and no history is asked for.
    with repository_at(repository, even_shallow=True) as opened:
        in_force, text = pinned(opened)
        files = _files(opened, repository, in_force, text)
        checked = _check(files, inherited)
        code = _report(checked, as_json=as_json)
        if code == 0 and files.configuration is not None and not as_json:
            if files.configuration[1] != text:
                click.echo(f"lockstep: it is not what is in force: {in_force} differs", err=True)
            for one in checked:
                if isinstance(one.model, Config):
                    _say_missing_branches(opened, one.model)
        return code


def _files(opened: Repository, repository: str, in_force: str, text: bytes | None) -> _Files:
    top = opened.work_tree(repository)
    organisation = None
    if top is not None and (top / POLICY_FILE).is_file():
        organisation = (str(top / POLICY_FILE), read_file(top / POLICY_FILE))
    known = _NAMED.search(opened.remote_url())
    called = known[1] if known else ""
    if top is not None and (top / CONFIGURATION).is_file():
        own = (str(top / CONFIGURATION), read_file(top / CONFIGURATION))
        return _Files(own, organisation, called)
    if text is None and organisation is None:
        raise Failure(
            f"there is no {CONFIGURATION} in {repository} nor on its default branch; "
            "`lockstep init` proposes one"
        )
    return _Files((in_force, text) if text is not None else None, organisation, called)


def _check(files: _Files, inherited: Sequence[Organisation]) -> list[CheckedFile]:
    now = datetime.now(UTC)  # noqa: TID251 -- the command line is where time comes in

    found = []
    if files.configuration is not None:
        own = partial(check_configuration, inherited=inherited, now=now)
        found.append(_checked(files.configuration, Config, own, inherited))
    if files.organisation is not None:
        whole = partial(check_organisation, inherited=inherited, name=files.repository)
        found.append(_checked(files.organisation, Organisation, whole, inherited))
    return found


def _checked(
    file: tuple[str, bytes],
    kind: type[M],
    judged: Callable[..., Checked],
    inherited: Sequence[Organisation],
) -> CheckedFile:
    """Check one file; `judged` is told whether all is there that it inherits from."""
    name, text = file
    try:
        reading = read(decoded(name, text), kind)
    except ConfigErrors as errors:
        return CheckedFile(name, None, Checked(errors.errors))
    model = reading.model
    complete = bool(inherited) or model.inherit is None
    missing = "" if complete else model.inherit or ""
    return CheckedFile(name, model, judged(reading, complete=complete), missing)


def _report(files: Sequence[CheckedFile], *, as_json: bool) -> int:
    if as_json:
        click.echo(check_document(files))
        return 0 if all(file.is_valid for file in files) else 1
    for file in files:
        _print(file)
    wrong = [_counted(file) for file in files if not file.is_valid]
    if wrong:
        raise Failure("; ".join(wrong))
    return 0


def _print(file: CheckedFile) -> None:
    checked = file.checked
    for error in checked.errors:
        click.echo(f"{file.name}:{error}")
    for test in checked.failed:
        _print_test(file.name, test)
    if file.is_valid:
        count = len(checked.tests)
        tests = f"; {count} test{'s pass' if count > 1 else ' passes'}" if count else ""
        click.echo(f"{file.name} is valid{tests}")
    for remark in checked.remarks:
        click.echo(f"lockstep: {file.name}:{remark}", err=True)
    if file.inherits:
        click.echo(
            f"lockstep: {file.name} inherits from {file.inherits}, which is not looked at; "
            "`--policy FILE` reads its policy",
            err=True,
        )


def _print_test(name: str, test: Tested) -> None:
    """Print a test that failed: what differs, where that is expected, and what asked for it."""
    place = test.place
    title = printable(test.outcome.test.name)
    click.echo(f"{name}:{place.line}:{place.column}: the test `{title}` fails")
    for difference, where in zip(test.outcome.differences, test.places, strict=True):
        click.echo(f"    {difference.what} (line {where.line})")
        click.echo(f"      - expected  {printable(difference.expected)}")
        click.echo(f"      + found     {printable(difference.actual)}")
        for why in test.outcome.policy.needed.because.get(difference.what, ()):
            click.echo(f"        because {printable(why)}")
    rules = ", ".join(test.outcome.policy.rules) or "none"
    click.echo(f"    rules that apply: {printable(rules)}")


def _counted(file: CheckedFile) -> str:
    errors, failed = len(file.checked.errors), len(file.checked.failed)
    parts = []
    if errors:
        parts.append(f"has {errors} {'error' if errors == 1 else 'errors'}")
    if failed:
        fail = "fails" if failed == 1 else "fail"
        total = len(file.checked.tests)
        parts.append("its test fails" if total == 1 else f"{failed} of its {total} tests {fail}")
    return f"{file.name} {' and '.join(parts)}" if errors else f"{file.name}: {parts[0]}"


def _say_missing_branches(repository: Repository, config: Config) -> None:
    branches = repository.branches()
    for environment in config.environments:
        if environment.branch not in branches:
            click.echo(
                f"lockstep: `{environment.name}` is at branch `{environment.branch}`, which is "
                f"not in this clone{suggest(environment.branch, sorted(branches))}",
                err=True,
            )
