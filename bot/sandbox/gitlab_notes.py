"""GitLab's routes for notes on merge requests and issues."""

from bot.sandbox.errors import Denied, Missing
from bot.sandbox.gitlab_ask import Ask, Problem, route
from bot.sandbox.gitlab_quick import extract, obey
from bot.sandbox.pulls import comment, delete_comment, edit_comment, issues
from bot.sandbox.records import Comment, Issue, at_least
from bot.sandbox.routing import Answer


def noteable(ask: Ask) -> Issue:
    """Return the issue or the merge request's conversation that the path names."""
    is_pull = "mr_iid" in ask.params
    iid = ask.number("mr_iid" if is_pull else "issue_iid")
    if is_pull and not at_least(ask.role, "read"):
        raise Missing("404 Not found")
    for found in issues(ask.world, ask.repo):
        if (found.is_pull, found.iid) == (is_pull, iid):
            if found.confidential and not sees_confidential(ask, found):
                break
            return found
    raise Missing("404 Not found")


def sees_confidential(ask: Ask, about: Issue) -> bool:
    """Say whether the asker may see a confidential issue."""
    me = ask.actor.account
    if me is None:
        return False
    involved = about.author_id == me.id or me.login in about.assignees
    return involved or _may_see_internal(ask)


def _may_see_internal(ask: Ask) -> bool:
    return at_least(ask.held, "planner")


def _notes(ask: Ask) -> Answer:
    about = noteable(ask)
    found = [c for c in ask.world.store.all(Comment, ask.repo.id) if c.number == about.number]
    found = [c for c in found if not c.internal or _may_see_internal(ask)]
    kinds = ("all_notes", "only_comments", "only_activity")
    kind = ask.choice("activity_filter", kinds, "all_notes")
    found = [c for c in found if kind == "all_notes" or c.system == (kind == "only_activity")]
    by = ask.choice("order_by", ("created_at", "updated_at"), "created_at")
    falling = ask.choice("sort", ("asc", "desc"), "desc") == "desc"
    found.sort(key=lambda c: (getattr(c, by), c.id), reverse=falling)
    return ask.page(found, lambda c: ask.shapes.note(ask.repo, about, c))


def _create(ask: Ask) -> Answer:
    about, body = noteable(ask), ask.text("body")
    internal = ask.flag("internal", default=ask.flag("confidential"))
    if internal and not _may_see_internal(ask):
        raise Denied("403 Forbidden")
    made, said = write_note(ask, about, body, internal=internal)
    if made is None:
        return Answer({"commands_changes": {}, "summary": said}, 202)
    return Answer(ask.shapes.note(ask.repo, about, made), 201)


def write_note(
    ask: Ask, about: Issue, body: str, *, internal: bool = False
) -> tuple[Comment | None, list[str]]:
    """Write a note without its quick actions and do these; returns what was kept and done.

    Raises Problem where nothing is left to keep, and nothing of it could be done.
    """
    extracted = extract(body)
    kept = None
    if extracted.text.strip():
        text = extracted.text
        kept = comment(ask.world, ask.repo, ask.who, about.number, text, internal=internal)
    said = obey(ask, about, extracted.commands)
    if kept is None and not said:
        raise Problem(400, "400 Bad request - Failed to apply commands.")
    return kept, said


def find_note(ask: Ask, about: Issue) -> Comment:
    """Return the note that the path names."""
    found = ask.world.store.get(Comment, ask.number("note_id"), ask.repo.id)
    hidden = found is not None and found.internal and not _may_see_internal(ask)
    if found is None or hidden or found.number != about.number:
        raise Missing("404 Note Not Found")
    return found


def _get(ask: Ask) -> Answer:
    about = noteable(ask)
    return Answer(ask.shapes.note(ask.repo, about, find_note(ask, about)))


def _own(ask: Ask, about: Issue) -> Comment:
    found = find_note(ask, about)
    if found.author_id != ask.who.id:
        ask.require("maintain")
    return found


def _edit(ask: Ask) -> Answer:
    about = noteable(ask)
    made = edit_comment(ask.world, ask.repo, ask.who, _own(ask, about), ask.text("body"))
    return Answer(ask.shapes.note(ask.repo, about, made))


def _delete(ask: Ask) -> Answer:
    delete_comment(ask.world, ask.repo, ask.who, _own(ask, noteable(ask)))
    return Answer(status=204)


_MR, _ISSUE = "/projects/{id}/merge_requests/{mr_iid}", "/projects/{id}/issues/{issue_iid}"
ROUTES = tuple(
    route(method, f"{where}{path}", handle)
    for where in (_MR, _ISSUE)
    for method, path, handle in (
        ("GET", "/notes", _notes),
        ("POST", "/notes", _create),
        ("GET", "/notes/{note_id}", _get),
        ("PUT", "/notes/{note_id}", _edit),
        ("DELETE", "/notes/{note_id}", _delete),
    )
)
