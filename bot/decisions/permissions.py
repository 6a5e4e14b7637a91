"""Who may give which command: "Who may" of the interface. A refusal names what is missing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from bot.decisions.commands import Command, Freeze, Override, Reject, Rollback, SignOff, Thaw
from bot.decisions.facts import Permission, Who
from bot.words import Words
from config.policy import Role
from config.suggest import named, suggest

# Lowest first.
_RANKS: tuple[Permission, ...] = get_args(Permission)


@dataclass(frozen=True, slots=True)
class Allowed:
    """Go on."""

    kind: Literal["allowed"] = "allowed"


@dataclass(frozen=True, slots=True)
class Refused:
    """Do nothing but reply `reason`, Markdown for the one who asked."""

    reason: str
    kind: Literal["refused"] = "refused"


@dataclass(frozen=True, slots=True)
class Ignored:
    """Do nothing and do not reply: two bots that answer one another never stop."""

    reason: str
    kind: Literal["ignored"] = "ignored"


def roles_held(
    login: str, active_teams: Collection[str], roles: Mapping[str, Role]
) -> frozenset[str]:
    """Return the roles of the configuration that `login` holds, by name or through a team.

    Teams are spelled ``org/team``, and only active memberships belong in
    `active_teams`: a pending one is none.
    """
    user = login.casefold()
    teams = {team.casefold() for team in active_teams}
    return frozenset(
        name
        for name, role in roles.items()
        if any(member.casefold() == user for member in role.users)
        or any(team.casefold() in teams for team in role.teams)
    )


def may(
    command: Command,
    who: Who,
    roles: Mapping[str, Role],
    words: Words,
    trusted_roles: Collection[str] = (),
) -> Allowed | Refused | Ignored:
    """Return whether `who` may give `command`.

    `roles` are the configuration's; holders of the `trusted_roles` among them may
    roll back, freeze and override like a maintainer.
    """
    if who.is_self or who.is_bot:
        return Ignored(f"bots give no commands, and {who.login} is one")
    match command:
        case SignOff(role) | Reject(role):
            return _member(command, role, who, roles, words)
        case Rollback() | Override() | Freeze() | Thaw():
            trusted = sorted(set(trusted_roles) & set(roles))
            if who.roles & set(trusted):
                return Allowed()
            return _ranked(command, who, "maintain", trusted, words)
        case _:
            return _ranked(command, who, "write", (), words)


def _member(
    command: SignOff | Reject, role: str, who: Who, roles: Mapping[str, Role], words: Words
) -> Allowed | Refused:
    if role not in roles:
        return Refused(_unknown_role(role, roles))
    if role in who.roles:
        return Allowed()
    # Code spans, so that nobody is notified of somebody else's mistake.
    said = words.command(f"{command.kind} {role}")
    members = ", ".join(f"`{member}`" for member in roles[role].root) or "nobody"
    return Refused(
        f"`{said}` needs a member of the role `{role}`, and {who.login} is none; it has {members}."
    )


def _unknown_role(role: str, roles: Mapping[str, Role]) -> str:
    known = ", ".join(f"`{name}`" for name in sorted(roles)) or "none"
    shown = named(role.replace("`", "'"))
    return (
        f"There is no role {shown}; "
        f"`roles:` in `.lockstep.yaml` has {known}{suggest(role, roles) or '.'}"
    )


def _ranked(
    command: Command, who: Who, needed: Permission, roles: Sequence[str], words: Words
) -> Allowed | Refused:
    if _RANKS.index(who.permission) >= _RANKS.index(needed):
        return Allowed()
    also = "".join(f", or the role `{role}`" for role in roles)
    said, has = words.command(command.kind), "none"
    if who.permission != "none":
        has = f"only {words.rank(who.permission)}"
    return Refused(
        f"`{said}` needs {words.needs(needed)}{also}, and {who.login} has {has}; "
        "ask somebody who has it to say it."
    )
