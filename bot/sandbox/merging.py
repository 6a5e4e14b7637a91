"""Merge commits without a work tree: merge, squash, rebase."""

from functools import lru_cache

from bot.sandbox.git import Git, Person


class Conflicted(Exception):
    """The two sides cannot be merged; the message names the first path."""


def merged_tree(git: Git, ours: str, theirs: str) -> str:
    """Return the tree of a three-way merge; raises Conflicted."""
    # --allow-unrelated-histories: two sides with no common commit merge against nothing.
    args = ("merge-tree", "--write-tree", "--name-only", "--no-messages", "-z")
    done = git.run(*args, "--allow-unrelated-histories", ours, theirs, codes=(0, 1))
    tree, *paths = done.stdout.decode(errors="replace").rstrip("\0").split("\0")
    if done.returncode:
        raise Conflicted(paths[0] if paths else "")
    return tree


@lru_cache(maxsize=20_000)
def can_merge(git: Git, base: str, head: str) -> bool:
    """Say whether the head would merge into the base; both are ids, so the answer stays."""
    try:
        merged_tree(git, base, head)
    except Conflicted:
        return False
    return True


def rebase(git: Git, base: str, head: str, committer: Person) -> str:
    """Return the head's own commits, made anew on the base; raises Conflicted."""
    onto = base
    listed = git.text("rev-list", "--reverse", "--topo-order", "--no-merges", f"{base}..{head}")
    for sha in listed.split():
        commit = git.commit(sha)
        tree = picked_tree(git, onto, sha)
        onto = git.write_commit(tree, [onto], commit.message, commit.author, committer)
    return onto


def picked_tree(git: Git, onto: str, sha: str) -> str:
    """Return the tree of a cherry-pick; raises Conflicted.

    git's merge-tree takes no merge base before 2.40, so the two sides are given the picked
    commit's parent as their only common ancestor.
    """
    commit = git.commit(sha)
    return _tree_between(git, _parent_tree(git, sha), git.commit(onto).tree, commit.tree)


def reverted_tree(git: Git, onto: str, sha: str) -> str:
    """Return the tree that takes a commit's change back; raises Conflicted."""
    commit = git.commit(sha)
    return _tree_between(git, commit.tree, git.commit(onto).tree, _parent_tree(git, sha))


def _parent_tree(git: Git, sha: str) -> str:
    parents = git.commit(sha).parents
    return git.commit(parents[0]).tree if parents else git.write_tree(None, {})


def _tree_between(git: Git, base: str, ours: str, theirs: str) -> str:
    nobody = Person("sandbox", "sandbox@localhost", 0)
    ancestor = git.write_commit(base, [], "", nobody, nobody)
    one = git.write_commit(ours, [ancestor], "", nobody, nobody)
    other = git.write_commit(theirs, [ancestor], "", nobody, nobody)
    return merged_tree(git, one, other)
