"""What GitHub says of repositories themselves: what they are called now, and our access to them."""

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from webhook.events import Delivery, Event, Ignored, InstallationChanged, Name, RepositoryChanged
from webhook.github_parts import Account, AtRepository, Repository, Spoken
from webhook.payloads import Part

MAX_REPOSITORIES = 100
"""Most repositories that one installation event is passed on for; the re-observe finds the rest."""


class _Was(Part):
    from_: Name = Field(alias="from")


class _FormerName(Part):
    name: _Was


class _FormerAccounts(Part):
    user: Account | None = None
    organization: Account | None = None


class _FormerOwner(Part):
    from_: _FormerAccounts = Field(alias="from")


class _RepositoryChanges(Part):
    repository: _FormerName | None = None
    owner: _FormerOwner | None = None
    default_branch: dict[str, Any] | None = None


class RepositoryHook(AtRepository):
    """A repository was renamed, handed over, archived, deleted, or has another default branch."""

    action: str
    changes: _RepositoryChanges = _RepositoryChanges()

    def event(self) -> Event | Ignored:
        """See `AtRepository.event`."""
        before = self._former_name()
        if before:
            return RepositoryChanged(
                change="moved", before=before, after=self.repository.full_name, by=self.by
            )
        match self.action:
            case "archived" | "unarchived" | "deleted":
                return RepositoryChanged(change=self.action, by=self.by)
            case "edited" if self.changes.default_branch is not None:
                return RepositoryChanged(change="default_branch", by=self.by)
            case _:
                return Ignored("neither its name nor its default branch nor its state changed")

    def deliveries(self, delivery: str) -> tuple[Delivery, ...] | Ignored:
        """See `Payload.deliveries`: under a former name too."""
        found = super().deliveries(delivery)
        before = self._former_name()
        if isinstance(found, Ignored) or not before:
            return found
        # The pipeline under the former name has to hear that it ends.
        former = found[0].model_copy(update={"repository": self.repository.ref(before)})
        return (former, *found)

    def _former_name(self) -> str | None:
        owner, _, name = self.repository.full_name.rpartition("/")
        if self.action == "renamed" and self.changes.repository:
            return f"{owner}/{self.changes.repository.name.from_}"
        if self.action == "transferred" and self.changes.owner:
            accounts = self.changes.owner.from_
            account = accounts.user or accounts.organization
            return f"{account.login}/{name}" if account else None
        return None


class Installation(Spoken):
    """The App was installed, or taken away, whole."""

    action: str
    repositories: tuple[Repository, ...] | None = None

    def deliveries(self, delivery: str) -> tuple[Delivery, ...] | Ignored:
        """See `Payload.deliveries`."""
        repositories = self.repositories or ()
        match self.action:
            case "created" | "unsuspend" | "new_permissions_accepted":
                return _access(delivery, granted=repositories, by=self.by)
            case "deleted" | "suspend":
                return _access(delivery, withdrawn=repositories, by=self.by)
            case _:
                return Ignored("our access stays as it is")


class InstallationRepositories(Spoken):
    """The App was let into some repositories, or kept out of them."""

    repositories_added: tuple[Repository, ...] = ()
    repositories_removed: tuple[Repository, ...] = ()

    def deliveries(self, delivery: str) -> tuple[Delivery, ...] | Ignored:
        """See `Payload.deliveries`."""
        return _access(
            delivery,
            granted=self.repositories_added,
            withdrawn=self.repositories_removed,
            by=self.by,
        )


def _access(
    delivery: str,
    *,
    granted: Sequence[Repository] = (),
    withdrawn: Sequence[Repository] = (),
    by: str | None,
) -> tuple[Delivery, ...] | Ignored:
    named = len(granted) + len(withdrawn)
    if not named:
        return Ignored("names no repository: the next re-observe finds what changed")
    if named > MAX_REPOSITORIES:
        return Ignored("names too many repositories at once: the next re-observe finds them")
    return tuple(
        Delivery(
            id=delivery,
            repository=repository.ref(),
            event=InstallationChanged(access=access, by=by),
        )
        for access, repositories in (("granted", granted), ("withdrawn", withdrawn))
        for repository in repositories
    )
