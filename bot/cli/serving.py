"""The parts of a server, put together from its settings; each lasts as long as its context."""

import asyncio
import logging
import os
import shlex
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    ExitStack,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import replace
from pathlib import Path
from tempfile import NamedTemporaryFile

from aiohttp import web
from prometheus_client import CollectorRegistry
from temporalio.client import Client, TLSConfig

from bot.cli.budgets import known as known_budgets
from bot.cli.budgets import registry_of
from bot.cli.looking import Looking
from bot.cli.main import Failure
from bot.cli.pages import Pages
from bot.forges.budget import Limits
from bot.forges.forge import Forge, Unauthorized
from bot.forges.github import GitHub
from bot.forges.gitlab import GitLab
from bot.forges.plain import PlainGit
from bot.forges.plain_servers import Account, Served, is_full_name
from bot.outbound import Outbound
from bot.probes import Outside
from config.reach import secrets_by_name
from config.settings import Settings
from webhook.app import app, monitoring
from webhook.dashboard.access import ByToken, OnThisMachine
from webhook.dashboard.cache import Cached
from webhook.dashboard.document import Budget
from webhook.dashboard.routes import Dashboard
from webhook.dispatch import Dispatcher, Signals, TemporalSignals
from webhook.events import Delivery, RepositoryRef
from webhook.git import GitReader
from webhook.gitlab import GitLabReader
from webhook.reading import Reader
from workflows import worker as workers
from workflows.embedded import embedded_server, running_server
from workflows.payloads import data_converter
from workflows.sites import now

_AGAIN_SECONDS = 2.0
# What GitHub itself lets through (docs: "Rate limits for the REST API").
_GITHUB_WRITES_PER_MINUTE = 80
# GitLab allows 60 of one person unless its administrator says otherwise (docs: "Rate limit on
# note creation"); calls are counted where they begin, so some are left.
_GITLAB_NOTES_PER_MINUTE = 55

_log = logging.getLogger(__name__)


@contextmanager
def forges(settings: Settings) -> Iterator[dict[str, Forge]]:
    """Give the forges that the settings speak of, by name. Raises `Failure`."""
    with ExitStack() as opened:
        known: dict[str, Forge] = {}
        if settings.github_token is not None or settings.github_app_id is not None:
            github = _github(settings)
            opened.callback(github.close)
            known["github"] = github
        if settings.gitlab_token is not None:
            gitlab = GitLab(
                settings.gitlab_token.get_secret_value(),
                url=settings.gitlab_url,
                limits=_gitlab_limits(settings),
            )
            opened.callback(gitlab.close)
            known["gitlab"] = gitlab
        if settings.serves_git:
            git = _git(settings)
            opened.callback(git.close)
            known["git"] = git
        if not known:
            raise Failure("no forge is configured")
        yield known


def _gitlab_limits(settings: Settings) -> Limits:
    """Return what is asked of GitLab at most; how many calls, it tells in every answer."""
    return Limits(
        writes_per_minute=min(settings.writes_per_minute, _GITLAB_NOTES_PER_MINUTE),
        content_per_hour=settings.content_per_hour,
        points_per_minute=None,
        rest_seconds=settings.rest_after_limit.total_seconds(),
    )


def _ssh(settings: Settings) -> str:
    """Return the command by which git reaches a server."""
    # Nobody is there to be asked for a password, or whether a host is known.
    command = ["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=20"]
    if key := settings.git_ssh_key_file:
        # No other that an agent has: a server counts those it refuses, and hangs up.
        command += ["-i", str(key), "-o", "IdentitiesOnly=yes"]
    if hosts := settings.git_ssh_known_hosts_file:
        command += ["-o", f'UserKnownHostsFile="{hosts}"', "-o", "StrictHostKeyChecking=yes"]
    return shlex.join(command)


def _git(settings: Settings) -> PlainGit:
    secret, token = settings.git_webhook_secret, settings.git_token
    if secret is None:
        raise Failure("git is configured without the secret of its hooks")
    if settings.git_ssh_key_file or settings.git_ssh_known_hosts_file:
        os.environ["GIT_SSH_COMMAND"] = _ssh(settings)
    else:
        os.environ.setdefault("GIT_SSH_COMMAND", _ssh(settings))
    listed = tuple(one for one in settings.repositories if is_full_name(one))
    return PlainGit(
        Served(dict(settings.git_repositories), settings.git_url, listed),
        Account(
            settings.git_user,
            secret.get_secret_value(),
            token.get_secret_value() if token else None,
            settings.git_email_domains,
        ),
        settings.state_dir / "git",
    )


