"""The projects that a token was used for, by their ids, which survive renames and transfers."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import NamedTuple
from urllib.parse import quote

from bot.forges.gitlab_client import Client, Clients
from bot.forges.gitlab_shapes import Json, Project, project_of, username


class Asking(NamedTuple):
    """A client that is lent, the project that it is lent for, and where that is in the API."""

    client: Client
    project: Project
    place: str


class Projects:
    """Lends clients for projects by their full names; remembers the ids behind the names."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._lock = Lock()
        self._known: dict[str, Project] = {}

    @contextmanager
    def asking(self, repository: str, doing: str) -> Iterator[Asking]:
        """Lend a client; `doing` completes "GitLab would not …".

        1 call where the project was never asked for before.
        """
        with self._clients.lend(doing) as client:
            project = self._known.get(repository.casefold())
            if project is None:
                project = self.remember(show(client, repository), repository)
            yield Asking(client, project, f"/projects/{project.id}")

    def remember(self, data: Json, *names: str) -> Project:
        """Keep a project by its name, and by the former one that it was asked for by."""
        project = project_of(data)
        with self._lock:
            for name in (str(data["path_with_namespace"]), *names):
                self._known[name.casefold()] = project
        return project


def show(client: Client, repository: str) -> Json:
    """Return a project as GitLab has it, also by a name that it had before; 1 call."""
    data: Json = client.get(f"/projects/{quote(repository, safe='')}")
    return data


def level_in(client: Client, project: Project, login: str) -> int:
    """Return somebody's access level in a project, by whatever way, 0 for a stranger; 1 call."""
    found = client.each(f"/projects/{project.id}/members/all", query=login)
    levels = (
        int(one["access_level"])
        for one in found
        if username(one).casefold() == login.casefold() and is_active(one)
    )
    return max(levels, default=0)


def is_active(member: Json) -> bool:
    """Say whether a membership counts: one that waits for approval is none."""
    states = (member.get("state", "active"), member.get("membership_state", "active"))
    return all(state == "active" for state in states)
