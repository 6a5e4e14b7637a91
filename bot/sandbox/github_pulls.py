"""GitHub's routes for pull requests: open, edit, look, review, merge."""

from dataclasses import replace
from typing import Any

from bot.sandbox.ask import Ask, denied
from bot.sandbox.errors import Invalid, Missing
from bot.sandbox.events import Event
from bot.sandbox.git import GitError
from bot.sandbox.merge import merge_pull
from bot.sandbox.merging import Conflicted, merged_tree
from bot.sandbox.pulls import (
    close_pull,
    conversation,
    dismiss,
    edit_issue,
    open_pull,
    pull,
    pulls,
    reopen_pull,
    retarget,
    review,
    reviews,
    submit,
)
from bot.sandbox.pushing import announce
from bot.sandbox.records import Account, Pull, Repository, Review, at_least
from bot.sandbox.routing import Answer, Route


def _pull(ask: Ask) -> Pull:
    return pull(ask.world, ask.repo, ask.number("pull_number"))


def _shown(ask: Ask, number: int) -> Any:
    return ask.shapes.pull(ask.repo, pull(ask.world, ask.repo, number), full=True)


def _list(ask: Ask) -> Answer:
    found = pulls(ask.world, ask.repo)
    state = ask.query.get("state", "open")
    if state != "all":
        found = [p for p in found if conversation(ask.world, p).state == state]
    # As GitHub: without an owner the filter is none.
    if ":" in ask.query.get("head", ""):
        found = [p for p in found if _label(ask, p) == ask.query["head"]]
    if "base" in ask.query:
        found = [p for p in found if p.base_ref == ask.query["base"]]
    # Newest first unless asked otherwise, as GitHub lists them.
    by = "updated_at" if ask.query.get("sort") == "updated" else "created_at"
    ascending = ask.query.get("direction", "desc") == "asc"
    found.sort(key=lambda p: (getattr(conversation(ask.world, p), by), p.number))
    found = found if ascending else found[::-1]
    return ask.page(found, lambda p: ask.shapes.pull(ask.repo, p))


def _label(ask: Ask, asked: Pull) -> str:
    return f"{ask.world.owner_login(asked.head_repo_id)}:{asked.head_ref}"


def _create(ask: Ask) -> Answer:
    head_repo, head_ref = _head(ask, ask.text("head"))
    if not ask.world.may(head_repo, ask.actor.account, "write") and not at_least(ask.role, "write"):
        raise denied(ask.actor)
    made = open_pull(
        ask.world,
        ask.repo,
        ask.who,
        title=ask.text("title"),
        body=ask.optional("body"),
        base_ref=ask.text("base"),
        head_repo=head_repo,
        head_ref=head_ref,
        draft=ask.flag("draft"),
        maintainer_can_modify=ask.flag("maintainer_can_modify", default=True),
        app_id=ask.app_id,
    )
    shape = _shown(ask, made.number)
    return Answer(shape, 201, {"Location": shape["url"]})


def _head(ask: Ask, head: str) -> tuple[Repository, str]:
    owner, colon, branch = head.partition(":")
    if not colon:
        return ask.repo, head
    account = ask.world.find_account(owner)
    for repo in ask.world.repositories():
        ours = ask.repo.id in {repo.id, repo.fork_of}
        if account and ours and repo.owner_id == account.id:
            return repo, branch
    raise Invalid(
        "Validation Failed", {"resource": "PullRequest", "field": "head", "code": "invalid"}
    )


def _get(ask: Ask) -> Answer:
    return Answer(_shown(ask, ask.number("pull_number")))


def _edit(ask: Ask) -> Answer:
    asked = _pull(ask)
    about = conversation(ask.world, asked)
    if about.author_id != ask.who.id:
        ask.require("write")
    if ask.optional("base"):
        asked = retarget(ask.world, ask.repo, asked, ask.who, ask.text("base"))
    changes = {name: ask.optional(name) for name in ("title", "body") if name in ask.fields()}
    if changes:
        edit_issue(ask.world, ask.repo, ask.who, about, **changes)
    set_state(ask, asked, ask.optional("state"))
    return Answer(_shown(ask, asked.number))


