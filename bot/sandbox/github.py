"""GitHub's REST dialect: find the route, check who asks, answer in GitHub's words."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from bot.sandbox.access import Actor, reaches, role
from bot.sandbox.ask import Answer, Ask, Route, Unauthenticated, denied
from bot.sandbox.errors import Conflict, Denied, Invalid, Missing, NotMergeable, Refusal
from bot.sandbox.git import GitError
from bot.sandbox.records import at_least
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


class BadJson(Exception):
    """The body is no JSON; the message is GitHub's."""


def problem(status: int, message: str, errors: Sequence[Mapping[str, str] | str] = ()) -> Answer:
    """Return an error as GitHub words one."""
    body: dict[str, Any] = {"message": message, "documentation_url": DOCUMENTATION}
    body["status"] = str(status)
    if errors:
        body["errors"] = [error if isinstance(error, str) else dict(error) for error in errors]
    return Answer(body, status)


@lru_cache(maxsize=512)
def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"(\{[a-z_]+\+?\})", path)
    found = [
        f"(?P<{part[1:-2]}>.+)"
        if part.endswith("+}")
        else f"(?P<{part[1:-1]}>[^/]+)"
        if part.startswith("{")
        else re.escape(part)
        for part in parts
    ]
    return re.compile("".join(found))


class GitHub:
    """The dialect as a function from a call to an answer; it keeps no state of its own."""

    def __init__(self, world: World, shapes: GitHubShapes, routes: Iterable[Route]) -> None:
        self._world = world
        self._shapes = shapes
        self._routes = list(routes)

    def match(self, method: str, raw_path: str) -> tuple[Route, dict[str, str]] | None:
        """Return the route of a call and what its path holds, unquoted; or None."""
        for route in self._routes:
            if route.method != method:
                continue
            found = _pattern(route.path).fullmatch(raw_path)
            if found:
                params = {name: unquote(value) for name, value in found.groupdict().items()}
                numbers = [v for name, v in params.items() if name.endswith(("number", "_id"))]
                if all(value.isascii() and value.isdigit() for value in numbers):
                    return route, params
        return None

    def answer(
        self,
        route: Route,
        params: Mapping[str, str],
        *,
        actor: Actor,
        url: str,
        query: Mapping[str, str],
        content: bytes,
        accept: str = "",
    ) -> Answer:
        """Answer one call; what it changed is kept only if it succeeded."""
        try:
            body = _parsed(content)
            with self._world.store.transaction():
                ask = Ask(self._world, self._shapes, actor, url, params, query, body, accept)
                return self._checked(route, ask)
        except Invalid as error:
            return problem(422, str(error), error.errors)
        except (Refusal, Unauthenticated) as error:
            return problem(_STATUS[type(error)], str(error))
        except BadJson as error:
            return problem(400, str(error))
        except GitError as error:
            return problem(422, str(error))

    def _checked(self, route: Route, ask: Ask) -> Answer:
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


def _parsed(content: bytes) -> Any:
    if not content.strip():
        return None
    try:
        found = json.loads(content)
        # A lone surrogate is JSON but no text, and git would choke on it later.
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise BadJson("Problems parsing JSON") from error
    if _has_nul(found):
        raise BadJson("Problems parsing JSON: a text holds a NUL character")
    return found


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_has_nul(item) for pair in value.items() for item in pair)
    return isinstance(value, list) and any(_has_nul(item) for item in value)
