"""One call of GitLab's REST dialect: what was asked, by whom, and the answer to it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from urllib.parse import urlencode

from bot.sandbox.access import Actor, role
from bot.sandbox.errors import Denied, Missing
from bot.sandbox.gitlab_shapes_mr import GitLabShapes
from bot.sandbox.groups import membership
from bot.sandbox.records import Account, Repository, at_least
from bot.sandbox.routing import Answer, Route, Unauthenticated, natural
from bot.sandbox.world import World

T = TypeVar("T")
_MOST = 100
_COUNTED_UP_TO = 10_000
_TRUTH = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


class Problem(Exception):
    """An answer that is no success, in GitLab's words: a status, and a `message` or `error`."""

    def __init__(self, status: int, message: Any, *, key: str = "message") -> None:
        super().__init__(str(message))
        self.status = status
        self.body = {key: message}


def bad(error: str) -> Problem:
    """Return what GitLab says of a parameter: 400 and `error`."""
    return Problem(400, error, key="error")


@dataclass(frozen=True, slots=True)
class Ask:
    """One call, its path taken apart; `fields` are those of the query and the body alike."""

    world: World
    shapes: GitLabShapes
    actor: Actor
    url: str
    params: Mapping[str, str]
    fields: Mapping[str, Any]
    found: Repository | None = None

    @property
    def repo(self) -> Repository:
        """Return the project that the path names, as it is now."""
        if self.found is None:
            raise Missing("404 Project Not Found")
        return self.world.repository(self.found.id)

    @property
    def who(self) -> Account:
        """Return the account that asks; nobody may not."""
        if self.actor.account is None:
            raise Unauthenticated("401 Unauthorized")
        return self.actor.account

    @property
    def role(self) -> str:
        """Return the asker's role in the project."""
        return role(self.world, self.actor, self.repo)

    @property
    def held(self) -> str:
        """Return the role that the asker was given: what is public gives nobody one."""
        account = self.actor.account
        if account is None:
            return "none"
        return "admin" if account.instance_admin else membership(self.world, self.repo, account)

    def require(self, needed: str) -> None:
        """Raise Denied below a role that one must have been given."""
        if not at_least(self.held, needed):
            _ = self.who
            raise Denied("403 Forbidden")

    def within(self, repo: Repository) -> "Ask":
        """Return the same call for another project."""
        return replace(self, found=repo)

    def number(self, name: str) -> int:
        """Return a number from the path."""
        return int(self.params[name])

    def text(self, name: str) -> str:
        """Return a text that must be there; raises Problem."""
        value = self.optional(name)
        if value is None:
            raise bad(f"{name} is missing")
        if not value:
            raise bad(f"{name} is empty")
        return value

    def optional(self, name: str) -> str | None:
        """Return a text that may be there; raises Problem."""
        value = self.fields.get(name)
        if value is None:
            return None
        if isinstance(value, bool | int | float):
            return str(value).lower() if isinstance(value, bool) else str(value)
        if not isinstance(value, str):
            raise bad(f"{name} is invalid")
        return value

    def choice(self, name: str, among: Sequence[str], default: str) -> str:
        """Return one of a few words; raises Problem."""
        value = self.optional(name)
        if value is None:
            return default
        if value not in among:
            raise bad(f"{name} does not have a valid value")
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a boolean; raises Problem."""
        value = self.fields.get(name)
        if value is None:
            return default
        found = _TRUTH.get(str(value).lower())
        if found is None:
            raise bad(f"{name} is invalid")
        return found

    def whole(self, name: str) -> int | None:
        """Return a number that may be there; raises Problem."""
        value = self.optional(name)
        if value is None or not value:
            return None
        if not value.lstrip("-").isdigit():
            raise bad(f"{name} is invalid")
        return int(value)

    def texts(self, name: str) -> tuple[str, ...] | None:
        """Return a list that is written as one or with commas, None where it is not there."""
        value = self.fields.get(name)
        if value is None:
            return None
        parts = value if isinstance(value, list) else str(value).split(",")
        return tuple(dict.fromkeys(part for one in parts if (part := str(one).strip())))

    def page(self, items: Sequence[T], shape: Callable[[T], Any]) -> Answer:
        """Answer one page of a list, with GitLab's headers."""
        size = min(max(natural(self.optional("per_page"), 20), 1), _MOST)
        page = max(natural(self.optional("page"), 1), 1)
        last = max(1, math.ceil(len(items) / size))
        shown = [shape(item) for item in items[(page - 1) * size : page * size]]
        links = {"prev": page - 1} if page > 1 else {}
        links |= {"next": page + 1} if page < last else {}
        links |= {"first": 1, "last": last}
        headers = {
            "X-Page": str(page),
            "X-Per-Page": str(size),
            "X-Next-Page": str(page + 1) if page < last else "",
            "X-Prev-Page": str(page - 1) if page > 1 else "",
        }
        if len(items) <= _COUNTED_UP_TO:
            headers |= {"X-Total": str(len(items)), "X-Total-Pages": str(last)}
        else:
            # Nobody counts what is that long: GitLab's own limit.
            del links["last"]
        headers["Link"] = ", ".join(
            f'<{self._address(page=target, per_page=size)}>; rel="{name}"'
            for name, target in links.items()
        )
        return Answer(shown, headers=headers)

    def keyset(
        self, items: Sequence[T], key: Callable[[T], int], shape: Callable[[T], Any]
    ) -> Answer:
        """Answer one page by the id it goes on after, without any count."""
        size = min(max(natural(self.optional("per_page"), 20), 1), _MOST)
        falling = self.choice("sort", ("asc", "desc"), "desc") == "desc"
        ordered = sorted(items, key=key, reverse=falling)
        before, after = self.whole("id_before"), self.whole("id_after")
        if before is not None:
            ordered = [item for item in ordered if key(item) < before]
        if after is not None:
            ordered = [item for item in ordered if key(item) > after]
        shown = ordered[:size]
        headers: dict[str, str] = {}
        if len(ordered) > size:
            bound = {"id_before" if falling else "id_after": key(shown[-1]), "per_page": size}
            headers["Link"] = f'<{self._address(**bound)}>; rel="next"'
        return Answer([shape(item) for item in shown], headers=headers)

    def _address(self, **changed: int) -> str:
        simple = {n: v for n, v in self.fields.items() if isinstance(v, str | int | float)}
        return f"{self.url}?{urlencode({**simple, **changed})}"


def route(
    method: str,
    path: str,
    handle: Callable[[Ask], Answer],
    role: str = "guest",
    needs: str | None = None,
) -> Route[Ask]:
    """Return a route of GitLab's; a token needs `api`, or `read_api` to read."""
    return Route(method, path, handle, needs or ("read_api" if method == "GET" else "api"), role)
