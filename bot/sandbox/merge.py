"""Merge a pull request as its base allows: what blocks it, and the three ways to do it."""

from dataclasses import replace

from bot.sandbox.checks import verdicts
from bot.sandbox.errors import Conflict, Invalid, NotMergeable
from bot.sandbox.git import ZERO, GitError
from bot.sandbox.merging import Conflicted, can_merge, merged_tree, rebase
from bot.sandbox.protection import NO_PUSH, is_protected, may_push, rules
from bot.sandbox.pulls import conversation, finish_merge, standing
from bot.sandbox.pushing import announce
from bot.sandbox.records import Account, Protection, Pull, Repository
from bot.sandbox.world import World

_METHOD_WORDS = {
    "merge": "Merge commits are not allowed on this repository.",
    "squash": "Squash merges are not allowed on this repository.",
    "rebase": "Rebase merges are not allowed on this repository.",
}


def mergeable(world: World, base: Repository, pull: Pull) -> bool:
    """Say whether git could merge a pull request; protection is another question."""
    return can_merge(world.git(base), pull.base_sha, pull.head_sha)


def blocked_by(
    world: World, base: Repository, branch: str, sha: str, number: int | None
) -> str | None:
    """Return the sentence that says why a commit may not land on a branch, or None."""
    rule = world.protection(base, branch)
    if rule is None:
        return None
    if number is None and rule.approvals:
        return "Changes must be made through a pull request."
    return _checks_missing(world, base, rule, sha) or _reviews_missing(world, base, rule, number)


def may_land(world: World, repo: Repository, actor: Account, branch: str, sha: str) -> str | None:
    """Return why a direct push of a commit to a branch is refused, or None."""
    if rules(world, repo, branch) and not may_push(world, repo, actor, branch):
        return NO_PUSH
    rule = world.protection(repo, branch)
    if rule is None or (world.may(repo, actor, "admin") and not rule.enforce_admins):
        return None
    return blocked_by(world, repo, branch, sha, None)


def _checks_missing(world: World, base: Repository, rule: Protection, sha: str) -> str | None:
    found = verdicts(world, base, sha)
    wanting = [name for name in rule.checks or () if found.get(name) != "success"]
    if not wanting:
        return None
    if len(wanting) > 1:
        total = len(rule.checks or ())
        state = "failing" if all(found.get(n) == "failure" for n in wanting) else "expected"
        return f"{len(wanting)} of {total} required status checks are {state}."
    words = {"failure": "is failing", "pending": "is in progress"}
    state = words.get(found.get(wanting[0], ""), "is expected")
    return f'Required status check "{wanting[0]}" {state}.'


def _reviews_missing(
    world: World, base: Repository, rule: Protection, number: int | None
) -> str | None:
    if not rule.approvals or number is None:
        return None
    states = [review.state for review in standing(world, base, number).values()]
    if "CHANGES_REQUESTED" in states:
        return "Changes have been requested by reviewers with write access."
    if states.count("APPROVED") < rule.approvals:
        noun = "review is" if rule.approvals == 1 else "reviews are"
        return (
            f"At least {rule.approvals} approving {noun} required by reviewers with write access."
        )
    return None


def merge_state(world: World, base: Repository, pull: Pull) -> str:
    """Return GitHub's word for whether a pull request could be merged now."""
    if pull.draft:
        return "draft"
    if not mergeable(world, base, pull):
        return "dirty"
    if blocked_by(world, base, pull.base_ref, pull.head_sha, pull.number):
        return "blocked"
    rule = world.protection(base, pull.base_ref)
    if rule and rule.strict and not world.git(base).is_ancestor(pull.base_sha, pull.head_sha):
        return "behind"
    states = set(verdicts(world, base, pull.head_sha).values())
    return "unstable" if states & {"failure", "pending"} else "clean"


def merge_pull(
    world: World,
    base: Repository,
    pull: Pull,
    actor: Account,
    *,
    method: str = "merge",
    sha: str | None = None,
    title: str | None = None,
    message: str | None = None,
) -> str:
    """Merge and return the commit; NotMergeable or Conflict say why not.

    That the actor may write is the caller's to know: an App may by its installation.
    """
    _check_mergeable(world, base, pull, actor, method, sha)
    try:
        commit = _MERGE[method](world, base, pull, actor, title, message)
    except Conflicted as conflict:
        if method == "rebase":
            raise NotMergeable("This branch can't be rebased") from conflict
        raise NotMergeable("Pull Request is not mergeable") from conflict
    remove = world.repository(base.id).delete_branch_on_merge
    land(world, base, pull, actor, commit, method, remove_head=remove)
    return commit


def land(
    world: World,
    base: Repository,
    pull: Pull,
    actor: Account,
    commit: str,
    method: str,
    *,
    remove_head: bool,
) -> None:
    """Move the base to the commit that merges a pull request; NotMergeable where it moved."""
    # Written before the base moves: a kill in between is finished by the next start.
    intended = world.store.put(replace(pull, intent=(commit, actor.id, method), merge_how=method))
    world.store.commit()
    ref = f"refs/heads/{pull.base_ref}"
    try:
        world.git(base).update_ref(ref, commit, pull.base_sha)
    except GitError as error:
        world.store.put(pull)
        world.store.commit()
        raise NotMergeable("Base branch was modified. Review and try the merge again.") from error
    finish_merge(world, base, intended, actor, commit)
    announce(world, base, actor, [ref])
    if remove_head:
        _delete_head(world, base, pull, actor)


