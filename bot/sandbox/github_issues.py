"""GitHub's routes for issues, comments, labels, assignees and reactions."""

import re
from collections.abc import Sequence
from dataclasses import replace

from bot.sandbox.ask import Ask
from bot.sandbox.errors import Invalid, Missing
from bot.sandbox.github_pulls import set_state
from bot.sandbox.pulls import (
    comment,
    delete_comment,
    edit_comment,
    edit_issue,
    issue,
    issues,
    make_labels,
    open_issue,
    pull,
)
from bot.sandbox.reactions import react, reactions, unreact
from bot.sandbox.records import Comment, Issue, Label, Reaction
from bot.sandbox.routing import Answer, Route

_EMOJI = {"+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"}


def _issue(ask: Ask) -> Issue:
    return issue(ask.world, ask.repo, ask.number("issue_number"))


def _list(ask: Ask) -> Answer:
    found = issues(ask.world, ask.repo)
    state = ask.query.get("state", "open")
    wanted = [name for name in ask.query.get("labels", "").split(",") if name]
    creator = ask.query.get("creator")
    found = [
        i
        for i in found
        if state in {"all", i.state}
        and all(name in i.labels for name in wanted)
        and (creator is None or ask.world.account(i.author_id).login == creator)
        and i.updated_at >= ask.query.get("since", "")
    ]
    by = "updated_at" if ask.query.get("sort") == "updated" else "created_at"
    found.sort(key=lambda i: (getattr(i, by), i.number))
    found = found if ask.query.get("direction") == "asc" else found[::-1]
    return ask.page(found, lambda i: ask.shapes.issue(ask.repo, i))


def _create(ask: Ask) -> Answer:
    # Without triage, labels and assignees are dropped without a word: GitHub's way.
    trusted = ask.world.may(ask.repo, ask.who, "triage") or ask.actor.installation is not None
    made = open_issue(
        ask.world,
        ask.repo,
        ask.who,
        title=ask.text("title"),
        body=ask.optional("body"),
        labels=ask.texts("labels") if trusted else (),
        assignees=ask.texts("assignees") if trusted else (),
        app_id=ask.app_id,
    )
    return Answer(ask.shapes.issue(ask.repo, made), 201)


def _get(ask: Ask) -> Answer:
    return Answer(ask.shapes.issue(ask.repo, _issue(ask)))


def _edit(ask: Ask) -> Answer:
    old = _issue(ask)
    if old.author_id != ask.who.id:
        ask.require("triage")
    changes: dict[str, object] = {
        name: ask.optional(name) for name in ("title", "body") if name in ask.fields()
    }
    if "labels" in ask.fields():
        changes["labels"] = make_labels(ask.world, ask.repo, ask.texts("labels"))
    if "assignees" in ask.fields():
        changes["assignees"] = ask.texts("assignees")
    state = ask.optional("state")
    if old.is_pull:
        edit_issue(ask.world, ask.repo, ask.who, old, **changes)
        set_state(ask, pull(ask.world, ask.repo, old.number), state)
        return _get(ask)
    if state is not None and state != old.state:
        if state not in {"open", "closed"}:
            raise Invalid(f"{state!r} is no state: open or closed")
        changes["state"] = state
        reason = ask.optional("state_reason") or "completed"
        changes["state_reason"] = reason if state == "closed" else "reopened"
    edit_issue(ask.world, ask.repo, ask.who, old, **changes)
    return _get(ask)


# Comments


def _comments(ask: Ask) -> Answer:
    about = _issue(ask)
    found = [c for c in ask.world.store.all(Comment, ask.repo.id) if c.number == about.number]
    found = [c for c in found if c.updated_at >= ask.query.get("since", "")]
    return ask.page(found, lambda c: ask.shapes.comment(ask.repo, c))


def _all_comments(ask: Ask) -> Answer:
    found = [c for c in ask.world.store.all(Comment, ask.repo.id) if c.number]
    found = [c for c in found if c.updated_at >= ask.query.get("since", "")]
    return ask.page(found, lambda c: ask.shapes.comment(ask.repo, c))


def _add_comment(ask: Ask) -> Answer:
    number, body = ask.number("issue_number"), ask.text("body")
    made = comment(ask.world, ask.repo, ask.who, number, body, ask.app_id)
    return Answer(ask.shapes.comment(ask.repo, made), 201)


