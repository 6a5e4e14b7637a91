"""Read GitLab's webhooks: who sent them, and what they say in forge-neutral events.

GitLab proves itself by a secret token in a header or, lately, by a signature as the Standard
Webhooks have it; either may be configured, and both while hooks are being changed.
"""

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Sequence

from pydantic import BaseModel, ValidationError

from bot.model import ForgeName
from config.addresses import signing_key
from webhook.events import Delivery, Ignored, NotUnderstoodError
from webhook.github import places
from webhook.gitlab_payloads import PAYLOADS
from webhook.reading import Headers

TOKEN = "X-Gitlab-Token"  # noqa: S105 - a header's name
SIGNATURE = "webhook-signature"
_EVENTS = {
    "Push Hook": "push",
    "Tag Push Hook": "tag_push",
    "Merge Request Hook": "merge_request",
    "Note Hook": "note",
    "Confidential Note Hook": "note",
    "Pipeline Hook": "pipeline",
    "Job Hook": "build",
    "Build Hook": "build",
    "Emoji Hook": "emoji",
    "Issue Hook": "issue",
    "Confidential Issue Hook": "issue",
    "Release Hook": "release",
    "Deployment Hook": "deployment",
    "Wiki Page Hook": "wiki_page",
    "Project Hook": "",
    "Subgroup Hook": "",
    "System Hook": "",
}
# What a body says that it is, where its header does not.
_UNUSED = {
    "emoji": "an emoji is no command",
    "tag_push": "not a branch: tags promote nothing",
}
# How far a signature's clock may be off, in seconds: the Standard Webhooks' own figure.
_TOLERANCE = 300
_SECONDS = re.compile(r"[0-9]{1,12}")
# While a key is changed there are two; more are nobody's.
_MOST_SIGNATURES = 8
# Where no header names the delivery, as none did before GitLab 14, its content does.
_BY_CONTENT = "by-content"
_IDS = ("Idempotency-Key", "webhook-id", "X-Gitlab-Webhook-UUID", "X-Gitlab-Event-UUID")


class GitLabReader:
    """See `Reader`. Raises ValueError where there is neither a secret nor a signing token."""

    forge: ForgeName = "gitlab"
    title = "GitLab"
    events = frozenset(_EVENTS)
    takes_forms = False
    unproven = (
        "X-Gitlab-Token is missing or another, or webhook-signature does not sign this body",
        (
            "Give the webhook the same secret token as LOCKSTEP_GITLAB_WEBHOOK_SECRET, or set "
            "LOCKSTEP_GITLAB_SIGNING_TOKEN to its signing token"
        ),
    )
    unnamed = ("X-Gitlab-Event is missing", "Send it as GitLab does, with its headers")

    def __init__(
        self,
        secrets: Sequence[str] = (),
        signing_tokens: Sequence[str] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not (secrets or signing_tokens) or not all(secrets):
            raise ValueError("webhooks need a secret, and an empty one protects nothing")
        self._secrets = [secret.encode() for secret in secrets]
        self._keys = [signing_key(token) for token in signing_tokens]
        self._clock = clock

    def claims(self, headers: Headers) -> bool:
        """See `Reader.claims`; a wrong token is told before the body is read."""
        return self._signs(headers) or self._knows(headers)

    def is_genuine(self, headers: Headers, body: bytes) -> bool:
        """See `Reader.is_genuine`; whoever signs is asked for the signature, whatever the token."""
        return self._holds(headers, body) if self._signs(headers) else self._knows(headers)

    def _signs(self, headers: Headers) -> bool:
        return bool(self._keys) and SIGNATURE in headers

    def _knows(self, headers: Headers) -> bool:
        given = headers.get(TOKEN, "").encode(errors="surrogateescape")
        # Every one is compared, so that the time tells nothing.
        return sum(hmac.compare_digest(given, secret) for secret in self._secrets) > 0

    def _holds(self, headers: Headers, body: bytes) -> bool:
        delivery, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not _SECONDS.fullmatch(at) or abs(self._clock() - int(at)) > _TOLERANCE:
            return False
        content = f"{delivery}.{at}.".encode(errors="surrogateescape") + body
        signatures = headers.get(SIGNATURE, "").split()[:_MOST_SIGNATURES]
        given = [one.encode(errors="surrogateescape") for one in signatures]
        codes = [hmac.new(key, content, hashlib.sha256).digest() for key in self._keys]
        wanted = [b"v1," + base64.b64encode(code) for code in codes]
        return sum(hmac.compare_digest(one, other) for one in given for other in wanted) > 0

    def names(self, headers: Headers) -> tuple[str, str]:
        """See `Reader.names`."""
        ids = (headers.get(name, "") for name in _IDS)
        return headers.get("X-Gitlab-Event", ""), next((one for one in ids if one), _BY_CONTENT)

    def unwrapped(self, form: bytes) -> bytes:  # noqa: ARG002 - there are none
        """See `Reader.unwrapped`; GitLab sends no forms."""
        raise NotUnderstoodError("a form")

    def translate(self, event: str, delivery: str, body: bytes) -> tuple[Delivery, ...] | Ignored:
        """See `Reader.translate`."""
        if delivery == _BY_CONTENT:
            delivery = f"sha256/{hashlib.sha256(body).hexdigest()}"
        return translate(event, delivery, body)


class _Named(BaseModel):
    object_kind: str | None = None
    event_name: str | None = None


def translate(event: str, delivery: str, body: bytes) -> tuple[Delivery, ...] | Ignored:
    """Return what a delivery says, or why it cannot matter.

    `event` is the header X-Gitlab-Event, `delivery` the id. Raises NotUnderstoodError, and
    nothing else, whatever it is given.
    """
    try:
        kind = _EVENTS.get(event, "-") or _kind(body)
        payload = PAYLOADS.get(kind)
        if payload is None:
            return Ignored(_UNUSED.get(kind, "an event that Lockstep does not use"))
        return payload.model_validate_json(body).deliveries(delivery)
    except ValidationError as error:
        # Without its cause, which holds what people wrote.
        raise NotUnderstoodError(places(error)) from None


def _kind(body: bytes) -> str:
    named = _Named.model_validate_json(body)
    return named.object_kind or named.event_name or "-"
