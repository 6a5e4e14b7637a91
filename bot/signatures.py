"""Sign a body as GitHub does, and tell a signed one from a forged one: HMAC-SHA256, in hex."""

import hmac
from collections.abc import Iterable


def signature(body: bytes, key: bytes) -> str:
    """Return the header, or the line, that signs `body`."""
    return f"sha256={hmac.digest(key, body, 'sha256').hex()}"


def holds(body: bytes, signed: str, keys: Iterable[bytes]) -> bool:
    """Whether `signed` signs these raw bytes with one of the keys; in constant time for each."""
    # As bytes: compare_digest refuses text that is not ASCII, and a header may hold anything.
    given = signed.encode("utf-8", "surrogateescape")
    return any(hmac.compare_digest(signature(body, key).encode(), given) for key in keys)
