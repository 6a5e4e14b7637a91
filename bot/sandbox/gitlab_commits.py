"""GitLab's routes that make commits of others: cherry-pick, revert, what a merge would be."""

from bot.sandbox.errors import Missing
from bot.sandbox.git import Commit
from bot.sandbox.gitlab_ask import Ask, Problem, route
from bot.sandbox.gitlab_mrs import asked_for
from bot.sandbox.merge import may_land
from bot.sandbox.merging import Conflicted, merged_tree, picked_tree, reverted_tree
from bot.sandbox.pushing import announce
from bot.sandbox.routing import Answer


def _commit(ask: Ask) -> Commit:
    try:
        sha = ask.world.resolve(ask.repo, ask.params["sha"])
    except Missing as error:
        raise Missing("404 Commit Not Found") from error
    return ask.world.git(ask.repo).commit(sha)


def _put(ask: Ask, branch: str, head: str, tree: str, message: str, refused_as: str) -> Answer:
    git, me = ask.world.git(ask.repo), ask.world.person(ask.who)
    if git.commit(head).tree == tree:
        said = f"{refused_as} This commit may have been changed already, or is there by another."
        raise Problem(400, said)
    sha = git.write_commit(tree, [head], f"{message}\n", me, me)
    if may_land(ask.world, ask.repo, ask.who, branch, sha):
        raise Problem(403, "You are not allowed to push into this branch")
    git.update_ref(f"refs/heads/{branch}", sha, head)
    announce(ask.world, ask.repo, ask.who, [f"refs/heads/{branch}"])
    return Answer(ask.shapes.full_commit(ask.repo, git.commit(sha)), 201)


def _head(ask: Ask) -> tuple[str, str]:
    branch = ask.text("branch")
    head = ask.repo.refs.get(f"refs/heads/{branch}")
    if head is None:
        raise Missing("404 Branch Not Found")
    return branch, head


def _cherry_pick(ask: Ask) -> Answer:
    found, (branch, head) = _commit(ask), _head(ask)
    said = "Sorry, we cannot cherry-pick this commit automatically."
    try:
        tree = picked_tree(ask.world.git(ask.repo), head, found.sha)
    except Conflicted as conflict:
        raise Problem(400, said) from conflict
    message = ask.optional("message")
    message = message or f"{found.message}\n\n(cherry picked from commit {found.sha})"
    return _put(ask, branch, head, tree, message, said)


def _revert(ask: Ask) -> Answer:
    found, (branch, head) = _commit(ask), _head(ask)
    said = "Sorry, we cannot revert this commit automatically."
    try:
        tree = reverted_tree(ask.world.git(ask.repo), head, found.sha)
    except Conflicted as conflict:
        raise Problem(400, said) from conflict
    title = found.message.partition("\n")[0]
    message = f'Revert "{title}"\n\nThis reverts commit {found.sha}'
    return _put(ask, branch, head, tree, message, said)


def _signature(ask: Ask) -> Answer:
    _commit(ask)
    raise Missing("404 Signature Not Found")


def _merge_ref(ask: Ask) -> Answer:
    asked, git = asked_for(ask), ask.world.git(ask.repo)
    try:
        tree = merged_tree(git, asked.base_sha, asked.head_sha)
    except Conflicted as conflict:
        raise Problem(400, "Merge request is not mergeable") from conflict
    nobody = ask.world.person(ask.world.forge())
    text = f"Merge {asked.head_sha} into {asked.base_sha}\n"
    sha = git.write_commit(tree, [asked.base_sha, asked.head_sha], text, nobody, nobody)
    return Answer({"commit_id": sha})


_C = "/projects/{id}/repository/commits/{sha}"
ROUTES = (
    route("POST", f"{_C}/cherry_pick", _cherry_pick, "write"),
    route("POST", f"{_C}/revert", _revert, "write"),
    route("GET", f"{_C}/signature", _signature, "read"),
    route("GET", "/projects/{id}/merge_requests/{mr_iid}/merge_ref", _merge_ref, "read"),
)
