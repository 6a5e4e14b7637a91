"""Take what people said under a promotion: each comment once, permission first."""

from collections.abc import Iterable

from bot import messages
from bot.decisions import commands as c
from bot.decisions.commands import Command, Unclear, parse_comment
from bot.decisions.facts import Overridden, Rejected, Said, SignedOff, Who
from bot.decisions.permissions import Allowed, Refused, may, roles_held
from bot.forges.forge import NotFound
from webhook.events import Comment
from workflows.sites import Site
from workflows.values import PromotionState

_NEED_ROLE = (c.SignOff, c.Reject, c.Rollback, c.Override)


def take(site: Site, state: PromotionState, comments: Iterable[Comment]) -> PromotionState:
    """Return the state after what these comments ask for; only refusals and questions are answered.

    Taken once by the comment's id: after a crash the same comment changes nothing twice,
    and an answer carries the comment's id as its marker.
    """
    for comment in comments:
        if comment.id in state.taken:
            continue
        answers = []
        for command in parse_comment(comment.text):
            state, answer = _one(site, state, comment, command)
            if answer:
                answers.append(answer)
        if answers:
            marker = f"answer-{comment.id}"
            body = messages.reply(comment.author, answers)
            site.forge.comment(site.name, comment.number, marker, body)
        state = state.model_copy(update={"taken": (*state.taken, comment.id)})
    return state


def who(site: Site, comment: Comment, command: Command) -> Who:
    """Return who gives a command, asking the forge for no more than the command needs."""
    login = comment.author
    if login == site.forge.login():
        return Who(login, is_self=True)
    if not isinstance(command, _NEED_ROLE):
        return Who(login, permission=site.forge.permission(site.name, login))
    roles = site.config.roles
    teams = {team for role in roles.values() for team in role.teams}
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
    try:
        verdict = may(command, who(site, comment, command), site.config.roles)
    except NotFound:
        return state, "I cannot see who you are in this repository."
    if isinstance(verdict, Refused):
        return state, verdict.reason
    if not isinstance(verdict, Allowed):
        return state, ""
    return _done(state, comment, command)


def _done(state: PromotionState, comment: Comment, command: Command) -> tuple[PromotionState, str]:
    person, at = comment.author, comment.at
    digest = state.candidate.digest if state.candidate else ""
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
        case c.Hold(reason):
            change = {"hold": Said(person, reason)}
        case c.Resume():
            change = {"hold": None}
        case c.Cancel():
            change = {"cancel": Said(person)}
        case c.Retry():
            change = {"retry": Said(person), "refusal": "", "checks": None}
        case c.Help():
            answer = messages.help_text()
        case c.Status():
            answer = "The table of gates in the description above is always current."
        case _:
            answer = f"`/{command.kind}` is not for a promotion's pull request."
    return state.model_copy(update=change), answer
