"""What GitLab remembers of labels: who put which on and took which off, and the routes to it."""

from bot.sandbox.errors import Missing
from bot.sandbox.events import Event
from bot.sandbox.gitlab_ask import Ask, route
from bot.sandbox.gitlab_notes import noteable
from bot.sandbox.gitlab_shapes import Json, moment
from bot.sandbox.pulls import pulls
from bot.sandbox.records_gitlab import LabelEvent
from bot.sandbox.routing import Answer
from bot.sandbox.world import World

_ACTIONS = {"labeled": "add", "unlabeled": "remove"}


def remember(world: World, event: Event) -> None:
    """Listen for labels that come and go."""
    if event.action not in _ACTIONS or "label" not in event.detail:
        return
    world.store.put(
        LabelEvent(
            id=world.store.new_id(),
            repo_id=event.repo_id,
            number=event.subject,
            label=event.detail["label"],
            action=_ACTIONS[event.action],
            user_id=event.actor_id,
            created_at=world.store.now(),
        )
    )


def _shape(ask: Ask, one: LabelEvent) -> Json:
    about, label = noteable(ask), ask.world.label(ask.repo, one.label)
    found = [p.id for p in pulls(ask.world, ask.repo) if p.number == one.number]
    return {
        "id": one.id,
        "user": ask.shapes.user_of(one.user_id),
        "created_at": moment(one.created_at),
        "resource_type": "MergeRequest" if about.is_pull else "Issue",
        "resource_id": found[0] if found else about.id,
        "label": ask.shapes.label(ask.repo, label) if label else None,
        "action": one.action,
    }


def _events(ask: Ask) -> list[LabelEvent]:
    number = noteable(ask).number
    return [one for one in ask.world.store.all(LabelEvent, ask.repo.id) if one.number == number]


def _list(ask: Ask) -> Answer:
    return ask.page(_events(ask), lambda one: _shape(ask, one))


def _get(ask: Ask) -> Answer:
    for one in _events(ask):
        if one.id == ask.number("event_id"):
            return Answer(_shape(ask, one))
    raise Missing("404 Not found")


ROUTES = tuple(
    route("GET", f"/projects/{{id}}/{where}/resource_label_events{path}", handle)
    for where in ("merge_requests/{mr_iid}", "issues/{issue_iid}")
    for path, handle in (("", _list), ("/{event_id}", _get))
)
