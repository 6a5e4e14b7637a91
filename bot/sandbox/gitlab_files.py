"""GitLab's routes for what is in a repository: trees, files, commits, tags, differences."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from bot.sandbox.errors import Missing
from bot.sandbox.git import ZERO, Entry, valid_branch
from bot.sandbox.gitlab_ask import Ask, Problem, bad, route
from bot.sandbox.gitlab_shapes import Json
from bot.sandbox.merge import may_land
from bot.sandbox.pushing import announce
from bot.sandbox.routing import Answer

_MODES = {True: "100755", False: "100644"}


def _ref(ask: Ask, name: str = "ref") -> str:
    """Return the commit that a parameter names, the default branch where it is not there."""
    given = ask.optional(name) or ask.repo.default_branch
    if given == "HEAD":
        given = ask.repo.default_branch
    try:
        return ask.world.resolve(ask.repo, given)
    except Missing as error:
        raise Missing("404 Commit Not Found") from error


def _tree(ask: Ask) -> Answer:
    git = ask.world.git(ask.repo)
    try:
        sha = _ref(ask)
    except Missing as error:
        raise Missing("404 Tree Not Found") from error
    where = (ask.optional("path") or "").strip("/")
    start = git.entry(sha, where) if where else None
    if where and (start is None or start.type != "tree"):
        raise Missing("404 invalid revision or path Not Found")
    found = git.tree(start.sha if start else sha, recursive=ask.flag("recursive"))
    prefix = f"{where}/" if where else ""
    return ask.page(sorted(found, key=_trees_first), lambda entry: _entry(prefix, entry))


def _trees_first(entry: Entry) -> tuple[bool, str]:
    return (entry.type != "tree", entry.path)


def _entry(prefix: str, entry: Entry) -> Json:
    path = prefix + entry.path
    name = entry.path.rpartition("/")[2]
    return {"id": entry.sha, "name": name, "type": entry.type, "path": path, "mode": entry.mode}


# Files


def _found_file(ask: Ask) -> tuple[str, Entry, bytes]:
    git, sha = ask.world.git(ask.repo), _ref(ask)
    entry = git.entry(sha, ask.params["path"])
    if entry is None or entry.type != "blob":
        raise Missing("404 File Not Found")
    return sha, entry, git.blob(entry.sha)


def _file(ask: Ask) -> Answer:
    sha, entry, content = _found_file(ask)
    last = ask.world.git(ask.repo).log(sha, limit=1, path=entry.path)[0].sha
    shape = {
        "file_name": entry.path.rpartition("/")[2],
        "file_path": entry.path,
        "size": len(content),
        "encoding": "base64",
        "content_sha256": hashlib.sha256(content).hexdigest(),
        "ref": ask.optional("ref") or ask.repo.default_branch,
        "blob_id": entry.sha,
        "commit_id": sha,
        "last_commit_id": last,
        "execute_filemode": entry.mode == "100755",
    }
    headers = {
        f"X-Gitlab-{'-'.join(part.capitalize() for part in name.split('_'))}": quote(str(value))
        for name, value in shape.items()
    }
    encoded = base64.b64encode(content).decode()
    return Answer({**shape, "content": encoded}, headers=headers)


def _raw(ask: Ask) -> Answer:
    return Answer(_found_file(ask)[2])


def _blob(ask: Ask) -> Answer:
    git = ask.world.git(ask.repo)
    if git.type_of(ask.params["sha"]) != "blob":
        raise Missing("404 Blob Not Found")
    content = git.blob(ask.params["sha"])
    encoded = base64.b64encode(content).decode()
    shape = {"size": len(content), "encoding": "base64", "content": encoded}
    return Answer({**shape, "sha": ask.params["sha"]})


def _one_action(ask: Ask, action: str) -> Answer:
    item = {**ask.fields, "action": action, "file_path": ask.params["path"]}
    branch = ask.text("branch")
    _commit_actions(ask, branch, [item], ask.text("commit_message"))
    return Answer({"file_path": ask.params["path"], "branch": branch})


def _create_file(ask: Ask) -> Answer:
    answer = _one_action(ask, "create")
    return Answer(answer.body, 201)


def _update_file(ask: Ask) -> Answer:
    return _one_action(ask, "update")


def _delete_file(ask: Ask) -> Answer:
    _one_action(ask, "delete")
    return Answer(status=204)


# Commits


def _commits(ask: Ask) -> Answer:
    git = ask.world.git(ask.repo)
    name = ask.optional("ref_name") or ""
    try:
        if ask.flag("all"):
            heads = [sha for ref, sha in ask.repo.refs.items() if ref.startswith("refs/heads/")]
            found = git.log(*heads, path=ask.optional("path")) if heads else []
        elif ".." in name and not valid_branch(name):
            old, _, new = name.partition("..")
            ends = (ask.world.resolve(ask.repo, old), ask.world.resolve(ask.repo, new.lstrip(".")))
            found = git.log(f"{ends[0]}..{ends[1]}", path=ask.optional("path"))
        else:
            found = git.log(_ref(ask, "ref_name"), path=ask.optional("path"))
    except Missing:
        found = []
    answer = ask.page(found, lambda commit: ask.shapes.commit(ask.repo, commit))
    # Nobody counts commits: GitLab's own way.
    headers = {n: v for n, v in answer.headers.items() if n not in {"X-Total", "X-Total-Pages"}}
    return Answer(answer.body, headers=headers)


def _sha(ask: Ask) -> str:
    try:
        return ask.world.resolve(ask.repo, ask.params["sha"])
    except Missing as error:
        raise Missing("404 Commit Not Found") from error


def _commit(ask: Ask) -> Answer:
    found = ask.world.git(ask.repo).commit(_sha(ask))
    return Answer(ask.shapes.full_commit(ask.repo, found))


def _commit_diff(ask: Ask) -> Answer:
    git = ask.world.git(ask.repo)
    found = git.commit(_sha(ask))
    parent = found.parents[0] if found.parents else git.write_tree(None, {})
    return ask.page(git.changes(parent, found.sha), ask.shapes.difference)


def _commit_refs(ask: Ask) -> Answer:
    sha, git = _sha(ask), ask.world.git(ask.repo)
    kinds = {"refs/heads/": "branch", "refs/tags/": "tag"}
    found = [
        {"type": kind, "name": ref.removeprefix(start)}
        for ref, at in sorted(ask.repo.refs.items())
        for start, kind in kinds.items()
        if ref.startswith(start) and git.is_ancestor(sha, at)
    ]
    wanted = ask.choice("type", ("all", "branch", "tag"), "all")
    return ask.page([one for one in found if wanted in {"all", one["type"]}], lambda one: one)


def _create_commit(ask: Ask) -> Answer:
    actions = ask.fields.get("actions")
    if not isinstance(actions, list) or not all(isinstance(one, dict) for one in actions):
        raise bad("actions is missing" if actions is None else "actions is invalid")
    sha = _commit_actions(ask, ask.text("branch"), actions, ask.text("commit_message"))
    found = ask.world.git(ask.repo).commit(sha)
    return Answer(ask.shapes.full_commit(ask.repo, found), 201)


def _commit_actions(ask: Ask, branch: str, actions: list[Mapping[str, Any]], message: str) -> str:
    git, ref = ask.world.git(ask.repo), f"refs/heads/{branch}"
    if not valid_branch(branch):
        raise Problem(400, "Branch name is invalid")
    head = ask.repo.refs.get(ref)
    start = ask.optional("start_sha") or ask.optional("start_branch")
    parent = ask.world.resolve(ask.repo, start) if start and head is None else head
    if parent is None and ask.repo.refs:
        raise Problem(400, "You can only create or edit files when you are on a branch")
    edits: dict[str, tuple[str, str] | None] = {}
    for action in actions:
        edits |= _edit(ask, parent, action)
    me = ask.world.person(ask.who)
    tree = git.write_tree(parent, edits)
    name, email = ask.optional("author_name"), ask.optional("author_email")
    author = replace(me, name=name or me.name, email=email or me.email)
    parents = [parent] if parent else []
    sha = git.write_commit(tree, parents, f"{message.rstrip()}\n", author, me)
    refused = may_land(ask.world, ask.repo, ask.who, branch, sha)
    if refused:
        raise Problem(403, "You are not allowed to push into this branch")
    git.update_ref(ref, sha, head or ZERO)
    announce(ask.world, ask.repo, ask.who, [ref])
    return sha


def _edit(
    ask: Ask, parent: str | None, action: Mapping[str, Any]
) -> dict[str, tuple[str, str] | None]:
    git, path = ask.world.git(ask.repo), str(action.get("file_path", ""))
    kind = action.get("action")
    if kind not in {"create", "delete", "move", "update", "chmod"}:
        raise bad("actions[action] does not have a valid value")
    previous = str(action.get("previous_path") or path) if kind == "move" else path
    old = git.entry(parent, previous) if parent else None
    if kind == "create" and old is not None:
        raise Problem(400, "A file with this name already exists")
    if kind != "create" and old is None:
        raise Problem(400, "A file with this name doesn't exist")
    if kind == "delete":
        return {path: None}
    mode = old.mode if old else "100644"
    if "execute_filemode" in action:
        mode = _MODES[bool(action["execute_filemode"])]
    blob = old.sha if old else ""
    if action.get("content") is not None or kind == "create":
        text = str(action.get("content") or "")
        content = text.encode()
        if action.get("encoding") == "base64":
            try:
                content = base64.b64decode(text, validate=True)
            except ValueError as error:
                raise Problem(400, "content is not base64") from error
        blob = git.write_blob(content)
    gone: dict[str, tuple[str, str] | None] = {previous: None} if kind == "move" else {}
    return {**gone, path: (mode, blob)}


# Differences and tags


def _compare(ask: Ask) -> Answer:
    git = ask.world.git(ask.repo)
    ask.text("from")
    ask.text("to")
    try:
        old, new = (ask.world.resolve(ask.repo, ask.text(end)) for end in ("from", "to"))
    except Missing as error:
        raise Missing("404 Ref Not Found") from error
    start = old if ask.flag("straight") else git.merge_base(old, new) or old
    commits = git.log(f"{start}..{new}")[::-1]
    shapes = [ask.shapes.commit(ask.repo, commit) for commit in commits]
    return Answer(
        {
            "commit": shapes[-1] if shapes else None,
            "commits": shapes,
            "diffs": [ask.shapes.difference(change) for change in git.changes(start, new)],
            "compare_timeout": False,
            "compare_same_ref": old == new,
            "web_url": (
                f"{ask.shapes.project_web(ask.repo)}/-/compare/"
                f"{ask.text('from')}...{ask.text('to')}"
            ),
        }
    )


def _merge_base(ask: Ask) -> Answer:
    names = ask.texts("refs") or ()
    if len(names) < 2:
        raise Problem(400, "Provide at least 2 refs")
    git = ask.world.git(ask.repo)
    shas = [ask.world.resolve(ask.repo, name) for name in names]
    base = git.merge_base(shas[0], shas[1])
    if base is None:
        raise Missing("404 Merge Base Not Found")
    return Answer(ask.shapes.commit(ask.repo, git.commit(base)))


def _tags(ask: Ask) -> Answer:
    names = [
        ref.removeprefix("refs/tags/") for ref in ask.repo.refs if ref.startswith("refs/tags/")
    ]
    return ask.page(sorted(names, reverse=True), lambda name: _tag(ask, name))


def _tag(ask: Ask, name: str) -> Json:
    git = ask.world.git(ask.repo)
    at = ask.repo.refs[f"refs/tags/{name}"]
    commit = git.commit(git.expand(at) or at)
    return {
        "name": name,
        "message": "",
        "target": at,
        "commit": ask.shapes.commit(ask.repo, commit),
        "release": None,
        "protected": False,
        "created_at": None,
    }


def _get_tag(ask: Ask) -> Answer:
    if f"refs/tags/{ask.params['name']}" not in ask.repo.refs:
        raise Missing("404 Tag Not Found")
    return Answer(_tag(ask, ask.params["name"]))


def _create_tag(ask: Ask) -> Answer:
    name = ask.text("tag_name")
    ref = f"refs/tags/{name}"
    if ref in ask.repo.refs:
        raise Problem(400, f"Tag {name} already exists")
    sha = ask.world.resolve(ask.repo, ask.text("ref"))
    ask.world.git(ask.repo).update_ref(ref, sha, ZERO)
    announce(ask.world, ask.repo, ask.who, [ref])
    return Answer(_tag(ask, name), 201)


def _delete_tag(ask: Ask) -> Answer:
    _get_tag(ask)
    ref = f"refs/tags/{ask.params['name']}"
    ask.world.git(ask.repo).update_ref(ref, ZERO, ask.repo.refs[ref])
    announce(ask.world, ask.repo, ask.who, [ref])
    return Answer(status=204)


def _raw_blob(ask: Ask) -> Answer:
    git = ask.world.git(ask.repo)
    if git.type_of(ask.params["sha"]) != "blob":
        raise Missing("404 Blob Not Found")
    return Answer(git.blob(ask.params["sha"]))


_R = "/projects/{id}/repository"
_F = f"{_R}/files/{{path}}"
ROUTES = (
    route("GET", f"{_R}/tree", _tree, "read"),
    route("GET", f"{_F}/raw", _raw, "read", "read_repository"),
    route("GET", _F, _file, "read", "read_repository"),
    route("POST", _F, _create_file, "write"),
    route("PUT", _F, _update_file, "write"),
    route("DELETE", _F, _delete_file, "write"),
    route("GET", f"{_R}/blobs/{{sha}}", _blob, "read"),
    route("GET", f"{_R}/blobs/{{sha}}/raw", _raw_blob, "read"),
    route("GET", f"{_R}/commits", _commits, "read"),
    route("POST", f"{_R}/commits", _create_commit, "write"),
    route("GET", f"{_R}/commits/{{sha}}", _commit, "read"),
    route("GET", f"{_R}/commits/{{sha}}/diff", _commit_diff, "read"),
    route("GET", f"{_R}/commits/{{sha}}/refs", _commit_refs, "read"),
    route("GET", f"{_R}/compare", _compare, "read"),
    route("GET", f"{_R}/merge_base", _merge_base, "read"),
    route("GET", f"{_R}/tags", _tags, "read"),
    route("POST", f"{_R}/tags", _create_tag, "write"),
    route("GET", f"{_R}/tags/{{name}}", _get_tag, "read"),
    route("DELETE", f"{_R}/tags/{{name}}", _delete_tag, "write"),
)
