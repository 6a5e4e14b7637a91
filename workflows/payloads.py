"""How values cross Temporal: as JSON by pydantic, and encrypted where there are keys.

With keys a history holds no comment, login or reason that whoever runs Temporal could read.
Workflow ids stay readable, and so does what happened when: Temporal works by them.
"""

import dataclasses
import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from typing import Final

from cryptography.fernet import Fernet, InvalidToken
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticJSONPlainPayloadConverter
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    DefaultPayloadConverter,
    JSONPlainPayloadConverter,
    PayloadCodec,
)

_ENCODING: Final = b"binary/lockstep-encrypted"
_KEY = "lockstep-key"


# The SDK makes a converter for each workflow, and each would make, and keep for as long as its
# workflow is cached, what reads our types: more than all the rest of a workflow that waits.
_JSON: Final = PydanticJSONPlainPayloadConverter()


class SharedConverter(CompositePayloadConverter):
    """As the SDK's own for pydantic, but all of a process share what reads a type."""

    def __init__(self) -> None:
        """Take the SDK's converters, and ours for JSON."""
        theirs = DefaultPayloadConverter.default_encoding_payload_converters
        super().__init__(
            *(_JSON if isinstance(one, JSONPlainPayloadConverter) else one for one in theirs)
        )


class WrongKeyError(Exception):
    """A payload cannot be read with the keys at hand; the message names the key, not its value."""


class EncryptionCodec(PayloadCodec):
    """Encrypts what goes to Temporal with the first key; reads what any of the keys wrote.

    What is not encrypted is read as it is, so that keys may be introduced while promotions
    are open. Keys are Fernet's: 32 bytes in URL-safe base64.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._first = key_id(keys[0])
        self._keys = {key_id(key): Fernet(key) for key in keys}

    async def encode(self, payloads: Iterable[Payload]) -> list[Payload]:
        """Return the payloads encrypted, each whole, with what says how it is to be decoded."""
        return [self._encrypted(payload) for payload in payloads]

    async def decode(self, payloads: Iterable[Payload]) -> list[Payload]:
        """Return the payloads as they were. Raises `WrongKeyError`."""
        return [self._decrypted(payload) for payload in payloads]

    def _encrypted(self, payload: Payload) -> Payload:
        token = self._keys[self._first].encrypt(payload.SerializeToString())
        return Payload(
            metadata={"encoding": _ENCODING, _KEY: self._first.encode()},
            # Fernet speaks base64, which would make a history a third larger.
            data=urlsafe_b64decode(token),
        )

    def _decrypted(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != _ENCODING:
            return payload
        name = payload.metadata.get(_KEY, b"").decode(errors="replace")
        if name not in self._keys:
            raise WrongKeyError(
                f"this was encrypted with the key {name[:16]}, which "
                "LOCKSTEP_TEMPORAL_ENCRYPTION_KEYS lacks; add it behind the others, and all goes on"
            )
        try:
            data = self._keys[name].decrypt(urlsafe_b64encode(payload.data))
        except InvalidToken as error:
            raise WrongKeyError(f"a payload of the key {name[:16]} was changed or cut") from error
        return Payload.FromString(data)


def key_id(key: str) -> str:
    """Return what a key is called in payloads and messages; it tells nothing of the key."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def data_converter(keys: Sequence[str] = ()) -> DataConverter:
    """Return the converter that every client, worker and replayer uses."""
    plain = DataConverter(payload_converter_class=SharedConverter)
    if not keys:
        return plain
    return dataclasses.replace(
        plain,
        payload_codec=EncryptionCodec(keys),
        # Else what an error said would stand there in the clear.
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )
