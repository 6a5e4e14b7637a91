"""GitLab's routes for merge requests: open, list, look, change, merge, rebase."""

from dataclasses import replace
from typing import Any

from bot.sandbox.access import role as role_of
from bot.sandbox.errors import Denied, Invalid, Missing, NotMergeable
from bot.sandbox.git import GitError
from bot.sandbox.gitlab_ask import Ask, Problem, bad, route
from bot.sandbox.gitlab_merging import (
    IN_GIT,
    WAITS,
    head_pipeline,
    is_draft,
    merge,
    merge_status,
    rebase_head,
)
from bot.sandbox.gitlab_shapes import setting
from bot.sandbox.pipelines import ACTIVE, pipeline_status
from bot.sandbox.protection import may_merge, may_push
from bot.sandbox.pulls import (
    close_pull,
    conversation,
    edit_issue,
    make_labels,
    open_pull,
    pull,
    pulls,
    reopen_pull,
    retarget,
)
from bot.sandbox.records import Account, Issue, Pull, Repository, at_least
from bot.sandbox.routing import Answer

_UNTOUCHED = (
    "assignee_id, assignee_ids, reviewer_ids, description, labels, add_labels, remove_labels,"
    " milestone_id, remove_source_branch, state_event, target_branch, title, discussion_locked,"
    " squash are missing, at least one parameter must be provided"
)
_TOUCHABLE = {name.strip() for name in _UNTOUCHED.partition(" are ")[0].split(",")}


def asked_for(ask: Ask) -> Pull:
    """Return the merge request of the path; raises Missing."""
    for found in pulls(ask.world, ask.repo):
        if conversation(ask.world, found).iid == ask.number("mr_iid"):
            return found
    raise Missing("404 Not found")


def shown(ask: Ask, asked: Pull, status: int = 200) -> Answer:
    """Answer with a merge request as it is now."""
    now = pull(ask.world, ask.repo, asked.number)
    behind = ask.flag("include_diverged_commits_count")
    return Answer(ask.shapes.full_pull(ask.repo, now, ask.actor.account, behind=behind), status)


# One


def _create(ask: Ask) -> Answer:
    title, head, base = ask.text("title"), ask.text("source_branch"), ask.text("target_branch")
    target = _target(ask)
    inside = ask.within(target)
    if not at_least(ask.role, "write") or not at_least(inside.role, "guest"):
        raise Denied("403 Forbidden")
    if (target.id, head) == (ask.repo.id, base):
        said = "You can't use same project/branch for source and target"
        raise Problem(422, [said])
    for other in pulls(ask.world, target):
        about = conversation(ask.world, other)
        same = (other.head_repo_id, other.head_ref, other.base_ref) == (ask.repo.id, head, base)
        if same and about.state == "open":
            said = f"Another open merge request already exists for this source branch: !{about.iid}"
            raise Problem(409, [said])
    for repo, name, side in ((ask.repo, head, "Source"), (target, base, "Target")):
        if f"refs/heads/{name}" not in repo.refs:
            raise Problem(422, [f'{side} branch "{name}" does not exist'])
    made = open_pull(
        ask.world,
        target,
        ask.who,
        title=title,
        body=ask.optional("description"),
        base_ref=base,
        head_repo=ask.repo,
        head_ref=head,
        draft=is_draft(title),
        maintainer_can_modify=ask.flag("allow_collaboration"),
    )
    option = setting(target, "squash_option")
    fields: dict[str, Any] = {
        "squash": ask.flag("squash", default=option in {"always", "default_on"}),
        "remove_head": ask.flag("remove_source_branch", default=target.delete_branch_on_merge),
        "reviewers": _logins(ask, "reviewer_ids", "reviewer_id") or (),
    }
    made = ask.world.store.put(replace(made, **fields))
    changes = _people_and_labels(inside, conversation(ask.world, made))
    if changes:
        edit_issue(ask.world, target, ask.who, conversation(ask.world, made), **changes)
    return shown(inside, made, 201)


