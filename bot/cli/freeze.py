"""`lockstep freeze` and `lockstep thaw`: stop all merges, in a repository or in all of them."""

import asyncio
import getpass
from collections.abc import Callable
from contextlib import closing

import click

from bot.cli.main import Failure
from bot.cli.running import settings_for, until_stopped
from bot.cli.serving import forges
from bot.forges.forge import ForgeError
from bot.model import ForgeName
from bot.repository import RepositoryError
from config.settings import Settings
from workflows import freezing
from workflows.sites import Site, Sites
from workflows.stops import FREEZE
from workflows.values.base import RepositoryKey

_repository = click.option(
    "--repo", "repository", metavar="OWNER/NAME", help="This repository alone."
)
_organisation = click.option(
    "--organisation",
    metavar="OWNER",
    help="All that inherit from this owner's policy, by LOCKSTEP_POLICY_REPOSITORY.",
)
_forge = click.option(
    "--forge", type=click.Choice(["github", "gitlab", "git"]), help="Where several are served."
)


@click.command()
@_repository
@_organisation
@_forge
@click.option("--reason", required=True, help="Why, for everybody whose promotion waits.")
def freeze(
    repository: str | None, organisation: str | None, forge: ForgeName | None, reason: str
) -> None:
    """Let nothing merge until `lockstep thaw`: by the branch `lockstep/freeze` of the repository.

    Every clone sees it, and it needs no server. Promotions are prepared all the same.
    """
    if not (said := " ".join(reason.split())):
        raise Failure("`--reason` is empty; say why, for everybody whose promotion waits")

    def act(site: Site, sites: Sites) -> None:
        stop = freezing.stop(site, _me(), said, sites.clock())
        click.echo(
            f"{site.name} is frozen, by {stop.by}: {stop.reason}; `lockstep thaw` ends it, and so "
            f"does deleting the branch {FREEZE}"
        )

    _everywhere(act, repository, organisation, forge)


@click.command()
@_repository
@_organisation
@_forge
def thaw(repository: str | None, organisation: str | None, forge: ForgeName | None) -> None:
    """End a freeze: delete the branch `lockstep/freeze`, so that promotions go on."""

    def act(site: Site, _: Sites) -> None:
        ended = freezing.go_on(site)
        if ended is None:
            raise Failure(f"{site.name} is not frozen")
        click.echo(f"the freeze of {site.name} by {ended.by} ({ended.reason}) is over")

    _everywhere(act, repository, organisation, forge)


def _me() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "the command line"


def _everywhere(
    act: Callable[[Site, Sites], None],
    repository: str | None,
    organisation: str | None,
    forge: ForgeName | None,
) -> None:
    if (repository is None) == (organisation is None):
        raise Failure("say one of `--repo OWNER/NAME` and `--organisation OWNER`")
    settings = settings_for("worker")
    until_stopped(_done(act, settings, repository, organisation, forge))


async def _done(
    act: Callable[[Site, Sites], None],
    settings: Settings,
    repository: str | None,
    organisation: str | None,
    forge: ForgeName | None,
) -> None:
    with (
        forges(settings) as known,
        closing(Sites(known, settings.state_dir / "mirrors")) as sites,
    ):
        name = forge or _only(list(known))
        if name not in known:
            raise Failure(f"{name} is not served by these settings; there is {', '.join(known)}")
        wanted = [repository] if repository else _policies(settings, organisation or "", name)
        for one in wanted:
            await asyncio.to_thread(_one, act, sites, _key(name, one))


def _only(known: list[str]) -> str:
    if len(known) != 1:
        raise Failure(f"several forges are served; say which by `--forge`: {', '.join(known)}")
    return known[0]


def _policies(settings: Settings, owner: str, forge: str) -> list[str]:
    """Return the policy repositories of an owner. Raises `Failure` where there is none."""
    found = []
    for entry in settings.policy_repository:
        only, colon, name = entry.rpartition(":")
        if (not colon or only == forge) and name.rpartition("/")[0].casefold() == owner.casefold():
            found.append(name)
    if not found:
        raise Failure(
            f"LOCKSTEP_POLICY_REPOSITORY names no repository of {owner}, and so nothing inherits "
            "from it; set it for the server and here, or freeze repositories one by one"
        )
    return found


def _key(forge: str, name: str) -> RepositoryKey:
    owner, _, rest = name.rpartition("/")
    if not owner or not rest:
        raise Failure(f"`{name}` is no repository; write OWNER/NAME")
    return RepositoryKey.model_validate({"forge": forge, "owner": owner, "name": rest})


def _one(act: Callable[[Site, Sites], None], sites: Sites, key: RepositoryKey) -> None:
    try:
        with sites.open(key) as site:
            act(site, sites)
    except (ForgeError, RepositoryError) as error:
        raise Failure(f"{key.full_name}: {error}") from error
