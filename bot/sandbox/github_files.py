"""GitHub's routes for files, commits and what lies between two of them."""

import base64
import binascii
from dataclasses import replace

from bot.sandbox.ask import Ask
from bot.sandbox.errors import Conflict, Invalid, Missing
from bot.sandbox.git import Person
from bot.sandbox.merge import may_land, merge_branches
from bot.sandbox.pushing import announce
from bot.sandbox.routing import Answer, Route
from bot.sandbox.shapes import Json


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
ROUTES = (
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
