"""GitLab's routes for the server itself, people, groups and who is in them."""

from dataclasses import replace

from bot.sandbox.access import role as role_of
from bot.sandbox.errors import Denied, Missing
from bot.sandbox.gitlab_ask import Ask, Problem, bad, route
from bot.sandbox.gitlab_shapes import LEVELS, ROLE_OF
from bot.sandbox.groups import add_group, group_role, inside, lineage, membership
from bot.sandbox.records import ROLES, Account, Repository, Token, at_least
from bot.sandbox.routing import Answer
from bot.sandbox.world import FORGE_LOGIN

VERSION = "18.5.0-ee"


def _version(ask: Ask) -> Answer:
    _ = ask.who
    return Answer({"version": VERSION, "revision": "5a9db0e"})


def _metadata(ask: Ask) -> Answer:
    _ = ask.who
    kas = {"enabled": False, "externalUrl": None, "externalK8sProxyUrl": None, "version": None}
    return Answer({"version": VERSION, "revision": "5a9db0e", "kas": kas, "enterprise": True})


# People


def _me(ask: Ask) -> Answer:
    return Answer(ask.shapes.private_user(ask.who))


def _people(ask: Ask) -> Answer:
    found = [a for a in ask.world.store.all(Account) if a.type in {"User", "Bot"}]
    found = [a for a in found if a.login != FORGE_LOGIN]
    wanted, search = ask.optional("username"), ask.optional("search")
    if wanted is not None:
        found = [a for a in found if a.login.lower() == wanted.lower()]
    if search is not None:
        # An address is found by the whole of it alone.
        key = search.lower()
        found = [a for a in found if key == a.email.lower() or key in a.login.lower()]
    return ask.page(found[::-1], ask.shapes.user)


def _person(ask: Ask) -> Answer:
    found = ask.world.store.get(Account, ask.number("user_id"))
    if found is None or found.type == "Organization":
        raise Missing("404 User Not Found")
    return Answer(ask.shapes.full_user(found))


def _create_person(ask: Ask) -> Answer:
    if not ask.who.instance_admin:
        raise Denied("403 Forbidden")
    login = ask.text("username")
    if ask.world.find_account(login):
        raise Problem(409, "Username has already been taken")
    made = ask.world.add_account(login, name=ask.text("name"), email=ask.text("email"))
    return Answer(ask.shapes.private_user(made), 201)


def _delete_person(ask: Ask) -> Answer:
    if not ask.who.instance_admin:
        raise Denied("403 Forbidden")
    gone = ask.world.store.get(Account, ask.number("user_id"))
    if gone is None:
        raise Missing("404 User Not Found")
    for repo in ask.world.repositories():
        if repo.owner_id == gone.id:
            ask.world.delete_repository(repo, ask.who)
    for token in ask.world.store.all(Token):
        if token.account_id == gone.id:
            ask.world.store.drop(token)
    # What they wrote stays theirs by id, so the account itself is only blocked.
    return Answer(status=204)


# Groups


def group_of(ask: Ask, needed: str = "none") -> Account:
    """Return the group of the path, if the asker may see it and holds this role in it."""
    name = ask.params["id"]
    found = (
        ask.world.store.get(Account, int(name))
        if name.isascii() and name.isdigit()
        else ask.world.find_account(name)
    )
    if found is None or found.type != "Organization" or not _may_see(ask, found):
        raise Missing("404 Group Not Found")
    held = group_role(ask.world, found, ask.actor.account) if ask.actor.account else "none"
    if not at_least(held, needed):
        raise Denied("403 Forbidden")
    return found


def _may_see(ask: Ask, group: Account) -> bool:
    me = ask.actor.account
    if not any(outer.private for outer in lineage(ask.world, group)):
        return True
    if me is None:
        return False
    return me.login in group.members or at_least(group_role(ask.world, group, me), "guest")


def _groups(ask: Ask) -> Answer:
    found = [a for a in ask.world.store.all(Account) if a.type == "Organization"]
    level = ask.whole("min_access_level")
    me = ask.actor.account
    if me is not None and level is not None:
        found = [g for g in found if LEVELS[group_role(ask.world, g, me)] >= level]
    search = ask.optional("search")
    if search:
        found = [g for g in found if search.lower() in g.login.lower()]
    if ask.flag("top_level_only"):
        found = [g for g in found if g.parent_id is None]
    found = sorted((g for g in found if _may_see(ask, g)), key=lambda g: g.name)
    return ask.page(found, ask.shapes.group)


