"""A local clone as the commands see it: its repository, its configuration, its hops."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from bot.cli.main import Failure
from bot.engine.drift import CONFIGURATION
from bot.engine.objects import MissingObject
from bot.git_process import leave_hook
from bot.model import Head
from bot.repository import Repository, RepositoryError
from config.load import ConfigErrors, load, load_organisation
from config.organisation import Organisation
from config.schema import Config, Environment
from config.suggest import suggest

repository_argument = click.argument("repository", metavar="[REPO]", default=".")
config_option = click.option(
    "--config",
    "config_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help=f"Read the configuration from FILE, not from {CONFIGURATION} on the default branch.",
)
policy_option = click.option(
    "--policy",
    "policy_files",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path),
    help="An organisation's policy that it inherits, nearest first, if more than one.",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document and nothing else."
)


@dataclass(frozen=True, slots=True)
class Local:
    """A clone and the configuration that is in force for it."""

    path: Path
    repository: Repository
    config: Config

    def environment(self, name: str) -> Environment:
        """Return an environment by name. Raises `Failure` with the nearest name."""
        names = [environment.name for environment in self.config.environments]
        if name not in names:
            raise Failure(
                f"there is no environment `{name}`{suggest(name, names)} "
                f"(there are {', '.join(names)})"
            )
        return self.config.environment(name)

    def hops(self) -> list[tuple[Environment, Environment]]:
        """Return source and target of each hop, in promotion order."""
        return [
            (source, target)
            for target in self.config.environments
            if (source := self.config.source_of(target)) is not None
        ]

    def heads(self, environments: Sequence[Environment]) -> dict[str, Head]:
        """Return where environments are, by name. Raises `Failure` for branches there are not."""
        found = {}
        missing = []
        for environment in environments:
            sha = self.repository.branch(environment.branch)
            if sha is None:
                missing.append(environment)
            else:
                found[environment.name] = Head(environment.name, environment.branch, sha)
        if missing:
            for environment in missing:
                refuse_damaged(self.repository, f"refs/heads/{environment.branch}")
            here = sorted(self.repository.branches())
            raise Failure(
                "; ".join(
                    f"`{environment.name}` is at branch `{environment.branch}`, which is not in "
                    f"this repository{suggest(environment.branch, here)}"
                    for environment in missing
                )
                + f" (branches here: {', '.join(here) or 'none'}; `git fetch` may bring more)"
            )
        return found


@contextmanager
def opened(path: str, config_file: Path | None) -> Iterator[Local]:
    """Open a clone with its configuration. Raises `Failure`."""
    with repository_at(path) as repository:
        yield Local(Path(path), repository, _config(repository, config_file))


@contextmanager
def repository_at(path: str, *, even_shallow: bool = False) -> Iterator[Repository]:
    """Open a clone; what git cannot do while it is open is a `Failure` too."""
    leave_hook()
    try:
        with Repository.find(path, even_shallow=even_shallow) as repository:
            yield repository
    except (RepositoryError, MissingObject) as error:
        raise Failure(str(error)) from error


def _config(repository: Repository, config_file: Path | None) -> Config:
    if config_file is not None:
        return parsed(str(config_file), read_file(config_file))
    name, text = pinned(repository)
    if text is None:
        raise Failure(
            f"there is no {name}, which is the default branch's; "
            "`lockstep init` proposes one, and `--config FILE` reads one from elsewhere"
        )
    return parsed(name, text)


def parsed(name: str, text: bytes) -> Config:
    """Return the configuration in `text`. Raises `Failure` with every error, a line each."""
    try:
        return load(decoded(name, text))
    except ConfigErrors as errors:
        raise Failure(
            "the configuration is not valid\n"
            + "\n".join(f"{name}:{error}" for error in errors.errors)
        ) from errors


def parsed_policy(path: Path) -> Organisation:
    """Return an organisation's policy. Raises `Failure` with every error, a line each."""
    try:
        return load_organisation(decoded(str(path), read_file(path)))
    except ConfigErrors as errors:
        raise Failure(
            "the organisation's policy is not valid\n"
            + "\n".join(f"{path}:{error}" for error in errors.errors)
        ) from errors


def decoded(name: str, text: bytes) -> str:
    """Return text as a string. Raises `Failure` where it is not UTF-8."""
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise Failure(f"{name}:{line}: not UTF-8") from error


def pinned(repository: Repository) -> tuple[str, bytes | None]:
    """Return where the configuration in force stands, and its text; None where there is none."""
    ref = repository.default_ref()
    text = repository.file(ref, CONFIGURATION)
    if text is None:
        refuse_damaged(repository, ref)
        if repository.commit(ref) is None:
            raise Failure("the repository has no commit yet")
    return f"{ref.removeprefix('refs/remotes/')}:{CONFIGURATION}", text


def refuse_damaged(repository: Repository, ref: str) -> None:
    """Raise `Failure` where a ref is there, but not what it leads to."""
    if repository.is_damaged(ref):
        raise Failure(f"{ref} leads to an object that cannot be read; `git fsck` tells more")


def printable(text: str) -> str:
    """Return `text` with whatever a terminal would obey, or cannot show, made visible."""
    return "".join(c if c.isprintable() else _visible(c) for c in text)


def _visible(character: str) -> str:
    byte = ord(character) - 0xDC00  # of a path that is not UTF-8
    if 0x80 <= byte <= 0xFF:
        return f"\\x{byte:02x}"
    return character.encode("unicode_escape").decode()


def read_file(path: Path) -> bytes:
    """Return a file's contents. Raises `Failure`."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}") from error
