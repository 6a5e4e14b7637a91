"""Emoji on comments, issues and pull requests, in GitHub's words."""

from bot.sandbox.events import Event
from bot.sandbox.records import Account, Reaction, Repository
from bot.sandbox.world import World


def reactions(world: World, repo: Repository, subject: str) -> list[Reaction]:
    """Return what was awarded to a subject (`comment/ID`, `issue/NUMBER`), oldest first."""
    return [r for r in world.store.all(Reaction, repo.id) if r.subject == subject]


def react(
    world: World, repo: Repository, actor: Account, subject: str, content: str
) -> tuple[Reaction, bool]:
    """Award an emoji; returns it, and whether it is new: nobody awards the same one twice."""
    for known in reactions(world, repo, subject):
        if (known.author_id, known.content) == (actor.id, content):
            return known, False
    made = world.store.put(
        Reaction(
            id=world.store.new_id(),
            repo_id=repo.id,
            subject=subject,
            author_id=actor.id,
            content=content,
            created_at=world.store.now(),
        )
    )
    world.tell(Event("reaction", "created", repo.id, actor.id, made.id))
    return made, True


def unreact(world: World, repo: Repository, actor: Account, gone: Reaction) -> None:
    """Take an emoji back."""
    world.tell(Event("reaction", "deleted", repo.id, actor.id, gone.id))
    world.store.drop(gone)
