"""The few ways in which the sandbox refuses, in no forge's words; a dialect gives the number."""

from collections.abc import Mapping


class Refusal(Exception):
    """Something that was asked for and is not done; the message is for a person."""


class Missing(Refusal):
    """There is no such thing, or the asker may not know of it."""


class Denied(Refusal):
    """The asker may not do this."""


class Conflict(Refusal):
    """What was assumed is no longer so: a head or a file has moved."""


class NotMergeable(Refusal):
    """The forge will not merge this now."""


class Invalid(Refusal):
    """The request makes no sense; `errors` say which field and why."""

    def __init__(self, message: str, *errors: Mapping[str, str] | str) -> None:
        super().__init__(message)
        self.errors = errors
