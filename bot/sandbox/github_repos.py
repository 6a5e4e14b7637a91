"""GitHub's routes for repositories, branches, protection and collaborators."""

from collections.abc import Mapping
from typing import Any

from bot.sandbox.ask import Ask, denied
from bot.sandbox.errors import Invalid, Missing
from bot.sandbox.pushing import begin
from bot.sandbox.records import Account, Protection
from bot.sandbox.routing import Answer, Route
from bot.sandbox.shapes import Json, role_flags

_METHODS = {
    "allow_merge_commit": "merge",
    "allow_squash_merge": "squash",
    "allow_rebase_merge": "rebase",
}
_PERMISSION = {"triage": "read", "maintain": "write"}
_TO_ROLE = {"pull": "read", "push": "write"}


def _get_repo(ask: Ask) -> Answer:
    return Answer(ask.shapes.repository(ask.repo, ask.role))


def _get_by_id(ask: Ask) -> Answer:
    repo = ask.world.repository(ask.number("repository_id"))
    if not ask.world.may(repo, ask.actor.account, "read"):
        raise Missing("Not Found")
    return Answer(ask.shapes.repository(repo, ask.world.role(repo, ask.actor.account)))


def _edit_repo(ask: Ask) -> Answer:
    repo, fields = ask.repo, ask.fields()
    methods = {method for name, method in _METHODS.items() if _allowed(ask, name, method)}
    changes: Json = {"merge_methods": tuple(m for m in _METHODS.values() if m in methods)}
    for name in ("name", "default_branch", "description"):
        if name in fields:
            changes[name] = ask.optional(name)
    for name in ("private", "archived", "delete_branch_on_merge"):
        if name in fields:
            changes[name] = ask.flag(name)
    edited = ask.world.edit_repository(repo, ask.who, **changes)
    return Answer(ask.shapes.repository(edited, ask.role))


def _allowed(ask: Ask, name: str, method: str) -> bool:
    return ask.flag(name, default=method in ask.repo.merge_methods)


def _delete_repo(ask: Ask) -> Answer:
    ask.world.delete_repository(ask.repo, ask.who)
    return Answer(status=204)


def _own_repos(ask: Ask) -> Answer:
    mine = [r for r in ask.world.repositories() if _belongs(ask, r.owner_id, r.collaborators)]
    return ask.page(mine, lambda r: ask.shapes.repository(r, ask.world.role(r, ask.who)))


def _belongs(ask: Ask, owner_id: int, collaborators: Mapping[str, str]) -> bool:
    owner = ask.world.account(owner_id)
    login = ask.who.login
    return owner.id == ask.who.id or login in owner.members or login in collaborators


def _create_own(ask: Ask) -> Answer:
    return _create(ask, ask.who)


def _create_in_org(ask: Ask) -> Answer:
    org = ask.world.find_account(ask.params["org"])
    if org is None or org.type != "Organization":
        raise Missing("Not Found")
    if org.members.get(ask.who.login) != "admin":
        raise denied(ask.actor)
    return _create(ask, org)


def _create(ask: Ask, owner: Account) -> Answer:
    repo = ask.world.add_repository(
        owner,
        ask.text("name"),
        private=ask.flag("private"),
        description=ask.optional("description"),
    )
    if ask.flag("auto_init"):
        begin(ask.world, repo, ask.who, "Initial commit", f"# {repo.name}\n")
    return Answer(ask.shapes.repository(ask.world.repository(repo.id), "admin"), 201)


def _fork(ask: Ask) -> Answer:
    login = ask.optional("organization")
    owner = ask.world.find_account(login) if login else ask.who
    if owner is None:
        raise Missing("Not Found")
    return Answer(ask.shapes.repository(ask.world.fork(ask.repo, owner), "admin"), 202)


# Branches and protection


def _branches(ask: Ask) -> Answer:
    heads = [ref for ref in sorted(ask.repo.refs) if ref.startswith("refs/heads/")]
    wanted = ask.query.get("protected")
    names = [ref.removeprefix("refs/heads/") for ref in heads]
    if wanted is not None:
        chosen = wanted == "true"
        names = [n for n in names if bool(ask.world.protection(ask.repo, n)) == chosen]
    return ask.page(names, lambda name: _short_branch(ask, name))


