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
from bot.forges.forge import ForgeError, RateLimited
from bot.forges.gitlab_errors import answered, failed
from bot.forges.line import (
    MOST_REDIRECTS,
    REDIRECTS,
    Answers,
    Elsewhere,
    NoJson,
    followed,
    must_be_json,
)

PUBLIC_URL = "https://gitlab.com"
PER_PAGE = 100
# What people are told of.
_CONTENT = re.compile(r"/(?:merge_requests|issues)(?:/\d+/notes)?$")
_PROJECT = re.compile(r"/projects/([^/?]+)")
# None of these would come into play; said all the same, for whoever reads this alone.
_NO_RETRIES: Mapping[str, Any] = {"obey_rate_limit": False, "max_retries": 0}


class _Backend(RequestsBackend):
    """A connection that keeps to the budget, uses ETags, and keeps the token at home."""

    def __init__(self, client: "Client", answers: Answers, budget: Budget) -> None:
        super().__init__()
        self._of, self._answers, self._budget = client, answers, budget

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
        given = {"json": json, "params": params, "timeout": timeout, "verify": verify, **kwargs}
        try:
            answer = self._answer(method.upper(), url, given)
            if answer.status_code < 400:
                must_be_json(answer)
                return RequestsResponse(answer)
        except (requests.RequestException, Elsewhere, NoJson) as error:
            raise failed(error, self._of.doing) from error
        doing, secret, now = self._of.doing, self._of.secret, self._of.clock()
        raise self._noted(answered(answer, doing, secret, now, self._budget.rest_seconds))

    def _answer(self, method: str, url: str, given: dict[str, Any]) -> requests.Response:
        if method != "GET":
            return self._ask(method, url, given)
        name = requests.Request(method, url, params=given["params"]).prepare().url or url
        known = self._answers.get(name)
        if known is not None:
            headers = {**given["headers"], "If-None-Match": known.headers["ETag"]}
            given = {**given, "headers": headers}
        answer = self._ask(method, url, given)
        if known is not None and answer.status_code == 304:
            return known
        if answer.status_code == 200:
            self._answers.put(name, answer)
        return answer

    def _ask(self, method: str, url: str, given: dict[str, Any]) -> requests.Response:
        kind, project = _purpose(method, urlsplit(url).path)
        for _ in range(MOST_REDIRECTS):
            with self._budget.call(kind, project) as call:
                answer = self.client.request(method, url, allow_redirects=False, **given)
                call.answered(answer.headers)
            if answer.status_code not in REDIRECTS or "Location" not in answer.headers:
                return answer
            url = followed(url, answer.headers["Location"], "LOCKSTEP_GITLAB_URL")
        raise requests.TooManyRedirects(f"more than {MOST_REDIRECTS} redirects")

    def _noted(self, error: ForgeError) -> ForgeError:
        if isinstance(error, RateLimited):
            self._budget.rest(error.until)
        return error


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
        answers: Answers,
        budget: Budget,
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
            backend=lambda: _Backend(self, answers, budget),
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
            raise failed(cut, self.doing) from error

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
        answers = Answers()
        super().__init__(lambda: Client(url, token, timeout, answers, budget, clock), budget)