def _github_limits(settings: Settings) -> Limits:
    """Return what is asked of GitHub at most."""
    limits = Limits(
        writes_per_minute=settings.writes_per_minute,
        content_per_hour=settings.content_per_hour,
        rest_seconds=settings.rest_after_limit.total_seconds(),
    )
    if settings.writes_per_minute > _GITHUB_WRITES_PER_MINUTE:
        # An Enterprise server with limits of its own, or none.
        limits = replace(limits, points_per_minute=None)
    return limits


def _github(settings: Settings) -> GitHub:
    url, limits = settings.github_api_url, _github_limits(settings)
    if settings.github_token is not None:
        token = settings.github_token.get_secret_value()
        return GitHub.with_token(token, api_url=url, limits=limits)
    if settings.github_app_id is None or settings.github_private_key is None:
        raise Failure("no forge is configured")
    # The key may have come by a variable; for the moment of reading, only we may read it.
    with NamedTemporaryFile("w") as file:
        file.write(settings.github_private_key.get_secret_value())
        file.flush()
        try:
            app_id = str(settings.github_app_id)
            return GitHub.as_app(app_id, Path(file.name), api_url=url, limits=limits)
        except Unauthorized as error:
            raise Failure(
                f"LOCKSTEP_GITHUB_PRIVATE_KEY is no private key of App {settings.github_app_id}: "
                "download one (PEM) on the App's page"
            ) from error


@asynccontextmanager
async def temporal(settings: Settings, *, wait: bool = True) -> AsyncIterator[Client]:
    """Give a client of the embedded server, or of the one at the address that is set.

    Without `wait` it connects when it is first used. Raises `Failure` where the embedded
    server does not start.
    """
    if settings.temporal_address is not None:
        yield await _client(settings, settings.temporal_address, wait=wait)
        return
    place = _embedded(settings)
    _log.info("starting the embedded Temporal server; its state is in %s", place)
    async with AsyncExitStack() as opened:
        try:
            address = await opened.enter_async_context(embedded_server(place))
        except RuntimeError as error:
            raise Failure(str(error)) from error
        yield await _client(settings, address, wait=wait)


@asynccontextmanager
async def running_temporal(settings: Settings) -> AsyncIterator[Client]:
    """Give a client of the server that runs already. Raises `Failure` where none does."""
    address = settings.temporal_address or await running_server(_embedded(settings))
    if address is None:
        raise Failure(
            f"no server runs on {settings.state_dir}; start `lockstep serve`, or set "
            "LOCKSTEP_TEMPORAL_ADDRESS, or LOCKSTEP_STATE_DIR as the server has it"
        )
    try:
        client = await _connected(settings, address)
    except RuntimeError as error:
        raise Failure(f"Temporal cannot be reached at {address}: {error}") from error
    yield client


def _embedded(settings: Settings) -> Path:
    return settings.state_dir / "temporal"


async def _client(settings: Settings, address: str, *, wait: bool) -> Client:
    said = ""
    while True:
        try:
            return await _connected(settings, address, lazy=not wait)
        except RuntimeError as error:
            # It may still be starting, as we are; whoever reads the log can tell.
            if str(error) != said:
                said = str(error)
                _log.warning("Temporal cannot be reached at %s yet: %s", address, said)
            await asyncio.sleep(_AGAIN_SECONDS)


async def _connected(settings: Settings, address: str, *, lazy: bool = False) -> Client:
    key = settings.temporal_api_key
    return await Client.connect(
        address,
        namespace=settings.temporal_namespace,
        api_key=key.get_secret_value() if key else None,
        tls=_tls(settings) if settings.encrypts_temporal else False,
        data_converter=data_converter(settings.encryption_keys),
        lazy=lazy,
    )


def _tls(settings: Settings) -> TLSConfig:
    ca, certificate = settings.temporal_tls_ca_file, settings.temporal_tls_cert_file
    key = settings.temporal_tls_key_file
    return TLSConfig(
        server_root_ca_cert=ca.read_bytes() if ca else None,
        domain=settings.temporal_tls_server_name,
        client_cert=certificate.read_bytes() if certificate else None,
        client_private_key=key.read_bytes() if key else None,
    )


