"""GitLab's routes for emoji on merge requests, issues and their notes."""

from bot.sandbox.errors import Missing
from bot.sandbox.gitlab_ask import Ask, Problem, route
from bot.sandbox.gitlab_notes import find_note, noteable
from bot.sandbox.gitlab_shapes_mr import TO_GITLAB_EMOJI
from bot.sandbox.reactions import react, reactions, unreact
from bot.sandbox.records import Reaction
from bot.sandbox.routing import Answer

_FROM_GITLAB = {gitlab: plain for plain, gitlab in TO_GITLAB_EMOJI.items()}


def _subject(ask: Ask) -> str:
    about = noteable(ask)
    if "note_id" in ask.params:
        return f"comment/{find_note(ask, about).id}"
    return f"issue/{about.number}"


def _list(ask: Ask) -> Answer:
    found = reactions(ask.world, ask.repo, _subject(ask))
    return ask.page(found, lambda one: ask.shapes.emoji(ask.repo, one))


def _create(ask: Ask) -> Answer:
    subject, name = _subject(ask), ask.text("name").strip(":")
    made, new = react(ask.world, ask.repo, ask.who, subject, _FROM_GITLAB.get(name, name))
    if not new:
        raise Problem(404, "404 Award Emoji Name has already been taken Not Found")
    return Answer(ask.shapes.emoji(ask.repo, made), 201)


def _found(ask: Ask) -> Reaction:
    found = ask.world.store.get(Reaction, ask.number("award_id"), ask.repo.id)
    if found is None or found.subject != _subject(ask):
        raise Missing("404 Not found")
    return found


def _get(ask: Ask) -> Answer:
    return Answer(ask.shapes.emoji(ask.repo, _found(ask)))


def _delete(ask: Ask) -> Answer:
    found = _found(ask)
    if found.author_id != ask.who.id and not ask.who.instance_admin:
        raise Problem(401, "401 Unauthorized")
    unreact(ask.world, ask.repo, ask.who, found)
    return Answer(status=204)


_MR, _ISSUE = "/projects/{id}/merge_requests/{mr_iid}", "/projects/{id}/issues/{issue_iid}"
ROUTES = tuple(
    route(method, f"{where}{note}/award_emoji{path}", handle)
    for where in (_MR, _ISSUE)
    for note in ("", "/notes/{note_id}")
    for method, path, handle in (
        ("GET", "", _list),
        ("POST", "", _create),
        ("GET", "/{award_id}", _get),
        ("DELETE", "/{award_id}", _delete),
    )
)