def _check_mergeable(
    world: World, base: Repository, pull: Pull, actor: Account, method: str, sha: str | None
) -> None:
    if method not in _METHOD_WORDS:
        raise Invalid(f"{method!r} is no merge method: one of {', '.join(_METHOD_WORDS)}")
    if conversation(world, pull).state != "open":
        raise NotMergeable("Pull Request is not mergeable")
    if pull.draft:
        raise NotMergeable("Pull Request is still a draft")
    if sha is not None and sha != pull.head_sha:
        raise Conflict("Head branch was modified. Review and try the merge again.")
    if method not in base.merge_methods:
        raise NotMergeable(_METHOD_WORDS[method])
    if not mergeable(world, base, pull):
        raise NotMergeable("Pull Request is not mergeable")
    rule = world.protection(base, pull.base_ref)
    if rule is not None:
        _check_rule(world, base, pull, actor, method, rule)


def _check_rule(
    world: World, base: Repository, pull: Pull, actor: Account, method: str, rule: Protection
) -> None:
    if rule.linear and method == "merge":
        raise NotMergeable(_METHOD_WORDS["merge"])
    if world.may(base, actor, "admin") and not rule.enforce_admins:
        return
    blocked = blocked_by(world, base, pull.base_ref, pull.head_sha, pull.number)
    if blocked is not None:
        raise NotMergeable(blocked)
    if rule.strict and not world.git(base).is_ancestor(pull.base_sha, pull.head_sha):
        raise NotMergeable("Head branch is not up to date with the base branch.")


def _merge(
    world: World,
    base: Repository,
    pull: Pull,
    actor: Account,
    title: str | None,
    message: str | None,
) -> str:
    git = world.git(base)
    owner = world.owner_login(pull.head_repo_id)
    subject = title or f"Merge pull request #{pull.number} from {owner}/{pull.head_ref}"
    body = conversation(world, pull).title if message is None else message
    return git.write_commit(
        merged_tree(git, pull.base_sha, pull.head_sha),
        [pull.base_sha, pull.head_sha],
        _text(subject, body),
        world.person(actor),
        world.person(world.forge()),
    )


def _squash(
    world: World,
    base: Repository,
    pull: Pull,
    actor: Account,
    title: str | None,
    message: str | None,
) -> str:
    # GitHub makes the pull request's author the author, whoever merged.
    del actor
    git, about = world.git(base), conversation(world, pull)
    commits = git.log(f"{pull.base_sha}..{pull.head_sha}")[::-1]
    alone = commits[0].message.partition("\n\n") if len(commits) == 1 else None
    subject = title or f"{alone[0] if alone else about.title} (#{pull.number})"
    listed = "\n\n".join(f"* {commit.message}" for commit in commits)
    default = alone[2] if alone else listed
    return git.write_commit(
        merged_tree(git, pull.base_sha, pull.head_sha),
        [pull.base_sha],
        _text(subject, default if message is None else message),
        world.person(world.account(about.author_id)),
        world.person(world.forge()),
    )


def _rebase(
    world: World,
    base: Repository,
    pull: Pull,
    actor: Account,
    title: str | None,
    message: str | None,
) -> str:
    # Each commit keeps its own message, so a title given is not used: GitHub's way too.
    del actor, title, message
    committer = world.person(world.forge())
    return rebase(world.git(base), pull.base_sha, pull.head_sha, committer)


_MERGE = {"merge": _merge, "squash": _squash, "rebase": _rebase}


def _text(subject: str, body: str) -> str:
    return f"{subject}\n\n{body}\n" if body else f"{subject}\n"


def _delete_head(world: World, base: Repository, pull: Pull, actor: Account) -> None:
    ref = f"refs/heads/{pull.head_ref}"
    current = world.repository(base.id)
    stays = pull.head_repo_id != base.id or pull.head_ref == current.default_branch
    if stays or ref not in current.refs or is_protected(world, base, pull.head_ref):
        return
    world.git(base).update_ref(ref, ZERO, current.refs[ref])
    announce(world, base, actor, [ref])


def merge_branches(
    world: World, repo: Repository, actor: Account, base: str, head: str, message: str | None
) -> str | None:
    """Merge a branch or commit into a branch; None where it is there already."""
    git = world.git(repo)
    old, new = world.head(repo, base), world.resolve(repo, head)
    if git.is_ancestor(new, old):
        return None
    try:
        tree = merged_tree(git, old, new)
    except Conflicted as conflict:
        raise Conflict("Merge conflict") from conflict
    text = message or f"Merge {head} into {base}"
    commit = git.write_commit(
        tree, [old, new], f"{text}\n", world.person(actor), world.person(world.forge())
    )
    refused = may_land(world, repo, actor, base, commit)
    if refused:
        raise Conflict(refused)
    git.update_ref(f"refs/heads/{base}", commit, old)
    announce(world, repo, actor, [f"refs/heads/{base}"])
    return commit
