"""Records as GitHub's JSON: statuses, checks, protection, hooks; and with them all of it."""

import json
from typing import Any
from urllib.parse import quote

from bot.sandbox.checks import combined, latest_statuses, seen_by_github, suite_runs
from bot.sandbox.pulls import conversation, pulls
from bot.sandbox.records import (
    CheckRun,
    CheckSuite,
    Delivery,
    Hook,
    Protection,
    Repository,
    Status,
)
from bot.sandbox.shapes import Json, node_id
from bot.sandbox.shapes_pulls import PullShapes


class GitHubShapes(PullShapes):
    """Everything that GitHub's API and webhooks show."""

    def status(self, repo: Repository, status: Status, *, simple: bool = False) -> Json:
        """Return a `status`, or a `simple-commit-status`."""
        creator = self.user_of(status.author_id)
        shape: Json = {
            "url": f"{self.repo_api(repo)}/statuses/{status.sha}",
            "avatar_url": creator["avatar_url"] if creator else None,
            "id": status.id,
            "node_id": node_id("StatusContext", status.id),
            "state": seen_by_github(status.state),
            "description": status.description,
            "target_url": status.target_url,
            "context": status.context,
            "created_at": status.created_at,
            "updated_at": status.created_at,
        }
        return shape if simple else shape | {"creator": creator}

    def combined_status(self, repo: Repository, sha: str, shown: list[Status]) -> Json:
        """Return a `combined-commit-status` with these of its statuses."""
        found = latest_statuses(self.world, repo, sha)
        url = f"{self.repo_api(repo)}/commits/{sha}"
        return {
            "state": combined(found),
            "statuses": [self.status(repo, status, simple=True) for status in shown],
            "sha": sha,
            "total_count": len(found),
            "repository": self.repository(repo),
            "commit_url": url,
            "url": f"{url}/status",
        }

    def _pulls_of(self, repo: Repository, sha: str) -> list[Json]:
        found = [
            pull
            for pull in pulls(self.world, repo)
            if pull.head_sha == sha and conversation(self.world, pull).state == "open"
        ]
        own = {"id": repo.id, "url": self.repo_api(repo), "name": repo.name}
        return [
            {
                "url": f"{self.repo_api(repo)}/pulls/{pull.number}",
                "id": pull.id,
                "number": pull.number,
                "head": {"ref": pull.head_ref, "sha": pull.head_sha, "repo": own},
                "base": {"ref": pull.base_ref, "sha": pull.base_sha, "repo": own},
            }
            for pull in found
            if pull.head_repo_id == repo.id
        ]

    def check_run(self, repo: Repository, run: CheckRun) -> Json:
        """Return a `check-run`."""
        url = f"{self.repo_api(repo)}/check-runs/{run.id}"
        html = f"{self.repo_web(repo)}/commit/{run.sha}"
        return {
            "id": run.id,
            "node_id": node_id("CheckRun", run.id),
            "head_sha": run.sha,
            "external_id": run.external_id,
            "url": url,
            "html_url": html,
            "details_url": run.details_url or html,
            "status": run.status,
            "conclusion": run.conclusion,
            "started_at": run.started_at,
            "completed_at": run.completed_at,
            "output": {
                "title": run.title,
                "summary": run.summary,
                "text": run.text,
                "annotations_count": 0,
                "annotations_url": f"{url}/annotations",
            },
            "name": run.name,
            "check_suite": {"id": run.suite_id},
            "app": self.app_of(run.app_id),
            "pull_requests": self._pulls_of(repo, run.sha),
        }

    def check_suite(self, repo: Repository, suite: CheckSuite) -> Json:
        """Return a `check-suite`."""
        url = f"{self.repo_api(repo)}/check-suites/{suite.id}"
        found = self.world.git(repo).commit(suite.sha)
        return {
            "id": suite.id,
            "node_id": node_id("CheckSuite", suite.id),
            "head_branch": suite.branch,
            "head_sha": suite.sha,
            "status": suite.status,
            "conclusion": suite.conclusion,
            "url": url,
            "before": found.parents[0] if found.parents else "0" * 40,
            "after": suite.sha,
            "pull_requests": self._pulls_of(repo, suite.sha),
            "app": self.app_of(suite.app_id),
            "repository": self.repository(repo),
            "created_at": suite.created_at,
            "updated_at": suite.updated_at,
            "head_commit": self.simple_commit(found),
            "latest_check_runs_count": len(suite_runs(self.world, repo, suite)),
            "check_runs_url": f"{url}/check-runs",
        }

    # Protection and hooks

    def protection(self, repo: Repository, rule: Protection) -> Json:
        """Return a `branch-protection`; what is not asked for is absent."""
        branch = quote(rule.branch, safe="")
        url = f"{self.repo_api(repo)}/branches/{branch}/protection"
        shape: Json = {
            "url": url,
            "required_signatures": {"url": f"{url}/required_signatures", "enabled": False},
            "enforce_admins": {"url": f"{url}/enforce_admins", "enabled": rule.enforce_admins},
            "required_linear_history": {"enabled": rule.linear},
            "allow_force_pushes": {"enabled": rule.allow_force_pushes},
            "allow_deletions": {"enabled": rule.allow_deletions},
            "block_creations": {"enabled": False},
            "required_conversation_resolution": {"enabled": False},
            "lock_branch": {"enabled": False},
            "allow_fork_syncing": {"enabled": False},
        }
        if rule.checks is not None:
            shape["required_status_checks"] = self.required_checks(repo, rule)
        if rule.approvals is not None:
            shape["required_pull_request_reviews"] = self.required_reviews(repo, rule)
        return shape

    def required_checks(self, repo: Repository, rule: Protection) -> Json:
        """Return a `status-check-policy`."""
        branch = quote(rule.branch, safe="")
        url = f"{self.repo_api(repo)}/branches/{branch}/protection/required_status_checks"
        names = list(rule.checks or ())
        return {
            "url": url,
            "strict": rule.strict,
            "contexts": names,
            "contexts_url": f"{url}/contexts",
            "checks": [{"context": name, "app_id": None} for name in names],
        }

    def required_reviews(self, repo: Repository, rule: Protection) -> Json:
        """Return a `protected-branch-pull-request-review`."""
        branch = quote(rule.branch, safe="")
        url = f"{self.repo_api(repo)}/branches/{branch}/protection"
        return {
            "url": f"{url}/required_pull_request_reviews",
            "dismiss_stale_reviews": rule.dismiss_stale,
            "require_code_owner_reviews": rule.code_owners,
            "require_last_push_approval": False,
            "required_approving_review_count": rule.approvals or 0,
        }

    def hook(self, repo: Repository, hook: Hook) -> Json:
        """Return a `hook`; its secret is never shown."""
        url = f"{self.repo_api(repo)}/hooks/{hook.id}"
        secret = {"secret": "********"} if hook.secret else {}
        config = {"url": hook.url, "content_type": hook.content_type, "insecure_ssl": "0"}
        return {
            "type": "Repository",
            "id": hook.id,
            "name": "web",
            "active": hook.active,
            "events": list(hook.events),
            "config": config | secret,
            "updated_at": hook.updated_at,
            "created_at": hook.created_at,
            "url": url,
            "test_url": f"{url}/tests",
            "ping_url": f"{url}/pings",
            "deliveries_url": f"{url}/deliveries",
            "last_response": {
                "code": hook.last_code,
                "status": hook.last_message or "unused",
                "message": hook.last_message,
            },
        }

    def delivery(self, hook: Hook, delivery: Delivery, *, full: bool = False) -> Json:
        """Return a `hook-delivery-item`, or a `hook-delivery`."""
        shape: Json = {
            "id": delivery.id,
            "guid": delivery.guid,
            "delivered_at": delivery.delivered_at,
            "redelivery": delivery.redelivery,
            "duration": delivery.duration,
            "status": delivery.status,
            "status_code": delivery.status_code,
            "event": delivery.event,
            "action": delivery.action,
            "installation_id": delivery.installation_id,
            "repository_id": hook.repo_id or None,
            "throttled_at": None,
        }
        if not full:
            return shape
        payload: Any = None
        if hook.content_type == "json":
            payload = json.loads(delivery.body)
        headers = dict(delivery.request_headers)
        answer = dict(delivery.response_headers)
        return shape | {
            "url": hook.url,
            "request": {"headers": headers, "payload": payload},
            "response": {"headers": answer, "payload": delivery.response_body},
        }
