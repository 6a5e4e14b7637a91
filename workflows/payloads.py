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
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import (
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    PayloadCodec,
)

_ENCODING: Final = b"binary/lockstep-encrypted"
_KEY = "lockstep-key"


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
    if not keys:
        return pydantic_data_converter
    return dataclasses.replace(
        pydantic_data_converter,
        payload_codec=EncryptionCodec(keys),
        # Else what an error said would stand there in the clear.
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )
