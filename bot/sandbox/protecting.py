"""Make and change the rules of protected branches."""

from collections.abc import Sequence

from bot.sandbox.records import Repository
from bot.sandbox.records_gitlab import Level, ProtectedBranch
from bot.sandbox.world import World


def level(
    world: World, role: str | None, user_id: int | None = None, group_id: int | None = None
) -> Level:
    """Return somebody who may push or merge, with an id of its own."""
    return (world.store.new_id(), role, user_id, group_id)


def protect_branch(
    world: World,
    repo: Repository,
    name: str,
    push: Sequence[str],
    merge: Sequence[str],
    *,
    force: bool = False,
) -> ProtectedBranch:
    """Protect a branch, or change its rule; `push` and `merge` are roles."""
    known = [rule for rule in world.store.all(ProtectedBranch, repo.id) if rule.name == name]
    return world.store.put(
        ProtectedBranch(
            id=known[0].id if known else world.store.new_id(),
            repo_id=repo.id,
            name=name,
            push_access=tuple(level(world, role) for role in push),
            merge_access=tuple(level(world, role) for role in merge),
            allow_force_push=force,
        )
    )


def protect_default(world: World, repo: Repository) -> ProtectedBranch:
    """Protect the default branch as GitLab does by itself: for maintainers."""
    return protect_branch(world, repo, repo.default_branch, ["maintain"], ["maintain"])
