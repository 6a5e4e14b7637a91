"""What GitLab's webhooks are made of: people, projects, commits, merge requests, jobs."""

from datetime import datetime

from bot.sandbox.git import Commit
from bot.sandbox.gitlab_merging import head_pipeline, merge_status
from bot.sandbox.gitlab_shapes import Json
from bot.sandbox.gitlab_shapes_mr import OLD_STATUS, GitLabShapes
from bot.sandbox.pulls import conversation
from bot.sandbox.records import Account, Issue, Label, Pull, Repository
from bot.sandbox.records_gitlab import Job, Pipeline
from bot.sandbox.store import stamp

VISIBILITY = {True: 0, False: 20}
STATE_IDS = {"opened": 1, "closed": 2, "merged": 3, "locked": 4}


def spoken(stamped: str | None) -> str | None:
    """Write a time as GitLab's older payloads do: `2026-01-05 09:00:00 UTC`."""
    return stamped.replace("T", " ").replace("Z", " UTC") if stamped else None


class Parts:
    """Turns records into the pieces of a webhook's payload."""

    def __init__(self, shapes: GitLabShapes) -> None:
        self.shapes = shapes
        self.world = shapes.world

    def user(self, account: Account) -> Json:
        """Return a person; addresses are kept back, as GitLab keeps them."""
        shape = {"id": account.id, "name": account.name, "username": account.login}
        return {**shape, "avatar_url": None, "email": "[REDACTED]"}

    def project(self, repo: Repository, *, older: bool = True) -> Json:
        """Return a project, with its names of older times too where the hook has them."""
        web, path = self.shapes.project_web(repo), self.world.full_name(repo)
        ssh, http = f"git@localhost:{path}.git", f"{web}.git"
        older_names = {"homepage": web, "url": ssh, "ssh_url": ssh, "http_url": http}
        return {
            "id": repo.id,
            "name": repo.name,
            "description": repo.description,
            "web_url": web,
            "avatar_url": None,
            "git_ssh_url": ssh,
            "git_http_url": http,
            "namespace": self.world.account(repo.owner_id).name,
            "visibility_level": VISIBILITY[repo.private],
            "path_with_namespace": path,
            "default_branch": repo.default_branch,
            "ci_config_path": "",
            **(older_names if older else {}),
        }

    def repository(self, repo: Repository, *, full: bool = False) -> Json:
        """Return the short form of a project that goes beside the long one."""
        web = self.shapes.project_web(repo)
        shape: Json = {
            "name": repo.name,
            "url": f"git@localhost:{self.world.full_name(repo)}.git",
            "description": repo.description,
            "homepage": web,
        }
        more = {
            "git_http_url": f"{web}.git",
            "git_ssh_url": shape["url"],
            "visibility_level": VISIBILITY[repo.private],
        }
        return shape | (more if full else {})

    def commit(self, repo: Repository, commit: Commit) -> Json:
        """Return a commit."""
        return {
            "id": commit.sha,
            "message": f"{commit.message}\n",
            "title": commit.message.partition("\n")[0],
            "timestamp": stamp(commit.committer.when).replace("Z", "+00:00"),
            "url": f"{self.shapes.project_web(repo)}/-/commit/{commit.sha}",
            "author": {"name": commit.author.name, "email": commit.author.email},
        }

    def label(self, repo: Repository, name: str) -> Json:
        """Return a label."""
        found = self.world.label(repo, name) or Label(id=0, repo_id=repo.id, name=name)
        return {
            "id": found.id,
            "title": found.name,
            "color": self.shapes.label(repo, found)["color"],
            "project_id": repo.id,
            "created_at": spoken(repo.created_at),
            "updated_at": spoken(repo.created_at),
            "template": False,
            "description": found.description,
            "type": "ProjectLabel",
            "group_id": None,
        }

    def labels(self, repo: Repository, names: tuple[str, ...]) -> list[Json]:
        """Return labels by their names."""
        return [self.label(repo, name) for name in names]

    def people(self, logins: tuple[str, ...]) -> list[Json]:
        """Return those of these logins that exist."""
        found = (self.world.find_account(login) for login in logins)
        return [self.user(account) for account in found if account is not None]

    def pull(self, repo: Repository, asked: Pull) -> Json:
        """Return a merge request's attributes."""
        about = conversation(self.world, asked)
        state = self.shapes.state(about, asked)
        status = merge_status(self.world, repo, asked)
        pipeline = head_pipeline(self.world, repo, asked)
        source = self.world.store.get(Repository, asked.head_repo_id)
        commit = self.world.git(repo).commit(asked.head_sha)
        assignees = [person["id"] for person in self.people(about.assignees)]
        return {
            "assignee_id": assignees[0] if assignees else None,
            "author_id": about.author_id,
            "created_at": spoken(about.created_at),
            "description": about.body,
            "draft": asked.draft,
            "head_pipeline_id": pipeline.id if pipeline else None,
            "id": asked.id,
            "iid": about.iid,
            "last_edited_at": None,
            "last_edited_by_id": None,
            "merge_commit_sha": asked.merge_sha if asked.merge_how != "ff" else None,
            "merge_error": asked.merge_error,
            "merge_params": {"force_remove_source_branch": "1" if asked.remove_head else "0"},
            "merge_status": OLD_STATUS.get(status, "can_be_merged"),
            "merge_user_id": asked.merged_by,
            "merge_when_pipeline_succeeds": asked.auto_merge is not None,
            "milestone_id": None,
            "source_branch": asked.head_ref,
            "source_project_id": asked.head_repo_id,
            "state_id": STATE_IDS[state],
            "target_branch": asked.base_ref,
            "target_project_id": repo.id,
            "time_estimate": 0,
            "title": about.title,
            "updated_at": spoken(about.updated_at),
            "updated_by_id": None,
            "prepared_at": spoken(about.created_at),
            "assignee_ids": assignees,
            "blocking_discussions_resolved": True,
            "detailed_merge_status": status,
            "first_contribution": False,
            "human_time_change": None,
            "human_time_estimate": None,
            "human_total_time_spent": None,
            "labels": self.labels(repo, about.labels),
            "last_commit": self.commit(repo, commit),
            "reviewer_ids": [person["id"] for person in self.people(asked.reviewers)],
            "source": self.project(source) if source else None,
            "state": state,
            "target": self.project(repo),
            "time_change": 0,
            "total_time_spent": 0,
            "url": f"{self.shapes.project_web(repo)}/-/merge_requests/{about.iid}",
            "work_in_progress": asked.draft,
            "approval_rules": [],
        }

    def brief_pull(self, repo: Repository, asked: Pull) -> Json:
        """Return a merge request as a pipeline's payload names it."""
        full = self.pull(repo, asked)
        names = ("id", "iid", "title", "source_branch", "source_project_id", "target_branch")
        more = ("target_project_id", "state", "merge_status", "detailed_merge_status", "url")
        return {name: full[name] for name in (*names, *more)}

    def issue(self, repo: Repository, about: Issue) -> Json:
        """Return an issue's attributes."""
        assignees = [person["id"] for person in self.people(about.assignees)]
        state = self.shapes.state(about)
        return {
            "author_id": about.author_id,
            "closed_at": spoken(about.closed_at),
            "confidential": about.confidential,
            "created_at": spoken(about.created_at),
            "description": about.body,
            "discussion_locked": None,
            "due_date": None,
            "id": about.id,
            "iid": about.iid,
            "last_edited_at": None,
            "last_edited_by_id": None,
            "milestone_id": None,
            "moved_to_id": None,
            "duplicated_to_id": None,
            "project_id": repo.id,
            "relative_position": None,
            "state_id": STATE_IDS[state],
            "time_estimate": 0,
            "title": about.title,
            "updated_at": spoken(about.updated_at),
            "updated_by_id": None,
            "weight": None,
            "health_status": None,
            "type": "Issue",
            "url": f"{self.shapes.project_web(repo)}/-/issues/{about.iid}",
            "total_time_spent": 0,
            "time_change": 0,
            "human_total_time_spent": None,
            "human_time_change": None,
            "human_time_estimate": None,
            "assignee_ids": assignees,
            "assignee_id": assignees[0] if assignees else None,
            "labels": self.labels(repo, about.labels),
            "state": state,
            "severity": "unknown",
            "customer_relations_contacts": [],
        }

    def build(self, pipeline: Pipeline, job: Job) -> Json:
        """Return a job as a pipeline's payload lists it."""
        return {
            "id": job.id,
            "stage": job.stage,
            "name": job.name,
            "status": job.status,
            "created_at": spoken(job.created_at),
            "started_at": spoken(job.started_at),
            "finished_at": spoken(job.finished_at),
            "duration": None,
            "queued_duration": None,
            "failure_reason": "script_failure" if job.status == "failed" else None,
            "when": "manual" if job.status == "manual" else "on_success",
            "manual": job.status == "manual",
            "allow_failure": job.allow_failure,
            "user": self.user(self.world.account(pipeline.user_id)),
            "runner": None,
            "artifacts_file": {"filename": None, "size": None},
            "environment": None,
        }


def seconds_between(one: str | None, other: str | None) -> int | None:
    """Return the seconds between two times of the records, None where either is not yet."""
    if not one or not other:
        return None
    return int((datetime.fromisoformat(other) - datetime.fromisoformat(one)).total_seconds())
