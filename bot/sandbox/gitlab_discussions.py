"""GitLab's routes for discussions: notes in threads, on merge requests, issues and commits."""

from dataclasses import replace

from bot.sandbox.errors import Missing
from bot.sandbox.events import Event
from bot.sandbox.gitlab_ask import Ask, route
from bot.sandbox.gitlab_notes import noteable, write_note
from bot.sandbox.gitlab_shapes import Json
from bot.sandbox.pulls import delete_comment, edit_comment
from bot.sandbox.records import Comment, Issue
from bot.sandbox.routing import Answer


def _about(ask: Ask) -> Issue | None:
    return None if "sha" in ask.params else noteable(ask)


def commit_note(ask: Ask, sha: str, body: str, thread: str = "") -> Comment:
    """Write a note on a commit."""
    now = ask.world.store.now()
    made = ask.world.store.put(
        Comment(
            id=ask.world.store.new_id(),
            repo_id=ask.repo.id,
            number=0,
            author_id=ask.who.id,
            body=body,
            commit_sha=sha,
            thread=thread,
            created_at=now,
            updated_at=now,
        )
    )
    ask.world.tell(Event("commit_note", "created", ask.repo.id, ask.who.id, made.id))
    return made


def notes_of(ask: Ask) -> list[Comment]:
    """Return the notes of what the path names, oldest first."""
    about, found = _about(ask), ask.world.store.all(Comment, ask.repo.id)
    if about is None:
        sha = ask.world.resolve(ask.repo, ask.params["sha"])
        return [c for c in found if c.commit_sha == sha]
    return [c for c in found if c.number == about.number]


def _thread(comment: Comment) -> str:
    return comment.thread or f"{comment.id:040x}"


def _note(ask: Ask, comment: Comment) -> Json:
    about = _about(ask)
    if about is None:
        return ask.shapes.commit_note(ask.repo, comment)
    shape = ask.shapes.note(ask.repo, about, comment)
    threaded = bool(comment.thread)
    kind = "DiscussionNote" if threaded else None
    return {**shape, "type": kind, "resolvable": threaded and about.is_pull}


def _discussion(ask: Ask, key: str) -> Json:
    found = [c for c in notes_of(ask) if _thread(c) == key]
    if not found:
        raise Missing("404 Discussion Not Found")
    shapes = [_note(ask, comment) for comment in found]
    return {"id": key, "individual_note": not found[0].thread, "notes": shapes}


def _list(ask: Ask) -> Answer:
    keys = dict.fromkeys(_thread(comment) for comment in notes_of(ask))
    return ask.page(list(keys), lambda key: _discussion(ask, key))


def _get(ask: Ask) -> Answer:
    return Answer(_discussion(ask, ask.params["discussion"]))


def _written(ask: Ask, body: str, thread: str) -> Comment:
    about = _about(ask)
    if about is None:
        sha = ask.world.resolve(ask.repo, ask.params["sha"])
        return commit_note(ask, sha, body, thread)
    kept, _ = write_note(ask, about, body)
    if kept is None:
        raise Missing("404 Note Not Found")
    return ask.world.store.put(replace(kept, thread=thread))


def _create(ask: Ask) -> Answer:
    made = _written(ask, ask.text("body"), "")
    key = f"{made.id:040x}"
    ask.world.store.put(replace(made, thread=key))
    return Answer(_discussion(ask, key), 201)


def _add(ask: Ask) -> Answer:
    key = ask.params["discussion"]
    _discussion(ask, key)
    return Answer(_note(ask, _written(ask, ask.text("body"), key)), 201)


def _found(ask: Ask) -> Comment:
    for comment in notes_of(ask):
        if comment.id == ask.number("note_id") and _thread(comment) == ask.params["discussion"]:
            return comment
    raise Missing("404 Note Not Found")


def _get_note(ask: Ask) -> Answer:
    return Answer(_note(ask, _found(ask)))


def _edit_note(ask: Ask) -> Answer:
    found = _found(ask)
    if found.author_id != ask.who.id:
        ask.require("maintain")
    if "body" in ask.fields and ask.text("body") != found.body:
        found = edit_comment(ask.world, ask.repo, ask.who, found, ask.text("body"))
    if "resolved" in ask.fields:
        found = ask.world.store.put(replace(found, resolved=ask.flag("resolved")))
    return Answer(_note(ask, found))


def _delete_note(ask: Ask) -> Answer:
    found = _found(ask)
    if found.author_id != ask.who.id:
        ask.require("maintain")
    delete_comment(ask.world, ask.repo, ask.who, found)
    return Answer(status=204)


# Comments on commits, the older way


def _comments(ask: Ask) -> Answer:
    return ask.page(notes_of(ask), lambda comment: _old_shape(ask, comment))


def _comment(ask: Ask) -> Answer:
    sha = ask.world.resolve(ask.repo, ask.params["sha"])
    return Answer(_old_shape(ask, commit_note(ask, sha, ask.text("note"))), 201)


def _old_shape(ask: Ask, comment: Comment) -> Json:
    shape = ask.shapes.commit_note(ask.repo, comment)
    more = {"path": None, "line": None, "line_type": None}
    return {"note": comment.body, "author": shape["author"], **more}


_ON = (
    "/projects/{id}/merge_requests/{mr_iid}",
    "/projects/{id}/issues/{issue_iid}",
    "/projects/{id}/repository/commits/{sha}",
)
_D = "/discussions/{discussion}"
ROUTES = (
    *(
        route(method, f"{where}{path}", handle)
        for where in _ON
        for method, path, handle in (
            ("GET", "/discussions", _list),
            ("POST", "/discussions", _create),
            ("GET", _D, _get),
            ("POST", f"{_D}/notes", _add),
            ("GET", f"{_D}/notes/{{note_id}}", _get_note),
            ("PUT", f"{_D}/notes/{{note_id}}", _edit_note),
            ("DELETE", f"{_D}/notes/{{note_id}}", _delete_note),
        )
    ),
    route("GET", f"{_ON[2]}/comments", _comments, "read"),
    route("POST", f"{_ON[2]}/comments", _comment),
)
