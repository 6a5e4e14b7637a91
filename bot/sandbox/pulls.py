"""Issues, pull requests, their comments and reviews: open, edit, close, reopen."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bot.sandbox.errors import Invalid, Missing
from bot.sandbox.events import Event
from bot.sandbox.git import ZERO
from bot.sandbox.records import Account, Comment, Issue, Label, Pull, Repository, Review
from bot.sandbox.world import World

VERDICTS = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}


def issues(world: World, repo: Repository) -> list[Issue]:
    """Return issues and the conversations of pull requests, oldest first."""
    return world.store.all(Issue, repo.id)


def pulls(world: World, repo: Repository) -> list[Pull]:
    """Return the pull requests of a repository, oldest first."""
    return world.store.all(Pull, repo.id)


def issue(world: World, repo: Repository, number: int) -> Issue:
    """Return an issue, or a pull request's conversation, by number."""
    for found in issues(world, repo):
        if found.number == number:
            return found
    raise Missing("Not Found")


def pull(world: World, repo: Repository, number: int) -> Pull:
    """Return a pull request by number."""
    for found in pulls(world, repo):
        if found.number == number:
            return found
    raise Missing("Not Found")


def conversation(world: World, asked: Pull) -> Issue:
    """Return the half of a pull request that it shares with issues."""
    return issue(world, world.repository(asked.repo_id), asked.number)


def save_head(world: World, base: Repository, asked: Pull) -> None:
    """Keep a pull request's head in its base repository, whatever becomes of its branch."""
    git = world.git(base)
    iid = conversation(world, asked).iid
    ref = world.ways.head_ref.format(number=asked.number, iid=iid)
    if asked.head_repo_id != base.id:
        source = world.git(world.repository(asked.head_repo_id))
        git.fetch(source.path, f"refs/heads/{asked.head_ref}", ref)
    else:
        git.update_ref(ref, asked.head_sha)


def numbered(world: World, repo: Repository, kind: str) -> tuple[int, int]:
    """Return the next number of all, and the next of this kind (`pull`, `issue`, …) alone."""
    current = world.repository(repo.id)
    iid = current.next_iids.get(kind, 1)
    iids = {**current.next_iids, kind: iid + 1}
    number = current.next_number + (kind in {"pull", "issue"})
    world.store.put(replace(current, next_number=number, next_iids=iids))
    return current.next_number, iid


def open_issue(
    world: World,
    repo: Repository,
    actor: Account,
    *,
    title: str,
    body: str | None = None,
    labels: Sequence[str] = (),
    assignees: Sequence[str] = (),
    app_id: int | None = None,
    is_pull: bool = False,
    confidential: bool = False,
) -> Issue:
    """Open an issue; labels that do not exist are made."""
    if not title.strip():
        raise Invalid(
            "Validation Failed", {"resource": "Issue", "code": "missing_field", "field": "title"}
        )
    now = world.store.now()
    number, iid = numbered(world, repo, "pull" if is_pull else "issue")
    made = world.store.put(
        Issue(
            id=world.store.new_id(),
            repo_id=repo.id,
            number=number,
            iid=iid,
            confidential=confidential,
            title=title,
            body=body,
            author_id=actor.id,
            labels=make_labels(world, repo, labels),
            assignees=tuple(assignees),
            is_pull=is_pull,
            app_id=app_id,
            created_at=now,
            updated_at=now,
        )
    )
    if not is_pull:
        world.tell(Event("issues", "opened", repo.id, actor.id, made.number))
    return made


def make_labels(world: World, repo: Repository, names: Sequence[str]) -> tuple[str, ...]:
    """Return labels by their stored spelling, made where they do not exist."""
    found: list[str] = []
    for name in names:
        known = world.label(repo, name)
        if known is None:
            known = world.store.put(Label(id=world.store.new_id(), repo_id=repo.id, name=name))
        found.append(known.name)
    return tuple(dict.fromkeys(found))


def edit_issue(world: World, repo: Repository, actor: Account, old: Issue, **fields: Any) -> Issue:
    """Change an issue or a conversation, and tell what the change was."""
    kind = "pull_request" if old.is_pull else "issues"
    now = world.store.now()
    if fields.get("state", old.state) != old.state:
        closed = fields["state"] == "closed"
        fields["closed_at"] = now if closed else None
        fields["closed_by"] = actor.id if closed else None
        if not closed:
            fields["state_reason"] = None if old.is_pull else "reopened"
    new = replace(old, updated_at=now, **fields)
    if new == replace(old, updated_at=now):
        return old
    world.store.put(new)
    changed = {
        name: {"from": getattr(old, name) or ""}
        for name in ("title", "body")
        if getattr(old, name) != getattr(new, name)
    }
    if changed:
        detail = {"changes": changed}
        world.tell(Event(kind, "edited", repo.id, actor.id, new.number, detail))
    for label in [*old.labels, *new.labels]:
        if (label in old.labels) != (label in new.labels):
            action = "labeled" if label in new.labels else "unlabeled"
            world.tell(Event(kind, action, repo.id, actor.id, new.number, {"label": label}))
    if old.state != new.state:
        action = "closed" if new.state == "closed" else "reopened"
        world.tell(Event(kind, action, repo.id, actor.id, new.number))
    return new


