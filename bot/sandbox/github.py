"""GitHub's REST dialect: find the route, check who asks, answer in GitHub's words."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bot.sandbox.access import Actor, BadCredentials, identify, reaches, role
from bot.sandbox.api import Call, Found, digest
from bot.sandbox.ask import Ask, denied
from bot.sandbox.errors import Conflict, Denied, Invalid, Missing, NotMergeable, Refusal
from bot.sandbox.git import GitError
from bot.sandbox.limits import Budget, Exceeded
from bot.sandbox.records import at_least
from bot.sandbox.routing import Answer, BadJson, Route, Unauthenticated, match, parsed
from bot.sandbox.shapes_github import GitHubShapes
from bot.sandbox.world import World

DOCUMENTATION = "https://docs.github.com/rest"
_STATUS: Mapping[type[Exception], int] = {
    Missing: 404,
    Denied: 403,
    Conflict: 409,
    NotMergeable: 405,
    Invalid: 422,
    Unauthenticated: 401,
}


def problem(status: int, message: str, errors: Sequence[Mapping[str, str] | str] = ()) -> Answer:
    """Return an error as GitHub words one."""
    body: dict[str, Any] = {"message": message, "documentation_url": DOCUMENTATION}
    body["status"] = str(status)
    if errors:
        body["errors"] = [error if isinstance(error, str) else dict(error) for error in errors]
    return Answer(body, status)


class GitHub:
    """The dialect as functions from a call to an answer; it keeps no state of its own."""

    prefix = "/api/v3"
    media = "application/json; charset=utf-8"
    raw_media = "application/vnd.github.raw; charset=utf-8"
    forgiving = True

    def __init__(self, world: World, shapes: GitHubShapes, routes: Iterable[Route[Ask]]) -> None:
        self._world = world
        self._shapes = shapes
        self._routes = list(routes)

    def match(self, method: str, raw_path: str) -> tuple[Route[Ask], Mapping[str, str]] | None:
        """Return the route of a call and what its path holds, unquoted; or None."""
        return match(self._routes, method, raw_path)

    def identify(self, call: Call) -> Actor:
        """Return who an Authorization header speaks for; raises BadCredentials."""
        return identify(self._world, call.headers.get("Authorization"))

    def refuse(self, error: BadCredentials) -> Answer:
        """Answer somebody whose credentials open nothing."""
        return problem(401, str(error))

    def uncounted(self, call: Call, budget: Budget) -> Answer | None:
        """Answer what is left of the limit, which costs nothing to ask."""
        if (call.method, call.path) != ("GET", "/rate_limit"):
            return None
        core = {
            "limit": budget.limit,
            "used": budget.used,
            "remaining": budget.remaining,
            "reset": budget.reset,
        }
        search = core | {"limit": 30, "used": 0, "remaining": 30}
        return Answer({"resources": {"core": core, "search": search}, "rate": core})

    def answer(self, found: Found, call: Call, actor: Actor) -> Answer:
        """Answer one call; what it changed is kept only if it succeeded."""
        if found is None:
            return problem(404, "Not Found")
        route, params = found
        try:
            body = parsed(call.content)
            with self._world.store.transaction():
                ask = Ask(
                    self._world,
                    self._shapes,
                    actor,
                    call.url,
                    params,
                    call.query,
                    body,
                    call.headers.get("Accept", ""),
                )
                return self._checked(route, ask)
        except Invalid as error:
            return problem(422, str(error), error.errors)
        except (Refusal, Unauthenticated) as error:
            return problem(_STATUS[type(error)], str(error))
        except BadJson as error:
            return problem(400, str(error))
        except GitError as error:
            return problem(422, str(error))

    def too_many(self, actor: Actor, exceeded: Exceeded) -> Answer:
        """Answer a call that passed a limit."""
        if exceeded.secondary:
            said = (
                "You have exceeded a secondary rate limit."
                " Please wait a few minutes before you try again."
            )
        else:
            who = actor.account.login if actor.account else actor.key
            said = f"API rate limit exceeded for {who}."
        answer = problem(exceeded.status, said)
        # A used-up hour says when by its reset header; the secondary limit by Retry-After.
        late = exceeded.secondary or exceeded.status == 429
        return Answer(
            answer.body, answer.status, {"Retry-After": str(exceeded.retry_after)} if late else {}
        )

    def headers(self, budget: Budget) -> dict[str, str]:
        """Return the headers that every answer has."""
        return {
            "X-GitHub-Request-Id": uuid.uuid4().hex.upper(),
            "X-GitHub-Media-Type": "github.v3; format=json",
            "X-RateLimit-Limit": str(budget.limit),
            "X-RateLimit-Remaining": str(budget.remaining),
            "X-RateLimit-Used": str(budget.used),
            "X-RateLimit-Reset": str(budget.reset),
            "X-RateLimit-Resource": "core",
            "X-Lockstep-Sandbox": "a development tool, not GitHub",
        }

    def fresh(self, content: bytes) -> dict[str, str]:
        """Return the caching headers of an answer."""
        return {"ETag": digest(content), "Cache-Control": "private, max-age=60, s-maxage=60"}

    def _checked(self, route: Route[Ask], ask: Ask) -> Answer:
        if ask.actor.app and not ask.actor.account and not route.needs.startswith("app="):
            raise Unauthenticated("A JSON web token can only be used for the App's own routes")
        if route.needs.startswith("app="):
            # An installation's token speaks for its App's account, but is not the App.
            if ask.actor.app is None or ask.actor.account is not None:
                raise Unauthenticated("A JSON web token could not be decoded")
            return route.handle(ask)
        if "owner" in ask.params:
            moved = self._repository(ask)
            if isinstance(moved, Answer):
                return moved
            ask = moved
            if not at_least(ask.role, route.role):
                _ = ask.who
                raise denied(ask.actor)
        lacking = ask.actor.missing(route.needs)
        if lacking:
            body = problem(403, str(denied(ask.actor))).body
            return Answer(body, 403, {"X-Accepted-GitHub-Permissions": lacking})
        if route.method != "GET":
            _ = ask.who
            if (
                ask.found is not None
                and ask.repo.archived
                and route.path != "/repos/{owner}/{repo}"
            ):
                raise Denied("Repository was archived so is read-only.")
        return route.handle(ask)

    def _repository(self, ask: Ask) -> Ask | Answer:
        owner, name = ask.params["owner"], ask.params["repo"]
        repo = self._world.find_repository(owner, name)
        if repo is None or not at_least(role(self._world, ask.actor, repo), "read"):
            raise Missing("Not Found")
        if not reaches(ask.actor, repo):
            raise Missing("Not Found")
        if repo.name.lower() != name.lower():
            # GitHub answers an old name by the place of the repository's id.
            rest = ask.url.split(f"/{name}", 1)[1]
            place = f"{self._shapes.api}/repositories/{repo.id}{rest}"
            moved = problem(301, "Moved Permanently").body | {"url": place}
            return Answer(moved, 301, {"Location": place})
        return Ask(
            ask.world,
            ask.shapes,
            ask.actor,
            ask.url,
            ask.params,
            ask.query,
            ask.body,
            ask.accept,
            repo,
        )
