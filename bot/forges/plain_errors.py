"""Say what git's complaint about a remote means, as errors of `forge.py`."""

from collections.abc import Iterator
from contextlib import contextmanager

from bot.engine.objects import MissingObject
from bot.forges.forge import ForgeError, NotFound, Refused, Unauthorized, Unavailable
from bot.repository import RepositoryError

_HOST = "Host key verification failed"
# In git's own words, in English: `LC_ALL` is set for every command.
_UNAUTHORIZED = (
    "Authentication failed",
    "could not read Username",
    "could not read Password",
    "Permission denied",
    "returned error: 401",
    "returned error: 403",
    _HOST,
)
_NOT_FOUND = ("not found", "does not appear to be a git repository", "does not exist", "error: 404")
_REFUSED = ("failed to push", "declined", "not allowed", "atomic")
_REMEDY = "check LOCKSTEP_GIT_USER and LOCKSTEP_GIT_TOKEN, or the key that ssh shows"


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Raise what git says as an error of a forge's: `what` is what was to be done."""
    try:
        yield
    except MissingObject as error:
        raise Unavailable(f"cannot {what}: an object is missing: {error}") from error
    except RepositoryError as error:
        raise _kind(str(error))(f"cannot {what}: {_said(str(error))}") from error


def _kind(complaint: str) -> type[ForgeError]:
    for kind, words in (
        (Unauthorized, _UNAUTHORIZED),
        (NotFound, _NOT_FOUND),
        (Refused, _REFUSED),
    ):
        if any(word in complaint for word in words):
            return kind
    return Unavailable


def _said(complaint: str) -> str:
    # Of a server that is not known the complaint says itself what helps.
    is_ours = _kind(complaint) is Unauthorized and _HOST not in complaint
    return f"{complaint}; {_REMEDY}" if is_ours else complaint
