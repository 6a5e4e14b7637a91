"""GitLab's routes for commit statuses."""

from bot.sandbox.checks import set_status
from bot.sandbox.errors import Missing
from bot.sandbox.git import SHA
from bot.sandbox.gitlab_ask import Ask, Problem, route
from bot.sandbox.pipelines import TO_GITLAB, external_of, pipelines_of
from bot.sandbox.records import Status
from bot.sandbox.routing import Answer

_STATES = ("pending", "running", "success", "failed", "canceled", "skipped")
_TO_RECORD = {word: record for record, word in TO_GITLAB.items() if record != "error"}
_STEP = {"pending": "enqueue", "running": "run"}


def _create(ask: Ask) -> Answer:
    sha = ask.params["sha"]
    if not SHA.fullmatch(sha) or ask.world.git(ask.repo).type_of(sha) != "commit":
        raise Missing("404 Commit Not Found")
    state = ask.choice("state", _STATES, "")
    if not state:
        state = ask.text("state")
    name = ask.optional("name") or ask.optional("context") or "default"
    ref = ask.optional("ref") or ""
    if ref and f"refs/heads/{ref}" not in ask.repo.refs and f"refs/tags/{ref}" not in ask.repo.refs:
        raise Missing("404 References for commit Not Found")
    if len(ask.optional("target_url") or "") > 255:
        raise Problem(400, {"target_url": ["is too long (maximum is 255 characters)"]})
    if len(ask.optional("description") or "") > 255:
        raise Problem(400, {"description": ["is too long (maximum is 255 characters)"]})
    _check_step(ask, sha, ref, name, state)
    made = set_status(
        ask.world,
        ask.repo,
        ask.who,
        sha,
        state=_TO_RECORD.get(state, state),
        context=name,
        description=ask.optional("description"),
        target_url=ask.optional("target_url"),
        ref=ref,
    )
    return Answer(ask.shapes.status(ask.repo, made), 201)


def _check_step(ask: Ask, sha: str, ref: str, name: str, state: str) -> None:
    """Refuse to go where a status is already, or back: what is under way moves on alone."""
    found = pipelines_of(ask.world, ask.repo, sha, ref or None)
    known = [s for s in external_of(ask.world, found[-1]) if s.context == name] if found else []
    if not known or not _stuck(known[0], state):
        return
    step = _STEP[state]
    raise Problem(
        400,
        f"Cannot transition status via :{step} from :{known[0].state}"
        f' (Reason(s): Status cannot transition via "{step}")',
    )


def _stuck(known: Status, state: str) -> bool:
    return (known.state == state and state in _STEP) or (known.state, state) == (
        "running",
        "pending",
    )


def _list(ask: Ask) -> Answer:
    sha = ask.world.resolve(ask.repo, ask.params["sha"])
    ref, name = ask.optional("ref"), ask.optional("name")
    found = ask.shapes.statuses(ask.repo, sha, ref=ref, name=name, every=ask.flag("all"))
    pipeline_id = ask.whole("pipeline_id")
    if pipeline_id is not None:
        found = [one for one in found if one["pipeline_id"] == pipeline_id]
    if ask.choice("sort", ("asc", "desc"), "asc") == "desc":
        found.reverse()
    return ask.page(found, lambda one: one)


ROUTES = (
    route("POST", "/projects/{id}/statuses/{sha}", _create, "write"),
    route("GET", "/projects/{id}/repository/commits/{sha}/statuses", _list, "read"),
)
