"""What one person could do about a promotion, and what their word would change."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from bot.decisions.facts import GateFacts, Review, SignedOff
from bot.decisions.gates import evaluate
from bot.decisions.policy import Policies
from bot.decisions.requirements import Requirements
from bot.decisions.verdicts import GateResult, Open
from bot.model import Commit

# How forges write the addresses of those who hide theirs: `123+login@users.noreply.…`.
_NOREPLY = re.compile(r"(?:\d+\+)?([^@+]+)@users\.noreply\..+")


@dataclass(frozen=True, slots=True)
class Persona:
    """One person before one promotion.

    `roles` are those that ask for a sign-off and that the person holds by name; of
    `perhaps` a team that git does not know is a member. `wrote` says that a part is theirs,
    so that their word does not count. `changed` are the gates that would say something else.
    """

    person: str
    roles: tuple[str, ...] = ()
    perhaps: tuple[str, ...] = ()
    wrote: bool = False
    may_override: bool = False
    changed: tuple[GateResult, ...] = ()

    @property
    def said(self) -> tuple[str, ...]:
        """Return what there is to say of the person, a sentence each."""
        if self.wrote:
            return (
                (
                    f"{self.person} wrote a part of this: neither an approval nor a sign-off of "
                    "theirs counts"
                ),
            )
        lines = []
        if self.roles:
            lines.append(f"{self.person} can sign off for {', '.join(self.roles)}")
        lines += [
            f"{self.person} can sign off for {role} as a member of a team, which git does not know"
            for role in self.perhaps
        ]
        if not self.roles and not self.perhaps:
            lines.append(f"{self.person} holds none of the roles that have to sign off")
        for result in self.changed:
            state = result.verdict.state
            lines.append(f"with their word, {result.gate} is {state}: {result.verdict.reason}")
        if self.may_override:
            lines.append(f"{self.person} may pass a gate with `/override GATE REASON`")
        return tuple(lines)


def persona(
    person: str,
    policies: Policies,
    needed: Requirements,
    facts: GateFacts,
    commits: Iterable[Commit],
    now: datetime,
) -> Persona:
    """Return what a person could do; who is in a team is not looked up.

    Their word is an approval, as of somebody who may write, and a sign-off for every role
    that they hold, or may hold.
    """
    wrote = any(is_by(commit, person) for commit in commits)
    asked = [role for role in needed.sign_offs if role in policies.roles]
    own = [role for role in asked if _names(policies.roles[role].users, person)]
    perhaps = [role for role in asked if role not in own and policies.roles[role].teams]
    override = any(
        _names(policies.roles[role].users, person)
        for role in policies.override
        if role in policies.roles
    )
    before = replace(facts, authors=facts.authors | ({person} if wrote else frozenset()))
    digest = facts.candidate.digest
    after = replace(
        before,
        sign_offs=(
            *before.sign_offs,
            *(SignedOff(role, person, digest, now) for role in (*own, *perhaps)),
        ),
        reviews=(*before.reviews, Review(person, "approved", digest, now, can_write=True)),
    )
    people = Requirements(approvals=needed.approvals, sign_offs=needed.sign_offs)
    old = {result.gate: result for result in evaluate(people, before, now)}
    changed = [
        result
        for result in evaluate(people, after, now)
        if result.gate in {"approvals", "sign_offs"} and result != old.get(result.gate)
    ]
    return Persona(
        person,
        tuple(own),
        tuple(perhaps),
        wrote,
        override,
        () if wrote else tuple(sorted(changed, key=lambda one: not isinstance(one.verdict, Open))),
    )


def _names(users: Iterable[str], person: str) -> bool:
    return person.casefold() in {user.casefold() for user in users}


def is_by(commit: Commit, person: str) -> bool:
    """Whether git says that a person wrote a commit: by name, or by the address of a forge."""
    name = person.casefold()
    return name in {commit.author.casefold(), login_of(commit).casefold()}


def login_of(commit: Commit) -> str:
    """Return who wrote a commit, by login where its address tells that, else by address."""
    match = _NOREPLY.fullmatch(commit.email)
    return match[1] if match else commit.email or commit.author
