"""Approve a merge request, take that back, ask for changes."""

from bot.sandbox.events import Event
from bot.sandbox.gitlab_ask import Ask
from bot.sandbox.gitlab_merging import approvers, may_approve, objectors
from bot.sandbox.pulls import conversation
from bot.sandbox.records import Pull, Review


def _say(ask: Ask, asked: Pull, state: str) -> Review:
    now = ask.world.store.now()
    made = ask.world.store.put(
        Review(
            id=ask.world.store.new_id(),
            repo_id=ask.repo.id,
            number=asked.number,
            author_id=ask.who.id,
            state=state,
            body="",
            commit_sha=asked.head_sha,
            submitted_at=now,
        )
    )
    action = "dismissed" if state == "DISMISSED" else "submitted"
    ask.world.tell(Event("pull_request_review", action, ask.repo.id, ask.who.id, made.id))
    return made


def approve(ask: Ask, asked: Pull) -> bool:
    """Approve as whoever asks; returns whether that could be."""
    is_open = conversation(ask.world, asked).state == "open"
    mine = [r for r in approvers(ask.world, ask.repo, asked) if r.author_id == ask.who.id]
    if mine or not is_open or not may_approve(ask.world, ask.repo, asked, ask.who):
        return False
    _say(ask, asked, "APPROVED")
    return True


def unapprove(ask: Ask, asked: Pull) -> bool:
    """Take back one's approval; returns whether there was one."""
    mine = [r for r in approvers(ask.world, ask.repo, asked) if r.author_id == ask.who.id]
    if not mine:
        return False
    _say(ask, asked, "DISMISSED")
    return True


def request_changes(ask: Ask, asked: Pull) -> bool:
    """Ask for changes; returns whether that could be."""
    known = [r for r in objectors(ask.world, ask.repo, asked) if r.author_id == ask.who.id]
    if known or not ask.world.may(ask.repo, ask.who, "write"):
        return False
    _say(ask, asked, "CHANGES_REQUESTED")
    return True
