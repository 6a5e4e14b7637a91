"""GitLab's routes for projects: find, make, set up, share, move, archive, delete."""

from dataclasses import replace
from typing import Any

from bot.sandbox.access import role as role_of
from bot.sandbox.errors import Denied, Invalid, Missing
from bot.sandbox.gitlab_accounts import group_of
from bot.sandbox.gitlab_ask import Ask, Problem, bad, route
from bot.sandbox.gitlab_shapes import LEVELS, ROLE_OF, SETTINGS, Json
from bot.sandbox.groups import group_role, inside, membership, transfer
from bot.sandbox.protecting import protect_default
from bot.sandbox.pushing import begin
from bot.sandbox.records import Account, Repository, at_least
from bot.sandbox.routing import Answer

_CHOICES = {
    "merge_method": ("merge", "rebase_merge", "ff"),
    "squash_option": ("never", "always", "default_on", "default_off"),
}


def _visible(ask: Ask) -> list[Repository]:
    found = ask.world.repositories()
    return [r for r in found if at_least(role_of(ask.world, ask.actor, r), "guest")]


def _narrowed(ask: Ask, found: list[Repository]) -> list[Repository]:
    """Keep what the query asks for."""
    me = ask.actor.account
    level = ask.whole("min_access_level")
    if me is not None and (ask.flag("membership") or level is not None):
        held = [(r, LEVELS[membership(ask.world, r, me)]) for r in found]
        found = [r for r, has in held if has >= max(level or 1, 1)]
    if me is not None and ask.flag("owned"):
        found = [r for r in found if membership(ask.world, r, me) == "admin"]
    if ask.optional("archived") is not None:
        found = [r for r in found if r.archived == ask.flag("archived")]
    if ask.optional("visibility"):
        private = ask.text("visibility") == "private"
        found = [r for r in found if r.private == private]
    search = (ask.optional("search") or "").lower()
    return [r for r in found if search in ask.world.full_name(r).lower()]


def _listed(ask: Ask, found: list[Repository]) -> Answer:
    found = _narrowed(ask, found)

    def shape(repo: Repository) -> Json:
        simple = ask.flag("simple") or ask.actor.account is None
        if simple:
            return ask.shapes.simple_project(repo)
        return ask.shapes.project(repo, ask.actor.account)

    by = ask.choice(
        "order_by",
        ("id", "name", "path", "created_at", "updated_at", "last_activity_at", "similarity"),
        "created_at",
    )
    if ask.optional("pagination") == "keyset":
        if by != "id":
            raise Problem(
                405, "Keyset pagination is not yet available for this type of request", key="error"
            )
        return ask.keyset(found, lambda r: r.id, shape)
    falling = ask.choice("sort", ("asc", "desc"), "desc") == "desc"
    names = {"path": "name", "last_activity_at": "pushed_at", "similarity": "created_at"}
    found.sort(key=lambda r: (getattr(r, names.get(by, by)), r.id), reverse=falling)
    return ask.page(found, shape)


def _projects(ask: Ask) -> Answer:
    return _listed(ask, _visible(ask))


def _group_projects(ask: Ask) -> Answer:
    group = group_of(ask)
    keys = {group.id}
    if ask.flag("include_subgroups"):
        keys |= {found.id for found in inside(ask.world, group)}
    shared = ask.flag("with_shared", default=True)
    found = [r for r in _visible(ask) if r.owner_id in keys or (shared and group.login in r.shares)]
    return _listed(ask, found)


def _get(ask: Ask) -> Answer:
    return Answer(ask.shapes.project(ask.repo, ask.actor.account))


def _create(ask: Ask) -> Answer:
    name = ask.optional("path") or ask.optional("name")
    if name is None:
        raise bad("name, path are missing, at least one parameter must be provided")
    owner = ask.who
    key = ask.whole("namespace_id")
    if key is not None and key != owner.id:
        found = ask.world.store.get(Account, key)
        if found is None or not at_least(group_role(ask.world, found, ask.who), "write"):
            raise Problem(400, {"namespace": ["is not valid"]})
        owner = found
    taken = {"name": ["has already been taken"], "path": ["has already been taken"]}
    if ask.world.find_repository(owner.login, name):
        raise Problem(400, taken)
    repo = ask.world.add_repository(
        owner,
        name.replace(" ", "-"),
        private=ask.optional("visibility") != "public",
        description=ask.optional("description"),
        default_branch=ask.optional("default_branch") or "main",
        settings=_settings(ask),
    )
    protect_default(ask.world, repo)
    if ask.flag("initialize_with_readme"):
        begin(ask.world, repo, ask.who, "Initial commit", f"# {name}\n")
    return Answer(ask.shapes.project(ask.world.repository(repo.id), ask.who), 201)


