"""What a connection to any forge's API keeps to: its budget, ETags, and a token stays at home."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime
from threading import Lock
from urllib.parse import urljoin, urlsplit, urlunsplit

import requests

from bot.forges.budget import Budget, Kind
from bot.forges.forge import ForgeError, RateLimited, Refused, Unavailable

_REDIRECTS = {301, 302, 307, 308}
_MOST_REDIRECTS = 5
_LARGEST_ANSWER = 32 << 10
# Of hundreds of repositories the lists of what is open, which are short, and some of the rest.
_ANSWERS_KEPT = 16 << 20
# What an answer takes besides its body.
_HEADERS = 4 << 10


class NoJson(Exception):
    """The answer is no JSON: a proxy or a login page stands where the forge should."""


class Elsewhere(Exception):
    """The forge sends us to another address, where the token does not belong."""


class Line:
    """How all connections with one credential ask: within their budget, with ETags, at home.

    `setting` is what names the address where home is.
    """

    def __init__(self, budget: Budget, setting: str) -> None:
        self.budget = budget
        self._setting = setting
        self._answers = _Answers()

    def ask(
        self,
        purpose: tuple[Kind, str],
        url: str,
        request: Callable[[str, Mapping[str, str]], requests.Response],
        *,
        name: str | None,
    ) -> requests.Response:
        """Return what is answered now, also where that was known and is as it was.

        `request` asks an address, with more headers; `name` is what the answer is known by,
        None where asking changes something. Raises `Elsewhere` and `NoJson`, and what
        `request` and the budget raise.
        """
        known = None if name is None else self._answers.get(name)
        more = {} if known is None else {"If-None-Match": known.headers["ETag"]}
        answer = self._followed(purpose, url, lambda at: request(at, more))
        if known is not None and answer.status_code == 304:
            return known
        must_be_json(answer)
        if name is not None and answer.status_code == 200:
            self._answers.put(name, answer)
        return answer

    def _followed(
        self, purpose: tuple[Kind, str], url: str, request: Callable[[str], requests.Response]
    ) -> requests.Response:
        for _ in range(_MOST_REDIRECTS):
            with self.budget.call(*purpose) as call:
                answer = request(url)
                call.answered(answer.headers)
            if answer.status_code not in _REDIRECTS or "Location" not in answer.headers:
                return answer
            url = followed(url, answer.headers["Location"], self._setting)
        raise requests.TooManyRedirects(f"more than {_MOST_REDIRECTS} redirects")

    def noted(self, error: ForgeError) -> ForgeError:
        """Return an error; where it is a limit, all that ask with the credential rest."""
        if isinstance(error, RateLimited):
            self.budget.rest(error.until)
        return error


class _Answers:
    """The newest answers that came with an ETag; asked again, an unchanged one costs no limit."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: OrderedDict[str, requests.Response] = OrderedDict()
        self._bytes = 0

    def get(self, url: str) -> requests.Response | None:
        """Return what was answered last."""
        with self._lock:
            if url in self._known:
                self._known.move_to_end(url)
            return self._known.get(url)

    def put(self, url: str, answer: requests.Response) -> None:
        """Keep an answer, unless it is large."""
        if "ETag" not in answer.headers or len(answer.content) > _LARGEST_ANSWER:
            return
        with self._lock:
            before = self._known.pop(url, None)
            self._known[url] = answer
            self._bytes += _size(answer) - (0 if before is None else _size(before))
            while self._bytes > _ANSWERS_KEPT:
                self._bytes -= _size(self._known.popitem(last=False)[1])


def _size(answer: requests.Response) -> int:
    return len(answer.content) + _HEADERS


def followed(url: str, location: str, setting: str) -> str:
    """Return where a redirect leads; the query stays, where the new address brings none.

    Raises `Elsewhere` where that is another server. `setting` is what would name it.
    """
    here, target = urlsplit(url), urlsplit(urljoin(url, location))
    if (target.scheme, target.netloc) != (here.scheme, here.netloc):
        raise Elsewhere(
            f"it redirects to {target.scheme}://{target.netloc}, where the token does not"
            f" belong; if that is its address, set {setting} to it"
        )
    return urlunsplit(target._replace(query=target.query or here.query, fragment=""))


def must_be_json(answer: requests.Response) -> None:
    """Raise `NoJson` where a success is not what a forge's API answers with."""
    kind = answer.headers.get("Content-Type", "")
    if answer.status_code < 400 and answer.content and "json" not in kind:
        raise NoJson("it is no JSON; does a proxy or a login page stand in between?")


def unanswered(forge: str, error: Exception, doing: str) -> ForgeError:
    """Return the error of a call that had no answer that could be read."""
    match error:
        case requests.Timeout():
            return Unavailable(f"{forge} did not answer in time when asked to {doing}")
        case requests.RequestException():
            why = type(error).__name__
            return Unavailable(f"the connection to {forge} failed while it was to {doing} ({why})")
        case Elsewhere():
            return Refused(f"{forge} could not be asked to {doing}: {error}")
        case _:
            why = str(error) if isinstance(error, NoJson) else "it is cut short or no JSON"
            return Unavailable(f"{forge}'s answer could not be read when asked to {doing}: {why}")


def used_up(forge: str, until: datetime) -> RateLimited:
    """Return the error of a limit."""
    when = f"{until:%H:%M:%S} UTC"
    return RateLimited(f"{forge}'s rate limit is used up; it may be asked from {when} on", until)
