"""GitLab's routes that list merge requests, and the parts of one."""

from collections.abc import Iterator
from typing import Any

from bot.sandbox.access import role as role_of
from bot.sandbox.errors import Missing
from bot.sandbox.gitlab_ask import Ask, route
from bot.sandbox.gitlab_mrs import asked_for, shown
from bot.sandbox.pipelines import pipelines_of
from bot.sandbox.pulls import conversation, pulls
from bot.sandbox.records import Account, Issue, Pull, Repository, at_least
from bot.sandbox.routing import Answer

_STATES = ("opened", "closed", "locked", "merged", "all")


# Lists


def _list(ask: Ask) -> Answer:
    return _listed(ask, [(ask.repo, p) for p in pulls(ask.world, ask.repo)], "all")


def _everywhere(ask: Ask) -> Answer:
    repos = [r for r in ask.world.repositories() if _readable(ask, r)]
    scope = "created_by_me" if ask.optional("scope") is None else ask.text("scope")
    return _listed(ask, [(r, p) for r in repos for p in pulls(ask.world, r)], scope)


def _of_group(ask: Ask) -> Answer:
    name = ask.params["id"]
    group = ask.world.store.get(Account, int(name)) if name.isdigit() else None
    group = group or ask.world.find_account(name)
    if group is None or group.type != "Organization":
        raise Missing("404 Group Not Found")
    start = f"{group.login.lower()}/"
    repos = [r for r in ask.world.repositories() if _readable(ask, r)]
    inside = [r for r in repos if ask.world.full_name(r).lower().startswith(start)]
    return _listed(ask, [(r, p) for r in inside for p in pulls(ask.world, r)], "all")


def _readable(ask: Ask, repo: Repository) -> bool:
    return at_least(role_of(ask.world, ask.actor, repo), "read")


def _listed(ask: Ask, found: list[tuple[Repository, Pull]], scope: str) -> Answer:
    with_about = [(r, p, conversation(ask.world, p)) for r, p in found]
    kept = [one for one in with_about if _kept(ask, one[1], one[2], scope)]
    by = ask.choice("order_by", ("created_at", "updated_at", "title"), "created_at")
    falling = ask.choice("sort", ("asc", "desc"), "desc") == "desc"
    kept.sort(key=lambda one: (getattr(one[2], by), one[1].id), reverse=falling)
    return ask.page(kept, lambda one: ask.shapes.pull(one[0], one[1]))


def _kept(ask: Ask, asked: Pull, about: Issue, scope: str) -> bool:
    return all(_reasons(ask, asked, about, scope))


def _reasons(ask: Ask, asked: Pull, about: Issue, scope: str) -> Iterator[bool]:
    """Yield for each filter whether it keeps a merge request."""
    author = ask.world.account(about.author_id)
    state = ask.choice("state", _STATES, "all")
    yield state in {"all", ask.shapes.state(about, asked)}
    me = ask.actor.account
    yield scope not in {"created_by_me", "created-by-me"} or (me is not None and me == author)
    yield ask.optional("source_branch") in {None, asked.head_ref}
    yield ask.optional("target_branch") in {None, asked.base_ref}
    iids, labels = ask.texts("iids"), ask.texts("labels")
    yield iids is None or str(about.iid) in iids
    yield labels is None or set(labels) <= set(about.labels)
    yield ask.whole("author_id") in {None, author.id}
    yield ask.optional("author_username") in {None, author.login}
    # To the second, as the records are: what changed within one is listed rather than missed.
    since = (ask.optional("updated_after") or "")[:19]
    yield about.updated_at[:19] >= since
    yield (ask.optional("search") or "").lower() in f"{about.title}\n{about.body or ''}".lower()


# Parts


def _commits(ask: Ask) -> Answer:
    asked = asked_for(ask)
    found = ask.world.git(ask.repo).log(f"{asked.base_sha}..{asked.head_sha}")
    return ask.page(found, lambda commit: ask.shapes.commit(ask.repo, commit))


def _changes(ask: Ask, asked: Pull) -> list[Any]:
    git = ask.world.git(ask.repo)
    start = git.merge_base(asked.base_sha, asked.head_sha) or asked.base_sha
    return [ask.shapes.difference(change) for change in git.changes(start, asked.head_sha)]


def _diffs(ask: Ask) -> Answer:
    return ask.page(_changes(ask, asked_for(ask)), lambda one: one)


def _with_changes(ask: Ask) -> Answer:
    asked = asked_for(ask)
    shape = shown(ask, asked).body
    return Answer({**shape, "changes": _changes(ask, asked), "overflow": False})


def _pipelines(ask: Ask) -> Answer:
    asked = asked_for(ask)
    found = pipelines_of(ask.world, ask.repo, asked.head_sha)[::-1]
    return ask.page(found, lambda one: ask.shapes.pipeline(ask.repo, one))


def _participants(ask: Ask) -> Answer:
    about = conversation(ask.world, asked_for(ask))
    return ask.page([ask.world.account(about.author_id)], ask.shapes.user)


def _of_commit(ask: Ask) -> Answer:
    sha, git = ask.world.resolve(ask.repo, ask.params["sha"]), ask.world.git(ask.repo)
    found = [
        p
        for p in pulls(ask.world, ask.repo)
        if sha in {p.merge_sha, p.squash_sha}
        or (git.is_ancestor(sha, p.head_sha) and not git.is_ancestor(sha, p.base_sha))
    ]
    return ask.page(found, lambda p: ask.shapes.pull(ask.repo, p))


_M = "/projects/{id}/merge_requests"
_ONE = f"{_M}/{{mr_iid}}"
ROUTES = (
    route("GET", "/merge_requests", _everywhere),
    route("GET", "/groups/{id}/merge_requests", _of_group),
    route("GET", _M, _list, "read"),
    route("GET", f"{_ONE}/commits", _commits, "read"),
    route("GET", f"{_ONE}/diffs", _diffs, "read"),
    route("GET", f"{_ONE}/changes", _with_changes, "read"),
    route("GET", f"{_ONE}/pipelines", _pipelines, "read"),
    route("GET", f"{_ONE}/participants", _participants, "read"),
    route("GET", "/projects/{id}/repository/commits/{sha}/merge_requests", _of_commit, "read"),
)
