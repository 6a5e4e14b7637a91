"""One repository on a plain git server: what is kept there, and what has come of it.

Before anything is said of a pull request, what the hook has told is taken, and what people
did by pushing is noticed: a merge, a branch that was deleted.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from bot import signatures
from bot.forges.forge import NotFound
from bot.forges.plain_errors import asking
from bot.forges.plain_history import History
from bot.forges.plain_ledger import Ledger, Request
from bot.forges.plain_servers import Account
from bot.forges.plain_store import Look, Store
from bot.pushes import HEARD, Pushed
from bot.remote import Remote
from config.policy import Role

_MOST_HEARD = 100
_MOST_ROUNDS = 20
_log = logging.getLogger(__name__)

T = TypeVar("T")


class Place:
    """A repository by its name and URL; our own repositories for it are in `directory`.

    `roles` are those of the configuration, by the commit that they were read of.
    """

    def __init__(
        self,
        name: str,
        url: str,
        directory: Path,
        account: Account,
        clock: Callable[[], float],
    ) -> None:
        self.name, self.url = name, url
        self._account, self._clock = account, clock
        remote = Remote(url, account.login, account.token)
        key = account.secret.encode()
        self.store = Store(name, remote, directory / "requests", key, account.login)
        self.history = History(remote, directory / "commits")
        self.roles = dict[str, Mapping[str, Role]]()

    def close(self) -> None:
        """End the processes behind it."""
        self.store.close()
        self.history.close()

    def look(self) -> Look:
        """Ask the remote where everything is."""
        with asking(f"look at {self.name}"):
            return self.store.look()

    def change(self, edit: Callable[[Ledger], T], delete: Mapping[str, str] | None = None) -> T:
        """Change what is kept; `edit` may be called again, and refs are deleted with it."""
        with asking(f"write to lockstep/requests of {self.name}"):
            return self.store.change(edit, moment(self._clock()), delete)

    def known(self, number: int) -> Request:
        """Return a pull request as it was at the last look. Raises `NotFound`."""
        return self.store.read(lambda ledger: numbered(ledger, self.name, number))

    def settled(self) -> Look:
        """Look, take what the hook has told, and notice what was merged or given up."""
        look = self.look()
        # Told faster than it can be read, it is read at the next look.
        for _ in range(_MOST_ROUNDS):
            if not self._settle(look):
                break
            look = self.look()
        return look

    def _settle(self, look: Look) -> bool:
        """Take some of what the hook has told; return whether there is more."""
        told, done = self._told(look)
        with asking(f"follow what becomes of the pull requests of {self.name}"):
            ended = self._ended(look, told)
        if told or done or ended:
            self.change(lambda ledger: _taken(ledger, told, ended), done)
        return len(done) == _MOST_HEARD

    def _told(self, look: Look) -> tuple[list[Pushed], dict[str, str]]:
        """Return what is to be believed of what the hook has left, and the refs that are done."""
        heard = dict(sorted(look.heard().items())[:_MOST_HEARD])
        if not heard:
            return [], {}
        with asking(f"read what the hook of {self.name} has left"):
            files = self.store.blobs(heard)
        now, believed, done = self._clock(), [], {}
        for ref, content in files.items():
            pushed = self._believed(ref, content, now)
            if pushed is not None:
                believed.append(pushed)
            # What the receiver has not taken yet, the hook tells again.
            if pushed is None or ref.startswith(HEARD):
                done[ref] = heard[ref]
        return sorted(believed, key=lambda one: one.nanoseconds), done

    def _believed(self, ref: str, files: Mapping[str, bytes], now: float) -> Pushed | None:
        body, signed = files.get("delivery.json", b""), files.get("signature", b"")
        line = signed.decode(errors="replace").strip()
        if not signatures.holds(body, line, [self._account.secret.encode()]):
            _log.warning("%s: %s is not by the hook", self.name, ref)
            return None
        try:
            pushed = Pushed.read(body)
        except ValidationError:
            _log.warning("%s: %s is nothing that the hook says", self.name, ref)
            return None
        right = pushed.repository.casefold() == self.name.casefold()
        right = right and ref.rpartition("/")[2] == pushed.delivery
        return pushed if right and pushed.is_believed(now) else None

    def _ended(self, look: Look, told: Sequence[Pushed]) -> list[Request]:
        """Return the open pull requests that are so no more, as they are now."""
        ended = []
        for request in self.store.read(lambda ledger: ledger.requests()):
            if request.kind != "pull-request":
                continue
            head, base = look.branch(request.head), look.branch(request.base)
            change: dict[str, object] = {}
            at = head or request.head_sha
            landed = self._landed(request, at, base)
            if landed is not None:
                change = {"state": "merged", "merged_sha": landed, "head_sha": at}
                change["by"] = self._pusher_of(request.base, landed, told)
            elif head is None:
                change = {"state": "closed", "by": _deleter(told, request.head)}
            if change:
                ended.append(request.model_copy(update=change))
        return ended

    def _landed(self, request: Request, at: str, base: str | None) -> str | None:
        if base is None or base == request.base_sha:
            return None
        if self.history.bring([at, base]):
            return None
        return self.history.landed(at, base, request.base_sha)

    def _pusher_of(self, branch: str, sha: str, told: Sequence[Pushed]) -> str:
        """Return who pushed a commit to a branch, empty where the hook has told of nobody."""
        kept = self.store.read(lambda ledger: ledger.pushes())
        pushes = [(one.branch, one.old, one.new, one.by) for one in kept] + [
            (update.branch, update.old, update.new, pushed.pusher)
            for pushed in told
            for update in pushed.updates
        ]
        history = self.history
        for name, old, new, by in reversed(pushes):
            if name != branch or not new.strip("0") or history.bring([new]):
                continue
            known = old.strip("0") and not history.bring([old])
            if history.contains(new, sha) and not (known and history.contains(old, sha)):
                return by
        return ""


def _taken(ledger: Ledger, told: Sequence[Pushed], ended: Sequence[Request]) -> None:
    for pushed in told:
        ledger.take(pushed)
    for after in ended:
        before = ledger.request(after.number)
        if before is not None and before.state == "open":
            change = {"state": after.state, "by": after.by, "merged_sha": after.merged_sha}
            change["head_sha"] = after.head_sha
            ledger.put(before.model_copy(update=change))
            ledger.say(f"#{after.number} is {after.state} by {after.by or 'somebody'}")


def moment(at: float) -> datetime:
    """Return a time of our clock, or of the hook's."""
    return datetime.fromtimestamp(at, UTC)


def numbered(ledger: Ledger, repository: str, number: int) -> Request:
    """Return a pull request. Raises `NotFound`."""
    request = ledger.request(number)
    if request is None or request.kind != "pull-request":
        raise NotFound(f"there is no pull request #{number} in {repository}")
    return request


def _deleter(told: Sequence[Pushed], branch: str) -> str:
    """Return who deleted a branch, by what was told last; empty where nobody was told of."""
    for pushed in reversed(told):
        for update in pushed.updates:
            if update.branch == branch and update.is_gone:
                return pushed.pusher
    return ""
