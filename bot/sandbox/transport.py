"""Git over smart HTTP: `git http-backend` behind a token, pushes noticed by what moved."""

import asyncio
import io
import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any

from aiohttp import web

from bot.sandbox.git import environment
from bot.sandbox.ways import Ways

_CHUNK = 1 << 16
_MOST_COMMANDS = 1 << 20


@dataclass(frozen=True, slots=True)
class Command:
    """One line of a push: a ref, where it stood, where it shall stand."""

    old: str
    new: str
    ref: str


@dataclass(frozen=True, slots=True)
class Push:
    """What a push asks for, read from the head of its body."""

    commands: tuple[Command, ...]
    capabilities: frozenset[str]


def read_push(body: IO[bytes]) -> Push:
    """Read a push's commands and go back to the start; raises ValueError."""
    commands: list[Command] = []
    capabilities: frozenset[str] = frozenset()
    while body.tell() < _MOST_COMMANDS:
        size = int(body.read(4) or b"0", 16)
        if size < 4:
            break
        line, _, extra = body.read(size - 4).partition(b"\0")
        if extra:
            capabilities = frozenset(extra.decode(errors="replace").split())
        if line.startswith((b"shallow ", b"push-cert")):
            continue
        old, new, ref = line.decode(errors="surrogateescape").rstrip("\n").split(" ", 2)
        commands.append(Command(old, new, ref))
    body.seek(0)
    return Push(tuple(commands), capabilities)


def declined(push: Push, reasons: Mapping[str, str], ways: Ways) -> bytes:
    """Return the answer that declines a push, with the reason of each ref."""
    lines = [b"unpack ok\n"]
    for command in push.commands:
        why = ways.hook if command.ref in reasons else "declined with others"
        lines.append(f"ng {command.ref} {why}\n".encode(errors="surrogateescape"))
    report = b"".join(_packet(line) for line in lines) + b"0000"
    if "side-band-64k" not in push.capabilities:
        return report
    said = "".join(ways.declined.format(ref=ref, why=why) for ref, why in reasons.items())
    return _packet(b"\x02" + said.encode(errors="replace")) + _packet(b"\x01" + report) + b"0000"


def _packet(content: bytes) -> bytes:
    return f"{len(content) + 4:04x}".encode() + content


def allowed_config(*, force: bool) -> dict[str, str]:
    """Return the variables that make git itself refuse to force a protected branch."""
    pairs = [
        ("receive.denyNonFastForwards", "false" if force else "true"),
        ("receive.denyDeleteCurrent", "ignore"),
    ]
    found = {"GIT_CONFIG_COUNT": str(len(pairs))}
    for at, (name, value) in enumerate(pairs):
        found |= {f"GIT_CONFIG_KEY_{at}": name, f"GIT_CONFIG_VALUE_{at}": value}
    return found


async def spool(request: web.Request) -> IO[bytes]:
    """Take a request's body to a temporary file, so that no slow client holds anything up."""
    # Unbuffered: git reads by the descriptor, whose place a buffer would have moved on.
    body: IO[bytes] = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - the caller closes it
    try:
        async for chunk in request.content.iter_chunked(_CHUNK):
            body.write(chunk)
    except BaseException:
        body.close()
        raise
    body.seek(0)
    return body


async def backend(
    request: web.Request,
    repository: os.PathLike[str],
    service_path: str,
    user: str | None,
    extra: Mapping[str, str],
    body: IO[bytes],
) -> web.StreamResponse:
    """Run git's own CGI for a request and answer with what it says.

    What is read is streamed. A push's answer is only prepared, for the caller to send: what was
    pushed is announced before its pusher hears of it.
    """
    env = environment(
        {
            "GIT_PROJECT_ROOT": str(repository),
            "PATH_INFO": service_path,
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": request.method,
            "QUERY_STRING": request.query_string,
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
            "REMOTE_ADDR": "127.0.0.1",
            **({"REMOTE_USER": user} if user else {}),
            **extra,
        }
    )
    return await _run(request, env, body, stream=service_path != "/git-receive-pack")


async def _run(
    request: web.Request, env: Mapping[str, str], body: IO[bytes], *, stream: bool
) -> web.StreamResponse:
    # In threads and not by asyncio's own subprocesses: those lose a child to any other
    # Popen of the process that happens to reap it first.
    process = await asyncio.to_thread(
        subprocess.Popen,
        ["git", "http-backend"],
        stdin=body,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=env,
    )
    output = process.stdout
    if output is None:
        raise RuntimeError("git's output was asked for by a pipe")
    try:
        head = await asyncio.to_thread(_read_head, output)
        status, headers = _cgi_head(head)
        if not stream:
            content = await asyncio.to_thread(output.read)
            return web.Response(status=status, headers=headers, body=content)
        response = web.StreamResponse(status=status, headers=headers)
        await response.prepare(request)
        while chunk := await asyncio.to_thread(_read_some, output):
            await response.write(chunk)
        await response.write_eof()
        return response
    finally:
        if process.poll() is None:
            process.kill()
        await asyncio.to_thread(process.wait)
        output.close()


def _read_head(output: IO[bytes]) -> bytes:
    head = b""
    while (line := output.readline()).strip():
        head += line
    return head


def _read_some(output: IO[bytes]) -> bytes:
    # As much as there is, so that progress is seen at once; the pipe's own buffer is no limit.
    return output.read1(_CHUNK) if isinstance(output, io.BufferedReader) else output.read(_CHUNK)


def _cgi_head(head: bytes) -> tuple[int, dict[str, str]]:
    headers: dict[str, str] = {}
    for line in head.decode(errors="replace").split("\r\n"):
        name, separator, value = line.partition(":")
        if separator:
            headers[name.strip()] = value.strip()
    status = headers.pop("Status", "200 OK" if headers else "500 no answer from git")
    return int(status.split()[0]), headers


def wants_write(service_path: str, query: Mapping[str, Any]) -> bool:
    """Say whether a request belongs to a push."""
    return service_path == "/git-receive-pack" or query.get("service") == "git-receive-pack"
