"""What follows when a ref moves, by whatever way: events, and pull requests that follow.

Git is the truth. The refs last announced stand in the store, so what moved is a comparison, and
a start after a kill announces what the kill swallowed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from bot.sandbox.events import Event
from bot.sandbox.git import ZERO
from bot.sandbox.pulls import close_pull, conversation, dismiss, finish_merge, pulls, save_head
from bot.sandbox.records import Account, Pull, Repository, Review
from bot.sandbox.world import World


def announce(
    world: World, repo: Repository, actor: Account, only: Iterable[str] | None = None
) -> None:
    """Tell everybody which refs have moved since the last time, and let pull requests follow."""
    repo = world.repository(repo.id)
    before, after = dict(repo.refs), world.git(repo).refs()
    names = sorted(set(before) | set(after)) if only is None else list(dict.fromkeys(only))
    moved = [name for name in names if before.get(name) != after.get(name)]
    if not moved:
        return
    known = before | {name: after[name] for name in moved if name in after}
    known = {name: sha for name, sha in known.items() if name not in moved or name in after}
    now = world.store.now()
    world.store.put(replace(repo, refs=known, pushed_at=now, updated_at=now))
    changes = [(before.get(name, ZERO), after.get(name, ZERO), name) for name in moved]
    for old, new, name in changes:
        _tell(world, repo, actor, name, old, new, changes)
        if name.startswith("refs/heads/"):
            _follow(world, repo, actor, name.removeprefix("refs/heads/"), new)


def begin(world: World, repo: Repository, actor: Account, message: str, text: str) -> None:
    """Give an empty repository its first commit: a README.md on the default branch."""
    git, me = world.git(repo), world.person(actor)
    tree = git.write_tree(None, {"README.md": ("100644", git.write_blob(text.encode()))})
    first = git.write_commit(tree, [], f"{message}\n", me, me)
    git.update_ref(f"refs/heads/{repo.default_branch}", first)
    announce(world, repo, actor)


def catch_up(world: World) -> None:
    """After a start: finish merges that a kill cut, and announce what moved unseen."""
    for repo in world.repositories():
        git = world.git(repo)
        for pull in world.store.all(Pull, repo.id):
            if pull.intent is None:
                continue
            sha, account_id, _ = pull.intent
            base = git.refs().get(f"refs/heads/{pull.base_ref}")
            if base and git.is_ancestor(sha, base):
                actor = world.account(account_id)
                finish_merge(world, repo, pull, actor, sha)
                announce(world, repo, actor, [f"refs/heads/{pull.base_ref}"])
            else:
                world.store.put(replace(pull, intent=None))
        announce(world, repo, world.account(repo.owner_id))


def _tell(
    world: World,
    repo: Repository,
    actor: Account,
    ref: str,
    old: str,
    new: str,
    changes: Sequence[tuple[str, str, str]],
) -> None:
    if old == ZERO:
        world.tell(Event("create", None, repo.id, actor.id, detail={"ref": ref}))
    if new == ZERO:
        world.tell(Event("delete", None, repo.id, actor.id, detail={"ref": ref}))
    kind = ref.split("/")[1]
    detail = {
        "ref": ref,
        "before": old,
        "after": new,
        # A forge may tell less of a push that moves many branches or tags at once.
        "together": sum(name.split("/")[1] == kind for _, _, name in changes),
        "last": (old, new, ref) == changes[-1],
        "all": tuple(changes),
    }
    world.tell(Event("push", None, repo.id, actor.id, detail=detail))


def _follow(world: World, repo: Repository, actor: Account, branch: str, new: str) -> None:
    for other in world.repositories():
        for pull in pulls(world, other):
            if conversation(world, pull).state != "open":
                continue
            if (pull.head_repo_id, pull.head_ref) == (repo.id, branch):
                _head_moved(world, other, pull, actor, new)
            elif (other.id, pull.base_ref) == (repo.id, branch):
                _base_moved(world, other, pull, actor, new)


def _head_moved(world: World, base: Repository, pull: Pull, actor: Account, new: str) -> None:
    if new == ZERO:
        close_pull(world, base, pull, actor)
        return
    moved = world.store.put(replace(pull, head_sha=new))
    save_head(world, base, moved)
    _dismiss_stale(world, base, moved, actor)
    detail = {"before": pull.head_sha, "after": new}
    world.tell(Event("pull_request", "synchronize", base.id, actor.id, pull.number, detail))
    if world.ways.closes_emptied and world.git(base).is_ancestor(new, moved.base_sha):
        # Nothing is left to merge: the forge closes it.
        close_pull(world, base, moved, actor)


def _base_moved(world: World, base: Repository, pull: Pull, actor: Account, new: str) -> None:
    if new == ZERO:
        if world.ways.closes_without_base:
            close_pull(world, base, pull, actor)
        return
    empty = world.git(base).is_ancestor(pull.head_sha, pull.base_sha)
    if world.git(base).is_ancestor(pull.head_sha, new) and not empty:
        # The old base stays on record: what the pull request brought is counted from it.
        finish_merge(world, base, pull, actor, new)
    else:
        world.store.put(replace(pull, base_sha=new))


def _dismiss_stale(world: World, base: Repository, pull: Pull, actor: Account) -> None:
    rule = world.protection(base, pull.base_ref)
    reset = world.ways.resets_approvals and base.settings.get("reset_approvals_on_push", True)
    if not reset and (rule is None or not rule.dismiss_stale):
        return
    for review in world.store.all(Review, base.id):
        if review.number == pull.number and review.state == "APPROVED":
            dismiss(world, base, actor, review)
