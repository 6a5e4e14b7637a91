"""Which repositories of plain git servers are served, and who we are on them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.forges.forge import NotFound

_FULL_NAME = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)+")


def is_full_name(text: str) -> bool:
    """Whether this is OWNER/NAME, and no pattern; it may be part of a path."""
    return bool(_FULL_NAME.fullmatch(text)) and not {".", ".."} & set(text.split("/"))


@dataclass(frozen=True, slots=True)
class Served:
    """Which repositories are served: by name, and below `base`, where it is set."""

    by_name: Mapping[str, str]
    base: str | None = None
    listed: tuple[str, ...] = ()

    def url(self, full_name: str) -> str:
        """Return where a repository is. Raises `NotFound`."""
        known = {name.casefold(): url for name, url in self.by_name.items()}
        if full_name.casefold() in known:
            return known[full_name.casefold()]
        if self.base is None or not is_full_name(full_name):
            raise NotFound(f"{full_name} is none of the repositories that are served here")
        return f"{self.base}/{full_name}.git"

    @property
    def names(self) -> tuple[str, ...]:
        """The repositories that are known by name."""
        return tuple(dict.fromkeys((*self.by_name, *(self.listed if self.base else ()))))


@dataclass(frozen=True, slots=True)
class Account:
    """Who we are on the servers: `secret` is the hook's, `domains` those of people's addresses.

    In these domains the part before the `@` is a login.
    """

    login: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    domains: tuple[str, ...] = ()
