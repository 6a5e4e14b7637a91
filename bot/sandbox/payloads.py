"""Events as GitHub's webhooks: which name, which payload, which hooks they go to."""

import json
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from bot.sandbox.checks import seen_by_github
from bot.sandbox.events import Event
from bot.sandbox.git import ZERO, Commit
from bot.sandbox.hooks import encode, github_headers
from bot.sandbox.pulls import issue, pull
from bot.sandbox.records import (
    Account,
    CheckRun,
    CheckSuite,
    Comment,
    Delivery,
    Hook,
    Installation,
    Repository,
    Review,
    Status,
)
from bot.sandbox.shapes import Json, node_id
from bot.sandbox.shapes_github import GitHubShapes
from bot.sandbox.store import stamp
from bot.sandbox.world import World, covers

_Maker = Callable[[Event, Repository], Json]
_MOST_COMMITS = 2048
_SUITE_FIELDS = {
    "id",
    "node_id",
    "head_branch",
    "head_sha",
    "status",
    "conclusion",
    "url",
    "before",
    "after",
    "pull_requests",
    "app",
    "created_at",
    "updated_at",
}


class Webhooks:
    """Listens to the world and queues a delivery for every hook that wants the event."""

    def __init__(self, world: World, shapes: GitHubShapes) -> None:
        self._world = world
        self._shapes = shapes
        self._make: dict[str, _Maker] = {
            "push": self._push,
            "create": self._ref,
            "delete": self._ref,
            "pull_request": self._pull,
            "pull_request_review": self._review,
            "issues": self._issue,
            "issue_comment": self._comment,
            "status": self._status,
            "check_run": self._check_run,
            "check_suite": self._check_suite,
            "repository": self._repository,
        }

    def listen(self, event: Event) -> None:
        """Queue what follows from an event."""
        if event.kind.startswith("installation"):
            self._tell_app(event)
            return
        if event.kind not in self._make:
            return
        repo = self._world.repository(event.repo_id)
        hooks = [hook for hook in self._hooks(repo) if _wants(hook, event.kind)]
        if not hooks:
            return
        payload = self.payload(event, repo)
        for hook in hooks:
            found = self._world.installation_of(repo, hook.app_id) if hook.app_id else None
            self._queue(hook, event, payload, found)

    def payload(self, event: Event, repo: Repository) -> Json:
        """Return an event's payload; the installation is each hook's own."""
        common: Json = {} if event.action is None else {"action": event.action}
        made = common | self._make[event.kind](event, repo)
        owner = self._world.account(repo.owner_id)
        made.setdefault("repository", self._shapes.repository(repo))
        made["sender"] = self._shapes.user(self._world.account(event.actor_id))
        if owner.type == "Organization":
            made["organization"] = self._organization(owner)
        return made

    def _hooks(self, repo: Repository) -> list[Hook]:
        own = self._world.store.all(Hook, repo.id)
        found = [hook for hook in own if hook.active and hook.dialect == "github"]
        of_apps = (hook for hook in self._world.store.all(Hook) if hook.active and hook.app_id)
        return found + [h for h in of_apps if self._world.installation_of(repo, h.app_id or 0)]

    def _queue(
        self, hook: Hook, event: Event, payload: Json, installation: Installation | None
    ) -> None:
        if installation is not None and "installation" not in payload:
            key = installation.id
            payload = payload | {
                "installation": {"id": key, "node_id": node_id("Installation", key)}
            }
        body = encode(hook, json.dumps(payload, separators=(",", ":")))
        guid = str(uuid.uuid4())
        self._world.store.put_delivery(
            Delivery(
                id=self._world.store.new_id(),
                hook_id=hook.id,
                guid=guid,
                event=event.kind,
                action=event.action,
                installation_id=installation.id if installation else None,
                request_headers=github_headers(hook, event.kind, guid, body.encode()),
                body=body,
                delivered_at=self._world.store.now(),
            )
        )

    def _tell_app(self, event: Event) -> None:
        installation = self._world.store.get(Installation, event.subject)
        if installation is None:
            return
        hooks = [h for h in self._world.store.all(Hook) if h.app_id == installation.app_id]
        sender = self._shapes.user(self._world.account(event.actor_id))
        payload: Json = {
            "action": event.action,
            "installation": self._shapes.installation(installation),
            "sender": sender,
        }
        if event.kind == "installation":
            inside = [r for r in self._world.repositories() if covers(installation, r)]
            payload |= {"repositories": [self._brief(repo) for repo in inside], "requester": None}
        else:
            brief = [self._brief(self._world.repository(event.detail["repository"]))]
            added = event.action == "added"
            payload |= {
                "repository_selection": payload["installation"]["repository_selection"],
                "repositories_added": brief if added else [],
                "repositories_removed": [] if added else brief,
                "requester": None,
            }
        for hook in hooks:
            # An App is told of its installations without asking for it.
            self._queue(hook, event, payload, installation)

    def _brief(self, repo: Repository) -> Json:
        return {
            "id": repo.id,
            "node_id": node_id("Repository", repo.id),
            "name": repo.name,
            "full_name": self._world.full_name(repo),
            "private": repo.private,
        }

    def _organization(self, org: Account) -> Json:
        full = self._shapes.organization(org)
        names = ("login", "id", "node_id", "url", "repos_url", "events_url", "hooks_url")
        more = ("issues_url", "members_url", "public_members_url", "avatar_url", "description")
        return {name: full[name] for name in (*names, *more)}

    def _push(self, event: Event, repo: Repository) -> Json:
        ref, before, after = (event.detail[name] for name in ("ref", "before", "after"))
        git = self._world.git(repo)
        commits: list[Json] = []
        head: Json | None = None
        if after != ZERO:
            tip = git.expand(after) or after
            known = [sha for name, sha in repo.refs.items() if name != ref]
            hidden = [f"^{sha}" for sha in ([before] if before != ZERO else known)]
            found = git.log(tip, *hidden, limit=_MOST_COMMITS)[::-1]
            touched = git.touched([tip, *(commit.sha for commit in found)])
            commits = [self._commit(repo, commit, touched[commit.sha]) for commit in found]
            head = self._commit(repo, git.commit(tip), touched[tip])
        pusher = self._world.account(event.actor_id)
        owner = self._world.account(repo.owner_id)
        shape = self._shapes.repository(repo)
        shape["owner"] |= {"name": owner.login, "email": owner.email}
        # Seconds, where every other payload has ISO 8601: GitHub's own inconsistency.
        shape |= {
            "created_at": _seconds(repo.created_at),
            "pushed_at": _seconds(repo.pushed_at),
            "stargazers": 0,
            "master_branch": repo.default_branch,
        }
        web = self._shapes.repo_web(repo)
        forced = ZERO not in {before, after} and not git.is_ancestor(before, after)
        return {
            "ref": ref,
            "before": before,
            "after": after,
            "base_ref": None,
            "created": before == ZERO,
            "deleted": after == ZERO,
            "forced": forced,
            "compare": f"{web}/compare/{before[:12]}...{after[:12]}",
            "commits": commits,
            "head_commit": head,
            "pusher": {"name": pusher.login, "email": pusher.email},
            "repository": shape,
        }

    def _commit(self, repo: Repository, commit: Commit, touched: list[tuple[str, str]]) -> Json:
        def side(name: str, email: str) -> Json:
            account = self._world.account_of_email(email)
            more = {"username": account.login} if account else {}
            return {"name": name, "email": email, **more}

        return {
            "id": commit.sha,
            "tree_id": commit.tree,
            "distinct": True,
            "message": commit.message,
            "timestamp": stamp(commit.committer.when),
            "url": f"{self._shapes.repo_web(repo)}/commit/{commit.sha}",
            "author": side(commit.author.name, commit.author.email),
            "committer": side(commit.committer.name, commit.committer.email),
            "added": [path for letter, path in touched if letter == "A"],
            "removed": [path for letter, path in touched if letter == "D"],
            "modified": [path for letter, path in touched if letter not in {"A", "D"}],
        }

    def _ref(self, event: Event, repo: Repository) -> Json:
        _, kind, name = event.detail["ref"].split("/", 2)
        made: Json = {
            "ref": name,
            "ref_type": "branch" if kind == "heads" else "tag",
            "pusher_type": "user",
        }
        if event.kind == "create":
            made |= {"master_branch": repo.default_branch, "description": repo.description}
        return made

    def _pull(self, event: Event, repo: Repository) -> Json:
        asked = pull(self._world, repo, event.subject)
        made: Json = {
            "number": asked.number,
            "pull_request": self._shapes.pull(repo, asked, full=True),
        }
        return made | self._extras(event, repo)

    def _extras(self, event: Event, repo: Repository) -> Json:
        made: dict[str, Any] = {
            name: event.detail[name]
            for name in ("changes", "before", "after")
            if name in event.detail
        }
        if "label" in event.detail:
            label = self._world.label(repo, event.detail["label"])
            made["label"] = self._shapes.label(repo, label) if label else None
        if "reviewer" in event.detail:
            account = self._world.find_account(event.detail["reviewer"])
            made["requested_reviewer"] = self._shapes.user(account) if account else None
        return made

    def _review(self, event: Event, repo: Repository) -> Json:
        found = next(r for r in self._world.store.all(Review, repo.id) if r.id == event.subject)
        asked = pull(self._world, repo, found.number)
        shape = self._shapes.review(repo, found)
        # In lower case here, in upper case in the API.
        shape["state"] = shape["state"].lower()
        return {"review": shape, "pull_request": self._shapes.pull(repo, asked)}

    def _issue(self, event: Event, repo: Repository) -> Json:
        found = issue(self._world, repo, event.subject)
        return {"issue": self._shapes.issue(repo, found)} | self._extras(event, repo)

    def _comment(self, event: Event, repo: Repository) -> Json:
        found = self._world.store.get(Comment, event.subject, repo.id)
        if found is None:
            return {}
        about = issue(self._world, repo, found.number)
        return {
            "comment": self._shapes.comment(repo, found),
            "issue": self._shapes.issue(repo, about),
        } | self._extras(event, repo)

    def _status(self, event: Event, repo: Repository) -> Json:
        found = next(s for s in self._world.store.all(Status, repo.id) if s.id == event.subject)
        heads = [
            {
                "name": ref.removeprefix("refs/heads/"),
                "commit": {"sha": sha, "url": f"{self._shapes.repo_api(repo)}/commits/{sha}"},
                "protected": self._world.protection(repo, ref.removeprefix("refs/heads/"))
                is not None,
            }
            for ref, sha in repo.refs.items()
            if ref.startswith("refs/heads/") and sha == found.sha
        ]
        return {
            "id": found.id,
            "sha": found.sha,
            "name": self._world.full_name(repo),
            "target_url": found.target_url,
            "context": found.context,
            "description": found.description,
            "state": seen_by_github(found.state),
            "commit": self._shapes.commit(repo, found.sha),
            "branches": heads,
            "created_at": found.created_at,
            "updated_at": found.created_at,
        }

    def _check_run(self, event: Event, repo: Repository) -> Json:
        run = self._world.store.get(CheckRun, event.subject, repo.id)
        if run is None:
            return {}
        shape = self._shapes.check_run(repo, run)
        suite = self._world.store.get(CheckSuite, run.suite_id, repo.id)
        if suite is not None:
            full = self._shapes.check_suite(repo, suite)
            shape["check_suite"] = {n: v for n, v in full.items() if n in _SUITE_FIELDS}
        return {"check_run": shape}

    def _check_suite(self, event: Event, repo: Repository) -> Json:
        suite = self._world.store.get(CheckSuite, event.subject, repo.id)
        if suite is None:
            return {}
        full = self._shapes.check_suite(repo, suite)
        del full["repository"]
        return {"check_suite": full}

    def _repository(self, event: Event, repo: Repository) -> Json:
        del repo
        if event.action != "renamed":
            return {}
        return {"changes": {"repository": {"name": {"from": event.detail["name"]}}}}


def _wants(hook: Hook, kind: str) -> bool:
    return "*" in hook.events or kind in hook.events


def _seconds(stamped: str) -> int:
    return int(datetime.fromisoformat(stamped).timestamp())