def _comment(ask: Ask) -> Comment:
    found = ask.world.store.get(Comment, ask.number("comment_id"), ask.repo.id)
    if found is None:
        raise Missing("Not Found")
    return found


def _get_comment(ask: Ask) -> Answer:
    return Answer(ask.shapes.comment(ask.repo, _comment(ask)))


def _own_comment(ask: Ask) -> Comment:
    found = _comment(ask)
    if found.author_id != ask.who.id:
        ask.require("write")
    return found


def _edit_comment(ask: Ask) -> Answer:
    made = edit_comment(ask.world, ask.repo, ask.who, _own_comment(ask), ask.text("body"))
    return Answer(ask.shapes.comment(ask.repo, made))


def _delete_comment(ask: Ask) -> Answer:
    delete_comment(ask.world, ask.repo, ask.who, _own_comment(ask))
    return Answer(status=204)


# Labels


def _labels(ask: Ask) -> Answer:
    found = ask.world.store.all(Label, ask.repo.id)
    return ask.page(found, lambda label: ask.shapes.label(ask.repo, label))


def _label(ask: Ask) -> Label:
    found = ask.world.label(ask.repo, ask.params["name"])
    if found is None:
        raise Missing("Not Found")
    return found


def _get_label(ask: Ask) -> Answer:
    return Answer(ask.shapes.label(ask.repo, _label(ask)))


def _color(ask: Ask, default: str) -> str:
    color = ask.optional("color") or default
    if not re.fullmatch(r"[0-9a-fA-F]{6}", color):
        raise Invalid(
            "Validation Failed", {"resource": "Label", "code": "invalid", "field": "color"}
        )
    return color


def _create_label(ask: Ask) -> Answer:
    name = ask.text("name")
    if ask.world.label(ask.repo, name):
        raise Invalid(
            "Validation Failed", {"resource": "Label", "code": "already_exists", "field": "name"}
        )
    made = Label(
        id=ask.world.store.new_id(),
        repo_id=ask.repo.id,
        name=name,
        color=_color(ask, "ededed"),
        description=ask.optional("description"),
    )
    return Answer(ask.shapes.label(ask.repo, ask.world.store.put(made)), 201)


def _edit_label(ask: Ask) -> Answer:
    old = _label(ask)
    name = ask.optional("new_name") or old.name
    made = replace(old, name=name, color=_color(ask, old.color))
    if "description" in ask.fields():
        made = replace(made, description=ask.optional("description"))
    ask.world.store.put(made)
    for found in issues(ask.world, ask.repo):
        if old.name in found.labels:
            renamed = tuple(name if label == old.name else label for label in found.labels)
            ask.world.store.put(replace(found, labels=renamed))
    return Answer(ask.shapes.label(ask.repo, made))


def _delete_label(ask: Ask) -> Answer:
    gone = _label(ask)
    for found in issues(ask.world, ask.repo):
        if gone.name in found.labels:
            left = tuple(label for label in found.labels if label != gone.name)
            ask.world.store.put(replace(found, labels=left))
    ask.world.store.drop(gone)
    return Answer(status=204)


def _issue_labels(ask: Ask) -> Answer:
    about = _issue(ask)
    return ask.page(ask.shapes.labels(ask.repo, about), lambda label: label)


def _set_labels(ask: Ask, names: Sequence[str]) -> Answer:
    about = _issue(ask)
    made = make_labels(ask.world, ask.repo, names)
    edited = edit_issue(ask.world, ask.repo, ask.who, about, labels=made)
    return Answer(ask.shapes.labels(ask.repo, edited))


def _given_labels(ask: Ask) -> tuple[str, ...]:
    # Both `{"labels": [...]}` and a bare list are taken, as by GitHub.
    if isinstance(ask.body, list):
        return tuple(str(name) for name in ask.body)
    return ask.texts("labels")


def _add_labels(ask: Ask) -> Answer:
    return _set_labels(ask, [*_issue(ask).labels, *_given_labels(ask)])


def _replace_labels(ask: Ask) -> Answer:
    return _set_labels(ask, _given_labels(ask))


def _clear_labels(ask: Ask) -> Answer:
    _set_labels(ask, ())
    return Answer(status=204)


def _remove_label(ask: Ask) -> Answer:
    gone = ask.params["name"].lower()
    labels = _issue(ask).labels
    left = [name for name in labels if name.lower() != gone]
    if len(left) == len(labels):
        raise Missing("Label does not exist")
    return _set_labels(ask, left)


