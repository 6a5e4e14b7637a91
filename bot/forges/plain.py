"""The forge that a plain git server is: nothing but git, and what its hook has seen.

Pull requests are kept on the branch `lockstep/requests` (`plain_store`), and are merged by
whoever pushes what they propose to their base: a person, or the bot with a lease. A method
looks at the remote's refs once, and pushes once where it changes something.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal

from bot.decisions.facts import Check, Permission
from bot.decisions.permissions import roles_held
from bot.engine.drift import CONFIGURATION
from bot.forges.forge import (
    STATUS_CONTEXT,
    CommentInfo,
    IssueInfo,
    Left,
    NotFound,
    OpenItem,
    OwnStatus,
    Refused,
    RepositoryInfo,
    ReviewInfo,
    RunInfo,
    StatusState,
    Unavailable,
)
from bot.forges.markers import marked
from bot.forges.plain_errors import asking
from bot.forges.plain_ledger import Ledger, Remark, Reported, Request, conversation
from bot.forges.plain_place import Place, moment
from bot.forges.plain_requests import Requests
from bot.forges.plain_store import Look
from bot.model import ReportedBy
from bot.pushes import CONVERSATION, number_of
from config.load import ConfigErrors, load
from config.policy import Role

LONGEST_STATUS = 140
_NO_CI = "a plain git server runs no CI; let yours report with `lockstep report-check`, as a check"
MAINTAINERS, ADMINS = "maintainers", "admins"
"""The roles of the configuration whose members may do what a forge's maintainers may."""

_log = logging.getLogger(__name__)