def _target(ask: Ask) -> Repository:
    key = ask.whole("target_project_id")
    if key is None or key == ask.repo.id:
        return ask.repo
    found = ask.world.store.get(Repository, key)
    if found is None or not at_least(role_of(ask.world, ask.actor, found), "guest"):
        raise Missing("404 Project Not Found")
    if found.id != ask.repo.fork_of and ask.repo.id != found.fork_of:
        raise Problem(422, ["Target project is not a fork of source project"])
    return found


def _logins(ask: Ask, many: str, one: str) -> tuple[str, ...] | None:
    keys = ask.texts(many)
    if keys is None and ask.whole(one) is not None:
        keys = (str(ask.whole(one)),)
    if keys is None:
        return None
    accounts = [ask.world.store.get(Account, int(key)) for key in keys if key.isdigit()]
    return tuple(account.login for account in accounts if account is not None)


def _people_and_labels(ask: Ask, about: Issue) -> dict[str, Any]:
    """Return what a call changes of the part that issues have too."""
    changes: dict[str, Any] = {}
    labels = list(about.labels)
    if ask.texts("labels") is not None:
        labels = list(ask.texts("labels") or ())
    labels += ask.texts("add_labels") or ()
    labels = [name for name in labels if name not in (ask.texts("remove_labels") or ())]
    known = make_labels(ask.world, ask.repo, labels)
    if known != about.labels:
        changes["labels"] = known
    assignees = _logins(ask, "assignee_ids", "assignee_id")
    if assignees is not None:
        changes["assignees"] = assignees
    return changes


def issue_changes(ask: Ask, about: Issue) -> dict[str, Any]:
    """Return what a call changes of an issue: people, labels, title, text."""
    changes = _people_and_labels(ask, about)
    if "title" in ask.fields:
        changes["title"] = ask.text("title")
    if "description" in ask.fields:
        changes["body"] = ask.optional("description")
    return changes


def _get(ask: Ask) -> Answer:
    return shown(ask, asked_for(ask))


def _edit(ask: Ask) -> Answer:
    asked = asked_for(ask)
    about = conversation(ask.world, asked)
    if about.author_id != ask.who.id:
        ask.require("write")
    if not _TOUCHABLE & set(ask.fields):
        raise bad(_UNTOUCHED)
    if ask.optional("target_branch"):
        asked = _retargeted(ask, asked)
    changes: dict[str, Any] = {}
    if "title" in ask.fields:
        changes["draft"] = is_draft(ask.text("title"))
    if "squash" in ask.fields:
        changes["squash"] = ask.flag("squash")
    if "remove_source_branch" in ask.fields:
        changes["remove_head"] = ask.flag("remove_source_branch")
    reviewers = _logins(ask, "reviewer_ids", "reviewer_id")
    if reviewers is not None:
        changes["reviewers"] = reviewers
    asked = ask.world.store.put(replace(asked, **changes))
    edit_issue(ask.world, ask.repo, ask.who, about, **issue_changes(ask, about))
    set_state(ask, asked, ask.choice("state_event", ("close", "reopen"), ""))
    return shown(ask, asked)


def _retargeted(ask: Ask, asked: Pull) -> Pull:
    branch = ask.text("target_branch")
    if f"refs/heads/{branch}" not in ask.repo.refs:
        raise Problem(422, [f'Target branch "{branch}" does not exist'])
    return retarget(ask.world, ask.repo, asked, ask.who, branch)


def set_state(ask: Ask, asked: Pull, wanted: str) -> None:
    """Close or reopen a merge request, where that is a change."""
    is_open = conversation(ask.world, asked).state == "open"
    if wanted == "close" and is_open:
        close_pull(ask.world, ask.repo, asked, ask.who)
    if wanted == "reopen" and not is_open and not asked.merged_at:
        try:
            reopen_pull(ask.world, ask.repo, asked, ask.who)
        except Invalid as error:
            raise Problem(422, [str(error)]) from error


