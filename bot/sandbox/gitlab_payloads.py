"""Events as GitLab's webhooks: which name, which payload, which hooks they go to."""

import fnmatch
import json
import uuid
from collections.abc import Callable, Iterator

from bot.sandbox.events import Event
from bot.sandbox.git import ZERO
from bot.sandbox.gitlab_merging import approvals_left
from bot.sandbox.gitlab_payloads_more import Made, MorePayloads
from bot.sandbox.gitlab_shapes import Json
from bot.sandbox.gitlab_shapes_mr import GitLabShapes
from bot.sandbox.gitlab_system import System
from bot.sandbox.hooks import gitlab_headers
from bot.sandbox.protection import is_protected
from bot.sandbox.pulls import conversation, issue, pull, pulls
from bot.sandbox.records import Comment, Delivery, Hook, Repository, Review
from bot.sandbox.world import World

_MOST_COMMITS = 20
_MOST_TOGETHER = 3
NAMES = {
    "push": "Push Hook",
    "tag_push": "Tag Push Hook",
    "merge_requests": "Merge Request Hook",
    "note": "Note Hook",
    "confidential_note": "Confidential Note Hook",
    "issues": "Issue Hook",
    "confidential_issues": "Confidential Issue Hook",
    "pipeline": "Pipeline Hook",
    "job": "Job Hook",
    "emoji": "Emoji Hook",
}
_ACTIONS = {"opened": "open", "closed": "close", "reopened": "reopen"}


