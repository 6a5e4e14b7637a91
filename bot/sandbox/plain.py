"""A plain git server on loopback: bare repositories behind `git http-backend`, people, hooks.

No forge: it knows who pushes by their password, tells git's hooks by REMOTE_USER, and nothing
else. Whoever pushes must be known; anybody may read.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from pathlib import Path

from aiohttp import web

from bot.sandbox.git import Git
from bot.sandbox.transport import backend, spool, wants_write

LOOPBACK = "127.0.0.1"
_SERVICES = {"/info/refs", "/git-upload-pack", "/git-receive-pack"}
_LARGEST_BODY = 64 << 20
_REALM = {"WWW-Authenticate": 'Basic realm="git"'}


class PlainServer:
    """A running server; `people` are passwords by login, and `root` holds the repositories."""

    def __init__(self, root: Path, people: Mapping[str, str]) -> None:
        self._root, self._people = root, people
        self._repositories: set[str] = set()
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self, port: int = 0) -> None:
        """Listen. Raises `OSError` where the port is taken."""
        application = web.Application(client_max_size=_LARGEST_BODY)
        application.router.add_route("*", "/{name:.+}.git{service:/.*}", self._handle)
        self._runner = web.AppRunner(application, access_log=None, handle_signals=False)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, port).start()
        self.url = f"http://{LOOPBACK}:{self._runner.addresses[0][1]}"

    async def close(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()

    def add_repository(self, name: str, hooks: Mapping[str, str] | None = None) -> Path:
        """Make an empty repository with hooks, by their names; return where it is."""
        path = self._root / f"{name}.git"
        git = Git(path)
        git.create("main")
        # What the sandbox's forges do without; here hooks are all there is.
        git.run("config", "--unset", "core.hooksPath")
        for hook, script in (hooks or {}).items():
            file = path / "hooks" / hook
            file.parent.mkdir(exist_ok=True)
            file.write_text(script)
            file.chmod(0o755)
        self._repositories.add(name)
        return path

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        name, service = request.match_info["name"], request.match_info["service"]
        if name not in self._repositories or service not in _SERVICES:
            raise web.HTTPNotFound(text="there is no such repository\n")
        user = self._user(request.headers.get("Authorization", ""))
        if user is None and wants_write(service, request.query):
            raise web.HTTPUnauthorized(text="who are you?\n", headers=_REALM)
        body = await spool(request)
        try:
            # Nobody's word about themselves reaches git but what is known here.
            return await backend(request, self._root / f"{name}.git", service, user, {}, body)
        finally:
            body.close()

    def _user(self, header: str) -> str | None:
        """Return whose password was shown, None for nobody's. Raises for a wrong one."""
        if not header:
            return None
        scheme, _, value = header.partition(" ")
        try:
            login, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            scheme, login, password = "", "", ""
        known = self._people.get(login, "")
        right = known and hmac.compare_digest(known.encode(), password.encode())
        if scheme.lower() != "basic" or not right:
            raise web.HTTPUnauthorized(text="that is nobody's password\n", headers=_REALM)
        return login