def set_state(ask: Ask, asked: Pull, state: str | None) -> None:
    """Close or reopen a pull request, where that is a change."""
    current = conversation(ask.world, asked).state
    if state not in {None, "open", "closed"}:
        raise Invalid(f"{state!r} is no state: open or closed")
    if state is None or state == current:
        return
    if state == "closed":
        close_pull(ask.world, ask.repo, asked, ask.who)
    else:
        reopen_pull(ask.world, ask.repo, asked, ask.who)


def _files(ask: Ask) -> Answer:
    asked = _pull(ask)
    changes = ask.shapes.changes(ask.repo, asked)
    return ask.page(changes, lambda c: ask.shapes.file(ask.repo, asked.head_sha, c))


def _commits(ask: Ask) -> Answer:
    asked = _pull(ask)
    found = ask.world.git(ask.repo).log(f"{asked.base_sha}..{asked.head_sha}")[::-1]
    return ask.page(found, lambda commit: ask.shapes.commit(ask.repo, commit.sha))


def _of_commit(ask: Ask) -> Answer:
    sha, git = ask.world.resolve(ask.repo, ask.params["commit_sha"]), ask.world.git(ask.repo)
    found = [
        p
        for p in pulls(ask.world, ask.repo)
        if p.merge_sha == sha
        or (git.is_ancestor(sha, p.head_sha) and not git.is_ancestor(sha, p.base_sha))
    ]
    return ask.page(found, lambda p: ask.shapes.pull(ask.repo, p))


def _is_merged(ask: Ask) -> Answer:
    if _pull(ask).merged_at is None:
        raise Missing("Not Found")
    return Answer(status=204)


def _merge(ask: Ask) -> Answer:
    sha = merge_pull(
        ask.world,
        ask.repo,
        _pull(ask),
        ask.who,
        method=ask.optional("merge_method") or "merge",
        sha=ask.optional("sha"),
        title=ask.optional("commit_title"),
        message=ask.optional("commit_message"),
    )
    return Answer({"sha": sha, "merged": True, "message": "Pull Request successfully merged"})


def _update_branch(ask: Ask) -> Answer:
    asked, git = _pull(ask), ask.world.git(ask.repo)
    expected = ask.optional("expected_head_sha")
    if expected is not None and expected != asked.head_sha:
        raise Invalid(f"expected head sha didn't match current head ref: {asked.head_sha}")
    if asked.head_repo_id != ask.repo.id:
        raise Invalid("the sandbox updates no branch of a fork")
    if git.is_ancestor(asked.base_sha, asked.head_sha):
        raise Invalid("There are no new commits on the base branch.")
    try:
        tree = merged_tree(git, asked.head_sha, asked.base_sha)
    except Conflicted as conflict:
        raise Invalid("merge conflict between base and head") from conflict
    text = f"Merge branch '{asked.base_ref}' into {asked.head_ref}\n"
    me, forge = ask.world.person(ask.who), ask.world.person(ask.world.forge())
    commit = git.write_commit(tree, [asked.head_sha, asked.base_sha], text, me, forge)
    ref = f"refs/heads/{asked.head_ref}"
    try:
        git.update_ref(ref, commit, asked.head_sha)
    except GitError as error:
        raise Invalid("the head branch was changed meanwhile") from error
    announce(ask.world, ask.repo, ask.who, [ref])
    url = ask.shapes.pull(ask.repo, asked)["url"]
    return Answer({"message": "Updating pull request branch.", "url": url}, 202)


# Reviews


def _reviews(ask: Ask) -> Answer:
    _pull(ask)
    found = ask.shapes.pull_reviews(ask.repo, ask.number("pull_number"))
    return ask.page(found, lambda given: ask.shapes.review(ask.repo, given))


def _review(ask: Ask) -> Review:
    for given in reviews(ask.world, ask.repo, ask.number("pull_number")):
        if given.id == ask.number("review_id"):
            return given
    raise Missing("Not Found")


def _get_review(ask: Ask) -> Answer:
    return Answer(ask.shapes.review(ask.repo, _review(ask)))


def _create_review(ask: Ask) -> Answer:
    made = review(
        ask.world,
        ask.repo,
        ask.who,
        _pull(ask),
        event=ask.optional("event"),
        body=ask.optional("body") or "",
        commit_sha=ask.optional("commit_id"),
    )
    return Answer(ask.shapes.review(ask.repo, made))