def _short_branch(ask: Ask, name: str) -> Json:
    sha = ask.world.head(ask.repo, name)
    return {
        "name": name,
        "commit": {"sha": sha, "url": f"{ask.shapes.repo_api(ask.repo)}/commits/{sha}"},
        "protected": ask.world.protection(ask.repo, name) is not None,
    }


def _branch(ask: Ask) -> Answer:
    name = ask.params["branch"]
    rule = ask.world.protection(ask.repo, name)
    url = f"{ask.shapes.repo_api(ask.repo)}/branches/{name}"
    shape = _short_branch(ask, name) | {
        "commit": ask.shapes.commit(ask.repo, ask.world.head(ask.repo, name)),
        "_links": {"self": url, "html": f"{ask.shapes.repo_web(ask.repo)}/tree/{name}"},
        "protection": {
            "enabled": rule is not None,
            "required_status_checks": {
                "enforcement_level": "off" if rule is None else "non_admins",
                "contexts": list(rule.checks or ()) if rule else [],
                "checks": [{"context": n, "app_id": None} for n in (rule.checks or ())]
                if rule
                else [],
            },
        },
        "protection_url": f"{url}/protection",
    }
    return Answer(shape)


def _rule(ask: Ask) -> Protection:
    ask.world.head(ask.repo, ask.params["branch"])
    rule = ask.world.protection(ask.repo, ask.params["branch"])
    if rule is None:
        raise Missing("Branch not protected")
    return rule


def _get_protection(ask: Ask) -> Answer:
    return Answer(ask.shapes.protection(ask.repo, _rule(ask)))


def _put_protection(ask: Ask) -> Answer:
    branch = ask.params["branch"]
    ask.world.head(ask.repo, branch)
    checks = ask.fields().get("required_status_checks")
    reviews = ask.fields().get("required_pull_request_reviews")
    for part in (checks, reviews):
        if part is not None and not isinstance(part, dict):
            raise Invalid("Invalid request.\n\nProtection's parts are objects or null")
    old = ask.world.protection(ask.repo, branch)
    rule = Protection(
        id=old.id if old else ask.world.store.new_id(),
        repo_id=ask.repo.id,
        branch=branch,
        checks=None if checks is None else _contexts(checks),
        strict=bool(checks and checks.get("strict")),
        approvals=None if reviews is None else _count(reviews),
        dismiss_stale=bool(reviews and reviews.get("dismiss_stale_reviews")),
        code_owners=bool(reviews and reviews.get("require_code_owner_reviews")),
        enforce_admins=ask.flag("enforce_admins"),
        linear=ask.flag("required_linear_history"),
        allow_force_pushes=ask.flag("allow_force_pushes"),
        allow_deletions=ask.flag("allow_deletions"),
    )
    return Answer(ask.shapes.protection(ask.repo, ask.world.store.put(rule)))


def _contexts(checks: Mapping[str, Any]) -> tuple[str, ...]:
    named = [str(name) for name in checks.get("contexts") or ()]
    listed = [str(item.get("context")) for item in checks.get("checks") or ()]
    return tuple(dict.fromkeys([*named, *listed]))


def _count(reviews: Mapping[str, Any]) -> int:
    count = reviews.get("required_approving_review_count", 1)
    if not isinstance(count, int) or not 0 <= count <= 6:
        raise Invalid("required_approving_review_count is a number from 0 to 6")
    return count


def _delete_protection(ask: Ask) -> Answer:
    ask.world.store.drop(_rule(ask))
    return Answer(status=204)


def _required_checks(ask: Ask) -> Answer:
    rule = _rule(ask)
    if rule.checks is None:
        raise Missing("Required status checks not enabled")
    return Answer(ask.shapes.required_checks(ask.repo, rule))


def _required_reviews(ask: Ask) -> Answer:
    rule = _rule(ask)
    if rule.approvals is None:
        raise Missing("Pull request reviews not enabled")
    return Answer(ask.shapes.required_reviews(ask.repo, rule))


def _enforce_admins(ask: Ask) -> Answer:
    rule = _rule(ask)
    return Answer(ask.shapes.protection(ask.repo, rule)["enforce_admins"])


