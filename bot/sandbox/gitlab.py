"""GitLab's REST dialect: who asks, which project, and the answers in GitLab's words."""

import json
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from bot.sandbox.access import Actor, BadCredentials, Expired, Revoked, identify, of_secret
from bot.sandbox.access import role as role_of
from bot.sandbox.api import Call, Found, digest
from bot.sandbox.errors import Conflict, Denied, Invalid, Missing, NotMergeable, Refusal
from bot.sandbox.git import GitError
from bot.sandbox.gitlab_ask import Ask, Problem
from bot.sandbox.gitlab_shapes_mr import GitLabShapes
from bot.sandbox.groups import find_path
from bot.sandbox.limits import Budget, Exceeded
from bot.sandbox.records import Repository, at_least
from bot.sandbox.routing import Answer, BadJson, Route, Unauthenticated, match, parsed
from bot.sandbox.world import World

_STATUS: Mapping[type[Exception], int] = {
    Missing: 404,
    Denied: 403,
    Conflict: 409,
    NotMergeable: 405,
    Invalid: 400,
    Unauthenticated: 401,
}
# What a token of each scope may be used for; a route asks for one of the first two.
_ENOUGH = {
    "read_api": ("api", "read_api"),
    "api": ("api",),
    "read_user": ("api", "read_api", "read_user"),
    "read_repository": ("api", "read_api", "read_repository"),
    "any": (),
}
_DESCRIPTIONS: Mapping[type[BadCredentials], str] = {
    Expired: "Token is expired. You can either do re-authorization or token refresh.",
    Revoked: "Token was revoked. You have to re-authorize from the user.",
}


