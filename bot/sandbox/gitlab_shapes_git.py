"""Records as GitLab's JSON: commits, branches, their protection, differences, statuses, CI."""

from bot.sandbox.checks import statuses
from bot.sandbox.git import Commit, FileChange
from bot.sandbox.gitlab_shapes import LEVEL_WORDS, LEVELS, AccountShapes, Json, moment
from bot.sandbox.pipelines import TO_GITLAB, jobs_of, pipeline_status, pipelines_of
from bot.sandbox.protection import is_protected, may_push, rules
from bot.sandbox.records import Account, Repository, Status
from bot.sandbox.records_gitlab import Job, Level, Pipeline, ProtectedBranch
from bot.sandbox.store import stamp


class GitShapes(AccountShapes):
    """What GitLab shows of git and of CI."""

    def commit(self, repo: Repository, commit: Commit) -> Json:
        """Return a commit as lists show it."""
        written, made = stamp(commit.author.when), stamp(commit.committer.when)
        return {
            "id": commit.sha,
            "short_id": commit.sha[:8],
            "created_at": moment(made),
            "parent_ids": list(commit.parents),
            "title": commit.message.partition("\n")[0],
            "message": commit.message,
            "author_name": commit.author.name,
            "author_email": commit.author.email,
            "authored_date": moment(written),
            "committer_name": commit.committer.name,
            "committer_email": commit.committer.email,
            "committed_date": moment(made),
            "trailers": {},
            "extended_trailers": {},
            "web_url": f"{self.project_web(repo)}/-/commit/{commit.sha}",
        }

    def full_commit(self, repo: Repository, commit: Commit) -> Json:
        """Return a commit by itself: with its numbers and its last pipeline."""
        git = self.world.git(repo)
        parent = commit.parents[0] if commit.parents else git.write_tree(None, {})
        changes = git.changes(parent, commit.sha)
        plus, minus = sum(c.additions for c in changes), sum(c.deletions for c in changes)
        pipelines = [p for p in self.world.store.all(Pipeline, repo.id) if p.sha == commit.sha]
        last = self.pipeline(repo, pipelines[-1]) if pipelines else None
        return {
            **self.commit(repo, commit),
            "stats": {"additions": plus, "deletions": minus, "total": plus + minus},
            "status": last["status"] if last else None,
            "project_id": repo.id,
            "last_pipeline": last,
        }

    def branch(self, repo: Repository, name: str, account: Account | None) -> Json:
        """Return a branch."""
        git, sha = self.world.git(repo), self.world.head(repo, name)
        default = repo.refs.get(f"refs/heads/{repo.default_branch}", sha)
        found = rules(self.world, repo, name)
        return {
            "name": name,
            "commit": self.commit(repo, git.commit(sha)),
            "merged": name != repo.default_branch and git.is_ancestor(sha, default),
            "protected": is_protected(self.world, repo, name),
            "developers_can_push": any(_developers(rule.push_access) for rule in found),
            "developers_can_merge": any(_developers(rule.merge_access) for rule in found),
            "can_push": account is not None and may_push(self.world, repo, account, name),
            "default": name == repo.default_branch,
            "web_url": f"{self.project_web(repo)}/-/tree/{name}",
        }

    def protected(self, rule: ProtectedBranch) -> Json:
        """Return a protected branch."""
        return {
            "id": rule.id,
            "name": rule.name,
            "push_access_levels": [self._level(one) for one in rule.push_access],
            "merge_access_levels": [self._level(one) for one in rule.merge_access],
            "allow_force_push": rule.allow_force_push,
            "unprotect_access_levels": [],
            "code_owner_approval_required": rule.code_owner_approval,
            "inherited": False,
        }

    def _level(self, one: Level) -> Json:
        key, role, user_id, group_id = one
        level = LEVELS[role] if role is not None else None
        words = LEVEL_WORDS.get(level, "") if level is not None else ""
        if user_id is not None:
            words = self.world.account(user_id).name
        if group_id is not None:
            words = self.world.account(group_id).name
        return {
            "id": key,
            "access_level": 40 if level is None else level,
            "access_level_description": words,
            "deploy_key_id": None,
            "user_id": user_id,
            "group_id": group_id,
        }

    def difference(self, change: FileChange) -> Json:
        """Return one file of a difference."""
        return {
            "diff": f"{change.patch}\n" if change.patch else "",
            "collapsed": False,
            "too_large": False,
            "new_path": change.path,
            "old_path": change.old_path or change.path,
            "a_mode": "0" if change.status == "added" else "100644",
            "b_mode": "0" if change.status == "removed" else "100644",
            "new_file": change.status == "added",
            "renamed_file": change.status == "renamed",
            "deleted_file": change.status == "removed",
            "generated_file": None,
        }

    # Checks

    def status(self, repo: Repository, status: Status) -> Json:
        """Return a commit status that something outside has set."""
        done = status.state not in {"pending", "running", "created"}
        pipeline = self.world.store.get(Pipeline, status.pipeline_id, repo.id)
        return {
            "id": status.id,
            "sha": status.sha,
            "ref": pipeline.ref if pipeline else "",
            "status": TO_GITLAB.get(status.state, status.state),
            "name": status.context,
            "target_url": status.target_url,
            "description": status.description,
            "created_at": moment(status.created_at),
            "started_at": None if status.state == "pending" else moment(status.created_at),
            "finished_at": moment(status.created_at) if done else None,
            "allow_failure": False,
            "coverage": None,
            "pipeline_id": status.pipeline_id,
            "author": self.user_of(status.author_id),
        }

    def job_status(self, repo: Repository, pipeline: Pipeline, job: Job) -> Json:
        """Return a job as one of its commit's statuses."""
        return {
            "id": job.id,
            "sha": pipeline.sha,
            "ref": pipeline.ref,
            "status": job.status,
            "name": job.name,
            "target_url": f"{self.project_web(repo)}/-/jobs/{job.id}",
            "description": None,
            "created_at": moment(job.created_at),
            "started_at": moment(job.started_at),
            "finished_at": moment(job.finished_at),
            "allow_failure": job.allow_failure,
            "coverage": None,
            "pipeline_id": pipeline.id,
            "author": self.user_of(pipeline.user_id),
        }

    def pipeline(self, repo: Repository, pipeline: Pipeline) -> Json:
        """Return a pipeline as lists show it."""
        return {
            "id": pipeline.id,
            "iid": pipeline.iid,
            "project_id": repo.id,
            "sha": pipeline.sha,
            "ref": pipeline.ref,
            "status": pipeline_status(self.world, pipeline),
            "source": pipeline.source,
            "created_at": moment(pipeline.created_at),
            "updated_at": moment(pipeline.updated_at),
            "web_url": f"{self.project_web(repo)}/-/pipelines/{pipeline.id}",
            "name": None,
        }

    def full_pipeline(self, repo: Repository, pipeline: Pipeline) -> Json:
        """Return a pipeline by itself."""
        shape = self.pipeline(repo, pipeline)
        status = shape["status"]
        label = {"success": "passed", "manual": "manual action"}.get(status, status)
        return {
            **shape,
            "before_sha": "0" * 40,
            "tag": False,
            "yaml_errors": None,
            "user": self.user_of(pipeline.user_id),
            "started_at": moment(pipeline.started_at),
            "finished_at": moment(pipeline.finished_at),
            "committed_at": None,
            "duration": None,
            "queued_duration": None,
            "coverage": None,
            "archived": False,
            "detailed_status": {
                "icon": f"status_{status}",
                "text": label,
                "label": label,
                "group": status,
                "tooltip": label,
                "has_details": True,
                "details_path": f"/{self.world.full_name(repo)}/-/pipelines/{pipeline.id}",
                "illustration": None,
                "favicon": "",
            },
        }

    def job(self, repo: Repository, pipeline: Pipeline, job: Job) -> Json:
        """Return a job of a pipeline."""
        commit = self.world.git(repo).commit(pipeline.sha)
        return {
            "id": job.id,
            "status": job.status,
            "stage": job.stage,
            "name": job.name,
            "ref": pipeline.ref,
            "tag": False,
            "coverage": None,
            "allow_failure": job.allow_failure,
            "created_at": moment(job.created_at),
            "started_at": moment(job.started_at),
            "finished_at": moment(job.finished_at),
            "erased_at": None,
            "duration": None,
            "queued_duration": None,
            "user": self.full_user(self.world.account(pipeline.user_id)),
            "commit": self.commit(repo, commit),
            "pipeline": self.pipeline(repo, pipeline),
            "failure_reason": "script_failure" if job.status == "failed" else None,
            "web_url": f"{self.project_web(repo)}/-/jobs/{job.id}",
            "project": {"ci_job_token_scope_enabled": False},
            "artifacts": [],
            "runner": None,
            "artifacts_expire_at": None,
            "archived": False,
            "tag_list": [],
        }

    def statuses(
        self,
        repo: Repository,
        sha: str,
        *,
        ref: str | None = None,
        name: str | None = None,
        every: bool = False,
    ) -> list[Json]:
        """Return what was said of a commit, the last of each name: jobs and statuses alike."""
        outside = statuses(self.world, repo, sha)
        found = [self.status(repo, one) for one in outside]
        for pipeline in pipelines_of(self.world, repo, sha):
            jobs = jobs_of(self.world, pipeline)
            found += [self.job_status(repo, pipeline, job) for job in jobs]
        found = [one for one in found if ref in {None, one["ref"]} and name in {None, one["name"]}]
        found.sort(key=lambda one: int(one["id"]))
        newest = {(one["pipeline_id"], one["name"]): one for one in found}
        return found if every else list(newest.values())


def _developers(access: tuple[Level, ...]) -> bool:
    return any(role == "write" for _, role, _, _ in access)
