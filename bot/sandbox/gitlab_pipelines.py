"""GitLab's routes for pipelines and their jobs."""

from bot.sandbox.errors import Missing
from bot.sandbox.gitlab_ask import Ask, Problem, route
from bot.sandbox.pipelines import ACTIVE, jobs_of, pipeline_status, run, set_job, set_pipeline
from bot.sandbox.records_gitlab import Job, Pipeline
from bot.sandbox.routing import Answer


def _kept(ask: Ask, one: Pipeline) -> bool:
    status = pipeline_status(ask.world, one)
    return (
        ask.optional("sha") in {None, one.sha}
        and ask.optional("ref") in {None, one.ref}
        and ask.optional("status") in {None, status}
        and ask.optional("source") in {None, one.source}
    )


def _list(ask: Ask) -> Answer:
    found = [one for one in ask.world.store.all(Pipeline, ask.repo.id) if _kept(ask, one)]
    if ask.choice("sort", ("asc", "desc"), "desc") == "desc":
        found.reverse()
    return ask.page(found, lambda one: ask.shapes.pipeline(ask.repo, one))


def _found(ask: Ask) -> Pipeline:
    found = ask.world.store.get(Pipeline, ask.number("pipeline_id"), ask.repo.id)
    if found is None:
        raise Missing("404 Not found")
    return found


def _get(ask: Ask) -> Answer:
    return Answer(ask.shapes.full_pipeline(ask.repo, _found(ask)))


def _create(ask: Ask) -> Answer:
    ref = ask.text("ref")
    sha = ask.repo.refs.get(f"refs/heads/{ref}") or ask.repo.refs.get(f"refs/tags/{ref}")
    if sha is None:
        raise Problem(400, {"base": ["Reference not found"]})
    made = run(ask.world, ask.repo, ask.who, sha, ref, "pending", source="api")
    return Answer(ask.shapes.full_pipeline(ask.repo, made), 201)


def _latest(ask: Ask) -> Answer:
    ref = ask.optional("ref") or ask.repo.default_branch
    sha = ask.repo.refs.get(f"refs/heads/{ref}")
    found = [p for p in ask.world.store.all(Pipeline, ask.repo.id) if (p.ref, p.sha) == (ref, sha)]
    if not found:
        raise Missing("404 Not found")
    return Answer(ask.shapes.full_pipeline(ask.repo, found[-1]))


def _jobs(ask: Ask) -> Answer:
    pipeline = _found(ask)
    wanted = ask.texts("scope")
    found = [job for job in jobs_of(ask.world, pipeline) if wanted is None or job.status in wanted]
    return ask.page(found[::-1], lambda job: ask.shapes.job(ask.repo, pipeline, job))


def _cancel(ask: Ask) -> Answer:
    pipeline = _found(ask)
    for job in jobs_of(ask.world, pipeline):
        if job.status in ACTIVE:
            set_job(ask.world, pipeline, ask.who, job.name, "canceled")
    if pipeline.status in ACTIVE:
        set_pipeline(ask.world, pipeline, ask.who, "canceled")
    return Answer(ask.shapes.full_pipeline(ask.repo, _found(ask)))


def _job(ask: Ask) -> tuple[Pipeline, Job]:
    job = ask.world.store.get(Job, ask.number("job_id"), ask.repo.id)
    pipeline = ask.world.store.get(Pipeline, job.pipeline_id, ask.repo.id) if job else None
    if job is None or pipeline is None:
        raise Missing("404 Not found")
    return pipeline, job


def _get_job(ask: Ask) -> Answer:
    pipeline, job = _job(ask)
    return Answer(ask.shapes.job(ask.repo, pipeline, job))


def _play(ask: Ask) -> Answer:
    pipeline, job = _job(ask)
    if job.status != "manual":
        raise Problem(400, "400 Bad request - Unplayable Job")
    made = set_job(ask.world, pipeline, ask.who, job.name, "pending")
    set_pipeline(ask.world, pipeline, ask.who, "running")
    return Answer(ask.shapes.job(ask.repo, pipeline, made))


_P = "/projects/{id}/pipelines"
ROUTES = (
    route("POST", "/projects/{id}/pipeline", _create, "write"),
    route("GET", _P, _list, "read"),
    route("GET", f"{_P}/latest", _latest, "read"),
    route("GET", f"{_P}/{{pipeline_id}}", _get, "read"),
    route("GET", f"{_P}/{{pipeline_id}}/jobs", _jobs, "read"),
    route("POST", f"{_P}/{{pipeline_id}}/cancel", _cancel, "write"),
    route("GET", "/projects/{id}/jobs/{job_id}", _get_job, "read"),
    route("POST", "/projects/{id}/jobs/{job_id}/play", _play, "write"),
)