def _get_group(ask: Ask) -> Answer:
    shape = ask.shapes.group(group_of(ask))
    if ask.flag("with_projects", default=True):
        owned = [r for r in ask.world.repositories() if r.owner_id == shape["id"]]
        seen = [r for r in owned if at_least(role_of(ask.world, ask.actor, r), "guest")]
        shape |= {"projects": [ask.shapes.simple_project(r) for r in seen], "shared_projects": []}
    return Answer(shape)


def _create_group(ask: Ask) -> Answer:
    path, name = ask.text("path"), ask.text("name")
    parent_id = ask.whole("parent_id")
    if parent_id is not None:
        outer = ask.world.store.get(Account, parent_id)
        if outer is None or not at_least(group_role(ask.world, outer, ask.who), "maintain"):
            raise Denied("403 Forbidden")
        path = f"{outer.login}/{path}"
    if ask.world.find_account(path):
        raise Problem(400, 'Failed to save group {:path=>["has already been taken"]}')
    private = ask.optional("visibility") != "public"
    made = add_group(ask.world, path, {ask.who.login: "admin"}, private=private)
    return Answer(ask.shapes.group(ask.world.store.put(replace(made, name=name))), 201)


def _delete_group(ask: Ask) -> Answer:
    group = group_of(ask, "admin")
    keys = {group.id, *(found.id for found in inside(ask.world, group))}
    for repo in ask.world.repositories():
        if repo.owner_id in keys:
            ask.world.delete_repository(repo, ask.who)
    for found in (group, *inside(ask.world, group)):
        ask.world.store.drop(found)
    return Answer({"message": "202 Accepted"}, 202)


def _subgroups(ask: Ask) -> Answer:
    group = group_of(ask)
    found = [g for g in inside(ask.world, group) if g.parent_id == group.id]
    return ask.page([g for g in found if _may_see(ask, g)], ask.shapes.group)


def _descendants(ask: Ask) -> Answer:
    found = [g for g in inside(ask.world, group_of(ask)) if _may_see(ask, g)]
    return ask.page(found, ask.shapes.group)


# Who is in a group or a project


def _ranked(world_ask: Ask, roles: dict[str, str]) -> list[tuple[Account, str]]:
    accounts = [(world_ask.world.find_account(login), role) for login, role in roles.items()]
    held = [(a, role) for a, role in accounts if a is not None and role in ROLES and role != "none"]
    query = world_ask.optional("query")
    return [(a, r) for a, r in held if query is None or query.lower() in a.login.lower()]


def _page(ask: Ask, roles: dict[str, str]) -> Answer:
    if ask.actor.account is None:
        raise Problem(401, "401 Unauthorized")
    return ask.page(_ranked(ask, roles), lambda one: ask.shapes.member(*one))


def _group_members(ask: Ask) -> Answer:
    return _page(ask, dict(group_of(ask, _to_list(ask)).members))


def _to_list(ask: Ask) -> str:
    """Return the role that it takes to see who is in a group: any member of a private one."""
    name = ask.params["id"]
    found = ask.world.find_account(name)
    if name.isdigit():
        found = ask.world.store.get(Account, int(name))
    return "guest" if found is not None and found.private else "none"


def _all_group_members(ask: Ask) -> Answer:
    return _page(ask, _inherited(ask, group_of(ask, _to_list(ask))))


def _inherited(ask: Ask, group: Account) -> dict[str, str]:
    logins = dict.fromkeys(x for found in lineage(ask.world, group) for x in found.members)
    accounts = [ask.world.find_account(login) for login in logins]
    return {a.login: group_role(ask.world, group, a) for a in accounts if a is not None}


def _group_member(ask: Ask) -> Answer:
    group = group_of(ask, _to_list(ask))
    account = _named(ask)
    return _held(ask, account, group.members.get(account.login, "none"))


def _any_group_member(ask: Ask) -> Answer:
    group = group_of(ask, _to_list(ask))
    account = _named(ask)
    return _held(ask, account, group_role(ask.world, group, account))


def _named(ask: Ask) -> Account:
    found = ask.world.store.get(Account, ask.number("user_id"))
    if found is None:
        raise Missing("404 Not found")
    return found


def _held(ask: Ask, account: Account, role: str) -> Answer:
    if role == "none" or role not in ROLES:
        raise Missing("404 Not found")
    return Answer(ask.shapes.member(account, role))


def _project_members(ask: Ask) -> Answer:
    return _page(ask, _direct(ask.repo, ask.world.account(ask.repo.owner_id)))


