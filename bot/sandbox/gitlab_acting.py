"""What people do on a GitLab by hand, for the pages and the controls: note, approve, merge."""

from bot.sandbox.access import Actor
from bot.sandbox.errors import Denied, Invalid, NotMergeable
from bot.sandbox.gitlab_approving import approve, request_changes, unapprove
from bot.sandbox.gitlab_ask import Ask, Problem
from bot.sandbox.gitlab_merging import merge, merge_status
from bot.sandbox.gitlab_notes import write_note
from bot.sandbox.gitlab_shapes_mr import GitLabShapes
from bot.sandbox.protection import may_merge
from bot.sandbox.pulls import issue, pull
from bot.sandbox.records import Account, Pull, Repository
from bot.sandbox.world import World


def _as(world: World, repo: Repository, account: Account) -> Ask:
    return Ask(world, GitLabShapes(world, ""), Actor(account=account), "", {}, {}, repo)


def note_as(world: World, repo: Repository, account: Account, number: int, body: str) -> int:
    """Write a note, whose quick actions GitLab takes for itself; 0 where nothing of it is kept."""
    ask = _as(world, repo, account)
    try:
        kept, _ = write_note(ask, issue(world, repo, number), body)
    except Problem as problem:
        raise Invalid(
            "GitLab takes lines that begin with one of its own commands for itself, could do none"
            " of these here, and keeps no note of them; a bot is asked by another word"
        ) from problem
    return kept.id if kept else 0


def review_as(
    world: World, repo: Repository, account: Account, asked: Pull, event: str, body: str
) -> None:
    """Approve, take that back (`UNAPPROVE`), ask for changes, or only comment; raises Refusal."""
    ask = _as(world, repo, account)
    deeds = {"APPROVE": approve, "UNAPPROVE": unapprove, "REQUEST_CHANGES": request_changes}
    if event not in {*deeds, "COMMENT"}:
        raise Invalid(f"{event!r} is no review: one of {', '.join(deeds)}, COMMENT")
    if event in deeds and not deeds[event](ask, asked):
        raise Denied(
            f"{account.login} cannot {event.lower().replace('_', ' ')} this merge request:"
            " that takes Developer access, and nobody approves their own or the same twice"
        )
    if body.strip():
        note_as(world, repo, account, asked.number, body)


def merge_as(
    world: World, repo: Repository, account: Account, asked: Pull, *, squash: bool | None = None
) -> str:
    """Merge as the project merges and return the commit; raises Refusal, which says why not."""
    if not may_merge(world, repo, account, asked.base_ref):
        raise Denied(f"{account.login} may not merge into {asked.base_ref}")
    status = merge_status(world, repo, asked)
    if status != "mergeable":
        raise NotMergeable(f"the merge request is not mergeable: {status}")
    merge(world, repo, asked, account, {"squash": squash})
    return pull(world, repo, asked.number).merge_sha or ""
