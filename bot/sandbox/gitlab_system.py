"""What GitLab's system hooks hear of: projects, who is in them, and what moved in which."""

from collections.abc import Iterator

from bot.sandbox.events import Event
from bot.sandbox.gitlab_parts import Parts
from bot.sandbox.gitlab_shapes import LEVELS, Json, moment
from bot.sandbox.records import Repository

_PROJECTS = {
    "created": "project_create",
    "renamed": "project_rename",
    "transferred": "project_transfer",
    "deleted": "project_destroy",
    "archived": "project_update",
    "unarchived": "project_update",
}
_MEMBERS = {
    "added": "user_add_to_team",
    "updated": "user_update_for_team",
    "removed": "user_remove_from_team",
}
_WORDS = {
    10: "Guest",
    15: "Planner",
    20: "Reporter",
    30: "Developer",
    40: "Maintainer",
    50: "Owner",
    0: "No access",
}
_SHARED = {"push", "tag_push", "merge_requests"}
"""What system hooks get as project hooks do."""


class System:
    """Makes the payloads of system hooks."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._world = parts.world

    def payloads(
        self, event: Event, repo: Repository, made: tuple[str, Json] | None
    ) -> Iterator[Json]:
        """Yield what system hooks are told of an event."""
        if made is not None and made[0] in _SHARED:
            yield made[1]
        if event.kind == "push" and event.detail.get("last", True):
            yield self._update(event, repo)
        if event.kind == "repository" and event.action in _PROJECTS:
            yield self._project(event, repo)
        if event.kind == "member" and event.action in _MEMBERS:
            yield self._member(event, repo)

    def _times(self, repo: Repository) -> Json:
        return {"created_at": moment(repo.created_at), "updated_at": moment(repo.updated_at)}

    def _project(self, event: Event, repo: Repository) -> Json:
        owner = self._world.account(repo.owner_id)
        path = self._world.full_name(repo)
        made: Json = {
            **self._times(repo),
            "event_name": _PROJECTS[event.action or ""],
            "name": repo.name,
            "path": repo.name,
            "path_with_namespace": path,
            "project_id": repo.id,
            "project_namespace_id": owner.id,
            "owner_name": owner.name,
            "owner_email": "",
            "owners": [{"name": owner.name, "email": ""}],
            "project_visibility": "private" if repo.private else "public",
        }
        if event.action == "renamed":
            made["old_path_with_namespace"] = f"{owner.login}/{event.detail['name']}"
        if event.action == "transferred":
            made["old_path_with_namespace"] = event.detail["path"]
        return made

    def _member(self, event: Event, repo: Repository) -> Json:
        account = self._world.find_account(event.detail["login"])
        level = LEVELS[event.detail["role"]]
        return {
            **self._times(repo),
            "event_name": _MEMBERS[event.action or ""],
            "access_level": _WORDS[level],
            "project_id": repo.id,
            "project_name": repo.name,
            "project_path": repo.name,
            "project_path_with_namespace": self._world.full_name(repo),
            "user_email": "",
            "user_name": account.name if account else event.detail["login"],
            "user_username": event.detail["login"],
            "user_id": account.id if account else 0,
            "project_visibility": "private" if repo.private else "public",
        }

    def _update(self, event: Event, repo: Repository) -> Json:
        actor = self._world.account(event.actor_id)
        changes = event.detail.get("all") or (
            (event.detail["before"], event.detail["after"], event.detail["ref"]),
        )
        return {
            "event_name": "repository_update",
            "user_id": actor.id,
            "user_name": actor.name,
            "user_email": "",
            "user_avatar": None,
            "project_id": repo.id,
            "project": self._parts.project(repo),
            "changes": [{"before": b, "after": a, "ref": ref} for b, a, ref in changes],
            "refs": [ref for _, _, ref in changes],
        }
