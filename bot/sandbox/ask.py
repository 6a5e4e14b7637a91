"""One call of GitHub's REST dialect: what was asked, by whom, and the answer to it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

from bot.sandbox.access import Actor, role
from bot.sandbox.errors import Denied, Invalid, Missing
from bot.sandbox.records import Account, Repository, at_least
from bot.sandbox.routing import Answer, Unauthenticated, natural
from bot.sandbox.shapes_github import GitHubShapes
from bot.sandbox.world import World

T = TypeVar("T")
_MOST = 100


@dataclass(frozen=True, slots=True)
class Ask:
    """One call, its path taken apart; `_repo` is set where the path names a repository."""

    world: World
    shapes: GitHubShapes
    actor: Actor
    url: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    body: Any
    accept: str = ""
    found: Repository | None = None

    @property
    def repo(self) -> Repository:
        """Return the repository that the path names, as it is now."""
        if self.found is None:
            raise Missing("Not Found")
        return self.world.repository(self.found.id)

    @property
    def who(self) -> Account:
        """Return the account that asks; nobody may not."""
        if self.actor.account is None:
            raise Unauthenticated("Requires authentication")
        return self.actor.account

    @property
    def app_id(self) -> int | None:
        """Return the App that asks through its installation, or None."""
        return self.actor.app.id if self.actor.app else None

    @property
    def role(self) -> str:
        """Return the asker's role in the repository."""
        return role(self.world, self.actor, self.repo)

    def number(self, name: str) -> int:
        """Return a number from the path."""
        return int(self.params[name])

    def require(self, needed: str) -> None:
        """Raise Denied below a role."""
        if not at_least(self.role, needed):
            raise denied(self.actor)

    def text(self, name: str) -> str:
        """Return a text that the body must have; raises Invalid."""
        value = self.fields().get(name)
        if not isinstance(value, str):
            raise Invalid(
                "Invalid request.\n\n"
                + (
                    f'"{name}" wasn\'t supplied.'
                    if value is None
                    else f"For '{name}', {value!r} is not a string."
                )
            )
        return value

    def optional(self, name: str) -> str | None:
        """Return a text that the body may have; raises Invalid."""
        return None if self.fields().get(name) is None else self.text(name)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a boolean of the body; raises Invalid."""
        value = self.fields().get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise Invalid(f"Invalid request.\n\nFor '{name}', {value!r} is not a boolean.")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts of the body, empty where it is not there; raises Invalid."""
        value = self.fields().get(name)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise Invalid(
                f"Invalid request.\n\nFor '{name}', {value!r} is not an array of strings."
            )
        return tuple(value)

    def fields(self) -> Mapping[str, Any]:
        """Return the body as an object; raises Invalid."""
        if self.body is None:
            return {}
        if not isinstance(self.body, dict):
            raise Invalid("Invalid request.\n\nBody should be a JSON object")
        return self.body

    def page(
        self,
        items: Sequence[T],
        shape: Callable[[T], Any],
        wrap: Callable[[list[Any]], Any] | None = None,
    ) -> Answer:
        """Answer one page of a list, with GitHub's Link header."""
        size = min(max(natural(self.query.get("per_page"), 30), 1), _MOST)
        page = max(natural(self.query.get("page"), 1), 1)
        last = max(1, math.ceil(len(items) / size))
        shown = [shape(item) for item in items[(page - 1) * size : page * size]]
        links: dict[str, int] = {}
        if page > 1:
            links |= {"prev": min(page - 1, last), "first": 1}
        if page < last:
            links |= {"next": page + 1, "last": last}
        rendered = ", ".join(
            f'<{self.url}?{urlencode({**self.query, "page": target})}>; rel="{name}"'
            for name, target in links.items()
        )
        body = wrap(shown) if wrap else shown
        return Answer(body, headers={"Link": rendered} if rendered else {})


def denied(actor: Actor) -> Denied:
    """Return GitHub's refusal in the words for this kind of token."""
    kind = "integration" if actor.installation else "personal access token"
    return Denied(f"Resource not accessible by {kind}")
