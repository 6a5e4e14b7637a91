"""What the receiver asks of each forge's reader: whose this is, and what it says."""

from collections.abc import Mapping
from typing import Protocol

from bot.model import ForgeName
from webhook.events import Delivery, Ignored

Headers = Mapping[str, str]
"""A request's headers, whatever the case of their names."""


class Reader(Protocol):
    """Reads one forge's deliveries; nothing that it is given can make it raise but as is said."""

    @property
    def forge(self) -> ForgeName:
        """The forge, which is also the last part of its route."""

    @property
    def title(self) -> str:
        """What people call it."""

    @property
    def events(self) -> frozenset[str]:
        """The events that are known, by the forge's names, for metrics."""

    @property
    def takes_forms(self) -> bool:
        """Whether a body may be a form that holds the JSON."""

    @property
    def unproven(self) -> tuple[str, str]:
        """What is wrong with a delivery that is not the forge's, and what helps."""

    @property
    def unnamed(self) -> tuple[str, str]:
        """What is wrong with one that does not say what it is, and what helps."""

    def claims(self, headers: Headers) -> bool:
        """Whether it claims to be the forge's: only such a body is read at all."""

    def is_genuine(self, headers: Headers, body: bytes) -> bool:
        """Whether it is, by the bytes that were sent."""

    def names(self, headers: Headers) -> tuple[str, str]:
        """Return the event and the delivery's id, empty where there is none."""

    def unwrapped(self, form: bytes) -> bytes:
        """Return the JSON inside a form. Raises `NotUnderstoodError`."""

    def translate(self, event: str, delivery: str, body: bytes) -> tuple[Delivery, ...] | Ignored:
        """Return what is said, or why it cannot matter. Raises `NotUnderstoodError`."""
