"""Whether GitLab would merge a merge request now, and how: merge, semi-linear, ff, squash."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from bot.sandbox.errors import NotMergeable
from bot.sandbox.events import Event
from bot.sandbox.gitlab_shapes import setting
from bot.sandbox.merge import land
from bot.sandbox.merging import Conflicted, can_merge, merged_tree, rebase
from bot.sandbox.pipelines import ACTIVE, pipeline_status, pipelines_of
from bot.sandbox.protection import may_merge
from bot.sandbox.pulls import conversation, edit_issue, reviews
from bot.sandbox.pushing import announce
from bot.sandbox.records import Account, Pull, Repository, Review
from bot.sandbox.records_gitlab import Pipeline
from bot.sandbox.world import World

WAITS = {"ci_must_pass", "ci_still_running", "not_approved", "requested_changes", "draft_status"}
"""What an auto-merge waits for."""
IN_GIT = {"conflict", "need_rebase"}
"""What stands in the way of the merge itself, and of no rule."""


def head_pipeline(world: World, repo: Repository, asked: Pull) -> Pipeline | None:
    """Return the newest pipeline of a merge request's head, or None."""
    found = pipelines_of(world, repo, asked.head_sha)
    return found[-1] if found else None


def approvers(world: World, repo: Repository, asked: Pull) -> list[Review]:
    """Return the approvals that stand, oldest first."""
    found = reviews(world, repo, asked.number)
    return [review for review in _newest(found) if review.state == "APPROVED"]


def objectors(world: World, repo: Repository, asked: Pull) -> list[Review]:
    """Return the requests for changes that stand, oldest first."""
    found = reviews(world, repo, asked.number)
    return [review for review in _newest(found) if review.state == "CHANGES_REQUESTED"]


def _newest(found: list[Review]) -> list[Review]:
    last: dict[int, Review] = {}
    for review in found:
        if review.state in {"APPROVED", "CHANGES_REQUESTED", "DISMISSED"}:
            last[review.author_id] = review
    return list(last.values())


def approvals_left(world: World, repo: Repository, asked: Pull) -> int:
    """Return how many approvals are still wanted."""
    wanted = int(setting(repo, "approvals_before_merge") or 0)
    rule = world.protection(repo, asked.base_ref)
    wanted = max(wanted, (rule.approvals or 0) if rule else 0)
    return max(0, wanted - len(approvers(world, repo, asked)))


def merge_status(world: World, repo: Repository, asked: Pull) -> str:
    """Return GitLab's `detailed_merge_status`: the first thing that stands in the way."""
    return next(_hindrances(world, repo, asked), "mergeable")


def _hindrances(world: World, repo: Repository, asked: Pull) -> Iterator[str]:
    git = world.git(repo)
    base = world.repository(repo.id).refs.get(f"refs/heads/{asked.base_ref}")
    if conversation(world, asked).state != "open":
        yield "not_open"
    if asked.draft:
        yield "draft_status"
    if base is None or git.is_ancestor(asked.head_sha, base):
        yield "commits_status"
        return
    if objectors(world, repo, asked):
        yield "requested_changes"
    if approvals_left(world, repo, asked):
        yield "not_approved"
    yield from _ci_status(world, repo, asked)
    if not can_merge(git, base, asked.head_sha):
        yield "conflict"
    linear = setting(repo, "merge_method") in {"ff", "rebase_merge"}
    if linear and not git.is_ancestor(base, asked.head_sha):
        yield "need_rebase"


def _ci_status(world: World, repo: Repository, asked: Pull) -> Iterator[str]:
    if not setting(repo, "only_allow_merge_if_pipeline_succeeds"):
        return
    pipeline = head_pipeline(world, repo, asked)
    status = pipeline_status(world, pipeline) if pipeline else ""
    skipped = status == "skipped" and setting(repo, "allow_merge_on_skipped_pipeline")
    if status in ACTIVE:
        yield "ci_still_running"
    elif status != "success" and not skipped:
        yield "ci_must_pass"


def conflicts(world: World, repo: Repository, asked: Pull) -> bool:
    """Say whether git could not merge it."""
    base = world.repository(repo.id).refs.get(f"refs/heads/{asked.base_ref}")
    return base is not None and not can_merge(world.git(repo), base, asked.head_sha)


def may_squash(repo: Repository) -> bool:
    """Say whether whoever merges may choose to squash."""
    return setting(repo, "squash_option") in {"default_on", "default_off"}


def may_approve(world: World, repo: Repository, asked: Pull, account: Account) -> bool:
    """Say whether somebody may approve: who may write, and not their own unless allowed."""
    own = conversation(world, asked).author_id == account.id
    own_too = bool(setting(repo, "merge_requests_author_approval"))
    return world.may(repo, account, "write") and (own_too or not own)


def squashes(repo: Repository, asked: Pull, *, wanted: bool | None = None) -> bool:
    """Say whether a merge squashes, as the project's option has it."""
    option = setting(repo, "squash_option")
    if option in {"always", "never"}:
        return bool(option == "always")
    return asked.squash if wanted is None else wanted


