"""What GitLab keeps of a merge request's past: its versions, and its own notes on opinions."""

from bot.sandbox.events import Event
from bot.sandbox.gitlab_ask import Ask, route
from bot.sandbox.gitlab_mrs import asked_for
from bot.sandbox.gitlab_shapes import moment
from bot.sandbox.pulls import pull
from bot.sandbox.records import Comment, Review
from bot.sandbox.records_gitlab import Version
from bot.sandbox.routing import Answer
from bot.sandbox.world import World

_SAYS = {
    "APPROVED": "approved this merge request",
    "CHANGES_REQUESTED": "requested changes",
    "DISMISSED": "unapproved this merge request",
}


def keep(world: World, event: Event) -> None:
    """Keep what an event tells, where the whole goes GitLab's way."""
    if world.ways.forge != "gitlab":
        return
    if event.kind == "pull_request" and event.action in {"opened", "synchronize"}:
        _keep_version(world, event)
    elif event.kind == "pull_request_review":
        _keep_note(world, event)


def _keep_version(world: World, event: Event) -> None:
    asked = pull(world, world.repository(event.repo_id), event.subject)
    world.store.put(
        Version(
            id=world.store.new_id(),
            repo_id=event.repo_id,
            number=asked.number,
            head_sha=asked.head_sha,
            base_sha=asked.base_sha,
            created_at=world.store.now(),
        )
    )


def _keep_note(world: World, event: Event) -> None:
    given = world.store.get(Review, event.subject, event.repo_id)
    says = _SAYS.get(given.state) if given else None
    if given is None or says is None:
        return
    now = world.store.now()
    world.store.put(
        Comment(
            id=world.store.new_id(),
            repo_id=event.repo_id,
            number=given.number,
            author_id=given.author_id,
            body=says,
            system=True,
            created_at=now,
            updated_at=now,
        )
    )


def _versions(ask: Ask) -> Answer:
    asked = asked_for(ask)
    found = [v for v in ask.world.store.all(Version, ask.repo.id) if v.number == asked.number]

    def shape(version: Version) -> object:
        return {
            "id": version.id,
            "head_commit_sha": version.head_sha,
            "base_commit_sha": version.base_sha,
            "start_commit_sha": version.base_sha,
            "created_at": moment(version.created_at),
            "merge_request_id": asked.id,
            "state": "collected",
            "real_size": "1",
            "patch_id_sha": None,
        }

    return ask.page(found[::-1], shape)


ROUTES = (route("GET", "/projects/{id}/merge_requests/{mr_iid}/versions", _versions, "read"),)
