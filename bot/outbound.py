"""Ask an address that a repository names: only where the server allows, and within limits.

A host is resolved once and connected to at what it resolved to; no redirect is followed
and no proxy used, so that nothing leads elsewhere after it was looked at.
"""

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from config.reach import Reach

LARGEST = 1 << 20  # bytes of an answer
LIMIT_SECONDS = 10.0
_PORTS = {"http": 80, "https": 443}

_NOWHERE = Reach()

Resolve = Callable[[str, int], Sequence[tuple[Any, ...]]]


class NoAnswer(Exception):
    """Why there is no answer to judge: a sentence that follows the host's name."""


def resolve(host: str, port: int) -> Sequence[tuple[Any, ...]]:
    """Return what a host resolves to, as `socket.getaddrinfo` does."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


@dataclass(frozen=True, slots=True)
class Outbound:
    """Asks, where the server allows it; `secrets` are host and secret by name."""

    reach: Reach = _NOWHERE
    secrets: Mapping[str, tuple[str, str]] = field(default_factory=dict, repr=False)
    limit: float = LIMIT_SECONDS
    resolve: Resolve = resolve
    context: ssl.SSLContext | None = None

    def fetch(
        self, url: str, *, method: str = "GET", body: bytes | None = None, secret: str | None = None
    ) -> bytes:
        """Return the body of an answer of status 2xx. Raises `NoAnswer`."""
        parts = urlsplit(url)
        host, tls = parts.hostname or "", parts.scheme == "https"
        port = parts.port or _PORTS[parts.scheme]
        headers = {
            "Accept": "application/json, text/calendar, */*;q=0.1",
            # So that a small answer cannot become a large one.
            "Accept-Encoding": "identity",
            "Connection": "close",
            "User-Agent": "lockstep",
        }
        if body is not None:
            headers["Content-Type"] = "application/json"
        if secret is not None:
            headers["Authorization"] = f"Bearer {self._secret(secret, host, tls=tls)}"
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        context = (self.context or ssl.create_default_context()) if tls else None
        connection = _Pinned(host, port, self._address(host, port), self.limit, context)
        return connection.answer(method, target, body, headers)

    def _secret(self, name: str, host: str, *, tls: bool) -> str:
        wanted, secret = self.secrets.get(name, ("", ""))
        if not secret:
            raise NoAnswer(
                f"was not asked: the server's settings have no secret `{name}`; add it to "
                "`LOCKSTEP_GATE_SECRETS`"
            )
        if wanted != host.casefold() or not tls:
            raise NoAnswer(f"was not asked: the secret `{name}` is for {wanted} by https")
        return secret

    def _address(self, host: str, port: int) -> tuple[Any, ...]:
        """Return the address to connect to; all that a host resolves to must be allowed."""
        try:
            found = self.resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise NoAnswer("has no address: its name does not resolve") from error
        for *_, address in found:
            if not self.reach.allows(host, str(address[0])):
                why = (
                    "at an address that is not public"
                    if self.reach.names(host)
                    else "and is not among the hosts that it names"
                )
                raise NoAnswer(
                    f"is not where the server's settings let gates ask ({why}); whoever runs "
                    "Lockstep may add it to `LOCKSTEP_ALLOWED_ADDRESSES`"
                )
        if not found:
            raise NoAnswer("has no address: its name does not resolve")
        return tuple(found[0])


class _Pinned(http.client.HTTPConnection):
    """A connection to one address, whatever the name means a moment later; ends in time."""

    def __init__(
        self,
        host: str,
        port: int,
        address: tuple[Any, ...],
        limit: float,
        context: ssl.SSLContext | None,
    ) -> None:
        super().__init__(host, port, timeout=limit)
        self.default_port = _PORTS["https" if context else "http"]  # what Host need not say
        self._address, self._limit, self._tls = address, limit, context
        self._late = threading.Event()
        # Ours, since a connection that is to be closed gives its socket away to the answer.
        self._socket: socket.socket | None = None

    def connect(self) -> None:
        family, kind, protocol, _, address = self._address
        self.sock = self._socket = socket.socket(family, kind, protocol)
        self.sock.settimeout(self._limit)
        self.sock.connect(address)
        if self._tls is not None:
            wrapped = self._tls.wrap_socket(
                self.sock, server_hostname=self.host, do_handshake_on_connect=False
            )
            self.sock = self._socket = wrapped
            wrapped.do_handshake()

    def answer(
        self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]
    ) -> bytes:
        """Return the body of the answer; raises `NoAnswer`, at the limit at the latest."""
        # A time-out of the socket is for each read: whoever drips would take for ever.
        timer = threading.Timer(self._limit, self._end)
        timer.daemon = True
        timer.start()
        try:
            self.request(method, target, body, dict(headers))
            with self.getresponse() as response:
                return self._read(response)
        except NoAnswer:
            raise
        except TimeoutError as error:
            raise NoAnswer(self._slow()) from error
        except ssl.SSLCertVerificationError as error:
            raise NoAnswer(
                f"has a certificate that is not valid: {error.verify_message}"
            ) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NoAnswer(self._slow() if self._late.is_set() else _broken(error)) from error
        finally:
            timer.cancel()
            self.close()
            if self._socket is not None:
                self._socket.close()

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        if 300 <= response.status < 400:
            raise NoAnswer(f"answers {response.status}, a redirect, which is not followed")
        if not 200 <= response.status < 300:
            raise NoAnswer(f"answers {response.status}")
        if response.getheader("Content-Encoding", "identity").strip().lower() != "identity":
            raise NoAnswer("answers in an encoding that it was not asked for")
        data = response.read(LARGEST + 1)
        if self._late.is_set():
            raise NoAnswer(self._slow())
        if len(data) > LARGEST:
            raise NoAnswer("answers with more than 1 MiB")
        length = response.getheader("Content-Length")
        if length is not None and length.isdecimal() and len(data) < int(length):
            raise NoAnswer("broke off in the middle of its answer")
        return data

    def _end(self) -> None:
        self._late.set()
        if self._socket is not None:
            with suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _slow(self) -> str:
        return f"did not answer within {self._limit:g} seconds"


def _broken(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "refuses connections"
    if isinstance(error, ssl.SSLError):
        return "does not speak TLS as it should"
    if isinstance(error, OSError):
        return "cannot be reached"
    return "answers what is no HTTP"
