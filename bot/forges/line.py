"""What a connection to any forge's API keeps to: ETags are used, and a token stays at home."""

from collections import OrderedDict
from threading import Lock
from urllib.parse import urljoin, urlsplit, urlunsplit

import requests

REDIRECTS = {301, 302, 307, 308}
MOST_REDIRECTS = 5
_LARGEST_ANSWER = 32 << 10
# Of hundreds of repositories the lists of what is open, which are short, and some of the rest.
_ANSWERS_KEPT = 16 << 20
# What an answer takes besides its body.
_HEADERS = 4 << 10


class NoJson(Exception):
    """The answer is no JSON: a proxy or a login page stands where the forge should."""


class Elsewhere(Exception):
    """The forge sends us to another address, where the token does not belong."""


class Answers:
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