def _direct(repo: Repository, owner: Account) -> dict[str, str]:
    own = {} if owner.type == "Organization" else {owner.login: "admin"}
    return {**repo.collaborators, **own}


def _all_project_members(ask: Ask) -> Answer:
    people = [a for a in ask.world.store.all(Account) if a.type != "Organization"]
    return _page(ask, {a.login: membership(ask.world, ask.repo, a) for a in people})


def _project_member(ask: Ask) -> Answer:
    account = _named(ask)
    direct = _direct(ask.repo, ask.world.account(ask.repo.owner_id))
    return _held(ask, account, direct.get(account.login, "none"))


def _any_project_member(ask: Ask) -> Answer:
    account = _named(ask)
    return _held(ask, account, membership(ask.world, ask.repo, account))


def _given(ask: Ask) -> tuple[Account, str]:
    user_id = int(ask.params["user_id"]) if "user_id" in ask.params else ask.whole("user_id")
    account = ask.world.store.get(Account, user_id or 0)
    if account is None:
        raise Missing("404 User Not Found")
    role = ROLE_OF.get(ask.whole("access_level") or 0)
    if role in {None, "none"}:
        raise bad("access_level does not have a valid value")
    return account, str(role)


def _add_project_member(ask: Ask) -> Answer:
    account, role = _given(ask)
    if account.login in ask.repo.collaborators:
        raise Problem(409, "Member already exists")
    ask.world.set_role(ask.repo, account.login, role)
    return Answer(ask.shapes.member(account, role), 201)


def _edit_project_member(ask: Ask) -> Answer:
    account, role = _given(ask)
    if account.login not in ask.repo.collaborators:
        raise Missing("404 Not found")
    ask.world.set_role(ask.repo, account.login, role)
    return Answer(ask.shapes.member(account, role))


def _remove_project_member(ask: Ask) -> Answer:
    account = _named(ask)
    if account.login not in ask.repo.collaborators:
        raise Missing("404 Not found")
    ask.world.set_role(ask.repo, account.login, "none")
    return Answer(status=204)


def _add_group_member(ask: Ask) -> Answer:
    group = group_of(ask, "admin")
    account, role = _given(ask)
    if account.login in group.members:
        raise Problem(409, "Member already exists")
    ask.world.set_org_member(group, account, role)
    return Answer(ask.shapes.member(account, role), 201)


def _remove_group_member(ask: Ask) -> Answer:
    group, account = group_of(ask, "admin"), _named(ask)
    if account.login not in group.members:
        raise Missing("404 Not found")
    left = {login: role for login, role in group.members.items() if login != account.login}
    ask.world.store.put(replace(group, members=left))
    return Answer(status=204)


_G, _P = "/groups/{id}", "/projects/{id}"
ROUTES = (
    route("GET", "/version", _version, needs="read_user"),
    route("GET", "/metadata", _metadata, needs="read_user"),
    route("GET", "/user", _me, needs="read_user"),
    route("GET", "/users", _people, needs="read_user"),
    route("POST", "/users", _create_person),
    route("GET", "/users/{user_id}", _person, needs="read_user"),
    route("DELETE", "/users/{user_id}", _delete_person),
    route("GET", "/groups", _groups),
    route("POST", "/groups", _create_group),
    route("GET", _G, _get_group),
    route("DELETE", _G, _delete_group),
    route("GET", f"{_G}/subgroups", _subgroups),
    route("GET", f"{_G}/descendant_groups", _descendants),
    route("GET", f"{_G}/members", _group_members),
    route("POST", f"{_G}/members", _add_group_member),
    route("GET", f"{_G}/members/all", _all_group_members),
    route("GET", f"{_G}/members/all/{{user_id}}", _any_group_member),
    route("GET", f"{_G}/members/{{user_id}}", _group_member),
    route("DELETE", f"{_G}/members/{{user_id}}", _remove_group_member),
    route("GET", f"{_P}/members", _project_members),
    route("POST", f"{_P}/members", _add_project_member, "maintain"),
    route("GET", f"{_P}/members/all", _all_project_members),
    route("GET", f"{_P}/members/all/{{user_id}}", _any_project_member),
    route("GET", f"{_P}/members/{{user_id}}", _project_member),
    route("PUT", f"{_P}/members/{{user_id}}", _edit_project_member, "maintain"),
    route("DELETE", f"{_P}/members/{{user_id}}", _remove_project_member, "maintain"),
)
