"""Start and stop the sandbox forge: one loopback address, one directory that holds all of it."""

import fcntl
import inspect
import json
import re
import secrets
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import IO, ParamSpec, TypeVar

from aiohttp import web
from aiohttp.typedefs import Handler

from bot.sandbox import (
    github_accounts,
    github_actions,
    github_checks,
    github_files,
    github_git,
    github_hooks,
    github_issues,
    github_pulls,
    github_repos,
    gitlab_accounts,
    gitlab_approvals,
    gitlab_branches,
    gitlab_commits,
    gitlab_discussions,
    gitlab_emoji,
    gitlab_files,
    gitlab_graphql,
    gitlab_history,
    gitlab_hooks,
    gitlab_issues,
    gitlab_label_events,
    gitlab_mr_lists,
    gitlab_mrs,
    gitlab_notes,
    gitlab_pipelines,
    gitlab_projects,
    gitlab_statuses,
    gitlab_tokens,
)
from bot.sandbox.api import Api, Dialect, Observe
from bot.sandbox.controls import Controls
from bot.sandbox.errors import Refusal
from bot.sandbox.faults import Faults
from bot.sandbox.githttp import GitHttp
from bot.sandbox.github import GitHub
from bot.sandbox.gitlab import GitLab
from bot.sandbox.gitlab_merging import merge_what_waited
from bot.sandbox.gitlab_payloads import GitLabWebhooks
from bot.sandbox.gitlab_shapes_mr import GitLabShapes
from bot.sandbox.hooks import Courier
from bot.sandbox.limits import Limits
from bot.sandbox.pages import Pages
from bot.sandbox.payloads import Webhooks
from bot.sandbox.pushing import catch_up
from bot.sandbox.shapes_github import GitHubShapes
from bot.sandbox.store import Store
from bot.sandbox.thread import StoreThread
from bot.sandbox.ways import WAYS, Ways
from bot.sandbox.world import World

P = ParamSpec("P")
T = TypeVar("T")
LOOPBACK = "127.0.0.1"
_LARGEST_BODY = 64 << 20
ROUTES = (
    *github_repos.ROUTES,
    *github_files.ROUTES,
    *github_git.ROUTES,
    *github_pulls.ROUTES,
    *github_issues.ROUTES,
    *github_checks.ROUTES,
    *github_actions.ROUTES,
    *github_hooks.ROUTES,
    *github_accounts.ROUTES,
    *github_files.LAST_ROUTES,
)
GITLAB_ROUTES = (
    *gitlab_accounts.ROUTES,
    *gitlab_projects.ROUTES,
    *gitlab_branches.ROUTES,
    *gitlab_statuses.ROUTES,
    *gitlab_files.ROUTES,
    *gitlab_issues.ROUTES,
    *gitlab_label_events.ROUTES,
    *gitlab_mr_lists.ROUTES,
    *gitlab_history.ROUTES,
    *gitlab_mrs.ROUTES,
    *gitlab_notes.ROUTES,
    *gitlab_approvals.ROUTES,
    *gitlab_emoji.ROUTES,
    *gitlab_pipelines.ROUTES,
    *gitlab_hooks.ROUTES,
    *gitlab_discussions.ROUTES,
    *gitlab_commits.ROUTES,
    *gitlab_tokens.ROUTES,
)


class Sandbox:
    """A running sandbox: its addresses, its control token and its controls.

    `call` runs one of `controls`' methods (or anything else on the store):
    `await sandbox.call(sandbox.controls.add_user, "alice")`.
    """

    def __init__(
        self,
        url: str,
        ways: Ways,
        control_token: str,
        controls: Controls,
        thread: StoreThread,
        courier: Courier,
        close: Callable[[], Awaitable[None]],
    ) -> None:
        self.url = url
        self.api_url = f"{url}{GitHub.prefix}"
        self.gitlab_api_url = f"{url}{GitLab.prefix}"
        self.ways = ways
        self.control_token = control_token
        self.controls = controls
        self._thread = thread
        self._courier = courier
        self._close = close

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function on the store's thread, wholly or not at all."""
        return await self._thread.call(function, *args, **kwargs)

    async def delivered(self) -> None:
        """Wait until every webhook that is not held has been sent."""
        await self._courier.idle()

    async def close(self) -> None:
        """Stop; everything stays under the root."""
        await self._close()


