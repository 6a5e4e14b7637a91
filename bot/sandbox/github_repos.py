"""GitHub's routes for repositories, branches, protection, collaborators, files and compare."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bot.sandbox.ask import Answer, Ask, Route, denied
from bot.sandbox.errors import Conflict, Invalid, Missing
from bot.sandbox.git import Person
from bot.sandbox.merge import may_land, merge_branches
from bot.sandbox.pushing import announce
from bot.sandbox.records import Account, Protection
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
        git = ask.world.git(repo)
        blob = git.write_blob(f"# {repo.name}\n".encode())
        tree = git.write_tree(None, {"README.md": ("100644", blob)})
        me = ask.world.person(ask.who)
        git.update_ref(
            f"refs/heads/{repo.default_branch}",
            git.write_commit(tree, [], "Initial commit\n", me, me),
        )
        announce(ask.world, repo, ask.who)
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
    ask.world.set_role(ask.repo, account.login, _TO_ROLE.get(given, given))
    # The sandbox asks nobody: an invitation is accepted at once.
    return Answer(status=204)


def _remove_collaborator(ask: Ask) -> Answer:
    ask.world.set_role(ask.repo, _named(ask).login, "none")
    return Answer(status=204)


# Files


def _contents(ask: Ask) -> Answer:
    ref = ask.query.get("ref") or ask.repo.default_branch
    path = ask.params.get("path", "").strip("/")
    git, commit = ask.world.git(ask.repo), ask.world.resolve(ask.repo, ref)
    entry = git.entry(commit, path) if path else None
    if path and entry is None:
        raise Missing("Not Found")
    if entry is None or entry.type == "tree":
        inside = git.tree(f"{commit}:{path}" if path else commit)
        rows = [replace(e, path=f"{path}/{e.path}".lstrip("/")) for e in inside]
        return Answer([ask.shapes.entry(ask.repo, ref, row) for row in rows])
    shape = ask.shapes.entry(ask.repo, ref, entry)
    if entry.type == "commit":
        return Answer(shape | {"submodule_git_url": None})
    content = git.blob(entry.sha)
    if "raw" in ask.accept:
        return Answer(content)
    if shape["type"] == "symlink":
        return Answer(shape | {"target": content.decode(errors="replace")})
    return Answer(shape | {"encoding": "base64", "content": base64.encodebytes(content).decode()})


def _readme(ask: Ask) -> Answer:
    return _contents(replace(ask, params={**ask.params, "path": "README.md"}))


def _put_contents(ask: Ask) -> Answer:
    try:
        content = base64.b64decode(ask.text("content"), validate=False)
    except binascii.Error as error:
        raise Invalid("content is not valid Base64") from error
    blob = ask.world.git(ask.repo).write_blob(content)
    old, commit = _commit_file(ask, blob)
    branch = ask.optional("branch") or ask.repo.default_branch
    entry = ask.world.git(ask.repo).entry(commit, ask.params["path"])
    shown = ask.shapes.entry(ask.repo, branch, entry) if entry else None
    return Answer({"content": shown, "commit": _git_commit(ask, commit)}, 200 if old else 201)


def _delete_contents(ask: Ask) -> Answer:
    _, commit = _commit_file(ask, None)
    return Answer({"content": None, "commit": _git_commit(ask, commit)})


def _git_commit(ask: Ask, sha: str) -> Json:
    return ask.shapes.git_commit(ask.repo, ask.world.git(ask.repo).commit(sha))


def _commit_file(ask: Ask, blob: str | None) -> tuple[str | None, str]:
    """Commit one file; returns the blob that stood there before, and the commit."""
    repo, git, path = ask.repo, ask.world.git(ask.repo), ask.params["path"]
    branch = ask.optional("branch") or repo.default_branch
    ask.world.check_branch_name(branch)
    head = repo.refs.get(f"refs/heads/{branch}")
    if head is None and repo.refs:
        raise Missing(f"Branch {branch} not found")
    entry = git.entry(head, path) if head else None
    given = ask.optional("sha")
    if entry and given is None:
        raise Invalid('Invalid request.\n\n"sha" wasn\'t supplied.')
    if given is not None and (entry is None or entry.sha != given):
        raise Conflict(f"{path} does not match {given}")
    if blob is None and entry is None:
        raise Missing("Not Found")
    mode = entry.mode if entry else "100644"
    tree = git.write_tree(head, {path: (mode, blob) if blob else None})
    author = _person(ask, "author")
    message = ask.text("message")
    parents = [head] if head else []
    commit = git.write_commit(tree, parents, message, author, _person(ask, "committer"))
    refused = may_land(ask.world, repo, ask.who, branch, commit)
    if refused:
        raise Conflict(f"Could not update file: {refused}")
    git.update_ref(f"refs/heads/{branch}", commit, head)
    announce(ask.world, repo, ask.who, [f"refs/heads/{branch}"])
    return (entry.sha if entry else None), commit


def _person(ask: Ask, name: str) -> Person:
    given, me = ask.fields().get(name), ask.world.person(ask.who)
    if not isinstance(given, dict):
        return me
    return Person(str(given.get("name") or me.name), str(given.get("email") or me.email), me.when)


# Commits


def _commits(ask: Ask) -> Answer:
    if not ask.repo.refs:
        raise Conflict("Git Repository is empty.")
    start = ask.world.resolve(ask.repo, ask.query.get("sha") or ask.repo.default_branch)
    found = ask.world.git(ask.repo).log(start, path=ask.query.get("path"))
    return ask.page(found, lambda commit: ask.shapes.commit(ask.repo, commit.sha))


def _commit(ask: Ask) -> Answer:
    try:
        sha = ask.world.resolve(ask.repo, ask.params["ref"])
    except Missing as missing:
        raise Invalid(str(missing)) from missing
    if "sha" in ask.accept:
        return Answer(sha.encode())
    return Answer(ask.shapes.full_commit(ask.repo, sha))


def _compare(ask: Ask) -> Answer:
    base_name, dots, head_name = ask.params["basehead"].partition("...")
    if not dots:
        raise Missing("Not Found")
    git = ask.world.git(ask.repo)
    base, head = ask.world.resolve(ask.repo, base_name), ask.world.resolve(ask.repo, head_name)
    start = git.merge_base(base, head)
    if start is None:
        raise Missing(f"No common ancestor between {base_name} and {head_name}.")
    commits = git.log(f"{base}..{head}")[::-1]
    behind = git.count(f"{head}..{base}")
    status = {(True, True): "diverged", (True, False): "ahead", (False, True): "behind"}
    url = f"{ask.shapes.repo_api(ask.repo)}/compare/{ask.params['basehead']}"
    web = f"{ask.shapes.repo_web(ask.repo)}/compare/{ask.params['basehead']}"
    return ask.page(
        commits,
        lambda commit: ask.shapes.commit(ask.repo, commit.sha),
        lambda shown: {
            "url": url,
            "html_url": web,
            "permalink_url": web,
            "diff_url": f"{web}.diff",
            "patch_url": f"{web}.patch",
            "base_commit": ask.shapes.commit(ask.repo, base),
            "merge_base_commit": ask.shapes.commit(ask.repo, start),
            "status": status.get((bool(commits), bool(behind)), "identical"),
            "ahead_by": len(commits),
            "behind_by": behind,
            "total_commits": len(commits),
            "commits": shown,
            "files": [ask.shapes.file(ask.repo, head, c) for c in git.changes(start, head)],
        },
    )


def _merge_branches(ask: Ask) -> Answer:
    message = ask.optional("commit_message")
    base, head = ask.text("base"), ask.text("head")
    sha = merge_branches(ask.world, ask.repo, ask.who, base, head, message)
    return Answer(status=204) if sha is None else Answer(ask.shapes.commit(ask.repo, sha), 201)


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
    Route("GET", f"{_R}/readme", _readme, "contents=read"),
    Route("GET", f"{_R}/contents/", _contents, "contents=read"),
    Route("GET", f"{_R}/contents", _contents, "contents=read"),
    Route("GET", f"{_R}/contents/{{path+}}", _contents, "contents=read"),
    Route("PUT", f"{_R}/contents/{{path+}}", _put_contents, "contents=write", "write"),
    Route("DELETE", f"{_R}/contents/{{path+}}", _delete_contents, "contents=write", "write"),
    Route("GET", f"{_R}/commits", _commits, "contents=read"),
    Route("GET", f"{_R}/compare/{{basehead+}}", _compare, "contents=read"),
    Route("POST", f"{_R}/merges", _merge_branches, "contents=write", "write"),
)
LAST_ROUTES = (Route("GET", f"{_R}/commits/{{ref+}}", _commit, "contents=read"),)
"""Tried after all others: a ref may hold slashes."""
