"""Read GitHub's webhooks: who signed them, and what they say in forge-neutral events."""

from collections.abc import Sequence
from urllib.parse import parse_qs

from pydantic import ValidationError

from bot import signatures
from bot.model import ForgeName
from webhook.events import Delivery, Ignored, NotUnderstoodError
from webhook.github_payloads import PAYLOADS, PushHook
from webhook.reading import Headers

SIGNATURE = "X-Hub-Signature-256"
EVENTS = frozenset(PAYLOADS) | {"ping"}
"""The events that are known here, by GitHub's names."""


_COMMITS = b',"commits":'


class Signatures:
    """Tells GitHub's deliveries from forged ones; several secrets, so that they can be rotated.

    Raises ValueError where there is no secret or an empty one: unsigned is never accepted.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        if not secrets or not all(secrets):
            raise ValueError("webhooks need a secret, and an empty one protects nothing")
        self._keys = [secret.encode() for secret in secrets]

    def hold(self, body: bytes, header: str) -> bool:
        """Whether `header` (X-Hub-Signature-256) signs these raw bytes with one of the secrets."""
        return signatures.holds(body, header, self._keys)


class GitHubReader:
    """See `Reader`. Raises ValueError where there is no secret."""

    forge: ForgeName = "github"
    title = "GitHub"
    events = EVENTS
    takes_forms = True
    unproven = (
        "X-Hub-Signature-256 is missing or does not sign this body",
        "Give the webhook the same secret as LOCKSTEP_GITHUB_WEBHOOK_SECRET",
    )
    unnamed = (
        "X-GitHub-Event or X-GitHub-Delivery is missing",
        "Send it as GitHub does, both headers included",
    )

    def __init__(self, secrets: Sequence[str]) -> None:
        self._signatures = Signatures(secrets)

    def claims(self, headers: Headers) -> bool:
        """See `Reader.claims`."""
        return SIGNATURE in headers

    def is_genuine(self, headers: Headers, body: bytes) -> bool:
        """See `Reader.is_genuine`."""
        return self._signatures.hold(body, headers.get(SIGNATURE, ""))

    def names(self, headers: Headers) -> tuple[str, str]:
        """See `Reader.names`."""
        return headers.get("X-GitHub-Event", ""), headers.get("X-GitHub-Delivery", "")

    def unwrapped(self, form: bytes) -> bytes:
        """See `Reader.unwrapped`."""
        return form_payload(form)

    def translate(self, event: str, delivery: str, body: bytes) -> tuple[Delivery, ...] | Ignored:
        """See `Reader.translate`."""
        return translate(event, delivery, body)


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
        raise NotUnderstoodError(places(error)) from None


def _without_commits(body: bytes) -> PushHook | None:
    """Read a push up to its commits, which are most of it; null where that does not do.

    GitHub puts them last. In valid JSON these bytes can only begin a key, and the part before
    them, closed, is only valid if that key is the outermost object's.
    """
    # One rare byte is found several times faster than the whole key.
    end = body.find(b"[")
    while end >= 0 and not body.endswith(_COMMITS, 0, end):
        end = body.find(b"[", end + 1)
    if end < 0:
        return None
    try:
        push = PushHook.model_validate_json(body[: end - len(_COMMITS)] + b"}")
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


def places(error: ValidationError) -> str:
    """Name the first places that are wrong, never what stands there."""
    wrong = error.errors(include_url=False, include_context=False, include_input=False)[:3]
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in wrong)