def _no_rulesets(ask: Ask) -> Answer:
    # The sandbox protects branches by protection alone; a repository has no rulesets.
    return ask.page([], str)


# Collaborators


def _collaborators(ask: Ask) -> Answer:
    found = {ask.world.account(ask.repo.owner_id).login, *ask.repo.collaborators}
    owner = ask.world.account(ask.repo.owner_id)
    if owner.type == "Organization":
        found = {*ask.repo.collaborators, *owner.members}
    accounts = [ask.world.find_account(login) for login in sorted(found)]
    held = [a for a in accounts if a and ask.world.may(ask.repo, a, "read")]
    return ask.page(held, lambda account: _collaborator(ask, account))


def _collaborator(ask: Ask, account: Account) -> Json:
    role = ask.world.role(ask.repo, account)
    return {
        **ask.shapes.user(account),
        "permissions": role_flags(role),
        "role_name": role,
    }


def _is_collaborator(ask: Ask) -> Answer:
    account = _named(ask)
    known = account.login in ask.repo.collaborators or ask.world.may(ask.repo, account, "triage")
    if not known:
        raise Missing("Not Found")
    return Answer(status=204)


def _named(ask: Ask) -> Account:
    account = ask.world.find_account(ask.params["username"])
    if account is None:
        raise Missing("Not Found")
    return account


def _permission(ask: Ask) -> Answer:
    account = _named(ask)
    role = ask.world.role(ask.repo, account)
    shape = {
        "permission": _PERMISSION.get(role, role),
        "role_name": role,
        "user": _collaborator(ask, account),
    }
    return Answer(shape)


def _add_collaborator(ask: Ask) -> Answer:
    account = _named(ask)
    given = ask.optional("permission") or "push"
    role = _TO_ROLE.get(given, given)
    if role not in {"read", "triage", "write", "maintain", "admin"}:
        raise Invalid(f"{given!r} is no permission")
    ask.world.set_role(ask.repo, account.login, role)
    # The sandbox asks nobody: an invitation is accepted at once.
    return Answer(status=204)


def _remove_collaborator(ask: Ask) -> Answer:
    ask.world.set_role(ask.repo, _named(ask).login, "none")
    return Answer(status=204)


_R = "/repos/{owner}/{repo}"
_B = f"{_R}/branches/{{branch}}"
ROUTES = (
    Route("GET", _R, _get_repo),
    Route("GET", "/repositories/{repository_id}", _get_by_id),
    Route("PATCH", _R, _edit_repo, "administration=write", "admin"),
    Route("DELETE", _R, _delete_repo, "administration=write", "admin"),
    Route("GET", "/user/repos", _own_repos),
    Route("POST", "/user/repos", _create_own, "administration=write"),
    Route("POST", "/orgs/{org}/repos", _create_in_org, "administration=write"),
    Route("POST", f"{_R}/forks", _fork, "administration=write"),
    Route("GET", f"{_R}/branches", _branches, "contents=read"),
    Route("GET", f"{_B}/protection", _get_protection, "administration=read"),
    Route("PUT", f"{_B}/protection", _put_protection, "administration=write", "admin"),
    Route("DELETE", f"{_B}/protection", _delete_protection, "administration=write", "admin"),
    Route(
        "GET", f"{_B}/protection/required_status_checks", _required_checks, "administration=read"
    ),
    Route(
        "GET",
        f"{_B}/protection/required_pull_request_reviews",
        _required_reviews,
        "administration=read",
    ),
    Route("GET", f"{_B}/protection/enforce_admins", _enforce_admins, "administration=read"),
    Route("GET", f"{_R}/branches/{{branch+}}", _branch, "contents=read"),
    Route("GET", f"{_R}/rules/branches/{{branch+}}", _no_rulesets),
    Route("GET", f"{_R}/collaborators", _collaborators, role="write"),
    Route("GET", f"{_R}/collaborators/{{username}}", _is_collaborator),
    Route("GET", f"{_R}/collaborators/{{username}}/permission", _permission),
    Route(
        "PUT",
        f"{_R}/collaborators/{{username}}",
        _add_collaborator,
        "administration=write",
        "admin",
    ),
    Route(
        "DELETE",
        f"{_R}/collaborators/{{username}}",
        _remove_collaborator,
        "administration=write",
        "admin",
    ),
)