def comment(
    world: World,
    repo: Repository,
    actor: Account,
    number: int,
    body: str,
    app_id: int | None = None,
    *,
    internal: bool = False,
) -> Comment:
    """Comment on an issue or a pull request."""
    about = issue(world, repo, number)
    if not body.strip():
        raise Invalid(
            "Validation Failed",
            {"resource": "IssueComment", "code": "missing_field", "field": "body"},
        )
    now = world.store.now()
    made = world.store.put(
        Comment(
            id=world.store.new_id(),
            repo_id=repo.id,
            number=number,
            author_id=actor.id,
            body=body,
            app_id=app_id,
            internal=internal,
            created_at=now,
            updated_at=now,
        )
    )
    world.store.put(replace(about, updated_at=now))
    world.tell(Event("issue_comment", "created", repo.id, actor.id, made.id))
    return made


def edit_comment(
    world: World, repo: Repository, actor: Account, old: Comment, body: str
) -> Comment:
    """Change a comment's text."""
    made = world.store.put(replace(old, body=body, updated_at=world.store.now()))
    detail = {"changes": {"body": {"from": old.body}}}
    world.tell(Event("issue_comment", "edited", repo.id, actor.id, made.id, detail))
    return made


def delete_comment(world: World, repo: Repository, actor: Account, old: Comment) -> None:
    """Remove a comment."""
    world.tell(Event("issue_comment", "deleted", repo.id, actor.id, old.id))
    world.store.drop(old)


def open_pull(
    world: World,
    base: Repository,
    actor: Account,
    *,
    title: str,
    body: str | None,
    base_ref: str,
    head_repo: Repository,
    head_ref: str,
    draft: bool = False,
    maintainer_can_modify: bool = True,
    app_id: int | None = None,
) -> Pull:
    """Open a pull request; Invalid where there is one already, or nothing to merge."""
    heads = world.repository(base.id).refs
    base_sha = heads.get(f"refs/heads/{base_ref}")
    head_sha = world.repository(head_repo.id).refs.get(f"refs/heads/{head_ref}")
    for sha, name in ((base_sha, "base"), (head_sha, "head")):
        if sha is None:
            raise Invalid(
                "Validation Failed", {"resource": "PullRequest", "field": name, "code": "invalid"}
            )
    for other in pulls(world, base):
        same = (other.head_repo_id, other.head_ref, other.base_ref)
        if same == (head_repo.id, head_ref, base_ref):
            _refuse_twin(world, other, head_repo, head_ref)
    if head_repo.id != base.id:
        world.git(base).fetch(world.git(head_repo).path, f"refs/heads/{head_ref}")
    made = Pull(
        id=world.store.new_id(),
        repo_id=base.id,
        number=world.repository(base.id).next_number,
        base_ref=base_ref,
        base_sha=base_sha or ZERO,
        head_repo_id=head_repo.id,
        head_ref=head_ref,
        head_sha=head_sha or ZERO,
        draft=draft,
        maintainer_can_modify=maintainer_can_modify and head_repo.id != base.id,
    )
    empty = world.git(base).is_ancestor(made.head_sha, made.base_sha)
    if empty and not world.ways.empty_pulls:
        raise _custom(f"No commits between {base_ref} and {head_ref}")
    open_issue(world, base, actor, title=title, body=body, app_id=app_id, is_pull=True)
    world.store.put(made)
    save_head(world, base, made)
    world.tell(Event("pull_request", "opened", base.id, actor.id, made.number))
    return made


def _custom(message: str) -> Invalid:
    error = {"resource": "PullRequest", "code": "custom", "message": message}
    return Invalid("Validation Failed", error)


def _refuse_twin(world: World, other: Pull, head_repo: Repository, head_ref: str) -> None:
    if conversation(world, other).state == "open":
        owner = world.account(head_repo.owner_id).login
        raise _custom(f"A pull request already exists for {owner}:{head_ref}.")


def close_pull(world: World, base: Repository, asked: Pull, actor: Account) -> None:
    """Close a pull request without a merge."""
    edit_issue(world, base, actor, conversation(world, asked), state="closed")


