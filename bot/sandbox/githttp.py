"""Clones and pushes over HTTP: who may, what protection forbids, what a push has moved."""

from aiohttp import web

from bot.sandbox.access import Actor, BadCredentials, identify, role
from bot.sandbox.faults import Faults, suffer
from bot.sandbox.git import ZERO
from bot.sandbox.merge import may_land
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

_SERVICES = {"/info/refs", "/git-upload-pack", "/git-receive-pack"}


class GitHttp:
    """Answers what comes in under `/OWNER/NAME.git/`."""

    def __init__(self, world: World, faults: Faults, thread: StoreThread) -> None:
        self._world = world
        self._faults = faults
        self._thread = thread

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request of git's, or let it suffer its fault."""
        service = f"/{request.match_info['service']}"
        self._faults.calls[request.method, f"/{{owner}}/{{repo}}.git{service}"] += 1
        fault = self._faults.take(request.method, request.path)
        if fault is not None:
            return await suffer(fault, request, self._answer)
        return await self._answer(request)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        service = f"/{request.match_info['service']}"
        if service not in _SERVICES:
            raise web.HTTPNotFound(text="the sandbox speaks smart HTTP only\n")
        owner, name = request.match_info["owner"], request.match_info["name"]
        write = wants_write(service, request.query)
        header = request.headers.get("Authorization")
        try:
            actor, repo = await self._thread.call(
                lambda: self._admit(owner, name, header, write=write)
            )
        except (BadCredentials, PermissionError) as error:
            challenge = {"WWW-Authenticate": 'Basic realm="GitHub"'}
            return web.Response(status=401, text=f"{error}\n", headers=challenge)
        path = self._world.git(repo).path
        if service == "/git-receive-pack":
            return await self._push(request, repo, actor)
        user = actor.account.login if actor.account else None
        with await spool(request) as body:
            return await backend(request, path, service, user, {}, body)

    def _admit(
        self, owner: str, name: str, header: str | None, *, write: bool
    ) -> tuple[Actor, Repository]:
        actor = identify(self._world, header)
        repo = self._world.find_repository(owner, name)
        held = role(self._world, actor, repo) if repo else "none"
        if repo is None or not at_least(held, "read"):
            if actor.account is None:
                raise PermissionError("Authentication required")
            raise web.HTTPNotFound(text="Repository not found.\n")
        if write and actor.account is None:
            raise PermissionError("Authentication required")
        level = "write" if write else "read"
        if (write and not at_least(held, "write")) or actor.missing(f"contents={level}"):
            who = actor.account.login if actor.account else "you"
            said = f"Permission to {owner}/{name}.git denied to {who}.\n"
            raise web.HTTPForbidden(text=said)
        if write and repo.archived:
            raise web.HTTPForbidden(text="This repository was archived so it is read-only.\n")
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
                return web.Response(body=declined(push, reasons), content_type=kind)
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
        rule = self._world.protection(repo, branch)
        return "Cannot delete this branch" if rule and not rule.allow_deletions else None

    def _config(self, repo: Repository, push: Push) -> dict[str, str]:
        # Whether a push is forced is known only with its objects, so git itself is asked to
        # refuse: for all of the push, where one branch of it is protected.
        rules = [
            self._world.protection(repo, command.ref.removeprefix("refs/heads/"))
            for command in push.commands
        ]
        return allowed_config(force=all(rule is None or rule.allow_force_pushes for rule in rules))
