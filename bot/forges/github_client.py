"""Lend PyGithub's requesters so that calls are safe: in threads, after a rename, on a bad line.

A requester of PyGithub belongs to one thread at a time, follows a redirect without its
query, takes a 307 for success, and writes whole answers into its debug log.
"""

import json
import logging
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from github import Auth, GithubException
from github.Requester import HTTPRequestsConnectionClass, Requester, RequestsResponse

from bot.forges import clients
from bot.forges.budget import Budget, Kind
from bot.forges.forge import ForgeError, RateLimited
from bot.forges.github_errors import translate
from bot.forges.line import MOST_REDIRECTS, REDIRECTS, Answers, Elsewhere, NoJson, followed

PUBLIC_API = "https://api.github.com"
# What people are told of: the calls that GitHub counts as creating content.
_CONTENT = re.compile(r"/(?:pulls|issues)(?:/\d+/comments)?$")
_REPOSITORY = re.compile(r"/repos/([^/]+)/([^/?]+)|/repositories/(\d+)")
# Answers hold installation tokens and what people wrote; no log is the place for them.
logging.getLogger("github.Requester").setLevel(logging.INFO)


class _Connection(HTTPRequestsConnectionClass):
    """A connection that follows redirects as they are meant, and asks with ETags."""

    def __init__(self, api_url: str, timeout: float, answers: Answers, budget: Budget) -> None:
        parts = urlsplit(api_url)
        super().__init__(parts.hostname or "", parts.port)
        self._root = f"{parts.scheme}://{parts.netloc}"
        self._seconds = timeout
        self._answers, self._budget = answers, budget

    @property
    def credential(self) -> str:
        """Return the secret that the last call showed."""
        return self.headers["Authorization"].partition(" ")[2]

    def getresponse(self) -> RequestsResponse:
        known = self._answers.get(self.url) if self.verb == "GET" else None
        headers = dict(self.headers)
        if known is not None:
            headers["If-None-Match"] = known.headers["ETag"]
        answer = self._ask(f"{self._root}{self.url}", headers)
        if known is not None and answer.status_code == 304:
            return RequestsResponse(known)
        if self.verb == "GET" and answer.status_code == 200:
            self._answers.put(self.url, answer)
        return RequestsResponse(answer)

    def _ask(self, url: str, headers: dict[str, str]) -> requests.Response:
        kind, repository = _purpose(self.verb, urlsplit(self.url).path)
        for _ in range(MOST_REDIRECTS):
            with self._budget.call(kind, repository) as call:
                answer = self.session.request(
                    self.verb,
                    url,
                    headers=headers,
                    data=self.input,
                    timeout=self._seconds,
                    allow_redirects=False,
                )
                call.answered(answer.headers)
            if answer.status_code not in REDIRECTS or "Location" not in answer.headers:
                return answer
            url = followed(url, answer.headers["Location"], "LOCKSTEP_GITHUB_API_URL")
        raise requests.TooManyRedirects(f"more than {MOST_REDIRECTS} redirects")


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
        answers: Answers,
        budget: Budget,
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
        self._clock, self._budget = clock, budget
        self._line = _Connection(api_url, timeout, answers, budget)

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
            verb, url, parameters, headers, input, self._line
        )
        if status < 400 and text and "json" not in answered.get("content-type", ""):
            raise NoJson("it is no JSON; does a proxy or a login page stand in between?")
        # A proxy may answer with what it was sent; errors are shown to people.
        shown = text.replace(self._line.credential, "(token)") if status >= 400 else text
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
            rest = self._budget.rest_seconds
            raise self._noted(translate(error, self.doing, self._clock(), rest)) from error

    def _noted(self, error: ForgeError) -> ForgeError:
        if isinstance(error, RateLimited):
            self._budget.rest(error.until)
        return error

    def close(self) -> None:
        """Close the connection."""
        super().close()
        self._line.close()


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
        answers = Answers()
        super().__init__(lambda: Client(api_url, auth, timeout, answers, budget, clock), budget)
