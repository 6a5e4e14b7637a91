"""Lend python-gitlab's clients so that calls are safe: in threads, after a rename, on a bad line.

python-gitlab sleeps and tries again by itself, follows a redirect to wherever it leads, and
takes the address of a next page as it comes. Here its connection raises nothing but
`ForgeError`s, so there is nothing that it could try again.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import gitlab
import requests
from gitlab._backends.requests_backend import RequestsBackend, RequestsResponse

from bot.forges import clients
from bot.forges.budget import Budget, Kind
from bot.forges.gitlab_errors import answered
from bot.forges.line import Elsewhere, Line, NoJson, unanswered

PUBLIC_URL = "https://gitlab.com"
PER_PAGE = 100
# What people are told of.
_CONTENT = re.compile(r"/(?:merge_requests|issues)(?:/\d+/notes)?$")
_PROJECT = re.compile(r"/projects/([^/?]+)")
# None of these would come into play; said all the same, for whoever reads this alone.
_NO_RETRIES: Mapping[str, Any] = {"obey_rate_limit": False, "max_retries": 0}


class _Backend(RequestsBackend):
    """A connection that keeps to the budget, uses ETags, and keeps the token at home."""

    def __init__(self, client: "Client", line: Line) -> None:
        super().__init__()
        self._of, self._line = client, line

    def http_request(
        self,
        method: str,
        url: str,
        json: dict[str, Any] | bytes | None = None,
        data: Any = None,  # noqa: ARG002 - nothing is uploaded
        params: Any | None = None,
        timeout: float | None = None,
        verify: bool | str | None = True,  # noqa: FBT001, FBT002 - python-gitlab's signature
        stream: bool | None = False,  # noqa: ARG002, FBT001, FBT002 - answers are read whole
        **kwargs: Any,
    ) -> RequestsResponse:
        """Ask once; raises `ForgeError`."""
        verb = method.upper()

        def request(url: str, more: Mapping[str, str]) -> requests.Response:
            return self.client.request(
                verb,
                url,
                json=json,
                params=params,
                timeout=timeout,
                verify=verify,
                allow_redirects=False,
                **{**kwargs, "headers": {**kwargs["headers"], **more}},
            )

        name = None
        if verb == "GET":
            name = requests.Request(verb, url, params=params).prepare().url or url
        of = self._of
        try:
            answer = self._line.ask(_purpose(verb, urlsplit(url).path), url, request, name=name)
        except (requests.RequestException, Elsewhere, NoJson) as error:
            raise unanswered("GitLab", error, of.doing) from error
        if answer.status_code < 400:
            return RequestsResponse(answer)
        rest = self._line.budget.rest_seconds
        raise self._line.noted(answered(answer, of.doing, of.secret, of.clock(), rest))


def _purpose(method: str, path: str) -> tuple[Kind, str]:
    """Return what a call does, and for which project."""
    found = _PROJECT.search(path)
    project = unquote(found[1]).lower() if found else ""
    if method == "GET" or path.endswith("/graphql"):
        return "read", project
    if method == "POST" and _CONTENT.search(path):
        return "content", project
    return "merge" if method == "PUT" and path.endswith("/merge") else "write", project


class Client:
    """One python-gitlab client, for one thread at a time; it raises nothing but ForgeErrors.

    `doing` completes "GitLab would not …" of the call that is made.
    """

    def __init__(
        self,
        url: str,
        token: str,
        timeout: float,
        line: Line,
        clock: Callable[[], float],
    ) -> None:
        self.doing, self.secret, self.clock = "", token, clock
        self._graphql = f"{url.rstrip('/')}/api/graphql"
        self._gitlab = gitlab.Gitlab(
            url,
            # As a bearer, which any kind of token is taken as, by REST and GraphQL alike.
            oauth_token=token,
            timeout=timeout,
            user_agent="lockstep-bot",
            retry_transient_errors=False,
            # The next page is asked where the first was, whatever its link says.
            keep_base_url=True,
            backend=lambda: _Backend(self, line),
        )

    def __repr__(self) -> str:
        return f"Client({self._gitlab.url!r})"

    def get(self, path: str, **asked: Any) -> Any:
        """Return what is there."""
        with self._reading():
            return self._gitlab.http_get(path, query_parameters=asked, **_NO_RETRIES)

    def each(self, path: str, **asked: Any) -> Iterator[dict[str, Any]]:
        """Yield all that a list has, page by page."""
        with self._reading():
            yield from self._gitlab.http_list(
                path,
                iterator=True,
                query_parameters={"per_page": PER_PAGE, **asked},
                **_NO_RETRIES,
            )

    def post(self, path: str, given: Mapping[str, Any]) -> Any:
        """Make something, and return it."""
        with self._reading():
            return self._gitlab.http_post(path, post_data=dict(given), **_NO_RETRIES)

    def put(self, path: str, given: Mapping[str, Any]) -> Any:
        """Change something, and return it."""
        with self._reading():
            return self._gitlab.http_put(path, post_data=dict(given), **_NO_RETRIES)

    def query(self, text: str, variables: Mapping[str, Any]) -> Any:
        """Return what the GraphQL API answers, its errors included."""
        return self.post(self._graphql, {"query": text, "variables": dict(variables)})

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except gitlab.GitlabParsingError as error:
            cut = NoJson("it is cut short or no JSON")
            raise unanswered("GitLab", cut, self.doing) from error

    def close(self) -> None:
        """Close the connection."""
        self._gitlab.session.close()


class Clients(clients.Clients[Client]):
    """The clients of one token of GitLab."""

    def __init__(
        self,
        url: str,
        token: str,
        budget: Budget,
        *,
        timeout: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        line = Line(budget, "LOCKSTEP_GITLAB_URL")
        super().__init__(lambda: Client(url, token, timeout, line, clock), budget)