def _settings(ask: Ask) -> Json:
    given: Json = {}
    for name, usual in SETTINGS.items():
        if name not in ask.fields:
            continue
        if name in _CHOICES:
            given[name] = ask.choice(name, _CHOICES[name], str(usual))
        elif isinstance(usual, bool) or name == "allow_merge_on_skipped_pipeline":
            given[name] = ask.flag(name)
        elif isinstance(usual, int):
            given[name] = ask.whole(name)
        else:
            given[name] = ask.optional(name)
    return given


def _edit(ask: Ask) -> Answer:
    repo = ask.repo
    changes: dict[str, Any] = {"settings": {**repo.settings, **_settings(ask)}}
    if "path" in ask.fields or "name" in ask.fields:
        changes["name"] = ask.optional("path") or ask.optional("name")
    for name in ("description", "default_branch"):
        if name in ask.fields:
            changes[name] = ask.optional(name)
    if "visibility" in ask.fields:
        changes["private"] = ask.text("visibility") == "private"
    if "remove_source_branch_after_merge" in ask.fields:
        changes["delete_branch_on_merge"] = ask.flag("remove_source_branch_after_merge")
    try:
        edited = ask.world.edit_repository(repo, ask.who, **changes)
    except Invalid as error:
        raise Problem(400, {"default_branch": [str(error)]}) from error
    return Answer(ask.shapes.project(edited, ask.who))


def _delete(ask: Ask) -> Answer:
    ask.world.delete_repository(ask.repo, ask.who)
    return Answer({"message": "202 Accepted"}, 202)


def _archive(ask: Ask) -> Answer:
    edited = ask.world.edit_repository(ask.repo, ask.who, archived=True)
    return Answer(ask.shapes.project(edited, ask.who), 201)


def _unarchive(ask: Ask) -> Answer:
    edited = ask.world.edit_repository(ask.repo, ask.who, archived=False)
    return Answer(ask.shapes.project(edited, ask.who), 201)


def _transfer(ask: Ask) -> Answer:
    place = ask.text("namespace")
    owner = (
        ask.world.store.get(Account, int(place))
        if place.isdigit()
        else ask.world.find_account(place)
    )
    if owner is None:
        raise Missing("404 Namespace Not Found")
    if not at_least(group_role(ask.world, owner, ask.who), "maintain"):
        raise Denied("403 Forbidden")
    return Answer(ask.shapes.project(transfer(ask.world, ask.repo, owner), ask.who))


def _share(ask: Ask) -> Answer:
    group = ask.world.store.get(Account, ask.whole("group_id") or 0)
    role = ROLE_OF.get(ask.whole("group_access") or 0)
    if group is None:
        raise Missing("404 Group Not Found")
    if role is None:
        raise bad("group_access does not have a valid value")
    shares = {**ask.repo.shares, group.login: role}
    ask.world.store.put(replace(ask.repo, shares=shares))
    shape = {"id": group.id, "project_id": ask.repo.id, "group_id": group.id}
    return Answer({**shape, "group_access": LEVELS[role], "expires_at": None}, 201)


def _fork(ask: Ask) -> Answer:
    if not at_least(ask.role, "read"):
        raise Denied("403 Forbidden")
    owner = ask.who
    place = ask.optional("namespace_path") or ask.optional("namespace")
    if place:
        found = ask.world.find_account(place)
        if found is None:
            raise Missing("404 Target Namespace Not Found")
        owner = found
    if ask.world.find_repository(owner.login, ask.repo.name):
        raise Problem(409, ["Project namespace name has already been taken"])
    made = ask.world.fork(ask.repo, owner)
    return Answer(ask.shapes.project(made, ask.who), 201)


def _forks(ask: Ask) -> Answer:
    return _listed(ask, [r for r in _visible(ask) if r.fork_of == ask.repo.id])


_P = "/projects/{id}"
ROUTES = (
    route("GET", "/projects", _projects),
    route("POST", "/projects", _create),
    route("GET", "/groups/{id}/projects", _group_projects),
    route("GET", _P, _get),
    route("PUT", _P, _edit, "maintain"),
    route("DELETE", _P, _delete, "admin"),
    route("POST", f"{_P}/archive", _archive, "admin"),
    route("POST", f"{_P}/unarchive", _unarchive, "admin"),
    route("PUT", f"{_P}/transfer", _transfer, "admin"),
    route("POST", f"{_P}/share", _share, "maintain"),
    route("GET", f"{_P}/forks", _forks),
    route("POST", f"{_P}/fork", _fork),
)