def _delete(ask: Ask) -> Answer:
    asked = asked_for(ask)
    ask.world.store.drop(conversation(ask.world, asked))
    ask.world.store.drop(asked)
    return Answer(status=204)


# Merge


def _merge(ask: Ask) -> Answer:
    asked = asked_for(ask)
    if not may_merge(ask.world, ask.repo, ask.who, asked.base_ref):
        raise Problem(401, "401 Unauthorized")
    status = merge_status(ask.world, ask.repo, asked)
    wanted: dict[str, Any] = {
        "user_id": ask.who.id,
        "message": ask.optional("merge_commit_message"),
        "squash_message": ask.optional("squash_commit_message"),
        "squash": ask.flag("squash") if "squash" in ask.fields else None,
        "remove_head": ask.flag("should_remove_source_branch")
        if "should_remove_source_branch" in ask.fields
        else None,
    }
    later = ask.flag("merge_when_pipeline_succeeds") or ask.flag("auto_merge")
    if later and _waits(ask, asked, status):
        check_sha(ask, asked)
        ask.world.store.put(replace(asked, auto_merge=wanted))
        return shown(ask, asked)
    if status not in {"mergeable", *IN_GIT} or (later and not _succeeded(ask, asked)):
        raise Problem(405, "405 Method Not Allowed")
    if status in IN_GIT:
        raise Problem(422, "Branch cannot be merged")
    check_sha(ask, asked)
    try:
        merge(ask.world, ask.repo, asked, ask.who, wanted)
    except (NotMergeable, GitError) as error:
        raise Problem(422, "Branch cannot be merged") from error
    return shown(ask, asked)


def _waits(ask: Ask, asked: Pull, status: str) -> bool:
    pipeline = head_pipeline(ask.world, ask.repo, asked)
    active = pipeline is not None and pipeline_status(ask.world, pipeline) in ACTIVE
    return status in WAITS or (status == "mergeable" and active)


def _succeeded(ask: Ask, asked: Pull) -> bool:
    pipeline = head_pipeline(ask.world, ask.repo, asked)
    return pipeline is not None and pipeline_status(ask.world, pipeline) == "success"


def check_sha(ask: Ask, asked: Pull) -> None:
    """Raise 409 where the call means another head."""
    given = ask.optional("sha")
    if given and given != asked.head_sha:
        raise Problem(409, f"SHA does not match HEAD of source branch: {asked.head_sha}")


def _cancel_auto_merge(ask: Ask) -> Answer:
    asked = asked_for(ask)
    if not may_merge(ask.world, ask.repo, ask.who, asked.base_ref):
        raise Problem(401, "401 Unauthorized")
    if asked.auto_merge is None:
        raise Problem(406, "Can't cancel the automatic merge")
    ask.world.store.put(replace(asked, auto_merge=None))
    return Answer({"status": "success"}, 201)


def _rebase(ask: Ask) -> Answer:
    asked = asked_for(ask)
    head_repo = ask.world.repository(asked.head_repo_id)
    if not may_push(ask.world, head_repo, ask.who, asked.head_ref):
        raise Problem(403, "403 Forbidden - Cannot push to source branch")
    if conversation(ask.world, asked).state != "open":
        raise Problem(409, "409 Conflict - merge request is not open")
    rebase_head(ask.world, ask.repo, asked, ask.who)
    return Answer({"rebase_in_progress": True}, 202)


_M = "/projects/{id}/merge_requests"
_ONE = f"{_M}/{{mr_iid}}"
ROUTES = (
    route("POST", _M, _create, "guest"),
    route("GET", _ONE, _get, "read"),
    route("PUT", _ONE, _edit, "guest"),
    route("DELETE", _ONE, _delete, "admin"),
    route("PUT", f"{_ONE}/merge", _merge, "read"),
    route("POST", f"{_ONE}/cancel_merge_when_pipeline_succeeds", _cancel_auto_merge, "read"),
    route("PUT", f"{_ONE}/rebase", _rebase, "read"),
)
