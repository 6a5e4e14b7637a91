"""What GitHub's payloads are made of: who did it, and in which repository."""

from abc import abstractmethod

from webhook.events import Delivery, Event, ForgeId, Ignored, Name, RepositoryRef
from webhook.payloads import Part, Payload, repository_ref


class Account(Part):
    """A user, an organisation or an App."""

    login: Name
    type: str = "User"


class Repository(Part):
    """A repository, which GitHub numbers once and for all."""

    id: ForgeId
    full_name: Name
    default_branch: Name | None = None

    def ref(self, full_name: str | None = None) -> RepositoryRef:
        """Return the repository, under another name if one is given."""
        name = full_name or self.full_name
        return repository_ref("github", self.id, name, self.default_branch)


class Spoken(Payload):
    """A payload that says who did it."""

    sender: Account | None = None

    @property
    def by(self) -> str | None:
        """Return the login of who did it, where GitHub says so."""
        return self.sender.login if self.sender else None


class AtRepository(Spoken):
    """A payload about one repository."""

    repository: Repository

    @abstractmethod
    def event(self) -> Event | Ignored:
        """Return what this says about its repository."""

    def deliveries(self, delivery: str) -> tuple[Delivery, ...] | Ignored:
        """See `Payload.deliveries`."""
        event = self.event()
        if isinstance(event, Ignored):
            return event
        return (Delivery(id=delivery, repository=self.repository.ref(), event=event),)
