"""Pull requests where there is no forge: opened, followed and merged by git alone."""

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from bot.decisions.facts import MergeMethod
from bot.forges.forge import Conflict, PullRequestInfo, Refused
from bot.forges.plain_errors import asking
from bot.forges.plain_ledger import Ledger, Request
from bot.forges.plain_place import Place, numbered
from bot.forges.plain_servers import Account, Served
from bot.forges.plain_store import Look
from bot.model import ForgeName
from bot.pushes import BRANCHES


class Requests:
    """The part of `PlainGit` that pull requests are; see `Forge`."""

    name: ForgeName = "git"
    tells_statuses = True

    def __init__(
        self,
        served: Served,
        account: Account,
        directory: Path,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._served, self._account = served, account
        self._directory, self._clock = directory, clock
        self._places: dict[str, Place] = {}

    def close(self) -> None:
        """End the processes behind it."""
        for place in self._places.values():
            place.close()

    # Pull requests

    def open_pull_request(
        self, repository: str, head: str, base: str, title: str, body: str
    ) -> PullRequestInfo:
        """See `Forge.open_pull_request`."""
        place = self._place(repository)
        look = place.settled()
        at, onto = look.branch(head), look.branch(base)
        if at is None or onto is None:
            lacking = head if at is None else base
            raise Refused(f"cannot open a pull request in {repository}: there is no {lacking}")
        with asking(f"compare {head} and {base} of {repository}"):
            place.history.bring([at, onto])
            nothing = place.history.contains(onto, at)
        if nothing:
            raise Refused(f"No commits between {base} and {head}")

        def edit(ledger: Ledger) -> Request:
            for twin in ledger.requests():
                if (twin.head, twin.base) == (head, base):
                    return twin
            made = Request(
                number=ledger.next_number(),
                kind="pull-request",
                title=title,
                body=body,
                head=head,
                head_sha=at,
                base=base,
                base_sha=onto,
                author=self._account.login,
            )
            ledger.put(made)
            ledger.say(f"Open #{made.number}: {title}")
            return made

        return self._info(place, place.change(edit), look)

    def pull_request(self, repository: str, number: int) -> PullRequestInfo:
        """See `Forge.pull_request`."""
        place = self._place(repository)
        look = place.settled()
        return self._info(place, place.known(number), look)

    def pull_requests(
        self, repository: str, *, head: str | None = None, state: Literal["open", "all"] = "open"
    ) -> Sequence[PullRequestInfo]:
        """See `Forge.pull_requests`."""
        place = self._place(repository)
        look = place.settled()
        found = place.store.read(lambda ledger: ledger.requests(closed=state == "all"))
        return [
            replace(self._info(place, one, look), by="")
            for one in found
            if one.kind == "pull-request" and head in {None, one.head}
        ]

    def update_pull_request(
        self,
        repository: str,
        number: int,
        *,
        title: str | None = None,
        body: str | None = None,
        closed: bool | None = None,
        labels: Iterable[str] | None = None,
    ) -> None:
        """See `Forge.update_pull_request`."""
        place = self._place(repository)
        look = place.settled() if closed is not None else None
        wanted = None if labels is None else tuple(sorted(labels))

        def edit(ledger: Ledger) -> None:
            before = numbered(ledger, repository, number)
            change: dict[str, object] = {}
            if title is not None:
                change["title"] = title
            if body is not None:
                change["body"] = body
            if wanted is not None:
                change["labels"] = wanted
            if closed is not None and before.state != "merged":
                if not closed and look is not None and look.branch(before.head) is None:
                    raise Refused(f"#{number} cannot be reopened: its branch is gone")
                change["state"] = "closed" if closed else "open"
                change["by"] = (before.by or self._account.login) if closed else ""
            after = before.model_copy(update=change)
            if after != before:
                ledger.put(after)
                verb = "Edit" if after.state == before.state else after.state.title()
                ledger.say(f"{verb} #{number}: {after.title}")

        place.change(edit)

    def merge(
        self,
        repository: str,
        number: int,
        *,
        sha: str,
        method: MergeMethod,
        title: str,  # noqa: ARG002 - what lands is the candidate itself, which has its message
        message: str,  # noqa: ARG002 - as above
    ) -> str:
        """See `Forge.merge`: pushes the very commit that is proposed, with a lease on the base."""
        if method == "fast-forward":
            raise Refused("a fast-forward is no merge: push the commit instead")
        place = self._place(repository)
        request = self._current(place, number, sha)
        if request.merged_sha is not None:
            return request.merged_sha
        if request.state == "closed":
            raise Refused(f"#{number} of {repository} is closed")
        self._land(place, request, sha, method)

        def edit(ledger: Ledger) -> None:
            change = {"state": "merged", "by": self._account.login, "merged_sha": sha}
            change["head_sha"] = sha
            ledger.put(numbered(ledger, repository, number).model_copy(update=change))
            ledger.say(f"Merge #{number}: {request.title}")

        place.change(edit)
        return sha

    def _current(self, place: Place, number: int, sha: str) -> Request:
        look = place.settled()
        request = place.known(number)
        head = request.head_sha if request.state == "merged" else look.branch(request.head)
        if request.state != "closed" and head != sha:
            raise Conflict(f"#{number} of {place.name} is at {(head or 'nothing')[:12]} now")
        return request

    def _land(self, place: Place, request: Request, sha: str, method: MergeMethod) -> None:
        look = place.store.look()
        base = look.branch(request.base)
        with asking(f"merge #{request.number} of {place.name}"):
            place.history.bring([sha])
            parents = place.history.parents(sha)
        if base is None or not parents or parents[0] != base:
            raise Conflict(f"{request.base} of {place.name} is not where #{request.number} begins")
        if method != "merge" and len(parents) > 1:
            raise Refused(f"#{request.number} is a merge commit, which a {method} cannot push")
        ref = f"{BRANCHES}{request.base}"
        with asking(f"push {sha[:12]} to {request.base} of {place.name}"):
            place.history.push(ref, sha, base)

    # What they have in common

    def _place(self, full_name: str) -> Place:
        key = full_name.casefold()
        if key not in self._places:
            url = self._served.url(full_name)
            at = self._directory / hashlib.sha256(f"{full_name}\0{url}".encode()).hexdigest()[:16]
            made = Place(full_name, url, at, self._account, self._clock)
            self._places.setdefault(key, made)
        return self._places[key]

    def _info(self, place: Place, request: Request, look: Look) -> PullRequestInfo:
        """Return a request; while it is open, its head is where its branch is."""
        head = look.branch(request.head) if request.state == "open" else None
        return PullRequestInfo(
            number=request.number,
            url=f"{place.url}#{request.number}",
            state=request.state,
            title=request.title,
            body=request.body,
            head_branch=request.head,
            head_sha=head or request.head_sha,
            base_branch=request.base,
            from_fork=False,
            author=request.author,
            labels=frozenset(request.labels),
            by=request.by,
            merged_sha=request.merged_sha,
        )