def merge(
    world: World, repo: Repository, asked: Pull, actor: Account, wanted: Mapping[str, Any]
) -> Pull:
    """Merge as the project merges; raises NotMergeable.

    `wanted` may hold `squash`, `message`, `squash_message` and `remove_head`.
    """
    git, how = world.git(repo), str(setting(repo, "merge_method"))
    tip, squash_sha = asked.head_sha, None
    squash = squashes(repo, asked, wanted=wanted.get("squash"))
    single = git.count(f"{asked.base_sha}..{tip}") <= 1
    try:
        if squash and not single:
            tip = squash_sha = _squashed(world, repo, asked, actor, wanted.get("squash_message"))
        commit = tip if how == "ff" else _merged(world, repo, asked, actor, tip, wanted)
    except Conflicted as conflict:
        raise NotMergeable("Branch cannot be merged") from conflict
    ready = world.store.put(replace(asked, squash_sha=squash_sha, squash=squash, auto_merge=None))
    remove = wanted.get("remove_head")
    remove = asked.remove_head if remove is None else bool(remove)
    land(world, repo, ready, actor, commit, how, remove_head=remove)
    return ready


def _squashed(
    world: World, repo: Repository, asked: Pull, actor: Account, message: str | None
) -> str:
    git, about = world.git(repo), conversation(world, asked)
    start = git.merge_base(asked.base_sha, asked.head_sha)
    template = setting(repo, "squash_commit_template") or "%{title}"
    text = message or _filled(world, repo, asked, template)
    return git.write_commit(
        git.commit(asked.head_sha).tree,
        [start] if start else [],
        f"{text.rstrip()}\n",
        world.person(world.account(about.author_id)),
        world.person(actor),
    )


def _merged(
    world: World,
    repo: Repository,
    asked: Pull,
    actor: Account,
    tip: str,
    wanted: Mapping[str, Any],
) -> str:
    git = world.git(repo)
    template = setting(repo, "merge_commit_template") or _MERGE_TEMPLATE
    text = wanted.get("message") or _filled(world, repo, asked, template)
    me = world.person(actor)
    tree = merged_tree(git, asked.base_sha, tip)
    return git.write_commit(tree, [asked.base_sha, tip], f"{text.rstrip()}\n", me, me)


_MERGE_TEMPLATE = (
    "Merge branch '%{source_branch}' into '%{target_branch}'\n\n%{title}\n\n"
    "See merge request %{reference}"
)


def _filled(world: World, repo: Repository, asked: Pull, template: str) -> str:
    about = conversation(world, asked)
    values = {
        "source_branch": asked.head_ref,
        "target_branch": asked.base_ref,
        "title": about.title,
        "description": about.body or "",
        "reference": f"{world.full_name(repo)}!{about.iid}",
        "issues": "",
    }
    for name, value in values.items():
        template = template.replace(f"%{{{name}}}", value)
    return template


def rebase_head(world: World, repo: Repository, asked: Pull, actor: Account) -> Pull:
    """Rebase a merge request's branch onto its target; what hinders is kept as `merge_error`."""
    git, head_repo = world.git(repo), world.repository(asked.head_repo_id)
    try:
        made = rebase(git, asked.base_sha, asked.head_sha, world.person(actor))
    except Conflicted:
        said = "Rebase failed: Rebase locally, resolve all conflicts, then push the branch."
        return world.store.put(replace(asked, merge_error=said))
    if head_repo.id != repo.id:
        return world.store.put(
            replace(asked, merge_error="Rebase failed: the sandbox rebases no branch of a fork.")
        )
    ref = f"refs/heads/{asked.head_ref}"
    git.update_ref(ref, made, asked.head_sha)
    announce(world, repo, actor, [ref])
    return asked


def retry_auto_merge(world: World, repo: Repository, asked: Pull) -> None:
    """Merge what was set to be merged, once everything allows it."""
    if asked.auto_merge is None or merge_status(world, repo, asked) != "mergeable":
        return
    pipeline = head_pipeline(world, repo, asked)
    if pipeline is not None and pipeline_status(world, pipeline) not in {"success", "skipped"}:
        return
    actor = world.account(int(asked.auto_merge["user_id"]))
    if may_merge(world, repo, actor, asked.base_ref):
        merge(world, repo, asked, actor, asked.auto_merge)


def merge_what_waited(world: World, event: Event) -> None:
    """Listen for what may let an auto-merge through: a pipeline's state, a review."""
    if event.kind not in {"pipeline", "pull_request_review"}:
        return
    repo = world.repository(event.repo_id)
    for asked in world.store.all(Pull, repo.id):
        if asked.auto_merge is not None and conversation(world, asked).state == "open":
            retry_auto_merge(world, repo, asked)


def set_draft(world: World, repo: Repository, actor: Account, asked: Pull, title: str) -> None:
    """Give a merge request another title, whose `Draft:` says whether it is one."""
    world.store.put(replace(asked, draft=is_draft(title)))
    edit_issue(world, repo, actor, conversation(world, asked), title=title)


def is_draft(title: str) -> bool:
    """Say whether a title marks a draft."""
    return title.lower().lstrip().startswith(("draft:", "[draft]", "(draft)"))
