"""Speak for an account or an App on GitHub: which token, for which owner, valid how long."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Protocol

import jwt
from github import Auth
from github.AuthenticatedUser import AuthenticatedUser
from github.GithubApp import GithubApp
from github.Installation import Installation
from github.InstallationAuthorization import InstallationAuthorization
from github.PaginatedList import PaginatedList
from github.Repository import Repository

from bot.forges.budget import Budget, Limits
from bot.forges.forge import Left, NotFound, Unauthorized
from bot.forges.github_client import Clients
from bot.forges.github_shapes import given

# What a token is still good for when it is handed out; GitHub gives an hour.
_SHORTEST_LIFE = 300.0


class Account(Protocol):
    """Who asks. Counts of calls are those of the first time; later ones cost none."""

    def login(self) -> str:
        """Return the login that writes; 1 call."""

    def clients(self, owner: str) -> Clients:
        """Return the clients that may ask about an owner's repositories."""

    def token(self, owner: str) -> str:
        """Return a token for an owner's repositories, good for five minutes at least."""

    def repositories(self) -> Iterator[tuple[Repository, bool]]:
        """Yield the repositories within reach, and whether each may be written to."""

    def may_write(self, repository: Repository) -> bool:
        """Say whether content may be written."""

    def rejected(self, owner: str) -> None:
        """Take note that GitHub did not take the token."""

    def budgets(self) -> list[Left]:
        """Return what each of the tokens has left."""

    def close(self) -> None:
        """Close all connections."""


class TokenAccount:
    """An account by its personal access token, the same for every owner."""

    def __init__(
        self,
        api_url: str,
        token: str,
        *,
        limits: Limits | None = None,
        timeout: float,
        clock: Callable[[], float],
    ) -> None:
        self._token = token
        budget = Budget("GitHub", limits, clock=clock)
        self._clients = Clients(api_url, Auth.Token(token), budget, timeout=timeout, clock=clock)
        self._login = ""

    def login(self) -> str:
        """Return the login that writes; 1 call."""
        if not self._login:
            with self._clients.lend("say whose token this is") as client:
                self._login = AuthenticatedUser(client, url="/user").complete().login
        return self._login

    def clients(self, owner: str) -> Clients:  # noqa: ARG002 - one token for all
        """Return the only clients."""
        return self._clients

    def token(self, owner: str) -> str:  # noqa: ARG002 - one token for all
        """Return the token."""
        return self._token

    def repositories(self) -> Iterator[tuple[Repository, bool]]:
        """Yield the repositories of the account; 1 call per 100."""
        with self._clients.lend("list the repositories of the token's account") as client:
            found = list(PaginatedList(Repository, client, "/user/repos", {}))
        for repository in found:
            yield repository, self.may_write(repository)

    def may_write(self, repository: Repository) -> bool:
        """Say whether the account may push."""
        permissions = given(repository.permissions)
        return permissions is not None and permissions.push

    def rejected(self, owner: str) -> None:
        """Do nothing: only a person can set another token."""

    def budgets(self) -> list[Left]:
        """Return what the token has left."""
        return [self._clients.budget.left()]

    def close(self) -> None:
        """Close all connections."""
        self._clients.close()


@dataclass(frozen=True, slots=True)
class _Lease:
    """An installation's token; `expires` in seconds since 1970."""

    text: str = field(repr=False)
    expires: float
    can_write: bool


class _InstallationAuth(Auth.Auth):
    """Authenticates with whatever token is current when a call is made."""

    def __init__(self, current: Callable[[], str]) -> None:
        self._current = current

    @property
    def token_type(self) -> str:
        return "token"

    @property
    def token(self) -> str:
        return self._current()


