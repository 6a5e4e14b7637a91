"""GitLab's routes for branches and their protection."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bot.sandbox.errors import Missing
from bot.sandbox.git import ZERO, valid_branch
from bot.sandbox.gitlab_ask import Ask, Problem, bad, route
from bot.sandbox.gitlab_shapes import ROLE_OF
from bot.sandbox.merge import may_land
from bot.sandbox.protecting import level
from bot.sandbox.protection import is_protected
from bot.sandbox.pushing import announce, begin
from bot.sandbox.records_gitlab import Level, ProtectedBranch
from bot.sandbox.routing import Answer

_NOT_PROTECTED = "404 Not found"


def _branches(ask: Ask) -> Answer:
    heads = [ref for ref in sorted(ask.repo.refs) if ref.startswith("refs/heads/")]
    names = [ref.removeprefix("refs/heads/") for ref in heads]
    search = ask.optional("search") or ""
    if search.startswith("^"):
        names = [n for n in names if n.startswith(search[1:])]
    elif search.endswith("$"):
        names = [n for n in names if n.endswith(search[:-1])]
    else:
        names = [n for n in names if search.lower() in n.lower()]
    return ask.page(names, lambda n: ask.shapes.branch(ask.repo, n, ask.actor.account))


def _branch_name(ask: Ask) -> str:
    name = ask.params["branch"]
    if f"refs/heads/{name}" not in ask.repo.refs:
        raise Missing("404 Branch Not Found")
    return name


def _branch(ask: Ask) -> Answer:
    return Answer(ask.shapes.branch(ask.repo, _branch_name(ask), ask.actor.account))


def _create(ask: Ask) -> Answer:
    name, start = ask.text("branch"), ask.text("ref")
    if not valid_branch(name):
        raise Problem(400, "Branch name is invalid")
    if f"refs/heads/{name}" in ask.repo.refs:
        raise Problem(400, "Branch already exists")
    if not ask.repo.refs:
        begin(ask.world, ask.repo, ask.who, "Add README.md", "")
    try:
        sha = ask.world.resolve(ask.repo, start)
    except Missing as error:
        raise Problem(400, f"Invalid reference name: {start}") from error
    refused = may_land(ask.world, ask.repo, ask.who, name, sha)
    if refused:
        raise Problem(403, f"403 Forbidden - {refused}")
    ask.world.git(ask.repo).update_ref(f"refs/heads/{name}", sha, ZERO)
    announce(ask.world, ask.repo, ask.who, [f"refs/heads/{name}"])
    return Answer(ask.shapes.branch(ask.repo, name, ask.who), 201)


def _delete(ask: Ask) -> Answer:
    name = _branch_name(ask)
    if name == ask.repo.default_branch:
        raise Problem(405, "Cannot remove HEAD branch")
    if is_protected(ask.world, ask.repo, name):
        raise Problem(405, "Protected branch cannot be removed")
    ref = f"refs/heads/{name}"
    ask.world.git(ask.repo).update_ref(ref, ZERO, ask.repo.refs[ref])
    announce(ask.world, ask.repo, ask.who, [ref])
    return Answer(status=204)


# Protection


def _rules(ask: Ask) -> list[ProtectedBranch]:
    return ask.world.store.all(ProtectedBranch, ask.repo.id)


def _rule(ask: Ask) -> ProtectedBranch:
    for rule in _rules(ask):
        if rule.name == ask.params["name"]:
            return rule
    raise Missing(_NOT_PROTECTED)


def _protected(ask: Ask) -> Answer:
    return ask.page(_rules(ask), ask.shapes.protected)


def _get_protected(ask: Ask) -> Answer:
    return Answer(ask.shapes.protected(_rule(ask)))


def _levels(ask: Ask, kind: str, allowed: str) -> tuple[Level, ...]:
    """Return who may: a level by itself, or a list of levels, users and groups."""
    found = [_one(ask, item) for item in _objects(ask, allowed)]
    plain = ask.whole(kind)
    if plain is not None or not found:
        found.append(level(ask.world, _role(40 if plain is None else plain)))
    return tuple(found)


def _objects(ask: Ask, name: str) -> list[Mapping[str, Any]]:
    value = ask.fields.get(name) or []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise bad(f"{name} is invalid")
    return value


def _one(ask: Ask, item: Mapping[str, Any]) -> Level:
    if item.get("user_id"):
        return level(ask.world, None, user_id=int(item["user_id"]))
    if item.get("group_id"):
        return level(ask.world, None, group_id=int(item["group_id"]))
    return level(ask.world, _role(item.get("access_level")))


def _role(value: Any) -> str:
    role = ROLE_OF.get(value) if value in {0, 30, 40} else None
    if role is None:
        raise bad("access_level does not have a valid value")
    return role


def _protect(ask: Ask) -> Answer:
    name = ask.text("name")
    if any(rule.name == name for rule in _rules(ask)):
        raise Problem(409, f"Protected branch '{name}' already exists")
    made = ProtectedBranch(
        id=ask.world.store.new_id(),
        repo_id=ask.repo.id,
        name=name,
        push_access=_levels(ask, "push_access_level", "allowed_to_push"),
        merge_access=_levels(ask, "merge_access_level", "allowed_to_merge"),
        allow_force_push=ask.flag("allow_force_push"),
        code_owner_approval=ask.flag("code_owner_approval_required"),
    )
    return Answer(ask.shapes.protected(ask.world.store.put(made)), 201)


def _edit_protected(ask: Ask) -> Answer:
    rule = _rule(ask)
    made = replace(
        rule,
        allow_force_push=ask.flag("allow_force_push", default=rule.allow_force_push),
        code_owner_approval=ask.flag(
            "code_owner_approval_required", default=rule.code_owner_approval
        ),
        push_access=_changed(ask, rule.push_access, "allowed_to_push"),
        merge_access=_changed(ask, rule.merge_access, "allowed_to_merge"),
    )
    return Answer(ask.shapes.protected(ask.world.store.put(made)))


def _changed(ask: Ask, held: tuple[Level, ...], name: str) -> tuple[Level, ...]:
    given = _objects(ask, name)
    gone = {item.get("id") for item in given if item.get("_destroy")}
    added = [_one(ask, item) for item in given if not item.get("_destroy")]
    return (*(one for one in held if one[0] not in gone), *added)


def _unprotect(ask: Ask) -> Answer:
    ask.world.store.drop(_rule(ask))
    return Answer(status=204)


_B = "/projects/{id}/repository/branches"
_R = "/projects/{id}/protected_branches"
ROUTES = (
    route("GET", _B, _branches, "read", "read_api"),
    route("POST", _B, _create, "write"),
    route("GET", f"{_B}/{{branch}}", _branch, "read"),
    route("DELETE", f"{_B}/{{branch}}", _delete, "write"),
    route("GET", _R, _protected, "write"),
    route("POST", _R, _protect, "maintain"),
    route("GET", f"{_R}/{{name}}", _get_protected, "write"),
    route("PATCH", f"{_R}/{{name}}", _edit_protected, "maintain"),
    route("DELETE", f"{_R}/{{name}}", _unprotect, "maintain"),
)
