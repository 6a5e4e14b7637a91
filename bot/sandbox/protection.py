"""Protected branches as GitLab has them: by pattern, with those who may push and merge."""

import re
from collections.abc import Iterable
from functools import lru_cache

from bot.sandbox.groups import group_role, membership
from bot.sandbox.records import Account, Repository, at_least
from bot.sandbox.records_gitlab import Level, ProtectedBranch
from bot.sandbox.world import World

NO_PUSH = "You are not allowed to push code to protected branches on this project."
NO_DELETE = "You can only delete protected branches using the web interface."


def rules(world: World, repo: Repository, branch: str) -> list[ProtectedBranch]:
    """Return the rules that a branch falls under."""
    found = world.store.all(ProtectedBranch, repo.id)
    return [rule for rule in found if _pattern(rule.name).fullmatch(branch)]


@lru_cache(maxsize=256)
def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in name.split("*")))


def is_protected(world: World, repo: Repository, branch: str) -> bool:
    """Say whether a branch is protected in either forge's way."""
    return world.protection(repo, branch) is not None or bool(rules(world, repo, branch))


def may_push(world: World, repo: Repository, account: Account, branch: str) -> bool:
    """Say whether somebody may push to a branch; of several rules the mildest counts."""
    return _may(world, repo, account, [r.push_access for r in rules(world, repo, branch)])


def may_merge(world: World, repo: Repository, account: Account, branch: str) -> bool:
    """Say whether somebody may merge into a branch, which who may push may too."""
    asked = [r.merge_access + r.push_access for r in rules(world, repo, branch)]
    return _may(world, repo, account, asked)


def may_force(world: World, repo: Repository, branch: str) -> bool:
    """Say whether a branch may be forced; of several rules the mildest counts."""
    found = rules(world, repo, branch)
    return not found or any(rule.allow_force_push for rule in found)


def _may(
    world: World, repo: Repository, account: Account, asked: Iterable[tuple[Level, ...]]
) -> bool:
    held = "admin" if account.instance_admin else membership(world, repo, account)
    lists = list(asked)
    if not at_least(held, "write"):
        return False
    return not lists or any(_meets(world, account, held, one) for each in lists for one in each)


def _meets(world: World, account: Account, held: str, level: Level) -> bool:
    _, role, user_id, group_id = level
    if role is not None:
        return role != "none" and at_least(held, role)
    if group_id is not None:
        return at_least(group_role(world, world.account(group_id), account), "write")
    return user_id == account.id