def reopen_pull(world: World, base: Repository, asked: Pull, actor: Account) -> None:
    """Open a closed pull request again; Invalid where it was merged or a branch is gone."""
    head_repo = world.store.get(Repository, asked.head_repo_id)
    head = head_repo.refs.get(f"refs/heads/{asked.head_ref}") if head_repo else None
    base_sha = world.repository(base.id).refs.get(f"refs/heads/{asked.base_ref}")
    if asked.merged_at or head_repo is None or head is None or base_sha is None:
        why = "it is merged" if asked.merged_at else "a branch of it was deleted"
        raise _custom(f"state cannot be changed. The pull request cannot be reopened: {why}.")
    for other in pulls(world, base):
        same = (asked.head_repo_id, asked.head_ref, asked.base_ref)
        if (other.head_repo_id, other.head_ref, other.base_ref) == same and other != asked:
            _refuse_twin(world, other, head_repo, asked.head_ref)
    moved = world.store.put(replace(asked, head_sha=head, base_sha=base_sha))
    save_head(world, base, moved)
    edit_issue(world, base, actor, conversation(world, asked), state="open")


def retarget(world: World, base: Repository, asked: Pull, actor: Account, branch: str) -> Pull:
    """Aim a pull request at another base."""
    if branch == asked.base_ref:
        return asked
    sha = world.repository(base.id).refs.get(f"refs/heads/{branch}")
    if sha is None:
        raise Invalid(
            "Validation Failed", {"resource": "PullRequest", "field": "base", "code": "invalid"}
        )
    moved = world.store.put(replace(asked, base_ref=branch, base_sha=sha))
    changes = {"base": {"ref": {"from": asked.base_ref}, "sha": {"from": asked.base_sha}}}
    detail = {"changes": changes}
    world.tell(Event("pull_request", "edited", base.id, actor.id, asked.number, detail))
    return moved


def finish_merge(world: World, base: Repository, asked: Pull, actor: Account, sha: str) -> Pull:
    """Record that a pull request is merged by this commit, once."""
    current = pull(world, base, asked.number)
    if current.merged_at:
        return current
    done = replace(
        current, merged_at=world.store.now(), merged_by=actor.id, merge_sha=sha, intent=None
    )
    world.store.put(done)
    edit_issue(world, base, actor, conversation(world, done), state="closed")
    return done


def reviews(world: World, repo: Repository, number: int) -> list[Review]:
    """Return the reviews of a pull request, oldest first."""
    return [review for review in world.store.all(Review, repo.id) if review.number == number]


def review(
    world: World,
    repo: Repository,
    actor: Account,
    asked: Pull,
    *,
    event: str | None,
    body: str = "",
    commit_sha: str | None = None,
) -> Review:
    """Review a pull request; without an event it stays pending. One's own cannot be approved."""
    made = Review(
        id=world.store.new_id(),
        repo_id=repo.id,
        number=asked.number,
        author_id=actor.id,
        state="PENDING",
        body=body,
        commit_sha=commit_sha or asked.head_sha,
    )
    if event is None:
        return world.store.put(made)
    return submit(world, repo, actor, asked, made, event=event, body=body)


def submit(
    world: World,
    repo: Repository,
    actor: Account,
    asked: Pull,
    pending: Review,
    *,
    event: str,
    body: str,
) -> Review:
    """Give a pending review its verdict: APPROVE, REQUEST_CHANGES or COMMENT."""
    if pending.state != "PENDING":
        raise Invalid("Unprocessable Entity", "The review was submitted already")
    author = conversation(world, asked).author_id
    if event in {"APPROVE", "REQUEST_CHANGES"} and author == actor.id:
        word = "approve" if event == "APPROVE" else "request changes on"
        raise Invalid("Unprocessable Entity", f"Can not {word} your own pull request")
    if event in {"REQUEST_CHANGES", "COMMENT"} and not body.strip():
        raise Invalid("Unprocessable Entity", "Review body can not be blank")
    state = VERDICTS.get(event)
    if state is None:
        raise Invalid(f"{event!r} is no review: one of {', '.join(VERDICTS)}")
    made = replace(pending, state=state, body=body, submitted_at=world.store.now())
    world.store.put(made)
    left = tuple(login for login in asked.reviewers if login != actor.login)
    world.store.put(replace(asked, reviewers=left))
    world.tell(Event("pull_request_review", "submitted", repo.id, actor.id, made.id))
    return made


def dismiss(world: World, repo: Repository, actor: Account, old: Review) -> Review:
    """Dismiss a review that approved or asked for changes."""
    if old.state not in {"APPROVED", "CHANGES_REQUESTED"}:
        raise Invalid("Can not dismiss a commented pull request review")
    made = world.store.put(replace(old, state="DISMISSED"))
    world.tell(Event("pull_request_review", "dismissed", repo.id, actor.id, made.id))
    return made


def standing(world: World, repo: Repository, number: int) -> dict[int, Review]:
    """Return each reviewer's last word that counts, of those who may write."""
    found: dict[int, Review] = {}
    for given in reviews(world, repo, number):
        if given.state in {"APPROVED", "CHANGES_REQUESTED", "DISMISSED"}:
            found[given.author_id] = given
    return {
        key: given
        for key, given in found.items()
        if given.state != "DISMISSED" and world.may(repo, world.account(key), "write")
    }
