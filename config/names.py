"""Names that git, a forge and a comment can all carry: branches, environments, roles, people.

Every function returns its argument or raises `ValueError` with a sentence for people.
"""

import re

from config.suggest import named

OWN_PREFIX = "lockstep/"
NAME = r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9_-])?"
MEMBER = r"(@[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*|[A-Za-z0-9][A-Za-z0-9._-]*(\[bot\])?)"
REPOSITORY = r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9._-]+)+"

# The rules of git-check-ref-format(1), as a search for what a name may not hold.
_REFUSED = (
    (re.compile(r"[\x00-\x20\x7f]"), "a space or a control character in it"),
    (re.compile(r"[~^:?*\[\\]"), "one of `~ ^ : ? * [ \\` in it"),
    (re.compile(r"\.\."), "`..` in it"),
    (re.compile(r"@\{"), "`@{` in it"),
    (re.compile(r"\A/|/\Z|//"), "a `/` at an end, or two together"),
    (re.compile(r"(\A|/)\."), "a part that begins with `.`"),
    (re.compile(r"\.\Z|\.lock(/|\Z)"), "a part that ends with `.` or `.lock`"),
    (re.compile(r"\A(@|HEAD)?\Z"), "a meaning of its own"),
    (re.compile(r"[\ud800-\udfff]"), "bytes that are not UTF-8 in it"),
)


def branch(name: str) -> str:
    """Return `name` where git takes it as a branch that people, not the bot, own."""
    if name.startswith("-"):
        raise ValueError(f"{named(name)} looks like an option; a branch cannot begin with `-`")
    for pattern, has in _REFUSED:
        if pattern.search(name):
            raise ValueError(
                f"{named(name)} cannot be a branch: git refuses it, since it has {has}"
            )
    if name.startswith("refs/"):
        raise ValueError(f"{named(name)} is a full ref; write the branch alone, such as `main`")
    if name.startswith(OWN_PREFIX) or name == OWN_PREFIX.rstrip("/"):
        raise ValueError(
            f"{named(name)} is kept for the bot's own branches, all of them below `{OWN_PREFIX}`; "
            "name another branch"
        )
    return name


def name(text: str) -> str:
    """Return `text` where it can name an environment or a role, in a branch and a command."""
    if not re.fullmatch(NAME, text) or ".." in text or text.endswith(".lock"):
        raise ValueError(
            f"{named(text)} cannot be a name here: it becomes part of branches and commands, so "
            "write letters, digits, `-`, `_` and `.`, beginning with a letter or a digit"
        )
    return text


def member(text: str) -> str:
    """Return `text` where it names a user, or with ``@`` a team such as ``@acme/qa``."""
    if not re.fullmatch(MEMBER, text):
        raise ValueError(
            f"{named(text)} is neither a user nor a team; write a user as `alice` "
            'and a team as "@acme/qa", in quotes'
        )
    return text


def repository(text: str) -> str:
    """Return `text` where it names a repository of the same forge, such as ``acme/policy``."""
    if not re.fullmatch(REPOSITORY, text) or ".." in text or text.endswith(".git"):
        raise ValueError(
            f"{named(text)} is not a repository; write its owner and name: `acme/policy`"
        )
    return text