class GitLabWebhooks(MorePayloads):
    """Listens to the world and queues a delivery for every hook that wants the event."""

    def __init__(self, world: World, shapes: GitLabShapes) -> None:
        super().__init__(world, shapes)
        self._system = System(self._parts)
        self._make: dict[str, Callable[[Event, Repository], Made | None]] = {
            "push": self._push,
            "pull_request": self._pull,
            "pull_request_review": self._review,
            "issues": self._issue,
            "issue_comment": self._note,
            "commit_note": self._commit_note,
            "pipeline": self._pipeline,
            "job": self._job,
            "reaction": self._emoji,
        }

    def listen(self, event: Event) -> None:
        """Queue what follows from an event."""
        if not any(hook.dialect == "gitlab" for hook in self._world.store.every(Hook)):
            return
        repo = self._world.store.get(Repository, event.repo_id)
        if repo is None:
            return
        told = str(uuid.uuid4())
        made = self._make[event.kind](event, repo) if event.kind in self._make else None
        if made is not None:
            for hook in self._hooks(repo):
                if _wants(hook, *made):
                    self._queue(hook, NAMES[made[0]], made[1], told)
        for payload in self._system.payloads(event, repo, made):
            for hook in self._system_hooks():
                if _wants_of_system(hook, payload):
                    self._queue(hook, "System Hook", payload, told)

    def _hooks(self, repo: Repository) -> list[Hook]:
        found = self._world.store.all(Hook, repo.id)
        return [hook for hook in found if hook.active and hook.dialect == "gitlab"]

    def _system_hooks(self) -> list[Hook]:
        found = self._world.store.all(Hook)
        return [hook for hook in found if hook.active and hook.dialect == "gitlab"]

    def _queue(self, hook: Hook, name: str, payload: Json, told: str) -> None:
        body, guid = json.dumps(payload, separators=(",", ":")), str(uuid.uuid4())
        when = int(self._world.store.clock())
        headers = gitlab_headers(hook, name, guid, body.encode(), when, self._shapes.web, told)
        self._world.store.put_delivery(
            Delivery(
                id=self._world.store.new_id(),
                hook_id=hook.id,
                guid=guid,
                event=name,
                action=payload.get("object_attributes", {}).get("action"),
                request_headers=headers,
                body=body,
                delivered_at=self._world.store.now(),
            )
        )

    def test(self, hook: Hook, repo: Repository, trigger: str) -> bool:
        """Queue a delivery that shows what a hook would get; False where nothing is there yet."""
        made = next(iter(self._samples(repo, trigger)), None)
        if made is None:
            return False
        self._queue(hook, NAMES[made[0]], made[1], str(uuid.uuid4()))
        return True

    def _samples(self, repo: Repository, trigger: str) -> Iterator[Made]:
        flag = trigger.removesuffix("_events")
        if flag == "push" and f"refs/heads/{repo.default_branch}" in repo.refs:
            ref = f"refs/heads/{repo.default_branch}"
            sha = repo.refs[ref]
            parents = self._world.git(repo).commit(sha).parents
            before = parents[0] if parents else ZERO
            detail = {"ref": ref, "before": before, "after": sha}
            made = self._push(Event("push", None, repo.id, repo.owner_id, detail=detail), repo)
            yield from [made] if made else []
        for asked in pulls(self._world, repo)[-1:] if flag == "merge_requests" else []:
            event = Event("pull_request", "opened", repo.id, repo.owner_id, asked.number)
            yield self._pull(event, repo)

    # Payloads

    def _push(self, event: Event, repo: Repository) -> Made | None:
        if event.detail.get("together", 1) > _MOST_TOGETHER:
            return None
        ref, before, after = (event.detail[name] for name in ("ref", "before", "after"))
        git, actor = self._world.git(repo), self._world.account(event.actor_id)
        is_tag = ref.startswith("refs/tags/")
        commits: list[Json] = []
        total = 0
        tip = None if after == ZERO else git.expand(after) or after
        if tip is not None and not is_tag:
            known = [sha for name, sha in repo.refs.items() if name != ref]
            hidden = [f"^{sha}" for sha in ([before] if before != ZERO else known)]
            found = git.log(tip, *hidden)
            total = len(found)
            newest = found[:_MOST_COMMITS][::-1]
            touched = git.touched([commit.sha for commit in newest])
            for commit in newest:
                files = touched[commit.sha]
                commits.append(
                    {
                        **self._parts.commit(repo, commit),
                        "added": [path for letter, path in files if letter == "A"],
                        "modified": [path for letter, path in files if letter not in "AD"],
                        "removed": [path for letter, path in files if letter == "D"],
                    }
                )
        kind = "tag_push" if is_tag else "push"
        payload = {
            "object_kind": kind,
            "event_name": kind,
            "before": before,
            "after": after,
            "ref": ref,
            "ref_protected": not is_tag
            and is_protected(self._world, repo, ref.removeprefix("refs/heads/")),
            "checkout_sha": tip,
            "message": None,
            "user_id": actor.id,
            "user_name": actor.name,
            "user_username": actor.login,
            "user_email": "",
            "user_avatar": None,
            "project_id": repo.id,
            "project": self._parts.project(repo),
            "commits": commits,
            "total_commits_count": total,
            "push_options": {},
            "repository": self._parts.repository(repo, full=True),
        }
        return kind, payload

    def _pull(self, event: Event, repo: Repository) -> Made:
        asked = pull(self._world, repo, event.subject)
        action = _ACTIONS.get(event.action or "", "update")
        if action == "close" and asked.merged_at:
            action = "merge"
        payload = self._merge_request(event, repo, action)
        if "before" in event.detail:
            payload["object_attributes"]["oldrev"] = event.detail["before"]
        payload["changes"] = self._changes(event, repo)
        return "merge_requests", payload

    def _merge_request(self, event: Event, repo: Repository, action: str) -> Json:
        asked = pull(self._world, repo, event.subject)
        about = conversation(self._world, asked)
        attributes = self._parts.pull(repo, asked)
        payload: Json = {
            "object_kind": "merge_request",
            "event_type": "merge_request",
            "user": self._parts.user(self._world.account(event.actor_id)),
            "project": self._parts.project(repo),
            "object_attributes": {**attributes, "action": action},
            "labels": attributes["labels"],
            "changes": {},
            "repository": self._parts.repository(repo),
        }
        if about.assignees:
            payload["assignees"] = self._parts.people(about.assignees)
        reviewers = self._shapes.reviewers(repo, asked)
        if reviewers:
            payload["reviewers"] = [
                {**self._person(one["user"]["username"]), "state": one["state"]}
                for one in reviewers
            ]
        return payload

    def _person(self, login: str) -> Json:
        return next(iter(self._parts.people((login,))), {})

    def _changes(self, event: Event, repo: Repository) -> Json:
        changed: Json = {}
        about = issue(self._world, repo, event.subject)
        for name, field in (("title", "title"), ("body", "description")):
            if name in event.detail.get("changes", {}):
                before = event.detail["changes"][name]["from"]
                changed[field] = {"previous": before, "current": getattr(about, name)}
        if "label" in event.detail:
            one = event.detail["label"]
            before = set(about.labels) ^ {one}
            changed["labels"] = {
                "previous": self._parts.labels(repo, tuple(sorted(before))),
                "current": self._parts.labels(repo, about.labels),
            }
        base = event.detail.get("changes", {}).get("base")
        if base:
            asked = pull(self._world, repo, event.subject)
            changed["target_branch"] = {"previous": base["ref"]["from"], "current": asked.base_ref}
        if event.action in {"closed", "reopened"}:
            ids = (1, 2) if event.action == "closed" else (2, 1)
            changed["state_id"] = {"previous": ids[0], "current": ids[1]}
        return changed

    def _review(self, event: Event, repo: Repository) -> Made | None:
        found = self._world.store.get(Review, event.subject, repo.id)
        if found is None or found.state in {"COMMENTED", "PENDING"}:
            return None
        asked = pull(self._world, repo, found.number)
        left = approvals_left(self._world, repo, asked)
        action = "update"
        if found.state == "APPROVED":
            action = "approval" if left else "approved"
        elif found.state == "DISMISSED":
            action = "unapproval" if left else "unapproved"
        about = Event(event.kind, event.action, repo.id, event.actor_id, found.number)
        return "merge_requests", self._merge_request(about, repo, action)

    def _issue(self, event: Event, repo: Repository) -> Made:
        about = issue(self._world, repo, event.subject)
        action = _ACTIONS.get(event.action or "", "update")
        flag = "confidential_issues" if about.confidential else "issues"
        return flag, {
            "object_kind": "issue",
            "event_type": "confidential_issue" if about.confidential else "issue",
            "user": self._parts.user(self._world.account(event.actor_id)),
            "project": self._parts.project(repo),
            "object_attributes": {**self._parts.issue(repo, about), "action": action},
            "labels": self._parts.labels(repo, about.labels),
            "changes": self._changes(event, repo),
            "repository": self._parts.repository(repo),
        }

    def _note(self, event: Event, repo: Repository) -> Made | None:
        found = self._world.store.get(Comment, event.subject, repo.id)
        if found is None or event.action == "deleted":
            return None
        about = issue(self._world, repo, found.number)
        closed = found.internal or about.confidential
        attributes, subject = self._note_parts(repo, about, found)
        attributes["action"] = "update" if event.action == "edited" else "create"
        payload = {
            "object_kind": "note",
            "event_type": "confidential_note" if closed else "note",
            "user": self._parts.user(self._world.account(event.actor_id)),
            "project_id": repo.id,
            "project": self._parts.project(repo),
            "object_attributes": attributes,
            "repository": self._parts.repository(repo),
            **subject,
        }
        return "confidential_note" if closed else "note", payload


def _wants(hook: Hook, flag: str, payload: Json) -> bool:
    if flag not in hook.events and "*" not in hook.events:
        return False
    branch = str(payload.get("ref", "")).removeprefix("refs/heads/")
    chosen = hook.branch_filter
    return flag != "push" or not chosen or fnmatch.fnmatchcase(branch, chosen)


def _wants_of_system(hook: Hook, payload: Json) -> bool:
    kind = payload.get("object_kind") or payload.get("event_name")
    flag = {"merge_request": "merge_requests", "repository_update": "repository_update"}
    asked = flag.get(str(kind), str(kind))
    if asked not in {"push", "tag_push", "merge_requests", "repository_update"}:
        return True
    return asked in hook.events or "*" in hook.events
