"""GitHub's routes for git's own objects: refs, blobs, trees, commits, tags."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from bot.sandbox.ask import Ask
from bot.sandbox.errors import Conflict, Invalid, Missing
from bot.sandbox.git import SHA, ZERO, Entry, GitError, Person, valid_branch
from bot.sandbox.merge import may_land
from bot.sandbox.pushing import announce
from bot.sandbox.routing import Answer, Route
from bot.sandbox.shapes import Json, node_id

_MODES = {
    "100644": "blob",
    "100755": "blob",
    "120000": "blob",
    "040000": "tree",
    "160000": "commit",
}


def _ref(ask: Ask, ref: str) -> Json:
    sha = ask.repo.refs[ref]
    kind = ask.world.git(ask.repo).type_of(sha)
    url = ask.shapes.repo_api(ask.repo)
    return {
        "ref": ref,
        "node_id": node_id("Ref", f"{ask.repo.id}:{ref}"),
        "url": f"{url}/git/{ref}",
        "object": {"type": kind, "sha": sha, "url": f"{url}/git/{kind}s/{sha}"},
    }


def _get_ref(ask: Ask) -> Answer:
    ref = f"refs/{ask.params['ref']}"
    if ref not in ask.repo.refs:
        raise Missing("Not Found")
    return Answer(_ref(ask, ref))


def _matching_refs(ask: Ask) -> Answer:
    start = f"refs/{ask.params.get('ref', '')}"
    found = [ref for ref in sorted(ask.repo.refs) if ref.startswith(start)]
    return ask.page(found, lambda ref: _ref(ask, ref))


def _check_ref(ref: str) -> None:
    if not re.match(r"refs/(heads|tags)/", ref) or not valid_branch(ref.split("/", 2)[2]):
        raise Invalid(f"{ref} is not a valid ref name.")


def _known(ask: Ask, name: str, kind: str | None = None) -> str:
    sha = ask.text(name)
    actual = ask.world.git(ask.repo).type_of(sha) if SHA.fullmatch(sha) else None
    if actual is None or (kind and actual != kind):
        raise Invalid("Object does not exist")
    return sha


def _create_ref(ask: Ask) -> Answer:
    ref = ask.text("ref")
    _check_ref(ref)
    sha = _known(ask, "sha", "commit" if ref.startswith("refs/heads/") else None)
    if ref in ask.repo.refs:
        raise Invalid("Reference already exists")
    _move(ask, ref, sha, ZERO)
    return Answer(_ref(ask, ref), 201)


def _update_ref(ask: Ask) -> Answer:
    ref = f"refs/{ask.params['ref']}"
    old = ask.repo.refs.get(ref)
    if old is None:
        raise Invalid("Reference does not exist")
    sha = _known(ask, "sha", "commit")
    rule = ask.world.protection(ask.repo, ref.removeprefix("refs/heads/"))
    if not ask.world.git(ask.repo).is_ancestor(old, sha):
        if not ask.flag("force"):
            raise Invalid("Update is not a fast forward")
        if rule and not rule.allow_force_pushes:
            raise Invalid("Cannot force-push to this branch")
    _move(ask, ref, sha, old)
    return Answer(_ref(ask, ref))


def _delete_ref(ask: Ask) -> Answer:
    ref = f"refs/{ask.params['ref']}"
    old = ask.repo.refs.get(ref)
    if old is None:
        raise Invalid("Reference does not exist")
    rule = ask.world.protection(ask.repo, ref.removeprefix("refs/heads/"))
    if rule and not rule.allow_deletions:
        raise Invalid("Cannot delete this branch: it is protected")
    if ref == f"refs/heads/{ask.repo.default_branch}":
        raise Invalid("Cannot delete the default branch")
    _move(ask, ref, ZERO, old)
    return Answer(status=204)


def _move(ask: Ask, ref: str, new: str, old: str) -> None:
    branch = ref.removeprefix("refs/heads/")
    refused = may_land(ask.world, ask.repo, ask.who, branch, new) if new != ZERO else None
    if refused and old != ZERO:
        raise Invalid(refused)
    try:
        ask.world.git(ask.repo).update_ref(ref, new, old)
    except GitError as error:
        raise Conflict("Reference was changed meanwhile, or a part of its name is one") from error
    announce(ask.world, ask.repo, ask.who, [ref])


def _get_blob(ask: Ask) -> Answer:
    sha = _object(ask, "file_sha", "blob")
    content = ask.world.git(ask.repo).blob(sha)
    shape = {
        "sha": sha,
        "node_id": node_id("Blob", sha),
        "size": len(content),
        "url": f"{ask.shapes.repo_api(ask.repo)}/git/blobs/{sha}",
        "content": base64.encodebytes(content).decode(),
        "encoding": "base64",
    }
    return Answer(shape)


def _object(ask: Ask, name: str, kind: str) -> str:
    sha = ask.params[name]
    if not SHA.fullmatch(sha) or ask.world.git(ask.repo).type_of(sha) != kind:
        raise Missing("Not Found")
    return sha


def _create_blob(ask: Ask) -> Answer:
    content = ask.text("content").encode()
    if ask.optional("encoding") == "base64":
        try:
            content = base64.b64decode(content)
        except binascii.Error as error:
            raise Invalid("content is not valid Base64") from error
    sha = ask.world.git(ask.repo).write_blob(content)
    return Answer({"url": f"{ask.shapes.repo_api(ask.repo)}/git/blobs/{sha}", "sha": sha}, 201)


def _get_tree(ask: Ask) -> Answer:
    try:
        commit = ask.world.resolve(ask.repo, ask.params["tree_sha"])
        sha = ask.world.git(ask.repo).commit(commit).tree
    except Missing:
        sha = _object(ask, "tree_sha", "tree")
    recursive = "recursive" in ask.query
    return Answer(_tree(ask, sha, recursive=recursive))


def _tree(ask: Ask, sha: str, *, recursive: bool = False) -> Json:
    entries = ask.world.git(ask.repo).tree(sha, recursive=recursive)
    url = f"{ask.shapes.repo_api(ask.repo)}/git"
    rows = [_tree_row(url, entry) for entry in entries]
    return {"sha": sha, "url": f"{url}/trees/{sha}", "tree": rows, "truncated": False}


def _tree_row(url: str, entry: Entry) -> Json:
    row: Json = {"path": entry.path, "mode": entry.mode, "type": entry.type, "sha": entry.sha}
    if entry.size is not None:
        row["size"] = entry.size
    if entry.type != "commit":
        row["url"] = f"{url}/{entry.type}s/{entry.sha}"
    return row


def _create_tree(ask: Ask) -> Answer:
    git = ask.world.git(ask.repo)
    rows = ask.fields().get("tree")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Invalid("Invalid tree info")
    edits: dict[str, tuple[str, str] | None] = {}
    for row in rows:
        path, mode = str(row.get("path") or ""), str(row.get("mode"))
        if not path or path.startswith("/") or mode not in _MODES:
            raise Invalid("tree.path or tree.mode is invalid")
        if row.get("sha") is None and row.get("content") is None:
            edits[path] = None
        else:
            edits[path] = (mode, _tree_object(ask, row))
    base = ask.optional("base_tree")
    if base is not None and (
        not SHA.fullmatch(base) or git.type_of(base) not in {"tree", "commit"}
    ):
        raise Invalid("base_tree does not exist")
    return Answer(_tree(ask, git.write_tree(base, edits)), 201)


def _tree_object(ask: Ask, row: Mapping[str, Any]) -> str:
    git = ask.world.git(ask.repo)
    if row.get("content") is not None:
        return git.write_blob(str(row["content"]).encode())
    sha = str(row["sha"])
    wanted = _MODES[str(row["mode"])]
    if not SHA.fullmatch(sha) or (wanted != "commit" and git.type_of(sha) != wanted):
        raise Invalid(f"tree.sha {sha} is not a valid {wanted}")
    return sha


def _get_commit(ask: Ask) -> Answer:
    sha = _object(ask, "commit_sha", "commit")
    return Answer(ask.shapes.git_commit(ask.repo, ask.world.git(ask.repo).commit(sha)))


def _create_commit(ask: Ask) -> Answer:
    git = ask.world.git(ask.repo)
    tree, parents = _known(ask, "tree", "tree"), ask.texts("parents")
    for parent in parents:
        if not SHA.fullmatch(parent) or git.type_of(parent) != "commit":
            raise Invalid("Parent SHA does not exist or is not a commit object")
    author = _person(ask, "author", ask.world.person(ask.who))
    committer = _person(ask, "committer", author)
    sha = git.write_commit(tree, parents, ask.text("message"), author, committer)
    return Answer(ask.shapes.git_commit(ask.repo, git.commit(sha)), 201)


def _person(ask: Ask, name: str, default: Person) -> Person:
    given = ask.fields().get(name)
    if not isinstance(given, dict):
        return default
    if not given.get("name") or not given.get("email"):
        raise Invalid(f"{name} needs a name and an email")
    person = Person(str(given["name"]), str(given["email"]), default.when)
    if given.get("date") is None:
        return person
    try:
        when = datetime.fromisoformat(str(given["date"]))
    except ValueError as error:
        raise Invalid(f"{name}.date is not an ISO 8601 time") from error
    return replace(person, when=int(when.timestamp()))


_G = "/repos/{owner}/{repo}/git"
ROUTES = (
    Route("GET", f"{_G}/ref/{{ref+}}", _get_ref, "contents=read"),
    Route("GET", f"{_G}/matching-refs/{{ref+}}", _matching_refs, "contents=read"),
    Route("GET", f"{_G}/refs", _matching_refs, "contents=read"),
    Route("GET", f"{_G}/refs/{{ref+}}", _get_ref, "contents=read"),
    Route("POST", f"{_G}/refs", _create_ref, "contents=write", "write"),
    Route("PATCH", f"{_G}/refs/{{ref+}}", _update_ref, "contents=write", "write"),
    Route("DELETE", f"{_G}/refs/{{ref+}}", _delete_ref, "contents=write", "write"),
    Route("GET", f"{_G}/blobs/{{file_sha}}", _get_blob, "contents=read"),
    Route("POST", f"{_G}/blobs", _create_blob, "contents=write", "write"),
    Route("GET", f"{_G}/trees/{{tree_sha+}}", _get_tree, "contents=read"),
    Route("POST", f"{_G}/trees", _create_tree, "contents=write", "write"),
    Route("GET", f"{_G}/commits/{{commit_sha}}", _get_commit, "contents=read"),
    Route("POST", f"{_G}/commits", _create_commit, "contents=write", "write"),
)