class _Narrowed:
    """Signals for the repositories that are served; what others send is taken and dropped."""

    def __init__(self, signals: Signals, settings: Settings) -> None:
        self._signals, self._settings = signals, settings

    async def send(
        self, workflow_id: str, repository: RepositoryRef, deliveries: Sequence[Delivery]
    ) -> None:
        """See `Signals.send`."""
        if self._settings.serves(f"{repository.owner}/{repository.name}"):
            await self._signals.send(workflow_id, repository, deliveries)


@asynccontextmanager
async def receiver(
    settings: Settings, client: Client, known: Mapping[str, Forge] | None = None
) -> AsyncIterator[str]:
    """Receive webhooks and show the dashboard, and give the URL.

    The forges that are `known`, as to a worker in this process, have their budgets shown. Raises
    `Failure` where it cannot listen there.
    """
    secret, readers = settings.github_webhook_secret, _readers(settings)
    if secret is None and not readers:
        raise Failure("no forge is configured")
    signals = TemporalSignals(client)
    made = app(
        Dispatcher(_Narrowed(signals, settings)),
        github_secrets=None if secret is None else [secret.get_secret_value()],
        readers=readers,
        ready=signals.missing,
        registry=registry_of((known or {}).values()),
        dashboard=_dashboard(settings, client, (known or {}).values()),
    )
    async with _listening(made, settings.host, settings.port, "LOCKSTEP_PORT") as url:
        yield url


def _dashboard(settings: Settings, client: Client, known: Iterable[Forge]) -> Dashboard | None:
    """Return the dashboard, for whoever may see it; None where nobody may."""
    if not settings.shows_dashboard:
        return None
    token = settings.dashboard_token

    async def budgets() -> list[Budget]:
        return known_budgets(known)

    looking = Looking(client, Pages.of(settings), budgets, now)
    access = ByToken(token.get_secret_value()) if token is not None else OnThisMachine()
    return Dashboard(Cached(looking, time.monotonic), access, now)


def _readers(settings: Settings) -> list[Reader]:
    """Return what reads the deliveries of the forges beside GitHub."""
    readers: list[Reader] = []
    tokens = (settings.gitlab_webhook_secret, settings.gitlab_signing_token)
    secrets, keys = ([one.get_secret_value()] if one else [] for one in tokens)
    if secrets or keys:
        readers.append(GitLabReader(secrets, keys))
    secret = settings.git_webhook_secret
    if secret is not None and settings.serves_git:
        readers.append(GitReader([secret.get_secret_value()], settings.git_user))
    return readers


@asynccontextmanager
async def monitored(
    settings: Settings, client: Client, registry: CollectorRegistry
) -> AsyncIterator[str | None]:
    """Show health and metrics where a port is set for them, and give the URL, else None."""
    if settings.metrics_port is None:
        yield None
        return
    made = monitoring(ready=TemporalSignals(client).missing, registry=registry)
    port = settings.metrics_port
    async with _listening(made, settings.host, port, "LOCKSTEP_METRICS_PORT") as url:
        yield url


@asynccontextmanager
async def _listening(
    made: web.Application, host: str, port: int, setting: str
) -> AsyncIterator[str]:
    runner = web.AppRunner(made, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        await _listen(runner, host, port, setting)
        host, port = runner.addresses[0][:2]
        yield f"http://{f'[{host}]' if ':' in host else host}:{port}"
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, host: str, port: int, setting: str) -> None:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        raise Failure(
            f"cannot listen on {host}, port {port}: {error.strerror}; set "
            f"LOCKSTEP_HOST and {setting} to what is free here"
        ) from error


def worker(
    settings: Settings, client: Client, known: Mapping[str, Forge]
) -> AbstractAsyncContextManager[object]:
    """Return a worker on these forges, to be entered."""
    build = workers.Build(route=settings.temporal_versioning)
    if settings.build_id is not None:
        build = replace(build, name=settings.build_id)
    outbound = Outbound(settings.allowed_addresses, secrets_by_name(settings.gate_secrets))
    return workers.worker(
        client,
        known,
        settings.state_dir,
        reconcile=settings.reconcile_interval,
        build=build,
        policies=settings.policy_repository,
        outside=Outside(outbound),
    )
