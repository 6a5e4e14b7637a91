"""GitLab's routes for approvals and reviewers."""

from bot.sandbox.gitlab_approving import approve, unapprove
from bot.sandbox.gitlab_ask import Ask, Problem, route
from bot.sandbox.gitlab_merging import approvers, may_approve
from bot.sandbox.gitlab_mrs import asked_for, check_sha
from bot.sandbox.gitlab_shapes import APPROVAL_SETTINGS, setting
from bot.sandbox.pulls import dismiss, pull
from bot.sandbox.records import Pull
from bot.sandbox.routing import Answer


def _answer(ask: Ask, asked: Pull, status: int = 200) -> Answer:
    now = pull(ask.world, ask.repo, asked.number)
    return Answer(ask.shapes.approvals(ask.repo, now, ask.actor.account), status)


def _approve(ask: Ask) -> Answer:
    asked = asked_for(ask)
    if not may_approve(ask.world, ask.repo, asked, ask.who):
        raise Problem(401, "401 Unauthorized")
    check_sha(ask, asked)
    if not approve(ask, asked):
        raise Problem(401, "401 Unauthorized")
    return _answer(ask, asked, 201)


def _unapprove(ask: Ask) -> Answer:
    asked = asked_for(ask)
    if not unapprove(ask, asked):
        raise Problem(404, "404 Not Found")
    return _answer(ask, asked, 201)


def _reset(ask: Ask) -> Answer:
    asked = asked_for(ask)
    if ask.who.type != "Bot":
        raise Problem(401, "401 Unauthorized")
    for given in approvers(ask.world, ask.repo, asked):
        dismiss(ask.world, ask.repo, ask.who, given)
    return Answer({"message": "202 Accepted"}, 202)


def _approvals(ask: Ask) -> Answer:
    return _answer(ask, asked_for(ask))


def _state(ask: Ask) -> Answer:
    return Answer(ask.shapes.approval_state(ask.repo, asked_for(ask)))


def _reviewers(ask: Ask) -> Answer:
    found = ask.shapes.reviewers(ask.repo, asked_for(ask))
    return ask.page(found, lambda one: one)


def _of_project(ask: Ask) -> Answer:
    names = ("approvals_before_merge", *APPROVAL_SETTINGS)
    more = {
        "selective_code_owner_removals": False,
        "disable_overriding_approvers_per_merge_request": False,
        "require_password_to_approve": False,
    }
    return Answer({name: setting(ask.repo, name) for name in names} | more)


def _edit_project(ask: Ask) -> Answer:
    held = dict(ask.repo.settings)
    for name in APPROVAL_SETTINGS:
        if name in ask.fields:
            held[name] = ask.flag(name)
    if "approvals_before_merge" in ask.fields:
        held["approvals_before_merge"] = ask.whole("approvals_before_merge")
    ask.world.edit_repository(ask.repo, ask.who, settings=held)
    return Answer(_of_project(ask).body, 201)


_P = "/projects/{id}"
_M = f"{_P}/merge_requests/{{mr_iid}}"
ROUTES = (
    route("POST", f"{_M}/approve", _approve, "read"),
    route("POST", f"{_M}/unapprove", _unapprove, "read"),
    route("PUT", f"{_M}/reset_approvals", _reset, "write"),
    route("GET", f"{_M}/approvals", _approvals, "read"),
    route("GET", f"{_M}/approval_state", _state, "read"),
    route("GET", f"{_M}/reviewers", _reviewers, "read"),
    route("GET", f"{_P}/approvals", _of_project, "read"),
    route("POST", f"{_P}/approvals", _edit_project, "maintain"),
)
