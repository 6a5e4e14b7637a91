"""Groups inside groups, who belongs where by whatever way, and what moved to another place."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.sandbox.errors import Invalid, Missing
from bot.sandbox.events import Event
from bot.sandbox.records import ROLES, Account, Repository, at_least

if TYPE_CHECKING:
    from bot.sandbox.world import World


def lineage(world: "World", group: Account) -> Iterator[Account]:
    """Yield a group, the one it is in, and so on."""
    current: Account | None = group
    while current is not None:
        yield current
        current = world.account(current.parent_id) if current.parent_id is not None else None


def group_role(world: "World", group: Account, account: Account) -> str:
    """Return the strongest role that somebody has in a group or in one around it."""
    if group.id == account.id:
        return "admin"
    held = (found.members.get(account.login, "none") for found in lineage(world, group))
    # A plain member of an organisation may nothing by that alone.
    return max((role for role in held if role in ROLES), key=ROLES.index, default="none")


def membership(world: "World", repo: Repository, account: Account) -> str:
    """Return the strongest role that somebody was given in a repository, by whatever way."""
    owner = world.account(repo.owner_id)
    found = [group_role(world, owner, account), repo.collaborators.get(account.login, "none")]
    for slug, role in repo.teams.items():
        team = world.team(owner, slug)
        # A pending membership is none.
        if team and team.members.get(account.login, ("", ""))[1] == "active":
            found.append(role)
    for path, role in repo.shares.items():
        group = world.find_account(path)
        if group is not None:
            inside = group_role(world, group, account)
            # A share gives no more than it says, and no more than one is in that group.
            found.append(role if at_least(inside, role) else inside)
    return max(found, key=ROLES.index)


def add_group(
    world: "World", path: str, members: Mapping[str, str] | None = None, *, private: bool = False
) -> Account:
    """Return the group of this path, made where it or one around it is new."""
    outer, _, name = path.rpartition("/")
    parent = add_group(world, outer) if outer else None
    known = world.find_account(path)
    if known is None:
        made = world.add_account(name, "Organization", path=path, parent=parent)
        known = world.store.put(replace(made, private=private))
    if known.type != "Organization":
        raise Invalid(f"{path} is taken, by an account of type {known.type}")
    given = {world.add_account(login).login: role for login, role in (members or {}).items()}
    unknown = set(given.values()) - {*ROLES, "member"}
    if unknown:
        raise Invalid(f"{min(unknown)!r} is no role: one of {', '.join(ROLES)}")
    return world.store.put(replace(known, members={**known.members, **given}))


def inside(world: "World", group: Account) -> list[Account]:
    """Return the groups in a group, however deep, oldest first."""
    start = f"{group.login.lower()}/"
    groups = (a for a in world.store.all(Account) if a.type == "Organization")
    return [found for found in groups if found.login.lower().startswith(start)]


def find_path(world: "World", path: str) -> Repository | None:
    """Return a repository by its whole path, or by one it used to have."""
    owner, _, name = path.rpartition("/")
    found = world.find_repository(owner, name) if owner else None
    if found is not None:
        return found
    wanted = path.lower()
    moved = [repo for repo in world.repositories() if wanted in repo.former_paths]
    return moved[-1] if moved else None


def transfer(world: "World", repo: Repository, owner: Account) -> Repository:
    """Give a repository to another owner; its old path goes on leading here."""
    if world.find_repository(owner.login, repo.name):
        raise Invalid("Project with same name or path in target namespace already exists")
    former = (*repo.former_paths, world.full_name(repo).lower())
    changed = replace(repo, owner_id=owner.id, former_paths=former, updated_at=world.store.now())
    world.store.put(changed)
    detail = {"path": former[-1]}
    world.tell(Event("repository", "transferred", repo.id, owner.id, detail=detail))
    return changed


def move_group(world: "World", group: Account, path: str) -> Account:
    """Rename a group or put it into another; what is in it moves along."""
    if world.find_account(path):
        raise Invalid(f"{path} is taken")
    outer = path.rpartition("/")[0]
    parent = world.find_account(outer) if outer else None
    if outer and parent is None:
        raise Missing("404 Group Not Found")
    old, groups = group.login, [group, *inside(world, group)]
    keys = {found.id for found in groups}
    for repo in world.repositories():
        if repo.owner_id in keys:
            former = (*repo.former_paths, world.full_name(repo).lower())
            world.store.put(replace(repo, former_paths=former))
    for found in groups:
        moved = replace(found, login=path + found.login[len(old) :])
        world.store.put(moved)
    top = world.account(group.id)
    return world.store.put(replace(top, parent_id=parent.id if parent else None))