class AppAccount:
    """An App by its private key: one token for each owner that installed it."""

    def __init__(
        self,
        api_url: str,
        app_id: str,
        private_key_file: Path,
        *,
        limits: Limits | None = None,
        timeout: float,
        clock: Callable[[], float],
    ) -> None:
        self._api_url, self._timeout, self._clock = api_url, timeout, clock
        self._limits = limits
        auth = Auth.AppAuth(app_id, _private_key(private_key_file, app_id))
        self._clients = self._made(auth, "GitHub, as the App")
        self._lock = Lock()
        self._login = ""
        self._installed: dict[str, int] = {}
        self._of_owner: dict[str, Clients] = {}
        self._leases: dict[str, _Lease] = {}

    def login(self) -> str:
        """Return the login that writes; 1 call."""
        if not self._login:
            with self._clients.lend("say which App this is") as client:
                self._login = f"{GithubApp(client, url='/app').complete().slug}[bot]"
        return self._login

    def clients(self, owner: str) -> Clients:
        """Return the clients of an owner's installation."""
        key = owner.lower()
        with self._lock:
            if key not in self._of_owner:
                auth = _InstallationAuth(lambda: self.token(key))
                self._of_owner[key] = self._made(auth, f"GitHub, for {owner}")
            return self._of_owner[key]

    def _made(self, auth: Auth.Auth, name: str) -> Clients:
        budget = Budget(name, self._limits, clock=self._clock)
        return Clients(self._api_url, auth, budget, timeout=self._timeout, clock=self._clock)

    def budgets(self) -> list[Left]:
        """Return what each installation's token has left; GitHub counts them one by one."""
        with self._lock:
            clients = list(self._of_owner.values())
        return [one.budget.left() for one in clients]

    def token(self, owner: str) -> str:
        """Return an installation's token; 1 call an hour, and 1 for where the App is installed.

        Raises `NotFound` where the App is not installed.
        """
        return self._lease(owner).text

    def repositories(self) -> Iterator[tuple[Repository, bool]]:
        """Yield the repositories of every installation; 1 call each per 100."""
        with self._lock:
            self._list_installations()
            owners = list(self._installed)
        for owner in owners:
            with self.clients(owner).lend(f"list the App's repositories of {owner}") as client:
                place = "/installation/repositories"
                found = list(PaginatedList(Repository, client, place, {}, list_item="repositories"))
            for repository in found:
                yield repository, self.may_write(repository)

    def may_write(self, repository: Repository) -> bool:
        """Say whether the installation may; of an App the repository's own flags say nothing."""
        return self._lease(repository.owner.login).can_write

    def rejected(self, owner: str) -> None:
        """Forget the token and where the App is installed: it may have been installed anew."""
        with self._lock:
            self._leases.pop(owner.lower(), None)
            self._installed.pop(owner.lower(), None)

    def close(self) -> None:
        """Close all connections."""
        for clients in [self._clients, *self._of_owner.values()]:
            clients.close()

    def _lease(self, owner: str) -> _Lease:
        key = owner.lower()
        # One thread renews, the others wait for it.
        with self._lock:
            lease = self._leases.get(key)
            if lease is None or lease.expires - self._clock() < _SHORTEST_LIFE:
                lease = self._leases[key] = self._renewed(key)
            return lease

    def _renewed(self, owner: str) -> _Lease:
        known = self._installed.get(owner)
        if known is not None:
            try:
                return self._leased(owner, known)
            except NotFound:
                # Taken away, and perhaps installed anew, since we looked: look again.
                pass
        self._list_installations()
        if owner not in self._installed:
            raise NotFound(f"the App is not installed on {owner}: its owner can install it")
        return self._leased(owner, self._installed[owner])

    def _leased(self, owner: str, installation: int) -> _Lease:
        with self._clients.lend(f"give a token for the App's installation on {owner}") as client:
            place = f"/app/installations/{installation}/access_tokens"
            headers, data = client.requestJsonAndCheck("POST", place)
            made = InstallationAuthorization(client, headers, data)
        # PyGithub has no type for the permissions of a token.
        can_write = data["permissions"].get("contents") == "write"
        return _Lease(made.token, made.expires_at.timestamp(), can_write)

    def _list_installations(self) -> None:
        with self._clients.lend("list where the App is installed") as client:
            found = list(PaginatedList(Installation, client, "/app/installations", {}))
        # A suspended one has no token to give.
        self._installed = {
            installation.account.login.lower(): installation.id
            for installation in found
            if given(installation.suspended_at) is None
        }


def _private_key(path: Path, app_id: str) -> str:
    """Return the key's text; raises Unauthorized that names the file, never its content."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Unauthorized(f"the private key of App {app_id} cannot be read from {path}") from error
    try:
        Auth.AppAuth(app_id, text).create_jwt()
    except (jwt.PyJWTError, ValueError, TypeError, AssertionError) as error:
        raise Unauthorized(
            f"{path} holds no private key of App {app_id}: download one (PEM) on the App's page"
        ) from error
    return text
