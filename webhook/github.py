"""Read GitHub's webhooks: who signed them, and what they say in forge-neutral events."""

import hmac
from collections.abc import Sequence
from urllib.parse import parse_qs

from pydantic import ValidationError

from webhook.events import Delivery, Ignored, NotUnderstoodError
from webhook.github_payloads import PAYLOADS, PushHook

EVENTS = frozenset(PAYLOADS) | {"ping"}
"""The events that are known here, by GitHub's names."""


class Signatures:
    """Tells GitHub's deliveries from forged ones; several secrets, so that they can be rotated.

    Raises ValueError where there is no secret or an empty one: unsigned is never accepted.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        if not secrets or not all(secrets):
            raise ValueError("GitHub's webhooks need a secret, and an empty one protects nothing")
        self._keys = [secret.encode() for secret in secrets]

    def hold(self, body: bytes, header: str) -> bool:
        """Whether `header` (X-Hub-Signature-256) signs these raw bytes with one of the secrets."""
        # As bytes: compare_digest refuses text that is not ASCII, and a header may hold anything.
        given = header.encode("utf-8", "surrogateescape")
        for key in self._keys:
            expected = f"sha256={hmac.digest(key, body, 'sha256').hex()}".encode()
            if hmac.compare_digest(expected, given):
                return True
        return False


def translate(event: str, delivery: str, body: bytes) -> tuple[Delivery, ...] | Ignored:
    """Return what a delivery says, or why it cannot matter.

    `event` and `delivery` are the headers X-GitHub-Event and X-GitHub-Delivery, `body` is JSON
    whose signature was verified. Raises NotUnderstoodError, and nothing else, whatever it is given.
    """
    payload = PAYLOADS.get(event)
    if event == "ping":
        return Ignored("the webhook works")
    if payload is None:
        return Ignored("an event that Lockstep does not use")
    try:
        if event == "push" and (short := _without_commits(body)) is not None:
            return short.deliveries(delivery)
        return payload.model_validate_json(body).deliveries(delivery)
    except ValidationError as error:
        # Without its cause, which holds what people wrote.
        raise NotUnderstoodError(_places(error)) from None


def _without_commits(body: bytes) -> PushHook | None:
    """Read a push up to its commits, which are most of it; null where that does not do.

    GitHub puts them last. In valid JSON these bytes can only begin a key, and the part before
    them, closed, is only valid if that key is the outermost object's.
    """
    end = body.find(b',"commits":[')
    if end < 0:
        return None
    try:
        push = PushHook.model_validate_json(body[:end] + b"}")
    except ValidationError:
        return None
    return push if push.sender else None


def form_payload(body: bytes) -> bytes:
    """Return the JSON inside a form-encoded delivery; raises NotUnderstoodError without one."""
    try:
        fields = parse_qs(body.decode(), errors="strict", max_num_fields=10)
        return fields["payload"][0].encode()
    except (KeyError, ValueError):
        raise NotUnderstoodError("a form without a readable field `payload`") from None


def _places(error: ValidationError) -> str:
    """Name the first places that are wrong, never what stands there."""
    wrong = error.errors(include_url=False, include_context=False, include_input=False)[:3]
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in wrong)
