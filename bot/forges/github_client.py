"""Lend PyGithub's requesters so that calls are safe: in threads, after a rename, on a bad line.

A requester of PyGithub belongs to one thread at a time, follows a redirect without its
query, takes a 307 for success, and writes whole answers into its debug log.
"""

import json
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from github import Auth, GithubException
from github.Requester import HTTPRequestsConnectionClass, Requester, RequestsResponse

from bot.forges import clients
from bot.forges.budget import Budget, Kind
from bot.forges.github_errors import translate
from bot.forges.line import Elsewhere, Line, NoJson

PUBLIC_API = "https://api.github.com"
# What people are told of: the calls that GitHub counts as creating content.
_CONTENT = re.compile(r"/(?:pulls|issues)(?:/\d+/comments)?$")
_REPOSITORY = re.compile(r"/repos/([^/]+)/([^/?]+)|/repositories/(\d+)")
# Answers hold installation tokens and what people wrote; no log is the place for them.
logging.getLogger("github.Requester").setLevel(logging.INFO)


class _Connection(HTTPRequestsConnectionClass):
    """A connection that follows redirects as they are meant, and asks with ETags."""

    def __init__(self, api_url: str, timeout: float, line: Line) -> None:
        parts = urlsplit(api_url)
        super().__init__(parts.hostname or "", parts.port)
        self._root = f"{parts.scheme}://{parts.netloc}"
        self._seconds, self._line = timeout, line

    @property
    def credential(self) -> str:
        """Return the secret that the last call showed."""
        return self.headers["Authorization"].partition(" ")[2]

    def getresponse(self) -> RequestsResponse:
        def request(url: str, more: Mapping[str, str]) -> requests.Response:
            return self.session.request(
                self.verb,
                url,
                headers={**self.headers, **more},
                data=self.input,
                timeout=self._seconds,
                allow_redirects=False,
            )

        purpose = _purpose(self.verb, urlsplit(self.url).path)
        name = self.url if self.verb == "GET" else None
        return RequestsResponse(
            self._line.ask(purpose, f"{self._root}{self.url}", request, name=name)
        )


def _purpose(verb: str, path: str) -> tuple[Kind, str]:
    """Return what a call does, and for which repository."""
    found = _REPOSITORY.search(path)
    parts = found.groups() if found else ()
    repository = "/".join(unquote(part) for part in parts if part).lower()
    if verb == "GET":
        return "read", repository
    if verb == "POST" and _CONTENT.search(path):
        return "content", repository
    return "merge" if verb == "PUT" and path.endswith("/merge") else "write", repository


class Client(Requester):
    """PyGithub's requester with one connection of its own; it raises nothing but ForgeErrors."""

    def __init__(
        self,
        api_url: str,
        auth: Auth.Auth,
        timeout: float,
        line: Line,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(
            auth=auth,
            base_url=api_url,
            # For the connections that we do not use: ours has its own.
            timeout=max(1, int(timeout)),
            user_agent="lockstep-bot",
            per_page=100,
            verify=True,
            retry=None,
            pool_size=1,
            seconds_between_requests=0,
            seconds_between_writes=0,
            lazy=True,
        )
        self.doing = ""
        self._clock, self._line = clock, line
        self._connection = _Connection(api_url, timeout, line)

    def __repr__(self) -> str:
        return f"Client({self.base_url!r})"

    def requestJson(  # noqa: N802 - PyGithub's name
        self,
        verb: str,
        url: str,
        parameters: dict[str, Any] | None = None,
        headers: dict[str, Any] | None = None,
        input: Any | None = None,  # noqa: A002 - PyGithub's name
        cnx: Any = None,  # noqa: ARG002 - always ours
        follow_302_redirect: bool = False,  # noqa: ARG002, FBT001, FBT002 - ours follows all
    ) -> tuple[int, dict[str, Any], str]:
        """Ask on our own connection."""
        status, answered, text = super().requestJson(
            verb, url, parameters, headers, input, self._connection
        )
        # A proxy may answer with what it was sent; errors are shown to people.
        shown = text.replace(self._connection.credential, "(token)") if status >= 400 else text
        return status, answered, shown

    def requestJsonAndCheck(  # noqa: N802 - PyGithub's name
        self, *args: Any, **kwargs: Any
    ) -> tuple[dict[str, Any], Any]:
        """Ask, and raise what is no success as a `ForgeError`."""
        try:
            return super().requestJsonAndCheck(*args, **kwargs)
        except (
            GithubException,
            requests.RequestException,
            Elsewhere,
            NoJson,
            json.JSONDecodeError,
        ) as error:
            rest, now = self._line.budget.rest_seconds, self._clock()
            raise self._line.noted(translate(error, self.doing, now, rest)) from error

    def close(self) -> None:
        """Close the connection."""
        super().close()
        self._connection.close()


class Clients(clients.Clients[Client]):
    """The clients of one way to authenticate on GitHub."""

    def __init__(
        self,
        api_url: str,
        auth: Auth.Auth,
        budget: Budget,
        *,
        timeout: float,
        clock: Callable[[], float],
    ) -> None:
        line = Line(budget, "LOCKSTEP_GITHUB_API_URL")
        super().__init__(lambda: Client(api_url, auth, timeout, line, clock), budget)
