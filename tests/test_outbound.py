"""What a gate may ask for, and what becomes of an answer that is none."""

import datetime as dt
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bot.outbound import LARGEST, NoAnswer, Outbound
from config.reach import Reach, reach
from tests.service import Service, service

HERE = reach("127.0.0.0/8")
ALLOWED = Outbound(HERE, limit=2)


def why(url: str, outbound: Outbound = ALLOWED, **how: Any) -> str:
    with pytest.raises(NoAnswer) as error:
        outbound.fetch(url, **how)
    return str(error.value)


def test_an_answer_is_its_body_and_the_question_says_who_asks() -> None:
    with service(body=b'{"a": 1}') as here:
        assert ALLOWED.fetch(f"{here.url}/x?y=1", method="POST", body=b"{}") == b'{"a": 1}'

    (method, path, headers, body) = here.asked[0]
    assert (method, path, body) == ("POST", "/x?y=1", b"{}")
    assert headers["User-Agent"] == "lockstep"
    assert headers["Host"] == here.url.removeprefix("http://")
    assert headers["Accept-Encoding"] == "identity"
    assert "Authorization" not in headers


@pytest.mark.parametrize("allowed", [Reach(), reach("127.0.0.1.example.com"), reach("10.0.0.0/8")])
def test_what_the_server_does_not_allow_is_not_asked(allowed: Reach) -> None:
    with service() as here:
        said = why(here.url, Outbound(allowed))

    assert "is not where the server's settings let gates ask" in said
    assert here.asked == []


def test_a_name_that_leads_to_this_machine_is_not_asked() -> None:
    names = reach("*.example.com")

    def resolve(host: str, port: int) -> list[tuple[Any, ...]]:
        del host
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    with service() as here:
        port = here.url.rsplit(":", 1)[1]
        said = why(f"http://x.example.com:{port}", Outbound(names, resolve=resolve))

    assert "at an address that is not public" in said
    assert here.asked == []


def test_of_several_addresses_all_must_be_allowed() -> None:
    def resolve(host: str, port: int) -> list[tuple[Any, ...]]:
        del host
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in ("127.0.0.1", "169.254.169.254")
        ]

    assert "settings let gates ask" in why("http://x/", Outbound(HERE, resolve=resolve))


def test_a_name_is_resolved_once_so_that_it_cannot_lead_elsewhere_later() -> None:
    asked = []

    def resolve(host: str, port: int) -> list[tuple[Any, ...]]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    with service() as here:
        port = here.url.rsplit(":", 1)[1]
        Outbound(HERE, resolve=resolve).fetch(f"http://rebound.example:{port}/")

    assert asked == ["rebound.example"]
    assert here.asked[0][2]["Host"] == f"rebound.example:{port}"


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with service() as here:
        assert ALLOWED.fetch(here.url) == b"{}"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            {"status": 302, "headers": {"Location": "http://127.0.0.1:1/"}},
            "answers 302, a redirect",
        ),
        ({"status": 500}, "answers 500"),
        ({"status": 204, "headers": {"Content-Encoding": "gzip"}}, "in an encoding that"),
        ({"body": b"x" * (LARGEST + 1)}, "answers with more than 1 MiB"),
    ],
)
def test_what_is_no_plain_answer_is_none(said: dict[str, Any], expected: str) -> None:
    with service(**said) as here:
        assert expected in why(here.url)

    assert len(here.asked) == 1


def drip(handler: Any, more: bytes = b"") -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n" + more + b"\r\n")
    for _ in range(1000):
        try:
            handler.wfile.write(b"x")
            handler.wfile.flush()
        except OSError:
            return
        time.sleep(0.02)


def drip_and_close(handler: Any) -> None:
    drip(handler, b"Connection: close\r\n")


def hang(handler: Any) -> None:
    time.sleep(3)
    handler.close_connection = True


def headers_for_ever(handler: Any) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(1000):
        try:
            handler.wfile.write(f"X-{number}: {'y' * 2000}\r\n".encode())
        except OSError:
            return


def nonsense(handler: Any) -> None:
    handler.wfile.write(b"\0\1\2 what\r\n\r\n")
    handler.close_connection = True


def broken_off(handler: Any) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")
    handler.close_connection = True


def closed(handler: Any) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (drip_and_close, "did not answer within 0.5 seconds"),
        (drip, "did not answer within 0.5 seconds"),
        (hang, "did not answer within 0.5 seconds"),
        (headers_for_ever, "answers what is no HTTP"),
        (nonsense, "answers what is no HTTP"),
        (broken_off, "broke off in the middle of its answer"),
        (closed, "cannot be reached"),
    ],
)
def test_a_service_that_misbehaves_is_left_in_time(act: Any, expected: str) -> None:
    with service(act=act) as here:
        assert why(here.url, Outbound(HERE, limit=0.5)) == expected


def test_a_port_where_nobody_listens_refuses() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]

    assert why(f"http://127.0.0.1:{port}") == "refuses connections"


def test_a_name_that_does_not_resolve_is_said() -> None:
    def resolve(host: str, port: int) -> list[tuple[Any, ...]]:
        raise socket.gaierror(host, port)

    outbound = Outbound(HERE, resolve=resolve)
    assert why("http://nowhere.invalid", outbound) == "has no address: its name does not resolve"


@pytest.fixture
def certified(tmp_path: Path) -> Iterator[tuple[Service, ssl.SSLContext]]:
    """Run a service with a certificate for `api.example.com`; the context trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "api.example.com")])
    now = dt.datetime.now(dt.UTC)  # noqa: TID251 - a certificate of today
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("api.example.com")]), False)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "both.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(pem)
    with service(tls=server_side) as here:
        yield here, ssl.create_default_context(cafile=str(pem))


def to_loopback(host: str, port: int) -> list[tuple[Any, ...]]:
    del host
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


def test_a_secret_goes_by_https_to_its_own_host_alone(
    certified: tuple[Service, ssl.SSLContext],
) -> None:
    here, context = certified
    secrets = {"capacity": ("api.example.com", "s3cr3t")}
    outbound = Outbound(HERE, secrets, 2, to_loopback, context)
    port = here.url.rsplit(":", 1)[1]

    assert outbound.fetch(f"https://api.example.com:{port}/", secret="capacity") == b"{}"
    assert here.asked[0][2]["Authorization"] == "Bearer s3cr3t"
    assert "certificate that is not valid" in why(f"https://evil.example:{port}", outbound)

    for url in (f"https://evil.example:{port}", f"http://api.example.com:{port}"):
        said = why(url, outbound, secret="capacity")
        assert said == "was not asked: the secret `capacity` is for api.example.com by https"
    assert "have no secret `other`" in why(here.url, outbound, secret="other")
    assert len(here.asked) == 1
    assert "s3cr3t" not in repr(outbound)


def test_a_certificate_that_nobody_vouches_for_is_refused(
    certified: tuple[Service, ssl.SSLContext],
) -> None:
    here, _ = certified
    port = here.url.rsplit(":", 1)[1]

    said = why(f"https://api.example.com:{port}/", Outbound(HERE, {}, 2, to_loopback))

    assert said.startswith("has a certificate that is not valid: self-signed certificate")
