"""One attempt of a step: it says that it lives, and raises its errors as Temporal takes them."""

import contextvars
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError

from bot.engine.objects import MissingObject
from bot.forges.forge import ForgeError, NotFound, RateLimited, Unauthorized
from bot.repository import RepositoryError
from bot.words import Words
from workflows.putting_off import pause_after
from workflows.steps import HEARTBEAT_LIMIT

_HEARTBEAT_SECONDS = HEARTBEAT_LIMIT.total_seconds() / 3
# What a person has to allow first is asked for again soon, then after ever longer, this at most:
# who asks and is refused all the time is refused by forges whatever the token.
ASK_AGAIN = timedelta(minutes=5)
_ASK_AGAIN_FIRST = timedelta(seconds=5)
# Git's own words, which name no permission.
_FORBIDDEN = "returned error: 403"


@contextmanager
def attempt(clock: Callable[[], datetime], words: Words) -> Iterator[None]:
    """Say that we live while a step takes long, and raise its errors as Temporal takes them."""
    done = threading.Event()
    context = contextvars.copy_context()

    def beat() -> None:
        # The usual step ends before the first one, since a heartbeat is billed.
        while not done.wait(_HEARTBEAT_SECONDS):
            context.run(activity.heartbeat)

    heart = threading.Thread(target=beat, name="heartbeat", daemon=True)
    heart.start()
    try:
        yield
    except (ForgeError, RepositoryError, MissingObject) as error:
        raise _translated(error, clock(), words) from error
    finally:
        done.set()
        heart.join()


def _translated(error: Exception, now: datetime, words: Words) -> ApplicationError:
    """Return the error for Temporal, which alone owns retries: when, and whether at all."""
    kind = type(error).__name__
    if isinstance(error, RateLimited):
        return ApplicationError(str(error), type=kind, next_retry_delay=pause_after(error, now))
    if is_forbidden(error) or isinstance(error, NotFound):
        said = with_needs(error, words)
        later = min(_ASK_AGAIN_FIRST * 2 ** min(activity.info().attempt - 1, 16), ASK_AGAIN)
        return ApplicationError(said, type=kind, next_retry_delay=later)
    return ApplicationError(str(error), type=kind)


def is_forbidden(error: Exception) -> bool:
    """Whether we may not do something, by the forge's word or by git's."""
    by_git = isinstance(error, RepositoryError) and _FORBIDDEN in str(error)
    return by_git or isinstance(error, Unauthorized)


def with_needs(error: Exception, words: Words) -> str:
    """Return what an error says; git's own words name no permission."""
    if isinstance(error, RepositoryError):
        return f"{error}. The token, or its account, needs {words.push_needs}"
    return str(error)