class PlainGit(Requests):
    """Plain git servers as one login on them; threads may share it. See `Forge`."""

    # Who we are, and where

    def budgets(self) -> Sequence[Left]:
        """See `Forge.budgets`: git counts no requests."""
        return ()

    def login(self) -> str:
        """See `Forge.login`."""
        return self._account.login

    def git_token(self, owner: str, name: str) -> str:  # noqa: ARG002 - one for all
        """See `Forge.git_token`; empty where git itself knows how to get in."""
        return self._account.token or ""

    def repositories(self) -> Iterable[RepositoryInfo]:
        """See `Forge.repositories`: those that are known by name; others come by their pushes."""
        for name in self._served.names:
            owner, _, short = name.rpartition("/")
            try:
                yield self.repository(owner, short)
            except (NotFound, Unavailable, Refused) as error:
                # One that cannot be read is no reason to see none.
                _log.warning("%s", error)

    def repository(self, owner: str, name: str) -> RepositoryInfo:
        """See `Forge.repository`; a name is all that a repository has here."""
        place = self._place(f"{owner}/{name}")
        look = place.settled()
        return RepositoryInfo(
            owner=owner,
            name=name,
            id=number_of(f"{owner}/{name}"),
            clone_url=place.url,
            default_branch=look.default_branch,
            archived=False,
            can_write=True,
            git_user=self._account.login,
        )

    def has_file(self, repository: str, path: str) -> bool:
        """See `Forge.has_file`."""
        try:
            place = self._place(repository)
            look = place.settled()
        except NotFound:
            return False
        head = look.branch(look.default_branch)
        if head is None:
            return False
        with asking(f"look for {path} in {repository}"):
            place.history.bring([head])
            return place.history.file(head, path) is not None

    def open_items(self, repository: str) -> Sequence[OpenItem]:
        """See `Forge.open_items`; the drift issue is among them."""
        place = self._place(repository)
        place.settled()
        found = place.store.read(lambda ledger: ledger.requests())
        return sorted(map(_open_item, found), key=lambda item: item.changed, reverse=True)

    # Evidence

    def set_status(self, repository: str, sha: str, state: StatusState, line: str) -> None:
        """See `Forge.set_status`."""
        if len(line) > LONGEST_STATUS:
            raise Refused(f"a status has at most {LONGEST_STATUS} characters")
        place = self._place(repository)

        def edit(ledger: Ledger) -> None:
            before = ledger.checks(sha).get(STATUS_CONTEXT)
            if before is None or (before.state, before.line) != (state, line):
                now = self._now()
                since = before.since if before is not None else now
                reported = Reported(
                    state=state, at=now, by=self._account.login, line=line, since=since
                )
                ledger.report(sha, STATUS_CONTEXT, reported)
                ledger.say(f"{sha[:12]} is {state}: {line}")

        place.change(edit)

    def own_status(self, repository: str, sha: str) -> OwnStatus | None:
        """See `Forge.own_status`."""
        place = self._place(repository)
        place.settled()
        found = place.store.read(lambda ledger: ledger.checks(sha)).get(STATUS_CONTEXT)
        if found is None:
            return None
        state: StatusState = "failure"
        if found.state == "pending" or found.state == "success":  # noqa: PLR1714 -- for mypy
            state = found.state
        return OwnStatus(state, found.line, moment(found.since or found.at))

    def checks(
        self,
        repository: str,
        sha: str,
        by: ReportedBy | None = None,  # noqa: ARG002 - there is but one way here
    ) -> Sequence[Check]:
        """See `Forge.checks`: what was reported by `lockstep report-check`."""
        place = self._place(repository)
        place.settled()
        found = place.store.read(lambda ledger: ledger.checks(sha))
        return [Check(name, sha, one.state, moment(one.at)) for name, one in sorted(found.items())]

    def workflow_runs(
        self,
        repository: str,  # noqa: ARG002 - no server has any
        workflow: str,  # noqa: ARG002 - as above
        sha: str,  # noqa: ARG002 - as above
    ) -> Sequence[RunInfo]:
        """See `Forge.workflow_runs`: there are none."""
        raise Refused(_NO_CI)

    def start_workflow(
        self,
        repository: str,  # noqa: ARG002 - no server has any
        workflow: str,  # noqa: ARG002 - as above
        branch: str,  # noqa: ARG002 - as above
        inputs: Mapping[str, str],  # noqa: ARG002 - as above
    ) -> None:
        """See `Forge.start_workflow`: there are none."""
        raise Refused(_NO_CI)

    def reviews(self, repository: str, number: int) -> Sequence[ReviewInfo]:
        """See `Forge.reviews`: what was given by `lockstep approve`."""
        place = self._place(repository)
        place.settled()
        given = place.known(number).reviews
        return [ReviewInfo(one.by, one.state, one.sha, moment(one.at)) for one in given]

    # People

    def acknowledge(
        self, repository: str, number: int, comment: int, *, on_pull_request: bool
    ) -> None:
        """See `Forge.acknowledge`: whoever speaks by a push was told by it that it was heard."""

    def permission(self, repository: str, login: str) -> Permission:
        """See `Forge.permission`: whoever has pushed may write; more by a role, see `ADMINS`."""
        place = self._place(repository)
        look = place.settled()
        held = roles_held(login, (), self._configured(place, look))
        people = place.store.read(lambda ledger: ledger.people())
        if login.casefold() not in {person.casefold() for person in people}:
            return "none"
        if ADMINS in held:
            return "admin"
        return "maintain" if MAINTAINERS in held else "write"

    def _configured(self, place: Place, look: Look) -> Mapping[str, Role]:
        """Return the roles of the configuration on the default branch; none where it has none."""
        head = look.branch(look.default_branch)
        if head is None:
            return {}
        if head not in place.roles:
            with asking(f"read {CONFIGURATION} of {place.name}"):
                place.history.bring([head])
                text = place.history.file(head, CONFIGURATION)
            try:
                roles = load((text or b"").decode("utf-8-sig", "replace")).roles
            except ConfigErrors:
                roles = {}
            # Of the newest commit alone: others are asked about no more.
            place.roles = {head: roles}
        return place.roles.get(head, {})

    def members(self, team: str) -> frozenset[str] | None:  # noqa: ARG002 - there are none
        """See `Forge.members`: git knows no teams."""
        return None

    def authors(self, repository: str, shas: Sequence[str]) -> Mapping[str, frozenset[str]]:
        """See `Forge.authors`; whoever pushed a commit counts too, as an address proves nothing."""
        if not shas:
            return {}
        place = self._place(repository)
        place.settled()
        with asking(f"read commits of {repository}"):
            if lacking := place.history.bring(shas):
                raise NotFound(f"{lacking[0][:12]} is no commit of {repository}")
            addresses = place.history.addresses(shas)
            found = {sha: {*map(self._person, addresses[sha])} for sha in shas}
            for landed in place.store.read(lambda ledger: ledger.pushes()):
                if landed.by == self._account.login:
                    continue
                for sha in place.history.brought_by(landed) & found.keys():
                    found[sha].add(landed.by)
        return {sha: frozenset(people) for sha, people in found.items()}

    def _person(self, address: str) -> str:
        name, _, domain = address.rpartition("@")
        return name if name and domain.casefold() in self._account.domains else address

    # Conversation

    def comments(
        self,
        repository: str,
        number: int,
        since: datetime | None = None,
        *,
        on_pull_request: bool,  # noqa: ARG002 - here both are numbered together
    ) -> Sequence[CommentInfo]:
        """See `Forge.comments`; our own come with their markers."""
        place, me = self._place(repository), self._account.login
        place.settled()
        found = place.store.read(lambda ledger: ledger.request(number))
        return [
            CommentInfo(
                id=number_of(one.id),
                author=one.by,
                at=moment(one.at),
                text=marked(one.text, one.id) if one.by == me else one.text,
                edited=False,
            )
            for one in (found.remarks if found else ())
            if since is None or moment(one.at) >= since
        ]

    def comment(
        self,
        repository: str,
        number: int,
        marker: str,
        body: str,
        *,
        on_pull_request: bool,  # noqa: ARG002 - here all are numbered together
    ) -> None:
        """See `Forge.comment`; the conversation of the repository is begun by the first."""
        place, me = self._place(repository), self._account.login
        # First what it answers is written down.
        place.settled()

        def edit(ledger: Ledger) -> None:
            request = ledger.request(number)
            if request is None and number == CONVERSATION:
                request = conversation(me)
            if request is None:
                raise NotFound(f"there is no #{number} in {repository}")
            if not any(one.by == me and one.id == marker for one in request.remarks):
                ledger.remark(request, Remark(id=marker, by=me, at=self._now(), text=body))

        place.change(edit)

    def issue(self, repository: str, marker: str) -> IssueInfo | None:
        """See `Forge.issue`."""
        place = self._place(repository)
        place.look()
        found = place.store.read(lambda ledger: _issue(ledger, marker))
        return None if found is None else _issue_info(place, found)

    def write_issue(
        self, repository: str, marker: str, *, title: str, body: str, open_: bool
    ) -> IssueInfo | None:
        """See `Forge.write_issue`."""
        place = self._place(repository)
        state: Literal["open", "closed"] = "open" if open_ else "closed"

        def edit(ledger: Ledger) -> Request | None:
            before = _issue(ledger, marker)
            if before is None and not open_:
                return None
            wanted = {"title": title, "body": body.rstrip(), "state": state}
            after = (
                before.model_copy(update=wanted)
                if before is not None
                else Request(
                    number=ledger.next_number(),
                    kind="issue",
                    title=title,
                    body=body.rstrip(),
                    author=self._account.login,
                    marker=marker,
                )
            )
            if after != before:
                ledger.put(after)
                ledger.say(f"{'Write' if open_ else 'Close'} #{after.number}: {title}")
            return after

        done = place.change(edit)
        return None if done is None else _issue_info(place, done)

    def _now(self) -> int:
        return int(self._clock())


def _open_item(request: Request) -> OpenItem:
    """Return what is open, touched when somebody last spoke or reviewed there."""
    moments = [one.at for one in request.remarks] + [one.at for one in request.reviews]
    changed = moment(max(moments, default=0))
    return OpenItem(request.number, changed, is_pull_request=request.kind == "pull-request")


def _issue(ledger: Ledger, marker: str) -> Request | None:
    number = ledger.issues().get(marker)
    return None if number is None else ledger.request(number)


def _issue_info(place: Place, request: Request) -> IssueInfo:
    url, is_open = f"{place.url}#{request.number}", request.state == "open"
    return IssueInfo(request.number, url, is_open, request.title, request.body)