async def start(
    root: Path,
    port: int = 0,
    *,
    host: str = LOOPBACK,
    observe: Observe | None = None,
    forge: str = "github",
) -> Sandbox:
    """Start a sandbox on what `root` holds; port 0 takes a free one.

    It speaks both dialects whatever `forge` says, `github` or `gitlab`: that decides the nouns
    of its pages and how it goes about what a push does to pull requests.

    Raises ValueError for a host that is not loopback: whoever reaches the sandbox may act as
    anybody in it; RuntimeError where another sandbox runs on the root; OSError for a port that
    is taken.
    """
    if host != LOOPBACK:
        raise ValueError(f"the sandbox binds to {LOOPBACK} alone, not to {host!r}")
    root.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - nothing else runs yet
    lock = _lock(root)
    try:
        listener = _listen(port)
    except OSError:
        lock.close()
        raise
    store = Store(root / "sandbox.db")
    thread = StoreThread(store)
    world = World(root, store, WAYS[forge])
    faults, limits = Faults(), Limits(time.time)
    courier = Courier(store, faults, thread.call)
    thread.after = courier.wake
    controls = Controls(world, faults, limits, lambda held: courier.hold(held=held))
    token = _control_token(root)
    url = f"http://{LOOPBACK}:{listener.getsockname()[1]}"
    app = web.Application(client_max_size=_LARGEST_BODY, middlewares=[_guard])
    for dialect in _dialects(world, url):
        api = Api(dialect, faults, limits, thread, url, observe)
        app.router.add_route("*", dialect.prefix + "{rest:(?:/.*)?}", api.handle)
    git = GitHttp(world, faults, thread)
    app.router.add_route("*", r"/{path:.+?}.git/{service:.+}", git.handle)
    Pages(world, controls, thread).add_to(app.router)
    app.router.add_route("*", "/_sandbox/{name}", _control_handler(controls, thread, token))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await thread.call(lambda: _begin(world))
    await runner.setup()
    await web.SockSite(runner, listener).start()
    # What a kill left queued is sent first.
    courier.wake()

    async def close() -> None:
        await runner.cleanup()
        await courier.close()
        thread.close()
        store.close()
        lock.close()

    return Sandbox(url, world.ways, token, controls, thread, courier, close)


def _dialects(world: World, url: str) -> list[Dialect]:
    """Return how the world is asked, and let it tell what happens there in each of the ways."""
    shapes, gitlab_shapes = GitHubShapes(world, url), GitLabShapes(world, url)
    world.listeners += [
        Webhooks(world, shapes).listen,
        GitLabWebhooks(world, gitlab_shapes).listen,
        lambda event: merge_what_waited(world, event),
        lambda event: gitlab_history.keep(world, event),
        lambda event: gitlab_label_events.remember(world, event),
    ]
    return [
        GitHub(world, shapes, ROUTES),
        GitLab(world, gitlab_shapes, GITLAB_ROUTES),
        gitlab_graphql.GitLabQueries(world, gitlab_shapes, gitlab_graphql.ROUTES),
    ]


def _lock(root: Path) -> IO[bytes]:
    """Keep others off a root; the lock goes with the process, however that ends."""
    lock = (root / "lock").open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise RuntimeError(f"another sandbox runs on {root}: stop it or choose another") from error
    return lock


def _begin(world: World) -> None:
    world.forge()
    catch_up(world)


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
    except OSError as error:
        listener.close()
        said = f"port {port} on {LOOPBACK} cannot be used: choose another, or 0 for a free one"
        raise OSError(error.errno, said) from error
    return listener


def _control_token(root: Path) -> str:
    path = root / "control-token"
    if not path.exists():
        # Put in place whole: an empty token, left by a kill, would open the door to anybody.
        fresh = root / "control-token.new"
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(32))
        fresh.replace(path)
    return path.read_text()


@web.middleware
async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what comes by another name: a page elsewhere must not reach the sandbox."""
    name = request.host.partition(":")[0]
    if name not in {LOOPBACK, "localhost"}:
        raise web.HTTPForbidden(text="the sandbox answers on 127.0.0.1 only\n")
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"{request.scheme}://{request.host}":
        raise web.HTTPForbidden(text="the sandbox takes no requests from other sites\n")
    return await handler(request)


def _control_handler(controls: Controls, thread: StoreThread, token: str) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        given = request.headers.get("Authorization", "")
        if not secrets.compare_digest(given.encode(), f"Bearer {token}".encode()):
            said = "the control API wants `Authorization: Bearer` with the token in control-token"
            return web.json_response({"message": said}, status=401)
        name = request.match_info["name"]
        method = None if name.startswith("_") else getattr(controls, name, None)
        if method is None or request.method != "POST":
            said = f"there is no control {name}: POST to one of {', '.join(_names(controls))}"
            return web.json_response({"message": said}, status=404)
        try:
            arguments = json.loads(await request.read() or b"{}")
            inspect.signature(method).bind(**arguments)
            result = await thread.call(lambda: method(**arguments))
        except (TypeError, ValueError, re.error, Refusal) as error:
            return web.json_response({"message": f"{name}: {error}"}, status=400)
        return web.json_response({"result": result})

    return handle


def _names(controls: Controls) -> list[str]:
    return [name for name in dir(controls) if not name.startswith("_")]
