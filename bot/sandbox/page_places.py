"""Where the pages are: each forge has its own addresses, and both lead somewhere here."""

from collections.abc import Mapping

from bot.sandbox.records import Issue
from bot.sandbox.ways import Ways

_GITHUB: Mapping[str, str] = {
    "repository": "",
    "pulls": "/pulls",
    "pull": "/pull/{number:[0-9]+}",
    "issues": "/issues",
    "issue": "/issues/{number:[0-9]+}",
    "commit": "/commit/{sha:[0-9a-f]{40}}",
    "branch": "/tree/{branch:.+}",
    "file": "/blob",
    "compare": "/compare/{basehead:.+}",
    "hooks": "/hooks",
}
_GITLAB: Mapping[str, str] = {
    "pulls": "/-/merge_requests",
    "pull": "/-/merge_requests/{iid:[0-9]+}",
    "issues": "/-/issues",
    "issue": "/-/issues/{iid:[0-9]+}",
    "commit": "/-/commit/{sha:[0-9a-f]{40}}",
    "branch": "/-/tree/{branch:.+}",
    "file": "/-/blob",
    "compare": "/-/compare/{basehead:.+}",
    "hooks": "/-/hooks",
    "pipeline": "/-/pipelines/{pipeline:[0-9]+}",
    # Last, as a group's name may have any number of parts.
    "repository": "",
}
ROUTES: tuple[tuple[str, str], ...] = (
    *((name, f"/{{owner}}/{{name}}{tail}") for name, tail in _GITHUB.items()),
    *((name, f"/{{path:.+}}{tail}") for name, tail in _GITLAB.items()),
)
"""Every page's name and address, in the order in which they are tried."""


def tail(ways: Ways, page: str, value: str = "") -> str:
    """Return the end of a page's address, below its repository's."""
    known = (_GITLAB if ways.forge == "gitlab" else _GITHUB)[page]
    return known.partition("{")[0] + value


def about_tail(ways: Ways, about: Issue) -> str:
    """Return the end of the address of a pull request or an issue."""
    number = about.iid if ways.forge == "gitlab" else about.number
    return tail(ways, "pull" if about.is_pull else "issue", str(number))


def spoken(ways: Ways, about: Issue) -> str:
    """Return how the forge names a pull request or an issue: `#12` or `!12`."""
    number = about.iid if ways.forge == "gitlab" else about.number
    return f"{ways.mark if about.is_pull else '#'}{number}"
