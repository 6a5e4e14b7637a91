"""Clones and pushes over HTTP: who may, what protection forbids, what a push has moved."""

from aiohttp import web

from bot.sandbox.access import Actor, BadCredentials, identify, role
from bot.sandbox.faults import Faults, suffer
from bot.sandbox.git import ZERO
from bot.sandbox.groups import find_path
from bot.sandbox.merge import may_land
from bot.sandbox.protection import NO_DELETE, may_force, rules
from bot.sandbox.pushing import announce
from bot.sandbox.records import Repository, at_least
from bot.sandbox.thread import StoreThread
from bot.sandbox.transport import (
    Push,
    allowed_config,
    backend,
    declined,
    read_push,
    spool,
    wants_write,
)
from bot.sandbox.world import World

_READ_SCOPES = ("api", "read_api", "read_repository", "write_repository")
_WRITE_SCOPES = ("api", "write_repository")
_SERVICES = {"/info/refs", "/git-upload-pack", "/git-receive-pack"}


class GitHttp:
    """Answers what comes in under `/OWNER/NAME.git/`, whose owner may be a group in a group."""

    def __init__(self, world: World, faults: Faults, thread: StoreThread) -> None:
        self._world = world
        self._faults = faults
        self._thread = thread
        self._ways = world.ways

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request of git's, or let it suffer its fault."""
        service = f"/{request.match_info['service']}"
        self._faults.count(
            request.method, f"/{{owner}}/{{repo}}.git{service}", request.rel_url.raw_path
        )
        fault = self._faults.take(request.method, request.path)
        if fault is not None:
            return await suffer(fault, request, self._answer, self._faults.gate)
        return await self._answer(request)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        service = f"/{request.match_info['service']}"
        if service not in _SERVICES:
            raise web.HTTPNotFound(text="the sandbox speaks smart HTTP only\n")
        full_name = request.match_info["path"]
        write = wants_write(service, request.query)
        header = request.headers.get("Authorization")
        try:
            actor, repo = await self._thread.call(
                lambda: self._admit(full_name, header, write=write)
            )
        except (BadCredentials, PermissionError) as error:
            challenge = {"WWW-Authenticate": f'Basic realm="{self._ways.realm}"'}
            return web.Response(status=401, text=f"{error}\n", headers=challenge)
        path = self._world.git(repo).path
        if service == "/git-receive-pack":
            return await self._push(request, repo, actor)
        user = actor.account.login if actor.account else None
        with await spool(request) as body:
            return await backend(request, path, service, user, {}, body)

    def _admit(
        self, full_name: str, header: str | None, *, write: bool
    ) -> tuple[Actor, Repository]:
        actor = identify(self._world, header)
        repo = find_path(self._world, full_name)
        held = role(self._world, actor, repo) if repo else "none"
        if repo is None or not at_least(held, "guest"):
            if actor.account is None:
                raise PermissionError("Authentication required")
            raise web.HTTPNotFound(text=f"{self._ways.missing}\n")
        if write and actor.account is None:
            raise PermissionError("Authentication required")
        level = "write" if write else "read"
        scopes = _WRITE_SCOPES if write else _READ_SCOPES
        if (
            not at_least(held, level)
            or actor.missing(f"contents={level}")
            or actor.out_of_scope(scopes)
        ):
            who = actor.account.login if actor.account else "you"
            words = self._ways.no_write if write else self._ways.no_read
            raise web.HTTPForbidden(text=f"{words.format(path=full_name, who=who)}\n")
        if write and repo.archived:
            raise web.HTTPForbidden(text=f"{self._ways.no_archive}\n")
        return actor, repo

    async def _push(
        self, request: web.Request, repo: Repository, actor: Actor
    ) -> web.StreamResponse:
        pusher = actor.account
        if pusher is None:
            raise web.HTTPForbidden
        with await spool(request) as body:
            try:
                push = read_push(body)
            except ValueError as error:
                raise web.HTTPBadRequest(text=f"this is no push: {error}\n") from error
            reasons = await self._thread.call(lambda: self._refused(repo, actor, push))
            kind = "application/x-git-receive-pack-result"
            if reasons:
                return web.Response(body=declined(push, reasons, self._ways), content_type=kind)
            config = await self._thread.call(lambda: self._config(repo, push))
            path = self._world.git(repo).path
            user = pusher.login
            answer = await backend(request, path, "/git-receive-pack", user, config, body)
        moved = [command.ref for command in push.commands]
        await self._thread.call(lambda: announce(self._world, repo, pusher, moved))
        return answer

    def _refused(self, repo: Repository, actor: Actor, push: Push) -> dict[str, str]:
        found: dict[str, str] = {}
        for command in push.commands:
            branch = command.ref.removeprefix("refs/heads/")
            why = None
            if command.new == ZERO:
                why = self._keeps(repo, branch)
            elif actor.account is not None and command.ref != branch:
                why = may_land(self._world, repo, actor.account, branch, command.new)
            if why is not None:
                found[command.ref] = why
        return found

    def _keeps(self, repo: Repository, branch: str) -> str | None:
        if branch == self._world.repository(repo.id).default_branch:
            return "refusing to delete the default branch"
        if rules(self._world, repo, branch):
            return NO_DELETE
        rule = self._world.protection(repo, branch)
        return "Cannot delete this branch" if rule and not rule.allow_deletions else None

    def _config(self, repo: Repository, push: Push) -> dict[str, str]:
        # Whether a push is forced is known only with its objects, so git itself is asked to
        # refuse: for all of the push, where one branch of it is protected.
        branches = [command.ref.removeprefix("refs/heads/") for command in push.commands]
        asked = [self._world.protection(repo, branch) for branch in branches]
        force = all(rule is None or rule.allow_force_pushes for rule in asked)
        return allowed_config(
            force=force and all(may_force(self._world, repo, branch) for branch in branches)
        )
