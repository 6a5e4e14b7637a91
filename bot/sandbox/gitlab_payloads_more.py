"""GitLab's webhooks of pipelines, jobs and emoji, and what is said of a note."""

from bot.sandbox.events import Event
from bot.sandbox.git import ZERO
from bot.sandbox.gitlab_parts import Parts, seconds_between, spoken
from bot.sandbox.gitlab_shapes import Json
from bot.sandbox.gitlab_shapes_mr import TO_GITLAB_EMOJI, GitLabShapes
from bot.sandbox.pipelines import external_of, jobs_of, pipeline_status
from bot.sandbox.pulls import conversation, issue, pull, pulls
from bot.sandbox.records import Comment, Issue, Reaction, Repository
from bot.sandbox.records_gitlab import Job, Pipeline
from bot.sandbox.world import World

Made = tuple[str, Json]
"""The hook's flag that asks for it (`merge_requests`), and the payload."""


class MorePayloads:
    """The payloads of events that are not about a merge request or a push."""

    def __init__(self, world: World, shapes: GitLabShapes) -> None:
        self._world = world
        self._shapes = shapes
        self._parts = Parts(shapes)

    def _commit_note(self, event: Event, repo: Repository) -> Made | None:
        found = self._world.store.get(Comment, event.subject, repo.id)
        if found is None:
            return None
        commit = self._world.git(repo).commit(found.commit_sha)
        web = f"{self._shapes.project_web(repo)}/-/commit/{found.commit_sha}"
        return "note", {
            "object_kind": "note",
            "event_type": "note",
            "user": self._parts.user(self._world.account(event.actor_id)),
            "project_id": repo.id,
            "project": self._parts.project(repo),
            "object_attributes": {
                **self._note_attributes(found),
                "action": "create",
                "commit_id": found.commit_sha,
                "noteable_id": None,
                "noteable_type": "Commit",
                "url": f"{web}#note_{found.id}",
            },
            "repository": self._parts.repository(repo),
            "commit": self._parts.commit(repo, commit),
        }

    def _note_parts(self, repo: Repository, about: Issue, found: Comment) -> tuple[Json, Json]:
        web = self._shapes.project_web(repo)
        if about.is_pull:
            asked = pull(self._world, repo, about.number)
            subject = {"merge_request": self._parts.pull(repo, asked)}
            key, kind, place = asked.id, "MergeRequest", "merge_requests"
        else:
            subject = {"issue": self._parts.issue(repo, about)}
            key, kind, place = about.id, "Issue", "issues"
        return {
            **self._note_attributes(found),
            "noteable_id": key,
            "noteable_type": kind,
            "url": f"{web}/-/{place}/{about.iid}#note_{found.id}",
        }, subject

    def _note_attributes(self, found: Comment) -> Json:
        return {
            "attachment": None,
            "author_id": found.author_id,
            "change_position": None,
            "commit_id": None,
            "created_at": spoken(found.created_at),
            "discussion_id": found.thread or f"{found.id:040x}",
            "id": found.id,
            "internal": found.internal,
            "line_code": None,
            "note": found.body,
            "original_position": None,
            "position": None,
            "project_id": found.repo_id,
            "resolved_at": None,
            "resolved_by_id": None,
            "resolved_by_push": None,
            "st_diff": None,
            "system": found.system,
            "type": "DiscussionNote" if found.thread else None,
            "updated_at": spoken(found.updated_at),
            "updated_by_id": None,
            "description": found.body,
        }

    def _pipeline(self, event: Event, repo: Repository) -> Made | None:
        found = self._world.store.get(Pipeline, event.subject, repo.id)
        if found is None:
            return None
        jobs = jobs_of(self._world, found)
        outside = external_of(self._world, found)
        status = pipeline_status(self._world, found)
        asked = [
            p
            for p in pulls(self._world, repo)
            if p.head_sha == found.sha and conversation(self._world, p).state == "open"
        ]
        payload: Json = {
            "object_kind": "pipeline",
            "object_attributes": {
                "id": found.id,
                "iid": found.iid,
                "name": None,
                "ref": found.ref,
                "tag": False,
                "sha": found.sha,
                "before_sha": ZERO,
                "source": found.source,
                "status": status,
                "detailed_status": "passed" if status == "success" else status,
                "stages": list(dict.fromkeys([j.stage for j in jobs] or ["external"])),
                "created_at": spoken(found.created_at),
                "finished_at": spoken(found.finished_at),
                "duration": seconds_between(found.started_at, found.finished_at),
                "queued_duration": None,
                "protected_ref": False,
                "variables": [],
                "url": f"{self._shapes.project_web(repo)}/-/pipelines/{found.id}",
            },
            "merge_request": self._parts.brief_pull(repo, asked[0]) if asked else None,
            "user": self._parts.user(self._world.account(found.user_id)),
            "project": self._parts.project(repo, older=False),
            "commit": self._parts.commit(repo, self._world.git(repo).commit(found.sha)),
            "builds": [self._parts.build(found, job) for job in jobs],
        }
        payload["builds"] += [
            {"id": one.id, "stage": "external", "name": one.context, "status": shape["status"]}
            for one in outside
            for shape in (self._shapes.status(repo, one),)
        ]
        return "pipeline", payload

    def _job(self, event: Event, repo: Repository) -> Made | None:
        job = self._world.store.get(Job, event.subject, repo.id)
        found = self._world.store.get(Pipeline, job.pipeline_id, repo.id) if job else None
        if job is None or found is None:
            return None
        commit = self._world.git(repo).commit(found.sha)
        return "job", {
            "object_kind": "build",
            "ref": found.ref,
            "tag": False,
            "before_sha": ZERO,
            "sha": found.sha,
            "retries_count": 0,
            "build_id": job.id,
            "build_name": job.name,
            "build_stage": job.stage,
            "build_status": job.status,
            "build_created_at": spoken(job.created_at),
            "build_started_at": spoken(job.started_at),
            "build_finished_at": spoken(job.finished_at),
            "build_duration": seconds_between(job.started_at, job.finished_at),
            "build_queued_duration": None,
            "build_allow_failure": job.allow_failure,
            "build_failure_reason": "script_failure"
            if job.status == "failed"
            else "unknown_failure",
            "pipeline_id": found.id,
            "runner": None,
            "project_id": repo.id,
            "project_name": self._shapes.simple_project(repo)["name_with_namespace"],
            "user": self._parts.user(self._world.account(found.user_id)),
            "commit": {
                "id": found.id,
                "name": None,
                "sha": found.sha,
                "message": f"{commit.message}\n",
                "author_name": commit.author.name,
                "author_email": commit.author.email,
                "author_url": f"mailto:{commit.author.email}",
                "status": pipeline_status(self._world, found),
                "duration": None,
                "started_at": spoken(found.started_at),
                "finished_at": spoken(found.finished_at),
            },
            "repository": self._parts.repository(repo, full=True),
            "project": self._parts.project(repo, older=False),
            "environment": None,
        }

    def _emoji(self, event: Event, repo: Repository) -> Made | None:
        found = self._world.store.get(Reaction, event.subject, repo.id)
        if found is None:
            return None
        kind, _, key = found.subject.partition("/")
        note = self._world.store.get(Comment, int(key), repo.id) if kind == "comment" else None
        about = issue(self._world, repo, note.number if note else int(key))
        payload: Json = {
            "object_kind": "emoji",
            "event_type": "award" if event.action == "created" else "revoke",
            "user": self._parts.user(self._world.account(event.actor_id)),
            "project_id": repo.id,
            "project": self._parts.project(repo),
            "object_attributes": {
                "user_id": found.author_id,
                "created_at": spoken(found.created_at),
                "id": found.id,
                "name": TO_GITLAB_EMOJI.get(found.content, found.content),
                "awardable_type": self._shapes.awardable(repo, found)[0],
                "awardable_id": self._shapes.awardable(repo, found)[1],
                "updated_at": spoken(found.created_at),
                "action": "award" if event.action == "created" else "revoke",
                "awarded_on_url": self._awarded_on(repo, about, note),
            },
        }
        if note is not None:
            payload["note"] = self._note_parts(repo, about, note)[0]
        if about.is_pull:
            asked = pull(self._world, repo, about.number)
            payload["merge_request"] = self._parts.pull(repo, asked)
        else:
            payload["issue"] = self._parts.issue(repo, about)
        return "emoji", payload

    def _awarded_on(self, repo: Repository, about: Issue, note: Comment | None) -> str:
        place = "merge_requests" if about.is_pull else "issues"
        anchor = f"#note_{note.id}" if note else ""
        return f"{self._shapes.project_web(repo)}/-/{place}/{about.iid}{anchor}"