# Assignees and reactions


def _assign(ask: Ask) -> Answer:
    about = _issue(ask)
    wanted = tuple(dict.fromkeys([*about.assignees, *ask.texts("assignees")]))
    edit_issue(ask.world, ask.repo, ask.who, about, assignees=wanted)
    return Answer(ask.shapes.issue(ask.repo, _issue(ask)), 201)


def _unassign(ask: Ask) -> Answer:
    about, gone = _issue(ask), ask.texts("assignees")
    left = tuple(login for login in about.assignees if login not in gone)
    edit_issue(ask.world, ask.repo, ask.who, about, assignees=left)
    return _get(ask)


def _subject(ask: Ask) -> str:
    if "comment_id" in ask.params:
        return f"comment/{_comment(ask).id}"
    return f"issue/{_issue(ask).number}"


def _reactions(ask: Ask) -> Answer:
    found = reactions(ask.world, ask.repo, _subject(ask))
    wanted = ask.query.get("content")
    found = [r for r in found if wanted in {None, r.content}]
    return ask.page(found, ask.shapes.reaction)


def _react(ask: Ask) -> Answer:
    subject, content = _subject(ask), ask.text("content")
    if content not in _EMOJI:
        raise Invalid(f"{content!r} is no reaction: one of {', '.join(sorted(_EMOJI))}")
    made, new = react(ask.world, ask.repo, ask.who, subject, content)
    return Answer(ask.shapes.reaction(made), 201 if new else 200)


def _unreact(ask: Ask) -> Answer:
    found = ask.world.store.get(Reaction, ask.number("reaction_id"), ask.repo.id)
    if found is None or found.subject != _subject(ask) or found.author_id != ask.who.id:
        raise Missing("Not Found")
    unreact(ask.world, ask.repo, ask.who, found)
    return Answer(status=204)


_R = "/repos/{owner}/{repo}"
_I = f"{_R}/issues/{{issue_number}}"
_C = f"{_R}/issues/comments/{{comment_id}}"
# A pull request's conversation may be written with either permission.
_WRITE = "issues=write; pull_requests=write"
_READ = "issues=read; pull_requests=read"
ROUTES = (
    Route("GET", f"{_R}/issues", _list, _READ),
    Route("POST", f"{_R}/issues", _create, "issues=write"),
    Route("GET", f"{_R}/issues/comments", _all_comments, _READ),
    Route("GET", _C, _get_comment, _READ),
    Route("PATCH", _C, _edit_comment, _WRITE),
    Route("DELETE", _C, _delete_comment, _WRITE),
    Route("GET", f"{_C}/reactions", _reactions, _READ),
    Route("POST", f"{_C}/reactions", _react, _WRITE),
    Route("DELETE", f"{_C}/reactions/{{reaction_id}}", _unreact, _WRITE),
    Route("GET", _I, _get, _READ),
    Route("PATCH", _I, _edit, _WRITE),
    Route("GET", f"{_I}/comments", _comments, _READ),
    Route("POST", f"{_I}/comments", _add_comment, _WRITE),
    Route("GET", f"{_I}/labels", _issue_labels, _READ),
    Route("POST", f"{_I}/labels", _add_labels, _WRITE, "triage"),
    Route("PUT", f"{_I}/labels", _replace_labels, _WRITE, "triage"),
    Route("DELETE", f"{_I}/labels", _clear_labels, _WRITE, "triage"),
    Route("DELETE", f"{_I}/labels/{{name}}", _remove_label, _WRITE, "triage"),
    Route("POST", f"{_I}/assignees", _assign, _WRITE, "triage"),
    Route("DELETE", f"{_I}/assignees", _unassign, _WRITE, "triage"),
    Route("GET", f"{_I}/reactions", _reactions, _READ),
    Route("POST", f"{_I}/reactions", _react, _WRITE),
    Route("DELETE", f"{_I}/reactions/{{reaction_id}}", _unreact, _WRITE),
    Route("GET", f"{_R}/labels", _labels, _READ),
    Route("POST", f"{_R}/labels", _create_label, _WRITE, "write"),
    Route("GET", f"{_R}/labels/{{name}}", _get_label, _READ),
    Route("PATCH", f"{_R}/labels/{{name}}", _edit_label, _WRITE, "write"),
    Route("DELETE", f"{_R}/labels/{{name}}", _delete_label, _WRITE, "write"),
)
