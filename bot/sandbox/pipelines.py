"""Pipelines and their jobs, and what they come to; statuses from outside make up one too."""

from collections.abc import Sequence
from dataclasses import replace

from bot.sandbox.errors import Invalid
from bot.sandbox.events import Event
from bot.sandbox.pulls import numbered
from bot.sandbox.records import Account, Repository, Status
from bot.sandbox.records_gitlab import Job, Pipeline
from bot.sandbox.world import World

STATES = (
    "created",
    "waiting_for_resource",
    "preparing",
    "pending",
    "running",
    "success",
    "failed",
    "canceling",
    "canceled",
    "skipped",
    "manual",
    "scheduled",
)
TO_GITLAB = {"failure": "failed", "error": "failed"}
"""The records' words for a status, where GitLab has another."""
ACTIVE = {"created", "waiting_for_resource", "preparing", "pending", "running", "canceling"}
DONE = {"success", "failed", "canceled", "skipped"}
# The first of these that any job is in is what the whole comes to, once allowed failures count
# as success and skipped jobs as nothing.
_WEIGHT = ("failed", "canceled", "running", "pending", "preparing", "created", "manual")


def jobs_of(world: World, pipeline: Pipeline) -> list[Job]:
    """Return the jobs of a pipeline, oldest first."""
    found = world.store.all(Job, pipeline.repo_id)
    return [job for job in found if job.pipeline_id == pipeline.id]


def external_of(world: World, pipeline: Pipeline) -> list[Status]:
    """Return the newest status of each name that belongs to a pipeline."""
    newest: dict[str, Status] = {}
    for status in world.store.all(Status, pipeline.repo_id):
        if status.pipeline_id == pipeline.id:
            newest[status.context] = status
    return list(newest.values())


def pipelines_of(
    world: World, repo: Repository, sha: str, ref: str | None = None
) -> list[Pipeline]:
    """Return the pipelines of a commit, oldest first."""
    found = world.store.all(Pipeline, repo.id)
    return [p for p in found if p.sha == sha and ref in {None, p.ref}]


def pipeline_status(world: World, pipeline: Pipeline) -> str:
    """Return what a pipeline comes to: its own state, and what was reported from outside."""
    outside = [TO_GITLAB.get(s.state, s.state) for s in external_of(world, pipeline)]
    own = [] if pipeline.source == "external" else [pipeline.status]
    states = {state for state in [*own, *outside] if state != "skipped"}
    if not states:
        return "skipped" if [*own, *outside] else pipeline.status
    if "running" in states or ("pending" in states and states & {"success", "failed"}):
        return "running"
    return next((state for state in _WEIGHT if state in states), "success")


def attach(world: World, repo: Repository, actor: Account, status: Status, ref: str) -> Status:
    """Give a status to the newest pipeline of its commit, or to one of its own."""
    found = pipelines_of(world, repo, status.sha, ref or None) or pipelines_of(
        world, repo, status.sha
    )
    pipeline = found[-1] if found else _external(world, repo, actor, status.sha, ref)
    return world.store.put(replace(status, pipeline_id=pipeline.id))


def settle(world: World, actor: Account, key: int, repo: Repository) -> None:
    """Announce what a pipeline comes to, where that is news."""
    pipeline = world.store.get(Pipeline, key, repo.id)
    if pipeline is None:
        return
    state, now = pipeline_status(world, pipeline), world.store.now()
    if state == pipeline.told:
        return
    began = pipeline.started_at or (None if state in {"created", "pending"} else now)
    ended = now if state in DONE else None
    told = replace(pipeline, told=state, updated_at=now, started_at=began, finished_at=ended)
    world.store.put(told)
    world.tell(Event("pipeline", None, repo.id, actor.id, key))


def _external(world: World, repo: Repository, actor: Account, sha: str, ref: str) -> Pipeline:
    now = world.store.now()
    return world.store.put(
        Pipeline(
            id=world.store.new_id(),
            repo_id=repo.id,
            iid=numbered(world, repo, "pipeline")[1],
            sha=sha,
            ref=ref or branch_at(world, repo, sha),
            status="pending",
            source="external",
            user_id=actor.id,
            created_at=now,
            updated_at=now,
        )
    )


def branch_at(world: World, repo: Repository, sha: str) -> str:
    """Return the branch that stands at a commit, or nothing; never the default one first."""
    current = world.repository(repo.id)
    names = [ref.removeprefix("refs/heads/") for ref, at in current.refs.items() if at == sha]
    names.sort(key=lambda name: name == current.default_branch)
    return names[0] if names else current.default_branch


def run(
    world: World,
    repo: Repository,
    actor: Account,
    sha: str,
    ref: str,
    status: str,
    jobs: Sequence[tuple[str, str, bool]] = (),
    source: str = "push",
) -> Pipeline:
    """Add a pipeline with its jobs: (name, state, may fail)."""
    for state in (status, *(state for _, state, _ in jobs)):
        if state not in STATES:
            raise Invalid(f"{state!r} is no state: one of {', '.join(STATES)}")
    now = world.store.now()
    made = world.store.put(
        Pipeline(
            id=world.store.new_id(),
            repo_id=repo.id,
            iid=numbered(world, repo, "pipeline")[1],
            sha=sha,
            ref=ref,
            status=status,
            source=source,
            user_id=actor.id,
            created_at=now,
            updated_at=now,
        )
    )
    for name, state, may_fail in jobs:
        set_job(world, made, actor, name, state, may_fail=may_fail)
    settle(world, actor, made.id, repo)
    return made


def set_job(
    world: World,
    pipeline: Pipeline,
    actor: Account,
    name: str,
    status: str,
    *,
    may_fail: bool = False,
) -> Job:
    """Add a job to a pipeline, or change the one of this name."""
    now = world.store.now()
    known = next((job for job in jobs_of(world, pipeline) if job.name == name), None)
    known = known or Job(
        id=world.store.new_id(),
        repo_id=pipeline.repo_id,
        pipeline_id=pipeline.id,
        name=name,
        status=status,
        allow_failure=may_fail,
        created_at=now,
    )
    began = known.started_at or (now if status not in {"created", "pending", "manual"} else None)
    ended = now if status in DONE else None
    made = world.store.put(replace(known, status=status, started_at=began, finished_at=ended))
    world.tell(Event("job", None, pipeline.repo_id, actor.id, made.id))
    return made


def set_pipeline(world: World, pipeline: Pipeline, actor: Account, status: str) -> Pipeline:
    """Move a pipeline to a state."""
    if status not in STATES:
        raise Invalid(f"{status!r} is no state: one of {', '.join(STATES)}")
    made = world.store.put(replace(pipeline, status=status))
    settle(world, actor, made.id, world.repository(pipeline.repo_id))
    return made