def _submit_review(ask: Ask) -> Answer:
    given = _review(ask)
    if given.author_id != ask.who.id:
        raise denied(ask.actor)
    event, body = ask.text("event"), ask.optional("body") or given.body
    made = submit(ask.world, ask.repo, ask.who, _pull(ask), given, event=event, body=body)
    return Answer(ask.shapes.review(ask.repo, made))


def _dismiss(ask: Ask) -> Answer:
    ask.text("message")
    return Answer(ask.shapes.review(ask.repo, dismiss(ask.world, ask.repo, ask.who, _review(ask))))


def _requested(ask: Ask) -> Answer:
    shape = ask.shapes.pull(ask.repo, _pull(ask))
    return Answer({"users": shape["requested_reviewers"], "teams": shape["requested_teams"]})


def _request(ask: Ask) -> Answer:
    asked = _pull(ask)
    people = [_collaborator(ask, login).login for login in ask.texts("reviewers")]
    added = {"reviewers": [*asked.reviewers, *people]}
    added["team_reviewers"] = [*asked.team_reviewers, *ask.texts("team_reviewers")]
    _set_requested(ask, asked, added, "review_requested")
    return Answer(ask.shapes.pull(ask.repo, _pull(ask)), 201)


def _collaborator(ask: Ask, login: str) -> Account:
    account = ask.world.find_account(login)
    if account is None or not ask.world.may(ask.repo, account, "read"):
        raise Invalid(
            "Reviews may only be requested from collaborators. One or more of the users or teams"
            " you specified is not a collaborator of the repository."
        )
    return account


def _unrequest(ask: Ask) -> Answer:
    asked = _pull(ask)
    gone, gone_teams = ask.texts("reviewers"), ask.texts("team_reviewers")
    left = {
        "reviewers": [login for login in asked.reviewers if login not in gone],
        "team_reviewers": [slug for slug in asked.team_reviewers if slug not in gone_teams],
    }
    _set_requested(ask, asked, left, "review_request_removed")
    return Answer(ask.shapes.pull(ask.repo, _pull(ask)))


def _set_requested(ask: Ask, asked: Pull, wanted: dict[str, list[str]], action: str) -> None:
    people = tuple(dict.fromkeys(wanted["reviewers"]))
    teams = tuple(dict.fromkeys(wanted["team_reviewers"]))
    ask.world.store.put(replace(asked, reviewers=people, team_reviewers=teams))
    for login in sorted(set(people) ^ set(asked.reviewers)):
        detail = {"reviewer": login}
        event = Event("pull_request", action, ask.repo.id, ask.who.id, asked.number, detail)
        ask.world.tell(event)


_R = "/repos/{owner}/{repo}"
_P = f"{_R}/pulls/{{pull_number}}"
ROUTES = (
    Route("GET", f"{_R}/pulls", _list, "pull_requests=read"),
    Route("POST", f"{_R}/pulls", _create, "pull_requests=write"),
    Route("GET", _P, _get, "pull_requests=read"),
    Route("PATCH", _P, _edit, "pull_requests=write"),
    Route("GET", f"{_P}/files", _files, "pull_requests=read"),
    Route("GET", f"{_P}/commits", _commits, "pull_requests=read"),
    Route("GET", f"{_R}/commits/{{commit_sha}}/pulls", _of_commit, "pull_requests=read"),
    Route("GET", f"{_P}/merge", _is_merged, "contents=read"),
    Route("PUT", f"{_P}/merge", _merge, "contents=write", "write"),
    Route("PUT", f"{_P}/update-branch", _update_branch, "pull_requests=write", "write"),
    Route("GET", f"{_P}/reviews", _reviews, "pull_requests=read"),
    Route("POST", f"{_P}/reviews", _create_review, "pull_requests=write"),
    Route("GET", f"{_P}/reviews/{{review_id}}", _get_review, "pull_requests=read"),
    Route(
        "PUT", f"{_P}/reviews/{{review_id}}/dismissals", _dismiss, "pull_requests=write", "write"
    ),
    Route("POST", f"{_P}/reviews/{{review_id}}/events", _submit_review, "pull_requests=write"),
    Route("GET", f"{_P}/requested_reviewers", _requested, "pull_requests=read"),
    Route("POST", f"{_P}/requested_reviewers", _request, "pull_requests=write", "triage"),
    Route("DELETE", f"{_P}/requested_reviewers", _unrequest, "pull_requests=write", "triage"),
)