class GitLab:
    """The dialect as functions from a call to an answer; it keeps no state of its own."""

    prefix = "/api/v4"
    media = "application/json"
    raw_media = "text/plain; charset=utf-8"
    forgiving = False

    def __init__(self, world: World, shapes: GitLabShapes, routes: Iterable[Route[Ask]]) -> None:
        self._world = world
        self._shapes = shapes
        self._routes = list(routes)

    def match(self, method: str, raw_path: str) -> tuple[Route[Ask], Mapping[str, str]] | None:
        """Return the route of a call and what its path holds, unquoted; or None."""
        # Who asks for the headers alone gets those of the whole.
        return match(self._routes, "GET" if method == "HEAD" else method, raw_path)

    def identify(self, call: Call) -> Actor:
        """Return who a token speaks for, however it is shown; raises BadCredentials."""
        shown = call.headers.get("PRIVATE-TOKEN") or call.query.get("private_token")
        shown = shown or call.headers.get("JOB-TOKEN")
        if shown:
            return of_secret(self._world, shown)
        return identify(self._world, call.headers.get("Authorization"))

    def refuse(self, error: BadCredentials) -> Answer:
        """Answer somebody whose credentials open nothing."""
        why = _DESCRIPTIONS.get(type(error))
        if why is None:
            return Answer({"message": "401 Unauthorized"}, 401)
        said = f'Bearer realm="Protected by OAuth 2.0", error="invalid_token", description="{why}"'
        body = {"error": "invalid_token", "error_description": why}
        return Answer(body, 401, {"WWW-Authenticate": said})

    def uncounted(self, call: Call, budget: Budget) -> Answer | None:
        """Count every call."""
        del call, budget
        return None

    def answer(self, found: Found, call: Call, actor: Actor) -> Answer:
        """Answer one call; what it changed is kept only if it succeeded."""
        if found is None:
            return Answer({"error": "404 Not Found"}, 404)
        route, params = found
        try:
            fields = _fields(call)
            with self._world.store.transaction():
                ask = Ask(self._world, self._shapes, actor, call.url, params, fields)
                return self._checked(route, ask)
        except Problem as problem:
            return Answer(problem.body, problem.status)
        except (Refusal, Unauthenticated) as error:
            return Answer({"message": str(error)}, _STATUS[type(error)])
        except BadJson as error:
            return Answer({"error": str(error)}, 400)
        except GitError as error:
            return Answer({"message": f"400 Bad request - {error}"}, 400)

    def _checked(self, route: Route[Ask], ask: Ask) -> Answer:
        enough = _ENOUGH[route.needs]
        if enough and ask.actor.out_of_scope(enough):
            return Answer(
                {
                    "error": "insufficient_scope",
                    "error_description": (
                        "The request requires higher privileges than provided by the access token."
                    ),
                    "scope": " ".join(enough),
                },
                403,
            )
        if route.path.startswith("/projects/{id}"):
            moved = self._project(route, ask)
            if isinstance(moved, Answer):
                return moved
            ask = moved
            if not at_least(ask.role, route.role):
                _ = ask.who
                raise Denied("403 Forbidden")
            if route.method != "GET" and route.role != "guest":
                ask.require(route.role)
        if route.method != "GET":
            _ = ask.who
            if ask.found is not None and ask.repo.archived and "archive" not in route.path:
                raise Denied("403 Forbidden")
        return route.handle(ask)

    def _project(self, route: Route[Ask], ask: Ask) -> Ask | Answer:
        name = ask.params["id"]
        repo = (
            self._world.store.get(Repository, int(name))
            if name.isascii() and name.isdigit()
            else find_path(self._world, name)
        )
        if repo is None or not at_least(role_of(self._world, ask.actor, repo), "guest"):
            raise Missing("404 Project Not Found")
        if "/" in name and self._world.full_name(repo).lower() != name.lower():
            # What moved is found by its id from then on; nothing is written by an old path.
            if route.method != "GET":
                raise Problem(405, "Non GET methods are not allowed for moved projects")
            start = f"{self._shapes.api}/projects/"
            rest = ask.url[len(start) :].partition("/")[2]
            place = f"{start}{repo.id}{f'/{rest}' if rest else ''}"
            said = f"This resource has been moved temporarily to {place}"
            return Answer(said.encode(), 302, {"Location": place})
        return ask.within(repo)

    def too_many(self, actor: Actor, exceeded: Exceeded) -> Answer:
        """Answer a call that passed a limit."""
        del actor
        return Answer(b"Retry later\n", 429, {"Retry-After": str(exceeded.retry_after)})

    def headers(self, budget: Budget) -> dict[str, str]:
        """Return the headers that every answer has."""
        reset = datetime.fromtimestamp(budget.reset, UTC)
        return {
            "X-Request-Id": uuid.uuid4().hex.upper(),
            "X-Gitlab-Meta": json.dumps({"correlation_id": uuid.uuid4().hex, "version": "1"}),
            "RateLimit-Limit": str(budget.limit),
            "RateLimit-Name": "throttle_authenticated_api",
            "RateLimit-Observed": str(budget.used),
            "RateLimit-Remaining": str(budget.remaining),
            "RateLimit-Reset": str(budget.reset),
            "RateLimit-ResetTime": reset.strftime("%a, %d %b %Y %H:%M:%S GMT"),
            "X-Lockstep-Sandbox": "a development tool, not GitLab",
        }

    def fresh(self, content: bytes) -> dict[str, str]:
        """Return the caching headers of an answer."""
        return {"ETag": digest(content), "Cache-Control": "max-age=0, private, must-revalidate"}


def _fields(call: Call) -> Mapping[str, Any]:
    """Return the parameters of query and body, JSON or a form; `name[]` is a list."""
    pairs = [(name, value) for name, value in call.pairs if name != "private_token"]
    given: dict[str, Any] = {}
    kind = call.headers.get("Content-Type", "")
    if kind.startswith("application/x-www-form-urlencoded"):
        try:
            pairs += parse_qsl(call.content.decode(), keep_blank_values=True)
        except ValueError as error:
            raise BadJson("The form is no text") from error
    else:
        body = parsed(call.content)
        if body is not None and not isinstance(body, dict):
            raise BadJson("The body should be a JSON object")
        given = body or {}
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name.endswith("[]"):
            found.setdefault(name[:-2], []).append(value)
        else:
            found[name] = value
    return {**found, **given}
