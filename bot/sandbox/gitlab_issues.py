"""GitLab's routes for issues and labels."""

import re
from dataclasses import replace

from bot.sandbox.errors import Missing
from bot.sandbox.gitlab_ask import Ask, Problem, route
from bot.sandbox.gitlab_mrs import issue_changes
from bot.sandbox.gitlab_notes import noteable, sees_confidential
from bot.sandbox.pulls import edit_issue, issues, open_issue
from bot.sandbox.records import Comment, Issue, Label
from bot.sandbox.routing import Answer

_COLOR = re.compile(r"#[0-9A-Fa-f]{6}")


def _kept(ask: Ask, about: Issue) -> bool:
    if about.is_pull or (about.confidential and not sees_confidential(ask, about)):
        return False
    state = ask.choice("state", ("opened", "closed", "all"), "all")
    iids, labels = ask.texts("iids"), ask.texts("labels")
    search = (ask.optional("search") or "").lower()
    author = ask.world.account(about.author_id)
    return (
        state in {"all", ask.shapes.state(about)}
        and (iids is None or str(about.iid) in iids)
        and (not labels or _labelled(about, labels))
        and search in f"{about.title}\n{about.body or ''}".lower()
        and ask.optional("author_username") in {None, author.login}
        and ask.whole("author_id") in {None, author.id}
    )


def _labelled(about: Issue, labels: tuple[str, ...]) -> bool:
    if labels in {("Any",), ("None",)}:
        return bool(about.labels) == (labels == ("Any",))
    return set(labels) <= set(about.labels)


def _list(ask: Ask) -> Answer:
    found = [about for about in issues(ask.world, ask.repo) if _kept(ask, about)]
    by = ask.choice("order_by", ("created_at", "updated_at", "title"), "created_at")
    falling = ask.choice("sort", ("asc", "desc"), "desc") == "desc"
    found.sort(key=lambda about: (getattr(about, by), about.iid), reverse=falling)
    return ask.page(found, lambda about: ask.shapes.issue(ask.repo, about))


def _create(ask: Ask) -> Answer:
    made = open_issue(
        ask.world,
        ask.repo,
        ask.who,
        title=ask.text("title"),
        body=ask.optional("description"),
        labels=ask.texts("labels") or (),
        confidential=ask.flag("confidential"),
    )
    return Answer(ask.shapes.issue(ask.repo, made), 201)


def _get(ask: Ask) -> Answer:
    return Answer(ask.shapes.issue(ask.repo, noteable(ask)))


def _edit(ask: Ask) -> Answer:
    about = noteable(ask)
    if about.author_id != ask.who.id:
        ask.require("planner")
    changes = issue_changes(ask, about)
    if "confidential" in ask.fields:
        changes["confidential"] = ask.flag("confidential")
    event = ask.choice("state_event", ("close", "reopen"), "")
    if event:
        changes["state"] = "closed" if event == "close" else "open"
    return Answer(
        ask.shapes.issue(ask.repo, edit_issue(ask.world, ask.repo, ask.who, about, **changes))
    )


def _delete(ask: Ask) -> Answer:
    ask.world.store.drop(noteable(ask))
    return Answer(status=204)


def _participants(ask: Ask) -> Answer:
    about = noteable(ask)
    notes = [c for c in ask.world.store.all(Comment, ask.repo.id) if c.number == about.number]
    keys = dict.fromkeys([about.author_id, *(note.author_id for note in notes)])
    return ask.page([ask.world.account(key) for key in keys], ask.shapes.user)


def _none(ask: Ask) -> Answer:
    # The sandbox closes no issue by a commit's words, and relates none.
    noteable(ask)
    return ask.page([], str)


# Labels


def _labels(ask: Ask) -> Answer:
    found = sorted(ask.world.store.all(Label, ask.repo.id), key=lambda label: label.name.lower())
    counted = ask.flag("with_counts")
    return ask.page(found, lambda label: ask.shapes.label(ask.repo, label, counted=counted))


def _label(ask: Ask) -> Label:
    # The name may stand in the path or, the older way, among the parameters.
    name = ask.params.get("name") or ask.optional("label_id") or ask.text("name")
    found = ask.world.label(ask.repo, name)
    if found is None and name.isdigit():
        found = ask.world.store.get(Label, int(name), ask.repo.id)
    if found is None:
        raise Missing("404 Label Not Found")
    return found


def _color(ask: Ask) -> str:
    given = ask.text("color")
    if not _COLOR.fullmatch(given):
        raise Problem(400, {"color": ["must be a valid color code"]})
    return given[1:]


def _get_label(ask: Ask) -> Answer:
    return Answer(ask.shapes.label(ask.repo, _label(ask)))


def _create_label(ask: Ask) -> Answer:
    name, color = ask.text("name"), _color(ask)
    if ask.world.label(ask.repo, name):
        raise Problem(409, "Label already exists")
    made = ask.world.store.put(
        Label(
            id=ask.world.store.new_id(),
            repo_id=ask.repo.id,
            name=name,
            color=color,
            description=ask.optional("description"),
        )
    )
    return Answer(ask.shapes.label(ask.repo, made), 201)


def _edit_label(ask: Ask) -> Answer:
    old = _label(ask)
    name = ask.optional("new_name") or old.name
    changed = replace(
        old,
        name=name,
        color=_color(ask) if "color" in ask.fields else old.color,
        description=ask.optional("description") if "description" in ask.fields else old.description,
    )
    for about in issues(ask.world, ask.repo):
        if old.name in about.labels and name != old.name:
            labels = tuple(name if label == old.name else label for label in about.labels)
            ask.world.store.put(replace(about, labels=labels))
    return Answer(ask.shapes.label(ask.repo, ask.world.store.put(changed)))


def _delete_label(ask: Ask) -> Answer:
    gone = _label(ask)
    for about in issues(ask.world, ask.repo):
        left = tuple(name for name in about.labels if name != gone.name)
        ask.world.store.put(replace(about, labels=left))
    ask.world.store.drop(gone)
    return Answer(status=204)


_I, _L = "/projects/{id}/issues", "/projects/{id}/labels"
ROUTES = (
    route("GET", _I, _list),
    route("POST", _I, _create),
    route("GET", f"{_I}/{{issue_iid}}", _get),
    route("PUT", f"{_I}/{{issue_iid}}", _edit),
    route("DELETE", f"{_I}/{{issue_iid}}", _delete, "admin"),
    route("GET", f"{_I}/{{issue_iid}}/participants", _participants),
    route("GET", f"{_I}/{{issue_iid}}/closed_by", _none),
    route("GET", f"{_I}/{{issue_iid}}/related_merge_requests", _none),
    route("GET", _L, _labels),
    route("POST", _L, _create_label, "planner"),
    route("GET", f"{_L}/{{name}}", _get_label),
    route("PUT", f"{_L}/{{name}}", _edit_label, "planner"),
    route("DELETE", f"{_L}/{{name}}", _delete_label, "planner"),
    route("PUT", _L, _edit_label, "planner"),
    route("DELETE", _L, _delete_label, "planner"),
)
