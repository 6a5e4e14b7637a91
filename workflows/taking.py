"""Take what people said under a promotion: each comment once, permission first."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeGuard

from bot.decisions import commands as c
from bot.decisions.commands import Command, Unclear, parse_comment, write
from bot.decisions.facts import Overridden, Rejected, Said, SignedOff, Who
from bot.decisions.permissions import Allowed, Refused, may, roles_held
from bot.engine.objects import MissingObject
from bot.forges.forge import ForgeError, NotFound, Unauthorized
from bot.forges.forge import Refused as RefusedByForge
from bot.messages import replies, usage
from bot.model import Head
from bot.repository import RepositoryError
from bot.words import Words
from config.policy import CODE_OWNERS, Role
from webhook.events import Comment
from workflows.gathering import owners_of
from workflows.hop_plans import plan_for
from workflows.sites import Site
from workflows.values.promotion import PromotionState

# What these ask for is the repository's to do, wherever they are said.
_NOT_OURS = (c.Promote, c.Rollback, c.Freeze, c.Thaw, c.Keep, c.Discard, c.Resolve, c.Drift)
_NEED_ROLE = (c.SignOff, c.Reject, c.Rollback, c.Override, c.Freeze, c.Thaw)
_REMEMBERED = 200
# Forges tell times to the second, rounded down.
_FORGE_CLOCK = timedelta(seconds=1)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Taken:
    """A promotion after what people said under it, and what of it is for others.

    `asked` are comments that want to know where it stands now.
    """

    state: PromotionState
    pass_on: tuple[Comment, ...] = ()
    asked: tuple[Comment, ...] = ()


def take(site: Site, state: PromotionState, comments: Iterable[Comment]) -> Taken:
    """Return the state after what these comments ask for; only refusals and questions are answered.

    Taken once by the comment's id: after a crash the same comment changes nothing twice,
    and an answer carries the comment's id as its marker.
    """
    pass_on, asked = [], []
    for comment in comments:
        if comment.id in state.taken:
            continue
        answers: list[str] = []
        others: list[str] = []
        for command in parse_comment(comment.text, site.words):
            if isinstance(command, _NOT_OURS) or _is_elsewhere(command, state):
                others.append(write(command, site.words))
                continue
            with defused(answers, command.kind, site.words):
                state, answer = _one(site, state, comment, command)
                if answer:
                    answers.append(answer)
                elif isinstance(command, c.Status) and comment not in asked:
                    asked.append(comment)
        if answers:
            say(site, comment, answers)
        if others:
            pass_on.append(comment.model_copy(update={"text": "\n".join(others)}))
        taken = (*state.taken, comment.id)[-_REMEMBERED:]
        state = state.model_copy(update={"taken": taken})
    return Taken(state, tuple(pass_on), tuple(asked))


def _is_elsewhere(command: Command | Unclear, state: PromotionState) -> TypeGuard[c.Cancel]:
    """Whether something of another environment is to be cancelled."""
    if not isinstance(command, c.Cancel):
        return False
    return command.environment not in {None, state.environment}


@contextmanager
def defused(answers: list[str], command: str, words: Words) -> Iterator[None]:
    """Answer a command that is refused or meets a fault: tried for ever, it would stop all others.

    What may pass by itself is raised: a forge or a network that is away, a token that expired.
    """
    try:
        yield
    except Unauthorized:
        raise
    except RefusedByForge as refused:
        answers.append(replies.refused(command, str(refused), words))
    except (ForgeError, RepositoryError, MissingObject):
        raise
    except Exception:  # noqa: BLE001 -- whatever it was, others wait behind it
        _log.exception("/%s could not be carried out", command)
        answers.append(replies.failed(command, words))


def say(site: Site, comment: Comment, answers: Iterable[str], what: str = "answer") -> None:
    """Answer a comment, once; a conversation that was locked or deleted gets no answer."""
    write_below(site, comment, f"{what}-{comment.id}", answers)


def write_below(site: Site, comment: Comment, marker: str, answers: Iterable[str]) -> None:
    """Write below a comment what is said once for each marker; to a closed door, nothing."""
    body = replies.reply(comment.author, answers)
    try:
        site.forge.comment(
            site.name, comment.number, marker, body, on_pull_request=comment.on_pull_request
        )
    except Unauthorized:
        raise  # a token that expired is nothing about the conversation
    except (NotFound, RefusedByForge) as error:
        _log.warning("%s: no answer under %d: %s", site.name, comment.number, error)


def acknowledge(site: Site, comments: Iterable[Comment]) -> None:
    """Put our sign on what holds a command; a courtesy, which is not worth another try."""
    for comment in comments:
        if not parse_comment(comment.text, site.words):
            continue
        try:
            site.forge.acknowledge(
                site.name, comment.number, comment.id, on_pull_request=comment.on_pull_request
            )
        except ForgeError as error:
            _log.info("%s: no sign on the comment %d: %s", site.name, comment.id, error)


def who(site: Site, comment: Comment, command: Command) -> Who:
    """Return who gives a command, asking the forge for no more than the command needs."""
    login = comment.author
    if login.casefold() == site.forge.login().casefold():
        return Who(login, is_self=True)
    if not isinstance(command, _NEED_ROLE):
        return Who(login, permission=site.forge.permission(site.name, login))
    roles = site.policies.roles
    wanted = [command.role] if isinstance(command, c.SignOff | c.Reject) else [*roles]
    teams = {team for name in wanted if name in roles for team in roles[name].teams}
    active = [team for team in teams if login in (site.forge.members(team) or ())]
    held = roles_held(login, active, roles)
    if isinstance(command, c.SignOff | c.Reject):
        return Who(login, roles=held)
    return Who(login, permission=site.forge.permission(site.name, login), roles=held)


def _one(
    site: Site, state: PromotionState, comment: Comment, command: Command | Unclear
) -> tuple[PromotionState, str]:
    """Return the state after one command, and the answer to it, empty for none."""
    if isinstance(command, Unclear):
        return state, command.answer
    policies = site.policies
    giver = who(site, comment, command)
    roles = policies.roles
    if isinstance(command, c.SignOff | c.Reject) and command.role == CODE_OWNERS:
        roles = {**roles, CODE_OWNERS: _owners(site, state)}
        giver = replace(giver, roles=roles_held(giver.login, (), roles))
    verdict = may(command, giver, roles, site.words, policies.override)
    if isinstance(verdict, Refused):
        hidden = _hidden_teams(site, command)
        return state, replies.hidden_teams(hidden, site.words) if hidden else verdict.reason
    if not isinstance(verdict, Allowed):
        return state, ""
    return _done(state, comment, command, site.words)


def _owners(site: Site, state: PromotionState) -> Role:
    """Return the owners of what a promotion changes, as a role."""
    target = site.config.environment(state.environment)
    source, head = site.config.source_of(target), site.head(target)
    people: set[str] = set()
    if source is not None and head is not None:
        from_ = Head(source.name, source.branch, state.source)
        owners = owners_of(site, plan_for(site, from_, head, target))
        people = {person for entry in owners.owned for person in entry.people}
    return Role.model_construct(root=tuple(sorted(people)))


def _hidden_teams(site: Site, command: Command) -> list[str]:
    """Return the teams of a role whose members we may not see, and so cannot tell from others."""
    if not isinstance(command, c.SignOff | c.Reject) or command.role not in site.policies.roles:
        return []
    teams = site.policies.roles[command.role].teams
    return [team for team in teams if site.forge.members(team) is None]


def _digest_at(state: PromotionState, said_at: datetime) -> str:
    """Return the digest of what stood there when somebody spoke: events may come late."""
    if state.candidate is None:
        return ""
    if state.built and said_at + _FORGE_CLOCK <= state.candidate.pushed_at:
        return state.built[-1].digest
    return state.candidate.digest


def _done(
    state: PromotionState, comment: Comment, command: Command, words: Words
) -> tuple[PromotionState, str]:
    person, at = comment.author, comment.at
    digest = _digest_at(state, at)
    change: dict[str, object] = {}
    answer = ""
    match command:
        case c.SignOff(role):
            signed = SignedOff(role, person, digest, at)
            change = {"sign_offs": (*state.sign_offs, signed)}
        case c.Reject(role, reason):
            rejected = Rejected(role, person, reason, digest, at)
            change = {"rejections": (*state.rejections, rejected)}
        case c.Override(gate, reason):
            overridden = Overridden(gate, person, reason, digest, at)
            change = {"overrides": (*state.overrides, overridden)}
            answer = replies.overridden(gate, reason)
        case c.Hold(reason):
            change = {"hold": Said(person, reason)}
        case c.Resume():
            change = {"hold": None, "rolling": ""}
            answer = "" if state.hold or state.rolling else replies.NOTHING_HELD
        case c.Cancel():
            change = {"cancel": Said(person)}
        case c.Retry():
            change = {"retry": Said(person), "refusal": "", "checks": None}
        case c.Help():
            answer = usage.help_text(words)
        case c.Status():
            pass  # said once it is known what the step comes to
        case _:
            raise TypeError(command)  # for others, and passed on
    return state.model_copy(update=change), answer
